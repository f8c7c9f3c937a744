"""Whole buffers: swapped, aliased, chosen, made in loops, passed in as workspace."""

import math

import numpy as np

from .registry import program
from .samples import array, draw, signed


@program(draw(array(6), 4))
def swap_buffers_inside_even(x, n):
    u = x.copy()
    v = np.empty_like(x)
    for t in range(n):
        for i in range(u.shape[0]):
            v[i] = math.sin(u[i]) * u[i - 1]
        u, v = v, u
    return u


@program(draw(array(6), 3), tags=["compiled"])
def swap_buffers_inside_odd(x, n):
    u = x.copy()
    v = np.zeros(x.shape[0])
    for t in range(n):
        for i in range(1, u.shape[0] - 1):
            v[i] = u[i] + 0.1 * u[i - 1] * u[i + 1] * u[i]
        u, v = v, u
    s = 0.0
    for i in range(u.shape[0]):
        s += u[i] * v[i]
    return s


@program(draw(array(6), array(6), 3))
def swap_buffers_outside_odd(u, v, n):
    for t in range(n):
        for i in range(u.shape[0]):
            v[i] = u[i] * u[i] * v[i - 1]
        u, v = v, u
    return u


@program(draw(array(6), array(6), 4))
def swap_buffers_outside_even(u, v, n):
    for t in range(n):
        for i in range(1, u.shape[0]):
            v[i] = 0.5 * u[i] * u[i - 1]
        u, v = v, u
    return u, v


@program(draw(array(5), 5))
def rotate_three_buffers(x, n):
    a = x.copy()
    b = np.ones_like(x)
    c = np.zeros_like(x)
    for t in range(n):
        for i in range(x.shape[0]):
            c[i] = 0.6 * a[i] * b[i] + 0.3 * math.sin(b[i - 1])
        a, b, c = b, c, a
    return b


@program(draw(array(5), array(5), 3))
def both_names_one_buffer(u, v, n):
    for t in range(n):
        for i in range(u.shape[0]):
            v[i] = u[i] * v[i]
        u, v = v, v
        v[0] = v[0] * 0.5 * u[1]
    return u


@program(draw(array(4)))
def two_names_of_one_array(a):
    b = a
    b[0] = a[1] * a[0]
    a[1] = b[0] * b[1]
    return a[0] * b[1] + a[2]


@program(draw(array(4), array(4), True))
def buffer_chosen_by_branch(a, b, flag):
    if flag:
        c = a
    else:
        c = b
    for i in range(c.shape[0]):
        c[i] = c[i] * c[i - 1]
    s = 0.0
    for i in range(a.shape[0]):
        s += a[i] * b[i]
    return s


@program(draw(signed(6), array(4), array(4)))
def buffer_chosen_in_each_iteration(x, a, b):
    for i in range(x.shape[0]):
        if x[i] > 0.0:
            c = a
        else:
            c = b
        c[i % 4] = c[i % 4] * x[i]
        c[0] += 0.1 * c[i % 4]
    s = 1.0
    for i in range(a.shape[0]):
        s += a[i] * b[i] * s
    return s


@program(draw(array(5), 4))
def swap_only_sometimes(x, n):
    u = x.copy()
    v = x.copy()
    for t in range(n):
        for i in range(u.shape[0]):
            v[i] = u[i] * math.cos(v[i - 1])
        if t % 2 == 0:
            u, v = v, u
    return u


@program(draw(array(8)))
def reallocated_with_new_shapes(x):
    level = x.copy()
    while level.shape[0] > 1:
        half = np.empty(level.shape[0] // 2)
        for i in range(half.shape[0]):
            half[i] = level[2 * i] * level[2 * i + 1] + level[2 * i]
        level = half
    return level[0]


@program(draw(array(4), 3))
def allocated_in_loop(x, n):
    u = x
    for t in range(n):
        w = np.empty_like(u)
        for i in range(u.shape[0]):
            w[i] = u[i] * u[i - 1]
        u = w
    return u


@program(draw(array(3)))
def growing_array(x):
    u = np.ones(1)
    for t in range(x.shape[0]):
        w = np.zeros(u.shape[0] + 1)
        for i in range(u.shape[0]):
            w[i] += u[i] * x[t]
            w[i + 1] += u[i]
        u = w
    return u


@program(draw(array(5), array(5)))
def workspace_passed_in(x, work):
    s = 0.0
    for k in range(3):
        for i in range(x.shape[0]):
            work[i] = x[i] ** (k + 1)
        for i in range(1, x.shape[0]):
            s += work[i] * work[i - 1]
    return s


@program(draw(array(5), array(2)))
def workspace_read_before_written(x, work):
    s = 0.0
    for i in range(x.shape[0]):
        s += work[i % 2] * x[i]
        work[i % 2] = x[i] * s
    return s


@program(draw(array(4)))
def arrays_made_in_every_way(x):
    n = x.shape[0]
    a = np.zeros(n)
    b = np.ones(n)
    c = np.full(n, 0.5)
    d = np.full_like(x, x[0])
    e = np.array([x[0], x[1] * x[2], 2.0, x[3]])
    f = np.arange(n)
    g = np.linspace(0.1, 0.9, n)
    h = np.ones_like(x)
    k = np.zeros((n, 2))
    s = 0.0
    for i in range(n):
        a[i] += x[i] * b[i]
        c[i] *= e[i] + d[i]
        k[i, 1] = g[i] * x[i] + h[i] * f[i]
        k[i, 0] = k[i, 1] * c[i]
        s += a[i] * c[i] + k[i, 0]
    return s


@program(draw(array(3, 3)))
def copy_is_not_an_alias(a):
    b = a.copy()
    c = np.copy(a)
    for i in range(3):
        for j in range(3):
            a[i, j] = b[j, i] * c[i, j]
    b[0, 0] = a[1, 1] * c[2, 2]
    return b[0, 0] + a[0, 1]
