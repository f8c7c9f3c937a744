"""Sorting, and what is found by it: the order is found first, then elements are read in that order."""

import numpy as np

from srcgrad.numpy_lib.axes import at, flat, flat_if_none, normal_axes, offset, others, product, unravelled, woven
from srcgrad.numpy_lib.folding import float_type, reduced
from srcgrad.numpy_lib.registry import defines


def argsort(v):
    """The order of a vector, stable; NaN comes last."""
    return np.argsort(v, kind="mergesort")


def order_at(a, i, axes):
    """The order of the elements along axes, numbered row by row."""
    if a.ndim == 1:
        return argsort(a)
    shape = at(a.shape, axes)
    line = np.empty((product(shape),), a.dtype)
    for j in np.ndindex(shape):
        line[offset(j, shape)] = a[woven(i, j, axes)]
    return argsort(line)


def numbered(a, i, axes, k):
    """Element number `k` along axes."""
    return a[woven(i, unravelled(k, at(a.shape, axes)), axes)]


@defines(np.sort)
def sort(a, axis=-1, kind=None):
    """Stable, whatever `kind` says."""
    a, axis = flat_if_none(a, axis)
    out = np.empty(a.shape, a.dtype)
    for i in np.ndindex(others(a.shape, (axis,))):
        order = order_at(a, i, (axis,))
        for k in range(a.shape[axis]):
            out[woven(i, (k,), (axis,))] = a[woven(i, (order[k],), (axis,))]
    return out


@defines(np.partition)
def partition(a, kth, axis=-1):
    """More than a partition: sorted."""
    return sort(a, axis)


@defines(np.argsort)
def sorting_order(a, axis=-1, kind=None):
    """Stable, whatever `kind` says."""
    a, axis = flat_if_none(a, axis)
    out = np.empty(a.shape, np.int64)
    for i in np.ndindex(others(a.shape, (axis,))):
        order = order_at(a, i, (axis,))
        for k in range(a.shape[axis]):
            out[woven(i, (k,), (axis,))] = order[k]
    return out


@defines(np.unique)
def unique(ar):
    v = flat(ar)
    order = argsort(v)
    chosen = np.empty(v.shape, np.int64)
    count = 0
    for k in range(v.shape[0]):
        x, before = v[order[k]], v[order[np.maximum(k - 1, 0)]]
        if k == 0 or not (x == before or (np.isnan(x) and np.isnan(before))):
            chosen[count] = order[k]
            count += 1
    out = np.empty((count,), v.dtype)
    for k in range(count):
        out[k] = v[chosen[k]]
    return out


# -- order statistics ----------------------------------------------------------------------------------------------


def median_at(a, i, axes, t):
    n = product(at(a.shape, axes))
    if n == 0:
        return t(np.nan)
    order = order_at(a, i, axes)
    low = t(numbered(a, i, axes, order[(n - 1) // 2]))
    high = t(numbered(a, i, axes, order[n // 2]))
    last = t(numbered(a, i, axes, order[n - 1]))
    return last if np.isnan(last) else (low + high) / t(2)


@defines(np.median)
def median(a, axis=None, *, keepdims=False):
    return reduced(median_at, a, normal_axes(axis, a.ndim), keepdims, float_type(a))


def interpolated(a, i, axes, t, order, q):
    """The value at the fraction `q` of the way from the smallest element to the largest."""
    if q < 0 or q > 1:
        raise ValueError("Quantiles must be in the range [0, 1]")
    n = product(at(a.shape, axes))
    place = t(q) * t(n - 1)
    k = np.minimum(int(place), n - 1)
    low = t(numbered(a, i, axes, order[k]))
    high = t(numbered(a, i, axes, order[np.minimum(k + 1, n - 1)]))
    last = t(numbered(a, i, axes, order[n - 1]))
    return last if np.isnan(last) else low + (high - low) * (place - t(k))


def quantile_at(a, i, axes, t, q, scale):
    return interpolated(a, i, axes, t, order_at(a, i, axes), q / scale)


def quantiles(a, q, axis, keepdims, scale):
    axes = normal_axes(axis, a.ndim)
    if a.size == 0:
        raise ValueError("quantiles of an empty array")
    if q.ndim == 0:
        return reduced(quantile_at, a, axes, keepdims, float_type(a), q[()], scale)
    t = float_type(a, q)
    one, zero = ((1,), (0,)) if keepdims else ((), ())
    out = np.empty(q.shape + others(a.shape, axes, one), t)
    for i in np.ndindex(others(a.shape, axes)):
        order = order_at(a, i, axes)
        for k in range(q.shape[0]):
            place = (k, *(woven(i, zero * len(axes), axes) if keepdims else i))
            out[place] = interpolated(a, i, axes, t, order, q[k] / scale)
    return out


@defines(np.quantile, arrays="a q")
def quantile(a, q, axis=None, *, keepdims=False):
    return quantiles(a, q, axis, keepdims, 1)


@defines(np.percentile, arrays="a q")
def percentile(a, q, axis=None, *, keepdims=False):
    return quantiles(a, q, axis, keepdims, 100)
