"""Running sums and products, differences, and integrals and derivatives of sampled functions."""

import numpy as np

from srcgrad.numpy_lib.axes import at, dims, flat, listed_axes, normal_axis, others, replaced, woven
from srcgrad.numpy_lib.folding import float_type, reduced, total_type
from srcgrad.numpy_lib.registry import defines


def running_sums(a, axis, t):
    out = np.empty(a.shape, t)
    for i in np.ndindex(others(a.shape, (axis,))):
        total = t(0)
        for k in range(a.shape[axis]):
            total += t(a[woven(i, (k,), (axis,))])
            out[woven(i, (k,), (axis,))] = total
    return out


@defines(np.cumsum, once="a")
def cumsum(a, axis=None, dtype=None):
    t = total_type(a) if dtype is None else dtype
    if axis is None and a.ndim != 1:
        return running_sums(flat(a), 0, t)
    return running_sums(a, normal_axis(axis or 0, a.ndim), t)


def running_products(a, axis, t):
    out = np.empty(a.shape, t)
    for i in np.ndindex(others(a.shape, (axis,))):
        total = t(1)
        for k in range(a.shape[axis]):
            total *= t(a[woven(i, (k,), (axis,))])
            out[woven(i, (k,), (axis,))] = total
    return out


@defines(np.cumprod, once="a")
def cumprod(a, axis=None, dtype=None):
    t = total_type(a) if dtype is None else dtype
    if axis is None and a.ndim != 1:
        return running_products(flat(a), 0, t)
    return running_products(a, normal_axis(axis or 0, a.ndim), t)


def difference(a, axis):
    n = np.maximum(a.shape[axis] - 1, 0)
    out = np.empty(replaced(a.shape, axis, n), a.dtype)
    for i in np.ndindex(out.shape):
        after = a[replaced(i, axis, i[axis] + 1)]
        out[i] = after != a[i] if a.dtype.kind == "b" else after - a[i]
    return out


@defines(np.diff)
def diff(a, n=1, axis=-1):
    if n < 0:
        raise ValueError("order must be non-negative")
    axis = normal_axis(axis, a.ndim)
    for _ in (0, 1, 2, 3, 4, 5, 6, 7)[:n]:
        a = difference(a, axis)
    return a


@defines(np.ediff1d)
def ediff1d(ary):
    return difference(flat(ary), 0)


# -- derivatives and integrals of samples --------------------------------------------------------------------------


def slopes(f, spacing, axis, t):
    """The derivative along an axis: central differences inside, one-sided ones at the ends."""
    n = f.shape[axis]
    if n < 2:
        raise ValueError("Shape of array too small to calculate a numerical gradient")
    if np.ndim(spacing) == 1 and np.shape(spacing)[:1] != (n,):
        raise ValueError("when 1d, distances must match the length of the corresponding dimension")
    out = np.empty(f.shape, t)
    for i in np.ndindex(others(f.shape, (axis,))):
        for k in range(n):
            left, here, right = np.maximum(k - 1, 0), k, np.minimum(k + 1, n - 1)
            before, after = t(f[woven(i, (left,), (axis,))]), t(f[woven(i, (right,), (axis,))])
            if np.ndim(spacing) == 0:
                slope = (after - before) / (t(right - left) * t(spacing))
            elif here in (left, right):
                slope = (after - before) / t(spacing[right] - spacing[left])
            else:
                h, s = t(spacing[here] - spacing[left]), t(spacing[right] - spacing[here])
                mid = t(f[woven(i, (here,), (axis,))])
                slope = (h * h * (after - mid) + s * s * (mid - before)) / (h * s * (h + s))
            out[woven(i, (here,), (axis,))] = slope
    return out


@defines(np.gradient)
def gradient(f, *varargs, axis=None):
    """An array, or a tuple with one for each of several axes."""
    t = float_type(f)
    axes = listed_axes(axis, f.ndim)
    spacings = varargs if len(varargs) == len(axes) else (varargs or (1,)) * len(axes)
    if len(spacings) != len(axes):
        raise ValueError("invalid number of arguments")
    out = ()
    for k in dims(len(axes)):
        out += (slopes(f, spacings[k], axes[k], t),)
    return out[0] if len(out) == 1 else out


def trapezoids_at(y, i, axes, t, x, dx):
    total = t(0)
    for k in range(1, y.shape[axes[0]]):
        here, before = woven(i, (k,), axes), woven(i, (k - 1,), axes)
        if x is None:
            width = t(dx)
        elif np.ndim(x) == 1:
            width = t(x[k] - x[k - 1])
        else:
            width = t(x[here] - x[before])
        total += width * (t(y[here]) + t(y[before])) / t(2)
    return total


@defines(getattr(np, "trapezoid", None), getattr(np, "trapz", None), arrays="y x")
def trapezoid(y, x=None, dx=1.0, axis=-1):
    axes = (normal_axis(axis, y.ndim),)
    if x is None:
        return reduced(trapezoids_at, y, axes, False, float_type(y), None, dx)
    if x.shape != (at(y.shape, axes) if x.ndim == 1 else y.shape):
        raise ValueError("operands could not be broadcast together")
    return reduced(trapezoids_at, y, axes, False, float_type(y, x), x, dx)
