"""In-place writes: read, overwritten, needed; slices and scatters."""

import math

import numpy as np

from .registry import program
from .samples import array, draw, fixed, indices, scalar, signed


@program(draw(array(5)))
def read_overwritten_needed(a):
    s = 0.0
    for i in range(a.shape[0]):
        v = a[i]
        a[i] = 3.0
        s += v * v * a[i]
    return s


@program(draw(array(5), array(5)), tags=["compiled"])
def square_in_place(a, b):
    for i in range(a.shape[0]):
        b[i] = a[i] * b[i]
        a[i] = a[i] * a[i]
        b[i] = b[i] + math.sin(a[i])
    return b


def _decay_and_add(n):
    """`x[0] = 0.5 * x[0] + y[k]` for a fixed number of steps."""

    def sample(rng):
        return rng.uniform(0.4, 1.6, 1), rng.uniform(0.4, 1.6, n)

    def decay_and_add(x, y):
        for k in range(y.shape[0]):
            x[0] = 0.5 * x[0] + y[k]
        return x[0]

    return program(sample, name=f"decay_and_add_{n}")(decay_and_add)


for _n in range(1, 7):
    _decay_and_add(_n)


@program(draw(array(1), array(4)))
def nonlinear_decay(x, y):
    for k in range(y.shape[0]):
        x[0] = 0.5 * x[0] * x[0] + y[k] * math.sin(x[0])
    return x[0]


@program(draw(array(6)), tags=["compiled"])
def products_with_wrap_around(a):
    for i in range(a.shape[0]):
        a[i] = a[i] * a[i - 1]
    return a


@program(draw(array(6)))
def products_from_one(a):
    for i in range(1, a.shape[0]):
        a[i] = a[i] * a[i - 1]
    return a


@program(draw(array(6)))
def products_backwards(a):
    for i in range(a.shape[0] - 2, -1, -1):
        a[i] = a[i] * a[i + 1] + a[i]
    return a[0] * a[2]


@program(draw(array(6)))
def sum_in_place_twice(a):
    for sweep in range(3):
        for i in range(1, a.shape[0] - 1):
            a[i] = 0.3 * a[i - 1] * a[i + 1] + 0.5 * a[i] * a[i]
    return a


@program(draw(array(5)))
def overwritten_by_constant(a):
    s = a[2] * a[2]
    a[2] = 0.0
    for i in range(a.shape[0]):
        s += a[i] * a[i] * s
    a[0] = 1.0
    return s, a


@program(draw(array(5)))
def overwritten_after_use(a):
    s = 1.0
    for i in range(a.shape[0]):
        s *= a[i]
    for i in range(a.shape[0]):
        a[i] = 0.0
    return s


@program(draw(array(6)))
def empty_filled_partly(x):
    out = np.empty(10)
    for i in range(x.shape[0]):
        out[i] = x[i] * x[i]
    s = 0.0
    for i in range(x.shape[0]):
        s += out[i] * out[i - 1] if i > 0 else out[i]
    return s


@program(draw(array(6)))
def empty_filled_in_two_loops(x):
    n = x.shape[0]
    out = np.empty(2 * n)
    for i in range(n):
        out[2 * i] = math.sin(x[i])
    for i in range(n):
        out[2 * i + 1] = out[2 * i] * x[i]
    return out


@program(draw(array(6)))
def partial_update_of_zeros(x):
    out = np.zeros(x.shape)
    for i in range(0, x.shape[0], 2):
        out[i] += x[i] * x[i + 1]
        out[i] -= x[i]
        out[i] *= out[i]
        out[i] /= x[i + 1]
    return out


@program(draw(array(4), fixed([0, 2, 2, 1, 2, 0]), array(6)), tags=["compiled"])
def scatter_with_repeats(a, idx, v):
    for i in range(idx.shape[0]):
        a[idx[i]] += v[i] * v[i]
    return a


@program(draw(array(4), indices(7, 4), array(7)))
def scatter_multiply_with_repeats(a, idx, v):
    for i in range(idx.shape[0]):
        a[idx[i]] *= v[i]
        a[idx[i]] += a[0]
    return a


@program(draw(array(4), indices(9, 4)))
def gather_with_repeats(a, idx):
    s = 0.0
    for i in idx:
        s += a[i] * a[i] * s + a[i]
    return s


@program(draw(array(5), indices(5, 5)))
def indirect_of_indirect(a, idx):
    out = np.zeros_like(a)
    for i in range(idx.shape[0]):
        out[idx[idx[i]]] += a[idx[i]] * a[i]
        idx[i] = i
    return out


@program(draw(signed(8), array(8)))
def histogram_by_value(x, w):
    bins = np.zeros(4)
    for i in range(x.shape[0]):
        k = int((x[i] + 2.0) // 1.0)
        bins[k] += w[i] * x[i]
    return bins


@program(draw(array(6)))
def swap_elements(a):
    for i in range(a.shape[0] // 2):
        j = a.shape[0] - 1 - i
        a[i], a[j] = a[j] * a[i], a[i]
    a[0], a[1] = a[1], a[0]
    return a


@program(draw(array(6)))
def slice_stores(x):
    a = x.copy()
    b = np.zeros(7)
    a[1:3] = 0.0
    b[1:] = x
    a[3:] = b[:3]
    b[0:2] = a[0] * a[5]
    s = 0.0
    for i in range(a.shape[0]):
        s += a[i] * b[i] + b[i] * b[i]
    return s


@program(draw(array(6)))
def overlapping_slice_store(a):
    a[1:] = a[:-1]
    a[::2] = a[1::2]
    s = 1.0
    for i in range(a.shape[0]):
        s += a[i] * s
    return s


@program(draw(array(3, 4), array(4)))
def row_stores(a, v):
    a[1] = v
    a[2, 1:3] = v[:2]
    a[:, 0] = 2.0
    a[0, :] = a[2, :]
    s = 1.0
    for i in range(3):
        for j in range(4):
            s += a[i, j] * a[i, j] * v[j]
    return s


@program(draw(array(3), scalar()))
def array_carried_through_early_return(a, x):
    for i in range(a.shape[0]):
        a[i] = a[i] * x
        if a[i] > 0.1 and i == 1:
            return a
        x = x * a[i]
    return a


@program(draw(array(8)))
def prefix_sums_in_place(a):
    for i in range(1, a.shape[0]):
        a[i] += a[i - 1]
    s = 0.0
    for i in range(a.shape[0]):
        s += a[i] * a[i]
    return s


@program(draw(array(5)))
def bubble_sort(a):
    for i in range(a.shape[0]):
        for j in range(a.shape[0] - 1 - i):
            if a[j] > a[j + 1]:
                a[j], a[j + 1] = a[j + 1], a[j]
    return a


@program(draw(array(6, 3), 0.8))
def state_that_starts_in_the_loop(x, a):
    """The first iteration sets what all others go on with: no scratch array, though every iteration stores to all."""
    y = np.empty(x.shape[1])
    s = 0.0
    for t in range(x.shape[0]):
        for k in range(x.shape[1]):
            if t == 0:
                y[k] = x[0, k]
            y[k] = a * y[k] + x[t, k] * x[t, k]
            s += y[k] * y[k]
    return s


@program(draw(array(6, 3), np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 0, 0]])))
def last_that_was_seen(x, seen):
    last = np.zeros(x.shape[1])
    out = np.empty_like(x)
    for t in range(x.shape[0]):
        for k in range(x.shape[1]):
            if seen[t, k]:
                last[k] = x[t, k]
            out[t, k] = last[k] * last[k]
            last[k] = last[k] * 0.9
    return out


@program(draw(array(6), np.array([1, 0, 2, 0, 0, 1])))
def set_in_a_loop_that_may_not_run(x, count):
    w = np.zeros(3)
    s = 0.0
    for t in range(x.shape[0]):
        for k in range(3):
            for _ in range(count[t]):
                w[k] = x[t] * (k + 1)
            s += w[k] * x[t]
            w[k] = x[t]
    return s


@program(draw(array(5, 3)))
def set_on_both_sides_of_a_branch(x):
    """This is a scratch array."""
    w = np.empty(3)
    s = 0.0
    for t in range(x.shape[0]):
        for k in range(3):
            if x[t, k] > 1.0:
                w[k] = x[t, k]
            else:
                w[k] = x[t, k] * x[t, k]
            s += w[k] * x[t, 0]
            w[k] = w[k] * s
    return s
