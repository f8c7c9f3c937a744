"""Arrays put together."""

import numpy as np

from srcgrad.numpy_lib.axes import normal_axis, offset, product, replaced
from srcgrad.numpy_lib.registry import defines


def placed(t, fill, how):
    """A shape (with (1,) to fill it) or an index (with (0,)), and the axes that the array is given before joining."""
    if how == "vector" and len(t) == 0:
        return fill
    if how == "rows":
        return fill * (2 - len(t)) + t
    if how == "columns":
        return t + fill * (2 - len(t))
    if how == "depth":
        return fill + t + fill * (2 - len(t)) if len(t) < 2 else t + fill * (3 - len(t))
    return t


def joined(parts, axis, how):
    """The arrays one behind the other along an axis."""
    first = placed(parts[0].shape, (1,), how)
    axis = normal_axis(axis, len(first))
    length = first[axis]
    for part in parts[1:]:
        shape = placed(part.shape, (1,), how)
        if replaced(shape, axis, 0) != replaced(first, axis, 0):
            raise ValueError("all the input array dimensions except for the concatenation axis must match exactly")
        length = length + shape[axis]
    out = np.empty(replaced(first, axis, length), np.result_type(*parts))
    start = 0
    for part in parts:
        for i in np.ndindex(part.shape):
            j = placed(i, (0,), how)
            out[replaced(j, axis, start + j[axis])] = part[i]
        start += placed(part.shape, (1,), how)[axis]
    return out


def strung(parts):
    """All elements of the arrays, row by row, in a vector."""
    length = product(parts[0].shape)
    for part in parts[1:]:
        length = length + product(part.shape)
    out = np.empty((length,), np.result_type(*parts))
    start = 0
    for part in parts:
        for i in np.ndindex(part.shape):
            out[start + offset(i, part.shape)] = part[i]
        start += product(part.shape)
    return out


@defines(np.concatenate, sequences="arrays", once="arrays")
def concatenate(arrays, axis=0):
    return strung(arrays) if axis is None else joined(arrays, axis, "as they are")


@defines(np.stack, sequences="arrays", once="arrays")
def stack(arrays, axis=0):
    shape = arrays[0].shape
    axis = normal_axis(axis, len(shape) + 1)
    out = np.empty((*shape[:axis], len(arrays), *shape[axis:]), np.result_type(*arrays))
    for k, part in enumerate(arrays):
        if part.shape != shape:
            raise ValueError("all input arrays must have the same shape")
        for i in np.ndindex(shape):
            place = (*i[:axis], k, *i[axis:])
            out[place] = part[i]
    return out


@defines(np.hstack, sequences="tup", once="tup")
def hstack(tup):
    return joined(tup, 0 if tup[0].ndim < 2 else 1, "vector")


@defines(np.vstack, sequences="tup", once="tup")
def vstack(tup):
    return joined(tup, 0, "rows")


@defines(np.column_stack, sequences="tup", once="tup")
def column_stack(tup):
    return joined(tup, 1, "columns")


@defines(np.dstack, sequences="tup", once="tup")
def dstack(tup):
    return joined(tup, 2, "depth")


@defines(np.append, arrays="arr values", once="arr values")
def append(arr, values, axis=None):
    return strung((arr, values)) if axis is None else joined((arr, values), axis, "as they are")


@defines(np.meshgrid, sequences="xi")
def meshgrid(*xi, indexing="xy"):
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    shape = ()
    for x in xi:
        shape += (x.shape[0],)
    turned = indexing == "xy" and len(xi) > 1
    if turned:
        shape = (shape[1], shape[0], *shape[2:])
    out = ()
    for k, x in enumerate(xi):
        axis = 1 - k if turned and k < 2 else k
        grid = np.empty(shape, x.dtype)
        for i in np.ndindex(shape):
            grid[i] = x[i[axis]]
        out += (grid,)
    return out
