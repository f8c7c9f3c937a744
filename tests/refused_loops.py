"""Loops over `prange` whose iterations cannot run at once."""

import numpy as np
from numba import prange

import srcgrad as sg


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


@sg.custom_vjp
def doubled(x):
    return 2.0 * x


doubled.defvjp(lambda x: (2.0 * x, ()), lambda residuals, ct: (2.0 * ct,))


def calls_what_has_a_gradient_of_its_own(x):
    s = 0.0
    for i in prange(x.shape[0]):
        s += doubled(x[i])
    return s


def multiplies_what_it_writes(x):
    a = np.zeros((3, 3))
    for i in prange(3):
        a[i] = a @ np.full(3, x[i])
    return a.sum()


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


def reads_the_running_maximum(x):
    m = -1.0
    out = np.empty_like(x)
    for i in prange(x.shape[0]):
        m = max(m, x[i])
        out[i] = m
    return out.sum()


def marks_new_minima(x):
    m = 1.0
    out = np.zeros_like(x)
    for i in prange(x.shape[0]):
        if x[i] < m:
            m = x[i]
            out[i] = 1.0
    return m + out.sum()


def counts_new_minima(x):
    m = 1.0
    count = 0.0
    for i in prange(x.shape[0]):
        new = x[i] < m
        if new:
            m = x[i]
        count += x[i] if new else 0.0
    return m + count


def finds_the_last_of_equal_ones(x):
    m = x[0]
    k = 0
    for i in prange(x.shape[0]):
        if x[i] <= m:
            m, k = x[i], i
    return m + k


def forgets_what_is_before_a_nan(x):
    m = x[0]
    for i in prange(x.shape[0]):
        m = max(x[i], m)
    return m


def divides_by_what_may_be_zero(x):
    n = x.shape[0]
    m = n // 2
    out = np.zeros(n)
    for k in prange(n):
        out[k // m * m + k % m] = x[k]
    return out.sum()


def leaves_one_out_that_it_reads(x):
    u = x.copy()
    for i in prange(x.shape[0]):
        if i != 1:
            u[i] = u[0] * 2.0
    return u.sum()


def shares_an_end(x):
    out = np.zeros(7)
    for b in prange(3):
        for i in range(b * 2, b * 2 + 3):
            out[i] = x[0] * b
    return out.sum()


def shares_an_end_of_unknown_blocks(x):
    n = x.shape[0]
    size = n // 3 + 1
    out = np.zeros(3 * size + 1)
    for b in prange(3):
        for i in range(b * size, (b + 1) * size + 1):
            out[i] = x[0] * b
    return out.sum()


def shares_halves(x):
    out = np.zeros_like(x)
    for i in prange(x.shape[0]):
        out[i // 2] = x[i]
    return out.sum()


def shares_a_product(x):
    n = x.shape[0]
    out = np.zeros(n * n)
    for i in prange(n):
        for j in range(n):
            out[i * j] = x[i]
    return out.sum()


def takes_three_colours_for_two(x):
    u = np.concatenate((x, x, x))
    for i in prange(1, u.shape[0] - 1):
        if i % 3 != 1:
            u[i] = u[i - 1] + u[i + 1]
    return u.sum()


def checks_the_running_sum(x):
    s = 0.0
    for i in prange(x.shape[0]):
        s += x[i]
        assert s < 100.0
    return s


def checks_an_array_that_it_makes(x):
    s = 0.0
    for i in prange(x.shape[0]):
        a = x
        for _ in range(2):
            assert a[0] < 100.0
            a = x * x[i]
        s += a[0]
    return s


def checks_what_others_write(x):
    out = x.copy()
    for i in prange(1, x.shape[0]):
        assert out[0] < 100.0
        out[i - 1] = x[i]
    return out.sum()


def keeps_the_array_of_the_greatest(x):
    best, kept, other = -1.0, x, 2.0 * x
    for i in prange(x.shape[0]):
        if x[i] > best:
            best = x[i]
            kept = other
    return kept.sum() * best


REFUSED = [
    ends_early, steps_by_two, runs_backwards, carries_a_value, reads_the_running_sum, reads_what_others_write,
    all_write_one_element, wraps_around, draws, prints, swaps, calls_what_has_a_gradient_of_its_own,
    multiplies_what_it_writes, meets_below_zero, starts_in_one_iteration, reads_the_first_that_is_written,
    reads_the_last_that_is_written, shares_an_end, shares_an_end_of_unknown_blocks, shares_halves, shares_a_product,
    reads_the_running_maximum, marks_new_minima, counts_new_minima, finds_the_last_of_equal_ones,
    forgets_what_is_before_a_nan, divides_by_what_may_be_zero, leaves_one_out_that_it_reads,
    takes_three_colours_for_two, checks_the_running_sum, checks_an_array_that_it_makes, checks_what_others_write,
    keeps_the_array_of_the_greatest,
]  # fmt: skip
