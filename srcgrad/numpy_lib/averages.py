"""Averages, covariances and histograms."""

import numpy as np

from srcgrad.numpy_lib.axes import at, normal_axes
from srcgrad.numpy_lib.folding import added_up, element, float_type, quotient
from srcgrad.numpy_lib.reductions import all, max, mean, min
from srcgrad.numpy_lib.registry import defines
from srcgrad.numpy_lib.searching import bisected


def weighted(a, i, t, weights, axes):
    return t(a[i]) * t(weights[i] if weights.ndim == a.ndim else weights[i[axes[0]]])


@defines(np.average, arrays="a weights", once="a")
def average(a, axis=None, weights=None, *, keepdims=False):
    """The weights have the shape of `a`, or one entry for each place along the axis."""
    if weights is None:
        return mean(a, axis, keepdims=keepdims)
    t = float_type(a, weights)
    axes = normal_axes(axis, a.ndim)
    like = weights.ndim == a.ndim
    if not like and len(axes) != 1:
        raise ValueError("Axis must be specified when shapes of a and weights differ.")
    if weights.shape != (a.shape if like else at(a.shape, axes)):
        raise ValueError("Shape of weights must be consistent with shape of a along specified axis.")
    scale = added_up(element, weights, axes if like else (0,), like and keepdims, t)
    if (scale == 0) if np.ndim(scale) == 0 else not all(scale):
        raise ZeroDivisionError("Weights sum to zero, can't be normalized")
    if np.ndim(scale) == 0:
        return added_up(weighted, a, axes, keepdims, t, weights, axes, by=scale)
    return quotient(added_up(weighted, a, axes, keepdims, t, weights, axes), scale)


# -- covariances ---------------------------------------------------------------------------------------------------


def sizes(m, rowvar):
    """How many variables and observations there are."""
    if m.ndim == 1:
        return 1, m.shape[0]
    return (m.shape[0], m.shape[1]) if rowvar else (m.shape[1], m.shape[0])


def observation(m, r, k, rowvar):
    if m.ndim == 1:
        return np.float64(m[k])
    return np.float64(m[r, k] if rowvar else m[k, r])


def centre(out, start, m, rowvar):
    """Write each variable less its mean into a row of `out`."""
    rows, n = sizes(m, rowvar)
    for r in range(rows):
        total = 0.0
        for k in range(n):
            total += observation(m, r, k, rowvar)
        middle = total / n
        for k in range(n):
            out[start + r, k] = observation(m, r, k, rowvar) - middle


def covariances(m, y, rowvar, ddof):
    first, n = sizes(m, rowvar)
    if y is None:
        centred = np.empty((first, n))
    else:
        second, length = sizes(y, rowvar)
        if length != n:
            raise ValueError("the variables differ in their number of observations")
        centred = np.empty((first + second, n))
        centre(centred, first, y, rowvar)
    centre(centred, 0, m, rowvar)
    scale = np.float64(np.maximum(n - ddof, 0))
    rows = centred.shape[0]
    out = np.empty((rows, rows))
    for i in range(rows):
        for j in range(i + 1):
            total = 0.0
            for k in range(n):
                total += centred[i, k] * centred[j, k]
            out[i, j] = total / scale
            out[j, i] = total / scale
    return out


def is_single(m, y, rowvar):
    """Whether there is one variable only."""
    if y is not None:
        return False
    if m.ndim == 1:
        return True
    return m.shape[0] == 1 if rowvar else m.shape[1] == 1


@defines(np.cov, arrays="m y")
def cov(m, y=None, rowvar=True, bias=False, ddof=None):
    """A number for one vector, else a matrix."""
    less = (0 if bias else 1) if ddof is None else ddof
    out = covariances(m, y, rowvar, less)
    return out[0, 0] if is_single(m, y, rowvar) else out


@defines(np.corrcoef, arrays="x y")
def corrcoef(x, y=None, rowvar=True):
    """A number for one vector, else a matrix."""
    c = covariances(x, y, rowvar, 1)
    out = np.empty(c.shape)
    for i, j in np.ndindex(c.shape):
        out[i, j] = c[i, j] / np.sqrt(c[i, i]) / np.sqrt(c[j, j])
    return out[0, 0] if is_single(x, y, rowvar) else out


# -- histograms ----------------------------------------------------------------------------------------------------


@defines(np.bincount, arrays="x weights", once="weights")
def bincount(x, weights=None, minlength=0):
    if weights is not None and weights.shape != x.shape:
        raise ValueError("The weights and list don't have the same length.")
    n = minlength
    for i in range(x.shape[0]):
        if x[i] < 0:
            raise ValueError("'list' argument must have no negative elements")
        n = np.maximum(n, x[i] + 1)
    out = np.zeros((n,), np.int64 if weights is None else np.float64)
    for i in range(x.shape[0]):
        out[x[i]] += 1 if weights is None else weights[i]
    return out


def even_edges(a, bins, limits):
    """The edges of `bins` bins of one width, from the least element to the largest unless there are limits."""
    if bins < 1:
        raise ValueError("`bins` must be positive, when an integer")
    t = float_type(a)
    if limits is None:
        low, high = t(0), t(1)
        if a.size > 0:
            low, high = t(min(a)), t(max(a))
    else:
        low, high = t(limits[0]), t(limits[1])
    if not low <= high:
        raise ValueError("max must be larger than min in range parameter.")
    if low == high:
        low, high = low - t(0.5), high + t(0.5)
    out = np.empty((bins + 1,), t)
    for k in range(bins):
        out[k] = low + t(k) * ((high - low) / t(bins))
    out[bins] = high
    return out


def bin_of(x, edges, even):
    """Which bin a number between the first and the last edge is in; the last bin has both its edges."""
    n = edges.shape[0] - 1
    if not even:
        return np.minimum(bisected(edges, x, "right", False) - 1, n - 1)
    k = np.minimum(int((x - edges[0]) / (edges[n] - edges[0]) * n), n - 1)
    if x < edges[k]:
        return k - 1
    return k + 1 if k < n - 1 and x >= edges[k + 1] else k


@defines(np.histogram, arrays="a bins weights", once="weights")
def histogram(a, bins=None, range=None, density=False, weights=None):
    """The counts, or sums of weights, and the edges."""
    if weights is not None and weights.shape != a.shape:
        raise ValueError("weights should have the same shape as a.")
    even = bins is None or bins.ndim == 0
    edges = even_edges(a, 10 if bins is None else bins[()], range) if even else bins
    n = edges.shape[0] - 1
    out = np.zeros((n,), np.int64 if weights is None else weights.dtype)
    for i in np.ndindex(a.shape):
        if edges[0] <= a[i] and a[i] <= edges[n]:
            out[bin_of(a[i], edges, even)] += 1 if weights is None else weights[i]
    if not density:
        return out, edges
    total = np.float64(0)
    for (k,) in np.ndindex((n,)):
        total += out[k]
    densities = np.empty((n,))
    for (k,) in np.ndindex((n,)):
        densities[k] = out[k] / (edges[k + 1] - edges[k]) / total
    return densities, edges
