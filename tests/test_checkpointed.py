"""Loops over `srcgrad.checkpointed(range(n))`: the gradients of ordinary loops, in less memory."""

import contextlib
import functools
import math
import tracemalloc

import numba
import numpy as np
import pytest

import srcgrad as sg
from srcgrad import checkpointed
from srcgrad.transform.adjoint.schedule import beta, step_before_snapshot

from .checkpoint_loops import with_checkpoints
from .programs.time_loops import MAKERS
from .random_programs.generator import generate
from .random_programs.program import flatten


def root_many(*bounds):
    return checkpointed(range(*bounds))


def one(*bounds):
    return checkpointed(range(*bounds), snapshots=1)


def three(*bounds):
    return checkpointed(range(*bounds), 3)


def many(*bounds):
    return checkpointed(range(*bounds), snapshots=50)


def python(function):
    return sg.differentiable(function, target="python")


def pullback(function, *args):
    value, back = sg.vjp(function, *args)
    back(1.0)
    return [np.asarray(v) for v in (value, *back(1.0)[:2])]  # the tape can be used again


def value_and_gradients(function, *args):
    value, gradients = sg.value_and_grad(function, argnums=(0, 1))(*args)
    return [value, *gradients]


@pytest.mark.parametrize("name", MAKERS)
def test_gradient_is_that_of_the_ordinary_loop(name, rng):
    make, shape = MAKERS[name]
    x = rng.normal(size=shape)
    cases = [(value_and_gradients, root_many), (value_and_gradients, three), (pullback, root_many), (pullback, one),
             (pullback, many)]  # fmt: skip
    plain, checked = python(make(range)), {loop: python(make(loop)) for _, loop in cases}
    for n in (0, 1, 3, 11):
        args = (x.copy(), 0.1, n)
        expected = value_and_gradients(plain, *args)
        for run, loop in cases:
            for a, b in zip(expected, run(checked[loop], *args), strict=True):
                np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-14, err_msg=f"{run} {loop} {n}")
        np.testing.assert_array_equal(args[0], x)


@pytest.mark.parametrize(("name", "loop"), [("double_buffer", root_many), ("leapfrog", three), ("nested", root_many)])
def test_compiled(name, loop, rng):
    make, _ = MAKERS[name]
    args = (rng.normal(size=7), 0.1, 12)
    expected = sg.grad(python(make(range)), argnums=(0, 1))(*args)
    found = sg.grad(sg.differentiable(make(loop)), argnums=(0, 1))(*args)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_random_programs(seed):
    """Each with its loops checkpointed where that is not refused, and with a budget that every tape is beyond."""
    plain = generate(seed, arrays=seed % 2 == 0)
    checked = with_checkpoints(plain, seed)
    tolerance = 1e-4 if plain.single else 1e-10
    try:
        expected = _random_gradient(plain, python(plain.load()))
    except sg.UnsupportedError:
        pytest.skip("refused")
    budget = sg.differentiable(plain.load(), target="python", memory_budget=1)
    np.testing.assert_allclose(_random_gradient(plain, budget), expected, rtol=tolerance, atol=tolerance)
    if checked is not None:
        with contextlib.suppress(sg.UnsupportedError):
            found = _random_gradient(checked, python(checked.load()))
            np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def _random_gradient(program, function):
    value, back = sg.vjp(function, *program.arguments())
    gradients = back(_like(value, np.random.default_rng(program.seed)))
    return flatten((value, tuple(g for g in gradients if g is not None)))


def _like(value, rng):
    if isinstance(value, tuple):
        return tuple(_like(v, rng) for v in value)
    return rng.normal(size=np.shape(value)).astype(getattr(value, "dtype", float)) if np.ndim(value) else rng.normal()


# -- the schedule ----------------------------------------------------------------------------------------------------


@functools.cache
def least_steps(n, slots):
    """The least number of steps that the reversal of n steps repeats: t(n, c) in Griewank & Walther, by trying."""
    if n <= 1 or slots == 1:
        return n * (n - 1) // 2 if n > 1 else 0
    return min(m + least_steps(n - m, slots - 1) + least_steps(m, slots) for m in range(1, n))


@pytest.mark.parametrize("slots", [2, 3, 5, 8])
def test_steps_between_snapshots_are_optimal(slots):
    for n in range(2, 70):
        m = step_before_snapshot(n, slots)
        assert 1 <= m < n
        assert m + least_steps(n - m, slots - 1) + least_steps(m, slots) == least_steps(n, slots)


def test_least_steps_are_those_of_the_paper():
    # Griewank & Walther (2000), equation 3: t(l, c) = r l - beta(c + 1, r - 1), beta(c, r - 1) < l <= beta(c, r)
    for slots in (1, 2, 3, 5):
        for n in range(1, 60):
            r = next(r for r in range(100) if beta(slots, r) >= n)
            assert least_steps(n, slots) == (r * n - beta(slots + 1, r - 1) if r else 0)


@pytest.mark.parametrize(("slots", "n"), [(1, 9), (2, 9), (3, 10), (3, 30), (5, 56), (5, 57), (40, 30)])
def test_generated_code_repeats_as_few_steps(slots, n, monkeypatch):
    @python
    def f(x):
        for _ in checkpointed(range(n), slots):
            x = np.sin(x)
        return x

    run, sin = [], math.sin
    gradient = sg.grad(f)
    gradient(1.0)
    monkeypatch.setattr(np, "sin", lambda x: run.append(x) or sin(x))
    gradient(1.0)
    # the value, and between the snapshots; a taped step needs cosines only
    assert len(run) == n + least_steps(n, slots)


def test_memory():
    def peak(loop, n=144):
        @python
        def f(u):
            for _ in loop(n):
                u = np.sin(u)
            return np.sum(u)

        gradient = sg.grad(f)
        gradient(np.ones(2))
        tracemalloc.start()
        gradient(np.ones(100))
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used / (100 * 8)

    assert peak(range) > 144
    assert peak(root_many) < 60
    assert peak(three) < 30


# -- what it is elsewhere --------------------------------------------------------------------------------------------


def steps(x, n):
    for t in checkpointed(range(n), snapshots=2):
        x = np.sin(x) + t
    return x


def test_it_is_a_range():
    assert checkpointed(range(3)) == range(3)
    assert numba.njit(steps)(1.0, 4) == steps(1.0, 4) == sg.differentiable(steps)(1.0, 4)


def test_other_modes_and_orders():
    def plain(x):
        for t in range(5):
            x = np.sin(x) + t
        return x

    def f(x):
        return steps(x, 5)

    g, h = python(f), python(plain)
    assert sg.jvp(g, (0.3,), (1.0,)) == sg.jvp(h, (0.3,), (1.0,))
    for order in (lambda f: sg.hessian(f)(0.3), lambda f: sg.grad(sg.grad(f))(0.3),
                  lambda f: sg.jvp(sg.grad(sg.grad(f)), (0.3,), (1.0,))[1]):  # fmt: skip
        np.testing.assert_allclose(order(g), order(h), rtol=1e-12)


def test_prints_and_assertions_run_once(capsys):
    @python
    def f(x):
        for t in checkpointed(range(5)):
            print(t)  # noqa: T201
            assert x < 10.0
            x = x * 1.1
        return x

    sg.grad(f)(1.0)
    assert capsys.readouterr().out == "0\n1\n2\n3\n4\n"
    with pytest.raises(AssertionError):
        sg.grad(f)(9.0)


def test_an_array_that_changes_its_shape_is_an_error():
    def grow(u):
        for _ in checkpointed(range(3)):
            u = np.append(u, u[0])
        return np.sum(u)

    with pytest.raises(ValueError, match="must keep their shapes"):
        sg.grad(python(grow))(np.ones(3))


# -- by itself -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["double_buffer", "leapfrog", "scalars", "conditional"])
def test_beyond_the_memory_budget(name, rng):
    make, shape = MAKERS[name]
    function = make(range)
    plain, frugal = python(function), sg.differentiable(function, target="python", memory_budget=1000)
    gradient = sg.grad(frugal, argnums=(0, 1))
    for n in (2, 60, 3, 61):
        args = (rng.normal(size=shape), 0.01, n)
        for expected, found in (
            (sg.grad(plain, argnums=(0, 1))(*args), gradient(*args)),
            (sg.vjp(plain, *args)[1](1.0)[:2], sg.vjp(frugal, *args)[1](1.0)[:2]),
        ):
            for a, b in zip(expected, found, strict=True):
                np.testing.assert_allclose(b, a, rtol=1e-12)
    assert sum(len(v) for v in gradient.callee.versions.values()) == 2  # one within the budget, one for longer loops


def test_memory_stays_in_the_budget():
    def f(u, n):
        for _ in range(n):
            u = np.sin(u)
        return np.sum(u)

    gradient = sg.grad(sg.differentiable(f, target="python", memory_budget=20_000))
    gradient(np.ones(2), 144)
    gradient(np.ones(100), 144)
    tracemalloc.start()
    gradient(np.ones(100), 144)
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert used < 60 * 100 * 8


def test_second_order_beyond_the_budget():
    def f(x, n):
        for _ in range(n):
            x = np.sin(x) * 1.1
        return x

    frugal = sg.differentiable(f, target="python", memory_budget=100)
    nested = sg.grad(sg.grad(frugal))
    for n in (3, 40, 5, 41):
        np.testing.assert_allclose(nested(0.3, n), sg.grad(sg.grad(python(f)))(0.3, n), rtol=1e-10)
    assert sum(len(v) for v in nested.callee.versions.values()) == 2


def test_what_cannot_be_run_again_keeps_its_tape():
    def f(x, n):
        for _ in range(n):
            x = x * np.random.normal(1.0, 0.1)
        return x

    frugal = sg.differentiable(f, target="python", memory_budget=10)
    np.random.seed(3)
    expected = sg.grad(python(f))(2.0, 20)
    np.random.seed(3)
    assert sg.grad(frugal)(2.0, 20) == expected


def test_an_array_that_fills_up_in_time_is_no_snapshot():
    def f(a, n):
        for t in range(1, n):
            a[t] = np.sin(a[t - 1]) * np.exp(a[t])
        return a[n - 1]

    x = np.linspace(0.1, 0.2, 200)
    gradient = sg.grad(sg.differentiable(f, target="python", memory_budget=1000))
    gradient(x, 200)
    tracemalloc.start()
    gradient(x, 200)
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert used < 8 * x.nbytes


def test_memory_budget_is_an_option():
    assert sg.differentiable(steps).options.memory_budget > 2**20
