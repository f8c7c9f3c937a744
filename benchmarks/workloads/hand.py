"""Hand tracking: squared distances between measured points and a posed hand, by linear blend skinning.

The simple variant of ADBench's HT (Srajer, Kukelova and Fitzgibbon, 2018) on a synthetic hand of 22 bones; it asks for
the Jacobian of the residuals, here it is the gradient of the sum of their squares, for which reverse mode is made.
Gradient with respect to the pose (26): rotation vector, translation, and four angles for each of five fingers.
"""

import math

import numpy as np
from numba import njit

from benchmarks.workloads.workload import Workload

# bone 0 is the wrist, then four bones a finger, each hanging on the one before; 21 is the forearm, a root too
PARENTS = np.array([-1, *(0 if i == 0 else 4 * f + i for f in range(5) for i in range(4)), -1])
BONES = len(PARENTS)
# angles x, z, y of each bone as positions in the pose; 26 stands for a zero
ANGLES = np.full((BONES, 3), 26)
for _finger in range(5):
    ANGLES[4 * _finger + 2, :2] = 6 + 4 * _finger, 7 + 4 * _finger
    ANGLES[4 * _finger + 3, 0] = 8 + 4 * _finger
    ANGLES[4 * _finger + 4, 0] = 9 + 4 * _finger


def make(rng, vertices, measured):
    pose = 0.3 * rng.normal(size=26)
    relative = np.tile(np.eye(4), (BONES, 1, 1))
    absolute = np.empty_like(relative)
    for b, parent in enumerate(PARENTS):
        relative[b, :3, :3] = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        relative[b, :3, 3] = 0.2 * rng.normal(size=3)
        absolute[b] = relative[b] if parent < 0 else absolute[parent] @ relative[b]
    rest = np.concatenate([rng.normal(size=(3, vertices)), np.ones((1, vertices))])
    weights = rng.random(size=(BONES, vertices)) ** 4
    weights /= weights.sum(axis=0)
    nearest = rng.integers(0, vertices, measured).astype(np.int64)
    return (
        pose,
        PARENTS.copy(),
        relative,
        np.linalg.inv(absolute),
        rest,
        weights,
        nearest,
        rng.normal(size=(3, measured)),
    )


@njit
def compose(a, b, out):
    """The product a b into out, all 4 by 4."""
    for i in range(4):
        for j in range(4):
            s = 0.0
            for k in range(4):
                s += a[i, k] * b[k, j]
            out[i, j] = s


@njit
def turn(x, z, y, out):
    """The rotation by x about the first axis, then y about the second, then z about the third, into out[:3, :3]."""
    cx, sx = math.cos(x), math.sin(x)
    cy, sy = math.cos(y), math.sin(y)
    cz, sz = math.cos(z), math.sin(z)
    out[0, 0] = cz * cy
    out[0, 1] = cz * sy * sx - sz * cx
    out[0, 2] = cz * sy * cx + sz * sx
    out[1, 0] = sz * cy
    out[1, 1] = sz * sy * sx + cz * cx
    out[1, 2] = sz * sy * cx - cz * sx
    out[2, 0] = -sy
    out[2, 1] = cy * sx
    out[2, 2] = cy * cx


@njit
def turn_about(r, out):
    """The rotation by the vector r, into out (3, 3)."""
    angle = math.sqrt(r[0] * r[0] + r[1] * r[1] + r[2] * r[2])
    if angle < 1e-4:
        for i in range(3):
            for j in range(3):
                out[i, j] = 1.0 if i == j else 0.0
        return
    x = r[0] / angle
    y = r[1] / angle
    z = r[2] / angle
    s = math.sin(angle)
    c = math.cos(angle)
    out[0, 0] = x * x + (1.0 - x * x) * c
    out[0, 1] = x * y * (1.0 - c) - z * s
    out[0, 2] = x * z * (1.0 - c) + y * s
    out[1, 0] = x * y * (1.0 - c) + z * s
    out[1, 1] = y * y + (1.0 - y * y) * c
    out[1, 2] = y * z * (1.0 - c) - x * s
    out[2, 0] = x * z * (1.0 - c) - y * s
    out[2, 1] = y * z * (1.0 - c) + x * s
    out[2, 2] = z * z + (1.0 - z * z) * c


def primal(pose, parents, relative, inverse, rest, weights, nearest, points):
    bones = parents.shape[0]
    vertices = rest.shape[1]
    angles = np.zeros((bones, 3))
    for f in range(5):
        angles[4 * f + 2, 0] = pose[6 + 4 * f]
        angles[4 * f + 2, 1] = pose[7 + 4 * f]
        angles[4 * f + 3, 0] = pose[8 + 4 * f]
        angles[4 * f + 4, 0] = pose[9 + 4 * f]
    local = np.zeros((4, 4))
    local[3, 3] = 1.0
    step = np.zeros((4, 4))
    absolute = np.zeros((bones, 4, 4))
    moves = np.zeros((bones, 4, 4))
    for b in range(bones):
        turn(angles[b, 0], angles[b, 1], angles[b, 2], local)
        if parents[b] < 0:
            compose(relative[b], local, absolute[b])
        else:
            compose(relative[b], local, step)
            compose(absolute[parents[b]], step, absolute[b])
        compose(absolute[b], inverse[b], moves[b])
    positions = np.zeros((3, vertices))
    for b in range(bones):
        for c in range(3):
            for v in range(vertices):
                positions[c, v] += weights[b, v] * (
                    moves[b, c, 0] * rest[0, v]
                    + moves[b, c, 1] * rest[1, v]
                    + moves[b, c, 2] * rest[2, v]
                    + moves[b, c, 3] * rest[3, v]
                )
    rotation = np.empty((3, 3))
    turn_about(pose[:3], rotation)
    loss = 0.0
    for i in range(nearest.shape[0]):
        v = nearest[i]
        for c in range(3):
            p = pose[3 + c]
            for k in range(3):
                p += rotation[c, k] * positions[k, v]
            e = points[c, i] - p
            loss += e * e
    return loss


def on_arrays(xp, join, pose, relative, inverse, rest, weights, nearest, points):
    """The objective with the array functions of `xp`, and its function to concatenate."""

    def matrices(rows):
        return xp.stack([xp.stack(list(row), -1) for row in rows], -2)

    x, z, y = join([pose, xp.zeros_like(pose[:1])])[ANGLES.T.copy()]
    (cx, cy, cz), (sx, sy, sz) = ([f(angle) for angle in (x, y, z)] for f in (xp.cos, xp.sin))
    none, unit = xp.zeros_like(x), xp.ones_like(x)
    local = matrices(
        [
            (cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx, none),
            (sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx, none),
            (-sy, cy * sx, cy * cx, none),
            (none, none, none, unit),
        ]
    )
    steps = relative @ local
    absolute = []
    for b, parent in enumerate(PARENTS):
        absolute.append(steps[b] if parent < 0 else absolute[parent] @ steps[b])
    moves = (xp.stack(absolute, 0) @ inverse)[:, :3]
    # blend the bones' matrices first: one product (12, bones) by (bones, vertices)
    blended = (moves.reshape(BONES, 12).T @ weights).reshape(3, 4, -1)
    positions = (blended * rest).sum(1)
    angle = xp.sqrt((pose[:3] * pose[:3]).sum())
    x, y, z = pose[:3] / angle
    s, c = xp.sin(angle), xp.cos(angle)
    rotation = matrices(
        [
            (x * x + (1 - x * x) * c, x * y * (1 - c) - z * s, x * z * (1 - c) + y * s),
            (x * y * (1 - c) + z * s, y * y + (1 - y * y) * c, y * z * (1 - c) - x * s),
            (x * z * (1 - c) - y * s, y * z * (1 - c) + x * s, z * z + (1 - z * z) * c),
        ]
    )
    e = points - (rotation @ positions + pose[3:6, None])[:, nearest]
    return (e * e).sum()


def in_jax(pose, parents, *rest):
    import jax.numpy as jnp

    return on_arrays(jnp, jnp.concatenate, pose, *rest)


def in_torch(pose, parents, *rest):
    import torch

    return on_arrays(torch, torch.cat, pose, *rest)


WORKLOAD = Workload(
    primal=primal,
    argnums=(0,),
    sizes={
        "XS": {"vertices": 5, "measured": 4},
        "S": {"vertices": 100, "measured": 100},
        "M": {"vertices": 10_000, "measured": 10_000},
        "L": {"vertices": 200_000, "measured": 200_000},
    },
    make=make,
    jax={"": in_jax},
    torch={"": in_torch},
)
