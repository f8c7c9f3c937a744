"""Derivatives of matrix products and of LAPACK's routines.

M. B. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation (2008);
for the symmetric and singular value decompositions also J. Townsend, Differentiating the singular value decomposition
(2016); QR: S. F. Walter, L. Lehmann, Algorithmic differentiation of linear algebra functions (2010); Cholesky:
I. Murray, Differentiation of the Cholesky decomposition (2016); pseudo-inverse: G. H. Golub, V. Pereyra, SIAM J.
Numer. Anal. 10 (1973).

`cholesky` and `eigh` read the lower triangle of their matrix, and only that gets a derivative.
"""

import numpy as np

from srcgrad.rules.routines import routine, tangent_of


def lower_of(s):
    """The gradient with respect to the lower triangle of a symmetric matrix, for the gradient s of the whole."""
    out = np.zeros((s.shape[0], s.shape[0]), s.dtype)
    for i in range(s.shape[0]):
        out[i, i] = s[i, i]
        for j in range(i):
            out[i, j] = s[i, j] + s[j, i]
    return out


def mirrored(a):
    """The symmetric matrix of which a holds the lower triangle."""
    out = np.empty((a.shape[0], a.shape[0]), a.dtype)
    for i in range(a.shape[0]):
        for j in range(i + 1):
            out[i, j] = a[i, j]
            out[j, i] = a[i, j]
    return out


def lower_half(a):
    """The lower triangle, with half of the diagonal."""
    out = np.zeros((a.shape[0], a.shape[0]), a.dtype)
    for i in range(a.shape[0]):
        out[i, i] = 0.5 * a[i, i]
        for j in range(i):
            out[i, j] = a[i, j]
    return out


def skewed(a):
    """The lower triangle without the diagonal, less its transpose."""
    out = np.zeros((a.shape[0], a.shape[0]), a.dtype)
    for i in range(a.shape[0]):
        for j in range(i):
            out[i, j] = a[i, j]
            out[j, i] = -a[i, j]
    return out


def scaled_columns(a, s):
    """`a @ diag(s)`."""
    out = np.empty((a.shape[0], s.shape[0]), a.dtype)
    for i in range(a.shape[0]):
        for j in range(s.shape[0]):
            out[i, j] = a[i, j] * s[j]
    return out


def over_columns(a, s):
    """`a @ diag(1 / s)`; 0 where a is 0, and not a number where only s is."""
    out = np.zeros((a.shape[0], s.shape[0]), a.dtype)
    for i in range(a.shape[0]):
        for j in range(s.shape[0]):
            if s[j] != 0.0:
                out[i, j] = a[i, j] / s[j]
            elif a[i, j] != 0.0:
                out[i, j] = np.nan
    return out


def outside(u, a):
    """What of the columns of a lies outside the space that the columns of u span."""
    if u.shape[0] == u.shape[1]:
        return np.zeros((a.shape[0], a.shape[1]), a.dtype)
    return a - u @ (u.T @ a)


# -- products ------------------------------------------------------------------------------------------------------


@routine("np.dot")
def dot(a, b, out, bout):
    if a.ndim == 1:
        return b @ bout, np.outer(a, bout)
    if b.ndim == 1:
        return np.outer(bout, b), a.T @ bout
    return bout @ b.T, a.T @ bout


@tangent_of(dot)
def dot_left(a, b, out, da):
    return da @ b


@tangent_of(dot)
def dot_right(a, b, out, db):
    return a @ db


# -- linear systems ------------------------------------------------------------------------------------------------


@routine("solve")
def solve(a, b, x, bx):
    bb = np.linalg.solve(a.T, bx)
    if b.ndim == 1:
        return -np.outer(bb, x), bb
    return -(bb @ x.T), bb


@tangent_of(solve)
def solve_left(a, b, x, da):
    return -np.linalg.solve(a, da @ x)


@tangent_of(solve)
def solve_right(a, b, x, db):
    return np.linalg.solve(a, db)


@routine("inv")
def inv(a, c, bc):
    return -(c.T @ (bc @ c.T))


@tangent_of(inv)
def inv_of(a, c, da):
    return -(c @ (da @ c))


def minor(a, row, column):
    """A without one row and one column."""
    n = a.shape[0] - 1
    out = np.empty((n, n), a.dtype)
    for i in range(n):
        for j in range(n):
            out[i, j] = a[i + 1 if i >= row else i, j + 1 if j >= column else j]
    return out


def cofactors(a, d):
    """The gradient of the determinant d of a: by the inverse, but where a is singular, or nearly, by its minors."""
    n = a.shape[0]
    if d != 0.0:
        inverse = np.linalg.inv(a)
        if np.sum(np.abs(a)) * np.sum(np.abs(inverse)) < 1e8 * n:
            return d * inverse.T
    out = np.ones((n, n), a.dtype)
    if n > 1:
        for i in range(n):
            for j in range(n):
                out[i, j] = np.linalg.det(minor(a, i, j)) * (1.0 - 2.0 * ((i + j) % 2))
    return out


@routine("det")
def det(a, d, bd):
    return bd[0] * cofactors(a, d[0])


@tangent_of(det)
def det_of(a, d, da):
    out = np.empty((1,), a.dtype)
    out[0] = np.sum(cofactors(a, d[0]) * da)
    return out


@routine("slogdet")
def slogdet(a, sign, log, bsign, blog):
    return blog[0] * np.linalg.inv(a).T


@tangent_of(slogdet)
def slogdet_of(a, sign, log, da):
    out = np.empty((1,), a.dtype)
    out[0] = np.sum(np.linalg.inv(a).T * da)
    return np.zeros((1,), a.dtype), out


@routine("pinv")
def pinv(a, c, bc):
    left, right = c @ c.T, c.T @ c
    first = bc.T @ left
    second = right @ bc.T
    return (first - (c.T @ a.T) @ first) + (second - second @ (c @ a)) - c.T @ (bc @ c.T)


@tangent_of(pinv)
def pinv_of(a, c, da):
    first = (c @ c.T) @ da.T
    second = da.T @ (c.T @ c)
    return (first - (first @ a) @ c) + (second - c @ (a @ second)) - c @ (da @ c)


# -- decompositions ------------------------------------------------------------------------------------------------


@routine("cholesky")
def cholesky(a, l, bl):
    p = lower_half(l.T @ bl)
    s = np.linalg.solve(l.T, np.linalg.solve(l.T, p).T)
    return lower_half(s + s.T)


@tangent_of(cholesky)
def cholesky_of(a, l, da):
    half = np.linalg.solve(l, mirrored(da))
    return l @ lower_half(np.linalg.solve(l, half.T))


@routine("qr")
def qr(a, q, r, bq, br):
    if a.shape[0] < a.shape[1]:
        raise ValueError("the derivative of qr exists here for matrices with at least as many rows as columns")
    m = r @ br.T - bq.T @ q
    return np.linalg.solve(r, (bq + q @ mirrored(m)).T).T


@tangent_of(qr)
def qr_of(a, q, r, da):
    if a.shape[0] < a.shape[1]:
        raise ValueError("the derivative of qr exists here for matrices with at least as many rows as columns")
    rest = np.linalg.solve(r.T, da.T).T
    inner = q.T @ rest
    turn = skewed(inner)
    return q @ (turn - inner) + rest, (inner - turn) @ r


def over_gaps(k, w):
    """`k_ij / (w_j - w_i)`, how much vectors turn; 0 where k is 0, and not a number where only the gap is.

    Which vectors belong to equal values is LAPACK's choice: what depends on it has no derivative, or none of these.
    """
    out = np.zeros((w.shape[0], w.shape[0]), k.dtype)
    for i in range(w.shape[0]):
        for j in range(w.shape[0]):
            if w[i] != w[j]:
                out[i, j] = k[i, j] / (w[j] - w[i])
            elif i != j and k[i, j] != 0.0:
                out[i, j] = np.nan
    return out


@routine("eigh")
def eigh(a, w, v, bw, bv):
    inner = over_gaps(v.T @ bv, w)
    for i in range(w.shape[0]):
        inner[i, i] = bw[i]
    s = v @ (inner @ v.T)
    return 0.5 * lower_of(s + s.T)


@tangent_of(eigh)
def eigh_of(a, w, v, da):
    inner = v.T @ (mirrored(da) @ v)
    dw = np.empty((w.shape[0],), a.dtype)
    for i in range(w.shape[0]):
        dw[i] = inner[i, i]
    return dw, v @ over_gaps(inner, w)


@routine("eigvalsh")
def eigvalsh(a, w, bw):
    v = np.linalg.eigh(a)[1]
    s = scaled_columns(v, bw) @ v.T
    return 0.5 * lower_of(s + s.T)


@tangent_of(eigvalsh)
def eigvalsh_of(a, w, da):
    v = np.linalg.eigh(a)[1]
    inner = v.T @ (mirrored(da) @ v)
    dw = np.empty((w.shape[0],), a.dtype)
    for i in range(w.shape[0]):
        dw[i] = inner[i, i]
    return dw


@routine("svd")
def svd(a, u, s, vt, bu, bs, bvt):
    v, bv = vt.T, bvt.T
    ut, vv = u.T @ bu, vt @ bv
    inner = scaled_columns(over_gaps(ut - ut.T, s * s), s) + scaled_columns(over_gaps(vv - vv.T, s * s), s).T
    for i in range(s.shape[0]):
        inner[i, i] = bs[i]
    total = u @ (inner @ vt)
    total += over_columns(outside(u, bu), s) @ vt
    return total + u @ over_columns(outside(v, bv), s).T


@tangent_of(svd)
def svd_of(a, u, s, vt, da):
    v = vt.T
    inner = u.T @ (da @ v)
    ds = np.empty((s.shape[0],), a.dtype)
    for i in range(s.shape[0]):
        ds[i] = inner[i, i]
    right, left = scaled_columns(inner, s), scaled_columns(inner.T, s).T
    du = u @ over_gaps(right + right.T, s * s) + over_columns(outside(u, da @ v), s)
    dv = v @ over_gaps(left + left.T, s * s) + over_columns(outside(v, da.T @ u), s)
    return du, ds, dv.T


@routine("svdvals")
def svdvals(a, s, bs):
    u, _, vt = np.linalg.svd(a, full_matrices=False)
    return scaled_columns(u, bs) @ vt


@tangent_of(svdvals)
def svdvals_of(a, s, da):
    u, _, vt = np.linalg.svd(a, full_matrices=False)
    inner = u.T @ (da @ vt.T)
    ds = np.empty((s.shape[0],), a.dtype)
    for i in range(s.shape[0]):
        ds[i] = inner[i, i]
    return ds
