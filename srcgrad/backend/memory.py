"""How much memory there is, and what of it is kept between calls for tapes and adjoints.

The system hands out new memory page by page, as it is first touched, which takes longer than most of what a gradient
then does with it: half the time of a 2-D stencil. So what a gradient frees stays with the process, up to a cap, and the
next call finds it. That is a setting of the C library's allocator, for the whole process.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from pathlib import Path

LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of a container
UNKNOWN = 4 * sys.maxsize


@functools.cache
def quarter_of_memory() -> int:
    """A quarter of the bytes of memory that this process may have; without a limit where the system does not tell."""
    return min(_physical(), *(_limit(path) for path in LIMITS)) // 4


def _physical() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows
        return UNKNOWN


def _limit(path: str) -> int:
    try:
        return int(Path(path).read_text(encoding="ascii"))
    except (OSError, ValueError):  # no such file, or "max"
        return UNKNOWN


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
_CAP = 1 << 30


def kept_bytes() -> int:
    """How much freed memory to keep: `SRCGRAD_KEPT_BYTES`, by default 1 GiB or a quarter of memory, if that is less."""
    try:
        return int(os.environ["SRCGRAD_KEPT_BYTES"])
    except (KeyError, ValueError):
        return min(_CAP, quarter_of_memory())


@functools.cache
def keep_freed_memory() -> None:
    """Let memory that is freed stay with the process for the next call, up to a cap. Nothing happens without glibc."""
    cap = kept_bytes()
    library = _glibc()
    if library is not None and cap > 0:
        library.mallopt(_MMAP_THRESHOLD, min(cap, 2**31 - 1))
        library.mallopt(_TRIM_THRESHOLD, min(cap, 2**31 - 1))


def clear_memory() -> None:
    """Give memory that is kept for the next gradient back to the system.

    Gradients keep what they freed, at most `SRCGRAD_KEPT_BYTES` (an environment variable, read when the first gradient
    is made; by default 1 GiB, or a quarter of memory if that is less; 0 keeps nothing), where the C library is glibc.
    """
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


@functools.cache
def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
