"""Soft dynamic time warping (Cuturi and Blondel, 2017) between two series, with squared Euclidean costs.

Gradient with respect to both series, (n, d) and (m, d). Array libraries go by anti-diagonals of the table.
"""

import math

import numpy as np

from benchmarks.workloads.workload import Workload

FAR = 1e10


def make(rng, n, m, d):
    series = [np.cumsum(0.3 * rng.normal(size=(length, d)), axis=0) for length in (n, m)]
    return *series, 1.0


def primal(x, y, gamma):
    n, d = x.shape
    m = y.shape[0]
    best = np.full((n + 1, m + 1), FAR)
    best[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            cost = 0.0
            for k in range(d):
                e = x[i - 1, k] - y[j - 1, k]
                cost += e * e
            a = best[i - 1, j - 1]
            b = best[i - 1, j]
            c = best[i, j - 1]
            low = min(a, b, c)
            total = math.exp((low - a) / gamma) + math.exp((low - b) / gamma) + math.exp((low - c) / gamma)
            best[i, j] = cost + low - gamma * math.log(total)
    return best[n, m]


def in_jax(x, y, gamma):
    import jax
    import jax.numpy as jnp

    n, m = len(x), len(y)
    cost = jnp.sum((x[:, None] - y[None]) ** 2, axis=2)
    # rows of length n + m, cut into rows that are one shorter: each is shifted by one against the one above
    shifted = jnp.pad(cost, ((0, 0), (0, n)), constant_values=FAR).ravel()[:-n].reshape(n, n + m - 1)

    def after(row):
        return jnp.pad(row[:-1], (1, 0), constant_values=FAR)

    def step(carry, costs):
        before_last, last = carry
        a, b, c = after(before_last), after(last), last
        low = jax.lax.stop_gradient(jnp.minimum(jnp.minimum(a, b), c))  # it cancels
        total = sum(jnp.exp((low - v) / gamma) for v in (a, b, c))
        return (last, jnp.where(costs < FAR, costs + low - gamma * jnp.log(total), FAR)), None

    first = jnp.where(jnp.arange(n) == 0, shifted[:, 0], FAR)
    start = (jnp.full(n, FAR), first)
    (_, last), _ = jax.lax.scan(jax.checkpoint(step, prevent_cse=False), start, shifted.T[1:])
    return last[-1]


def in_torch(x, y, gamma):
    import torch

    pad = torch.nn.functional.pad
    n, m = len(x), len(y)
    cost = ((x[:, None] - y[None]) ** 2).sum(2)
    shifted = pad(cost, (0, n), value=FAR).reshape(-1)[:-n].reshape(n, n + m - 1)
    first, *others = shifted.T.unbind(0)
    before_last = torch.full_like(first, FAR)
    last = torch.cat([first[:1], before_last[1:]])
    for costs in others:
        choices = torch.stack([pad(before_last[:-1], (1, 0), value=FAR), pad(last[:-1], (1, 0), value=FAR), last])
        soft = -gamma * torch.logsumexp(choices / -gamma, 0)
        before_last, last = last, torch.where(costs < FAR, costs + soft, FAR)
    return last[-1]


WORKLOAD = Workload(
    primal=primal,
    argnums=(0, 1),
    static=(2,),
    sizes={
        "XS": {"n": 4, "m": 3, "d": 2},
        "S": {"n": 24, "m": 20, "d": 2},
        "M": {"n": 256, "m": 240, "d": 8},
        "L": {"n": 1600, "m": 1500, "d": 8},
    },
    make=make,
    jax={"": in_jax},
    torch={"": in_torch},
)
