"""Arrays that loops carry, read as a whole by library routines."""

import numpy as np

from .registry import program
from .samples import array, draw, scalar


@program(draw(array(3)), numba_ok=False)
def matrix_of_another_shape_now_and_then(x):
    a = np.eye(2) * x[0]
    c = np.eye(3) * x[1]
    s = 0.0
    for i in range(4):
        for _ in range(2):
            s += np.sum(np.linalg.inv(a)) * x[2]
            a = np.linalg.inv(a) * x[0]
        if i == 1:
            a = c
    return s


@program(draw(array(3)), numba_ok=False)
def two_matrices_that_take_turns(x):
    a = np.eye(3) * x[0]
    b = np.eye(3) * 3.0
    c = np.eye(2) * x[0]
    s = 0.0
    for i in range(4):
        s += np.sum(np.linalg.inv(b)) * x[1] + np.sum(np.linalg.inv(a))
        t = a
        if i > 0:
            a = c
        else:
            a = b
        b = t
    return s


@program(draw(array(3, 3), array(3), scalar()), tags=["compiled"])
def iteration_with_a_solve_until_it_settles(a, b, k):
    m = a + 4.0 * np.eye(3)
    x = b.copy()
    n = 0
    while n < 3:
        if np.sum(x * x) > 0.01:
            x = x - k * np.linalg.solve(m, m @ x - b * x)
        n += 1
    return x


@program(draw(array(5)))
def window_that_slides_back(x):
    """Each iteration writes the last element, by another view."""
    n = x.shape[0]
    s = 0.0
    for i in range(n):
        r = x[n - 1 - i :]
        r[i] = r[i] * 1.5 + i
        s += r[i] * r[i]
    return s, x


@program(draw(array(5), array(5)))
def index_that_starts_below_zero(a, b):
    """The first and the last iteration write the same element."""
    for j in range(-1, a.shape[0]):
        a[j] = a[j] * np.sin(b[j])
    return a * b


@program(draw(array(5), array(4)))
def iterations_with_a_loop_of_their_own(x, y):
    s = 0.0
    for i in range(x.shape[0]):
        v = x[i]
        if v > 0.6:
            for t in range(4):
                v = v * np.sin(v) + y[t]
        s += v * v
    return s
