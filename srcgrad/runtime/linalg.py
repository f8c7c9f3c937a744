"""LAPACK's routines with their results in arrays that are passed in.

Compiling one takes Numba seconds, so each is kept on disk.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba.extending import register_jitable


@register_jitable(cache=True)
def solve(a, b, x):
    x[...] = np.linalg.solve(a, b)


@register_jitable(cache=True)
def inv(a, out):
    out[...] = np.linalg.inv(a)


@register_jitable(cache=True)
def det(a, out):
    out[0] = np.linalg.det(a)


@register_jitable(cache=True)
def slogdet(a, sign, log):
    sign[0], log[0] = np.linalg.slogdet(a)


@register_jitable(cache=True)
def pinv(a, out):
    out[...] = np.linalg.pinv(a)


@register_jitable(cache=True)
def cholesky(a, out):
    out[...] = np.linalg.cholesky(a)


@register_jitable(cache=True)
def qr(a, q, r):
    first, second = np.linalg.qr(a)
    q[...] = first
    r[...] = second


@register_jitable(cache=True)
def eigh(a, w, v):
    values, vectors = np.linalg.eigh(a)
    w[...] = values
    v[...] = vectors


@register_jitable(cache=True)
def eigvalsh(a, w):
    w[...] = np.linalg.eigvalsh(a)


@register_jitable(cache=True)
def svd(a, u, s, vt):
    first, second, third = np.linalg.svd(a, False)
    u[...] = first
    s[...] = second
    vt[...] = third


@register_jitable(cache=True)
def svdvals(a, s):
    s[...] = np.linalg.svd(a, False)[1]


@register_jitable(cache=True)
def argsort(a, order):
    order[...] = np.argsort(a, kind="mergesort")


def noting(routine: Callable) -> Callable:
    """`routine` with one array more, the last, whose element becomes 1 where it fails."""

    @register_jitable(cache=True)
    def call(*arrays):
        try:
            routine(*arrays[:-1])
        except Exception:  # noqa: BLE001 - Numba catches no others
            arrays[-1][0] = 1

    return call


try_solve, try_inv, try_det, try_slogdet = noting(solve), noting(inv), noting(det), noting(slogdet)
try_pinv, try_cholesky, try_qr, try_eigh = noting(pinv), noting(cholesky), noting(qr), noting(eigh)
try_eigvalsh, try_svd, try_svdvals = noting(eigvalsh), noting(svd), noting(svdvals)
