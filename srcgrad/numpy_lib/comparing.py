"""Comparisons of arrays, and replacing what is not finite."""

import numpy as np

from srcgrad.numpy_lib.axes import common_shape, spread
from srcgrad.numpy_lib.registry import defines


def has_no_negative(a):
    out = True
    for i in np.ndindex(a.shape):
        out = out & (a[i] >= 0)
    return out


def close(x, y, rtol, atol, equal_nan):
    near = (abs(x - y) <= atol + rtol * abs(y)) & np.isfinite(y) | (x == y)
    return near | (np.isnan(x) & np.isnan(y)) if equal_nan else near


@defines(np.isclose, arrays="a b")
def isclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    if a.ndim == 0 and b.ndim == 0:
        return close(a[()], b[()], rtol, atol, equal_nan)
    out = np.empty(common_shape(a, b), np.bool_)
    for i in np.ndindex(out.shape):
        out[i] = close(spread(a, i), spread(b, i), rtol, atol, equal_nan)
    return out


@defines(np.allclose, arrays="a b")
def allclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    out = True
    for i in np.ndindex(common_shape(a, b)):
        out = out & close(spread(a, i), spread(b, i), rtol, atol, equal_nan)
    return out


@defines(np.array_equal, arrays="a1 a2", once="a1 a2")
def array_equal(a1, a2):
    if a1.shape != a2.shape:
        return False
    out = True
    for i in np.ndindex(a1.shape):
        out = out & (a1[i] == a2[i])
    return out


def finite(x, t, nan, posinf, neginf):
    if np.isnan(x):
        return t(nan)
    if np.isinf(x):
        most = 3.4028234663852886e38 if t == np.float32 else 1.7976931348623157e308
        return t(most if posinf is None else posinf) if x > 0 else t(-most if neginf is None else neginf)
    return x


@defines(np.nan_to_num, once="x")
def nan_to_num(x, *, nan=0.0, posinf=None, neginf=None):
    t, floats = x.dtype.type, x.dtype.kind == "f"
    if x.ndim == 0:
        return finite(x[()], t, nan, posinf, neginf) if floats else x[()]
    out = np.empty(x.shape, t)
    for i in np.ndindex(x.shape):
        out[i] = finite(x[i], t, nan, posinf, neginf) if floats else x[i]
    return out
