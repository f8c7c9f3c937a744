"""Heat equation in two dimensions, explicit steps with a diffusivity that varies in space and a fixed boundary.

The objective is the squared distance of the final field from a target, as when fitting the initial field and the
material. Gradient with respect to the initial field (n, n) and the diffusivity (n, n).
"""

import numpy as np
from numba import njit

from benchmarks.workloads.workload import Workload


def make(rng, n, steps):
    diffusivity = 0.05 + 0.15 * rng.random(size=(n, n))
    return rng.normal(size=(n, n)), diffusivity, 0.1 * rng.normal(size=(n, n)), steps


def primal(start, diffusivity, target, steps):
    n, m = start.shape
    u = start.copy()
    v = start.copy()
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                flow = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] - 4.0 * u[i, j]
                v[i, j] = u[i, j] + diffusivity[i, j] * flow
        u, v = v, u
    loss = 0.0
    for i in range(n):
        for j in range(m):
            e = u[i, j] - target[i, j]
            loss += e * e
    return loss


def slices(start, diffusivity, target, steps):
    u = start.copy()
    k = diffusivity[1:-1, 1:-1]
    for _ in range(steps):
        flow = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4.0 * u[1:-1, 1:-1]
        u[1:-1, 1:-1] += k * flow
    return np.sum((u - target) ** 2)


@njit(error_model="numpy", fastmath=True)
def advance(u, k, v):
    """One step from u to v, on the interior."""
    n, m = u.shape
    for i in range(1, n - 1):
        up, at, down, ki, out = u[i - 1], u[i], u[i + 1], k[i], v[i]
        for j in range(1, m - 1):
            out[j] = at[j] + ki[j] * (up[j] + down[j] + at[j - 1] + at[j + 1] - 4.0 * at[j])


@njit(error_model="numpy", fastmath=True)
def retreat(u, k, bu, flux, new_flux, bk):
    """The reverse of a step from u: bu and bk are updated, new_flux is diffusivity times the new bu.

    In this form the reverse gathers as the step does: nothing is scattered, and all loops run along rows.
    """
    n, m = u.shape
    for i in range(1, n - 1):
        up, at, down = u[i - 1], u[i], u[i + 1]
        f_up, f, f_down = flux[i - 1], flux[i], flux[i + 1]
        ki, out, b, bki = k[i], new_flux[i], bu[i], bk[i]
        for j in range(1, m - 1):
            old = b[j]
            bki[j] += old * (up[j] + down[j] + at[j - 1] + at[j + 1] - 4.0 * at[j])
            new = old + f_up[j] + f_down[j] + f[j - 1] + f[j + 1] - 4.0 * f[j]
            b[j] = new
            out[j] = ki[j] * new


@njit(error_model="numpy", fastmath=True)
def compare(u, target, k, bu, flux):
    """The loss, its adjoint in bu, and diffusivity times that on the interior in flux."""
    n, m = u.shape
    loss = 0.0
    for i in range(n):
        for j in range(m):
            e = u[i, j] - target[i, j]
            loss += e * e
            bu[i, j] = 2.0 * e
    for i in range(1, n - 1):
        for j in range(1, m - 1):
            flux[i, j] = k[i, j] * bu[i, j]
    return loss


@njit(error_model="numpy", fastmath=True)
def spread_to_boundary(sums, bu):
    """The boundary never changes; what flowed from it all along is in the sums of the fluxes."""
    n, m = bu.shape
    for i in range(1, n - 1):
        bu[i, 0] += sums[i, 1]
        bu[i, m - 1] += sums[i, m - 2]
    for j in range(1, m - 1):
        bu[0, j] += sums[1, j]
        bu[n - 1, j] += sums[n - 2, j]


@njit(error_model="numpy", fastmath=True)
def add_edges(flux, sums):
    """Add up the fluxes next to the boundary."""
    n, m = flux.shape
    for j in range(1, m - 1):
        sums[1, j] += flux[1, j]
        if n > 3:
            sums[n - 2, j] += flux[n - 2, j]
    for i in range(2, n - 2):
        sums[i, 1] += flux[i, 1]
        if m > 3:
            sums[i, m - 2] += flux[i, m - 2]


@njit(error_model="numpy", fastmath=True)
def by_hand(start, diffusivity, target, steps):
    """All fields are kept; a step writes the next one where it is kept."""
    n, m = start.shape
    fields = np.empty((steps + 1, n, m))
    fields[0] = start
    for t in range(steps):
        after = fields[t + 1]
        after[0] = start[0]
        after[n - 1] = start[n - 1]
        after[:, 0] = start[:, 0]
        after[:, m - 1] = start[:, m - 1]
        advance(fields[t], diffusivity, after)
    bu = np.empty((n, m))
    bk = np.zeros((n, m))
    flux = np.zeros((n, m))
    other = np.zeros((n, m))
    sums = np.zeros((n, m))
    loss = compare(fields[steps], target, diffusivity, bu, flux)
    for t in range(steps - 1, -1, -1):
        add_edges(flux, sums)
        retreat(fields[t], diffusivity, bu, flux, other, bk)
        flux, other = other, flux
    spread_to_boundary(sums, bu)
    return loss, (bu, bk)


@njit(error_model="numpy", fastmath=True)
def by_hand_snapshots(start, diffusivity, target, steps):
    """Every so many steps a snapshot, and the fields between two are computed again: the tape stays in the cache."""
    n, m = start.shape
    span = max(1, int(np.sqrt(steps)))
    number = (steps + span - 1) // span
    snapshots = np.empty((number + 1, n, m))
    fields = np.empty((span + 1, n, m))
    for t in range(span + 1):
        fields[t] = start
    for part in range(number):
        snapshots[part] = fields[0]
        inside = min(span, steps - part * span)
        if part < number - 1:
            for t in range(inside):
                advance(fields[t % 2], diffusivity, fields[(t + 1) % 2])
            if inside % 2:
                fields[0] = fields[1]
    bu = np.empty((n, m))
    bk = np.zeros((n, m))
    flux = np.zeros((n, m))
    other = np.zeros((n, m))
    sums = np.zeros((n, m))
    loss = 0.0
    if steps == 0:
        loss = compare(start, target, diffusivity, bu, flux)
    for part in range(number - 1, -1, -1):
        inside = min(span, steps - part * span)
        fields[0] = snapshots[part]
        last = part == number - 1
        for t in range(inside if last else inside - 1):
            advance(fields[t], diffusivity, fields[t + 1])
        if last:
            loss = compare(fields[inside], target, diffusivity, bu, flux)
        for t in range(inside - 1, -1, -1):
            add_edges(flux, sums)
            retreat(fields[t], diffusivity, bu, flux, other, bk)
            flux, other = other, flux
    spread_to_boundary(sums, bu)
    return loss, (bu, bk)


def in_jax(start, diffusivity, target, steps):
    import jax
    import jax.numpy as jnp

    k = jnp.pad(diffusivity[1:-1, 1:-1], 1)  # where it is zero nothing changes: no need to update a part

    def step(u, _):
        wide = jnp.pad(u, 1)
        flow = wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:] - 4.0 * u
        return u + k * flow, None

    u, _ = jax.lax.scan(jax.checkpoint(step, prevent_cse=False), start, length=steps)
    return jnp.sum((u - target) ** 2)


def in_jax_interior(start, diffusivity, target, steps):
    import jax
    import jax.numpy as jnp

    k = diffusivity[1:-1, 1:-1]

    def step(u, _):
        flow = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4.0 * u[1:-1, 1:-1]
        return u.at[1:-1, 1:-1].add(k * flow), None

    u, _ = jax.lax.scan(step, start, length=steps)
    return jnp.sum((u - target) ** 2)


def in_torch(start, diffusivity, target, steps):
    import torch

    k = diffusivity[1:-1, 1:-1]
    u = start
    for _ in range(steps):
        flow = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4.0 * u[1:-1, 1:-1]
        u = u + torch.nn.functional.pad(k * flow, (1, 1, 1, 1))
    return ((u - target) ** 2).sum()


WORKLOAD = Workload(
    primal=primal,
    argnums=(0, 1),
    static=(3,),
    sizes={
        "XS": {"n": 6, "steps": 5},
        "S": {"n": 32, "steps": 20},
        "M": {"n": 128, "steps": 200},
        "L": {"n": 512, "steps": 200},
    },
    make=make,
    jax={"": in_jax, "interior": in_jax_interior},
    torch={"": in_torch},
    variants={"slices": slices},
    by_hand={"": by_hand, "snapshots": by_hand_snapshots},
)
