"""Loops over `prange` whose iterations cannot run at once."""

import numpy as np
from numba import prange


def ends_early(x):
    s = 0.0
    for i in prange(x.shape[0]):
        if x[i] > 1.0:
            break
        s += x[i]
    return s


def steps_by_two(x):
    s = 0.0
    for i in prange(0, x.shape[0], 2):
        s += x[i]
    return s


def runs_backwards(x):
    s = 0.0
    for i in prange(x.shape[0] - 1, -1, -1):
        s += x[i]
    return s


def carries_a_product(x):
    p = 1.0
    for i in prange(x.shape[0]):
        p *= x[i]
    return p


def carries_a_value(x):
    last = 0.0
    s = 0.0
    for i in prange(x.shape[0]):
        s += last * x[i]
        last = x[i]
    return s


def reads_the_running_sum(x):
    s = 0.0
    out = np.empty_like(x)
    for i in prange(x.shape[0]):
        s += x[i]
        out[i] = s
    return out.sum()


def reads_what_others_write(x):
    for i in prange(1, x.shape[0]):
        x[i] = x[i - 1] * 2.0
    return x.sum()


def all_write_one_element(x):
    out = np.zeros(2)
    for i in prange(x.shape[0]):
        out[0] = x[i]
    return out.sum()


def wraps_around(x):
    y = np.zeros_like(x)
    for i in prange(x.shape[0]):
        y[i - 1] = x[i]
        y[i] = x[i]
    return y.sum()


def draws(x):
    s = 0.0
    for i in prange(x.shape[0]):
        s += x[i] * np.random.normal()
    return s


def prints(x):
    s = 0.0
    for i in prange(x.shape[0]):
        print(i)  # noqa: T201 - what is refused
        s += x[i]
    return s


def swaps(x):
    u, v = x.copy(), x.copy()
    for i in prange(x.shape[0]):
        v[i] = u[i]
        u, v = v, u
    return u.sum()


def solves(x):
    out = np.empty_like(x)
    a = np.eye(2) * 2.0
    for i in prange(x.shape[0]):
        out[i] = np.linalg.solve(a, np.full(2, x[i]))[0]
    return out.sum()


def meets_below_zero(x):
    out = x.copy()
    for i in prange(-3, 3):
        out[i] = out[i] * 0.5 + x[i]
    return out.sum()


def starts_in_one_iteration(x):
    v = np.zeros(2)
    out = np.empty_like(x)
    for i in prange(x.shape[0]):
        for k in range(2):
            if x[i] > 0.5:
                v[k] = x[i]
            out[i] = v[k]
            v[k] = v[k] * 0.9
    return out.sum()


def reads_the_first_that_is_written(x):
    out = x.copy()
    for i in prange(1, x.shape[0]):
        out[i] = out[i] * out[1]
    return out.sum()


def reads_the_last_that_is_written(x):
    out = x.copy()
    for i in prange(x.shape[0]):
        out[i] = out[i] * out[-1]
    return out.sum()


REFUSED = [
    ends_early, steps_by_two, runs_backwards, carries_a_product, carries_a_value, reads_the_running_sum,
    reads_what_others_write, all_write_one_element, wraps_around, draws, prints, swaps,
    solves, meets_below_zero, starts_in_one_iteration, reads_the_first_that_is_written,
    reads_the_last_that_is_written,
]  # fmt: skip
