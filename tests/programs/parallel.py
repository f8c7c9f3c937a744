"""Loops over `prange`: what iterations own, add up, give to their neighbours, and keep to themselves."""

import math

import numpy as np
from numba import prange

from .registry import program
from .samples import array, draw


@program(draw(array(9), array(9), 1.3), tags=["parallel"])
def axpy_in_parallel(x, y, a):
    out = np.empty_like(x)
    for i in prange(x.shape[0]):
        out[i] = a * x[i] + math.sin(y[i]) * y[i]
    return out


@program(draw(array(11), array(11)), tags=["parallel"])
def sums_in_parallel(x, y):
    s = 0.0
    q = 1.0
    for i in prange(x.shape[0]):
        s += x[i] * y[i]
        if x[i] > 0.0:
            q += math.exp(x[i])
            s -= y[i]
    return s * q


@program(draw(array(7, 3), array(7)), tags=["parallel", "compiled"])
def energy_of_bodies(x, m):
    e = 0.0
    for i in prange(x.shape[0]):
        for j in range(x.shape[0]):
            if i != j:
                d = 0.01
                for k in range(3):
                    d += (x[i, k] - x[j, k]) ** 2
                e += m[i] * m[j] / math.sqrt(d)
    return e


@program(draw(array(6, 3), array(6)), tags=["parallel"])
def forces_of_bodies(x, m):
    f = np.zeros_like(x)
    for i in prange(x.shape[0]):
        for j in range(x.shape[0]):
            d = 0.01
            for k in range(3):
                d += (x[i, k] - x[j, k]) ** 2
            w = m[i] * m[j] / (d * math.sqrt(d))
            for k in range(3):
                f[i, k] += w * (x[j, k] - x[i, k])
    return f


@program(draw(array(12)), tags=["parallel"])
def line_stencil(u):
    v = np.zeros_like(u)
    for i in prange(1, u.shape[0] - 1):
        v[i] = u[i - 1] * u[i] + math.cos(u[i + 1])
    return v


@program(draw(array(2)), tags=["parallel"])
def line_stencil_without_an_inside(u):
    return line_stencil(u)


@program(draw(array(8, 9), array(8, 9)), tags=["parallel"])
def sheet_stencil(u, k):
    v = u.copy()
    for i in prange(1, u.shape[0] - 1):
        for j in range(1, u.shape[1] - 1):
            v[i, j] = u[i, j] + k[i, j] * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] - 4.0 * u[i, j]) * u[i, j]
    return v


@program(draw(array(7, 6), 0.1, 4), tags=["parallel", "compiled"])
def heat_in_parallel(first, k, steps):
    u = first.copy()
    v = first.copy()
    for t in range(steps):
        for i in prange(1, u.shape[0] - 1):
            for j in range(1, u.shape[1] - 1):
                v[i, j] = u[i, j] + k * (u[i - 1, j] + u[i + 1, j] - 2.0 * u[i, j]) * u[i, j - 1]
        u, v = v, u
    return np.sum(u * u)


@program(draw(array(9), 0.7, 5), tags=["parallel"])
def paths_with_a_recurrence(z, s, steps):
    total = 0.0
    for p in prange(z.shape[0]):
        price = 1.0
        for t in range(steps):
            price = price * (1.0 + 0.1 * s * z[p]) + 0.01 * price * price
        total += max(price - 1.0, 0.0)
    return total / z.shape[0]


@program(draw(array(6), 0.9), tags=["parallel"])
def iterations_of_any_length(x, a):
    out = np.empty_like(x)
    for i in prange(x.shape[0]):
        y = 1.0 + x[i] * x[i]
        while y < 8.0:
            y = y * (1.2 + a * a * 0.1) + 0.05
        out[i] = y
    return out


@program(draw(array(6), 0.8), tags=["parallel", "compiled"])
def roots_by_newton(x, a):
    out = np.empty_like(x)
    for i in prange(x.shape[0]):
        c = 1.0 + x[i] * x[i]
        y = 1.0
        while abs(y * y * y + a * y - c) > 1e-12:
            y = y - (y * y * y + a * y - c) / (3.0 * y * y + a)
        out[i] = y
    return out


@program(draw(array(9), array(3), 40), tags=["parallel"])
def rays_that_stop(start, centre, most):
    total = 0.0
    for i in prange(start.shape[0]):
        t = 0.0
        for _ in range(most):
            near = 10.0
            for k in range(centre.shape[0]):
                near = min(near, math.sqrt((start[i] - centre[k]) ** 2 + (t - 2.0) ** 2) - 0.3)
            t += 0.7 * near * near
            if near < 0.4 or t > 4.0:
                break
        total += t * t
    return total / start.shape[0]


@program(draw(array(5), array(5, 5)), tags=["parallel"])
def triangles(x, w):
    n = x.shape[0]
    out = np.zeros(n)
    for i in prange(n):
        y = x[i]
        for j in range(i):
            for k in range(j + 1):
                y = math.sin(y * x[j]) + w[i, k] * y
        out[i] = y
    return np.sum(out * out)


@program(draw(array(6)), tags=["parallel"])
def inner_loops_of_given_lengths(x):
    count = np.array([3, 0, 5, 1, 8, 2])
    s = 0.0
    for i in prange(x.shape[0]):
        y = x[i]
        for _ in range(count[i]):
            y = y * (0.7 + 0.1 * y) + 0.2
        s += y * y
    return math.sqrt(s)


@program(draw(array(6), 0.7), tags=["parallel"])
def roots_in_place(x, a):
    s = 0.5
    for i in prange(x.shape[0]):
        y = x[i]
        while y * y < 3.0:
            y = y * (1.4 + a * y) + 0.2
        x[i] = y
        s += y * a
    return x, s


@program(draw(array(5), 0.7, 3), tags=["parallel"])
def iterations_run_again_in_a_time_loop(x, a, steps):
    """They read `x`, which stays, and `mean`, which changes; `u` they only write, and the time loop reads it."""
    u = np.zeros_like(x)
    mean = 0.1
    for _ in range(steps):
        for i in prange(x.shape[0]):
            work = np.empty(2)
            work[0], work[1] = x[i], mean
            y = 0.5
            while y < 3.0:
                y = y * (1.3 + 0.1 * work[0] ** 2) + 0.1 * a * work[1] * y
            u[i] = y
        mean = np.sum(u) * 0.2
    return mean * mean


@program(draw(array(5), 0.7, 3), tags=["parallel"])
def iterations_that_overwrite_what_they_read(x, a, steps):
    u = x.copy()
    v = x.copy()
    for t in range(steps):
        for i in prange(u.shape[0]):
            y = u[i]
            while y * y < 2.0 + t:
                y = y * (1.3 + a * y) + 0.2
            v[i] = y
        u, v = v, u
    return np.sum(u * u)


@program(draw(array(4, 3), 0.7, 3), tags=["parallel"])
def iterations_that_cannot_run_again(u, a, steps):
    """An inner loop reads what the next step overwrites."""
    s = 0.0
    for _ in range(steps):
        for i in prange(u.shape[0]):
            y = 0.5
            while y < 2.0:
                for k in range(u.shape[1]):
                    y = y * (1.1 + 0.1 * a * u[i, k] ** 2 * y)
            s += y
            for k in range(u.shape[1]):
                u[i, k] = u[i, k] * 0.7 + 0.1 * y
    return s


@program(draw(array(6, 4), array(3, 4), array(3)), tags=["parallel"])
def mixture_with_scratch(x, mu, w):
    total = 0.0
    for n in prange(x.shape[0]):
        terms = np.empty(mu.shape[0])
        for k in range(mu.shape[0]):
            d = 0.0
            for j in range(x.shape[1]):
                d += (x[n, j] - mu[k, j]) ** 2
            terms[k] = w[k] - 0.5 * d
        top = np.max(terms)
        s = 0.0
        for k in range(mu.shape[0]):
            s += math.exp(terms[k] - top)
        total += top + math.log(s)
    return total


@program(draw(array(8, 8), array(3, 3)), tags=["parallel"])
def convolution_in_parallel(image, kernel):
    n, m = image.shape[0] - 2, image.shape[1] - 2
    out = np.empty((n, m))
    for i in prange(n):
        for j in range(m):
            s = 0.0
            for a in range(3):
                for b in range(3):
                    s += image[i + a, j + b] * kernel[a, b]
            out[i, j] = s * s
    return out


@program(draw(array(5), array(9)), tags=["parallel"])
def reads_by_index(table, x):
    index = np.array([0, 3, 3, 1, 4, 0, 2, 3, 1])
    out = np.empty_like(x)
    for i in prange(x.shape[0]):
        out[i] = table[index[i]] * x[i] + table[0]
    return out


@program(draw(array(8, 3), array(9, 3), array(9)), tags=["parallel"])
def rows_by_index(table, x, place):
    s = 0.0
    for i in prange(x.shape[0]):
        row = int(8.0 * abs(math.sin(place[i]))) - 8  # from the end
        dot = 0.0
        for k in range(x.shape[1]):
            dot += table[row, k] * x[i, k]
        s += dot * dot * place[i]
    return s


@program(draw(array(9), array(12)), tags=["parallel"])
def wraps_around(u, w):
    out = np.empty_like(u)
    n = u.shape[0]
    for i in prange(n):
        out[i] = u[(i + 1) % n] * u[(i + n - 1) % n] + w[i]
    return out


@program(draw(array(8), 0.5), tags=["parallel"])
def scaled_lookups(table, a):
    """The reverse carries a sum, and adds to elements that run time chooses."""
    index = np.array([0, 3, 3, 1, 4, 0])
    out = np.empty(index.shape[0])
    for i in prange(index.shape[0]):
        out[i] = table[index[i]] ** 2 * a
    return out


@program(draw(array(6, 4), array(4)), tags=["parallel"])
def cells_that_start_in_the_loop(x, v0):
    v = np.zeros(v0.shape[0])
    out = np.zeros(v0.shape[0])
    for t in range(x.shape[0]):
        for k in prange(v0.shape[0]):
            if t == 0:
                v[k] = v0[k]
            v[k] = v[k] * 0.8 + x[t, k]
            out[k] += v[k] ** 2
    return np.sum(out)


@program(draw(array(6, 5), array(5)), tags=["parallel"])
def scratch_made_before(x, w):
    n, m = x.shape
    t = np.zeros(m)
    out = np.zeros(n)
    for i in prange(n):
        for j in range(m):
            t[j] = x[i, j] * w[j]
        for j in range(m):
            t[j] = t[j] * t[j] + t[0]
        out[i] = t[m - 1] * t[0]
    return out


@program(draw(array(4), 2, 0), tags=["parallel"])
def array_of_a_branch_not_taken(x, n, m):
    s = 0.0
    for i in prange(x.shape[0]):
        if m > 0:
            w = np.zeros(n // m)
            for k in range(n // m):
                w[k] = x[i] ** (k + 1)
            s += w[0] * w[-1]
        elif n < 0:
            w = np.zeros(m - n)
            w[0] = x[i]
            s += w[0]
        else:
            s += x[i] * x[i]
    return s


@program(draw(lambda rng: np.eye(5) * 3.0 + rng.uniform(size=(5, 5))), tags=["parallel"])
def elimination_in_parallel(given):
    a = given.copy()
    n = a.shape[0]
    for k in range(n):
        for i in prange(k + 1, n):
            a[i, k] /= a[k, k]
            for j in range(k + 1, n):
                a[i, j] -= a[i, k] * a[k, j]
    return a


@program(draw(lambda rng: np.eye(5) * 3.0 + rng.uniform(size=(5, 5)), array(5)), tags=["parallel"])
def back_substitution_in_parallel(u, b):
    x = b.copy()
    for step in range(x.shape[0]):
        k = x.shape[0] - 1 - step
        x[k] /= u[k, k]
        for i in prange(k):
            x[i] -= u[i, k] * x[k]
    return x


@program(draw(array(6), 3), tags=["parallel"])
def starts_below_zero(x, n):
    out = np.zeros_like(x)
    for i in prange(-n, n):
        out[i + n] = x[i + n] ** 2
    return out


@program(draw(array(6), 6), tags=["parallel"])
def reads_each_twice(x, n):
    s = 0.0
    for i in prange(-n, n):
        s += x[i] * x[i] * (i + 1)
    return s


@program(draw(array(6), 1, 4), tags=["parallel"])
def part_of_a_loop(x, first, last):
    out = x.copy()
    for i in prange(first, last):
        out[i] = out[i] * x[i]
    return out


@program(draw(array(7, 5), array(5)), tags=["parallel"])
def matrix_times_vector(a, x):
    y = np.zeros(a.shape[0])
    for i in prange(a.shape[0]):
        for j in range(a.shape[1]):
            y[i] += a[i, j] * x[j] * x[j]
    return y


@program(draw(array(5, 6)), tags=["parallel"])
def softmax_of_rows_in_parallel(x):
    out = np.empty_like(x)
    for i in prange(x.shape[0]):
        out[i] = np.exp(x[i] - np.max(x[i]))
        out[i] /= np.sum(out[i])
    return out


@program(draw(array(5, 4)), tags=["parallel"])
def nested_parallel_loops(x):
    out = np.zeros_like(x)
    s = 0.0
    for i in prange(x.shape[0]):
        for j in prange(x.shape[1]):
            out[i, j] = x[i, j] ** 2 + x[i, 0]
            s += out[i, j]
    return out, s


@program(draw(array(8)), tags=["parallel"])
def one_loop_after_another(x):
    y = np.empty_like(x)
    z = np.empty_like(x)
    for i in prange(x.shape[0]):
        y[i] = x[i] * x[i]
    for i in prange(x.shape[0]):
        z[i] = y[x.shape[0] - 1 - i] * y[i]
    return z


@program(draw(array(8)), tags=["parallel"])
def overwritten_in_parallel(x):
    for i in prange(x.shape[0]):
        x[i] = math.sin(x[i]) * x[i]
        x[i] *= 2.0
    return x.sum()


@program(draw(array(9)), tags=["parallel"])
def every_second(x):
    y = np.zeros_like(x)
    for i in prange(x.shape[0] // 2):
        y[2 * i] = x[2 * i] * x[2 * i + 1]
        y[2 * i + 1] = x[2 * i] - x[i]
    return y


@program(draw(array(9, dtype=np.float32), array(9, dtype=np.float32)), tags=["parallel"])
def single_precision_in_parallel(x, y):
    out = np.empty_like(x)
    for i in prange(x.shape[0]):
        out[i] = x[i] * np.sin(y[i])
    return out


@program(draw(array(6, 3), 2), tags=["parallel"])
def rows_as_views(x, n):
    out = np.zeros_like(x)
    for i in prange(x.shape[0]):
        row = x[i]
        mine = out[i]
        for k in range(n):
            mine[k] = row[k] * row[k + 1]
    return out


def long_helper(x, row, n):
    """Long enough to be a function of its own: it reads an array and a number."""
    a = x * row[0] + row[1]
    b = math.sin(a) * math.exp(-0.1 * a * a)
    c = a * b - row[0] / (1.0 + b * b)
    for k in range(n):
        d = c * row[k] + 0.1 * a
        e = math.cos(d) + b * d
        c = c * 0.5 + e * 0.25 + math.tanh(d * e)
        a = a + 0.1 * c * row[k]
    f = a * b + c
    g = f * f / (1.0 + f * f)
    h = math.log(1.0 + g) + math.sqrt(1.0 + c * c)
    p = h * g - f * 0.1 + b * c
    q = math.atan(p) + h * 0.3
    r = q * p + a * h - g
    return r * 0.5 + math.sin(q) * p + f * 0.01 + h * r * 0.02


@program(draw(array(6), array(4), 3), tags=["parallel"])
def calls_of_a_long_helper(x, row, n):
    s = 0.0
    for i in prange(x.shape[0]):
        s += long_helper(x[i], row, n)
    return s
