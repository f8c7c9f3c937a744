"""Back ends: they compile printed functions. Only this package and `srcgrad.runtime` import Numba."""

from srcgrad.backend.callable import callable_from_njit
from srcgrad.backend.compile import Compiled, Options, Target, compile_text
from srcgrad.backend.device import (
    adopt,
    any_on_device,
    download,
    duplicate,
    extent,
    is_on_device,
    moved,
    numba_cuda,
    upload,
)
from srcgrad.backend.loops import checkpointed_in_njit
from srcgrad.backend.memory import clear_memory, keep_freed_memory
from srcgrad.backend.stamp import stamp

checkpointed_in_njit()

__all__ = [
    "Compiled", "Options", "Target", "adopt", "any_on_device", "callable_from_njit", "clear_memory", "compile_text",
    "download", "duplicate", "extent", "is_on_device", "keep_freed_memory", "moved", "numba_cuda", "stamp", "upload",
]  # fmt: skip
