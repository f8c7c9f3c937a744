"""Back ends: they compile printed functions. Only this package and `srcgrad.runtime` import Numba."""

from srcgrad.backend.callable import callable_from_njit
from srcgrad.backend.compile import Options, Target, compile_text
from srcgrad.backend.loops import checkpointed_in_njit

checkpointed_in_njit()

__all__ = ["Options", "Target", "callable_from_njit", "compile_text"]
