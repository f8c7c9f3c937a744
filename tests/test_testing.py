"""`srcgrad.testing.check_grads`: silent where derivatives are right, and says which law fails where they are not."""

import math

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.testing import check_grads


def python(function):
    return sg.differentiable(function, target="python")


@python
def smooth(x, a, n):
    s = x
    for i in range(a.shape[0]):
        s = s * a[i] + math.sin(a[i]) ** n
        a[i] = s
    return s, (a, n)


def wrong(factor):
    """The square, with `factor` times its derivative."""

    @sg.custom_vjp
    def g(x):
        return x * x

    def bwd(x, ct):
        return (factor * 2.0 * ct * x,)

    g.defvjp(lambda x: (x * x, x), bwd)
    return python(lambda x: g(x))  # noqa: PLW0108


def test_right_derivatives_pass():
    check_grads(smooth, (1.3, np.array([0.5, 1.5]), 2))
    check_grads(smooth, (1.3, np.array([0.5, 1.5]), 2), modes=["rev"])
    check_grads(smooth, (1.3, np.array([0.5, 1.5]), 2), modes=("fwd",), atol=1e-5, rtol=1e-5)


def test_undecorated_functions_pass():
    check_grads(lambda x: x * math.exp(x), (0.5,))


def test_float32_and_tuples_pass():
    check_grads(python(lambda p: p[0] * p[1][0] * p[1][1]), ((np.float32(1.5), (0.7, np.float32(2.0))),))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_orders(order):
    check_grads(python(lambda x: x * x * math.sin(x)), (0.7,), order=order)


def test_wrong_gradient_fails_saying_the_law_and_by_how_much():
    with pytest.raises(sg.GradientCheckError) as info:
        check_grads(wrong(1.01), (3.0,), modes=("rev",))
    text = str(info.value)
    assert "central differences" in text
    assert any(c.isdigit() for c in text.split("central differences")[1])
    check_grads(wrong(1.0), (3.0,), modes=("rev",))


def test_wrong_gradient_within_the_tolerance_passes():
    check_grads(wrong(1.01), (3.0,), modes=("rev",), atol=0.1, rtol=0.1)
    with pytest.raises(sg.GradientCheckError):
        check_grads(wrong(1.01), (3.0,), modes=("rev",), atol=1e-6, rtol=1e-6)


def test_is_an_assertion_error():
    with pytest.raises(AssertionError):
        check_grads(wrong(2.0), (3.0,), modes=("rev",))


def test_kink_fails():
    with pytest.raises(sg.GradientCheckError, match="kink"):
        check_grads(python(lambda x: 2.0 * x if x > 0.0 else x), (0.0,))


def test_derivative_that_is_not_a_number_fails():
    with pytest.raises(sg.GradientCheckError):
        check_grads(wrong(math.nan), (3.0,), modes=("rev",))


def test_keeps_the_arguments():
    a = np.array([0.5, 1.5])
    check_grads(smooth, (1.3, a, 2))
    assert a.tolist() == [0.5, 1.5]


@pytest.mark.parametrize("options", [{"order": 0}, {"modes": ()}, {"modes": ("backward",)}, {"modes": "rev"}], ids=str)
def test_wrong_options_are_refused(options):
    with pytest.raises(sg.ArgumentError):
        check_grads(smooth, (1.3, np.array([0.5, 1.5]), 2), **options)


def test_order_two_needs_a_float():
    with pytest.raises(sg.NonScalarError):
        check_grads(python(lambda x: (x, x * x)), (1.0,), order=2)


def test_nothing_to_check_is_an_error():
    """A check that compares nothing would pass for any function."""
    with pytest.raises(sg.SrcgradError):
        check_grads(python(lambda n: n * 2), (3,))
