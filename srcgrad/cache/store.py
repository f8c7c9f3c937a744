"""The files of the cache."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CAP = 1 << 30  # bytes in the folder, beyond which the files that were not used for longest go
SUFFIXES = (".plan", ".code")
_CHECKSUM = 32  # bytes of SHA-256 before the content
_warned: set[str] = set()


@dataclass(frozen=True)
class Summary:
    """What is in the folder."""

    folder: Path
    files: int
    size: int


def folder() -> Path | None:
    """Where the cache is, or None where there is none: SRCGRAD_CACHE_DIR, else the platform's folder for caches.

    SRCGRAD_CACHE=0 switches the cache off.
    """
    if os.environ.get("SRCGRAD_CACHE") == "0":
        return None
    given = os.environ.get("SRCGRAD_CACHE_DIR")
    if given:
        return Path(given).expanduser()
    from platformdirs import user_cache_path  # noqa: PLC0415 - it takes a while, and only the default needs it

    return user_cache_path("srcgrad", appauthor=False)


def read(name: str) -> bytes | None:
    """The content of a file of the cache, or None where it is missing, damaged or not to be trusted."""
    root = folder()
    if root is None or not _is_trusted(root):
        return None
    try:
        handle = os.open(root / name, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        try:
            if not _is_own(os.fstat(handle)):
                return None
            data = file.read()
        except OSError:
            return None
        with contextlib.suppress(OSError):
            os.utime(handle if os.utime in os.supports_fd else root / name)  # the time of the last use
    checksum, content = data[:_CHECKSUM], data[_CHECKSUM:]
    return content if hashlib.sha256(content).digest() == checksum else None


def write(name: str, content: bytes) -> None:
    """Put a file into the cache; where that cannot be done, it is left out."""
    root = folder()
    if root is None:
        return
    with contextlib.suppress(OSError):
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not _is_trusted(root):
            return
        handle, partial = tempfile.mkstemp(dir=root, suffix=".partial")  # readable and writable for this user only
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(content).digest() + content)
            Path(partial).replace(root / name)
        except OSError:
            Path(partial).unlink(missing_ok=True)
            raise
        _shrink(root, CAP)


def clear() -> int:
    """Delete the files of the cache, and say how many there were."""
    root = folder()
    found = [path for path, _ in _files(root)] if root is not None else []
    for path in found:
        with contextlib.suppress(OSError):
            path.unlink()
    return len(found)


def summary() -> Summary | None:
    """What is in the cache; None where it is switched off."""
    root = folder()
    if root is None:
        return None
    sizes = [status.st_size for _, status in _files(root)]
    return Summary(root, len(sizes), sum(sizes))


def _files(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The cache's own files: others that someone keeps in the folder are let be."""
    try:
        with os.scandir(root) as entries:
            found = [e for e in entries if e.name.endswith((*SUFFIXES, ".partial"))]
    except OSError:
        return
    for entry in found:
        with contextlib.suppress(OSError):  # another process was quicker
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                yield Path(entry.path), status


def _shrink(root: Path, cap: int) -> None:
    files = sorted(_files(root), key=lambda f: f[1].st_mtime)
    total = sum(status.st_size for _, status in files)
    for path, status in files:
        if total <= cap:
            return
        path.unlink(missing_ok=True)
        total -= status.st_size


def _is_trusted(root: Path) -> bool:
    """Whether nobody else can put files into the folder."""
    try:
        status = root.stat()
    except OSError:
        return False
    if _is_own(status):
        return True
    if str(root) not in _warned:
        _warned.add(str(root))
        message = (
            f"srcgrad does not use its cache {root}: others can write to it (chmod go-w, or set SRCGRAD_CACHE_DIR)"
        )
        warnings.warn(message, RuntimeWarning, stacklevel=2)
    return False


def _is_own(status: os.stat_result) -> bool:
    if not hasattr(os, "geteuid"):  # Windows: folders of a user's profile are the user's
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
