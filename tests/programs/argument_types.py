"""Argument and result types."""

import math
from typing import NamedTuple

import numpy as np

from .registry import program
from .samples import array, draw, fixed, indices, scalar, signed


class Point(NamedTuple):
    x: float
    y: float


class Model(NamedTuple):
    weights: np.ndarray
    bias: float
    degree: int


def point(rng):
    return Point(float(rng.uniform(0.5, 1.5)), float(rng.uniform(0.5, 1.5)))


def model(rng):
    return Model(rng.uniform(0.5, 1.5, 3), float(rng.uniform(0.5, 1.5)), 2)


@program(draw(array(5, dtype=np.float32)), tags=["compiled"])
def float32_array(x):
    y = np.empty_like(x)
    for i in range(x.shape[0]):
        y[i] = (1.0 - x[i] * x[i]) * 0.5
    return y


@program(draw(lambda rng: np.float32(rng.uniform(0.5, 1.5)), lambda rng: np.float32(1.25)))
def float32_scalars(x, y):
    return x * y + math.sin(x) / y


@program(draw(array(4, dtype=np.float32), array(4), scalar()), tags=["compiled"])
def mixed_dtypes(a, b, k):
    s = 0.0
    for i in range(a.shape[0]):
        s += a[i] * b[i] * k
        a[i] = a[i] * 2.0
        b[i] = a[i] * b[i]
    return s, a, b


@program(draw(array(4, dtype=np.float32)))
def float32_loop_sum(x):
    s = x[0]
    for i in range(1, x.shape[0]):
        s = s + x[i] * x[i - 1]
    return s


@program(draw(array(3, dtype=np.float32), array(3)))
def float32_array_filled_from_float64(a, b):
    for i in range(a.shape[0]):
        a[i] = b[i] * b[i] + a[i]
    return a


@program(draw(lambda rng: (float(rng.uniform(0.5, 1.5)), rng.uniform(0.5, 1.5, 3))), tags=["compiled"])
def tuple_argument(parameters):
    k, a = parameters
    s = 0.0
    for i in range(a.shape[0]):
        s += k * a[i] * a[i]
    return s


@program(draw(lambda rng: ((1.1, (0.7, rng.uniform(0.5, 1.5, 2))), 3), scalar()))
def nested_tuple_argument(p, x):
    (a, (b, c)), n = p
    return a * b + c[0] * c[1] * x * n


@program(draw(point, point), tags=["compiled"])
def namedtuple_arguments(p, q):
    dx = p.x - q.x
    dy = p.y - q.y
    return math.sqrt(dx * dx + dy * dy + 1.0) * p.x


@program(draw(model, array(4, 3)))
def namedtuple_of_arrays(m, x):
    s = 0.0
    for i in range(x.shape[0]):
        z = m.bias
        for j in range(x.shape[1]):
            z += m.weights[j] * x[i, j] ** m.degree
        s += math.tanh(z)
    return s


@program(draw(point, scalar()))
def namedtuple_result(p, k):
    return Point(p.x * k, p.y + k * k)


@program(draw(scalar(), array(3)))
def nested_tuple_result(x, a):
    b = np.empty_like(a)
    for i in range(3):
        b[i] = a[i] * x
    return (x * x, (b, a[0])), a


@program(draw(array(3), scalar()))
def result_is_an_argument(a, x):
    return a


@program(draw(array(3), scalar()))
def result_is_an_overwritten_argument(a, x):
    a[1] = x * a[0]
    return a


@program(draw(array(3), scalar()))
def result_is_one_array_twice(a, x):
    a[0] = x * a[1]
    return a, a, x


@program(draw(array(4)))
def result_with_integer_and_bool(a):
    k = 0
    for i in range(a.shape[0]):
        if a[i] > a[k]:
            k = i
    return a[k] * a[k], k, a[0] > 100.0


@program(draw(signed(5)))
def result_with_integer_array(a):
    signs = np.zeros(5, dtype=np.int64)
    s = 0.0
    for i in range(5):
        signs[i] = 1 if a[i] > 0.0 else -1
        s += signs[i] * a[i] * a[i]
    return s, signs


@program(draw(array(3), 2, True, "scale"))
def inactive_arguments(a, n, flag, kind):
    s = 0.0
    for i in range(a.shape[0]):
        if kind == "scale" and flag:
            s += a[i] * n
        else:
            s += a[i] + n
    return s * s


@program(draw(array(0), scalar()))
def empty_array(a, x):
    s = x
    for i in range(a.shape[0]):
        s += a[i] * a[i]
    out = np.empty_like(a)
    for i in range(a.shape[0]):
        out[i] = a[i] * x
    return s * x, out


@program(draw(array(0, 3), array(2, 0)))
def empty_matrices(a, b):
    s = 1.0
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            s += a[i, j] * b[j, i]
    return s


@program(draw(scalar(), array(2, 3), scalar(), lambda rng: (1.5, 2.5)))
def unused_arguments(x, unused_array, unused_scalar, unused_tuple):
    return x * x


@program(draw(scalar(), array(3)))
def constant_function(x, a):
    return 3.0


@program(draw(array(3)))
def constant_array(a):
    out = np.zeros(3)
    out[1] = 2.0
    return out


@program(draw(scalar()))
def identity(x):
    return x


@program(draw(array(4), indices(6, 4), fixed([True, False, True, True, False, True])))
def integer_and_bool_arrays(a, idx, keep):
    s = 0.0
    for i in range(idx.shape[0]):
        if keep[i]:
            s += a[idx[i]] * a[idx[i]]
    return s


@program(draw(lambda rng: np.asfortranarray(rng.uniform(0.5, 1.5, (3, 4)))))
def fortran_order(a):
    for i in range(a.shape[0]):
        for j in range(1, a.shape[1]):
            a[i, j] *= a[i, j - 1]
    return a


@program(draw(lambda rng: rng.uniform(0.5, 1.5, (4, 8))[::2, 1::3], lambda rng: rng.uniform(0.5, 1.5, 9)[::-2]))
def strided_arguments(a, b):
    s = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            s += a[i, j] * b[j] * s + b[i]
    return s


def _read_only(rng):
    a = rng.uniform(0.5, 1.5, 4)
    a.flags.writeable = False
    return a


@program(draw(_read_only))
def read_only_argument(a):
    s = 1.0
    for i in range(a.shape[0]):
        s *= a[i] * a[i - 1]
    return s


def _same_twice(rng):
    a = rng.uniform(0.5, 1.5, 4)
    return a, a


@program(_same_twice)
def same_array_twice(a, b):
    s = 0.0
    for i in range(a.shape[0]):
        s += a[i] * a[i] * b[i]
    return s


@program(draw(array(2, 2, 2, 2)))
def four_dimensions(a):
    s = 0.0
    for i in range(2):
        for j in range(2):
            for k in range(2):
                for m in range(2):
                    s += a[i, j, k, m] * a[m, k, j, i]
    return s


@program(draw(fixed([3, 1, 2]), scalar()))
def integer_array_values(counts, x):
    s = 0.0
    for n in counts:
        s += n * x**n
    return s


@program(draw(scalar()))
def default_argument_left_out(x, k=2.5, n=3):
    return k * x**n


@program(draw(lambda rng: (rng.uniform(0.5, 1.5, 3), rng.uniform(0.5, 1.5, 3))))
def overwritten_tuple_of_arrays(pair):
    a, b = pair
    for i in range(a.shape[0]):
        a[i] = a[i] * b[i]
        b[i] = math.sin(a[i])
    return pair


@program(draw(lambda rng: np.float64(rng.uniform(0.5, 1.5))))
def numpy_scalar_argument(x):
    return x * x
