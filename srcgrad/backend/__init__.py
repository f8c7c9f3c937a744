"""Back ends: they compile printed functions. Only this package and `srcgrad.runtime` import Numba."""

from srcgrad.backend.compile import Options, Target, compile_text

__all__ = ["Options", "Target", "compile_text"]
