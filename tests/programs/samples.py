"""Sample arguments: each function returns a drawer `rng -> value`; `draw` makes an argument tuple of them."""

import numpy as np


def draw(*specs):
    """Arguments drawn one after the other; what is not callable stands for itself.

    >>> draw(scalar(), 3)(np.random.default_rng(0))[1]
    3
    """
    return lambda rng: tuple(spec(rng) if callable(spec) else spec for spec in specs)


def scalar(low=0.4, high=1.6):
    return lambda rng: float(rng.uniform(low, high))


def array(*shape, low=0.4, high=1.6, dtype=np.float64):
    return lambda rng: rng.uniform(low, high, shape).astype(dtype)


def signed(*shape, dtype=np.float64):
    """Entries of either sign, away from zero."""
    return lambda rng: (rng.uniform(0.3, 1.6, shape) * rng.choice([-1.0, 1.0], shape)).astype(dtype)


def increasing(n, start=0.1):
    """A strictly increasing grid."""
    return lambda rng: start + np.cumsum(rng.uniform(0.3, 0.9, n))


def indices(n, stop):
    """`n` indices below `stop`, with repeats."""
    return lambda rng: rng.integers(0, stop, n)


def fixed(values, dtype=None):
    """A fresh array of the given values."""
    return lambda rng: np.array(values, dtype=dtype)


def dominant(n):
    """A symmetric positive definite matrix, also diagonally dominant."""

    def draw_matrix(rng):
        half = rng.uniform(-0.4, 0.4, (n, n))
        return half + half.T + (n + 1.0) * np.eye(n)

    return draw_matrix
