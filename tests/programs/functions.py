"""Operators, built-in functions, `math` and its NumPy twins on scalars."""

import math

import numpy as np

from .registry import program
from .samples import draw, fixed, scalar


@program(draw(scalar(2.6, 2.9), scalar(0.7, 0.9)), tags=["compiled"])
def floor_division_and_remainder(x, y):
    q = x // y
    r = x % y
    m = -x % y
    k = -7 // 2 + 7 % -4
    return q * x + r * r * y + m * x + k * y


@program(draw(scalar(2.6, 2.9), scalar(0.7, 0.9)))
def divmod_of_floats(x, y):
    q, r = divmod(x, y)
    a, b = divmod(17, 5)
    return q * r * x + a * y + b


@program(draw(fixed([0.0, 1.3, -0.8, 2.0])))
def integer_powers(a):
    s = 0.0
    for i in range(a.shape[0]):
        s += a[i] ** 0 + a[i] ** 1 + 2.0 * a[i] ** 2 + 3.0 * a[i] ** 3
        for k in range(4):
            s += a[i] ** k * (k + 1)
    return s


@program(draw(fixed([1.3, 0.8, 2.0]), scalar(0.5, 1.5)))
def float_powers(a, p):
    s = 0.0
    for v in a:
        s += v**p + v**2.0 + v**0.5 + v ** (-p) + pow(v, 3) + math.pow(v, p) + v**-2
    return s


@program(draw(fixed([-1.3, -0.8, -2.0])))
def negative_base(a):
    s = 0.0
    for v in a:
        s += v**2 + v**3 * 0.5 + v**2.0 + v**-1 + (-v) ** 1.5
    return s


@program(draw(scalar(2.2, 2.8), scalar()))
def integer_conversions(x, y):
    n = int(x)
    k = int(x * 2.0) % 3
    return y * n + float(n) * y * y + k * x + float(y) * round(x) + math.floor(x) * y + math.ceil(x) * x


@program(draw(scalar(2.6, 2.8), scalar()))
def roundings(x, y):
    return round(x) * y + math.trunc(x) * y * y + np.floor(x) * y + np.ceil(x) * x + np.rint(x) * y


@program(draw(scalar(), scalar(2.0, 3.0)))
def absolute_values_and_extrema(x, y):
    a = abs(-x) + abs(x - y)
    b = min(x, y) * max(x, y, 1.0) + min(3, 2) + max(x * x, 0.0)
    return a * b + math.fabs(x - 5.0)


@program(draw(scalar(), scalar()))
def sums_of_tuples(x, y):
    values = (x, y, x * y)
    return sum(values) * max(values) + min(values) + len(values)


@program(draw(scalar(0.3, 0.7)), tags=["compiled"])
def math_elementary(x):
    s = math.sin(x) + math.cos(x) + math.tan(x) + math.exp(x) + math.log(x) + math.sqrt(x)
    s += math.asin(x) + math.acos(x) + math.atan(x) + math.sinh(x) + math.cosh(x) + math.tanh(x)
    s += math.asinh(x) + math.acosh(1.0 + x) + math.atanh(x) + math.expm1(x) + math.log1p(x)
    return s * x


@program(draw(scalar(0.3, 0.7)))
def math_logarithms_and_special(x):
    s = math.log2(x) + math.log10(x) + math.erf(x) + math.erfc(x)
    s += math.gamma(x) + math.lgamma(x + 1.0)
    s += math.degrees(0.1 * x) + math.radians(x) + math.fabs(-x)
    return s * x


@program(draw(scalar(0.3, 0.7), scalar(1.3, 1.7)))
def math_of_two_arguments(x, y):
    s = math.atan2(x, y) + math.hypot(x, y) + math.pow(x, y) + math.copysign(x, -y)
    return s * math.ldexp(x, 2) + math.copysign(-y, x)


@program(draw(scalar(0.3, 0.7)))
def numpy_twins(x):
    s = np.sin(x) + np.cos(x) + np.tan(x) + np.exp(x) + np.log(x) + np.sqrt(x) + np.cbrt(x)
    s += np.arcsin(x) + np.arccos(x) + np.arctan(x) + np.sinh(x) + np.cosh(x) + np.tanh(x)
    s += np.arcsinh(x) + np.arccosh(1.0 + x) + np.arctanh(x) + np.expm1(x) + np.log1p(x)
    s += np.log2(x) + np.log10(x) + np.exp2(x) + np.square(x) + np.reciprocal(x) + np.negative(x)
    s += np.abs(-x) + np.absolute(x) + np.fabs(x) + np.sign(x) * x
    s += np.deg2rad(x) + np.rad2deg(0.1 * x) + np.degrees(0.1 * x) + np.radians(x)
    return s * x


@program(draw(scalar(0.3, 0.7), scalar(1.3, 1.7)))
def numpy_twins_of_two(x, y):
    s = np.arctan2(x, y) + np.hypot(x, y) + np.power(x, y) + np.copysign(x, -y) + np.maximum(x, y)
    s += np.minimum(x * 2.0, y) + np.logaddexp(x, y) + np.logaddexp2(x, y) + np.fmod(y, x)
    s += np.fmax(x, y) * np.fmin(x, y) + np.add(x, y) * np.subtract(x, y)
    s += np.multiply(x, y) / np.divide(x, y) + np.true_divide(y, x) + np.remainder(y, x)
    return s * np.floor_divide(y, x)


@program(draw(scalar(0.3, 0.7), scalar(1.3, 1.7)), numba_ok=False)
def math_that_numba_lacks(x, y):
    return math.fmod(y, x) * x + math.fmod(-y, x) * y
