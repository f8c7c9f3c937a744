"""Derivatives of derivatives, and the functions that are made of them: compared with differences of first order."""

import math

import numpy as np
import pytest

import srcgrad as sg

from .derivatives import gradient_by_differences


def python(function):
    return sg.differentiable(function, target="python")


# -- scalar functions of one float ---------------------------------------------------------------------------------


def cubic(x):
    return x * x * x - 2.0 * x


def elementary(x):
    return math.sin(x) * math.exp(-x) + x**2.5 / (1.0 + x * x)


def newton(x):
    """The square root by a fixed number of Newton steps."""
    y = 1.0
    for _ in range(6):
        y = 0.5 * (y + x / y)
    return y


def branches(x):
    y = x
    for i in range(5):
        if y > 1.0:
            y = y * 0.5 + math.sin(x)
        elif i > 0:
            y = y * x * 1.3
    return y


def through_an_array(x):
    a = np.zeros(4)
    a[0] = x
    for i in range(1, 4):
        a[i] = a[i - 1] * a[i - 1] * x + math.cos(a[i - 1])
        a[0] += a[i] * x
    return a[0]


def counted_while(x):
    y, n = x, 0
    while n < 4:
        y = y * y * 0.5 + x
        n += 1
    return y


def data_while(x):
    y = x
    while y < 10.0:
        y = y * x + 1.0
    return y


def helper_square(x):
    return x * x


def calls(x):
    return helper_square(x) * helper_square(math.sin(x))


def powers(x):
    return x**3 + x**0 + x**-1 + 2.0**x + x**x


SCALAR = [cubic, elementary, newton, branches, through_an_array, counted_while, data_while, calls, powers]
scalar_functions = pytest.mark.parametrize("function", SCALAR, ids=lambda f: f.__name__)


def or_refused(function, call):
    """The result; None where it is refused, which only some programs may be, and with what to use instead."""
    try:
        return call()
    except sg.UnsupportedError as error:
        assert function in REFUSED_TWICE
        assert all(p.hint for p in error.problems), error  # noqa: PT017
        return None


@scalar_functions
def test_second_derivative_reverse_over_reverse(function):
    x = 1.7
    first = sg.grad(python(function))
    expected = float(gradient_by_differences(first, x))
    second = or_refused(function, lambda: sg.grad(first)(x))
    if second is None:
        return
    assert second == pytest.approx(expected, rel=1e-8)
    assert sg.value_and_grad(first)(x) == (first(x), second)


@scalar_functions
def test_second_derivative_forward_over_reverse(function):
    x = 1.7
    first = sg.grad(python(function))
    value, second = sg.jvp(first, (x,), (1.0,))
    assert value == pytest.approx(first(x), rel=1e-13)
    assert second == pytest.approx(float(gradient_by_differences(first, x)), rel=1e-8)
    assert sg.hvp(python(function), (x,), (1.0,)) == second


@scalar_functions
def test_third_derivative(function):
    x = 1.7
    first = sg.grad(python(function))
    second = sg.grad(first)
    if or_refused(function, lambda: second(x)) is None:
        return
    expected = float(gradient_by_differences(second, x))
    assert sg.grad(second)(x) == pytest.approx(expected, rel=1e-7)
    assert sg.jvp(second, (x,), (1.0,))[1] == pytest.approx(expected, rel=1e-7)


def test_three_gradients_of_a_polynomial():
    third = sg.grad(sg.grad(sg.grad(python(cubic))))
    assert third(2.0) == 6.0
    assert sg.grad(third)(2.0) == 0.0


def test_compiled_second_derivatives():
    f = sg.differentiable(newton)
    second = sg.grad(sg.grad(f))(2.0)
    assert second == pytest.approx(-0.25 * 2.0**-1.5, rel=1e-6)
    assert sg.hvp(f, (2.0,), (1.0,)) == pytest.approx(second, rel=1e-12)


# -- functions of arrays -------------------------------------------------------------------------------------------


def rosenbrock(x):
    s = 0.0
    for i in range(x.shape[0] - 1):
        s += 100.0 * (x[i + 1] - x[i] * x[i]) ** 2 + (1.0 - x[i]) ** 2
    return s


def recurrence_in_place(x):
    """Overwrites its argument, reading what it wrote."""
    s = 0.0
    for i in range(1, x.shape[0]):
        x[i] = x[i] * x[i - 1] + math.sin(x[i])
        s += x[i] * x[i]
    return s


def swapped_buffers(x):
    u, v = x.copy(), np.empty_like(x)
    for _ in range(3):
        for i in range(x.shape[0]):
            v[i] = u[i] * u[i - 1] + 0.1 * u[i]
        u, v = v, u
    s = 0.0
    for i in range(u.shape[0]):
        s += u[i] * x[i]
    return s


def triangular(x):
    s = 0.0
    for i in range(x.shape[0]):
        for j in range(i):
            s += x[i] * x[i] * math.cos(x[j])
    return s


ARRAY = [rosenbrock, recurrence_in_place, swapped_buffers, triangular]
array_functions = pytest.mark.parametrize("function", ARRAY, ids=lambda f: f.__name__)
REFUSED_TWICE = (counted_while, data_while, swapped_buffers)  # in reverse over reverse
POINT = np.array([0.4, 0.9, 1.3, 0.7])


def hessian_by_differences(function, x):
    """One row an element of the gradient."""
    gradient = sg.grad(function)
    rows = [gradient_by_differences(lambda z, k=k: float(gradient(z)[k]), x) for k in range(x.size)]
    return np.array(rows)


@array_functions
def test_hessian_vector_product(function):
    f, v = python(function), np.array([1.0, -2.0, 0.5, 3.0])
    expected = hessian_by_differences(f, POINT) @ v
    np.testing.assert_allclose(sg.hvp(f, (POINT.copy(),), (v,)), expected, rtol=1e-7)
    value, tangent = sg.jvp(sg.grad(f), (POINT.copy(),), (v,))
    np.testing.assert_allclose(value, sg.grad(f)(POINT), rtol=1e-13)
    np.testing.assert_allclose(tangent, expected, rtol=1e-7)


@array_functions
def test_hessian_by_rows_reverse_over_reverse(function):
    f = python(function)
    made = or_refused(function, lambda: sg.vjp(sg.grad(f), POINT.copy()))
    if made is None:
        return
    rows = [made[1](row)[0] for row in np.eye(4)]
    np.testing.assert_allclose(rows, hessian_by_differences(f, POINT), rtol=1e-7, atol=1e-9)


@array_functions
def test_second_derivatives_leave_the_arguments_alone(function):
    x, v = POINT.copy(), np.ones(4)
    sg.hvp(python(function), (x,), (v,))
    sg.hvp(python(function), (x,), (x,))
    np.testing.assert_array_equal(x, POINT)
    np.testing.assert_array_equal(v, np.ones(4))


@array_functions
def test_hessian(function):
    f, x = python(function), POINT.copy()
    result = sg.hessian(f)(x)
    assert result.shape == (4, 4)
    np.testing.assert_allclose(result, result.T, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(result, hessian_by_differences(f, POINT), rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(x, POINT)


def test_hessian_of_a_float():
    assert sg.hessian(python(cubic))(2.0) == pytest.approx(12.0)


def test_hvp_with_respect_to_some_arguments():
    @python
    def f(x, k, n):
        s = 0.0
        for i in range(x.shape[0]):
            s += k * k * x[i] ** n
        return s

    x, v = np.array([1.0, 2.0]), np.array([1.0, 10.0])
    assert sg.hvp(f, (x, 3.0, 2), (v, None, None)).tolist() == [18.0, 180.0]
    assert sg.hvp(f, (x, 3.0, 2), (None, 2.0, None)) == 20.0
    bx, bk = sg.hvp(f, (x, 3.0, 2), (v, 2.0, None))
    np.testing.assert_allclose(bx, 18.0 * v + 2.0 * 12.0 * x)
    assert bk == pytest.approx((12.0 * x * v).sum() + 20.0)


def test_hvp_needs_a_tangent_that_fits():
    for tangents in ((None,), (np.ones(3),), (), (1.0,)):
        with pytest.raises((sg.ArgumentError, ValueError)):
            sg.hvp(python(rosenbrock), (POINT,), tangents)


# -- derivatives inside functions ----------------------------------------------------------------------------------


def test_gradient_called_inside_a_function():
    """Works, or is refused at its line: never a wrong number."""
    inner = sg.grad(python(cubic))

    @python
    def f(x):
        return inner(x) * x

    x = 1.5
    expected = (3.0 * x * x - 2.0) + x * 6.0 * x
    try:
        assert f.grad(x) == pytest.approx(expected)
    except sg.UnsupportedError as error:
        assert error.problems[0].at.text().strip() == "return inner(x) * x"  # noqa: PT017


def test_mixed_partials_commute():
    @python
    def f(x, y):
        s = 0.0
        for _ in range(4):
            s = s * x * y + math.sin(x * y * y)
        return s

    xy = sg.grad(sg.grad(f, argnums=0), argnums=1)(0.7, 1.2)
    yx = sg.grad(sg.grad(f, argnums=1), argnums=0)(0.7, 1.2)
    assert xy == pytest.approx(yx, rel=1e-12)
    assert sg.jvp(sg.grad(f), (0.7, 1.2), (0.0, 1.0))[1] == pytest.approx(xy, rel=1e-12)


def test_second_derivative_of_a_branch_has_that_of_the_branch_taken():
    second = sg.grad(sg.grad(python(lambda x: x * x * x if x > 0.0 else x * x)))
    assert (second(2.0), second(-2.0)) == (12.0, 2.0)


def test_gradient_with_respect_to_another_argument_of_the_gradient():
    @python
    def f(x, a):
        return a[0] * x * x + a[1] * x

    mixed = sg.grad(sg.grad(f), argnums="a")(3.0, np.array([5.0, 7.0]))
    assert mixed.tolist() == [6.0, 1.0]


# -- cotangents that are exactly zero ------------------------------------------------------------------------------


def root_times(x, y):
    return x * math.sqrt(y)


def quotient(x, y):
    return x / (y * math.sqrt(y))


def exponential_times(x, y):
    return math.tanh(x * math.exp(y))


def angle(x, y):
    return np.arctan2(x, y)


def norm_times(x, y):
    return x * np.linalg.norm(np.array([y, 2.0 * y]))


def solution_times(x, y):
    return x * np.linalg.solve(np.array([[2.0, 1.0], [1.0, y]]), np.array([1.0, y]))[0]


def power_times(x, y):
    return x * y**y


ZERO = [root_times, quotient, exponential_times, angle, norm_times, solution_times, power_times]


@pytest.mark.parametrize("target", ["python", pytest.param("cpu", marks=pytest.mark.compiled_all)])
@pytest.mark.parametrize("function", ZERO, ids=lambda f: f.__name__)
def test_mixed_derivatives_where_a_factor_is_zero(function, target):
    """A product whose reverse is cut off at zero is still a product."""
    f, h = sg.differentiable(function, target=target), 1e-5
    corners = [function(s * h, 1.3 + t * h) * s * t for s in (1, -1) for t in (1, -1)]
    expected = sum(corners) / (4 * h * h)
    found = sg.hessian(f, argnums=(0, 1))(0.0, 1.3)
    more = [
        sg.hvp(f, (0.0, 1.3), (1.0, 0.0))[1], sg.grad(sg.grad(f, argnums=1))(0.0, 1.3),
        sg.jacfwd(sg.grad(f, argnums=1))(0.0, 1.3),
    ]  # fmt: skip
    np.testing.assert_allclose([found[0][1], found[1][0], *more], expected, rtol=1e-4)


def not_taken(x):
    v = x * math.log(x)
    return np.where(x > 0.0, v, 0.0)


def test_second_derivatives_of_a_branch_not_taken_are_zero():
    f = python(not_taken)
    assert [sg.grad(f)(0.0), sg.hvp(f, (0.0,), (1.0,)), sg.grad(sg.grad(f))(0.0)] == [0.0, 0.0, 0.0]


def root_not_taken(x):
    return np.where(x > 5.0, np.sqrt(x - 2.0), x * x) * x


def logarithm_not_the_greatest(x):
    return np.maximum(np.minimum(np.log(x - 2.0), x), x * x) * x


def root_in_a_branch(x):
    s = np.sqrt(x - 2.0) * x
    z = s if x > 9.0 else x
    return z * x * x


@pytest.mark.parametrize("function", [root_not_taken, logarithm_not_the_greatest, root_in_a_branch])
def test_what_is_infinite_and_left_out_stays_out(function):
    """All three are x cubed at 2."""
    f = python(function)
    gradient, twice = sg.grad(f), sg.grad(sg.grad(f))
    assert [gradient(2.0), twice(2.0), sg.grad(twice)(2.0), sg.jacfwd(twice)(2.0)] == [12.0, 12.0, 6.0, 6.0]
    assert sg.hvp(f, (2.0,), (1.0,)) == 12.0


def test_second_derivatives_do_not_overflow_on_the_way():
    f = python(lambda x, c: np.where(x > 0.0, c * np.log(x), x))
    for x, c in ((1e200, 1e250), (3e-162, 1e-100)):
        assert sg.grad(sg.grad(f))(x, c) == pytest.approx(-c / x / x, rel=1e-12, abs=0.0)
        assert sg.hvp(f, (x, c), (1.0, None)) == pytest.approx(-c / x / x, rel=1e-12, abs=0.0)
