"""What else than its text compiled code depends on: versions, Numba's configuration, the processor."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import os
import platform
import sys
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm
import numba
import numpy as np
from numba.core import config

from srcgrad.backend.vector_math import VARIANTS

FORMAT = 2  # of the files in the cache
_NO_MATTER = ("CACHE", "NUM_THREADS", "NUMBA_", "THREADING_LAYER", "COLOR")  # parts of names of options

_OWN_NO_MATTER = ("CACHE", "VERIFY")


def stamp() -> str:
    """A text that differs wherever the same function may have to be compiled to something else."""
    options = {
        k: v for k, v in vars(config).items()
        if k.isupper() and isinstance(v, bool | int | float | str | None) and not any(part in k for part in _NO_MATTER)
    }  # fmt: skip
    own = {k: v for k, v in os.environ.items() if k.startswith("SRCGRAD_") and not any(p in k for p in _OWN_NO_MATTER)}
    return f"{_environment()} {sorted(options.items())} {sorted(own.items())}"


@functools.cache
def _environment() -> str:
    parts = (
        FORMAT, _own_files(), numba.__version__, llvmlite.__version__, np.__version__, _scipy_version(), sys.version,
        sys.platform, platform.machine(), platform.libc_ver(), llvm.get_host_cpu_name(),
        llvm.get_host_cpu_features().flatten(), sorted(map(repr, VARIANTS.items())),
    )  # fmt: skip
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _scipy_version() -> str:
    """SciPy's version; Numba imports it where it is installed, so that it need not be looked for."""
    loaded = sys.modules.get("scipy")
    if loaded is not None:
        return str(loaded.__version__)
    try:
        return importlib.metadata.version("scipy")
    except importlib.metadata.PackageNotFoundError:
        return "none"


def _own_files() -> str:
    """The state of srcgrad: its version does not change while it is worked on, its files do."""
    root = Path(__file__).parents[1]
    files = []
    for folder, _, names in os.walk(root):
        for name in names:
            if name.endswith(".py"):
                status = os.stat(os.path.join(folder, name))  # noqa: PTH116, PTH118 - a hundred files, at each start
                files.append((os.path.relpath(folder, root), name, status.st_size, status.st_mtime_ns))
    return hashlib.sha256(repr(sorted(files)).encode()).hexdigest()
