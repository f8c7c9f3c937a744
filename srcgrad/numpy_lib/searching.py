"""Searching sorted vectors, interpolation, and choosing elements by position or by condition."""

import numpy as np

from srcgrad.numpy_lib import masks
from srcgrad.numpy_lib.axes import flat, normal_axis, replaced, unravelled
from srcgrad.numpy_lib.registry import defines


def before(x, y):
    """Whether x comes before y in a sorted vector: NaN comes last."""
    return x < y or (np.isnan(y) and not np.isnan(x))


def bisected(a, x, side, falling):
    """How many elements of a sorted vector, read from its end if it falls, come before x (or, right, not after)."""
    low, high = 0, a.shape[0]
    while low < high:
        middle = (low + high) // 2
        here = a[a.shape[0] - 1 - middle] if falling else a[middle]
        if before(here, x) if side == "left" else not before(x, here):
            low = middle + 1
        else:
            high = middle
    return low


@defines(np.searchsorted, arrays="a v", once="v")
def searchsorted(a, v, side="left"):
    if side not in ("left", "right"):
        raise ValueError("search side must be 'left' or 'right'")
    if v.ndim == 0:
        return bisected(a, v[()], side, False)
    out = np.empty(v.shape, np.int64)
    for i in np.ndindex(v.shape):
        out[i] = bisected(a, v[i], side, False)
    return out


@defines(np.digitize, arrays="x bins", once="x")
def digitize(x, bins, right=False):
    n = bins.shape[0]
    rises, falls = True, True
    for k in range(1, n):
        rises = rises & (bins[k - 1] <= bins[k])
        falls = falls & (bins[k - 1] >= bins[k])
    if not (rises or falls):
        raise ValueError("bins must be monotonically increasing or decreasing")
    side = "left" if right else "right"
    if x.ndim == 0:
        found = bisected(bins, x[()], side, not rises)
        return found if rises else n - found
    out = np.empty(x.shape, np.int64)
    for i in np.ndindex(x.shape):
        found = bisected(bins, x[i], side, not rises)
        out[i] = found if rises else n - found
    return out


def interpolated(x, xp, fp, left, right):
    n = xp.shape[0]
    if np.isnan(x):
        return np.float64(x)
    if x < xp[0]:
        return np.float64(fp[0] if left is None else left)
    if x > xp[n - 1]:
        return np.float64(fp[n - 1] if right is None else right)
    k = bisected(xp, x, "right", False) - 1
    if k == n - 1:
        return np.float64(fp[k])
    slope = (np.float64(fp[k + 1]) - fp[k]) / (np.float64(xp[k + 1]) - xp[k])
    return slope * (x - xp[k]) + fp[k]


@defines(np.interp, arrays="x xp fp", once="x")
def interp(x, xp, fp, left=None, right=None):
    if xp.shape[0] == 0:
        raise ValueError("array of sample points is empty")
    if xp.shape != fp.shape:
        raise ValueError("fp and xp are not of the same length.")
    if x.ndim == 0:
        return interpolated(x[()], xp, fp, left, right)
    out = np.empty(x.shape)
    for i in np.ndindex(x.shape):
        out[i] = interpolated(x[i], xp, fp, left, right)
    return out


# -- elements at positions -----------------------------------------------------------------------------------------


def numbered(a, k):
    """Element number `k`, row by row; from the end if it is negative."""
    if a.ndim == 1:
        return a[k]
    return a[unravelled(k + a.size if k < 0 else k, a.shape)]


@defines(np.take, arrays="a indices")
def take(a, indices, axis=None):
    if axis is None:
        if indices.ndim == 0:
            return numbered(a, indices[()])
        out = np.empty(indices.shape, a.dtype)
        for i in np.ndindex(indices.shape):
            out[i] = numbered(a, indices[i])
        return out
    axis = normal_axis(axis, a.ndim)
    if a.ndim == 1 and indices.ndim == 0:
        return a[indices[()]]
    out = np.empty(a.shape[:axis] + indices.shape + a.shape[axis + 1 :], a.dtype)
    for i in np.ndindex(a.shape[:axis]):
        for k in np.ndindex(indices.shape):
            chosen = indices[k]
            for j in np.ndindex(a.shape[axis + 1 :]):
                place = (*i, chosen, *j)
                out[i + k + j] = a[place]
    return out


@defines(np.take_along_axis, arrays="arr indices", once="indices")
def take_along_axis(arr, indices, axis=-1):
    axis = normal_axis(axis, arr.ndim)
    if replaced(arr.shape, axis, 0) != replaced(indices.shape, axis, 0):
        raise ValueError("the arrays must have one shape, but for the axis")
    out = np.empty(indices.shape, arr.dtype)
    for i in np.ndindex(indices.shape):
        out[i] = arr[replaced(i, axis, indices[i])]
    return out


# -- elements that fulfil a condition ------------------------------------------------------------------------------


@defines(np.nonzero)
def nonzero(a):
    """One vector of positions for each axis."""
    count = 0
    for i in np.ndindex(a.shape):
        if a[i] != 0:
            count += 1
    out = ()
    for _ in (0, 1, 2, 3, 4, 5, 6, 7)[: a.ndim]:
        out += (np.empty((count,), np.int64),)
    k = 0
    for i in np.ndindex(a.shape):
        if a[i] != 0:
            for axis in (0, 1, 2, 3, 4, 5, 6, 7)[: a.ndim]:
                out[axis][k] = i[axis]
            k += 1
    return out


@defines(np.flatnonzero)
def flatnonzero(a):
    return nonzero(flat(a))[0]


@defines(np.extract, arrays="condition arr", once="arr")
def extract(condition, arr):
    return masks.compress(arr, condition)


@defines(np.compress, arrays="condition a", once="a")
def compress(condition, a):
    """Of vectors; a condition that is too short leaves out what is behind it."""
    if a.ndim != 1 or condition.ndim != 1:
        raise ValueError("compress expects vectors")
    if condition.shape[0] > a.shape[0]:
        raise ValueError("the condition is longer than the array")
    positions = nonzero(condition)[0]
    out = np.empty(positions.shape, a.dtype)
    for k in range(positions.shape[0]):
        out[k] = a[positions[k]]
    return out
