"""Functions of `scipy.special`, by name: on arrays as a whole, and compositions of primitives on elements."""

import numpy as np

from srcgrad.numpy_lib.registry import Definition
from srcgrad.numpy_lib.ufuncs import logaddexp_reduce
from srcgrad.rules.special import erfc_of, gamma_of, gammaln_of, polygamma, xlogy_of


def logsumexp(a, axis=None, b=None, keepdims=False):
    if b is None:
        return logaddexp_reduce(a, axis, keepdims=keepdims)
    shift = np.max(a, axis=axis, keepdims=True)
    total = np.log(np.sum(b * np.exp(a - shift), axis=axis, keepdims=keepdims))
    return total + (shift if keepdims else np.max(a, axis=axis))


def softmax(x, axis=None):
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def log_softmax(x, axis=None):
    d = x - np.max(x, axis=axis, keepdims=True)
    return d - np.log(np.sum(np.exp(d), axis=axis, keepdims=True))


def logit(x):
    return np.log(x) - np.log1p(-x)


def ndtr(x):
    return 0.5 * erfc_of(x * -0.7071067811865476)


def digamma(x):
    value = polygamma(0, x)
    return np.float32(value) if np.result_type(x) == np.float32 else value


def betaln(a, b):
    return gammaln_of(a) + gammaln_of(b) - gammaln_of(a + b)


def beta(a, b):
    sign = np.sign(gamma_of(a)) * np.sign(gamma_of(b)) * np.sign(gamma_of(a + b))
    return sign * np.exp(betaln(a, b))


def entr(x):
    value = -xlogy_of(x, np.where(x < 0.0, 1.0, x))
    return np.where(x < 0.0, value - 1e999, value)  # a literal takes the type of what it stands beside


def rel_entr(x, y):
    inside = (x >= 0.0) & (y >= 0.0) & ((x == 0.0) | (y > 0.0))
    value = xlogy_of(x, np.where(inside & (y > 0.0), x / y, 1.0))
    return np.where(inside, value, 0.0 * value + 1e999)


def exp10(x):
    return 10.0**x


# Functions of arrays as a whole, and of elements: these take numbers and array expressions as they are.
REDUCING = {f.__name__: Definition(f, (a,), frozenset(), ()) for f, a in (
    (logsumexp, "a"), (softmax, "x"), (log_softmax, "x"),
)}  # fmt: skip
MAPPED = {
    f.__name__: f for f in (logit, ndtr, digamma, betaln, beta, entr, rel_entr, exp10)
} | {"psi": digamma}  # fmt: skip
