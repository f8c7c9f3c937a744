"""Heat equation in two dimensions, explicit steps with a diffusivity that varies in space and a fixed boundary.

The objective is the squared distance of the final field from a target, as when fitting the initial field and the
material. Gradient with respect to the initial field (n, n) and the diffusivity (n, n).
"""

import functools

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


# By hand, a field is one row of numbers, and the diffusivity is zero on the boundary: so nothing changes there, no loop
# has to stop at the end of a row, and what the boundary passes on adds up by itself. Loops go chunk by chunk, several
# over one chunk: LLVM vectorises none in which too many pairs of arrays may overlap.
CHUNK = 1024
PAD = 56  # numbers between fields: equal places in many fields would evict each other from the L1 cache


@njit(error_model="numpy", fastmath=True)
def advance(u, k, v, m):
    """One step from u to v."""
    size = u.shape[0] - 2 * m
    up, left, at, right, down = u[:size], u[m - 1 :], u[m : size + m], u[m + 1 :], u[2 * m :]
    inside, out = k[m:], v[m:]
    for q in range(size):
        out[q] = at[q] + inside[q] * (up[q] + down[q] + left[q] + right[q] - 4.0 * at[q])


@njit(error_model="numpy", fastmath=True)
def advance_and_keep(u, k, v, m, flows):
    """One step from u to v that also writes what its reverse needs."""
    for start in range(m, u.shape[0] - m, CHUNK):
        stop = min(start + CHUNK, u.shape[0] - m)
        up, left, at, right, down = u[start - m :], u[start - 1 :], u[start:], u[start + 1 :], u[start + m :]
        flow, inside, out = flows[start:], k[start:], v[start:]
        for q in range(stop - start):
            flow[q] = up[q] + down[q] + left[q] + right[q] - 4.0 * at[q]
        for q in range(stop - start):
            out[q] = at[q] + inside[q] * flow[q]


@njit(error_model="numpy", fastmath=True)
def retreat(flows, k, bu, flux, new_flux, bk, m):
    """The reverse of a step: bu and bk are updated, new_flux is diffusivity times the new bu.

    In this form the reverse gathers as the step does: nothing is scattered. Fluxes have a row of zeros at both ends.
    """
    size = bu.shape[0]
    for start in range(0, size, CHUNK):
        stop = min(start + CHUNK, size)
        up, down = flux[start:], flux[start + 2 * m :]
        left, at, right = flux[start + m - 1 :], flux[start + m :], flux[start + m + 1 :]
        inside, out, b, b_inside, flow = k[start:], new_flux[start + m :], bu[start:], bk[start:], flows[start:]
        for q in range(stop - start):
            b_inside[q] += b[q] * flow[q]
        for q in range(stop - start):
            b[q] += up[q] + down[q] + left[q] + right[q] - 4.0 * at[q]
        for q in range(stop - start):
            out[q] = inside[q] * b[q]


@functools.lru_cache(maxsize=2)  # one for each of the two adjoints
def workspace(snapshots, tape, n, m):
    """Snapshots, the flows of some steps, and six fields; kept from call to call, so that pages are touched once."""
    size = n * m
    flows = np.zeros((tape, size + PAD))
    fields = np.zeros((6, size + 2 * m + PAD))
    return np.empty((snapshots, size)), flows, tuple(fields[:4, :size]), tuple(fields[4:, : size + 2 * m])


def by_hand(start, diffusivity, target, steps):
    """The flow of every step is kept."""
    room = workspace(1, max(steps, 1), *start.shape)
    return sweep(start, diffusivity, target, steps, *room)


def by_hand_snapshots(start, diffusivity, target, steps):
    """Every few steps a snapshot; the flows between two are computed again, and stay in the cache."""
    n, m = start.shape
    span = min(max(1, round(steps**0.5)), max(2, 2**21 // (n * m)))  # 16 MiB
    return sweep(start, diffusivity, target, steps, *workspace(max(1, -(-steps // span)), span, n, m))


@njit(error_model="numpy", fastmath=True)
def sweep(start, diffusivity, target, steps, snapshots, tape, fields, padded):
    """Value and gradients; as many steps as there is tape run from one snapshot."""
    parts, span = snapshots.shape[0], tape.shape[0]
    n, m = start.shape
    u, v, bu, k = fields
    flux, other = padded
    bk = np.zeros_like(start)
    b_inside = bk.reshape(n * m)
    for i in range(n):
        for j in range(m):
            u[i * m + j] = start[i, j]
            v[i * m + j] = start[i, j]
            boundary = i == 0 or j == 0 or i == n - 1 or j == m - 1
            k[i * m + j] = 0.0 if boundary else diffusivity[i, j]
    for part in range(parts - 1):
        snapshots[part] = u
        for _ in range(span):
            advance(u, k, v, m)
            u, v = v, u
    loss = 0.0
    for part in range(parts - 1, -1, -1):
        last = part == parts - 1
        inside = steps - part * span if last else span
        if not last:
            u[:] = snapshots[part]
        for t in range(inside):
            advance_and_keep(u, k, v, m, tape[t])
            u, v = v, u
        if last:
            for i in range(n):
                for j in range(m):
                    q = i * m + j
                    e = u[q] - target[i, j]
                    loss += e * e
                    bu[q] = 2.0 * e
                    flux[m + q] = k[q] * bu[q]
        for t in range(inside - 1, -1, -1):
            retreat(tape[t], k, bu, flux, other, b_inside, m)
            flux, other = other, flux
    bk[0] = 0.0
    bk[n - 1] = 0.0
    bk[:, 0] = 0.0
    bk[:, m - 1] = 0.0
    return loss, (bu.reshape(n, m).copy(), bk)


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
