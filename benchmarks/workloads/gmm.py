"""Log posterior of a Gaussian mixture, with a Wishart prior on the inverse covariances.

The GMM objective of ADBench (Srajer, Kukelova and Fitzgibbon, 2018). A row of `factors` holds the lower triangular
factor of one inverse covariance: the logarithms of its d diagonal elements, then what is below, column by column.
Gradient with respect to log weights (k), means (k, d) and factors (k, d (d + 1) / 2).
"""

import math

import numpy as np
from numba import njit

from benchmarks.workloads.workload import Workload


def make(rng, d, k, n):
    log_weights = rng.normal(size=k)
    means = rng.normal(size=(k, d))
    factors = 0.3 * rng.normal(size=(k, d * (d + 1) // 2))
    return log_weights, means, factors, 1.5 * rng.normal(size=(n, d)), 1.3, 2


def primal(log_weights, means, factors, x, gamma, m):
    n, d = x.shape
    k = log_weights.shape[0]
    diagonal = np.exp(factors[:, :d])
    log_det = np.zeros(k)
    for c in range(k):
        for a in range(d):
            log_det[c] += factors[c, a]
    centred = np.empty(d)
    scaled = np.empty(d)
    term = np.empty(k)
    likelihood = 0.0
    for i in range(n):
        for c in range(k):
            for a in range(d):
                centred[a] = x[i, a] - means[c, a]
                scaled[a] = diagonal[c, a] * centred[a]
            at = d
            for b in range(d):
                for a in range(b + 1, d):
                    scaled[a] += factors[c, at] * centred[b]
                    at += 1
            square = 0.0
            for a in range(d):
                square += scaled[a] * scaled[a]
            term[c] = log_weights[c] + log_det[c] - 0.5 * square
        top = term[0]
        for c in range(1, k):
            top = max(top, term[c])
        total = 0.0
        for c in range(k):
            total += math.exp(term[c] - top)
        likelihood += top + math.log(total)

    top = np.max(log_weights)
    normaliser = top + np.log(np.sum(np.exp(log_weights - top)))
    prior = 0.0
    for c in range(k):
        square = 0.0
        for a in range(d):
            square += diagonal[c, a] * diagonal[c, a]
        for at in range(d, factors.shape[1]):
            square += factors[c, at] * factors[c, at]
        prior += 0.5 * gamma * gamma * square - m * log_det[c]
    freedom = d + m + 1
    log_gamma = 0.25 * d * (d - 1) * math.log(math.pi)
    for a in range(d):
        log_gamma += math.lgamma(0.5 * (freedom - a))
    per_cluster = freedom * d * (math.log(gamma) - 0.5 * math.log(2.0)) - log_gamma
    return likelihood - n * (0.5 * d * math.log(2.0 * math.pi) + normaliser) - prior + k * per_cluster


@njit
def constant(n, d, k, gamma, m):
    """What of the objective does not depend on the parameters."""
    freedom = d + m + 1
    log_gamma = 0.25 * d * (d - 1) * math.log(math.pi)
    for a in range(d):
        log_gamma += math.lgamma(0.5 * (freedom - a))
    per_cluster = freedom * d * (math.log(gamma) - 0.5 * math.log(2.0)) - log_gamma
    return k * per_cluster - 0.5 * n * d * math.log(2.0 * math.pi)


@njit(error_model="numpy", fastmath=True)
def outside_the_data(log_weights, factors, diagonal, counts, gamma, m, n, b_log_weights, b_factors):
    """Value and adjoints of the prior and the normaliser; also what the likelihood passes to the log determinants."""
    k, d = diagonal.shape
    top = np.max(log_weights)
    total = 0.0
    for c in range(k):
        total += math.exp(log_weights[c] - top)
    value = -n * (top + math.log(total))
    for c in range(k):
        b_log_weights[c] = counts[c] - n * math.exp(log_weights[c] - top) / total
        for a in range(d):
            q = diagonal[c, a]
            value -= 0.5 * gamma * gamma * q * q - m * factors[c, a]
            b_factors[c, a] += counts[c] + m - gamma * gamma * q * q
        for at in range(d, factors.shape[1]):
            value -= 0.5 * gamma * gamma * factors[c, at] * factors[c, at]
            b_factors[c, at] -= gamma * gamma * factors[c, at]
    return value


@njit(error_model="numpy", fastmath=True)
def by_hand(log_weights, means, factors, x, gamma, m):
    """The tape is one point's: all clusters' centred and scaled vectors.

    Adjoints of the means are finished after the loop over points: they are linear in what does not change there.
    """
    n, d = x.shape
    k = log_weights.shape[0]
    diagonal = np.exp(factors[:, :d])
    offset = np.empty(k)
    for c in range(k):
        offset[c] = log_weights[c] + np.sum(factors[c, :d])
    centred = np.empty((k, d))
    scaled = np.empty((k, d))
    term = np.empty(k)
    counts = np.zeros(k)
    moved = np.zeros((k, d))  # sums of share * scaled
    b_log_weights = np.empty(k)
    b_means = np.zeros_like(means)
    b_factors = np.zeros_like(factors)
    likelihood = 0.0
    for i in range(n):
        for c in range(k):
            xc = centred[c]
            s = scaled[c]
            for a in range(d):
                xc[a] = x[i, a] - means[c, a]
                s[a] = diagonal[c, a] * xc[a]
            at = d
            for b in range(d - 1):
                f = factors[c, at : at + d - 1 - b]
                t = s[b + 1 :]
                y = xc[b]
                for a in range(f.shape[0]):
                    t[a] += f[a] * y
                at += d - 1 - b
            square = 0.0
            for a in range(d):
                square += s[a] * s[a]
            term[c] = offset[c] - 0.5 * square
        top = np.max(term)
        total = 0.0
        for c in range(k):
            term[c] = math.exp(term[c] - top)
            total += term[c]
        likelihood += top + math.log(total)
        for c in range(k):
            share = term[c] / total
            counts[c] += share
            xc = centred[c]
            s = scaled[c]
            for a in range(d):
                s[a] *= share
                moved[c, a] += s[a]
                b_factors[c, a] -= s[a] * xc[a]  # times the diagonal, below
            at = d
            for b in range(d - 1):
                bf = b_factors[c, at : at + d - 1 - b]
                t = s[b + 1 :]
                y = xc[b]
                for a in range(bf.shape[0]):
                    bf[a] -= t[a] * y
                at += d - 1 - b
    for c in range(k):
        at = d
        for b in range(d):
            b_factors[c, b] *= diagonal[c, b]
            b_means[c, b] += diagonal[c, b] * moved[c, b]
            for a in range(b + 1, d):
                b_means[c, b] += factors[c, at] * moved[c, a]
                at += 1
    value = outside_the_data(log_weights, factors, diagonal, counts, gamma, m, n, b_log_weights, b_factors)
    return likelihood + value + constant(n, d, k, gamma, m), (b_log_weights, b_means, b_factors)


@njit(error_model="numpy", fastmath=True)
def by_hand_products(log_weights, means, factors, x, gamma, m):
    """Blocks of points, with the factors as one dense matrix: both sweeps are matrix products of the BLAS."""
    n, d = x.shape
    k = log_weights.shape[0]
    diagonal = np.exp(factors[:, :d])
    dense = np.zeros((k, d, d))
    shift = np.zeros((k, d))  # factor times mean
    offset = np.empty(k)
    for c in range(k):
        offset[c] = log_weights[c] + np.sum(factors[c, :d])
        at = d
        for b in range(d):
            dense[c, b, b] = diagonal[c, b]
            for a in range(b + 1, d):
                dense[c, a, b] = factors[c, at]
                at += 1
        for a in range(d):
            for b in range(a + 1):
                shift[c, a] += dense[c, a, b] * means[c, b]
    rows = dense.reshape(k * d, d)
    columns = np.ascontiguousarray(rows.T)
    shifts = shift.reshape(k * d)
    size = min(n, max(16, 262144 // (8 * k * d)))
    scaled = np.empty((size, k * d))
    product = np.zeros((k * d, d))
    partial = np.empty((k * d, d))
    moved = np.zeros(k * d)
    term = np.empty(k)
    counts = np.zeros(k)
    likelihood = 0.0
    for start in range(0, n, size):
        stop = min(n, start + size)
        block = x[start:stop]
        s = scaled[: stop - start]
        np.dot(block, columns, s)
        for i in range(stop - start):
            row = s[i]
            for c in range(k):
                square = 0.0
                for a in range(c * d, c * d + d):
                    row[a] -= shifts[a]
                    square += row[a] * row[a]
                term[c] = offset[c] - 0.5 * square
            top = np.max(term)
            total = 0.0
            for c in range(k):
                term[c] = math.exp(term[c] - top)
                total += term[c]
            likelihood += top + math.log(total)
            for c in range(k):
                share = term[c] / total
                counts[c] += share
                for a in range(c * d, c * d + d):
                    row[a] *= share
                    moved[a] += row[a]
        np.dot(s.T, block, partial)
        product += partial
    b_log_weights = np.empty(k)
    b_means = np.zeros_like(means)
    b_factors = np.zeros_like(factors)
    for c in range(k):
        at = d
        for b in range(d):
            for a in range(b, d):
                r = c * d + a
                change = moved[r] * means[c, b] - product[r, b]
                b_means[c, b] += dense[c, a, b] * moved[r]
                if a == b:
                    b_factors[c, b] = change * diagonal[c, b]
                else:
                    b_factors[c, at] = change
                    at += 1
    value = outside_the_data(log_weights, factors, diagonal, counts, gamma, m, n, b_log_weights, b_factors)
    return likelihood + value + constant(n, d, k, gamma, m), (b_log_weights, b_means, b_factors)


def below(d):
    """Rows and columns of the strict lower triangle, column by column."""
    columns, rows = np.triu_indices(d, 1)
    return rows, columns


def in_jax(log_weights, means, factors, x, gamma, m):
    import jax.numpy as jnp
    from jax.scipy.special import logsumexp

    (n, d), k = x.shape, log_weights.shape[0]
    rows, columns = below(d)
    eye = np.arange(d)
    q = jnp.zeros((k, d, d)).at[:, rows, columns].set(factors[:, d:]).at[:, eye, eye].set(jnp.exp(factors[:, :d]))
    log_det = jnp.sum(factors[:, :d], axis=1)
    scaled = (x @ q.reshape(k * d, d).T).reshape(n, k, d) - jnp.einsum("cab,cb->ca", q, means)
    terms = log_weights + log_det - 0.5 * jnp.sum(scaled * scaled, axis=2)
    prior = 0.5 * gamma**2 * jnp.sum(q * q) - m * jnp.sum(log_det)
    likelihood = jnp.sum(logsumexp(terms, axis=1)) - n * logsumexp(log_weights)
    return likelihood - prior + constant.py_func(n, d, k, gamma, m)


def in_torch(log_weights, means, factors, x, gamma, m):
    import torch

    (n, d), k = x.shape, log_weights.shape[0]
    rows, columns = map(torch.from_numpy, below(d))
    q = torch.diag_embed(torch.exp(factors[:, :d]))
    q = q.index_put((torch.arange(k)[:, None], rows, columns), factors[:, d:])
    log_det = factors[:, :d].sum(1)
    scaled = (x @ q.reshape(k * d, d).T).reshape(n, k, d) - torch.einsum("cab,cb->ca", q, means)
    terms = log_weights + log_det - 0.5 * (scaled * scaled).sum(2)
    prior = 0.5 * gamma**2 * (q * q).sum() - m * log_det.sum()
    likelihood = torch.logsumexp(terms, 1).sum() - n * torch.logsumexp(log_weights, 0)
    return likelihood - prior + constant.py_func(n, d, k, gamma, m)


WORKLOAD = Workload(
    primal=primal,
    argnums=(0, 1, 2),
    static=(4, 5),
    sizes={
        "XS": {"d": 3, "k": 2, "n": 4},
        "S": {"d": 2, "k": 5, "n": 100},
        "M": {"d": 10, "k": 25, "n": 1000},
        "L": {"d": 64, "k": 50, "n": 1000},
    },
    make=make,
    jax={"": in_jax},
    torch={"": in_torch},
    by_hand={"": by_hand, "products": by_hand_products},
)
