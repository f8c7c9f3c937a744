"""Calls of built-in and NumPy functions give what Python gives, also in the corners of their arguments."""

import numpy as np
import pytest

import srcgrad as sg

CALLS = [
    "round(x)", "round(x, 1)", "round(x, None)", "round(n)", "round(n, 2)", "round(x > 0.0)", "np.round(x)",
    "np.round(x, 0)", "np.round(x * 3.0) / 2", "math.modf(x)", "math.modf(n)", "math.hypot()", "math.hypot(-x)",
    "math.hypot(x, n, x)", "math.log(x)", "math.log(x, 2)", "math.log(n, 10)", "math.sin(x > 0.0)", "math.gcd(n, 6)",
    "math.gcd(n, x > 0.0)", "math.pow(n, 2)", "math.ldexp(x, 3)", "bool()", "bool('')", "bool(n)", "int()", "float()",
    "float('1.5')", "int('7')", "max(a)", "min((x, n))", "sum(a)", "sum(a, x)", "sum((x, n), start=x)", "sum(())",
    "list((x, n))", "list()", "tuple([x, n])", "2 * (x, n)", "(x, n) * 2", "[x] + [n]", "len('a' + 'b')",
    "np.clip(x, None, 1.0)", "np.clip(x, 2.0, None)", "np.clip(a, min=1.0)",
    "np.arange(4)", "np.arange(1, 4)", "np.arange(1, stop=4)", "np.arange(4, step=2)", "np.arange(x > 0.0, 4)",
    "np.linspace(0.0, x, 4)", "np.linspace(0.0, x, num=3)", "np.eye(2)", "np.eye(2, 3)", "np.identity(2)",
    "np.full(3, x)", "np.full(shape=2, fill_value=n)", "np.full((2, 2), n, np.float32)", "np.zeros(3, None)",
    "np.zeros(shape=(2, 1), dtype=int)", "np.zeros_like(a, np.float32)", "np.ones_like(a, shape=(2, 2))",
    "np.array([x, n], np.float32)", "np.asarray(a, np.float32)", "np.ascontiguousarray(a, np.float32)", "np.copy(m)",
    "np.reshape(m, (3, 2))", "np.reshape(m, -1)", "np.reshape(m, 6)", "m.reshape(3, -1)", "m.reshape((3, 2))",
    "np.transpose(m)", "m.transpose(None)", "np.ravel(m)", "m.flatten()", "a.item(1)", "m.item((1, 2))", "m.copy('K')",
    "a[(1,)]", "m[(1, 2)]", "m[1][2]", "np.shape(m)", "np.shape(x)", "np.size(m)",
    "np.logical_and(x > 0.0, n)", "np.logical_or(x > 9.0, n)", "~(a > 1.0)", "~n", "(x > 0.0) + (x > 0.0)",
    "(x > 0.0) - (n > 0)", "-(x > 0.0)", "(x > 0.0) * x", "n in (2, 3)", "(x, n) == (x, n)", "'a' in 'abc'",
    "tuple(reversed((x, n)))", "tuple(enumerate((x, n), n))", "tuple(zip((x, n), (n, x), strict=False))",
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_call_gives_what_python_gives(call, define):
    f = define(f"def f(x, n, a, m):\n    return {call}\n", "f")
    given = 1.75, 3, np.array([0.5, 2.5, 1.5]), np.arange(6.0).reshape(2, 3)
    expected, found = f(*given), sg.differentiable(f, target="python")(*given)
    assert type(found) is type(plain(expected))
    if isinstance(expected, np.ndarray):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def plain(value):
    return value.item() if isinstance(value, np.bool_ | np.float64 | np.int64) else value


def same_array(a, x):
    b = np.asarray(a)
    c = np.asarray(a, np.float64)
    d = np.ascontiguousarray(a, dtype=np.float64)
    b[0] = x
    c[1] = x * x
    d[2] = x * x * x
    return a[0] + a[1] + a[2]


def another_array(a, x):
    b = np.asarray(a, np.float32)
    c = np.array(a)
    d = np.copy(a)
    b[0] = x
    c[1] = x
    d[2] = x
    return (a[0] + a[1] + a[2]) * x


@pytest.mark.parametrize("function", [same_array, another_array])
def test_conversion_copies_only_where_numpy_does(function):
    a, x = np.array([1.0, 2.0, 3.0]), 1.5
    value, gradient = sg.value_and_grad(sg.differentiable(function, target="python"), argnums=1)(a, x)
    assert value == function(a.copy(), x)
    h = 1e-6
    assert gradient == pytest.approx((function(a.copy(), x + h) - function(a.copy(), x - h)) / (2 * h))


def pair(x):
    return x, x * x


def appended(x):
    s = list(pair(x))
    s.append(x)
    return s[0] * s[1] * s[2]


def test_list_of_a_tuple_can_be_appended_to():
    assert sg.differentiable(appended, target="python").grad(2.0) == 32.0
