"""Mean cross-entropy of a dense network with two hidden layers (rectifiers) on a batch; what MNIST examples train.

Gradient with respect to all weights and biases.
"""

import itertools

import numpy as np

from benchmarks.workloads.workload import Workload


def make(rng, batch, widths):
    parameters = []
    for before, after in itertools.pairwise(widths):
        parameters += [rng.normal(size=(before, after)) * np.sqrt(2.0 / before), 0.01 * rng.normal(size=after)]
    labels = rng.integers(0, widths[-1], batch).astype(np.int64)
    return *parameters, rng.normal(size=(batch, widths[0])), labels


def primal(w1, b1, w2, b2, w3, b3, x, labels):
    h1 = np.maximum(x @ w1 + b1, 0.0)
    h2 = np.maximum(h1 @ w2 + b2, 0.0)
    scores = h2 @ w3 + b3
    n = scores.shape[0]
    loss = 0.0
    for i in range(n):
        top = np.max(scores[i])
        loss += top + np.log(np.sum(np.exp(scores[i] - top))) - scores[i, labels[i]]
    return loss / n


def in_jax(w1, b1, w2, b2, w3, b3, x, labels):
    import jax
    import jax.numpy as jnp

    h1 = jax.nn.relu(x @ w1 + b1)
    h2 = jax.nn.relu(h1 @ w2 + b2)
    scores = h2 @ w3 + b3
    chosen = jnp.take_along_axis(scores, labels[:, None], axis=1)[:, 0]
    return jnp.mean(jax.nn.logsumexp(scores, axis=1) - chosen)


def in_torch(w1, b1, w2, b2, w3, b3, x, labels):
    import torch

    h1 = torch.relu(torch.addmm(b1, x, w1))
    h2 = torch.relu(torch.addmm(b2, h1, w2))
    return torch.nn.functional.cross_entropy(torch.addmm(b3, h2, w3), labels)


WORKLOAD = Workload(
    primal=primal,
    argnums=(0, 1, 2, 3, 4, 5),
    sizes={
        "XS": {"batch": 3, "widths": (4, 3, 3, 2)},
        "S": {"batch": 8, "widths": (20, 16, 8, 10)},
        "M": {"batch": 256, "widths": (784, 512, 256, 10)},
        "L": {"batch": 4096, "widths": (784, 512, 256, 10)},
    },
    make=make,
    jax={"": in_jax},
    torch={"": in_torch},
)
