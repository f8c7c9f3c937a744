"""Sum of Black-Scholes prices of n European calls.

Gradient with respect to spot, strike, maturity, rate and volatility, each (n): the Greeks of a book of options.
The primal is a loop over options, the variant has expressions on whole arrays.
"""

import math

import numpy as np
from numba import vectorize

from benchmarks.workloads.workload import Workload

HALF_ROOT = math.sqrt(0.5)


def make(rng, n):
    spot, strike = rng.uniform(50.0, 150.0, (2, n))
    return spot, strike, rng.uniform(0.2, 2.0, n), rng.uniform(0.0, 0.05, n), rng.uniform(0.1, 0.5, n)


def primal(spot, strike, maturity, rate, volatility):
    total = 0.0
    for i in range(spot.shape[0]):
        spread = volatility[i] * math.sqrt(maturity[i])
        drift = (rate[i] + 0.5 * volatility[i] * volatility[i]) * maturity[i]
        d1 = (math.log(spot[i] / strike[i]) + drift) / spread
        d2 = d1 - spread
        p1 = 0.5 * (1.0 + math.erf(d1 * HALF_ROOT))
        p2 = 0.5 * (1.0 + math.erf(d2 * HALF_ROOT))
        total += spot[i] * p1 - strike[i] * math.exp(-rate[i] * maturity[i]) * p2
    return total


@vectorize
def erf(x):
    return math.erf(x)  # NumPy has none


def arrays(spot, strike, maturity, rate, volatility):
    spread = volatility * np.sqrt(maturity)
    d1 = (np.log(spot / strike) + (rate + 0.5 * volatility * volatility) * maturity) / spread
    d2 = d1 - spread
    p1 = 0.5 * (1.0 + erf(d1 * HALF_ROOT))
    p2 = 0.5 * (1.0 + erf(d2 * HALF_ROOT))
    return np.sum(spot * p1 - strike * np.exp(-rate * maturity) * p2)


def price(xp, erf, spot, strike, maturity, rate, volatility):
    spread = volatility * xp.sqrt(maturity)
    d1 = (xp.log(spot / strike) + (rate + 0.5 * volatility * volatility) * maturity) / spread
    p1, p2 = (0.5 * (1.0 + erf(d * HALF_ROOT)) for d in (d1, d1 - spread))
    return (spot * p1 - strike * xp.exp(-rate * maturity) * p2).sum()


def in_jax(*args):
    import jax
    import jax.numpy as jnp

    return price(jnp, jax.scipy.special.erf, *args)


def in_jax_blocks(*args):
    """Value and gradient block by block: the temporaries of some thousand options stay in the cache."""
    import jax

    n = args[0].shape[0]
    blocks = next(b for b in range(max(1, n // 8000), 0, -1) if n % b == 0)
    gradient = jax.value_and_grad(in_jax, argnums=tuple(range(len(args))))
    values, gradients = jax.lax.map(lambda block: gradient(*block), [a.reshape(blocks, -1) for a in args])
    return values.sum(), [g.reshape(n) for g in gradients]


def in_torch(*args):
    import torch

    return price(torch, torch.erf, *args)


WORKLOAD = Workload(
    primal=primal,
    argnums=(0, 1, 2, 3, 4),
    sizes={"XS": {"n": 5}, "S": {"n": 100}, "M": {"n": 10_000}, "L": {"n": 1_000_000}},
    make=make,
    jax={"": in_jax},
    jax_gradients={"blocks": in_jax_blocks},
    torch={"": in_torch},
    variants={"arrays": arrays},
)
