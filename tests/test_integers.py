"""Integers of all widths: as numbers, as indices and in powers, compared with NumPy."""

import numpy as np
import pytest
from numba import prange

import srcgrad as sg

UNSIGNED = ["uint8", "uint16", "uint32", "uint64"]


def differences(w, u, v):
    return w * np.sum(np.abs(u.astype(int) - v.astype(int)))


def mixed_differences(w, u, v):
    return np.sum(w * (u.astype(int) - v.astype(int) * 3))


def of_elements(w, u, v):
    return w * (int(u[0]) - int(v[0])) + w * np.int64(u[2]) - w * np.int64(v[2])


def negated(w, u, v):
    return w * -int(u[0]) + w * int(v[0])


def chosen(w, u, v):
    return w if int(u[0]) - int(v[0]) < 0 else 2.0 * w


def by_difference(w, u, v):
    table = w * np.arange(10.0)
    return table[int(u[0]) - int(v[0])]


def of_extremes(w, u, v):
    return w * (int(u.max()) - int(v.max()))


@pytest.mark.parametrize("target", ["cpu", "python"])
@pytest.mark.parametrize("dtype", ["uint8", pytest.param("uint32", marks=pytest.mark.compiled_all)])
@pytest.mark.parametrize(
    "function", [differences, mixed_differences, of_elements, negated, chosen, by_difference, of_extremes]
)
def test_unsigned(function, dtype, target):
    u, v = np.array([3, 7, 2], dtype), np.array([5, 1, 9], dtype)
    f = sg.differentiable(function, target=target)
    assert f(1.5, u, v) == function(1.5, u, v)
    assert sg.grad(f)(1.5, u, v) == function(1.0, u, v)


def cast(x):
    s = 0.0
    for i in range(200):
        s += x[np.int8(i - 256 * (i > 127))] * (i + 1.0)
    return s


def kept(x):
    places = np.zeros(200, np.int8)
    for i in range(200):
        places[i] = i - 256 * (i > 127)
    s = 0.0
    for i in range(200):
        s += x[places[i]] * (i + 1.0)
    return s


def converted(x):
    places = np.arange(200).astype(np.uint8).astype(np.int8)
    s = 0.0
    for i in range(200):
        s += x[places[i]] * (i + 1.0)
    return s


@pytest.mark.parametrize("function", [cast, kept, converted], ids=lambda f: f.__name__)
def test_narrow_indices_count_from_the_end(function):
    x = np.random.default_rng(0).normal(size=130)
    expected = np.zeros(130)
    for i in range(200):
        expected[i if i < 128 else i - 256] += i + 1.0
    f = sg.differentiable(function)
    np.testing.assert_allclose(f(x), expected @ x)
    np.testing.assert_allclose(sg.grad(f)(x), expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32])
def test_narrow_indices_may_meet(dtype):
    def f(x):
        out = np.zeros(256)
        for i in prange(x.shape[0]):
            out[dtype(i)] = x[i] * x[i]
        return out.sum()

    with pytest.raises(sg.UnsupportedError, match="may not meet in 'out'"):
        sg.differentiable(parallel=True)(f)(np.ones(1024))


@pytest.mark.parametrize("target", ["cpu", "python"])
def test_powers(target):
    def f(x, n):
        s = 0.0
        for j in range(n):
            s += x * (-1) ** j * 2**j + n**-1 + np.sum(2 ** np.arange(n))
        return s

    g = sg.differentiable(f, target=target)
    assert g(1.5, 4) == f(1.5, 4)
    assert sg.grad(g)(1.5, 4) == -5.0


NEGATIVE = [lambda n: 2**-n, lambda n: np.sum(2 ** (np.arange(n) - 1)), lambda n: np.power(n, -n)]


@pytest.mark.parametrize("target", ["cpu", "python"])
@pytest.mark.parametrize("power", NEGATIVE)
def test_a_negative_power_of_an_integer_raises(power, target):
    f = sg.differentiable(lambda x, n: x * power(n), target=target)
    with pytest.raises(ValueError, match="integers to a negative power are no integers"):
        f(1.0, 2)


def np_sign(u):
    return np.sign(u)


@pytest.mark.parametrize("target", ["cpu", "python"])
def test_signs(target):
    f = sg.differentiable(np_sign, target=target)
    found = f(np.array([200, 3, 0], np.uint8))
    assert found.tolist() == [1, 1, 0]
    assert found.dtype == np.uint8
