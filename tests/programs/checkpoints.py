"""Time loops that keep snapshots and no tape."""

import math

import numpy as np

import srcgrad
from srcgrad import checkpointed

from .registry import program
from .samples import array, draw, scalar, signed


@program(draw(array(3), scalar(0.01, 0.02), 11))
def checkpointed_oscillator(p, h, n):
    x, v = p[0], p[1]
    for t in checkpointed(range(n)):
        a = -p[2] * math.sin(x)
        x, v = x + h * v, v + h * a
    return x * x + v * v


@program(draw(signed(6), scalar(0.1, 0.2), 9), tags={"compiled"})
def checkpointed_heat(u, k, n):
    v = u.copy()
    for t in srcgrad.checkpointed(range(n)):
        for i in range(1, u.shape[0] - 1):
            v[i] = u[i] + k * (u[i - 1] - 2.0 * u[i] + u[i + 1]) * u[i]
        u, v = v, u
    return np.sum(u * u)


@program(draw(signed(6), scalar(0.1, 0.2), 13), tags={"compiled"})
def checkpointed_by_revolve(u, k, n):
    for t in checkpointed(range(n), snapshots=3):
        u[1:] = u[1:] - k * np.sin(u[:-1])
        u[0] = u[0] * u[-1]
    return u


@program(draw(signed(5), scalar(0.1, 0.2), 4), numba_ok=False)
def checkpointed_new_arrays(u, k, n):
    total = 0.0
    for r in range(3):
        for t in checkpointed(range(1, 2 * n, 2)):
            before, u = u, np.cos(u * k) + t * 0.1
            total += before[0] * u[-1]
    return total, u
