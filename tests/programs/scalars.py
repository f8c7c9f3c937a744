"""Straight-line code on scalars."""

import math

import numpy as np

from .registry import program
from .samples import draw, scalar


@program(draw(scalar(), scalar(), scalar()))
def affine(a, x, b):
    return a * x + b


@program(draw(scalar()))
def polynomial(x):
    return 3.0 * x**3 - 2.0 * x * x + x - 7.0


@program(draw(scalar(), scalar()))
def rational(x, y):
    return (x - y) / (1.0 + x * y) - 1.0 / (x + 2.0 * y)


@program(draw(scalar()))
def trigonometric_chain(x):
    return math.sin(math.cos(math.tan(0.5 * x)))


@program(draw(scalar(), scalar()))
def exponentials(x, y):
    return math.exp(-x) * math.log(y) + math.log1p(x * y) - math.expm1(0.3 * y)


@program(draw(scalar(0.6, 1.2)))
def rebinding(x):
    x = x * x
    x = x + math.sin(x)
    x = x * x * x
    return x


@program(draw(scalar(), scalar()))
def diamond(x, y):
    shared = x * y
    left = shared * shared + x
    right = math.sin(shared) * y
    return left * right + shared


@program(draw(scalar(), scalar()))
def dead_code(x, y):
    unused = math.exp(x) * y
    unused = unused + 1.0
    z = x * 2.0
    z = y * y
    return z


@program(draw(scalar(), scalar(), scalar()))
def norm_of_three(x, y, z):
    r = math.sqrt(x * x + y * y + z * z)
    return x / r + y / (r * r) + z * r


@program(draw(scalar(), scalar()))
def powers(x, y):
    return x**y + y**2.5 + x**-1.5 + 2.0**x


@program(draw(scalar(), scalar()))
def two_results(x, y):
    return x * y, x / y


@program(draw(scalar(), scalar()))
def result_depends_on_one_argument(x, y):
    z = math.tanh(x)
    return z * z


@program(draw(scalar(), scalar()))
def one_value_returned_twice(x, y):
    z = x * math.sin(y)
    return z, z, x


@program(draw(scalar(), scalar()))
def numpy_scalar_functions(x, y):
    return np.exp(np.sin(x)) + np.sqrt(y) * np.log(x + 1.0) + np.arctan2(y, x)


@program(draw(scalar(), 7))
def mixed_with_integer(x, n):
    half = n // 2
    return x * n + half / x + (n % 3) * x * x


@program(draw(scalar()))
def only_constants_inside(x):
    k = 2.0
    k = k * k + 1.0
    c = math.sqrt(k) * math.pi
    return c * x + math.e


@program(draw(scalar(), scalar(), scalar(), scalar()))
def simultaneous_rotation(a, b, c, d):
    a, b, c, d = b * c, c * d, d * a, a * b
    a, b, c, d = b + c, c + d, d + a, a + b
    return a * b - c / d


@program(draw(scalar(), scalar()))
def cancelled_contribution(x, y):
    z = x * y
    z = z - x * y
    return z + x


@program(draw(scalar()))
def same_operand_everywhere(x):
    y = x + x
    z = y * y
    w = z / (y + y)
    return w**w


@program(draw(scalar()))
def names_that_generated_code_likes(x):
    bx = x * x
    dx = bx + x
    tape = math.sin(dx)
    b_x, ct, i = tape * bx, dx * tape, bx + tape
    return b_x + ct * i


@program(draw(scalar(), scalar()))
def shadows_builtins(sum, max):
    float = sum * max
    abs = float + sum
    return abs * float


@program(draw(scalar(0.2, 0.6), scalar(2.0, 3.0), scalar(0.5, 1.0)))
def quadratic_root(a, b, c):
    discriminant = b * b - 4.0 * a * c
    return (-b + math.sqrt(discriminant)) / (2.0 * a), (-b - math.sqrt(discriminant)) / (2.0 * a)


@program(draw(scalar(), scalar()))
def geodesic(latitude, longitude):
    s = math.sin(0.5 * (latitude - 0.1)) ** 2
    h = s + math.cos(latitude) * math.cos(0.1) * math.sin(0.5 * (longitude - 0.2)) ** 2
    return 2.0 * 6.371 * math.asin(math.sqrt(h))
