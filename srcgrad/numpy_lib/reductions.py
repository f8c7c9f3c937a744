"""Reductions over all elements. In float32, sums are float32, as in NumPy."""

import numpy as np

from srcgrad.numpy_lib.registry import defines


def count(a):
    """The number of elements, as a number of the array's own float type."""
    return a.dtype.type(a.size) if a.dtype.kind == "f" else a.size


@defines(np.sum)
def sum(a):
    total = a.dtype.type(0)
    for i in np.ndindex(a.shape):
        total = total + a[i]
    return total


@defines(np.prod)
def prod(a):
    total = a.dtype.type(1)
    for i in np.ndindex(a.shape):
        total = total * a[i]
    return total


@defines(np.mean)
def mean(a):
    return sum(a) / count(a)


@defines(np.var)
def var(a):
    m = mean(a)
    total = a.dtype.type(0)
    for i in np.ndindex(a.shape):
        d = a[i] - m
        total = total + d * d
    return total / count(a)


@defines(np.std)
def std(a):
    return np.sqrt(var(a))


@defines(np.max, np.amax)
def max(a):
    if a.size == 0:
        raise ValueError("zero-size array to reduction operation maximum which has no identity")
    best = a[(0,) * a.ndim]
    for i in np.ndindex(a.shape):
        best = np.maximum(best, a[i])
    return best


@defines(np.min, np.amin)
def min(a):
    if a.size == 0:
        raise ValueError("zero-size array to reduction operation minimum which has no identity")
    best = a[(0,) * a.ndim]
    for i in np.ndindex(a.shape):
        best = np.minimum(best, a[i])
    return best


@defines(np.linalg.norm)
def norm(a):
    total = a.dtype.type(0)
    for i in np.ndindex(a.shape):
        total = total + a[i] * a[i]
    return np.sqrt(total)
