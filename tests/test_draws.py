"""Random draws are made once, in the forward sweep, and are constants for differentiation."""

import random

import numpy as np
import pytest

import srcgrad as sg


def noisy(x, n):
    s = 0.0
    for i in range(n):
        noise = np.random.normal()
        s += noise * x[i % x.shape[0]] * x[0] + np.random.random() * x[1]
    return s * s


def test_draws_are_made_once_and_are_constants():
    f, x = sg.differentiable(noisy, target="python"), np.array([1.0, 2.0, 3.0])
    np.random.seed(3)
    expected = noisy(x, 5)
    np.random.seed(3)
    assert f(x, 5) == expected
    after = np.random.random()
    np.random.seed(3)
    value, gradient = sg.value_and_grad(f)(x, 5)
    assert value == pytest.approx(expected, rel=1e-12)
    assert np.random.random() == after, "the gradient draws other than the function does"
    h = 1e-6
    for k in range(3):
        moved = []
        for sign in (1.0, -1.0):
            np.random.seed(3)
            moved.append(noisy(x + sign * h * (np.arange(3) == k), 5))
        assert gradient[k] == pytest.approx((moved[0] - moved[1]) / (2.0 * h), rel=1e-5)


def test_value_and_pullback_of_vjp_use_the_same_draws():
    f, x = sg.differentiable(noisy, target="python"), np.array([1.0, 2.0, 3.0])
    np.random.seed(7)
    y, pullback = sg.vjp(f, x, 5)
    np.random.seed(100)
    bx = pullback(1.0)[0]
    np.testing.assert_array_equal(pullback(1.0)[0], bx)

    np.random.seed(7)
    value, gradient = sg.value_and_grad(f)(x, 5)
    assert value == y
    np.testing.assert_allclose(bx, gradient, rtol=1e-12)
    np.random.seed(7)
    value, tangent = sg.jvp(f, (x, 5), (np.ones(3), None))
    assert value == y
    assert tangent == pytest.approx(gradient.sum(), rel=1e-12)


def two_walks(x, n):
    s = t = 0.0
    for _ in range(n):
        s = np.random.normal(s, 1.0)
        t = np.random.normal(t, 1.0)
    return s * x + t * x * x


def test_equal_draws_are_draws_of_their_own():
    f = sg.differentiable(two_walks, target="python")
    np.random.seed(5)
    expected = two_walks(2.0, 4)
    np.random.seed(5)
    assert f(2.0, 4) == expected


def test_draws_of_compiled_code():
    """Numba has a generator of its own, which is seeded in compiled code."""

    @sg.differentiable
    def f(x, seed):
        np.random.seed(seed)
        s = 0.0
        for i in range(x.shape[0]):
            s += np.random.normal() * x[i] * x[i] * np.random.uniform(0.5, 1.5)
        return s

    x = np.array([1.0, 2.0, 3.0])
    value, gradient = sg.value_and_grad(f)(x, 3)
    assert value == f(x, 3)
    assert gradient @ x == pytest.approx(2.0 * value)  # homogeneous of degree two
    y, pullback = sg.vjp(f, x, 3)
    assert y == value
    np.testing.assert_allclose(pullback(1.0)[0], gradient)


DRAWS = [
    "np.random.random()", "np.random.rand()", "np.random.randn()", "np.random.normal()", "np.random.normal(1.0, 2.0)",
    "np.random.standard_normal()", "np.random.uniform()", "np.random.uniform(0.0, 2.0)", "np.random.exponential()",
    "np.random.normal(0.0, 1.0, 4)[3]", "np.random.uniform(size=(2, 3))[1, 2]", "np.random.rand(4)[2]",
    "np.random.randint(1, 5, 3)[1]", "np.random.random(3)[2]", "np.random.normal(0.0, 1.0, None)",
    "np.random.randint(1, 5)", "np.random.choice(a)", "random.random()", "random.gauss(0.0, 1.0)",
]  # fmt: skip


@pytest.mark.parametrize("draw", DRAWS)
def test_each_draw_works_or_is_refused_at_its_line(draw, define):
    f = define(f"def f(x, a):\n    s = x\n    s += x * {draw}\n    return s * x\n", "f")
    x, a = 1.5, np.array([1.0, 2.0, 3.0])
    np.random.seed(5)
    random.seed(5)
    expected = f(x, a)
    np.random.seed(5)
    random.seed(5)
    try:
        value, gradient = sg.value_and_grad(sg.differentiable(f, target="python"))(x, a)
    except sg.UnsupportedError as error:
        assert [p.at.line for p in error.problems] == [3]  # noqa: PT017
    else:
        assert value == expected
        assert gradient * x == pytest.approx(2.0 * value)
