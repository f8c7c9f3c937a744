"""Least squares, and linear algebra on stacks of matrices, by the routines for one matrix."""

import numpy as np

from srcgrad.numpy_lib.registry import defines


@defines(np.linalg.lstsq, arrays="a b")
def lstsq(a, b, rcond=None):
    if rcond is not None:
        raise ValueError("lstsq takes its own rcond only")
    m, n = a.shape
    s = np.linalg.svd(a, compute_uv=False)
    least = np.finfo(s.dtype).eps * max(m, n)
    rank = 0
    for k in range(s.shape[0]):
        if s[k] > least * s[0]:
            rank += 1
    x = np.linalg.pinv(a) @ b
    full = rank == n and m > n
    if b.ndim == 1:
        r = b - a @ x
        residuals = np.empty((1 if full else 0,), x.dtype)
        if full:
            residuals[0] = np.sum(r * r)
        return x, residuals, rank, s
    r = b - a @ x
    residuals = np.empty((b.shape[1] if full else 0,), x.dtype)
    if full:
        residuals[:] = np.sum(r * r, axis=0)
    return x, residuals, rank, s


def each_matrix(function, a):
    out = np.empty(a.shape, a.dtype)
    for i in np.ndindex(a.shape[:-2]):
        out[i] = function(a[i])
    return out


def each_number(function, a):
    out = np.empty(a.shape[:-2], a.dtype)
    for i in np.ndindex(a.shape[:-2]):
        out[i] = function(a[i])
    return out


def each_solution(a, b):
    out = np.empty(b.shape, np.result_type(a, b))
    for i in np.ndindex(b.shape[:-2]):
        out[i] = np.linalg.solve(a[i], b[i])
    return out
