"""Shapes and indices, taken apart and put together along axes.

All of this is known while compiling: generated code shows only the indices that come out.
"""

import numpy as np


def dims(ndim):
    """All axes of an array of this rank."""
    return (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)[:ndim]


def normal_axis(axis, ndim):
    """An axis counted from the front."""
    if axis < -ndim or axis >= ndim:
        raise ValueError("axis is out of bounds for array")
    return axis % ndim


def listed_axes(axis, ndim):
    """The axes that NumPy's `axis` means, in its order."""
    if axis is None:
        return dims(ndim)
    if np.ndim(axis) == 0:
        return (normal_axis(axis, ndim),)
    out = ()
    for k in axis:
        out += (normal_axis(k, ndim),)
    return out


def normal_axes(axis, ndim):
    """The axes that NumPy's `axis` means, in increasing order."""
    axes = listed_axes(axis, ndim)
    out = ()
    for k in dims(ndim):
        if k in axes:
            out += (k,)
    if len(out) < len(axes):
        raise ValueError("duplicate value in 'axis'")
    return out


# -- items of a shape or an index ----------------------------------------------------------------------------------


def at(t, axes):
    """The items at these axes."""
    out = ()
    for k in axes:
        out += (t[k],)
    return out


def others(t, axes, fill=()):
    """The items at the other axes, with `fill` in the place of each that is left out."""
    out = ()
    for k in dims(len(t)):
        out += fill if k in axes else (t[k],)
    return out


def replaced(t, axis, value):
    return (*t[:axis], value, *t[axis + 1 :])


def woven(rest, along, axes):
    """The tuple with the items `along` at `axes`, and `rest` at the other axes."""
    out = ()
    for k in dims(len(rest) + len(along)):
        if k in axes:
            for n in dims(len(axes)):
                if axes[n] == k:
                    out += (along[n],)
        else:
            out += rest[:1]
            rest = rest[1:]
    return out


def product(t):
    """The number of elements in an array of this shape."""
    if len(t) == 0:
        return 1
    n = t[0]
    for k in t[1:]:
        n = n * k
    return n


# -- indices in row-major order ------------------------------------------------------------------------------------


def offset(i, shape):
    """The number of an element, row by row."""
    if len(i) == 0:
        return 0
    k = i[0]
    for axis in dims(len(i))[1:]:
        k = k * shape[axis] + i[axis]
    return k


def unravelled(k, shape):
    """The index of element number `k`, row by row."""
    out = ()
    for n in shape[:0:-1]:
        out = (k % n, *out)
        k = k // n
    return (k, *out)


def flat(a):
    """The elements as a vector, row by row."""
    if a.ndim == 1:
        return a
    out = np.empty((a.size,), a.dtype)
    for i in np.ndindex(a.shape):
        out[offset(i, a.shape)] = a[i]
    return out


def flat_if_none(a, axis):
    """The array and the axis, or the flattened array and its only axis."""
    if axis is None:
        return flat(a), 0
    return a, normal_axis(axis, a.ndim)


# -- broadcasting --------------------------------------------------------------------------------------------------


def common_shape(a, b):
    """The shape that two operands are broadcast to."""
    one, other = a.shape, b.shape
    ndim = max(len(other), len(one))
    one, other = (1,) * (ndim - len(one)) + one, (1,) * (ndim - len(other)) + other
    out = ()
    for k in dims(ndim):
        if one[k] != other[k] and one[k] != 1 and other[k] != 1:
            raise ValueError("operands could not be broadcast together")
        out += (other[k] if one[k] == 1 else one[k],)
    return out


def spread(a, i):
    """The element of an operand that stands at index `i` of the shape that it is broadcast to."""
    out = ()
    for k in dims(a.ndim):
        out += (np.minimum(i[len(i) - a.ndim + k], a.shape[k] - 1),)
    return a[out]
