"""The Lorenz system integrated by the classical Runge-Kutta method, in scalars.

The objective is half the squared length of the state at time 5 (later, chaos would make gradients out of rounding).
Gradient with respect to the initial state (3) and the parameters sigma, rho and beta (3).
"""

import numpy as np
from numba import njit

from benchmarks.workloads.workload import Workload

END = 5.0


def make(rng, steps):
    return np.array([1.0, 1.0, 20.0]) + 0.1 * rng.normal(size=3), np.array([10.0, 28.0, 8.0 / 3.0]), steps


@njit
def velocity(x, y, z, sigma, rho, beta):
    return sigma * (y - x), x * (rho - z) - y, x * y - beta * z


def primal(start, parameters, steps):
    h = END / steps
    sigma, rho, beta = parameters[0], parameters[1], parameters[2]
    x, y, z = start[0], start[1], start[2]
    for _ in range(steps):
        x1, y1, z1 = velocity(x, y, z, sigma, rho, beta)
        x2, y2, z2 = velocity(x + 0.5 * h * x1, y + 0.5 * h * y1, z + 0.5 * h * z1, sigma, rho, beta)
        x3, y3, z3 = velocity(x + 0.5 * h * x2, y + 0.5 * h * y2, z + 0.5 * h * z2, sigma, rho, beta)
        x4, y4, z4 = velocity(x + h * x3, y + h * y3, z + h * z3, sigma, rho, beta)
        x += h / 6.0 * (x1 + 2.0 * x2 + 2.0 * x3 + x4)
        y += h / 6.0 * (y1 + 2.0 * y2 + 2.0 * y3 + y4)
        z += h / 6.0 * (z1 + 2.0 * z2 + 2.0 * z3 + z4)
    return 0.5 * (x * x + y * y + z * z)


def in_jax(start, parameters, steps, *, remat=True):
    import jax

    h = END / steps
    numbers = tuple(parameters)  # outside of the step: its reverse would add to arrays

    def slope(state, by=None, scale=0.0):
        if by is not None:
            state = [s + scale * d for s, d in zip(state, by, strict=True)]
        return velocity.py_func(*state, *numbers)

    def step(state, _):
        k1 = slope(state)
        k2 = slope(state, k1, 0.5 * h)
        k3 = slope(state, k2, 0.5 * h)
        k4 = slope(state, k3, h)
        changes = zip(state, k1, k2, k3, k4, strict=True)
        return tuple(s + h / 6.0 * (a + 2.0 * b + 2.0 * c + d) for s, a, b, c, d in changes), None

    if remat:  # only the state of each step is kept, not every intermediate value: tens of times faster
        step = jax.checkpoint(step, prevent_cse=False)
    state, _ = jax.lax.scan(step, tuple(start), length=steps)
    return 0.5 * sum(s * s for s in state)


def in_jax_plain(start, parameters, steps):
    return in_jax(start, parameters, steps, remat=False)


def in_torch(start, parameters, steps):
    import torch

    # the velocity is linear plus (0, -x z, x y): few operations on vectors rather than many on numbers
    sigma, rho, beta = parameters
    zero, one = torch.zeros_like(sigma), torch.ones_like(sigma)
    linear = torch.stack([-sigma, sigma, zero, rho, -one, zero, zero, zero, -beta]).reshape(3, 3)
    swapped, signs = torch.tensor([0, 2, 1]), torch.tensor([0.0, -1.0, 1.0], dtype=start.dtype)
    h = END / steps

    def slope(state):
        return torch.addmv(signs * state[0] * state[swapped], linear, state)

    state = start
    for _ in range(steps):
        k1 = slope(state)
        k2 = slope(torch.add(state, k1, alpha=0.5 * h))
        k3 = slope(torch.add(state, k2, alpha=0.5 * h))
        k4 = slope(torch.add(state, k3, alpha=h))
        state = torch.add(state, k1 + 2.0 * (k2 + k3) + k4, alpha=h / 6.0)
    return 0.5 * torch.dot(state, state)


WORKLOAD = Workload(
    primal=primal,
    argnums=(0, 1),
    static=(2,),
    sizes={"XS": {"steps": 150}, "S": {"steps": 500}, "M": {"steps": 10_000}, "L": {"steps": 100_000}},
    make=make,
    jax={"": in_jax, "plain": in_jax_plain},
    torch={"": in_torch},
)
