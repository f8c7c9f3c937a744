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


LANES = 8  # points that go through the clusters together, side by side in a vector register


@njit(error_model="numpy", fastmath=True)
def scale_group(points, mean, diagonal, factor, centred, scaled):
    """Centred points (d, LANES) and their products with one factor."""
    d = mean.shape[0]
    for a in range(d):
        for r in range(LANES):
            centred[a, r] = points[a, r] - mean[a]
    for a in range(d):
        q = diagonal[a]
        s0, s1, s2, s3 = q * centred[a, 0], q * centred[a, 1], q * centred[a, 2], q * centred[a, 3]
        s4, s5, s6, s7 = q * centred[a, 4], q * centred[a, 5], q * centred[a, 6], q * centred[a, 7]
        at = d + a - 1
        for b in range(a):
            f = factor[at]
            s0 += f * centred[b, 0]
            s1 += f * centred[b, 1]
            s2 += f * centred[b, 2]
            s3 += f * centred[b, 3]
            s4 += f * centred[b, 4]
            s5 += f * centred[b, 5]
            s6 += f * centred[b, 6]
            s7 += f * centred[b, 7]
            at += d - 2 - b
        scaled[a, 0], scaled[a, 1], scaled[a, 2], scaled[a, 3] = s0, s1, s2, s3
        scaled[a, 4], scaled[a, 5], scaled[a, 6], scaled[a, 7] = s4, s5, s6, s7


@njit(error_model="numpy", fastmath=True)
def add_group(scaled, centred, b_factor):
    """Subtract the products of scaled and centred points (d, LANES) from the adjoint of one factor."""
    d = scaled.shape[0]
    at = d
    for b in range(d):
        x0, x1, x2, x3 = centred[b, 0], centred[b, 1], centred[b, 2], centred[b, 3]
        x4, x5, x6, x7 = centred[b, 4], centred[b, 5], centred[b, 6], centred[b, 7]
        for a in range(b, d):
            s = scaled[a, 0] * x0 + scaled[a, 1] * x1 + scaled[a, 2] * x2 + scaled[a, 3] * x3
            s += scaled[a, 4] * x4 + scaled[a, 5] * x5 + scaled[a, 6] * x6 + scaled[a, 7] * x7
            if a == b:
                b_factor[b] -= s
            else:
                b_factor[at] -= s
                at += 1


@njit(error_model="numpy", fastmath=True)
def by_hand(log_weights, means, factors, x, gamma, m):
    """The tape is that of a few points: all clusters' centred and scaled vectors.

    Adjoints of the means are finished after the loop over points: they are linear in what does not change there.
    """
    n, d = x.shape
    k = log_weights.shape[0]
    diagonal = np.exp(factors[:, :d])
    offset = np.empty(k)
    for c in range(k):
        offset[c] = log_weights[c] + np.sum(factors[c, :d])
    points = np.empty((d, LANES))
    centred = np.empty((k, d, LANES))
    scaled = np.empty((k, d, LANES))
    term = np.empty((k, LANES))
    counts = np.zeros(k)
    moved = np.zeros((k, d))  # sums of share * scaled
    b_log_weights = np.empty(k)
    b_means = np.zeros_like(means)
    b_factors = np.zeros_like(factors)
    likelihood = 0.0
    for first in range(0, n, LANES):
        for r in range(LANES):
            i = min(first + r, n - 1)  # the last group is filled up with copies that do not count
            for a in range(d):
                points[a, r] = x[i, a]
        for c in range(k):
            scale_group(points, means[c], diagonal[c], factors[c], centred[c], scaled[c])
            for r in range(LANES):
                term[c, r] = 0.0
            for a in range(d):
                for r in range(LANES):
                    term[c, r] += scaled[c, a, r] * scaled[c, a, r]
            for r in range(LANES):
                term[c, r] = offset[c] - 0.5 * term[c, r]
        for r in range(LANES):
            top = term[0, r]
            for c in range(1, k):
                top = max(top, term[c, r])
            total = 0.0
            for c in range(k):
                term[c, r] = math.exp(term[c, r] - top)
                total += term[c, r]
            counted = 1.0 if first + r < n else 0.0
            likelihood += counted * (top + math.log(total))
            for c in range(k):
                term[c, r] *= counted / total
        for c in range(k):
            for r in range(LANES):
                counts[c] += term[c, r]
            for a in range(d):
                s = 0.0
                for r in range(LANES):
                    scaled[c, a, r] *= term[c, r]
                    s += scaled[c, a, r]
                moved[c, a] += s
            add_group(scaled[c], centred[c], b_factors[c])
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
