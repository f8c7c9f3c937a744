"""Log likelihood of a sequence under a hidden Markov model, by the forward algorithm in logarithms.

Gradient with respect to the logarithms of the initial (s), transition (s, s; from, to) and emission (s, v)
probabilities, as free parameters. The variant `matmul` takes the exponentials of the transitions once, and a
step is a product of a vector and a matrix.
"""

import math

import numpy as np

from benchmarks.workloads.workload import Workload


def make(rng, states, symbols, length):
    def log_probabilities(*shape):
        p = rng.dirichlet(np.ones(shape[-1]), shape[:-1])
        return np.log(np.maximum(p, 1e-3))

    tables = log_probabilities(states), log_probabilities(states, states), log_probabilities(states, symbols)
    return *tables, rng.integers(0, symbols, length).astype(np.int64)


def primal(initial, transition, emission, observed):
    states = initial.shape[0]
    alpha = np.empty(states)
    after = np.empty(states)
    for j in range(states):
        alpha[j] = initial[j] + emission[j, observed[0]]
    for t in range(1, observed.shape[0]):
        for j in range(states):
            top = alpha[0] + transition[0, j]
            for i in range(1, states):
                top = max(top, alpha[i] + transition[i, j])
            total = 0.0
            for i in range(states):
                total += math.exp(alpha[i] + transition[i, j] - top)
            after[j] = top + math.log(total) + emission[j, observed[t]]
        for j in range(states):
            alpha[j] = after[j]
    top = np.max(alpha)
    total = 0.0
    for j in range(states):
        total += math.exp(alpha[j] - top)
    return top + math.log(total)


def matmul(initial, transition, emission, observed):
    states = initial.shape[0]
    chances = np.exp(transition)
    alpha = initial + emission[:, observed[0]]
    p = np.empty(states)
    for t in range(1, observed.shape[0]):
        top = np.max(alpha)
        for i in range(states):
            p[i] = math.exp(alpha[i] - top)
        q = p @ chances
        for j in range(states):
            alpha[j] = math.log(q[j]) + top + emission[j, observed[t]]
    top = np.max(alpha)
    return top + math.log(np.sum(np.exp(alpha - top)))


def in_jax(initial, transition, emission, observed, *, remat=True):
    import jax

    emitted = emission.T[observed]

    def step(alpha, e):
        return jax.nn.logsumexp(alpha[:, None] + transition, axis=0) + e, None

    if remat:
        step = jax.checkpoint(step, prevent_cse=False)
    alpha, _ = jax.lax.scan(step, initial + emitted[0], emitted[1:])
    return jax.nn.logsumexp(alpha)


def in_jax_plain(initial, transition, emission, observed):
    return in_jax(initial, transition, emission, observed, remat=False)


def in_jax_matmul(initial, transition, emission, observed):
    import jax
    import jax.numpy as jnp

    chances, emitted = jnp.exp(transition), emission.T[observed]

    @jax.checkpoint
    def step(alpha, e):
        top = jax.lax.stop_gradient(jnp.max(alpha))  # it cancels
        return jnp.log(jnp.exp(alpha - top) @ chances) + top + e

    alpha, _ = jax.lax.scan(lambda alpha, e: (step(alpha, e), None), initial + emitted[0], emitted[1:])
    return jax.nn.logsumexp(alpha)


def in_torch(initial, transition, emission, observed):
    import torch

    first, *others = emission.T.index_select(0, observed).unbind(0)
    into = transition.T.contiguous()
    alpha = initial + first
    for e in others:
        alpha = torch.logsumexp(alpha + into, 1) + e
    return torch.logsumexp(alpha, 0)


def in_torch_matmul(initial, transition, emission, observed):
    import torch

    first, *others = emission.T.index_select(0, observed).unbind(0)
    chances = torch.exp(transition)
    alpha = initial + first
    for e in others:
        top = alpha.detach().max()
        alpha = torch.log(torch.exp(alpha - top) @ chances) + (top + e)
    return torch.logsumexp(alpha, 0)


WORKLOAD = Workload(
    primal=primal,
    argnums=(0, 1, 2),
    sizes={
        "XS": {"states": 3, "symbols": 4, "length": 5},
        "S": {"states": 4, "symbols": 6, "length": 50},
        "M": {"states": 16, "symbols": 20, "length": 1000},
        "L": {"states": 64, "symbols": 50, "length": 5000},
    },
    make=make,
    jax={"": in_jax, "plain": in_jax_plain, "matmul": in_jax_matmul},
    torch={"": in_torch, "matmul": in_torch_matmul},
    variants={"matmul": matmul},
)
