"""The cache on disk: texts and compiled code of earlier processes. It knows nothing of what it keeps.

A file is only ever read if it and its folder belong to this user and nobody else can write to them, because what is
in it is run. It is written under another name and then renamed, so that a reader sees a whole file or none; one that
is damaged nevertheless, which its checksum tells, counts as missing and is written again.
"""

from srcgrad.cache.fingerprint import Fingerprint, UncacheableError, fingerprint
from srcgrad.cache.store import Summary, clear, folder, read, summary, write

__all__ = ["Fingerprint", "Summary", "UncacheableError", "clear", "fingerprint", "folder", "read", "summary", "write"]
