"""`stop_gradient`, and `custom_vjp` for functions whose gradient the user writes."""

import math

import numpy as np
import pytest

import srcgrad as sg


def python(function):
    return sg.differentiable(function, target="python")


targets = pytest.mark.parametrize("target", ["python", "cpu"])


# -- stop_gradient -------------------------------------------------------------------------------------------------


@targets
def test_stop_gradient_of_a_number(target):
    f = sg.differentiable(lambda x: x * sg.stop_gradient(x * x), target=target)
    assert f(3.0) == 27.0
    assert f.value_and_grad(3.0) == (27.0, 9.0)
    assert sg.jvp(f, (3.0,), (1.0,)) == (27.0, 9.0)
    assert sg.vjp(f, 3.0)[1](2.0) == (18.0,)


@targets
def test_stop_gradient_of_an_array(target):
    @sg.differentiable(target=target)
    def f(a):
        b = sg.stop_gradient(a)
        s = 0.0
        for i in range(a.shape[0]):
            s += a[i] * b[i] * b[i]
        return s

    a = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(f.grad(a), a * a)
    assert sg.jvp(f, (a,), (a,))[1] == (a**3).sum()


def test_stop_gradient_of_an_array_and_later_writes():
    """The constant is the array as it was; a later write to the array, or to the constant, changes only that."""

    @python
    def f(a):
        b = sg.stop_gradient(a)
        a[0] = a[0] * 10.0
        b[1] = 7.0 * a[1]
        return a[0] * b[0] + a[1] * b[1]

    a = np.array([2.0, 3.0])
    expected_a = a.copy()
    assert f.py_func(expected_a) == f(a.copy())
    np.testing.assert_array_equal(f.grad(a), [20.0, 42.0])


def test_stop_gradient_outside_is_the_identity():
    a = np.array([1.0, 2.0])
    assert sg.stop_gradient(3.0) == 3.0
    np.testing.assert_array_equal(sg.stop_gradient(a), a)


def test_stop_gradient_in_a_loop_and_at_second_order():
    @python
    def f(x):
        y = x
        for _ in range(3):
            y = y * sg.stop_gradient(y) + x
        return y

    # y1 = x c0 + x, y2 = y1 c1 + x, y3 = y2 c2 + x
    c0 = 0.5
    c1 = c0 * c0 + c0
    c2 = c1 * c1 + c0
    assert f.grad(0.5) == pytest.approx((((c0 + 1.0) * c1 + 1.0) * c2) + 1.0)
    assert sg.grad(sg.grad(python(lambda x: x * x * sg.stop_gradient(x))))(3.0) == 6.0


# -- custom_vjp ----------------------------------------------------------------------------------------------------


@sg.custom_vjp
def clipped(x):
    """The square, with a gradient of at most one."""
    return x * x


def clipped_fwd(x):
    return x * x, x


def clipped_bwd(x, ct):
    return (min(ct * 2.0 * x, 1.0),)


clipped.defvjp(clipped_fwd, clipped_bwd)


@sg.custom_vjp
def scaled_sum(a, k, n):
    s = 0.0
    for i in range(n):
        s += k * a[i]
    return s


def scaled_sum_fwd(a, k, n):
    s = 0.0
    for i in range(n):
        s += k * a[i]
    return s, (a.copy(), k, n)


def scaled_sum_bwd(residuals, ct):
    a, k, n = residuals
    ba = np.zeros(a.shape[0])
    bk = 0.0
    for i in range(n):
        ba[i] = 1000.0 * ct * k
        bk += ct * a[i]
    return ba, bk, None


scaled_sum.defvjp(scaled_sum_fwd, scaled_sum_bwd)


def test_custom_gradient_of_the_function_itself():
    assert clipped(3.0) == 9.0
    assert sg.grad(clipped)(3.0) == 1.0
    assert sg.grad(clipped)(0.25) == 0.5
    assert sg.value_and_grad(clipped)(3.0) == (9.0, 1.0)
    assert sg.vjp(clipped, 3.0)[1](0.1) == (0.1 * 2.0 * 3.0,)
    assert clipped.__name__ == "clipped"
    assert clipped.__doc__.startswith("The square")


@targets
def test_custom_gradient_inside_a_function(target):
    @sg.differentiable(target=target)
    def f(x, n):
        s = x
        for i in range(n):
            s += clipped(x * i) * 2.0
        return s

    assert f(1.0, 3) == 1.0 + 2.0 * (0.0 + 1.0 + 4.0)
    # ct = 2, so every nonzero term is clipped to 1, times i
    assert f.grad(1.0, 3) == 1.0 + 0.0 + 1.0 + 2.0
    assert sg.vjp(f, 1.0, 3)[1](1.0) == (4.0, None)


@targets
def test_custom_gradient_with_arrays_and_integers(target):
    @sg.differentiable(target=target)
    def f(a, k):
        b = a * 2.0
        s = scaled_sum(b, k * k, 2)
        b[0] = 100.0
        return s * k

    a, k = np.array([1.0, 2.0, 3.0]), 3.0
    value, (ba, bk) = sg.value_and_grad(f, argnums=(0, 1))(a, k)
    assert value == 9.0 * 6.0 * 3.0
    np.testing.assert_allclose(ba, [2.0 * 1000.0 * 3.0 * 9.0, 2.0 * 1000.0 * 3.0 * 9.0, 0.0])
    assert bk == pytest.approx(54.0 + 3.0 * 6.0 * 2.0 * 3.0)


def test_custom_gradient_with_several_results():
    @sg.custom_vjp
    def polar(x, y):
        return math.hypot(x, y), math.atan2(y, x)

    def fwd(x, y):
        return (math.hypot(x, y), math.atan2(y, x)), (x, y)

    def bwd(residuals, ct):
        x, y = residuals
        br, bphi = ct
        return br * x * 10.0, bphi * y

    polar.defvjp(fwd, bwd)

    @python
    def f(x, y):
        r, phi = polar(x, y)
        return 2.0 * r + 3.0 * phi

    assert sg.grad(f, argnums=(0, 1))(3.0, 4.0) == (60.0, 12.0)


def test_custom_gradient_that_captures():
    limit = 1.0

    @sg.custom_vjp
    def g(x):
        return x * x

    g.defvjp(lambda x: (x * x, x), lambda x, ct: (min(2.0 * x * ct, limit),))
    f = python(lambda x: g(x))  # noqa: PLW0108
    assert f.grad(3.0) == 1.0
    limit = 2.0
    assert f.grad(3.0) == 2.0


def test_forward_mode_through_it_is_refused():
    f = python(lambda x: clipped(x) * x)
    with pytest.raises(sg.UnsupportedError, match="clipped") as info:
        sg.jvp(f, (3.0,), (1.0,))
    assert "clipped(x) * x" in str(info.value)
    with pytest.raises(sg.UnsupportedError):
        sg.jvp(clipped, (3.0,), (1.0,))
    with pytest.raises(sg.UnsupportedError):
        f.source("tangent", 3.0)
    assert f.grad(3.0) == 1.0 + 9.0


def test_second_order_differentiates_the_backward_function():
    @sg.custom_vjp
    def g(x):
        return x * x

    g.defvjp(lambda x: (x * x, x), lambda x, ct: (ct * 5.0 * x * x,))
    f = python(lambda x: g(x))  # noqa: PLW0108
    assert f.grad(2.0) == 20.0
    try:
        assert sg.grad(sg.grad(f))(2.0) == 20.0  # the derivative of 5 x^2
        assert sg.hvp(f, (2.0,), (1.0,)) == 20.0
    except sg.UnsupportedError as error:
        assert error.problems  # noqa: PT017


def test_without_a_backward_function_it_is_refused():
    @sg.custom_vjp
    def g(x):
        return x * x

    with pytest.raises(sg.SrcgradError, match="defvjp"):
        sg.grad(python(lambda x: g(x)))(1.0)  # noqa: PLW0108


@pytest.mark.parametrize(
    "bwd",
    [lambda x, ct: (ct, ct), lambda x, ct: (np.zeros(2),), lambda x, ct: (None,), lambda x: (x,), lambda x, ct: None],
    ids=["two", "an array", "None", "one parameter", "nothing"],
)
def test_backward_function_that_does_not_fit_is_refused(bwd):
    @sg.custom_vjp
    def g(x):
        return x * x

    g.defvjp(clipped_fwd, bwd)
    with pytest.raises(sg.SrcgradError):
        sg.grad(python(lambda x: g(x)))(1.0)  # noqa: PLW0108


def test_forward_function_that_does_not_return_a_pair_is_refused():
    @sg.custom_vjp
    def g(x):
        return x * x

    g.defvjp(lambda x: x * x, clipped_bwd)
    with pytest.raises(sg.SrcgradError):
        sg.grad(python(lambda x: g(x)))(1.0)  # noqa: PLW0108


def test_a_gradient_given_again_replaces_the_first():
    @sg.custom_vjp
    def square(x):
        return x * x

    gradient = sg.grad(sg.differentiable(lambda x: square(x), target="python"))  # noqa: PLW0108
    square.defvjp(lambda x: (x * x, x), lambda x, ct: (ct * x,))
    assert [gradient(3.0), gradient(3.0)] == [3.0, 3.0]
    square.defvjp(lambda x: (x * x, x), lambda x, ct: (2.0 * ct * x,))
    assert [gradient(3.0), gradient(3.0)] == [6.0, 6.0]
