"""Special functions. Formulas: Abramowitz & Stegun, chapters 6 and 7."""

import math

import numpy as np

from srcgrad.rules.registry import elementwise, nondifferentiable


def polygamma(n, x):
    """The n-th derivative of digamma at x, as a name for rules; the code is in `srcgrad.runtime`."""
    raise NotImplementedError("polygamma is only called from generated code")


def stop_gradient(x):
    """`x`, as a constant for differentiation. An array is copied.

    Args:
        x: a number, or a NumPy array of any shape and dtype.

    Returns:
        The same number, or a copy of the array.
    """
    return x.copy() if isinstance(x, np.ndarray) else x


nondifferentiable("stop_gradient", 1, stop_gradient, result="same")


@elementwise("math.erf", math.erf)
def erf(x):
    return 1.1283791670955126 * np.exp(-x * x)


@elementwise("math.erfc", math.erfc)
def erfc(x):
    return -1.1283791670955126 * np.exp(-x * x)


@elementwise("math.lgamma", math.lgamma, singular=True)
def lgamma(x):
    return polygamma(0, x)


@elementwise("math.gamma", math.gamma, singular=True)
def gamma(x, *, out):
    return out * polygamma(0, x)


@elementwise("polygamma", polygamma, singular=True)
def _polygamma(n, x):
    return 0.0, polygamma(n + 1, x)
