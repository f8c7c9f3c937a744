"""Elements moved, repeated or surrounded."""

import numpy as np

from srcgrad.numpy_lib.axes import dims, flat, listed_axes, normal_axis, offset, replaced
from srcgrad.numpy_lib.registry import defines


def rolled(a, shift, axis):
    """The last elements along an axis come first."""
    n = a.shape[axis]
    s = shift % np.maximum(n, 1)
    out = np.empty(a.shape, a.dtype)
    for i in np.ndindex(replaced(a.shape, axis, n - s)):
        out[replaced(i, axis, i[axis] + s)] = a[i]
    for i in np.ndindex(replaced(a.shape, axis, s)):
        out[i] = a[replaced(i, axis, i[axis] + (n - s))]
    return out


@defines(np.roll, once="a")
def roll(a, shift, axis=None):
    if axis is None and a.ndim != 1:
        line = rolled(flat(a), shift, 0)
        out = np.empty(a.shape, a.dtype)
        for i in np.ndindex(a.shape):
            out[i] = line[offset(i, a.shape)]
        return out
    axes = listed_axes(axis, a.ndim)
    if np.ndim(shift) == 0:
        for k in axes:
            a = rolled(a, shift, k)
        return a
    if len(axes) not in (1, len(shift)):
        raise ValueError("'shift' and 'axis' should be scalars or 1D sequences of one length")
    for k in dims(len(shift)):
        a = rolled(a, shift[k], axes[k % len(axes)])
    return a


def starting_places(repeats, n):
    """Where the copies of each of `n` elements begin, if they differ in number, and how many copies there are."""
    if repeats.ndim == 0:
        return None, n * repeats[()]
    if repeats.shape != (n,):
        raise ValueError("operands could not be broadcast together")
    starts = np.empty((n,), np.int64)
    length = 0
    for k in range(n):
        starts[k] = length
        length += repeats[k]
    return starts, length


@defines(np.repeat, arrays="a repeats", once="a")
def repeat(a, repeats, axis=None):
    shape = (a.size,) if axis is None else a.shape
    axis = 0 if axis is None else normal_axis(axis, a.ndim)
    starts, length = starting_places(repeats, shape[axis])
    out = np.empty(replaced(shape, axis, length), a.dtype)
    for i in np.ndindex(a.shape):
        x = a[i]
        j = i if len(shape) == a.ndim else (offset(i, a.shape),)
        start = j[axis] * repeats[()] if starts is None else starts[j[axis]]
        for r in range(repeats[()] if starts is None else repeats[j[axis]]):
            out[replaced(j, axis, start + r)] = x
    return out


@defines(np.tile, once="A")
def tile(A, reps):
    times = (reps,) if np.ndim(reps) == 0 else reps
    ndim = max(A.ndim, len(times))
    times = (1,) * (ndim - len(times)) + times
    widths = (1,) * (ndim - A.ndim) + A.shape
    shape = ()
    for k in dims(ndim):
        shape += (times[k] * widths[k],)
    out = np.empty(shape, A.dtype)
    for i in np.ndindex(A.shape):
        x = A[i]
        place = (0,) * (ndim - len(i)) + i
        for r in np.ndindex(times):
            j = ()
            for k in dims(ndim):
                j += (r[k] * widths[k] + place[k],)
            out[j] = x
    return out


# -- padding -------------------------------------------------------------------------------------------------------


def side_widths(pad_width, ndim):
    """How much is added before and behind each axis."""
    depth = np.ndim(pad_width)
    if depth == 0:
        return ((pad_width, pad_width),) * ndim
    if depth == 1:
        return ((pad_width[0], pad_width[-1]),) * ndim
    return tuple(pad_width) * ndim if len(pad_width) == 1 else pad_width


def source(k, n, mode):
    """Which of `n` elements in a row is seen at place `k`, inside or outside."""
    if mode == "edge":
        return np.minimum(np.maximum(k, 0), n - 1)
    if mode == "wrap":
        return k % n
    if mode == "symmetric":
        k = k % (2 * n)
        return np.minimum(k, 2 * n - 1 - k)
    period = np.maximum(2 * n - 2, 1)
    k = k % period
    return np.minimum(k, period - k)


@defines(np.pad)
def pad(array, pad_width, mode="constant", *, constant_values=0):
    if mode not in ("constant", "edge", "wrap", "reflect", "symmetric"):
        raise ValueError("mode is not supported")
    widths = side_widths(pad_width, array.ndim)
    for k in dims(array.ndim):
        if widths[k][0] < 0 or widths[k][1] < 0:
            raise ValueError("index can't contain negative values")
    shape = ()
    for k in dims(array.ndim):
        shape += (widths[k][0] + array.shape[k] + widths[k][1],)
    if mode == "constant":
        out = np.full(shape, constant_values, array.dtype)
        for i in np.ndindex(array.shape):
            j = ()
            for k in dims(array.ndim):
                j += (widths[k][0] + i[k],)
            out[j] = array[i]
        return out
    out = np.empty(shape, array.dtype)
    for i in np.ndindex(shape):
        j = ()
        for k in dims(array.ndim):
            j += (source(i[k] - widths[k][0], array.shape[k], mode),)
        out[i] = array[j]
    return out
