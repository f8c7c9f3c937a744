"""Log marginal likelihood of a Gaussian process, squared exponential kernel with a length scale a dimension.

The primal has its Cholesky decomposition written out, in place; array libraries call LAPACK's. The last argument
but one holds logarithms: length scales (d), signal and noise. Gradient with respect to the inputs (n, d) and these.
"""

import math

import numpy as np

from benchmarks.workloads.workload import Workload


def make(rng, n, d):
    x = rng.uniform(-2.0, 2.0, (n, d))
    logs = np.append(0.1 * rng.normal(size=d), [0.2, -1.0])
    return x, logs, np.sin(x.sum(axis=1)) + 0.3 * rng.normal(size=n)


def primal(x, logs, y):
    n, d = x.shape
    inverse = np.exp(-logs[:d])
    signal = math.exp(2.0 * logs[d])
    noise = math.exp(2.0 * logs[d + 1])
    a = np.empty((n, n))
    for i in range(n):
        for j in range(i + 1):
            square = 0.0
            for k in range(d):
                e = (x[i, k] - x[j, k]) * inverse[k]
                square += e * e
            a[i, j] = signal * math.exp(-0.5 * square)
        a[i, i] += noise
    for i in range(n):
        for j in range(i):
            s = a[i, j]
            for k in range(j):
                s -= a[i, k] * a[j, k]
            a[i, j] = s / a[j, j]
        s = a[i, i]
        for k in range(i):
            s -= a[i, k] * a[i, k]
        a[i, i] = math.sqrt(s)
    z = np.empty(n)
    likelihood = -0.5 * n * math.log(2.0 * math.pi)
    for i in range(n):
        s = y[i]
        for k in range(i):
            s -= a[i, k] * z[k]
        z[i] = s / a[i, i]
        likelihood -= 0.5 * z[i] * z[i] + math.log(a[i, i])
    return likelihood


def in_jax(x, logs, y):
    import jax
    import jax.numpy as jnp

    n, d = x.shape
    scaled = x * jnp.exp(-logs[:d])
    square = jnp.sum((scaled[:, None] - scaled[None]) ** 2, axis=2)
    kernel = jnp.exp(2.0 * logs[d] - 0.5 * square) + jnp.exp(2.0 * logs[d + 1]) * jnp.eye(n)
    factor = jnp.linalg.cholesky(kernel, symmetrize_input=False)
    z = jax.scipy.linalg.solve_triangular(factor, y, lower=True)
    return -0.5 * z @ z - jnp.sum(jnp.log(jnp.diag(factor))) - 0.5 * n * math.log(2.0 * math.pi)


def in_torch(x, logs, y):
    import torch

    n, d = x.shape
    scaled = x * torch.exp(-logs[:d])
    square = ((scaled[:, None] - scaled[None]) ** 2).sum(2)
    kernel = torch.exp(2.0 * logs[d] - 0.5 * square) + torch.diag(torch.exp(2.0 * logs[d + 1]).expand(n))
    factor = torch.linalg.cholesky(kernel)
    z = torch.linalg.solve_triangular(factor, y[:, None], upper=False)[:, 0]
    return -0.5 * torch.dot(z, z) - torch.log(torch.diagonal(factor)).sum() - 0.5 * n * math.log(2.0 * math.pi)


WORKLOAD = Workload(
    primal=primal,
    argnums=(0, 1),
    sizes={"XS": {"n": 4, "d": 2}, "S": {"n": 20, "d": 3}, "M": {"n": 150, "d": 3}, "L": {"n": 300, "d": 3}},
    make=make,
    jax={"": in_jax},
    torch={"": in_torch},
)
