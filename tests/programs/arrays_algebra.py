"""Linear algebra on whole arrays: library calls, products, and decompositions by slices."""

import numpy as np

from .arrays_samples import backwards, columns_first, every_second
from .registry import program
from .samples import array, dominant, draw, fixed, scalar, signed


@program(draw(signed(3, 4), signed(4, 5), signed(3), signed(4)))
def products_of_every_kind(a, b, u, v):
    c = a @ b
    s = u @ a @ v + v @ v
    return c.T @ u + s * (b.T @ v), u @ c


@program(draw(columns_first(signed(3, 4)), columns_first(signed(3, 5)), every_second(signed(5, 4))), numba_ok=False)
def products_of_transposed_operands(a, b, c):
    d = a.T @ b @ c
    return d.T @ d + d[::-1] @ c.T[:, :4], a[0] @ c[::2].T, np.dot(b.T[1], a)


@program(draw(signed(4, 3), signed(4), signed(3), array(0)))
def dot_methods_and_outer(a, x, y, none):
    rank_one = np.outer(x, y) + x.reshape(-1, 1) * a
    return a.T.dot(x).dot(y) + np.vdot(a[0], rank_one[1]) + np.dot(none, none) + np.trace(a.T @ rank_one)


@program(draw(signed(2, 3, 4), signed(2, 4, 5)))
def batched_products_by_loops(a, b):
    out = np.empty((a.shape[0], a.shape[1], b.shape[2]))
    for i in range(a.shape[0]):
        out[i] = a[i] @ b[i]
    return out


@program(draw(signed(2, 3, 4), signed(4, 5), signed(2, 4)), numba_ok=False)
def batched_products_by_matmul(a, b, v):
    return np.matmul(a, b), (a @ v[:, :, None])[..., 0]


@program(draw(dominant(4)))
def determinant_and_inverse(a):
    sign, logarithm = np.linalg.slogdet(a)
    return np.linalg.det(a) * 0.01 + sign * logarithm, np.linalg.inv(a)


@program(draw(signed(5, 3), signed(5)))
def least_squares_three_ways(a, b):
    x = np.linalg.lstsq(a, b)[0]
    q, r = np.linalg.qr(a)
    return x, np.linalg.solve(r, b @ np.ascontiguousarray(q)), np.linalg.pinv(a) @ b


@program(draw(signed(4, 3), scalar()))
def singular_values(a, shrink):
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    smaller = np.maximum(s - 0.1 * shrink, 0.0)
    return smaller.sum(), (u * smaller) @ vt


@program(draw(dominant(3), fixed([1.0, 2.0, 4.0]), scalar()))
def matrix_exponential_of_symmetric(a, shift, t):
    values, vectors = np.linalg.eigh(a + np.diag(shift))
    return vectors @ np.diag(np.exp(-t * values)) @ vectors.T


@program(draw(array(3, 3)))
def powers_of_a_matrix(a):
    return np.linalg.matrix_power(a, 3) + np.linalg.matrix_power(a + 2.0 * np.eye(3), -2)


@program(draw(signed(3, 4)), numba_ok=False)
def norms_along_axes(a):
    return (
        np.linalg.norm(a, axis=0),
        np.linalg.norm(a, ord=1, axis=1),
        np.linalg.norm(a) + np.linalg.norm(a, "fro") + np.linalg.norm(a[0], 3),
        a / np.linalg.norm(a, axis=-1, keepdims=True),
    )


@program(draw(dominant(4)))
def cholesky_by_slices(a):
    factor = np.zeros_like(a)
    for j in range(a.shape[0]):
        factor[j, j] = np.sqrt(a[j, j] - np.sum(factor[j, :j] ** 2))
        known = np.sum(factor[j + 1 :, :j] * factor[j, :j], axis=1)
        factor[j + 1 :, j] = (a[j + 1 :, j] - known) / factor[j, j]
    return factor


# Numba takes `@` of strided arrays, but with a warning
@program(draw(signed(5, 3)), numba_ok=False)
def gram_schmidt_by_columns(a):
    q = a.copy()
    r = np.zeros((3, 3))
    for j in range(a.shape[1]):
        for i in range(j):
            r[i, j] = q[:, i] @ q[:, j]
            q[:, j] -= r[i, j] * q[:, i]
        r[j, j] = np.linalg.norm(q[:, j])
        q[:, j] /= r[j, j]
    return q, r


@program(draw(columns_first(dominant(4)), signed(4)))
def lu_by_outer_products(a, b):
    n = a.shape[0]
    for k in range(n - 1):
        a[k + 1 :, k] /= a[k, k]
        a[k + 1 :, k + 1 :] -= np.outer(a[k + 1 :, k], a[k, k + 1 :])
    for k in range(1, n):
        b[k] -= np.sum(a[k, :k] * b[:k])
    for k in range(n - 1, -1, -1):
        b[k] = (b[k] - np.sum(a[k, k + 1 :] * b[k + 1 :])) / a[k, k]
    return b


@program(draw(signed(3, 5), signed(3, 5), array(3, 5), signed(3, 5)), tags=["compiled"])
def tridiagonal_systems_at_once(lower, upper, main, rhs):
    """One system in each row."""
    main += 3.0
    n = main.shape[1]
    for i in range(1, n):
        w = lower[:, i] / main[:, i - 1]
        main[:, i] -= w * upper[:, i - 1]
        rhs[:, i] -= w * rhs[:, i - 1]
    rhs[:, -1] /= main[:, -1]
    for i in range(n - 2, -1, -1):
        rhs[:, i] = (rhs[:, i] - upper[:, i] * rhs[:, i + 1]) / main[:, i]
    return rhs


@program(draw(dominant(4), array(4)))
def power_iteration_with_norms(a, v):
    for _ in range(4):
        v = a @ v
        v /= np.linalg.norm(v)
    return v @ a @ v, v


@program(draw(array(4, 4), scalar(0.7, 0.9)))
def page_rank(links, damping):
    n = links.shape[0]
    np.fill_diagonal(links, 0.0)
    transition = links / links.sum(axis=0)
    rank = np.full(n, 1.0 / n)
    while True:
        new = damping * (transition @ rank) + (1.0 - damping) / n
        if np.abs(new - rank).sum() < 0.05:
            return new
        rank = new


@program(draw(dominant(4), backwards(signed(4))))
def conjugate_gradients_of_vectors(a, b):
    x = np.zeros_like(b)
    r = b - a @ x
    p = r.copy()
    rr = np.dot(r, r)
    for _ in range(3):
        ap = a @ p
        alpha = rr / (p @ ap)
        x += alpha * p
        r -= alpha * ap
        rr, before = np.dot(r, r), rr
        p = r + (rr / before) * p
    return x


@program(draw(signed(2, 3), signed(3, 2), signed(3), signed(3)))
def kronecker_and_cross_products(a, b, u, v):
    k = np.kron(a, b)
    w = np.cross(u, v)
    return k @ k.T, np.cross(w, u) * np.sum(k, axis=0)[:3]


@program(draw(signed(3, 3, dtype=np.float32), signed(3, dtype=np.float32)), tags=["compiled"])
def single_precision_reflection(a, v):
    v = v / np.sqrt(np.sum(v * v))
    a = a - 2.0 * np.outer(v, v @ a)
    return np.tril(a) + np.triu(a, 1).T


@program(draw(dominant(3), signed(4, 3)), numba_ok=False)
def mahalanobis_distances(precision, x):
    d = x[:, None] - x
    return np.sqrt(np.sum(d @ precision * d, axis=-1) + 1e-2)


@program(draw(dominant(3), signed(3, 2)), numba_ok=False)
def stacked_solves(a, b):
    systems = np.stack((a, a + 2.0 * np.eye(3)))
    return np.linalg.solve(systems, np.stack((b, 2.0 * b))), np.linalg.det(systems), np.linalg.inv(systems[1])
