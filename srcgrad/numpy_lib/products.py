"""Products of vectors and matrices, as loops."""

import numpy as np

from srcgrad.numpy_lib.axes import at, dims, listed_axes, offset, others, woven
from srcgrad.numpy_lib.registry import defines


def vector_vector(a, b):
    if a.shape[0] != b.shape[0]:
        raise ValueError("the vectors differ in length")
    total = np.result_type(a, b).type(0)
    for i in range(a.shape[0]):
        total = total + a[i] * b[i]
    return np.result_type(a, b).type(total)


def matrix_vector(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError("the matrix and the vector do not fit")
    out = np.zeros((a.shape[0],), np.result_type(a, b))
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            out[i] += a[i, k] * b[k]
    return out


def vector_matrix(a, b):
    if a.shape[0] != b.shape[0]:
        raise ValueError("the vector and the matrix do not fit")
    out = np.zeros((b.shape[1],), np.result_type(a, b))
    for k in range(a.shape[0]):
        for j in range(b.shape[1]):
            out[j] += a[k] * b[k, j]
    return out


def matrix_matrix(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError("the matrices do not fit")
    out = np.zeros((a.shape[0], b.shape[1]), np.result_type(a, b))
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            for j in range(b.shape[1]):
                out[i, j] += a[i, k] * b[k, j]
    return out


MATMUL = {(1, 1): vector_vector, (2, 1): matrix_vector, (1, 2): vector_matrix, (2, 2): matrix_matrix}


@defines(np.vdot, arrays="a b", once="a b")
def vdot(a, b):
    """Of arrays of one shape."""
    if a.shape != b.shape:
        raise ValueError("the arrays differ in shape")
    total = np.result_type(a, b).type(0)
    for i in np.ndindex(a.shape):
        total += a[i] * b[i]
    return total


def inner_at(a, i, b, j):
    total = np.result_type(a, b).type(0)
    for k in np.ndindex(a.shape[-1:]):
        total += a[i + k] * b[j + k]
    return total


@defines(np.inner, arrays="a b")
def inner(a, b):
    if a.shape[-1] != b.shape[-1]:
        raise ValueError("the last axes differ in length")
    if a.ndim == 1 and b.ndim == 1:
        return inner_at(a, (), b, ())
    out = np.empty(a.shape[:-1] + b.shape[:-1], np.result_type(a, b))
    for i in np.ndindex(a.shape[:-1]):
        for j in np.ndindex(b.shape[:-1]):
            out[i + j] = inner_at(a, i, b, j)
    return out


@defines(np.outer, arrays="a b", once="a")
def outer(a, b):
    out = np.empty((a.size, b.size), np.result_type(a, b))
    for i in np.ndindex(a.shape):
        x = a[i]
        for j in np.ndindex(b.shape):
            out[offset(i, a.shape), offset(j, b.shape)] = x * b[j]
    return out


@defines(np.kron, arrays="a b", once="a")
def kron(a, b):
    ndim = max(a.ndim, b.ndim)
    blocks, sizes = (1,) * (ndim - a.ndim) + a.shape, (1,) * (ndim - b.ndim) + b.shape
    shape = ()
    for k in dims(ndim):
        shape += (blocks[k] * sizes[k],)
    out = np.empty(shape, np.result_type(a, b))
    for i in np.ndindex(a.shape):
        x, block = a[i], (0,) * (ndim - a.ndim) + i
        for j in np.ndindex(b.shape):
            inside, place = (0,) * (ndim - b.ndim) + j, ()
            for k in dims(ndim):
                place += (block[k] * sizes[k] + inside[k],)
            out[place] = x * b[j]
    return out


@defines(np.cross, arrays="a b")
def cross(a, b):
    """Of vectors of length 3 along the last axis."""
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise ValueError("incompatible dimensions for cross product (dimension must be 3)")
    shape = a.shape if a.ndim >= b.ndim else b.shape
    if a.shape != shape[len(shape) - a.ndim :] or b.shape != shape[len(shape) - b.ndim :]:
        raise ValueError("the arrays differ in shape")
    out = np.empty(shape, np.result_type(a, b))
    first, second, third = (0,), (1,), (2,)
    for i in np.ndindex(shape[:-1]):
        p, q = i[len(shape) - a.ndim :], i[len(shape) - b.ndim :]
        a0, a1, a2 = a[p + first], a[p + second], a[p + third]
        b0, b1, b2 = b[q + first], b[q + second], b[q + third]
        out[i + first] = a1 * b2 - a2 * b1
        out[i + second] = a2 * b0 - a0 * b2
        out[i + third] = a0 * b1 - a1 * b0
    return out


@defines(np.tensordot, arrays="a b")
def tensordot(a, b, axes=2):
    """`axes`: how many of the last of `a` and the first of `b`, or those of `a` and those of `b`."""
    if np.ndim(axes) == 0:
        of_a, of_b = dims(a.ndim)[a.ndim - axes :], dims(axes)
    else:
        of_a, of_b = listed_axes(axes[0], a.ndim), listed_axes(axes[1], b.ndim)
    if at(a.shape, of_a) != at(b.shape, of_b):
        raise ValueError("shape-mismatch for sum")
    t = np.result_type(a, b).type
    rest_a, rest_b = others(a.shape, of_a), others(b.shape, of_b)
    if len(rest_a + rest_b) == 0:
        total = t(0)
        for k in np.ndindex(at(a.shape, of_a)):
            total += a[woven((), k, of_a)] * b[woven((), k, of_b)]
        return total
    out = np.zeros(rest_a + rest_b, t)
    for i in np.ndindex(rest_a):
        for k in np.ndindex(at(a.shape, of_a)):
            for j in np.ndindex(rest_b):
                out[i + j] += a[woven(i, k, of_a)] * b[woven(j, k, of_b)]
    return out
