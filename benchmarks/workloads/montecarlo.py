"""Monte-Carlo price of an up-and-out call with a smoothed barrier under Heston's stochastic volatility.

Paths in the outer loop, steps in the inner one; the normal draws are given. Gradient with respect to five numbers: the
initial variance, its rate of reversion, its long-run level, its volatility, and the correlation. Array libraries step
all paths at once, on draws (steps, paths).
"""

import math

import numpy as np

from benchmarks.workloads.workload import Workload

SPOT, STRIKE, BARRIER, WIDTH, RATE, MATURITY = 100.0, 95.0, 140.0, 2.0, 0.02, 1.0


def make(rng, paths, steps):
    return 0.04, 2.0, 0.05, 0.3, -0.6, rng.normal(size=(paths, steps)), rng.normal(size=(paths, steps))


def transposed(args):
    return *args[:5], *(np.ascontiguousarray(draws.T) for draws in args[5:])


def primal(variance0, reversion, level, volatility, correlation, draws, others):
    paths, steps = draws.shape
    dt = MATURITY / steps
    root_dt = math.sqrt(dt)
    rest = math.sqrt(1.0 - correlation * correlation)
    total = 0.0
    for p in range(paths):
        x = math.log(SPOT)
        variance = variance0
        alive = 1.0
        for t in range(steps):
            positive = max(variance, 1e-8)
            shock = math.sqrt(positive) * root_dt
            mixed = correlation * draws[p, t] + rest * others[p, t]
            x += (RATE - 0.5 * positive) * dt + shock * draws[p, t]
            variance += reversion * (level - positive) * dt + volatility * shock * mixed
            alive /= 1.0 + math.exp((math.exp(x) - BARRIER) / WIDTH)
        total += alive * max(math.exp(x) - STRIKE, 0.0)
    return math.exp(-RATE * MATURITY) * total / paths


def in_jax(variance0, reversion, level, volatility, correlation, draws, others):
    import jax
    import jax.numpy as jnp

    steps, paths = draws.shape
    dt = MATURITY / steps
    root_dt = math.sqrt(dt)
    rest = jnp.sqrt(1.0 - correlation * correlation)

    def step(carry, normals):
        x, variance, alive = carry
        a, b = normals
        positive = jnp.maximum(variance, 1e-8)
        shock = jnp.sqrt(positive) * root_dt
        x = x + (RATE - 0.5 * positive) * dt + shock * a
        variance = variance + reversion * (level - positive) * dt + volatility * shock * (correlation * a + rest * b)
        return (x, variance, alive / (1.0 + jnp.exp((jnp.exp(x) - BARRIER) / WIDTH))), None

    start = (jnp.full(paths, math.log(SPOT)), jnp.broadcast_to(variance0, paths), jnp.ones(paths))
    (x, _, alive), _ = jax.lax.scan(jax.checkpoint(step, prevent_cse=False), start, (draws, others))
    return math.exp(-RATE * MATURITY) * jnp.mean(alive * jnp.maximum(jnp.exp(x) - STRIKE, 0.0))


def in_torch(variance0, reversion, level, volatility, correlation, draws, others):
    import torch

    steps, paths = draws.shape
    dt = MATURITY / steps
    root_dt = math.sqrt(dt)
    rest = torch.sqrt(1.0 - correlation * correlation)
    x = torch.full((paths,), math.log(SPOT), dtype=draws.dtype)
    variance = variance0.expand(paths)
    alive = torch.ones_like(x)
    for a, b in zip(draws.unbind(0), others.unbind(0), strict=True):
        positive = torch.clamp(variance, min=1e-8)
        shock = torch.sqrt(positive) * root_dt
        x = x + (RATE - 0.5 * positive) * dt + shock * a
        variance = variance + reversion * (level - positive) * dt + volatility * shock * (correlation * a + rest * b)
        alive = alive * torch.sigmoid((BARRIER - torch.exp(x)) / WIDTH)
    return math.exp(-RATE * MATURITY) * (alive * torch.clamp(torch.exp(x) - STRIKE, min=0.0)).mean()


WORKLOAD = Workload(
    primal=primal,
    argnums=(0, 1, 2, 3, 4),
    sizes={
        "XS": {"paths": 3, "steps": 4},
        "S": {"paths": 50, "steps": 16},
        "M": {"paths": 10_000, "steps": 64},
        "L": {"paths": 100_000, "steps": 100},
    },
    make=make,
    jax={"": in_jax},
    torch={"": in_torch},
    for_arrays=transposed,
)
