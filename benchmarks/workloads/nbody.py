"""Gravitating bodies with softened forces, leapfrog steps (kick, drift, kick); the total energy at the end.

The force loop is that of the n-body programs everywhere, each pair visited once. Gradient with respect to positions
(n, 3), velocities (n, 3) and masses (n).
"""

import math

import numpy as np
from numba import njit

from benchmarks.workloads.workload import Workload


def make(rng, n, steps):
    return rng.normal(size=(n, 3)), 0.3 * rng.normal(size=(n, 3)), rng.uniform(0.5, 1.5, n) / n, 0.01, 0.1, steps


@njit
def accelerate(position, mass, soft, out):
    """Accelerations of all bodies, into out (n, 3)."""
    n = position.shape[0]
    for i in range(n):
        for c in range(3):
            out[i, c] = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            dx = position[j, 0] - position[i, 0]
            dy = position[j, 1] - position[i, 1]
            dz = position[j, 2] - position[i, 2]
            square = dx * dx + dy * dy + dz * dz + soft * soft
            pull = 1.0 / (square * math.sqrt(square))
            on_i = pull * mass[j]
            on_j = pull * mass[i]
            out[i, 0] += on_i * dx
            out[i, 1] += on_i * dy
            out[i, 2] += on_i * dz
            out[j, 0] -= on_j * dx
            out[j, 1] -= on_j * dy
            out[j, 2] -= on_j * dz


def primal(position0, velocity0, mass, dt, soft, steps):
    n = position0.shape[0]
    position = position0.copy()
    velocity = velocity0.copy()
    acceleration = np.empty((n, 3))
    accelerate(position, mass, soft, acceleration)
    for _ in range(steps):
        for i in range(n):
            for c in range(3):
                velocity[i, c] += 0.5 * dt * acceleration[i, c]
                position[i, c] += dt * velocity[i, c]
        accelerate(position, mass, soft, acceleration)
        for i in range(n):
            for c in range(3):
                velocity[i, c] += 0.5 * dt * acceleration[i, c]
    energy = 0.0
    for i in range(n):
        energy += 0.5 * mass[i] * (velocity[i, 0] ** 2 + velocity[i, 1] ** 2 + velocity[i, 2] ** 2)
        for j in range(i + 1, n):
            dx = position[j, 0] - position[i, 0]
            dy = position[j, 1] - position[i, 1]
            dz = position[j, 2] - position[i, 2]
            energy -= mass[i] * mass[j] / math.sqrt(dx * dx + dy * dy + dz * dz + soft * soft)
    return energy


@njit(error_model="numpy", fastmath=True)
def pull_all(p, mass, soft2, a, potential):
    """Accelerations a (3, n) at p (3, n), and potentials (n): sums of mass over distance.

    Each pair is computed twice. The inner loop only sums, so it is vectorised, and takes a third of the time of a loop
    over pairs that adds to both bodies.
    """
    x, y, z = p[0], p[1], p[2]
    own = 1.0 / math.sqrt(soft2)
    for i in range(mass.shape[0]):
        xi, yi, zi = x[i], y[i], z[i]
        sx = sy = sz = sp = 0.0
        for j in range(mass.shape[0]):
            dx, dy, dz = x[j] - xi, y[j] - yi, z[j] - zi
            near = 1.0 / math.sqrt(dx * dx + dy * dy + dz * dz + soft2)
            pull = mass[j] * near
            w = pull * near * near
            sx += w * dx
            sy += w * dy
            sz += w * dz
            sp += pull
        a[0, i] = sx
        a[1, i] = sy
        a[2, i] = sz
        potential[i] = sp - mass[i] * own


@njit(error_model="numpy", fastmath=True)
def pull_all_adjoint(p, mass, soft2, g, bp, bm):
    """What the adjoint g (3, n) of the accelerations means for positions and masses, added to bp (3, n) and bm (n)."""
    x, y, z = p[0], p[1], p[2]
    gx, gy, gz = g[0], g[1], g[2]
    for i in range(mass.shape[0]):
        xi, yi, zi, mi = x[i], y[i], z[i], mass[i]
        gxi, gyi, gzi = gx[i], gy[i], gz[i]
        sx = sy = sz = sm = 0.0
        for j in range(mass.shape[0]):
            dx, dy, dz = x[j] - xi, y[j] - yi, z[j] - zi
            near = 1.0 / math.sqrt(dx * dx + dy * dy + dz * dz + soft2)
            near2 = near * near
            cube = near2 * near
            along_i = dx * gxi + dy * gyi + dz * gzi
            along_j = dx * gx[j] + dy * gy[j] + dz * gz[j]
            wi, wj = cube * mass[j], cube * mi
            f = 3.0 * near2 * (wi * along_i - wj * along_j)
            sx += wi * gxi - wj * gx[j] - f * dx
            sy += wi * gyi - wj * gy[j] - f * dy
            sz += wi * gzi - wj * gz[j] - f * dz
            sm += cube * along_j
        bp[0, i] -= sx
        bp[1, i] -= sy
        bp[2, i] -= sz
        bm[i] -= sm


@njit(error_model="numpy", fastmath=True)
def by_hand(position0, velocity0, mass, dt, soft, steps):
    """Coordinates in rows of their own; the tape holds positions, pairs are computed again.

    The forces of the last step are also the slope of the potential energy, so the energy needs no pass over the pairs.
    """
    n = mass.shape[0]
    soft2 = soft * soft
    positions = np.empty((steps + 1, 3, n))
    positions[0] = position0.T
    v = velocity0.T.copy()
    a = np.empty((3, n))
    potential = np.empty(n)
    pull_all(positions[0], mass, soft2, a, potential)
    for t in range(steps):
        before, after = positions[t], positions[t + 1]
        for c in range(3):
            for i in range(n):
                v[c, i] += 0.5 * dt * a[c, i]
                after[c, i] = before[c, i] + dt * v[c, i]
        pull_all(after, mass, soft2, a, potential)
        for c in range(3):
            for i in range(n):
                v[c, i] += 0.5 * dt * a[c, i]
    energy = 0.0
    bp = np.empty((3, n))
    bv = np.empty((3, n))
    bm = np.empty(n)
    g = np.zeros((3, n))
    for i in range(n):
        kinetic = 0.5 * (v[0, i] * v[0, i] + v[1, i] * v[1, i] + v[2, i] * v[2, i])
        energy += mass[i] * (kinetic - 0.5 * potential[i])
        bm[i] = kinetic - potential[i]
        for c in range(3):
            bv[c, i] = mass[i] * v[c, i]
            bp[c, i] = -mass[i] * a[c, i]
    for t in range(steps, 0, -1):
        for c in range(3):
            for i in range(n):
                g[c, i] += 0.5 * dt * bv[c, i]
        pull_all_adjoint(positions[t], mass, soft2, g, bp, bm)
        for c in range(3):
            for i in range(n):
                bv[c, i] += dt * bp[c, i]
                g[c, i] = 0.5 * dt * bv[c, i]
    if steps > 0:
        pull_all_adjoint(positions[0], mass, soft2, g, bp, bm)
    return energy, (np.ascontiguousarray(bp.T), np.ascontiguousarray(bv.T), bm)


def in_jax(position, velocity, mass, dt, soft, steps, *, products=False):
    import jax
    import jax.numpy as jnp

    def offsets(p):
        return [row[None, :] - row[:, None] for row in p]

    def squares(d):
        return d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + soft * soft

    @jax.checkpoint  # n by n temporaries of all steps would be a lot of memory
    def pull(p, mass):
        d = offsets(p)
        square = squares(d)
        if products:  # sum_j w_ij m_j (x_j - x_i), as products of a matrix
            weight = 1.0 / (square * jnp.sqrt(square))
            sums = jnp.concatenate([p * mass, mass[None]]) @ weight
            return sums[:3] - p * sums[3]
        weight = mass / (square * jnp.sqrt(square))
        return jnp.stack([jnp.sum(weight * di, axis=1) for di in d])

    @jax.checkpoint
    def potential(p, mass):
        inverse = 1.0 / jnp.sqrt(squares(offsets(p)))
        return 0.5 * (mass @ (inverse @ mass) - mass @ mass / soft)  # a body and itself do not count

    def step(carry, _):
        p, v, a = carry
        v = v + 0.5 * dt * a
        p = p + dt * v
        a = pull(p, mass)
        return (p, v + 0.5 * dt * a, a), None

    p = position.T
    (p, v, _), _ = jax.lax.scan(step, (p, velocity.T, pull(p, mass)), length=steps)
    return 0.5 * jnp.sum(mass * v * v) - potential(p, mass)


def in_jax_products(*args):
    return in_jax(*args, products=True)


def in_torch(position, velocity, mass, dt, soft, steps):
    import torch

    def pairs(p):
        d = p[:, None, :] - p[:, :, None]
        return d, (d * d).sum(0) + soft * soft

    def pull(p):
        d, square = pairs(p)
        return (mass / (square * square.sqrt()) * d).sum(2)

    p, v = position.T, velocity.T
    a = pull(p)
    for _ in range(steps):
        v = v + 0.5 * dt * a
        p = p + dt * v
        a = pull(p)
        v = v + 0.5 * dt * a
    inverse = pairs(p)[1].rsqrt()
    potential = 0.5 * (torch.dot(mass, inverse @ mass) - torch.dot(mass, mass) / soft)
    return 0.5 * (mass * v * v).sum() - potential


WORKLOAD = Workload(
    primal=primal,
    argnums=(0, 1, 2),
    static=(3, 4, 5),
    sizes={
        "XS": {"n": 4, "steps": 2},
        "S": {"n": 8, "steps": 10},
        "M": {"n": 128, "steps": 20},
        "L": {"n": 1024, "steps": 10},
    },
    make=make,
    jax={"": in_jax, "products": in_jax_products},
    torch={"": in_torch},
    by_hand={"": by_hand},
)
