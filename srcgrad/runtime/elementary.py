"""What kernels call as `np`: NumPy, with those functions of numbers defined that `numba.cuda` does not know.

Functions of libdevice come in pairs, of which the second one is that for float32, which stays float32.
"""

from __future__ import annotations

import math

import numpy as np
from numba import cuda, types
from numba.extending import overload

exp, expm1, log1p, sqrt = math.exp, math.expm1, math.log1p, math.sqrt
copysign, fmod, isinf, isfinite = math.copysign, math.fmod, math.isinf, math.isfinite


def __getattr__(name):
    return getattr(np, name)


def _of_libdevice(name, double, single):
    """A function of one float."""

    def stub(x):
        raise NotImplementedError(name)

    @overload(stub, target="cuda")
    def choose(x):
        return (lambda x: single(x)) if x == types.float32 else (lambda x: double(float(x)))  # noqa: PLW0108

    return stub


exp2 = _of_libdevice("exp2", cuda.libdevice.exp2, cuda.libdevice.exp2f)
cbrt = _of_libdevice("cbrt", cuda.libdevice.cbrt, cuda.libdevice.cbrtf)
floor = _of_libdevice("floor", cuda.libdevice.floor, cuda.libdevice.floorf)
ceil = _of_libdevice("ceil", cuda.libdevice.ceil, cuda.libdevice.ceilf)
trunc = _of_libdevice("trunc", cuda.libdevice.trunc, cuda.libdevice.truncf)
rint = _of_libdevice("rint", cuda.libdevice.rint, cuda.libdevice.rintf)


@cuda.jit(device=True)
def square(x):
    return x * x


@cuda.jit(device=True)
def reciprocal(x):
    return type(x)(1) / x


@cuda.jit(device=True)
def sign(x):
    return x if x != x else type(x)((x > 0) - (x < 0))  # noqa: PLR0124 - NaN stays


@cuda.jit(device=True)
def signbit(x):
    return math.copysign(1.0, x) < 0.0


@cuda.jit(device=True)
def logaddexp(x, y):
    if x == y:
        return x + math.log(type(x)(2))
    return max(x, y) + math.log1p(math.exp(-abs(x - y)))


@cuda.jit(device=True)
def logaddexp2(x, y):
    if x == y:
        return x + type(x)(1)
    return max(x, y) + math.log1p(exp2(-abs(x - y))) * type(x)(1.4426950408889634)
