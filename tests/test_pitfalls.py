"""What must never happen: the programs that other tools for derivatives have got wrong, one by one."""

import math
import time

import numpy as np
import pytest

import srcgrad as sg

from .derivatives import check_all_laws, gradient_by_differences

PROGRAMS = {
    # read, then overwritten, then needed
    "read_then_overwritten": "s = 0.0\nfor i in range(4):\n    s += a[i] * a[i] * x\n    a[i] = x\nreturn s * a[1]",
    "read_then_overwritten_elsewhere": "t = a[0] * a[1]\na[0] = x\nu = t * a[0]\na[1] = u\nreturn t * u * a[1]",
    "whole_array_overwritten": "s = a[1] * a[2]\na[:] = x\nreturn s * a[0] * s",
    "overwritten_by_a_helper": "s = a[1] * a[1]\nfill(a, x)\nreturn s * a[1]",
    "overwritten_after_the_loop": "s = x\nfor i in range(4):\n    s = s * a[i]\nfor i in range(4):\n"
    "    a[i] = 0.0\nreturn s",
    "overwritten_through_a_view": "v = a[1:3]\ns = a[1] * a[2]\nv[0] = x\nreturn s * a[1] * s",
    # an adjoint not zeroed on overwrite
    "overwritten_by_a_constant": "a[0] = 2.0\nreturn a[0] * a[0] * x + a[1]",
    "overwritten_twice": "a[0] = x * x\na[0] = a[1] * x\nreturn a[0] * a[0]",
    "overwritten_in_each_iteration": "s = 0.0\nfor i in range(4):\n    a[0] = a[i] * x\n    s += a[0] * a[0]\nreturn s",
    "cleared_buffer": "b = np.zeros(2)\ns = 0.0\nfor i in range(4):\n    b[0] = 0.0\n    b[0] += a[i] * x\n"
    "    b[1] += b[0] * b[0]\n"
    "    s += b[1]\nreturn s",
    # wrap-around
    "wrap_around": "for i in range(4):\n    a[i] = a[i] * a[i - 1]\nreturn a[0] * a[1] + a[3] * x",
    "wrap_around_two_back": "for i in range(4):\n    a[i] = a[i - 2] * x + a[i] * a[i - 1]\nreturn a",
    "wrap_around_reversed": "for i in range(3, -1, -1):\n    a[i] = a[i] * a[i - 3] * x\nreturn a",
    "wrap_around_computed": "for i in range(4):\n    a[(i + 3) % 4 - 4] = a[i] * x\nreturn a",
    # buffers and names
    "swapped_buffers": "u, v = a.copy(), np.empty(4)\nfor t in range(3):\n    for i in range(4):\n"
    "        v[i] = u[i] * u[i - 1] + x * math.sin(u[i])\n    u, v = v, u\nreturn u[0] * v[1] * a[2]",
    "swapped_odd_and_even": "u, v = a, np.ones(4)\nfor t in range(2):\n    for i in range(4):\n"
    "        v[i] = u[i] * v[i] * x\n"
    "    u, v = v, u\nu[0] = x\nreturn u[0] * v[0] * a[0] * u[1]",
    "both_names_one_array": "u, v = a.copy(), np.ones(4)\nfor t in range(3):\n    u[t] = v[t] * x * u[t]\n"
    "    u, v = v, v\n"
    "    v[1] = u[0] * x\nreturn u[0] + u[1] * v[2]",
    "two_names_of_one_array": "b = a\nb[0] = x\nc = b\nc[1] = a[0] * c[1]\nreturn a[0] * a[1] * b[1]",
    "two_names_chosen_by_a_branch": "if x > 0.0:\n    b = a\nelse:\n    b = a.copy()\nb[0] = x * a[1]\n"
    "return a[0] * b[1]",
    "three_buffers_rotated": "u, v, w = a.copy(), np.ones(4), np.zeros(4)\nfor t in range(4):\n"
    "    for i in range(4):\n"
    "        w[i] = u[i] * v[i - 1] + x\n    u, v, w = v, w, u\nreturn u[0] * v[1] * w[2]",
    "swap_under_a_condition": "u, v = a.copy(), np.ones(4)\nfor t in range(4):\n    v[t] = u[t] * x + v[t - 1]\n"
    "    if v[t] > 1.5:\n        u, v = v, u\nreturn u[0] * v[1] + u[3]",
    "array_kept_from_an_iteration": "best = a.copy()\nfor t in range(3):\n    b = a * (x + t)\n"
    "    if b[0] * best[1] > 0.0:\n"
    "        best = b\n    best[0] = best[0] * best[1]\nreturn best[0] * best[2]",
    # repeated indices
    "repeated_indices": "for j in range(4):\n    a[k[j]] += a[j] * x\nreturn a",
    "repeated_indices_overwritten": "for j in range(4):\n    a[k[j]] = a[j] * x * a[k[j]]\nreturn a",
    "scatter_then_gather": "b = np.zeros(4)\nfor j in range(4):\n    b[k[j]] += a[j] * a[j]\ns = 0.0\n"
    "for j in range(4):\n"
    "    s += b[k[j]] * x * a[j]\nreturn s",
    # values carried by loops
    "carried_by_while": "y, i = x, 0\nwhile y < 50.0:\n    y = y * (1.0 + a[i % 4]) + x\n    i += 1\nreturn y * i",
    "carried_to_break": "y = x\nfor i in range(100):\n    y = y * y * 0.9 + a[i % 4]\n    if y > 5.0:\n"
    "        break\nreturn y * i",
    "bound_changed_in_the_body": "m, y = 3, x\nfor i in range(m):\n    m = 10\n    y = y * a[i]\nreturn y * m",
    "while_bound_changed": "m, i, y = 3, 0, x\nwhile i < m:\n    if i == 1:\n        m = 5\n"
    "    y = y * a[i % 4] + y\n    i += 1\nreturn y",
    "bound_array_changed_later": "s = x\nfor i in range(k[0] + 2):\n    s = s * a[i]\nk[0] = 0\n"
    "for i in range(k[0] + 1):\n"
    "    s = s * a[i] + s\nreturn s",
    "index_array_changed_later": "s = x\nfor j in range(4):\n    s = s * a[k[j]]\n    k[j] = 0\nreturn s * a[k[2]]",
    "trip_count_changes_in_an_outer_loop": "s = x\nfor i in range(4):\n    m = i\n    while m > 0:\n"
    "        s = s * a[m] + a[i]\n"
    "        m -= 2\nreturn s",
    # np.empty
    "empty_in_full": "b = np.empty(4)\nfor i in range(4):\n    b[i] = a[i] * x\nreturn b",
    "empty_in_part": "b = np.empty(4)\nb[1] = x * x\nb[3] = a[0] * b[1]\nreturn b[1] * b[3]",
    "empty_reused_by_rows": "b = np.empty((2, 2))\ns = 0.0\nfor t in range(3):\n    for i in range(2):\n"
    "        b[t % 2, i] = a[i] * x + s\n"
    "    s += b[t % 2, 0] * b[t % 2, 1]\nreturn s",
    # helpers
    "helper_fills": "b = np.empty(4)\nfill(b, x)\nfill(a, b[0] * b[1])\nreturn a[0] * b[2]",
    "helper_fills_a_view": "m = np.ones((3, 2))\nfill(m[1], x)\nfill(m[:, 0], x * m[1, 1])\nreturn m",
    "helper_fills_what_it_reads": "square_all(a, a)\nsquare_all(a, a)\nreturn a[0] * a[1] * x",
    "helper_returns_its_argument": "b = give_back(a)\nb[0] = x\nreturn a[0] * b[1] * a[0]",
}


def fill(out, value):
    for i in range(out.shape[0]):
        out[i] = value * value + i


def square_all(out, u):
    for i in range(u.shape[0]):
        out[i] = u[i] * u[i]


def give_back(u):
    return u


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name, define, rng):
    text = "def f(x, a, k):\n    " + PROGRAMS[name].replace("\n", "\n    ") + "\n"
    f = define(text, "f", fill=fill, square_all=square_all, give_back=give_back)
    args = (1.3, np.array([0.9, 1.2, 0.7, 1.1]), np.array([1, 3, 1, 0]))
    check_all_laws(f, args, rng)


@pytest.mark.parametrize("target", ["python", "cpu"])
def test_overwrite_in_a_loop_of_every_length(target):
    """d/dx[0] is 2^-n, and d/dy[k] is 2^-(n-1-k): each iteration overwrites the element it reads."""

    @sg.differentiable(target=target)
    def f(x, y):
        for k in range(y.shape[0]):
            x[0] = 0.5 * x[0] + y[k]
        return x[0]

    for n in range(1, 8):
        bx, by = sg.grad(f, argnums=(0, 1))(np.array([3.0, 5.0]), np.arange(float(n)))
        assert bx.tolist() == [0.5**n, 0.0]
        assert by.tolist() == [0.5 ** (n - 1 - k) for k in range(n)]
        assert sg.jvp(f, (np.ones(2), np.ones(n)), (np.array([1.0, 9.0]), np.zeros(n)))[1] == 0.5**n


# -- guards and ties -----------------------------------------------------------------------------------------------

GUARDS = {
    "sqrt_if": "if x > 0.0:\n    return math.sqrt(x) * y\nreturn y * 2.0",
    "sqrt_conditional": "return (math.sqrt(x) if x > 0.0 else 0.0) + 2.0 * y",
    "sqrt_where": "return np.where(x > 0.0, np.sqrt(x), 0.0) + 2.0 * y",
    "log_where": "return np.where(x > 0.0, np.log(x), x) * y + 2.0 * y",
    "division_where": "return np.where(x != 0.0, y / x, 2.0 * y)",
    "power_where": "return np.where(x > 0.0, x**0.5, x**2) + 2.0 * y",
    "zero_times_infinity": "return np.where(x > 0.0, 0.0 * (1.0 / x), 2.0 * y)",
    "array_where": "a = np.array([x, 4.0, x])\nreturn np.sum(np.where(a > 0.0, np.sqrt(a), 0.0)) + 2.0 * y - 2.0",
    "max_of_sqrt_if": "s = 2.0 * y\nfor v in np.array([x, y]):\n    if v > 2.0:\n"
    "        s += math.log(v - 2.0)\nreturn s",
    "sqrt_times_nothing": "s = np.sqrt(x)\nif x > 1.0:\n    return s * y\nreturn 2.0 * y",
    "dead_sqrt": "s = np.sqrt(x) + np.log(x)\nreturn 2.0 * y",
    "unused_element": "a = np.empty(2)\na[0] = np.sqrt(x)\na[1] = y\nreturn a[1] * 2.0",
}


@pytest.mark.parametrize("target", ["python", "cpu"])
@pytest.mark.parametrize("name", GUARDS)
def test_branch_not_taken_contributes_zero(name, target, define):
    text = "def f(x, y):\n    " + GUARDS[name].replace("\n", "\n    ") + "\n"
    f = sg.differentiable(define(text, "f"), target=target)
    if target == "cpu" and name not in ("sqrt_where", "division_where", "array_where", "sqrt_times_nothing"):
        pytest.skip("compiled for a selection")
    x, y = np.float64(0.0), np.float64(1.5)
    value, (bx, by) = sg.value_and_grad(f, argnums=(0, 1))(x, y)
    assert value == 3.0
    assert (bx, by) in ((0.0, 2.0), (1.5, 2.0))  # x * y, where the branch taken is x
    assert bx == 0.0 or name == "log_where"
    assert sg.jvp(f, (x, y), (1.0, 0.0))[1] == bx
    assert sg.vjp(f, x, y)[1](1.0) == (bx, by)


def test_kinks_and_ties():
    """The choices that JAX makes: ties of max and min half and half, abs at 0 gives 0."""
    python = {"target": "python"}
    assert sg.grad(sg.differentiable(lambda x: abs(x), **python))(0.0) == 0.0  # noqa: PLW0108
    for f in (np.maximum, np.minimum):
        both = sg.grad(sg.differentiable(lambda x, y, f=f: f(x, y), **python), argnums=(0, 1))(2.0, 2.0)
        assert both == (0.5, 0.5)
    for f in (max, min):
        both = sg.grad(sg.differentiable(lambda x, y, f=f: f(x, y), **python), argnums=(0, 1))(2.0, 2.0)
        assert sum(both) == 1.0


def test_ties_of_the_maximum_of_an_array():
    gradient = sg.grad(sg.differentiable(lambda a: np.max(a) * 6.0, target="python"))(np.array([1.0, 3.0, 2.0, 3.0]))
    assert gradient.sum() == 6.0
    assert (gradient[0], gradient[2]) == (0.0, 0.0)


def test_max_in_a_loop_with_ties():
    @sg.differentiable(target="python")
    def f(a):
        best = a[0]
        for v in a:
            if v > best:  # noqa: PLR1730 - not the same at a tie
                best = v
        return best

    assert f.grad(np.array([1.0, 3.0, 3.0])).tolist() == [0.0, 1.0, 0.0]


# -- size ----------------------------------------------------------------------------------------------------------


def test_a_million_iterations():
    @sg.differentiable
    def f(x, n):
        y = x
        for _ in range(n):
            y = y + 1e-6 * math.sin(y) * x
        return y

    start = time.perf_counter()
    value, gradient = sg.value_and_grad(f)(0.7, 1_000_000)
    assert time.perf_counter() - start < 60.0
    assert sg.jvp(f, (0.7, 1_000_000), (1.0, None))[1] == pytest.approx(gradient, rel=1e-9)
    assert gradient == pytest.approx(float(gradient_by_differences(f, 0.7, 1_000_000)), rel=1e-6)
    assert math.isfinite(value)


def test_a_million_iterations_of_while_with_break():
    @sg.differentiable
    def f(x, n):
        y, i = x, 0
        while True:
            if i >= n:
                break
            y = y * (1.0 - 1e-6 * y)
            i += 1
        return y

    gradient = f.grad(0.7, 1_000_000)
    assert sg.jvp(f, (0.7, 1_000_000), (1.0, None))[1] == pytest.approx(gradient, rel=1e-9)
    assert gradient == pytest.approx(float(gradient_by_differences(f, 0.7, 1_000_000)), rel=1e-6)


@pytest.mark.parametrize("n", [0, 1, 31, 147, 200])
def test_inner_loop_in_a_nest_of_five(n):
    @sg.differentiable
    def f(x, a, n):
        s = 0.0
        for i in range(2):
            for j in range(2):
                for k in range(i + 2):
                    for m in range(2):
                        t = x * (1.0 + i * j)
                        for p in range(n):
                            t = t * 0.98 + 0.01 * t * a[(p + k) % 3] * a[m]
                        s += t * a[j]
        return s

    a = np.array([0.9, 1.1, 0.7])
    value, (bx, ba) = sg.value_and_grad(f, argnums=(0, 1))(1.3, a, n)
    assert value == pytest.approx(f.py_func(1.3, a, n), rel=1e-12)
    np.testing.assert_allclose(ba, gradient_by_differences(f, 1.3, a, n, argnum=1), rtol=1e-7)
    assert bx == pytest.approx(value / 1.3)  # linear in x


def test_unbounded_loop_with_an_early_break():
    """The tape follows the iterations that run, not the bound."""

    @sg.differentiable
    def f(x):
        y = x
        for _ in range(10**12):
            y = y * x + 0.5
            if y > 100.0:
                break
        return y

    assert f.grad(1.2) == pytest.approx(float(gradient_by_differences(f.py_func, 1.2)), rel=1e-7)


def left_out_by_where(w, x):
    return np.sum(np.where(np.isfinite(x), w * x, 0.0))


def left_out_by_a_branch(w, x):
    s = 0.0
    for i in range(x.shape[0]):
        v = w[i] * x[i]
        if v < 1e300:
            s += v
    return s


def left_out_by_min(w, x):
    s = 0.0
    for i in range(x.shape[0]):
        s += min(abs(x[i]) * w[i], 10.0)
    return s


def infinite_constant(w, x):
    return min(np.inf * w[0], w[1] * x[0])


def infinite_table(w, x):
    table = np.full(3, np.inf)
    table[0] = x[0]
    s = 0.0
    for i in range(3):
        v = table[i] * w[i]
        if v < 1e300:
            s += v
    return s


HOLES = [left_out_by_where, left_out_by_a_branch, left_out_by_min, infinite_constant, infinite_table]


@pytest.mark.parametrize("function", HOLES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("target", ["python", pytest.param("cpu", marks=pytest.mark.compiled_all)])
def test_what_a_choice_leaves_out_may_be_infinite(function, target):
    w, x = np.array([1.0, 2.0, 3.0]), np.array([1.5, np.inf, -np.inf if function is left_out_by_where else np.inf])
    expected = [0.0, 1.5, 0.0] if function is infinite_constant else [1.5, 0.0, 0.0]
    assert sg.grad(sg.differentiable(function, target=target))(w, x).tolist() == expected


def step(x):
    return np.heaviside(x, 0.5)


def test_the_step_of_nan_is_nan():
    found = sg.differentiable(step, target="python")(np.array([-1.0, 0.0, 2.0, np.nan]))
    np.testing.assert_array_equal(found, [0.0, 0.5, 1.0, np.nan])
