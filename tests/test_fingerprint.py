"""What tells functions apart on disk: every pair here gives two hashes, each function made again gives the same."""

import collections
import contextlib
import enum
import functools
import types
import warnings

import numba
import numpy as np
import pytest

import srcgrad as sg
from srcgrad.cache import UncacheableError, fingerprint

Pair = collections.namedtuple("Pair", "a b")

# name: (text of a module with a function f, what is replaced, by what)
CHANGES = {
    "number in the function": ("def f(x):\n    return x * 2.0\n", "2.0", "3.0"),
    "sign of zero": ("def f(x):\n    return x / 0.0\n", "0.0", "-0.0"),
    "kind of number": ("def f(x):\n    return x * 2\n", "2", "2.0"),
    "operation": ("def f(x):\n    return x * x\n", "x * x", "x + x"),
    "captured number": ("K = 2.0\ndef f(x):\n    return x * K\n", "2.0", "3.0"),
    "captured int or bool": ("K = 1\ndef f(x):\n    return x * K\n", "K = 1", "K = True"),
    "captured text": ("K = 'a'\ndef f(x):\n    return x if K == 'a' else -x\n", "K = 'a'", "K = 'b'"),
    "number in a tuple": ("K = (1.0, (2.0,))\ndef f(x):\n    return x * K[1][0]\n", "2.0", "3.0"),
    "dtype of a captured array": ("A = np.ones(3)\ndef f(x):\n    return x * A[0]\n", "3)", "3, np.float32)"),
    "rank of a captured array": ("A = np.ones(3)\ndef f(x):\n    return np.sum(x * A)\n", "3)", "(3, 3))"),
    "layout of a captured array": ("A = np.ones((3, 3))\ndef f(x):\n    return x * A[0, 0]\n", "3))", "3)).T[::2]"),
    "closure": ("def make(k):\n    return lambda x: x * k\nf = make(2.0)\n", "2.0", "3.0"),
    "function in a closure": ("def make(g):\n    return lambda x: g(x)\nf = make(np.sin)\n", "np.sin", "np.cos"),
    "lambda": ("f = (lambda x: x * 2.0, lambda x: x * 3.0)[0]\n", "[0]", "[1]"),
    "function of the same name": (
        "def f(x):\n    return x\ng = f\ndef f(x):\n    return x * x\nh = f\nf = g\n", "f = g", "f = h"),
    "helper": ("def g(x):\n    return x * 2.0\ndef f(x):\n    return g(x)\n", "2.0", "3.0"),
    "helper's own helper": (
        "def h(x):\n    return x * 2.0\ndef g(x):\n    return h(x)\ndef f(x):\n    return g(x)\n", "2.0", "3.0"),
    "helper's default": ("def g(x, k=2.0):\n    return x * k\ndef f(x):\n    return g(x)\n", "2.0", "3.0"),
    "helper's keyword default": ("def g(x, *, k=2):\n    return x * k\ndef f(x):\n    return g(x)\n", "2", "3"),
    "helper's global": ("K = 2.0\ndef g(x):\n    return x * K\ndef f(x):\n    return g(x)\n", "2.0", "3.0"),
    "helper rebound": ("g = np.sin\ndef f(x):\n    return g(x)\n", "np.sin", "np.cos"),
    "helper of numba": (
        "import numba\n@numba.njit\ndef g(x):\n    return x * 2.0\ndef f(x):\n    return g(x)\n", "2.0", "3.0"),
    "helper that is differentiable": (
        "@sg.differentiable\ndef g(x):\n    return x * 2.0\ndef f(x):\n    return g(x)\n", "2.0", "3.0"),
    "gradient as a helper": (
        "def g(x, y):\n    return x * y * y\nh = sg.grad(g, 0)\ndef f(x):\n    return h(x, x)\n", "g, 0", "g, 1"),
    "partial": (
        "def g(k, x):\n    return x * k\nh = functools.partial(g, 2.0)\ndef f(x):\n    return h(x)\n", "2.0", "3.0"),
    "vectorized": (
        "@np.vectorize\ndef g(x):\n    return x * 2.0\ndef f(x):\n    return np.sum(g(x))\n", "2.0", "3.0"),
    "forward function": (
        ("@sg.custom_vjp\ndef g(x):\n    return x\ng.defvjp(lambda x: (x, x), lambda r, ct: (ct,))\n"
         "def f(x):\n    return g(x)\n"), "(x, x)", "(2.0 * x, x)"),
    "backward function": (
        ("@sg.custom_vjp\ndef g(x):\n    return x\ng.defvjp(lambda x: (x, x), lambda r, ct: (ct,))\n"
         "def f(x):\n    return g(x)\n"), "(ct,)", "(2.0 * ct,)"),
    "helper of a backward function": (
        ("def h(ct):\n    return 2.0 * ct\n@sg.custom_vjp\ndef g(x):\n    return x\n"
         "g.defvjp(lambda x: (x, x), lambda r, ct: (h(ct),))\ndef f(x):\n    return g(x)\n"), "2.0", "3.0"),
    "attribute of an object": (
        "C = types.SimpleNamespace(rate=2.0)\ndef f(x):\n    return x * C.rate\n", "2.0", "3.0"),
    "attribute of an attribute": (
        "C = types.SimpleNamespace(d=types.SimpleNamespace(rate=2.0))\ndef f(x):\n    return x * C.d.rate\n",
        "2.0", "3.0"),
    "attribute of a class": ("class C:\n    rate = 2.0\ndef f(x):\n    return x * C.rate\n", "2.0", "3.0"),
    "method": (
        "class C:\n    def g(self, x):\n        return x * 2.0\nc = C()\ndef f(x):\n    return c.g(x)\n", "2.0", "3.0"),
    "inherited method": (
        ("class B:\n    def g(self, x):\n        return x * 2.0\nclass C(B):\n    pass\nc = C()\n"
         "def f(x):\n    return c.g(x)\n"), "2.0", "3.0"),
    "object of a bound method": (
        ("class C:\n    def __init__(self, k):\n        self.k = k\n    def g(self, x):\n        return x * self.k\n"
         "f = C(2.0).g\n"), "2.0", "3.0"),
    "attribute that only a helper reads": (
        "C = types.SimpleNamespace(rate=2.0)\ndef g(c, x):\n    return x * c.rate\ndef f(x):\n    return g(C, x)\n",
        "2.0", "3.0"),
    "getattr": ("C = types.SimpleNamespace(a=2.0, b=3.0)\ndef f(x):\n    return x * getattr(C, 'a')\n", "'a'", "'b'"),
    "fields of a namedtuple": (
        "P = collections.namedtuple('P', 'a b')\ndef f(x):\n    return P(x, 2.0 * x).a\n", "'a b'", "'b a'"),
    "which of two equal objects": (
        "class M:\n    pass\na, b = M(), M()\nmode = a\ndef f(x):\n    return x if mode is a else -x\n",
        "mode = a", "mode = b"),
    "member of an enum": (
        "class E(enum.Enum):\n    A = 1\n    B = 2\nm = E.A\ndef f(x):\n    return x if m == E.A else -x\n",
        "m = E.A", "m = E.B"),
    "list": ("L = [1, 2]\ndef f(x):\n    return x if L else -x\n", "[1, 2]", "[]"),
    "module": ("import math as m\ndef f(x):\n    return m.exp(x)\n", "math", "numpy"),
    "built-in name": ("def f(x):\n    return abs(x)\n", "def f", "abs = np.sin\ndef f"),
    "global that was a built-in": ("abs = np.cos\ndef f(x):\n    return abs(x)\n", "abs = np.cos", "abs = np.sin"),
    "inner function": (
        "K = 2.0\ndef f(x):\n    def g(y):\n        return y * K\n    return g(x)\n", "2.0", "3.0"),
    "default of the function": ("def f(x, k=2.0):\n    return x * k\n", "2.0", "3.0"),
    "name of an argument": ("def f(x, y):\n    return x - y\n", "f(x, y)", "f(y, x)"),
}  # fmt: skip
SCOPE = {"functools": functools, "types": types, "collections": collections, "enum": enum, "sg": sg}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_changes_the_hash(name, define):
    text, old, new = CHANGES[name]
    assert old in text
    one, again, other = (define(t, "f", **SCOPE) for t in (text, text, text.replace(old, new, 1)))
    assert fingerprint(one).digest == fingerprint(again).digest
    assert fingerprint(one).digest != fingerprint(other).digest


@pytest.mark.parametrize(
    ("one", "other"),
    [(np.sin, np.cos), (np.sum, np.prod), (np.linalg.norm, np.linalg.det), (np.random.normal, np.random.uniform),
     (math_one := len, max), (1, 1.0), (True, 1), ("a", b"a"), (None, ()), ((1, (2,)), ((1, 2),)), (0.0, -0.0),
     (Pair(1, 2), (1, 2)), (np.float64(1.0), 1.0), (np.ones(2), np.ones(2, int)), ({"a": 1}, {"a": 2}),
     (frozenset({1}), frozenset({2})), (functools.partial(pow, 2), functools.partial(pow, 3)), (ValueError, TypeError),
     (np, np.linalg), ([1], (1,)), (numba.prange, range),
     (numba.float64, numba.float32)],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)  # fmt: skip
def test_values_are_told_apart(one, other):
    assert fingerprint(one).digest != fingerprint(other).digest


@pytest.mark.parametrize("disguise", [lambda f: f, functools.wraps(np.linalg.norm)], ids=["plain", "wraps"])
def test_a_function_put_into_a_library_is_not_taken_for_the_librarys(monkeypatch, define, disguise):
    text = "def f(x):\n    return np.linalg.norm(x)\n"
    before = fingerprint(define(text, "f")).digest
    monkeypatch.setattr(np.linalg, "norm", disguise(lambda x: 2.0 * x[0]))
    with contextlib.suppress(UncacheableError):
        assert fingerprint(define(text, "f")).digest != before


def test_where_a_function_stands_does_not_matter(define):
    text = "K = 2.0\ndef f(x):\n    return x * K\n"
    assert fingerprint(define(text, "f")).digest == fingerprint(define("# moved\n\n" + text, "f")).digest


def test_values_in_arrays_do_not_matter(define):
    text = "A = np.ones(3)\ndef f(x):\n    return x * A[0]\n"
    assert fingerprint(define(text, "f")).digest == fingerprint(define(text.replace("ones", "zeros"), "f")).digest


def test_a_place_is_read_again():
    k = 2.0

    def f(x):
        return x * k

    found = fingerprint(f)
    (edge,) = [e for e in found.edges if e.value == 2.0]
    k = 3.0
    assert edge.read() == 3.0


class Duck:
    py_func = staticmethod(len)


class Hostile:
    @property
    def rate(self):
        raise RuntimeError("do not touch")


def chain(depth):
    value = ()
    for _ in range(depth):
        value = (value,)
    return value


@pytest.mark.parametrize(
    "value",
    [Duck(), {1, (2, 3)}, np.random.RandomState(0).normal, warnings.catch_warnings(), (x for x in ()), chain(100_000)],
    ids=lambda v: type(v).__name__,
)
def test_what_means_nothing_elsewhere_is_not_kept(value):
    with pytest.raises(UncacheableError):
        fingerprint(value)


def test_an_object_that_does_not_bear_being_looked_at_is_not_kept(define):
    f = define("def f(x):\n    return x * C.rate\n", "f", C=Hostile())
    with pytest.raises(UncacheableError):
        fingerprint(f)
