"""Functions of `scipy.special`, by name: on arrays as a whole, and compositions of primitives on elements."""

import numpy as np

from srcgrad.numpy_lib.registry import Definition
from srcgrad.numpy_lib.ufuncs import logaddexp_reduce
from srcgrad.rules.special import erfc_of, gammaln_of, polygamma, xlogy_of


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
    return polygamma(0, x)


def betaln(a, b):
    return gammaln_of(a) + gammaln_of(b) - gammaln_of(a + b)


def beta(a, b):
    return np.exp(betaln(a, b))


def entr(x):
    return -xlogy_of(x, x)


def rel_entr(x, y):
    return xlogy_of(x, x / y)


def exp10(x):
    return 10.0**x


# Functions of arrays as a whole, and of elements: these take numbers and array expressions as they are.
REDUCING = {f.__name__: Definition(f, (a,), frozenset(), ()) for f, a in (
    (logsumexp, "a"), (softmax, "x"), (log_softmax, "x"),
)}  # fmt: skip
MAPPED = {
    f.__name__: f for f in (logit, ndtr, digamma, betaln, beta, entr, rel_entr, exp10)
} | {"psi": digamma}  # fmt: skip
