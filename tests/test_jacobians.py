"""`jacfwd` and `jacrev`: whole Jacobians, compared with differences, in the shapes that JAX gives them."""

import math
from typing import NamedTuple

import numpy as np
import pytest

import srcgrad as sg

from .derivatives import gradient_by_differences

both = pytest.mark.parametrize("name", ["jacfwd", "jacrev"])


class Pair(NamedTuple):
    first: float
    second: np.ndarray


def python(function):
    return sg.differentiable(function, target="python")


def vector(x, k):
    out = np.empty(x.shape[0] + 1)
    out[0] = k * k
    for i in range(x.shape[0]):
        out[i + 1] = k * x[i] * x[i - 1] + math.sin(x[i])
    return out


def jacobian_by_differences(x, k, argnum):
    def row(i):
        return lambda *args: float(vector(*args)[i])

    return np.array([gradient_by_differences(row(i), x, k, argnum=argnum) for i in range(x.size + 1)])


@both
def test_jacobian_of_an_array(name):
    jacobian, x, k = getattr(sg, name), np.array([0.5, 1.5, -0.7]), 1.3
    wrt_x = jacobian(python(vector))(x, k)
    assert wrt_x.shape == (4, 3)
    np.testing.assert_allclose(wrt_x, jacobian_by_differences(x, k, 0), rtol=1e-8, atol=1e-10)
    wrt_k = jacobian(python(vector), argnums=1)(x, k)
    assert wrt_k.shape == (4,)
    np.testing.assert_allclose(wrt_k, jacobian_by_differences(x, k, 1), rtol=1e-8, atol=1e-10)
    pair = jacobian(python(vector), argnums=(0, -1))(x, k)
    assert isinstance(pair, tuple)
    np.testing.assert_array_equal(pair[0], wrt_x)
    np.testing.assert_array_equal(pair[1], wrt_k)


@both
def test_jacobian_shapes(name):
    """The shape of the result, then that of the argument, as JAX has it."""
    jacobian = getattr(sg, name)

    def outer(x, y):
        out = np.empty((y.shape[0], x.shape[1], x.shape[0]))
        for i in range(y.shape[0]):
            for j in range(x.shape[0]):
                for k in range(x.shape[1]):
                    out[i, k, j] = y[i] * x[j, k] * x[j, k]
        return out

    x, y = np.arange(1.0, 7.0).reshape(2, 3), np.array([1.0, -1.0])
    result = jacobian(python(outer))(x, y)
    assert result.shape == (2, 3, 2, 2, 3)
    expected = np.zeros(result.shape)
    for i in range(2):
        for j in range(2):
            for k in range(3):
                expected[i, k, j, j, k] = 2.0 * y[i] * x[j, k]
    np.testing.assert_allclose(result, expected)
    assert jacobian(python(lambda x: x * x))(3.0) == 6.0
    assert jacobian(python(lambda x: np.array([x, x * x])))(3.0).tolist() == [1.0, 6.0]
    assert jacobian(python(lambda x: x[0] * x[1]))(np.array([3.0, 4.0])).tolist() == [4.0, 3.0]


@both
def test_jacobian_keeps_the_callers_arrays(name):
    def f(x):
        for i in range(x.shape[0]):
            x[i] = x[i] * x[i - 1]
        return x

    x = np.array([1.0, 2.0, 3.0])
    result = getattr(sg, name)(python(f))(x)
    assert x.tolist() == [1.0, 2.0, 3.0]
    rows = [gradient_by_differences(lambda z, k=k: float(f(z)[k]), x) for k in range(3)]
    np.testing.assert_allclose(result, np.array(rows), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", ["jacfwd", "jacrev", "hessian"])
def test_jacobian_with_respect_to_an_integer_is_refused(name):
    with pytest.raises(sg.ArgumentError):
        getattr(sg, name)(python(lambda x, n: x * n), argnums=1)(2.0, 3)
    with pytest.raises(sg.ArgumentError):
        getattr(sg, name)(python(lambda x, n: x * n), argnums="m")(2.0, 3)


@both
def test_jacobian_of_an_empty_array(name):
    result = getattr(sg, name)(python(lambda x: x.copy()))(np.zeros(0))
    assert result.shape == (0, 0)


@both
def test_jacobian_of_a_tuple(name):
    """Results outside, arguments inside; None for a result without a derivative."""

    def f(x, k):
        return x * k, (np.array([x, k, x * x]), 3)

    jacobian = getattr(sg, name)
    first, (second, third) = jacobian(python(f))(2.0, 5.0)
    assert (first, second.tolist(), third) == (5.0, [1.0, 0.0, 4.0], None)
    first, (second, third) = jacobian(python(f), argnums=(0, 1))(2.0, 5.0)
    assert first == (5.0, 2.0)
    assert [s.tolist() for s in second] == [[1.0, 0.0, 4.0], [0.0, 1.0, 0.0]]


@both
@pytest.mark.parametrize("argnums", [2, -3, True, (0, 0), 1.0, None, "z"], ids=str)
def test_wrong_argnums_are_refused(name, argnums):
    with pytest.raises(sg.ArgumentError):
        getattr(sg, name)(python(lambda x, y: x * y), argnums=argnums)(2.0, 3.0)


@both
def test_names_keywords_and_defaults(name):
    """As for `grad`."""
    jacobian = getattr(sg, name)
    f = python(lambda x, k=2.0: x * x * k)
    assert jacobian(f)(3.0) == 12.0
    assert jacobian(f)(3.0, 5.0) == 30.0
    assert jacobian(f)(3.0, k=5.0) == 30.0
    assert jacobian(f, argnums="x")(3.0, 5.0) == 30.0
    assert jacobian(f, argnums=("k", 0))(3.0, 5.0) == (9.0, 30.0)
    assert jacobian(f, argnums="k")(3.0) == 9.0


@both
def test_float32(name):
    result = getattr(sg, name)(python(lambda x: x * x))(np.array([1.0, 2.0], np.float32))
    assert result.dtype == np.float32
    assert result.tolist() == [[2.0, 0.0], [0.0, 4.0]]


@both
def test_function_of_a_namedtuple_is_refused_or_right(name):
    f = python(lambda p: p.first * p.second)
    with pytest.raises(sg.ArgumentError):
        getattr(sg, name)(f)(Pair(2.0, np.ones(2)))


@pytest.mark.parametrize("outer", ["jacfwd", "jacrev", "grad"])
@pytest.mark.parametrize("inner", ["jacfwd", "jacrev"])
def test_derivative_of_a_jacobian_works_or_is_refused_without_showing_our_files(outer, inner):
    """`jacfwd(jacrev(f))` is how JAX's users write a Hessian."""
    f = python(lambda x: x * x * x)
    try:
        assert getattr(sg, outer)(getattr(sg, inner)(f))(2.0) == pytest.approx(12.0)
    except sg.SrcgradError as error:
        assert not [p for p in error.problems if p.at is not None and "jacobians.py" in p.at.filename]  # noqa: PT017


def test_jacobian_of_a_gradient_is_the_hessian():
    f, x = python(lambda x: x[0] * x[0] * x[1] + math.sin(x[1])), np.array([1.5, 0.5])
    expected = [[2.0 * 0.5, 2.0 * 1.5], [2.0 * 1.5, -math.sin(0.5)]]
    for jacobian in (sg.jacfwd, sg.jacrev):
        np.testing.assert_allclose(jacobian(sg.grad(f))(x), expected)
    np.testing.assert_allclose(sg.hessian(f)(x), expected)


def test_hessian_blocks():
    f = python(lambda x, y: x[0] * x[1] * y * y)
    (xx, xy), (yx, yy) = sg.hessian(f, argnums=(0, 1))(np.array([2.0, 3.0]), 5.0)
    assert xx.tolist() == [[0.0, 25.0], [25.0, 0.0]]
    assert xy.tolist() == yx.tolist() == [30.0, 20.0]
    assert yy == 12.0
