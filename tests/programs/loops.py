"""Counted loops and loops over things."""

import math

import numpy as np
from numba import prange

from .registry import program
from .samples import array, draw, fixed, scalar, signed


@program(draw(array(6)))
def sum_of_squares(x):
    s = 0.0
    for i in range(x.shape[0]):
        s += x[i] * x[i]
    return s


@program(draw(scalar(0.2, 0.8), scalar(2.0, 3.0), 9))
def logistic_map(x, r, n):
    for t in range(n):
        x = r * x * (1.0 - x)
    return x


@program(draw(array(9)))
def start_stop_step(a):
    s = 0.0
    for i in range(1, 8, 3):
        s = s * a[i - 1] + a[i]
    return s


@program(draw(array(9)))
def negative_step(a):
    s = 1.0
    for i in range(a.shape[0] - 1, -1, -2):
        s = s * 0.5 + a[i] * math.sin(s)
    return s


@program(draw(array(9), 7, 1, -2))
def range_from_arguments(a, start, stop, step):
    s = 1.0
    for i in range(start, stop, step):
        s *= a[i]
    return s


@program(draw(array(5), scalar()))
def zero_trip_loops(a, x):
    y = x
    for i in range(0):
        y = y * a[i]
    for i in range(3, 1):
        y = a[i]
    for i in range(1, 3, -1):
        y = 0.0
    return y * a[0]


@program(draw(signed(6)))
def over_array(a):
    s = 1.0
    for v in a:
        s = s * math.cos(v) + v
    return s


@program(draw(array(3, 4)))
def over_rows(a):
    s = 1.0
    for row in a:
        for v in row:
            s += v * v / s
    return s


@program(draw(array(6)))
def over_enumerate(a):
    s = 0.0
    for i, v in enumerate(a):
        s += (i + 1) * v * a[i - 1]
    return s


@program(draw(array(6), array(4)))
def over_zip(a, b):
    s = 0.0
    for u, v in zip(a, b):
        s += u * v * s + u / v
    return s


@program(draw(array(4), array(4)))
def over_enumerate_zip(a, b):
    s = 0.0
    for i, (u, v) in enumerate(zip(a, b), 1):
        s += u**i * v
    return s


@program(draw(array(6)), numba_ok=False)
def over_reversed(a):
    s = 0.0
    for i in reversed(range(a.shape[0])):
        s = s * a[i] + 1.0
    for v in reversed(a):
        s = s * 0.5 + v * v
    return s


@program(draw(scalar(), scalar()))
def over_tuple(x, y):
    s = 1.0
    for v in (x, y, x * y, 2.0):
        s = s * v + math.sin(v)
    return s


@program(draw(array(6)))
def over_tuple_of_indices(a):
    s = 1.0
    for k in (5, 0, 2, 2):
        s *= a[k] + s
    return s


@program(draw(scalar(), scalar()))
def over_tuple_of_pairs(x, y):
    s = 0.0
    for weight, value in ((0.5, x), (1.5, y), (2.0, x * y)):
        s += weight * value * value
    return s


@program(draw(array(6)))
def for_else(a):
    s = 0.0
    for i in range(a.shape[0]):
        s += a[i] * a[i]
        if s > 1e6:
            break
    else:
        s = s * 2.0
    for i in range(a.shape[0]):
        s *= a[i]
        if i == 3:
            break
    else:
        s = 0.0
    return s


@program(draw(array(8)), tags=["compiled"])
def break_out(a):
    s = 0.0
    for i in range(a.shape[0]):
        s += a[i] * a[i]
        if s > 2.5:
            break
        s *= 1.1
    return s


@program(draw(signed(8)))
def continue_in_loop(a):
    s = 1.0
    for i in range(a.shape[0]):
        if a[i] < 0.0:
            continue
        s = s * a[i] + 0.1
    return s


@program(draw(array(4, 5)), tags=["compiled"])
def break_continue_nested(a):
    s = 0.5
    for i in range(a.shape[0]):
        if i == 1:
            continue
        for j in range(a.shape[1]):
            if j == 2:
                continue
            s += a[i, j] * s
            if s > 6.0:
                break
            s *= 0.9
        s = math.sin(s) + a[i, 0]
        if i == 2:
            break
    return s


@program(draw(array(4, 5)), tags=["compiled"])
def return_from_depth(a):
    s = 1.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            s += a[i, j] * a[i, j]
            if s > 9.0:
                return s * a[i, j]
        s *= 0.9
    return s


@program(draw(array(6)))
def return_in_first_iteration(a):
    for i in range(a.shape[0]):
        if a[i] > 0.0:
            return a[i] * a[i]
    return 0.0


@program(draw(array(9)))
def loop_variable_after_loop(a):
    s = 0.0
    for i in range(a.shape[0]):
        s += a[i]
        if s > 3.0:
            break
    return s * a[i] * i


@program(draw(array(6)))
def last_element_after_loop(a):
    for v in a:
        w = v * v
    return v * w


@program(draw(array(6), scalar()))
def loop_variable_overwritten(a, x):
    s = x
    for i in range(5):
        s = s * a[i]
        i = i + 1
        s = s + a[i]
    return s


@program(draw(array(9)))
def bound_changed_in_body(a):
    n = 4
    s = 1.0
    for i in range(n):
        n = n + 1
        s *= a[i] * n
    for i in range(n):
        s += a[i]
    return s


@program(draw(array(5, 5)))
def triangular(a):
    s = 0.0
    for i in range(a.shape[0]):
        for j in range(i + 1):
            s += a[i, j] * a[j, i] * s * 0.1 + a[i, i]
    return s


@program(draw(array(9), fixed([2, 0, 3, 4])))
def data_dependent_bounds(a, counts):
    s = 0.0
    k = 0
    for i in range(counts.shape[0]):
        part = 1.0
        for j in range(counts[i]):
            part *= a[k]
            k += 1
        s += part * part
    return s


@program(draw(array(9), scalar(2.2, 2.8)))
def bound_from_active_value(a, x):
    s = 1.0
    for i in range(int(x * x)):
        s = s * a[i] + x
    return s


@program(draw(scalar(), array(3)))
def nest_of_five_with_inner_200(x, a):
    s = x
    for i in range(2):
        for j in range(1):
            for k in range(2):
                for m in range(1):
                    for n in range(200):
                        s = s + 0.001 * math.sin(s * a[i]) * a[m + k]
                s = s * 0.9
    return s


@program(draw(array(12)))
def many_carried_scalars(a):
    p, q, r, s, t, u = 1.0, 0.5, 0.25, 1.5, -0.5, 0.1
    for i in range(a.shape[0]):
        p, q = q + 0.1 * a[i], p * 0.9
        r = r + p * q
        s, t, u = t * a[i], u + r * 0.1, s * 0.3
    return p + q * r + s * t - u


@program(draw(scalar()))
def value_from_previous_iteration(x):
    previous = 0.0
    s = 0.0
    for i in range(5):
        current = math.sin(x * (i + 1))
        s += current * previous
        previous = current
    return s


@program(draw(array(4)))
def same_loop_twice(a):
    s = 0.0
    for i in range(a.shape[0]):
        s += a[i] * a[i]
    for i in range(a.shape[0]):
        s *= a[i]
    return s


@program(draw(array(5), array(5)))
def independent_iterations(x, y):
    z = np.empty_like(x)
    for i in range(x.shape[0]):
        t = x[i] * y[i]
        u = math.exp(-t) + x[i]
        z[i] = u * u / (1.0 + t)
    return z


@program(draw(array(30)))
def independent_sum_scaled(x):
    s = 0.0
    for i in range(1, x.shape[0]):
        d = x[i] - x[i - 1]
        s += 0.5 * d * d
    return math.sqrt(s) / x.shape[0]


@program(draw(scalar(0.9, 1.1)))
def thousand_iterations(x):
    s = 0.5
    for i in range(1000):
        s = s + 0.001 * (x - s * s)
    return s


@program(draw(array(2, 3, 4)))
def three_dimensions(a):
    s = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            for k in range(a.shape[2]):
                s += a[i, j, k] * a[i, j - 1, k] * (i + j * k)
    return s


@program(draw(array(6), 3))
def loops_in_branches(a, n):
    s = 1.0
    if n > 2:
        for i in range(n):
            s *= a[i]
    else:
        for i in range(n):
            s += a[i]
    for i in range(n):
        if i % 2 == 0:
            for j in range(i + 1):
                s += a[j] * s
    return s


@program(draw(array(6), array(6)))
def parallel_loop(x, y):
    out = np.empty_like(x)
    s = 0.0
    for i in prange(x.shape[0]):
        out[i] = math.sin(x[i]) * y[i]
        s += out[i] * out[i]
    return s, out
