"""What generated code calls at run time. Everything here is plain Python that Numba also compiles."""

from srcgrad.runtime import linalg, special
from srcgrad.runtime.special import polygamma
from srcgrad.runtime.tape import reserve

__all__ = ["linalg", "polygamma", "reserve", "special"]
