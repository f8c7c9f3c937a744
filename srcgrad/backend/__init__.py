"""Back ends: they compile printed functions. Only this package and `srcgrad.runtime` import Numba."""

from srcgrad.backend.callable import callable_from_njit
from srcgrad.backend.compile import Compiled, Options, Target, compile_text
from srcgrad.backend.stamp import stamp

__all__ = ["Compiled", "Options", "Target", "callable_from_njit", "compile_text", "stamp"]
