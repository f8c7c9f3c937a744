"""Python's operators, and the built-in functions on numbers."""

import math
import operator

import numpy as np

from srcgrad.rules.registry import elementwise, nondifferentiable


@elementwise("+", np.add, operator.add, result="same")
def add(x, y):
    return 1.0, 1.0


@elementwise("-", np.subtract, operator.sub, result="same")
def subtract(x, y):
    return 1.0, -1.0


@elementwise("*", np.multiply, operator.mul, result="same")
def multiply(x, y):
    return y, x


@elementwise("/", np.divide, operator.truediv, singular=True)
def divide(x, y, *, out):
    return 1.0 / y, -(out / y)


# No user calls these two; where they are differentiated, `transform/splice.py` keeps the zeros of the terms strong too.
@elementwise("strong*", result="same")
def strong_product(x, y):
    return y, x


@elementwise("strong/")
def strong_quotient(x, y):
    return 1.0 / y, -(x / y / y)


@elementwise("**", np.power, pow, operator.pow, singular=True, result="same")
def power(x, y, *, out):
    # y == 0: the function is constant in x, also at x == 0. x <= 0: constant in y at 0, undefined below (taken as 0).
    return np.where(y == 0, 0.0, y * x ** (y - 1)), np.where(x > 0, out * np.log(np.where(x > 0, x, 1.0)), 0.0)


@elementwise("%", np.mod, np.remainder, operator.mod, singular=True, result="same")
def remainder(x, y):
    return 1.0, -np.floor(x / y)


@elementwise("np.fmod", np.fmod, math.fmod, singular=True)
def fmod(x, y):
    return 1.0, -np.trunc(x / y)


@elementwise("neg", np.negative, operator.neg, result="same")
def negative(x):
    return -1.0


@elementwise("pos", np.positive, operator.pos, result="same")
def positive(x):
    return 1.0


@elementwise("abs", abs, np.abs, np.fabs, math.fabs, np.absolute, result="same")
def absolute(x):
    return np.sign(x)  # 0 at 0


# At a tie, half to each (as in JAX). Python's max and min, which NumPy's are for integers.
@elementwise("max", max, result="same")
@elementwise("np.maximum", np.maximum, result="same")
def maximum(x, y):
    first = np.where(x > y, 1.0, np.where(x == y, 0.5, 0.0))
    return first, 1.0 - first


@elementwise("min", min, result="same")
@elementwise("np.minimum", np.minimum, result="same")
def minimum(x, y):
    first = np.where(x < y, 1.0, np.where(x == y, 0.5, 0.0))
    return first, 1.0 - first


@elementwise("np.fmax", np.fmax, result="same")
def fmax(x, y):
    first = np.where((x > y) | np.isnan(y), 1.0, np.where(x == y, 0.5, 0.0))
    return first, 1.0 - first


@elementwise("np.fmin", np.fmin, result="same")
def fmin(x, y):
    first = np.where((x < y) | np.isnan(y), 1.0, np.where(x == y, 0.5, 0.0))
    return first, 1.0 - first


# Those of two numbers that take one of them, and what each is for integers, which know no NaN.
EXTREMA = {"np.maximum": "max", "np.fmax": "max", "np.minimum": "min", "np.fmin": "min", "max": "max", "min": "min"}


@elementwise("where", result="same")
def where(condition, x, y):
    return 0.0, np.where(condition, 1.0, 0.0), np.where(condition, 0.0, 1.0)


nondifferentiable("//", 2, np.floor_divide, operator.floordiv, result="same")
nondifferentiable("round", 1, result="int")
nondifferentiable("np.sign", 1, np.sign, result="same")
nondifferentiable("np.floor", 1, np.floor)
nondifferentiable("np.ceil", 1, np.ceil)
nondifferentiable("np.trunc", 1, np.trunc)
nondifferentiable("np.rint", 1, np.rint)
nondifferentiable("math.floor", 1, math.floor, result="int")
nondifferentiable("math.ceil", 1, math.ceil, result="int")
nondifferentiable("math.trunc", 1, math.trunc, result="int")
nondifferentiable("not", 1, np.logical_not, result="bool")
nondifferentiable("np.isnan", 1, np.isnan, math.isnan, result="bool")
nondifferentiable("np.isinf", 1, np.isinf, math.isinf, result="bool")
nondifferentiable("np.isfinite", 1, np.isfinite, math.isfinite, result="bool")
nondifferentiable("np.signbit", 1, np.signbit, result="bool")
nondifferentiable("math.gcd", 2, math.gcd, np.gcd, result="int")
for _symbol, _spelling, _function in (
    ("<", np.less, operator.lt),
    ("<=", np.less_equal, operator.le),
    (">", np.greater, operator.gt),
    (">=", np.greater_equal, operator.ge),
    ("==", np.equal, operator.eq),
    ("!=", np.not_equal, operator.ne),
):
    nondifferentiable(_symbol, 2, _spelling, _function, result="bool")
for _symbol, _spelling, _function in (
    ("&", np.bitwise_and, operator.and_),
    ("|", np.bitwise_or, operator.or_),
    ("^", np.bitwise_xor, operator.xor),
    ("<<", np.left_shift, operator.lshift),
    (">>", np.right_shift, operator.rshift),
):
    nondifferentiable(_symbol, 2, _spelling, _function, result="same")
nondifferentiable("~", 1, np.invert, operator.invert, result="same")
