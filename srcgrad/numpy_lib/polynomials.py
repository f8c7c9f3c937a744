"""Convolutions and polynomials."""

import numpy as np

from srcgrad.numpy_lib.registry import defines


def overlap(n, m, mode, middle):
    """Where in all n + m - 1 places of two vectors the wanted ones begin, and how many they are."""
    if mode == "full":
        return 0, n + m - 1
    if mode == "same":
        return middle, max(n, m)
    if mode == "valid":
        return min(n, m) - 1, max(n, m) - min(n, m) + 1
    raise ValueError("mode must be one of 'valid', 'same', or 'full'")


def slid(a, v, start, length, turned):
    """The sums of products of `a` and `v`, which is turned around, at each of some places."""
    n, m = a.shape[0], v.shape[0]
    out = np.empty((length,), np.result_type(a, v))
    for k in range(length):
        place = start + k
        total = np.result_type(a, v).type(0)
        for i in range(max(place - m + 1, 0), min(place + 1, n)):
            total += a[i] * v[place - i if turned else m - 1 - place + i]
        out[k] = total
    return out


def expect_elements(a, v):
    if a.shape[0] == 0:
        raise ValueError("a cannot be empty")
    if v.shape[0] == 0:
        raise ValueError("v cannot be empty")


@defines(np.convolve, arrays="a v")
def convolve(a, v, mode="full"):
    expect_elements(a, v)
    n, m = a.shape[0], v.shape[0]
    start, length = overlap(n, m, mode, (min(n, m) - 1) // 2)
    return slid(a, v, start, length, True)


@defines(np.correlate, arrays="a v")
def correlate(a, v, mode="valid"):
    expect_elements(a, v)
    n, m = a.shape[0], v.shape[0]
    start, length = overlap(n, m, mode, n // 2 if n < m else (m - 1) // 2)
    return slid(a, v, start, length, False)


def polynomial_at(p, x, t):
    y = t(0)
    for k in range(p.shape[0]):
        y = y * x + t(p[k])
    return y


@defines(np.polyval, arrays="p x", once="x")
def polyval(p, x):
    t = np.result_type(p, x).type
    if x.ndim == 0:
        return polynomial_at(p, t(x[()]), t)
    out = np.empty(x.shape, t)
    for i in np.ndindex(x.shape):
        out[i] = polynomial_at(p, t(x[i]), t)
    return out


@defines(np.polyder)
def polyder(p, m=1):
    n = max(p.shape[0] - m, 0)
    out = np.empty((n,), p.dtype)
    for k in range(n):
        factor = 1
        for r in range(m):
            factor = factor * (p.shape[0] - 1 - k - r)
        out[k] = p[k] * factor
    return out
