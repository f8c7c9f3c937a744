"""NumPy functions written as plain Python loops: they are inlined and differentiated like the user's own code."""

from srcgrad.numpy_lib import products, reductions
from srcgrad.numpy_lib.registry import LIBRARY

__all__ = ["LIBRARY", "products", "reductions"]
