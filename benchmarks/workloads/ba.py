"""Bundle adjustment: squared, weighted reprojection errors, and errors of the weights.

The BA objective of ADBench (Srajer, Kukelova and Fitzgibbon, 2018), summed up. A camera is a row of 11: rotation
vector, centre, focal length, principal point, two coefficients of radial distortion. `seen` holds the camera and the
point of each observation. Gradient with respect to cameras (n, 11), points (m, 3) and weights (p).
"""

import math

import numpy as np
from numba import njit

from benchmarks.workloads.workload import Workload


def make(rng, n, m, p):
    cameras = np.concatenate(
        [
            0.2 * rng.normal(size=(n, 3)),
            0.3 * rng.normal(size=(n, 3)),
            1.0 + 0.1 * rng.normal(size=(n, 1)),
            0.1 * rng.normal(size=(n, 2)),
            0.02 * rng.normal(size=(n, 2)),
        ],
        axis=1,
    )
    points = rng.normal(size=(m, 3)) + np.array([0.0, 0.0, 8.0])
    weights = 1.0 + 0.1 * rng.normal(size=p)
    seen = np.stack([rng.integers(0, n, p), rng.integers(0, m, p)], axis=1).astype(np.int64)
    return cameras, points, weights, seen, 0.2 * rng.normal(size=(p, 2))


@njit
def rotate(r, x, y, z):
    """The vector (x, y, z) turned by the rotation vector in r[:3] (Rodrigues)."""
    square = r[0] * r[0] + r[1] * r[1] + r[2] * r[2]
    if square == 0.0:
        return x + r[1] * z - r[2] * y, y + r[2] * x - r[0] * z, z + r[0] * y - r[1] * x
    angle = math.sqrt(square)
    c = math.cos(angle)
    s = math.sin(angle)
    a0 = r[0] / angle
    a1 = r[1] / angle
    a2 = r[2] / angle
    along = (a0 * x + a1 * y + a2 * z) * (1.0 - c)
    return (
        x * c + (a1 * z - a2 * y) * s + a0 * along,
        y * c + (a2 * x - a0 * z) * s + a1 * along,
        z * c + (a0 * y - a1 * x) * s + a2 * along,
    )


@njit
def project(camera, point):
    """Where on the image the camera sees the point."""
    x, y, z = rotate(camera, point[0] - camera[3], point[1] - camera[4], point[2] - camera[5])
    u = x / z
    v = y / z
    square = u * u + v * v
    stretch = camera[6] * (1.0 + camera[9] * square + camera[10] * square * square)
    return u * stretch + camera[7], v * stretch + camera[8]


def primal(cameras, points, weights, seen, features):
    loss = 0.0
    for i in range(seen.shape[0]):
        u, v = project(cameras[seen[i, 0]], points[seen[i, 1]])
        e0 = weights[i] * (u - features[i, 0])
        e1 = weights[i] * (v - features[i, 1])
        e2 = 1.0 - weights[i] * weights[i]
        loss += e0 * e0 + e1 * e1 + e2 * e2
    return loss


@njit(error_model="numpy", fastmath=True)
def by_hand(cameras, points, weights, seen, features):
    """Each observation forwards and backwards in registers."""
    b_cameras = np.zeros_like(cameras)
    b_points = np.zeros_like(points)
    b_weights = np.empty_like(weights)
    loss = 0.0
    for i in range(seen.shape[0]):
        at, pt = seen[i, 0], seen[i, 1]
        cam, b_cam = cameras[at], b_cameras[at]
        r0, r1, r2 = cam[0], cam[1], cam[2]
        x, y, z = points[pt, 0] - cam[3], points[pt, 1] - cam[4], points[pt, 2] - cam[5]
        square = r0 * r0 + r1 * r1 + r2 * r2
        small = square == 0.0
        a0 = a1 = a2 = dot = s = c = inverse = 0.0
        if small:
            p0, p1, p2 = x + r1 * z - r2 * y, y + r2 * x - r0 * z, z + r0 * y - r1 * x
        else:
            angle = math.sqrt(square)
            inverse = 1.0 / angle
            c, s = math.cos(angle), math.sin(angle)
            a0, a1, a2 = r0 * inverse, r1 * inverse, r2 * inverse
            dot = a0 * x + a1 * y + a2 * z
            along = dot * (1.0 - c)
            p0 = x * c + (a1 * z - a2 * y) * s + a0 * along
            p1 = y * c + (a2 * x - a0 * z) * s + a1 * along
            p2 = z * c + (a0 * y - a1 * x) * s + a2 * along
        depth = 1.0 / p2
        u, v = p0 * depth, p1 * depth
        q = u * u + v * v
        k1, k2, focal = cam[9], cam[10], cam[6]
        bend = 1.0 + q * (k1 + k2 * q)
        stretch = focal * bend
        w = weights[i]
        d0 = u * stretch + cam[7] - features[i, 0]
        d1 = v * stretch + cam[8] - features[i, 1]
        e2 = 1.0 - w * w
        far = d0 * d0 + d1 * d1
        loss += w * w * far + e2 * e2

        b_weights[i] = 2.0 * w * far - 4.0 * e2 * w
        g0, g1 = 2.0 * w * w * d0, 2.0 * w * w * d1
        b_cam[7] += g0
        b_cam[8] += g1
        b_stretch = g0 * u + g1 * v
        b_cam[6] += b_stretch * bend
        b_bend = b_stretch * focal
        b_cam[9] += b_bend * q
        b_cam[10] += b_bend * q * q
        b_q = 2.0 * b_bend * (k1 + 2.0 * k2 * q)
        g0 = (g0 * stretch + b_q * u) * depth
        g1 = (g1 * stretch + b_q * v) * depth
        g2 = -(g0 * u + g1 * v)
        if small:
            bx, by, bz = g0 + r2 * g1 - r1 * g2, g1 + r0 * g2 - r2 * g0, g2 + r1 * g0 - r0 * g1
            b_cam[0] += g2 * y - g1 * z
            b_cam[1] += g0 * z - g2 * x
            b_cam[2] += g1 * x - g0 * y
        else:
            a_g = a0 * g0 + a1 * g1 + a2 * g2
            b_dot = a_g * (1.0 - c)
            bx = g0 * c + (a2 * g1 - a1 * g2) * s + a0 * b_dot
            by = g1 * c + (a0 * g2 - a2 * g0) * s + a1 * b_dot
            bz = g2 * c + (a1 * g0 - a0 * g1) * s + a2 * b_dot
            t0, t1, t2 = y * g2 - z * g1, z * g0 - x * g2, x * g1 - y * g0  # of the axis through the cross product
            b_angle = (a0 * t0 + a1 * t1 + a2 * t2) * c - (x * g0 + y * g1 + z * g2 - dot * a_g) * s
            along = dot * (1.0 - c)
            h0 = t0 * s + g0 * along + b_dot * x
            h1 = t1 * s + g1 * along + b_dot * y
            h2 = t2 * s + g2 * along + b_dot * z
            radial = b_angle - (a0 * h0 + a1 * h1 + a2 * h2) * inverse
            b_cam[0] += h0 * inverse + a0 * radial
            b_cam[1] += h1 * inverse + a1 * radial
            b_cam[2] += h2 * inverse + a2 * radial
        b_cam[3] -= bx
        b_cam[4] -= by
        b_cam[5] -= bz
        b_points[pt, 0] += bx
        b_points[pt, 1] += by
        b_points[pt, 2] += bz
    return loss, (b_cameras, b_points, b_weights)


@njit(error_model="numpy", fastmath=True)
def matrix(r, out):
    """The rotation matrix of r[:3], row by row, into out[:9]."""
    square = r[0] * r[0] + r[1] * r[1] + r[2] * r[2]
    if square == 0.0:
        a0, a1, a2, s, c, rest = r[0], r[1], r[2], 1.0, 1.0, 0.0
    else:
        angle = math.sqrt(square)
        a0, a1, a2 = r[0] / angle, r[1] / angle, r[2] / angle
        s, c = math.sin(angle), math.cos(angle)
        rest = 1.0 - c
    out[0], out[1], out[2] = c + a0 * a0 * rest, a0 * a1 * rest - a2 * s, a0 * a2 * rest + a1 * s
    out[3], out[4], out[5] = a0 * a1 * rest + a2 * s, c + a1 * a1 * rest, a1 * a2 * rest - a0 * s
    out[6], out[7], out[8] = a0 * a2 * rest - a1 * s, a1 * a2 * rest + a0 * s, c + a2 * a2 * rest


@njit(error_model="numpy", fastmath=True)
def matrix_adjoint(r, g, out):
    """What the adjoint g[:9] of the matrix means for r[:3], added to out[:3]."""
    t0, t1, t2 = g[7] - g[5], g[2] - g[6], g[3] - g[1]
    square = r[0] * r[0] + r[1] * r[1] + r[2] * r[2]
    if square == 0.0:
        out[0] += t0
        out[1] += t1
        out[2] += t2
        return
    angle = math.sqrt(square)
    a0, a1, a2 = r[0] / angle, r[1] / angle, r[2] / angle
    s, c = math.sin(angle), math.cos(angle)
    m0 = 2.0 * a0 * g[0] + a1 * (g[1] + g[3]) + a2 * (g[2] + g[6])
    m1 = a0 * (g[1] + g[3]) + 2.0 * a1 * g[4] + a2 * (g[5] + g[7])
    m2 = a0 * (g[2] + g[6]) + a1 * (g[5] + g[7]) + 2.0 * a2 * g[8]
    quadratic = 0.5 * (a0 * m0 + a1 * m1 + a2 * m2)
    b_angle = s * (quadratic - g[0] - g[4] - g[8]) + c * (a0 * t0 + a1 * t1 + a2 * t2)
    h0, h1, h2 = (1.0 - c) * m0 + s * t0, (1.0 - c) * m1 + s * t1, (1.0 - c) * m2 + s * t2
    radial = b_angle - (a0 * h0 + a1 * h1 + a2 * h2) / angle
    out[0] += h0 / angle + a0 * radial
    out[1] += h1 / angle + a1 * radial
    out[2] += h2 / angle + a2 * radial


@njit(error_model="numpy", fastmath=True)
def by_hand_matrices(cameras, points, weights, seen, features):
    """Rotation matrices once a camera, not once an observation; an observation has no sine and no square root."""
    n = cameras.shape[0]
    rotations = np.empty((n, 9))
    b_rotations = np.zeros((n, 9))
    for j in range(n):
        matrix(cameras[j], rotations[j])
    b_cameras = np.zeros_like(cameras)
    b_points = np.zeros_like(points)
    b_weights = np.empty_like(weights)
    loss = 0.0
    for i in range(seen.shape[0]):
        at, pt = seen[i, 0], seen[i, 1]
        cam, b_cam, r, b_r = cameras[at], b_cameras[at], rotations[at], b_rotations[at]
        x, y, z = points[pt, 0] - cam[3], points[pt, 1] - cam[4], points[pt, 2] - cam[5]
        depth = 1.0 / (r[6] * x + r[7] * y + r[8] * z)
        u = (r[0] * x + r[1] * y + r[2] * z) * depth
        v = (r[3] * x + r[4] * y + r[5] * z) * depth
        q = u * u + v * v
        k1, k2, focal = cam[9], cam[10], cam[6]
        bend = 1.0 + q * (k1 + k2 * q)
        stretch = focal * bend
        w = weights[i]
        d0 = u * stretch + cam[7] - features[i, 0]
        d1 = v * stretch + cam[8] - features[i, 1]
        e2 = 1.0 - w * w
        far = d0 * d0 + d1 * d1
        loss += w * w * far + e2 * e2

        b_weights[i] = 2.0 * w * far - 4.0 * e2 * w
        g0, g1 = 2.0 * w * w * d0, 2.0 * w * w * d1
        b_cam[7] += g0
        b_cam[8] += g1
        b_stretch = g0 * u + g1 * v
        b_cam[6] += b_stretch * bend
        b_bend = b_stretch * focal
        b_cam[9] += b_bend * q
        b_cam[10] += b_bend * q * q
        b_q = 2.0 * b_bend * (k1 + 2.0 * k2 * q)
        g0 = (g0 * stretch + b_q * u) * depth
        g1 = (g1 * stretch + b_q * v) * depth
        g2 = -(g0 * u + g1 * v)
        bx = r[0] * g0 + r[3] * g1 + r[6] * g2
        by = r[1] * g0 + r[4] * g1 + r[7] * g2
        bz = r[2] * g0 + r[5] * g1 + r[8] * g2
        b_r[0] += g0 * x
        b_r[1] += g0 * y
        b_r[2] += g0 * z
        b_r[3] += g1 * x
        b_r[4] += g1 * y
        b_r[5] += g1 * z
        b_r[6] += g2 * x
        b_r[7] += g2 * y
        b_r[8] += g2 * z
        b_cam[3] -= bx
        b_cam[4] -= by
        b_cam[5] -= bz
        b_points[pt, 0] += bx
        b_points[pt, 1] += by
        b_points[pt, 2] += bz
    for j in range(n):
        matrix_adjoint(cameras[j], b_rotations[j], b_cameras[j])
    return loss, (b_cameras, b_points, b_weights)


def on_columns(xp, camera, point, weights, features):
    """The objective on sequences of columns, 11 of the cameras' and 3 of the points', one row an observation."""
    r0, r1, r2, c0, c1, c2, focal, u0, v0, k1, k2 = camera
    x, y, z = point[0] - c0, point[1] - c1, point[2] - c2
    square = r0 * r0 + r1 * r1 + r2 * r2
    turned = square > 0.0
    angle = xp.sqrt(xp.where(turned, square, 1.0))  # no 0/0 in the branch that is not taken
    s, c = xp.sin(angle), xp.cos(angle)
    a0, a1, a2 = r0 / angle, r1 / angle, r2 / angle
    along = (a0 * x + a1 * y + a2 * z) * (1.0 - c)
    p0 = xp.where(turned, x * c + (a1 * z - a2 * y) * s + a0 * along, x + r1 * z - r2 * y)
    p1 = xp.where(turned, y * c + (a2 * x - a0 * z) * s + a1 * along, y + r2 * x - r0 * z)
    p2 = xp.where(turned, z * c + (a0 * y - a1 * x) * s + a2 * along, z + r0 * y - r1 * x)
    u, v = p0 / p2, p1 / p2
    q = u * u + v * v
    stretch = focal * (1.0 + k1 * q + k2 * q * q)
    e0 = weights * (u * stretch + u0 - features[:, 0])
    e1 = weights * (v * stretch + v0 - features[:, 1])
    e2 = 1.0 - weights * weights
    return (e0 * e0 + e1 * e1 + e2 * e2).sum()


def in_jax(cameras, points, weights, seen, features):
    import jax.numpy as jnp

    camera = [column[seen[:, 0]] for column in cameras.T]  # gathers of columns are cheaper than gathers of rows
    point = [column[seen[:, 1]] for column in points.T]
    return on_columns(jnp, camera, point, weights, features)


def in_torch(cameras, points, weights, seen, features):
    import torch

    camera = cameras.index_select(0, seen[:, 0]).T.unbind(0)
    point = points.index_select(0, seen[:, 1]).T.unbind(0)
    return on_columns(torch, camera, point, weights, features)


WORKLOAD = Workload(
    primal=primal,
    argnums=(0, 1, 2),
    sizes={
        "XS": {"n": 2, "m": 4, "p": 6},
        "S": {"n": 5, "m": 50, "p": 200},
        "M": {"n": 49, "m": 7776, "p": 31843},
        "L": {"n": 1197, "m": 126327, "p": 563734},
    },
    make=make,
    jax={"": in_jax},
    torch={"": in_torch},
    by_hand={"": by_hand, "matrices": by_hand_matrices},
)
