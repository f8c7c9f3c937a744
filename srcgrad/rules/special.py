"""Special functions. Formulas: Abramowitz & Stegun, chapters 6 and 7."""

import math

import numpy as np

from srcgrad.custom import stop_gradient
from srcgrad.rules.registry import elementwise, nondifferentiable


def polygamma(n, x):
    """The n-th derivative of digamma at x, as a name for rules; the code is in `srcgrad.runtime`."""
    raise NotImplementedError("polygamma is only called from generated code")


def _named(name):
    """A name for rules of a function whose code is in `srcgrad.runtime`."""

    def function(*args):
        raise NotImplementedError(f"{name} is only called from generated code")

    function.__name__ = name
    return function


expit, j0, j1, i0, i1 = (_named(name) for name in ("expit", "j0", "j1", "i0", "i1"))
erfc_of, gamma_of, gammaln_of, xlogy_of = (_named(name) for name in ("erfc", "gamma", "gammaln", "xlogy"))

nondifferentiable("stop_gradient", 1, stop_gradient, result="same")


@elementwise("math.erf", math.erf)
def erf(x):
    return 1.1283791670955126 * np.exp(-x * x)


@elementwise("math.erfc", math.erfc, erfc_of)
def erfc(x):
    return -1.1283791670955126 * np.exp(-x * x)


@elementwise("math.lgamma", math.lgamma, gammaln_of, singular=True)
def lgamma(x):
    return polygamma(0, x)


@elementwise("math.gamma", math.gamma, gamma_of, singular=True)
def gamma(x, *, out):
    return out * polygamma(0, x)


@elementwise("polygamma", polygamma, singular=True)
def _polygamma(n, x):
    return 0.0, polygamma(n + 1, x)


@elementwise("special.expit", expit)
def _expit(x, *, out):
    return out * (1.0 - out)


@elementwise("special.log_expit")
def log_expit(x):
    return expit(-x)


@elementwise("special.xlogy", xlogy_of, singular=True)
def xlogy(x, y):
    return np.log(y), x / y


@elementwise("special.xlog1py", singular=True)
def xlog1py(x, y):
    return np.log1p(y), x / (1.0 + y)


@elementwise("special.log_ndtr", singular=True)
def log_ndtr(x, *, out):
    return 0.3989422804014327 * np.exp(-0.5 * x * x - out)


@elementwise("special.erfinv", singular=True)
def erfinv(x, *, out):
    return 0.886226925452758 * np.exp(out * out)


@elementwise("special.ndtri", singular=True)
def ndtri(x, *, out):
    return 2.5066282746310002 * np.exp(0.5 * out * out)


@elementwise("special.erfcx")
def erfcx(x, *, out):
    return 2.0 * x * out - 1.1283791670955126


# Bessel functions: Abramowitz & Stegun, sections 9.1 and 9.6.
@elementwise("special.j0", j0)
def _j0(x):
    return -j1(x)


@elementwise("special.j1", j1)
def _j1(x, *, out):
    return np.where(x == 0.0, 0.5, j0(x) - out / np.where(x == 0.0, 1.0, x))


@elementwise("special.i0", i0, singular=True)
def _i0(x):
    return i1(x)


@elementwise("special.i1", i1, singular=True)
def _i1(x, *, out):
    return np.where(x == 0.0, 0.5, i0(x) - out / np.where(x == 0.0, 1.0, x))


# SciPy's names for primitives: of those that generated code calls by another name, and of its own.
SCIPY = {
    "erf": "math.erf", "erfc": "math.erfc", "gamma": "math.gamma", "gammaln": "math.lgamma", "cbrt": "np.cbrt",
    "exp2": "np.exp2", "expm1": "np.expm1", "log1p": "np.log1p", "polygamma": "polygamma",
    **{name: f"special.{name}" for name in (
        "expit", "log_expit", "xlogy", "xlog1py", "log_ndtr", "erfinv", "ndtri", "erfcx", "j0", "j1", "i0", "i1",
    )},
}  # fmt: skip
