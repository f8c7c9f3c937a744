"""Special functions that NumPy and math lack: our own, and those of SciPy where it is installed."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import math

import numpy as np
from numba.extending import get_cython_function_address, register_jitable

# B_2k of the asymptotic series, k = 1, 2, ...
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)


@register_jitable
def polygamma(n, x):
    """The n-th derivative of the digamma function at `x`; nan at its poles.

    Recurrence up to where the asymptotic series holds (Abramowitz & Stegun 6.4.6 and 6.4.11); to about 1e-13 relative
    for x > 0.
    """
    if x <= 0.0 and x == math.floor(x):
        return np.nan
    factorial = 1.0
    for k in range(2, n + 1):
        factorial *= k
    sign = -1.0 if n % 2 == 0 else 1.0
    total = 0.0
    y = float(x)
    while y < 15.0 + n:
        total += sign * factorial / y ** (n + 1)
        y += 1.0
    series = math.log(y) - 0.5 / y
    if n > 0:
        series = sign * (factorial / n / y**n + factorial / (2.0 * y ** (n + 1)))
    # B_2k (2k + n - 1)! / ((2k)! y^(2k + n))
    ratio = 1.0
    for k in range(2, n):
        ratio *= k
    for k in range(1, 9):
        for j in range(2 * k + n - 2, 2 * k + n):
            ratio *= j if j > 0 else 1.0
        ratio /= (2.0 * k - 1.0) * (2.0 * k)
        series += sign * _BERNOULLI[k - 1] * ratio / y ** (2 * k + n)
    return total + series


@register_jitable
def expit(x):
    """The logistic function."""
    e = math.exp(-abs(x))
    return 1.0 / (1.0 + e) if x >= 0.0 else e / (1.0 + e)


@register_jitable
def log_expit(x):
    """The logarithm of the logistic function."""
    return -math.log1p(math.exp(-x)) if x >= 0.0 else x - math.log1p(math.exp(x))


@register_jitable
def xlogy(x, y):
    """`x * log(y)`, and 0 where x is 0."""
    return 0.0 if x == 0.0 and not math.isnan(y) else x * np.log(y)


@register_jitable
def xlog1py(x, y):
    """`x * log(1 + y)`, and 0 where x is 0."""
    return 0.0 if x == 0.0 and not math.isnan(y) else x * np.log1p(y)


def _of_scipy(name):
    """A function of one float of `scipy.special.cython_special`, which compiled code can call by its address."""

    def missing(x):
        raise ImportError("SciPy is needed for this function: pip install scipy")

    if importlib.util.find_spec("scipy") is None:
        return missing
    special = importlib.import_module("scipy.special.cython_special")
    # a function of several types has one entry for each; the name of a capsule is the signature
    entries = [k for k in (name, f"__pyx_fuse_0{name}", f"__pyx_fuse_1{name}") if k in special.__pyx_capi__]
    found = next(k for k in entries if '"double (double,' in repr(special.__pyx_capi__[k]))
    address = get_cython_function_address("scipy.special.cython_special", found)
    return ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(address)


def __getattr__(name):
    """SciPy's functions, looked up when they are first used: importing them takes a while."""
    if name in ("log_ndtr", "erfinv", "ndtri", "erfcx", "j0", "j1", "i0", "i1"):
        globals()[name] = _of_scipy(name)
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
