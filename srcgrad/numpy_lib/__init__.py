"""NumPy functions written as plain Python loops: they are inlined and differentiated like the user's own code."""

from srcgrad.numpy_lib import (
    averages,
    comparing,
    cumulative,
    joining,
    least_squares,
    matrices,
    missing,
    norms,
    polynomials,
    products,
    reductions,
    searching,
    shapes,
    sorting,
    ufuncs,
)
from srcgrad.numpy_lib.registry import LIBRARY

__all__ = [
    "LIBRARY", "averages", "comparing", "cumulative", "joining", "least_squares", "matrices", "missing", "norms",
    "polynomials", "products", "reductions", "searching", "shapes", "sorting", "ufuncs",
]  # fmt: skip
