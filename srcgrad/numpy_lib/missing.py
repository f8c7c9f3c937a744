"""Reductions that leave NaN out."""

import numpy as np

from srcgrad.numpy_lib.axes import at, normal_axes, others, woven
from srcgrad.numpy_lib.folding import added_up, float_type, quotient, reduced, total_type
from srcgrad.numpy_lib.reductions import extremum
from srcgrad.numpy_lib.registry import defines


def present(a, i, t):
    x = t(a[i])
    return t(0) if np.isnan(x) else x


def one_if_present(a, i, t):
    return t(0) if np.isnan(a[i]) else t(1)


@defines(np.nansum, once="a")
def nansum(a, axis=None, *, keepdims=False):
    return added_up(present, a, normal_axes(axis, a.ndim), keepdims, total_type(a))


def product_present_at(a, i, axes, t):
    total = t(1)
    for j in np.ndindex(at(a.shape, axes)):
        x = a[woven(i, j, axes)]
        if not np.isnan(x):
            total *= t(x)
    return total


@defines(np.nanprod, once="a")
def nanprod(a, axis=None, *, keepdims=False):
    return reduced(product_present_at, a, normal_axes(axis, a.ndim), keepdims, total_type(a))


@defines(np.nanmean)
def nanmean(a, axis=None, *, keepdims=False):
    t = float_type(a)
    axes = normal_axes(axis, a.ndim)
    counts = added_up(one_if_present, a, axes, keepdims, t)
    return quotient(added_up(present, a, axes, keepdims, t), counts)


def squared_deviation_present(a, i, t, means, axes):
    d = t(a[i]) - (means if np.ndim(means) == 0 else means[others(i, axes)])
    return t(0) if np.isnan(a[i]) else d * d


def degrees_of_freedom(count, ddof, t):
    return count - t(ddof) if count > ddof else t(np.nan)


@defines(np.nanvar)
def nanvar(a, axis=None, *, ddof=0, keepdims=False):
    t = float_type(a)
    axes = normal_axes(axis, a.ndim)
    squares = added_up(squared_deviation_present, a, axes, keepdims, t, nanmean(a, axes), axes)
    counts = added_up(one_if_present, a, axes, keepdims, t)
    if np.ndim(counts) == 0:
        return squares / degrees_of_freedom(counts, ddof, t)
    for i in np.ndindex(counts.shape):
        squares[i] /= degrees_of_freedom(counts[i], ddof, t)
    return squares


@defines(np.nanstd)
def nanstd(a, axis=None, *, ddof=0, keepdims=False):
    squares = nanvar(a, axis, ddof=ddof, keepdims=keepdims)
    if np.ndim(squares) == 0:
        return np.sqrt(squares)
    for i in np.ndindex(squares.shape):
        squares[i] = np.sqrt(squares[i])
    return squares


@defines(np.nanmax)
def nanmax(a, axis=None, *, keepdims=False):
    return extremum(a, axis, keepdims, True, True)


@defines(np.nanmin)
def nanmin(a, axis=None, *, keepdims=False):
    return extremum(a, axis, keepdims, False, True)
