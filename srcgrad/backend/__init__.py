"""Back ends: they compile printed functions. Only this package and `srcgrad.runtime` import Numba."""

from srcgrad.backend.callable import callable_from_njit
from srcgrad.backend.compile import Compiled, Options, Target, compile_text
from srcgrad.backend.loops import checkpointed_in_njit
from srcgrad.backend.memory import clear_memory, keep_freed_memory
from srcgrad.backend.stamp import stamp

checkpointed_in_njit()

__all__ = [
    "Compiled", "Options", "Target", "callable_from_njit", "clear_memory", "compile_text", "keep_freed_memory", "stamp",
]  # fmt: skip
