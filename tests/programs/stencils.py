"""Stencils: what an element gives to its neighbours, in one to three dimensions, in buffers that take turns."""

import math

import numpy as np

from .registry import program
from .samples import array, draw


@program(draw(array(6, 9), array(6, 9), 3))
def heat_in_two_buffers(initial, k, steps):
    u = initial.copy()
    v = initial.copy()
    for t in range(steps):
        for i in range(1, u.shape[0] - 1):
            for j in range(1, u.shape[1] - 1):
                flow = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] - 4.0 * u[i, j]
                v[i, j] = u[i, j] + k[i, j] * flow * u[i, j]
        u, v = v, u
    return np.sum(u * u)


@program(draw(array(5, 2), array(5, 2), 4))
def heat_without_an_inside(initial, k, steps):
    return heat_in_two_buffers(initial, k, steps)


@program(draw(array(6, 9), array(6, 9), 0))
def heat_of_no_step(initial, k, steps):
    return heat_in_two_buffers(initial, k, steps)


@program(draw(array(12), array(12), 5), tags=["compiled"])
def wave_in_three_buffers(first, speed, steps):
    before = first.copy()
    now = first.copy()
    after = np.zeros_like(first)
    for t in range(steps):
        for i in range(1, first.shape[0] - 1):
            bend = now[i - 1] - 2.0 * now[i] + now[i + 1]
            after[i] = 2.0 * now[i] - before[i] + speed[i] * bend * now[i]
        before, now, after = now, after, before
    s = 0.0
    for i in range(first.shape[0]):
        s += now[i] * before[i]
    return s


@program(draw(array(10), array(10), 3))
def two_swaps_in_one_loop(x, y, steps):
    u, v = x.copy(), np.zeros_like(x)
    p, q = y.copy(), np.zeros_like(y)
    for t in range(steps):
        for i in range(2, x.shape[0] - 2):
            v[i] = 0.5 * u[i - 2] + u[i + 2] * p[i]
            q[i] = p[i - 1] * p[i + 1] - 0.1 * u[i]
        u, v = v, u
        p, q = q, p
    return u, p


@program(draw(array(9), 3, 2))
def swap_in_nested_time_loops(x, outer, inner):
    u = x.copy()
    v = np.ones_like(x)
    for s in range(outer):
        for t in range(inner + s):
            for i in range(1, x.shape[0] - 1):
                v[i] = 0.3 * u[i - 1] + 0.4 * math.sin(u[i]) + 0.3 * u[i + 1]
            u, v = v, u
        u[0] = v[1] * u[2]
    return u


@program(draw(array(9)))
def swap_until_it_is_small(x):
    u = x.copy()
    v = np.zeros_like(x)
    while u[4] > 0.2:
        for i in range(1, x.shape[0] - 1):
            v[i] = 0.3 * u[i - 1] * u[i] + 0.2 * u[i + 1]
        u, v = v, u
    return u, v


@program(draw(array(9), 5), tags=["compiled"])
def swap_in_a_branch(x, steps):
    u = x.copy()
    v = np.ones_like(x)
    for t in range(steps):
        for i in range(1, x.shape[0] - 1):
            v[i] += 0.3 * u[i - 1] - 0.1 * u[i] * u[i] + 0.3 * u[i + 1]
        if v[3] > 0.8:
            u, v = v, u
    return u


@program(draw(array(9), 4), tags=["compiled"])
def swap_of_one_array_with_itself(x, steps):
    """Both names are the same array at first, and so they are at any time."""
    u = x.copy()
    v = u
    for t in range(steps):
        for i in range(1, x.shape[0] - 1):
            v[i] = 0.3 * u[i - 1] + 0.2 * u[i] * u[i] + 0.3 * u[i + 1]
        u, v = v, u
    return u


@program(draw(array(9), 5))
def three_names_of_two_arrays(x, steps):
    u = x.copy()
    v = np.zeros_like(x)
    w = u
    for t in range(steps):
        for i in range(1, x.shape[0] - 1):
            v[i] = 0.3 * u[i - 1] + 0.2 * w[i] * u[i] + 0.3 * u[i + 1]
        u, v, w = v, w, u
    return u, v, w


@program(draw(array(2, 10), 3))
def rows_swapped_that_overlap(x, steps):
    flat = x.reshape(20)
    u = flat[:12]
    v = flat[8:]
    for t in range(steps):
        for i in range(1, 11):
            v[i] = 0.3 * u[i - 1] + 0.2 * u[i] * v[i] + 0.3 * u[i + 1]
        u, v = v, u
    return np.sum(x * x)


@program(draw(array(9), 3))
def swap_after_it_was_used(x, steps):
    """The old names are used once more after the swap."""
    u = x.copy()
    v = np.zeros_like(x)
    for t in range(steps):
        old = u
        for i in range(1, x.shape[0] - 1):
            v[i] = 0.5 * u[i - 1] * u[i + 1]
        u, v = v, u
        for i in range(1, x.shape[0] - 1):
            u[i] += 0.2 * old[i - 1] + 0.1 * old[i + 1] * v[i]
    return u


@program(draw(array(3, 10), array(3)))
def weights_by_neighbour(x, w):
    """What neighbours get is not a constant multiple of one value."""
    y = np.zeros_like(x)
    for r in range(x.shape[0]):
        for i in range(1, x.shape[1] - 1):
            y[r, i] = w[0] * x[r, i - 1] + w[1] * x[r, i] + w[2] * x[r, i + 1]
    return np.sum(y * y * y)


@program(draw(array(3, 10)), tags=["compiled"])
def constant_weights(x):
    y = np.zeros_like(x)
    for r in range(x.shape[0]):
        for i in range(2, x.shape[1] - 2):
            y[r, i] = 0.25 * x[r, i - 2] - x[r, i - 1] * 0.5 + 3.0 * x[r, i + 1] - x[r, i + 2] + x[r, i + 2]
    return np.sum(y * y)


@program(draw(array(3, 11)), tags=["compiled"])
def neighbours_with_wrap_around(x):
    """x[r, i - 2] is counted from the end twice."""
    s = 0.0
    for r in range(x.shape[0]):
        for i in range(x.shape[1] - 1):
            s += x[r, i - 2] * x[r - 1, i - 1] * x[r, i + 1]
    return s


@program(draw(array(3, 12)))
def neighbours_far_away(x):
    s = 0.0
    for r in range(x.shape[0]):
        for i in range(x.shape[1] - 10):
            d = x[r, i] * x[r, i + 10] - x[r, i + 9]
            s += d * d
    return s


@program(draw(array(2, 12), 3))
def neighbours_at_a_distance(x, d):
    s = 0.0
    for r in range(x.shape[0]):
        for i in range(d, x.shape[1] - d):
            e = x[r, i - d] - 2.0 * x[r, i] + x[r, i + d]
            s += e * e
    return s


@program(draw(array(12)))
def neighbours_once(x):
    s = 0.0
    for i in range(1, x.shape[0] - 1):
        e = x[i - 1] - 2.0 * x[i] + x[i + 1]
        s += e * e
    return s


@program(draw(array(3, 12)))
def every_second_element(x):
    y = np.zeros_like(x)
    for r in range(x.shape[0]):
        for i in range(1, x.shape[1] - 1, 2):
            y[r, i] = x[r, i - 1] * x[r, i] - x[r, i + 1]
    return np.sum(y * y)


@program(draw(array(12)), tags=["compiled"])
def backwards_in_place(x):
    for i in range(x.shape[0] - 2, 0, -1):
        x[i] = 0.3 * x[i - 1] + 0.2 * x[i] * x[i] + 0.3 * x[i + 1]
    return np.sum(x * x)


@program(draw(array(7, 9)))
def gauss_seidel_of_a_field(u):
    for i in range(1, u.shape[0] - 1):
        for j in range(1, u.shape[1] - 1):
            u[i, j] = 0.25 * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1])
    return np.sum(u * u * u)


@program(draw(array(9, 9)))
def neighbours_below_the_diagonal(x):
    y = np.zeros_like(x)
    for i in range(1, x.shape[0] - 1):
        for j in range(1, i + 1):
            y[i, j] = x[i, j - 1] * x[i, j + 1] - x[i - 1, j]
    return np.sum(y * y)


@program(draw(array(7, 12, dtype=np.float32), 0.5), tags=["compiled"])
def single_precision_neighbours(x, k):
    y = np.zeros_like(x)
    for i in range(1, x.shape[0] - 1):
        for j in range(1, x.shape[1] - 1):
            y[i, j] = x[i, j] + k * (x[i - 1, j] - x[i + 1, j]) * x[i, j - 1] * x[i, j + 1]
    return np.sum(y * y)


@program(draw(array(3, 12)))
def neighbours_at_reflecting_ends(x):
    s = 0.0
    n = x.shape[1]
    for r in range(x.shape[0]):
        for i in range(n):
            e = x[r, max(i - 1, 0)] - 2.0 * x[r, i] + x[r, min(i + 1, n - 1)]
            s += e * e
    return s


@program(draw(array(3, 12), array(3, 12)))
def neighbours_in_a_branch(x, y):
    s = 0.0
    for r in range(x.shape[0]):
        for i in range(1, x.shape[1] - 1):
            if y[r, i] > 1.0:
                s += x[r, i - 1] * x[r, i + 1] * y[r, i]
            else:
                s += x[r, i] * y[r, i - 1] * y[r, i + 1]
    return s


@program(draw(array(3, 12), 1.0))
def large_weight(x, k):
    y = np.zeros_like(x)
    for r in range(x.shape[0]):
        for i in range(2, x.shape[1] - 2):
            y[r, i] = k * (x[r, i - 1] + x[r, i + 1]) * 1e300
    return np.sum(y) * 1e-300


@program(draw(array(9, 10, 11), 2))
def heat_by_slices_3d(a, steps):
    b = a.copy()
    for t in range(steps):
        b[1:-1, 1:-1, 1:-1] = (
            0.125 * (a[2:, 1:-1, 1:-1] - 2.0 * a[1:-1, 1:-1, 1:-1] + a[:-2, 1:-1, 1:-1])
            + 0.125 * (a[1:-1, 2:, 1:-1] - 2.0 * a[1:-1, 1:-1, 1:-1] + a[1:-1, :-2, 1:-1])
            + 0.125 * (a[1:-1, 1:-1, 2:] - 2.0 * a[1:-1, 1:-1, 1:-1] + a[1:-1, 1:-1, :-2])
            + a[1:-1, 1:-1, 1:-1] ** 2
        )
        a, b = b, a
    return np.sum(a * a)


@program(draw(array(6, 8), array(6, 8), 3), tags=["compiled"])
def diffusion_by_slices_in_place(u, kappa, steps):
    k = kappa[1:-1, 1:-1]
    for t in range(steps):
        u[1:-1, 1:-1] = u[1:-1, 1:-1] + k * (
            u[:-2, 1:-1] * u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4.0 * u[1:-1, 1:-1]
        )
    return np.sum(u**2)


@program(draw(array(6, 7), array(6, 7), array(6, 7), 3))
def fields_by_slices(ex, ey, hz, steps):
    """FDTD: three fields, each from differences of the others."""
    for t in range(steps):
        ey[0, :] = 0.1 * t
        ey[1:, :] -= 0.5 * (hz[1:, :] - hz[:-1, :])
        ex[:, 1:] -= 0.5 * (hz[:, 1:] - hz[:, :-1]) * hz[:, 1:]
        hz[:-1, :-1] -= 0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1])
    return np.sum(hz * hz) + np.sum(ex) * np.sum(ey)


@program(draw(array(4, 9, 9), array(3, 3)))
def convolution_with_a_small_kernel(images, w):
    out = np.zeros((images.shape[0], 7, 7))
    for b in range(images.shape[0]):
        for i in range(7):
            for j in range(7):
                for p in range(3):
                    for q in range(3):
                        out[b, i, j] += images[b, i + p, j + q] * w[p, q]
    return np.sum(out * out)


@program(draw(array(10, 12)))
def maxima_of_scratch_rows(x):
    """A row of its own in each iteration, filled before it is read, and one that keeps what it had."""
    s = 0.0
    keep = np.zeros(x.shape[1])
    for i in range(x.shape[0]):
        row = np.empty(x.shape[1])
        for j in range(x.shape[1]):
            row[j] = x[i, j] * x[i, j]
        some = np.zeros(x.shape[1])
        for j in range(1, x.shape[1] - 1):
            some[j] = row[j - 1] * row[j + 1]
            keep[j] += some[j - 1] * row[j]
        for j in range(x.shape[1]):
            s += some[j] * keep[j]
    return s
