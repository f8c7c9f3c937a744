"""`reduce` and `accumulate` of NumPy's elementwise functions."""

import numpy as np

from srcgrad.numpy_lib.axes import at, normal_axes, normal_axis, others, woven
from srcgrad.numpy_lib.cumulative import cumprod, cumsum
from srcgrad.numpy_lib.folding import float_type, reduced
from srcgrad.numpy_lib.reductions import max, min, position, prod, sum
from srcgrad.numpy_lib.registry import defines
from srcgrad.rules import stop_gradient


@defines(np.add.reduce, once="array")
def add_reduce(array, axis=0, *, keepdims=False):
    return sum(array, axis, keepdims=keepdims)


@defines(np.multiply.reduce, once="array")
def multiply_reduce(array, axis=0, *, keepdims=False):
    return prod(array, axis, keepdims=keepdims)


@defines(np.maximum.reduce)
def maximum_reduce(array, axis=0, *, keepdims=False):
    return max(array, axis, keepdims=keepdims)


@defines(np.minimum.reduce)
def minimum_reduce(array, axis=0, *, keepdims=False):
    return min(array, axis, keepdims=keepdims)


@defines(np.add.accumulate, once="array")
def add_accumulate(array, axis=0):
    return cumsum(array, axis)


@defines(np.multiply.accumulate, once="array")
def multiply_accumulate(array, axis=0):
    return cumprod(array, axis)


def running_extrema(a, axis, largest):
    axis = normal_axis(axis, a.ndim)
    out = np.empty(a.shape, a.dtype)
    for i in np.ndindex(others(a.shape, (axis,))):
        best = 0
        for k in range(a.shape[axis]):
            x, top = a[woven(i, (k,), (axis,))], a[woven(i, (best,), (axis,))]
            if not ((x <= top if largest else x >= top) | np.isnan(top)):
                best = k
            out[woven(i, (k,), (axis,))] = a[woven(i, (best,), (axis,))]
    return out


@defines(np.maximum.accumulate)
def maximum_accumulate(array, axis=0):
    return running_extrema(array, axis, True)


@defines(np.minimum.accumulate)
def minimum_accumulate(array, axis=0):
    return running_extrema(array, axis, False)


def log_of_sum_at(a, i, axes, t):
    top = t(a[woven(i, position(a, i, axes, True, False), axes)])
    if np.isinf(top):
        return top
    shift = stop_gradient(top)
    total = t(0)
    for j in np.ndindex(at(a.shape, axes)):
        total += np.exp(t(a[woven(i, j, axes)]) - shift)
    return shift + np.log(total)


@defines(np.logaddexp.reduce)
def logaddexp_reduce(array, axis=0, *, keepdims=False):
    axes = normal_axes(axis, array.ndim)
    return reduced(log_of_sum_at, array, axes, keepdims, float_type(array))
