"""Log likelihood of a Kalman filter with four states and two observed numbers a step.

x' = F x + N(0, Lq Lq^T), y = H x + N(0, Lr Lr^T). The primal has small loops and helpers that write into buffers, the
variant has products and functions of np.linalg. Gradient with respect to F (4, 4), H (2, 4), Lq (4, 4) and Lr (2, 2).
"""

import math

import numpy as np
from numba import njit

from benchmarks.workloads.workload import Workload

LOG_2PI = math.log(2.0 * math.pi)


def make(rng, steps):
    f = 0.95 * np.linalg.qr(rng.normal(size=(4, 4)))[0]
    h = rng.normal(size=(2, 4))
    lq = 0.3 * (np.tril(rng.normal(size=(4, 4))) + np.eye(4))
    lr = 0.2 * np.tril(rng.normal(size=(2, 2))) + 0.5 * np.eye(2)
    state = np.zeros(4)
    observed = np.empty((steps, 2))
    for t in range(steps):
        state = f @ state + lq @ rng.normal(size=4)
        observed[t] = h @ state + lr @ rng.normal(size=2)
    return f, h, lq, lr, observed


@njit
def product(a, b, out):
    """The product a b into out."""
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            s = 0.0
            for k in range(a.shape[1]):
                s += a[i, k] * b[k, j]
            out[i, j] = s


@njit
def product_transposed(a, b, out):
    """The product a b^T into out."""
    for i in range(a.shape[0]):
        for j in range(b.shape[0]):
            s = 0.0
            for k in range(a.shape[1]):
                s += a[i, k] * b[j, k]
            out[i, j] = s


def primal(f, h, lq, lr, observed):
    q = np.empty((4, 4))
    r = np.empty((2, 2))
    product_transposed(lq, lq, q)
    product_transposed(lr, lr, r)
    mean = np.zeros(4)
    ahead = np.empty(4)
    p = np.eye(4)
    fp = np.empty((4, 4))
    predicted = np.empty((4, 4))
    ph = np.empty((4, 2))
    hp = np.empty((2, 4))
    s = np.empty((2, 2))
    gain = np.empty((4, 2))
    likelihood = 0.0
    for t in range(observed.shape[0]):
        for i in range(4):
            total = 0.0
            for k in range(4):
                total += f[i, k] * mean[k]
            ahead[i] = total
        product(f, p, fp)
        product_transposed(fp, f, predicted)
        for i in range(4):
            for j in range(4):
                predicted[i, j] += q[i, j]
        product_transposed(predicted, h, ph)
        product(h, predicted, hp)
        product(h, ph, s)
        v0 = observed[t, 0]
        v1 = observed[t, 1]
        for k in range(4):
            v0 -= h[0, k] * ahead[k]
            v1 -= h[1, k] * ahead[k]
        a = s[0, 0] + r[0, 0]
        b = s[0, 1] + r[0, 1]
        c = s[1, 0] + r[1, 0]
        d = s[1, 1] + r[1, 1]
        det = a * d - b * c
        square = (d * v0 * v0 - (b + c) * v0 * v1 + a * v1 * v1) / det
        likelihood -= 0.5 * (math.log(det) + square) + LOG_2PI
        for i in range(4):
            gain[i, 0] = (ph[i, 0] * d - ph[i, 1] * c) / det
            gain[i, 1] = (ph[i, 1] * a - ph[i, 0] * b) / det
            mean[i] = ahead[i] + gain[i, 0] * v0 + gain[i, 1] * v1
        for i in range(4):
            for j in range(4):
                p[i, j] = predicted[i, j] - gain[i, 0] * hp[0, j] - gain[i, 1] * hp[1, j]
    return likelihood


def arrays(f, h, lq, lr, observed):
    q = lq @ lq.T
    r = lr @ lr.T
    mean = np.zeros(4)
    p = np.eye(4)
    likelihood = 0.0
    for t in range(observed.shape[0]):
        mean = f @ mean
        p = f @ p @ f.T + q
        ph = p @ h.T
        s = h @ ph + r
        v = observed[t] - h @ mean
        inverse = np.linalg.inv(s)
        likelihood -= 0.5 * (np.log(np.linalg.det(s)) + np.dot(v, inverse @ v)) + LOG_2PI
        gain = ph @ inverse
        mean = mean + gain @ v
        p = p - gain @ (h @ p)
    return likelihood


def in_jax(f, h, lq, lr, observed, *, fused=True):
    import jax
    import jax.numpy as jnp

    if fused:  # products of this size as sums over an axis, which XLA puts into one loop; it calls dot for each `@`

        def dot(a, b):
            return jnp.sum(a[:, :, None] * b[None], axis=1) if b.ndim == 2 else jnp.sum(a * b, axis=1)
    else:
        dot = jnp.matmul
    q, r = lq @ lq.T, lr @ lr.T

    def step(carry, y):
        mean, p = carry
        mean = dot(f, mean)
        p = dot(dot(f, p), f.T) + q
        ph = dot(p, h.T)
        s = dot(h, ph) + r
        v = y - dot(h, mean)
        (a, b), (c, d) = s
        det = a * d - b * c
        inverse = jnp.stack([jnp.stack([d, -b]), jnp.stack([-c, a])]) / det
        gain = dot(ph, inverse)
        term = jnp.log(det) + jnp.sum(v * dot(inverse, v))
        return (mean + dot(gain, v), p - dot(gain, dot(h, p))), term

    start = (jnp.zeros(4), jnp.eye(4))
    _, terms = jax.lax.scan(jax.checkpoint(step, prevent_cse=False), start, observed)
    return -0.5 * jnp.sum(terms) - len(observed) * LOG_2PI


def in_jax_dots(*args):
    return in_jax(*args, fused=False)


def in_torch(f, h, lq, lr, observed):
    import torch

    q, r = lq @ lq.T, lr @ lr.T
    ft, ht = f.T, h.T
    mean, p = torch.zeros(4, 1, dtype=f.dtype), torch.eye(4, dtype=f.dtype)
    spreads, squares = [], []
    for y in observed[:, :, None].unbind(0):
        mean = f @ mean
        p = torch.addmm(q, f @ p, ft)
        ph = p @ ht
        s = torch.addmm(r, h, ph)
        v = torch.addmm(y, h, mean, alpha=-1)
        inverse = torch.linalg.inv_ex(s)[0]
        weighted = inverse @ v
        mean = torch.addmm(mean, ph, weighted)
        p = torch.addmm(p, ph @ inverse, h @ p, alpha=-1)
        spreads.append(s)  # the determinants of all steps at once, after the loop
        squares.append((v * weighted).sum())
    s = torch.stack(spreads)
    det = s[:, 0, 0] * s[:, 1, 1] - s[:, 0, 1] * s[:, 1, 0]
    return -0.5 * (torch.log(det).sum() + torch.stack(squares).sum()) - len(observed) * LOG_2PI


WORKLOAD = Workload(
    primal=primal,
    argnums=(0, 1, 2, 3),
    sizes={"XS": {"steps": 3}, "S": {"steps": 50}, "M": {"steps": 1000}, "L": {"steps": 10_000}},
    make=make,
    jax={"": in_jax, "dots": in_jax_dots},
    torch={"": in_torch},
    variants={"arrays": arrays},
)
