"""How much memory there is."""

from __future__ import annotations

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
