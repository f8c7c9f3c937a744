"""Diagonals, triangles, and matrices made of vectors."""

import numpy as np

from srcgrad.numpy_lib.axes import common_shape, offset, spread
from srcgrad.numpy_lib.folding import total_type
from srcgrad.numpy_lib.registry import defines


def diagonal_start(k):
    """The row and the column in which diagonal `k` begins."""
    return np.maximum(-k, 0), np.maximum(k, 0)


def diagonal(a, offset):
    """A copy of a diagonal."""
    if a.ndim != 2:
        raise ValueError("diag requires an array of two dimensions")
    row, column = diagonal_start(offset)
    n = np.maximum(np.minimum(a.shape[0] - row, a.shape[1] - column), 0)
    out = np.empty((n,), a.dtype)
    for i in range(n):
        out[i] = a[row + i, column + i]
    return out


@defines(np.trace, once="a")
def trace(a, offset=0):
    if a.ndim != 2:
        raise ValueError("trace requires an array of two dimensions")
    row, column = diagonal_start(offset)
    t = total_type(a)
    total = t(0)
    for i in range(np.minimum(a.shape[0] - row, a.shape[1] - column)):
        total += t(a[row + i, column + i])
    return total


@defines(np.diagflat, once="v")
def diagflat(v, k=0):
    row, column = diagonal_start(k)
    n = v.size + np.maximum(row, column)
    out = np.zeros((n, n), v.dtype)
    for i in np.ndindex(v.shape):
        out[row + offset(i, v.shape), column + offset(i, v.shape)] = v[i]
    return out


@defines(np.diag)
def diag(v, k=0):
    return diagflat(v, k) if v.ndim == 1 else np.diagonal(v, k)


@defines(np.tril, once="m")
def tril(m, k=0):
    out = np.zeros(m.shape, m.dtype)
    for i in np.ndindex(m.shape[:-1]):
        for j in range(np.minimum(i[-1] + (k + 1), m.shape[-1])):
            place = (*i, j)
            out[place] = m[place]
    return out


@defines(np.triu, once="m")
def triu(m, k=0):
    out = np.zeros(m.shape, m.dtype)
    for i in np.ndindex(m.shape[:-1]):
        for j in range(np.maximum(i[-1] + k, 0), m.shape[-1]):
            place = (*i, j)
            out[place] = m[place]
    return out


@defines(np.tri, arrays="")
def tri(N, M=None, k=0, dtype=float):
    columns = N if M is None else M
    out = np.zeros((N, columns), dtype)
    for i in range(N):
        for j in range(np.minimum(i + (k + 1), columns)):
            out[i, j] = 1
    return out


def positions(n, m, k, upper):
    """The rows and columns of the elements on or above (below) a diagonal."""
    columns = n if m is None else m
    count = 0
    for i in range(n):
        low = np.minimum(np.maximum(i + k, 0), columns) if upper else 0
        high = columns if upper else np.minimum(np.maximum(i + k + 1, 0), columns)
        count += high - low
    rows, found = np.empty((count,), np.int64), np.empty((count,), np.int64)
    at = 0
    for i in range(n):
        low = np.minimum(np.maximum(i + k, 0), columns) if upper else 0
        high = columns if upper else np.minimum(np.maximum(i + k + 1, 0), columns)
        for j in range(low, high):
            rows[at + j - low] = i
            found[at + j - low] = j
        at += high - low
    return rows, found


@defines(np.tril_indices, arrays="")
def tril_indices(n, k=0, m=None):
    return positions(n, m, k, False)


@defines(np.triu_indices, arrays="")
def triu_indices(n, k=0, m=None):
    return positions(n, m, k, True)


@defines(np.vander, once="x")
def vander(x, N=None, increasing=False):
    n = x.shape[0] if N is None else N
    t = np.float64 if x.dtype.kind == "f" else np.int64
    out = np.empty((x.shape[0], n), t)
    for i in range(x.shape[0]):
        base, power = t(x[i]), t(1)
        for j in range(n):
            out[i, j if increasing else n - 1 - j] = power
            power *= base
    return out


# -- in place ------------------------------------------------------------------------------------------------------


@defines(np.fill_diagonal, arrays="a val")
def fill_diagonal(a, val):
    if a.ndim < 2:
        raise ValueError("array must be at least 2-d")
    for k in range(np.minimum(a.shape[0], a.shape[-1])):
        a[(k,) * a.ndim] = val[()] if val.ndim == 0 else val[k % val.shape[0]]


@defines(np.copyto, arrays="dst src")
def copyto(dst, src):
    for i in np.ndindex(common_shape(dst, src)):
        dst[i] = spread(src, i)
