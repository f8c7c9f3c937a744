"""Functions that call functions."""

import math

import numpy as np

from . import other_module
from .other_module import scaled_sine, twice
from .registry import program
from .samples import array, draw, fixed, scalar

GRAVITY = 9.81
WEIGHTS = np.array([0.5, 1.5, -0.7])
ORDER = (2, 0, 1)


def square(x):
    return x * x


def polar(x, y):
    r = math.sqrt(x * x + y * y)
    return r, math.atan2(y, x)


def damped(x, rate=0.3, power=2):
    return math.exp(-rate * x) * x**power


def fill_with_squares(out, x):
    for i in range(x.shape[0]):
        out[i] = x[i] * x[i]


def scale_in_place(a, k):
    for i in range(a.shape[0]):
        a[i] *= k


def first_above(a, limit):
    for i in range(a.shape[0]):
        if a[i] > limit:
            return a[i]
    return limit


def derivative(u, out, nu):
    """The right-hand side of a diffusion equation, with a nonlinear term."""
    n = u.shape[0]
    for i in range(n):
        out[i] = nu * (u[i - 1] - 2.0 * u[i] + u[(i + 1) % n]) - u[i] * u[i]


def apply_to_all(f, a):
    s = 0.0
    for i in range(a.shape[0]):
        s += f(a[i])
    return s


def choose(condition, a, b):
    if condition:
        return a
    return b


def make_squares(x):
    out = np.empty_like(x)
    fill_with_squares(out, x)
    return out


@program(draw(scalar(), scalar()))
def calls_helper_twice(x, y):
    return square(x) * square(square(y)) + square(x + y)


@program(draw(scalar(), scalar()))
def several_results(x, y):
    r, phi = polar(x, y)
    both = polar(r, phi)
    return r * phi + both[0] * both[1]


@program(draw(scalar(), scalar()))
def defaults_and_keywords(x, y):
    return damped(x) + damped(y, power=3) + damped(x * y, rate=y) + damped(power=1, rate=x, x=y)


@program(draw(array(4)), tags=["compiled"])
def helper_fills_array(x):
    out = np.empty_like(x)
    fill_with_squares(out, x)
    s = 0.0
    for i in range(out.shape[0]):
        s += out[i] * x[i - 1]
    return s


@program(draw(array(4), scalar()))
def helper_overwrites_argument(a, k):
    scale_in_place(a, k)
    scale_in_place(a, a[0])
    fill_with_squares(a, a)
    return a


@program(draw(array(3, 4), scalar()))
def helper_overwrites_rows(a, k):
    for i in range(a.shape[0]):
        scale_in_place(a[i], k * (i + 1))
    scale_in_place(a[:, 1], k)
    return a


@program(draw(array(5), scalar(0.1, 0.3)))
def helper_with_early_return(a, limit):
    return first_above(a, limit) * first_above(a, 100.0) + first_above(a, a[0] * 0.5)


@program(draw(array(6), scalar(0.1, 0.2)))
def heun_with_helper(u, nu):
    n = u.shape[0]
    k1 = np.empty(n)
    k2 = np.empty(n)
    w = np.empty(n)
    for t in range(3):
        derivative(u, k1, nu)
        for i in range(n):
            w[i] = u[i] + 0.1 * k1[i]
        derivative(w, k2, nu)
        for i in range(n):
            u[i] += 0.05 * (k1[i] + k2[i])
    return u


@program(draw(array(4)))
def function_as_argument(a):
    return apply_to_all(square, a) * apply_to_all(scaled_sine, a)


@program(draw(array(4), scalar()))
def lambda_as_argument(a, k):
    return apply_to_all(lambda v: v * v * v, a) + k


@program(draw(scalar(), scalar()))
def local_lambdas(x, y):
    f = lambda v: v * math.sin(v)  # noqa: E731
    g = lambda u, v: u * x + f(v)  # noqa: E731
    return g(f(x), y) * g(y, x)


@program(draw(scalar(), array(3)), tags=["compiled"])
def inner_function_over_variables(x, a):
    k = x * x

    def weigh(v, i):
        return k * v * a[i]

    s = 0.0
    for i in range(a.shape[0]):
        s += weigh(s + 1.0, i)
    return s


@program(draw(scalar(), array(3)))
def inner_function_writes_outer_array(x, a):
    out = np.zeros(3)

    def put(i, v):
        out[i] += v * a[i]

    for i in range(3):
        put(i, x)
        put(2 - i, a[i])
    return out


@program(draw(scalar()))
def helpers_of_another_module(x):
    return scaled_sine(x) * other_module.scaled_sine(x * x) + other_module.SCALE * x


@program(draw(scalar(0.2, 0.9)))
def function_passed_through(x):
    return twice(scaled_sine, x) + other_module.twice(square, x)


@program(draw(scalar(), array(3)))
def module_globals(t, a):
    s = 0.5 * GRAVITY * t * t
    for i in range(3):
        s += WEIGHTS[i] * a[ORDER[i]] * a[i]
    return s


@program(draw(array(5)))
def helper_makes_array(x):
    y = make_squares(x)
    z = make_squares(y)
    s = 0.0
    for i in range(x.shape[0]):
        s += z[i] * y[i - 1]
    return s


@program(draw(array(4), array(4), False))
def helper_returns_one_of_its_arrays(a, b, flag):
    c = choose(flag, a, b)
    c[0] = c[1] * c[2]
    return a[0] * b[0]


@program(draw(array(4)))
def helper_in_condition(a):
    s = 0.0
    for v in a:
        if square(v) > 0.01 and square(v) < 50.0:
            s += square(v) * v
    return s


@program(draw(array(4), fixed([1, 3, 0])))
def helper_takes_integers(a, idx):
    s = 0.0
    for i in range(idx.shape[0]):
        s += a[wrapped(idx[i] + 2, a.shape[0])] * damped(a[idx[i]], power=idx[i] + 1)
    return s


def wrapped(i, n):
    while i >= n:
        i -= n
    return i


def _closure_over_float(rate):
    def closure_over_float(x):
        return math.exp(-rate * x) * rate

    return closure_over_float


def _closure_over_array(weights):
    def closure_over_array(a):
        s = 0.0
        for i in range(a.shape[0]):
            s += weights[i] * a[i] * a[i - 1]
        return s

    return closure_over_array


def _closure_over_function(f, count):
    def closure_over_function(x):
        for i in range(count):
            x = f(x) + 0.1
        return x

    return closure_over_function


program(draw(scalar()))(_closure_over_float(0.7))
program(draw(array(3)))(_closure_over_array(np.array([1.0, -2.0, 0.5])))
program(draw(scalar()))(_closure_over_function(scaled_sine, 3))
program(draw(scalar(), scalar()), name="lambda_program")(lambda x, y: x * math.sin(y) + square(x))


class Spring:
    """Programs may be static methods too."""

    @staticmethod
    @program(draw(scalar(), scalar()))
    def static_method(x, k):
        return 0.5 * k * x * x


@program(draw(array(3), array(3)))
def star_arguments(a, b):
    return dot3(*(a[0], a[1], a[2]), b)


def dot3(x, y, z, b):
    return x * b[0] + y * b[1] + z * b[2]


@program(draw(array(40)))
def long_helper_called_in_loop(a):
    s = 1.0
    for i in range(a.shape[0]):
        s = long_step(s, a[i])
    return s


def long_step(s, x):
    """Long enough that inlining it everywhere is no good idea."""
    for k in range(3):
        t = s * x + k
        if t > 2.0:
            t = 2.0 + math.tanh(t - 2.0)
        elif t < 0.5:
            t = 0.5 * t + 0.25
        else:
            t = t * 0.9
        u = math.sin(t) * math.cos(x)
        v = math.exp(-u * u) + 0.1 * t
        w = u * v + math.sqrt(1.0 + t * t)
        s = 0.5 * s + 0.25 * w + 0.1 * math.log(1.0 + v * v)
    return s
