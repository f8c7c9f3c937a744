"""Norms of vectors and matrices."""

import numpy as np

from srcgrad.numpy_lib.axes import listed_axes, normal_axes
from srcgrad.numpy_lib.folding import added_up, float_type, one_if_nonzero
from srcgrad.numpy_lib.reductions import max, min
from srcgrad.numpy_lib.registry import defines


def magnitude(a, i, t):
    return abs(t(a[i]))


def square(a, i, t):
    x = t(a[i])
    return x * x


def power(a, i, t, p):
    return abs(t(a[i])) ** t(p)


def raised(x, p):
    """A number, or each element of an array, to a power."""
    if np.ndim(x) == 0:
        return x**p
    out = np.empty(x.shape, x.dtype)
    for i in np.ndindex(x.shape):
        out[i] = x[i] ** p
    return out


def magnitudes(a, t):
    out = np.empty(a.shape, t)
    for i in np.ndindex(a.shape):
        out[i] = magnitude(a, i, t)
    return out


def vector_norm(x, p, axes, keepdims, t):
    if p == 2:
        return added_up(square, x, axes, keepdims, t, root=True)
    if p == 1:
        return added_up(magnitude, x, axes, keepdims, t)
    if p == 0:
        return added_up(one_if_nonzero, x, axes, keepdims, t)
    if p == np.inf:
        return max(magnitudes(x, t), axes, keepdims=keepdims)
    if p == -np.inf:
        return min(magnitudes(x, t), axes, keepdims=keepdims)
    return raised(added_up(power, x, axes, keepdims, t, p), t(1) / t(p))


def matrix_norm(x, p, axes, keepdims, t):
    if p in ("fro", "f"):
        return added_up(square, x, axes, keepdims, t, root=True)
    row, column = axes
    if p == 1:
        return max(added_up(magnitude, x, (row,), True, t), axes, keepdims=keepdims)
    if p == -1:
        return min(added_up(magnitude, x, (row,), True, t), axes, keepdims=keepdims)
    if p == np.inf:
        return max(added_up(magnitude, x, (column,), True, t), axes, keepdims=keepdims)
    if p == -np.inf:
        return min(added_up(magnitude, x, (column,), True, t), axes, keepdims=keepdims)
    raise ValueError("Invalid norm order for matrices.")


@defines(np.linalg.norm, once="x")
def norm(x, ord=None, axis=None, keepdims=False):
    t = float_type(x)
    if ord is None:
        return added_up(square, x, normal_axes(axis, x.ndim), keepdims, t, root=True)
    axes = listed_axes(axis, x.ndim)
    if len(axes) == 1:
        return vector_norm(x, ord, axes, keepdims, t)
    if len(axes) == 2:
        return matrix_norm(x, ord, axes, keepdims, t)
    raise ValueError("Improper number of dimensions to norm.")
