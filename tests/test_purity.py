"""Derived functions change nothing that the caller can see, and a pullback owns what it needs."""

import threading

import numpy as np
import pytest

import srcgrad as sg


def squares(x, k):
    out = np.empty_like(x)
    for i in range(x.shape[0]):
        out[i] = k * x[i] * x[i]
    return out


def overwritten(a, b):
    """Reads, overwrites and returns its first argument; reads the second."""
    s = 0.0
    for i in range(a.shape[0]):
        a[i] = a[i] * a[i] * b[i]
        s += a[i] * b[i]
    return s


def product_of(a, b):
    s = 0.0
    for i in range(a.shape[0]):
        s += a[i] * a[i] * b[i]
    return s


def fills(out, x):
    for i in range(x.shape[0]):
        out[i] = x[i] * x[i]


python = pytest.mark.parametrize("target", ["python", "cpu"])


# -- the caller's arrays -------------------------------------------------------------------------------------------


@python
def test_derivatives_leave_overwritten_arguments_alone(target):
    f = sg.differentiable(overwritten, target=target)
    a, b = np.array([1.0, 2.0, 3.0]), np.array([0.5, -1.0, 2.0])
    kept = a.copy(), b.copy()
    _, pullback = sg.vjp(f, a, b)
    results = [
        pullback(1.0),
        sg.grad(f, argnums=(0, 1))(a, b),
        sg.value_and_grad(f, argnums=(0, 1))(a, b)[1],
    ]
    sg.jvp(f, (a, b), (np.ones(3), np.ones(3)))
    f.grad(a, b)
    f.value_and_grad(a, b)
    np.testing.assert_array_equal((a, b), kept)
    for ba, bb in results:  # s = sum of a^2 b^2: with respect to the values that came in
        np.testing.assert_allclose(ba, 2.0 * a * b * b)
        np.testing.assert_allclose(bb, 2.0 * a * a * b)


@python
def test_the_primal_overwrites_as_python_does(target):
    f = sg.differentiable(overwritten, target=target)
    a, b = np.array([1.0, 2.0, 3.0]), np.array([0.5, -1.0, 2.0])
    expected = a.copy()
    assert f(a, b) == overwritten(expected, b)
    np.testing.assert_array_equal(a, expected)


def test_returned_argument_is_a_copy_in_derived_functions():
    @sg.differentiable(target="python")
    def f(a):
        a[0] *= 3.0
        return a

    a = np.array([1.0, 2.0])
    y, pullback = sg.vjp(f, a)
    assert y is not a
    assert not np.shares_memory(y, a)
    assert (a.tolist(), y.tolist()) == ([1.0, 2.0], [3.0, 2.0])
    y[:] = 0.0
    assert pullback(np.ones(2))[0].tolist() == [3.0, 1.0]
    y, dy = sg.jvp(f, (a,), (np.ones(2),))
    assert (a.tolist(), y.tolist(), dy.tolist()) == ([1.0, 2.0], [3.0, 2.0], [3.0, 1.0])


@python
def test_cotangent_of_the_identity_is_not_the_seed(target):
    @sg.differentiable(target=target)
    def f(a):
        return a

    seed = np.array([5.0, 6.0])
    (ba,) = sg.vjp(f, np.array([1.0, 2.0]))[1](seed)
    assert ba.tolist() == [5.0, 6.0]
    ba[:] = 0.0
    assert seed.tolist() == [5.0, 6.0]


@python
def test_one_array_as_several_tangents(target):
    f = sg.differentiable(overwritten, target=target)
    a, b, tangent = np.array([1.0, 2.0, 3.0]), np.array([0.5, -1.0, 2.0]), np.ones(3)
    expected = sg.jvp(f, (a, b), (tangent, tangent.copy()))[1]
    assert expected == pytest.approx((2.0 * a * b * b + 2.0 * a * a * b).sum())
    assert sg.jvp(f, (a, b), (tangent, tangent))[1] == expected
    assert tangent.tolist() == [1.0, 1.0, 1.0]


@python
def test_primals_as_their_own_tangents(target):
    f = sg.differentiable(overwritten, target=target)
    a, b = np.array([1.0, 2.0, 3.0]), np.array([0.5, -1.0, 2.0])
    expected = 4.0 * (a * a * b * b).sum()  # homogeneous of degree four
    assert sg.jvp(f, (a, b), (a, b))[1] == pytest.approx(expected)
    assert sg.jvp(f, (a, b), (b, a))[1] == pytest.approx(2.0 * (a * b**3 + a**3 * b).sum())


def test_gradient_shares_no_memory_with_anything():
    @sg.differentiable(target="python")
    def f(a):
        return 0.5 * a[0] * a[0]

    a = np.array([1.0, 2.0])
    first = sg.grad(f)(a)
    second = sg.grad(f)(a)
    first[:] = 100.0
    assert second.tolist() == [1.0, 0.0]
    assert not np.shares_memory(second, a)


def test_workspace_may_be_read_only_in_derived_functions():
    f = sg.differentiable(overwritten, target="python")
    a, b = np.array([1.0, 2.0]), np.array([0.5, -1.0])
    expected = sg.grad(f)(a, b)
    a.flags.writeable = False
    b.flags.writeable = False
    np.testing.assert_array_equal(sg.grad(f)(a, b), expected)
    np.testing.assert_array_equal(sg.vjp(f, a, b)[1](1.0)[0], expected)
    with pytest.raises((ValueError, sg.ArgumentError)):
        f(a, b)


def test_read_only_argument_that_is_written_compiled():
    f = sg.differentiable(overwritten)
    a, b = np.array([1.0, 2.0]), np.array([0.5, -1.0])
    a.flags.writeable = False
    with pytest.raises((ValueError, sg.SrcgradError)):
        f(a, b)
    assert a.tolist() == [1.0, 2.0]
    np.testing.assert_allclose(sg.grad(f)(a, b), 2.0 * a * b * b)


# -- overlaps ------------------------------------------------------------------------------------------------------


@python
def test_same_array_twice_where_nothing_is_written(target):
    f = sg.differentiable(product_of, target=target)
    a = np.array([1.0, 2.0, 3.0])
    ga, gb = sg.grad(f, argnums=(0, 1))(a, a)
    np.testing.assert_allclose(ga, 2.0 * a * a)
    np.testing.assert_allclose(gb, a * a)
    ba, bb = sg.vjp(f, a, a)[1](1.0)
    np.testing.assert_allclose((ba, bb), (ga, gb))
    assert sg.jvp(f, (a, a), (a, a))[1] == pytest.approx(3.0 * (a**3).sum())


def overlapping():
    base = np.arange(1.0, 6.0)
    return [(base, base), (base[:3], base[2:]), (base[::2], base[::-2]), (base, base[::-1])]


@pytest.mark.parametrize("pair", overlapping(), ids=["same", "slices", "strided", "reversed"])
def test_overlap_of_a_written_argument_is_refused(pair):
    f, (a, b) = sg.differentiable(overwritten, target="python"), pair
    before = a.copy()
    calls = [
        lambda: f(a, b),
        lambda: sg.grad(f)(a, b),
        lambda: f.value_and_grad(a, b),
        lambda: sg.vjp(f, a, b),
        lambda: sg.jvp(f, (a, b), (a.copy(), b.copy())),
    ]
    for call in calls:
        with pytest.raises(sg.ArgumentError, match="'a' and 'b' share memory, and 'a' is overwritten"):
            call()
    np.testing.assert_array_equal(a, before)


def test_disjoint_slices_of_one_array_are_fine():
    f, base = sg.differentiable(overwritten, target="python"), np.arange(1.0, 7.0)
    expected = sg.grad(f)(base[:3].copy(), base[3:].copy())
    np.testing.assert_array_equal(sg.grad(f)(base[:3], base[3:]), expected)
    np.testing.assert_array_equal(base, np.arange(1.0, 7.0))


def test_overlap_inside_a_tuple_is_refused():
    @sg.differentiable(target="python")
    def f(pair):
        pair[0][0] = pair[1][1] * 2.0
        return pair[0][0] * pair[1][0]

    a = np.array([1.0, 2.0])
    with pytest.raises(sg.ArgumentError, match="share memory"):
        sg.grad(f)((a, a))
    assert f.grad((a.copy(), a))[1].tolist() == [4.0, 2.0]


CAPTURED = np.array([1.0, 2.0, 3.0])


def test_overlap_with_a_captured_array_is_refused():
    @sg.differentiable(target="python")
    def f(a):
        s = 0.0
        for i in range(a.shape[0]):
            a[i] = a[i] * CAPTURED[i]
            s += a[i] * CAPTURED[i]
        return s

    with pytest.raises(sg.ArgumentError, match="share memory"):
        sg.grad(f)(CAPTURED)
    np.testing.assert_array_equal(sg.grad(f)(CAPTURED + 0.0), CAPTURED * CAPTURED)


def test_overlap_with_an_integer_array_that_is_written_is_refused():
    @sg.differentiable(target="python")
    def f(x, index, other):
        index[0] = 1
        return x[other[0]] * x[index[0]]

    x, index = np.array([2.0, 3.0]), np.array([0, 1])
    with pytest.raises(sg.ArgumentError, match="share memory"):
        sg.grad(f)(x, index, index)
    assert sg.grad(f)(x, index, index.copy()).tolist() == [3.0, 2.0]
    assert index.tolist() == [0, 1]


# -- functions that return nothing ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda f, a: sg.grad(f)(a, a + 1.0),
        lambda f, a: sg.value_and_grad(f)(a, a + 1.0),
        lambda f, a: sg.vjp(f, a, a + 1.0),
        lambda f, a: sg.jvp(f, (a, a + 1.0), (a.copy(), a.copy())),
    ],
    ids=["grad", "value_and_grad", "vjp", "jvp"],
)
def test_function_that_returns_nothing_is_refused(call):
    f = sg.differentiable(fills, target="python")
    with pytest.raises(sg.SrcgradError, match="return the arrays you fill"):
        call(f, np.ones(2))


def test_function_that_returns_nothing_can_be_called_and_is_fine_as_a_helper():
    out = np.zeros(2)
    assert sg.differentiable(fills, target="python")(out, np.array([2.0, 3.0])) is None
    assert out.tolist() == [4.0, 9.0]

    @sg.differentiable(target="python")
    def f(x):
        out = np.empty_like(x)
        fills(out, x)
        return out[0] * out[1]

    assert f.grad(np.array([2.0, 3.0])).tolist() == [36.0, 24.0]


# -- pullbacks -----------------------------------------------------------------------------------------------------


@python
def test_pullback_called_again_after_the_arrays_changed(target):
    f, x = sg.differentiable(squares, target=target), np.array([1.0, 2.0, -3.0])
    kept = x.copy()
    y, pullback = sg.vjp(f, x, 2.0)
    x[:] = 100.0
    y[:] = 100.0
    for seed in (np.ones(3), np.array([0.0, 1.0, 0.0]), np.ones(3)):
        np.testing.assert_array_equal(pullback(seed)[0], 4.0 * kept * seed)
        np.testing.assert_array_equal(pullback(seed)[1], (seed * kept * kept).sum())


def test_pullback_does_not_change_the_cotangent():
    f, x = sg.differentiable(overwritten_result, target="python"), np.array([1.0, 2.0, 3.0])
    seed = np.array([1.0, 2.0, 3.0])
    pullback = sg.vjp(f, x)[1]
    first = pullback(seed)[0]
    assert seed.tolist() == [1.0, 2.0, 3.0]
    np.testing.assert_array_equal(pullback(seed)[0], first)


def overwritten_result(x):
    for i in range(x.shape[0]):
        x[i] = x[i] * x[i - 1]
    return x


def test_pullback_after_a_captured_array_changed():
    weights = np.array([1.0, 2.0])

    @sg.differentiable(target="python")
    def f(x):
        return weights[0] * x * x + weights[1] * x

    _, pullback = sg.vjp(f, 3.0)
    assert pullback(1.0) == (8.0,)
    weights[:] = 100.0
    assert pullback(1.0) == (8.0,)
    assert sg.grad(f)(3.0) == 700.0


def test_pullback_after_an_index_array_changed():
    @sg.differentiable(target="python")
    def f(x, index):
        s = 0.0
        for i in range(index.shape[0]):
            s += x[index[i]] * x[index[i]]
        return s

    x, index = np.array([1.0, 2.0, 3.0]), np.array([0, 2, 2])
    _, pullback = sg.vjp(f, x, index)
    index[:] = 1
    assert pullback(1.0)[0].tolist() == [2.0, 0.0, 12.0]


def in_threads(work, count=8):
    errors = []
    barrier = threading.Barrier(count)

    def guarded(k):
        try:
            barrier.wait()
            work(k)
        except BaseException as error:  # noqa: BLE001 - reported below
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(k,)) for k in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors, errors


def test_pullback_from_threads():
    x = np.linspace(-1.0, 1.0, 1000)
    _, pullback = sg.vjp(sg.differentiable(squares), x, 3.0)

    def work(k):
        for _ in range(20):
            bx = pullback(np.full(x.size, float(k)))[0]
            np.testing.assert_allclose(bx, 6.0 * x * k, rtol=1e-14)

    in_threads(work)


@python
def test_gradient_from_threads_first_call_included(target):
    """Each thread has its own arrays; the function overwrites its argument, needs a tape and has a while loop."""

    @sg.differentiable(target=target)
    def f(a, n):
        s = 0.0
        for i in range(n):
            a[i] = a[i] * a[i - 1] + 0.5
            while s > 4.0:
                s *= 0.5
            s += a[i] * a[i]
        return s

    start = np.linspace(0.1, 0.9, 50)
    expected = {n: sg.grad(sg.differentiable(f.py_func, target="python"))(start, n) for n in range(40, 48)}
    gradient = sg.grad(f)

    def work(k):
        for _ in range(10):
            np.testing.assert_allclose(gradient(start, 40 + k), expected[40 + k], rtol=1e-12)
            np.testing.assert_allclose(f.grad(start, 40 + k), expected[40 + k], rtol=1e-12)

    in_threads(work)
