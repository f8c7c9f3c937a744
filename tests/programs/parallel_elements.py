"""Loops over `prange` that have elements of their own for reasons that take some arithmetic, or raise errors."""

import math

import numpy as np
from numba import prange

from .registry import program
from .samples import array, draw, fixed


@program(draw(array(3, 5)), tags=["parallel"])
def number_of_an_element(x):
    n, m = x.shape
    y = np.empty_like(x)
    for k in prange(n * m):
        i = k // m
        y[i, k % m] = x[i, k % m] * x[i, 0] + k
    return y


@program(draw(array(11), 3), tags=["parallel"])
def blocks_of_rows(x, count):
    n = x.shape[0]
    size = (n + count - 1) // count
    y = np.zeros_like(x)
    for b in prange(count):
        total = 0.0
        for i in range(b * size, min((b + 1) * size, n)):
            total += x[i] * x[i]
            y[i] = total * x[i]
    return y


@program(draw(array(5)), tags=["parallel"])
def tiles_of_a_table(x):
    n = x.shape[0]
    tiles = (n + 1) // 2
    y = np.zeros((n, n))
    for t in prange(tiles * tiles):
        top, left = t // tiles * 2, t % tiles * 2
        for i in range(top, min(top + 2, n)):
            for j in range(left, min(left + 2, n)):
                y[i, j] = x[i] * math.sin(x[j])
    return y


@program(draw(array(10), 3), tags=["parallel"])
def every_third_to_one(x, count):
    y = x.copy()
    for t in prange(count):
        for i in range(t, x.shape[0], count):
            y[i] = y[i] * y[i] + t
    return y


@program(draw(array(6, 7), 2), tags=["parallel", "compiled"])
def red_and_black(u, sweeps):
    u = u.copy()
    for s in range(2 * sweeps):
        for i in prange(1, u.shape[0] - 1):
            for j in range(1 + (i + s) % 2, u.shape[1] - 1, 2):
                u[i, j] = 0.25 * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] * u[i, j + 1])
    return u


@program(draw(array(7)), tags=["parallel"])
def sorted_by_swaps(x):
    x = x.copy()
    n = x.shape[0]
    for p in range(n):
        for k in prange((n - p % 2) // 2):
            i = 2 * k + p % 2
            if x[i] > x[i + 1]:
                x[i], x[i + 1] = x[i + 1], x[i]
    return x


@program(draw(array(8)), tags=["parallel"])
def butterflies(x):
    x = x.copy()
    half = 1
    for _ in range(3):
        for k in prange(4):
            i = k // half * 2 * half + k % half
            a, b = x[i], x[i + half]
            x[i] = a + 0.5 * b
            x[i + half] = math.sin(a) - b
        half *= 2
    return x


@program(draw(array(4, 4)), tags=["parallel"])
def both_triangles(x):
    y = np.zeros_like(x)
    for i in prange(x.shape[0]):
        for j in range(i + 1):
            y[i, j] = x[i, j] * x[j, i]
            y[j, i] = x[i, j] - x[j, i]
    return y


@program(draw(array(9), array(3)), tags=["parallel"])
def windows_of_three(x, k):
    y = np.empty(x.shape[0] - 2)
    for i in prange(x.shape[0] - 2):
        y[i] = np.sum(x[i : i + 3] * k) * np.dot(k, x[i : i + 3])
    return y


@program(draw(array(8), array(3)), tags=["parallel"])
def windows_cut_off(x, k):
    y = np.empty_like(x)
    for i in prange(x.shape[0]):
        first, last = max(i - 1, 0), min(i + 2, x.shape[0])
        y[i] = np.sum(x[first:last] * k[first - i + 1 : last - i + 1])
    return y


@program(draw(array(6), array(6)), tags=["parallel"])
def checked_before(x, limit):
    y = np.empty_like(x)
    for i in prange(x.shape[0]):
        square = x[i] * x[i]
        for _ in range(2):
            assert square >= 0.0
            square *= 0.5
        if square < 0.0:
            raise ValueError("below zero")
        y[i] = square * limit[i]
    return y


@program(draw(array(9)), tags=["parallel"])
def extremes_in_parallel(x):
    low, high, product, total, positive = 2.0, -np.inf, 1.0, 0.5, 0.1
    for i in prange(x.shape[0]):
        low = min(low, x[i] * x[i])
        high = np.maximum(math.sin(x[i]), high)
        product *= x[i]
        total = x[i] * x[i] + total
        if x[i] > 0.0:
            positive = max(positive, x[i] * total0(x, i))
    return low, high, product, total, positive


def total0(x, i):
    s = 0.0
    for k in range(i):
        s += x[k]
    return s


@program(draw(array(7, 3), array(3)), tags=["parallel"])
def nearest_row(x, y):
    nearest, where, first = np.inf, -1, 0.0
    for i in prange(x.shape[0]):
        d = 0.0
        for k in range(x.shape[1]):
            d += (x[i, k] - y[k]) ** 2
        if d < nearest:
            nearest, where, first = d, i, x[i, 0] * y[0]
    return nearest * first + np.sum(x[where])


@program(draw(array(5, 3), array(3, 3)), tags=["parallel", "compiled"])
def products_with_a_matrix(x, w):
    y = np.empty_like(x)
    s = 0.0
    for i in prange(x.shape[0]):
        t = np.tanh(w @ x[i])
        y[i] = t @ w
        s += x[i] @ w @ x[i]
    return y, s


@program(draw(array(4, 2, 2), array(4, 2, 2)), tags=["parallel"])
def products_of_small_matrices(a, b):
    y = np.zeros((2, 2))
    c = np.empty_like(a)
    for i in prange(a.shape[0]):
        t = a[i] @ b[i].T + b[i] @ a[0]
        c[i] = t
        y += t @ t
    return y, c


@program(draw(array(9)), tags=["parallel"])
def neighbours_on_conditions(x):
    y = np.zeros_like(x)
    for i in prange(2, x.shape[0] - 2):
        if x[i] > 0.4:
            y[i] = x[i + 2] * x[i - 2]
        elif x[i + 1] < 0.3:
            y[i] = x[i + 1] * x[i - 1] + x[i + 1]
    return y


@program(draw(array(8), array(8)), tags=["parallel"])
def two_sides(x, z):
    y = x.copy()
    for i in prange(1, x.shape[0] - 1):
        y[i] = x[i - 1] * z[i + 1] + z[i - 1] * x[i + 1]
    return y


@program(draw(array(4, 4), array(4)), tags=["parallel"])
def gauss_jordan(a, b):
    a = a @ a.T + 2.0 * np.eye(a.shape[0])
    b = b.copy()
    for k in range(a.shape[0]):
        pivot = a[k, k]
        for j in range(a.shape[0]):
            a[k, j] = a[k, j] / pivot
        b[k] = b[k] / pivot
        for i in prange(a.shape[0]):
            if i != k:
                f = a[i, k]
                for j in range(a.shape[0]):
                    a[i, j] -= f * a[k, j]
                b[i] -= f * b[k]
    return b


@program(draw(array(6), 3), tags=["parallel"])
def steps_into_new_arrays(x, steps):
    u = x.copy()
    for _ in range(steps):
        new = np.zeros_like(u)
        for i in prange(1, u.shape[0]):
            new[i] = u[i - 1] * u[i] + x[i]
        u = new
    return u


@program(draw(array(5, 3), array(3, 3), 2), tags=["parallel"])
def swapped_states(h, w, steps):
    h = h.copy()
    g = np.empty_like(h)
    for _ in range(steps):
        for i in prange(h.shape[0]):
            g[i] = np.tanh(w @ h[i])
        h, g = g, h
    return h


@program(draw(array(3), array(2), 5), tags=["parallel"])
def elements_that_may_not_be_there(x, w, k):
    y = np.zeros(2)
    s = 0.0
    for i in prange(x.shape[0]):
        if x[i] > 10.0:
            s += x[i] * w[k]
            y[k] += x[i]
    return s, y


@program(draw(fixed((0, 2, 2, 5, 7)), fixed((0, 1, 2, 3, 0, 1, 2)), array(7), array(4)), tags=["parallel", "compiled"])
def softmax_of_sparse_rows(start, column, w, x):
    n = start.shape[0] - 1
    e = np.zeros(w.shape[0])
    y = np.zeros(n)
    for i in prange(n):
        total = 0.0
        for k in range(start[i], start[i + 1]):
            e[k] = math.exp(w[k] * x[column[k]])
            total += e[k]
        for k in range(start[i], start[i + 1]):
            y[i] += e[k] / total * x[column[k]]
    return e, y


@program(draw(fixed((3, 0, 4, 1)), array(4, 3)), tags=["parallel"])
def rows_to_places(place, x):
    y = np.zeros((5, 3))
    for i in prange(place.shape[0]):
        k = place[i]
        for j in range(3):
            y[k, j] = x[i, j] * x[i, 0]
            y[k, j] = y[k, j] * y[k, j] + j
    return y


@program(draw(fixed((0, 2, 3, 6)), fixed((4, 1, 3, 0, 5, 2)), array(6)), tags=["parallel"])
def colour_by_colour(first, order, x):
    u = x.copy()
    for c in range(first.shape[0] - 1):
        for k in prange(first[c], first[c + 1]):
            i = order[k]
            u[i] = u[i] * x[i] + c * u[i]
        u[0] = u[0] + u[5] * u[4]
    return u


@program(draw(fixed((1, 3, 3, 6)), array(7)), tags=["parallel"])
def pairs_in_cells(start, x):
    f = np.zeros_like(x)
    for c in prange(start.shape[0] - 1):
        for k in range(start[c], start[c + 1]):
            for m in range(start[c], start[c + 1]):
                if k != m:
                    d = x[k] - x[m]
                    f[k] += d * math.exp(-d * d)
    return f


@program(draw(array(3, 2), array(2, 2), 4), tags=["parallel"])
def ensemble(x, a, steps):
    out = np.empty_like(x)
    for i in prange(x.shape[0]):
        u = x[i]
        for _ in range(steps):
            k = np.sin(a @ u)
            u = u + 0.1 * (k - 0.5 * u * k)
        out[i] = u
    return out


@program(draw(array(3, 2), array(3)), tags=["parallel", "compiled"])
def newton_for_each(x, p):
    out = np.empty_like(x)
    for i in prange(x.shape[0]):
        u = x[i].copy()
        for _ in range(6):
            r = np.array([u[0] ** 2 + u[1] - p[i], u[0] - u[1] ** 3])
            jacobian = np.array([[2.0 * u[0] + 0.5, 1.0], [1.0, -3.0 * u[1] ** 2 - 0.5]])
            d = np.linalg.solve(jacobian, r)
            u = u - d
            if abs(d[0]) + abs(d[1]) < 1e-2:
                break
        out[i] = u
    return out


@program(draw(array(6), array(6), 0.8), tags=["parallel"])
def local_lines(t, y, width):
    n = t.shape[0]
    out = np.empty(n)
    for i in prange(n):
        m, r = np.zeros((2, 2)), np.zeros(2)
        for j in range(n):
            d = t[j] - t[i]
            w = math.exp(-((d / width) ** 2))
            m += w * np.array([[1.0, d], [d, d * d]])
            r += w * y[j] * np.array([1.0, d])
        out[i] = np.linalg.solve(m + 0.1 * np.eye(2), r)[0]
    return out


@program(draw(array(2, 2), array(1, 2), array(2, 3, 1)), tags=["parallel"])
def filters(f, h, y):
    total = 0.0
    for s in prange(y.shape[0]):
        m, p = np.zeros(2), np.eye(2)
        for t in range(y.shape[1]):
            m, p = f @ m, f @ p @ f.T + 0.3 * np.eye(2)
            c = h @ p @ h.T + 0.5 * np.eye(1)
            v = y[s, t] - h @ m
            total -= 0.5 * (math.log(np.linalg.det(c)) + v @ np.linalg.solve(c, v))
            k = p @ h.T @ np.linalg.inv(c)
            m, p = m + k @ v, p - k @ h @ p
    return total


@program(draw(array(3, 4)), tags=["parallel"])
def sorted_rows(x):
    out = np.empty(x.shape[0])
    for i in prange(x.shape[0]):
        row = np.sort(np.sin(3.0 * x[i]))
        out[i] = row[0] * row[1] + np.median(x[i])
    return out


@program(draw(array(3, 2, 2)), tags=["parallel"])
def logarithms_of_determinants(a):
    total = 0.0
    for i in prange(a.shape[0]):
        lower = np.linalg.cholesky(a[i] @ a[i].T + np.eye(2))
        w, v = np.linalg.eigh(a[i] + a[i].T)
        total += math.log(lower[0, 0]) + math.log(lower[1, 1]) + w[0] * v[0, 1] ** 2
    return total


@program(draw(array(4, 3), array(4, 3), array(4)), tags=["parallel"])
def chosen_rows(a, b, w):
    out = np.empty(a.shape[0])
    for i in prange(a.shape[0]):
        row = a[i] if w[i] > 1.0 else b[i]
        best = row
        total = 0.0
        for j in range(row.shape[0]):
            if row[j] < w[i]:
                best = b[0]
                total += best[j] * row[j]
        out[i] = total + best[1] * best[2]
    return out


@program(draw(array(3, 2), array(2)), tags=["parallel"])
def rows_that_become_others(a, v):
    out = np.empty_like(a)
    for i in prange(a.shape[0]):
        u, p = a[i], v
        for k in range(a.shape[0]):
            u, p = u * p + a[k], u
        out[i] = u - p
    return out


@program(draw(array(4, 3), 3), tags=["parallel"])
def rings_in_new_arrays(a, steps):
    out = np.empty_like(a)
    for i in prange(a.shape[0]):
        u = a[i]
        for _ in range(steps):
            new = np.empty(3)
            for j in range(3):
                new[j] = 0.5 * u[j - 1] * u[(j + 1) % 3] + u[j]
            u = new
        out[i] = u
    return out
