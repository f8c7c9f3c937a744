"""Elementary functions of `math` and NumPy. Formulas: Abramowitz & Stegun, chapter 4."""

import math

import numpy as np

from srcgrad.rules.registry import elementwise


@elementwise("np.exp", np.exp, math.exp, singular=True)
def exp(x, *, out):
    return out


@elementwise("np.exp2", np.exp2, singular=True)
def exp2(x, *, out):
    return out * 0.6931471805599453


@elementwise("np.expm1", np.expm1, math.expm1, singular=True)
def expm1(x, *, out):
    return out + 1.0


@elementwise("np.log", np.log, singular=True)
def log(x):
    return 1.0 / x


@elementwise("np.log2", np.log2, math.log2, singular=True)
def log2(x):
    return 1.4426950408889634 / x


@elementwise("np.log10", np.log10, math.log10, singular=True)
def log10(x):
    return 0.4342944819032518 / x


@elementwise("np.log1p", np.log1p, math.log1p, singular=True)
def log1p(x):
    return 1.0 / (1.0 + x)


@elementwise("np.sqrt", np.sqrt, math.sqrt, singular=True)
def sqrt(x, *, out):
    return 0.5 / out


@elementwise("np.cbrt", np.cbrt, singular=True)
def cbrt(x, *, out):
    return 1.0 / (3.0 * out * out)


@elementwise("np.square", np.square, result="same")
def square(x):
    return 2.0 * x


@elementwise("np.reciprocal", np.reciprocal, singular=True, result="same")
def reciprocal(x, *, out):
    return -(out * out)


@elementwise("np.sin", np.sin, math.sin)
def sin(x):
    return np.cos(x)


@elementwise("np.cos", np.cos, math.cos)
def cos(x):
    return -np.sin(x)


@elementwise("np.tan", np.tan, math.tan)
def tan(x, *, out):
    return 1.0 + out * out


@elementwise("np.arcsin", np.arcsin, math.asin, singular=True)
def arcsin(x):
    return 1.0 / np.sqrt((1.0 - x) * (1.0 + x))


@elementwise("np.arccos", np.arccos, math.acos, singular=True)
def arccos(x):
    return -1.0 / np.sqrt((1.0 - x) * (1.0 + x))


@elementwise("np.arctan", np.arctan, math.atan)
def arctan(x):
    return 1.0 / (1.0 + x * x)


@elementwise("np.arctan2", np.arctan2, math.atan2, singular=True)
def arctan2(y, x):
    r2 = x * x + y * y
    return x / r2, -y / r2


@elementwise("np.hypot", np.hypot, math.hypot, singular=True)
def hypot(x, y, *, out):
    return x / out, y / out


@elementwise("np.sinh", np.sinh, math.sinh, singular=True)
def sinh(x):
    return np.cosh(x)


@elementwise("np.cosh", np.cosh, math.cosh, singular=True)
def cosh(x):
    return np.sinh(x)


@elementwise("np.tanh", np.tanh, math.tanh)
def tanh(x, *, out):
    return 1.0 - out * out


@elementwise("np.arcsinh", np.arcsinh, math.asinh)
def arcsinh(x):
    return 1.0 / np.sqrt(x * x + 1.0)


@elementwise("np.arccosh", np.arccosh, math.acosh, singular=True)
def arccosh(x):
    return 1.0 / np.sqrt((x - 1.0) * (x + 1.0))


@elementwise("np.arctanh", np.arctanh, math.atanh, singular=True)
def arctanh(x):
    return 1.0 / ((1.0 - x) * (1.0 + x))


@elementwise("np.deg2rad", np.deg2rad, np.radians, math.radians)
def deg2rad(x):
    return 0.017453292519943295


@elementwise("np.rad2deg", np.rad2deg, np.degrees, math.degrees)
def rad2deg(x):
    return 57.29577951308232


@elementwise("np.copysign", np.copysign, math.copysign)
def copysign(x, y, *, out):
    return np.sign(x) * np.sign(out), 0.0


@elementwise("np.logaddexp", np.logaddexp)
def logaddexp(x, y):
    return 1.0 / (1.0 + np.exp(y - x)), 1.0 / (1.0 + np.exp(x - y))


@elementwise("np.logaddexp2", np.logaddexp2)
def logaddexp2(x, y):
    return 1.0 / (1.0 + np.exp2(y - x)), 1.0 / (1.0 + np.exp2(x - y))
