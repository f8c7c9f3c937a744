"""Mean negative log likelihood of a logistic regression.

Gradient with respect to the weights (d) and the intercept. The primal has expressions on whole arrays; the variant
`loop` goes through the observations.
"""

import math

import numpy as np

from benchmarks.workloads.workload import Workload


def make(rng, n, d):
    x = rng.normal(size=(n, d))
    weights = rng.normal(size=d) / math.sqrt(d)
    labels = (rng.random(n) < 1.0 / (1.0 + np.exp(-x @ weights))).astype(np.float64)
    return weights + 0.1, 0.3, x, labels


def primal(weights, intercept, x, labels):
    z = x @ weights + intercept
    return np.mean(np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z))) - labels * z)


def loop(weights, intercept, x, labels):
    n, d = x.shape
    total = 0.0
    for i in range(n):
        z = intercept
        for j in range(d):
            z += x[i, j] * weights[j]
        total += max(z, 0.0) + math.log1p(math.exp(-abs(z))) - labels[i] * z
    return total / n


def in_jax(weights, intercept, x, labels):
    import jax
    import jax.numpy as jnp

    z = x @ weights + intercept
    return jnp.mean(jax.nn.softplus(z) - labels * z)


def in_torch(weights, intercept, x, labels):
    import torch

    return torch.nn.functional.binary_cross_entropy_with_logits(torch.mv(x, weights) + intercept, labels)


WORKLOAD = Workload(
    primal=primal,
    argnums=(0, 1),
    sizes={
        "XS": {"n": 5, "d": 3},
        "S": {"n": 100, "d": 10},
        "M": {"n": 10_000, "d": 50},
        "L": {"n": 100_000, "d": 100},
    },
    make=make,
    jax={"": in_jax},
    torch={"": in_torch},
    variants={"loop": loop},
)
