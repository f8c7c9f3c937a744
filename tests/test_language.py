"""The language, construct by construct: each function, defined as in a notebook cell, obeys every law.

The arguments are two floats `x` and `y`, an array `a` of five floats, an int `n` (3) and an array of ints `k`.
"""

import textwrap

import numpy as np
import pytest

import srcgrad as sg

from .derivatives import check_all_laws

PROGRAMS = {
    # loops over ranges
    "range_stop": "s = x\nfor i in range(n):\n    s = s * y + i\nreturn s",
    "range_start_stop": "s = x\nfor i in range(2, n + 2):\n    s = s * a[i] + i\nreturn s",
    "range_step": "s = x\nfor i in range(0, 5, 2):\n    s = s * a[i] + i\nreturn s",
    "range_negative_step": "s = x\nfor i in range(4, -1, -1):\n    s = s * a[i] + i * y\nreturn s",
    "range_step_of_argument": "s = x\nfor i in range(4, 0, 1 - n):\n    s = s * a[i] + i * y\nreturn s",
    "range_step_of_unknown_sign": "s = x\nfor i in range(0, 5 * (n - 4), n - 4):\n    s = s * a[i] * a[-i]\nreturn s",
    "range_negative_start": "s = x\nfor i in range(-3, 2):\n    s = s * a[i] + i * y\nreturn s",
    "range_without_trips": "s = x\nfor i in range(5, 2):\n    s = s * y\n    a[0] = s\nreturn s * a[0]",
    "range_of_len": "s = 0.0\nfor i in range(len(a)):\n    s += a[i] * a[len(a) - 1 - i] * x\nreturn s",
    "bound_changed_in_body": "s, m = x, n\nfor i in range(m):\n    m = m - 1\n    s = s * y + m\nreturn s * m",
    "index_changed_in_body": "s = x\nfor i in range(n):\n    i = i * 2\n    s = s * y + i\nreturn s * i",
    "index_after_loop": "s = x\nfor i in range(n):\n    s *= y\nreturn s * i * a[i]",
    "index_before_loop": "i = 7\ns = x\nfor i in range(n - 3):\n    s *= y\nreturn s * i",
    "index_float_after": "s = x\nfor i in range(n):\n    s *= y\ni = x * y\nreturn s * i",
    "data_dependent_bounds": "s = 0.0\nfor i in range(3):\n    for j in range(k[i], k[i] + i):\n"
    "        s = s * y + a[j % 5] * x\nreturn s",
    "triangular": "s = 0.0\nfor i in range(5):\n    for j in range(i + 1):\n"
    "        s += a[i] * a[j] * a[j] * x\nreturn s",
    "bound_from_float": "s = x\nfor i in range(int(x * 3.0)):\n    s *= y\nreturn s",
    "prange": "s = 0.0\nfor i in prange(5):\n    s += a[i] * a[i] * x\nreturn s",
    # loops over other things
    "over_array": "s = x\nfor v in a:\n    s = s * v + y\nreturn s",
    "over_rows": "m = a[:4].copy().reshape(2, 2)\ns = x\nfor row in m:\n    s = s * row[0] + row[1]\nreturn s",
    "over_written_array": "s = x\nfor v in a:\n    s = s * v\n    a[1] = s\nreturn s",
    "over_int_array": "s = x\nfor i in k:\n    s = s * a[i] + i\nreturn s",
    "over_tuple": "s = x\nfor v in (y, x, a[0], 2.0):\n    s = s * v + y\nreturn s",
    "over_mixed_tuple": "s = x\nfor v in (y, 2, x):\n    s = s * v + y\nreturn s",
    "over_enumerate": "s = x\nfor i, v in enumerate(a):\n    s = s * v + i\nreturn s",
    "over_enumerate_start": "s = x\nfor i, v in enumerate(a, 1):\n    s = s * v + i * y\nreturn s",
    "over_zip": "s = x\nfor u, v, j in zip(a, a[1:], k):\n    s = s * v + u * j\nreturn s",
    "over_enumerate_zip": "s = x\nfor i, (u, v) in enumerate(zip(a, a[::-1])):\n    s = s * v + u * i\nreturn s",
    "over_reversed": "s = x\nfor v in reversed(a):\n    s = s * v + y\nreturn s",
    "over_reversed_range": "s = x\nfor i in reversed(range(1, 5, 2)):\n    s = s * a[i] + y\nreturn s",
    "over_list": "s = x\nfor v in [y, x, 3.0]:\n    s = s * v + y\nreturn s",
    "unused_loop_variable": "s = x\nfor _ in range(n):\n    s = s * y + 1.0\nreturn s",
    # while, else, break, continue, return
    "while_": "s, i = x, 0\nwhile i < n:\n    s = s * y + 0.5\n    i += 1\nreturn s",
    "while_on_data": "s = x\nwhile s < 20.0:\n    s = s * x + y\nreturn s",
    "while_true": "s = x\nwhile True:\n    s = s * x + y\n    if s > 9.0:\n        break\nreturn s",
    "while_without_trips": "s = x\nwhile s > 100.0:\n    s = s * y\nreturn s * y",
    "while_else": "s, i = x, 0\nwhile i < n:\n    s *= y\n    i += 1\nelse:\n    s += x * y\nreturn s",
    "while_else_break": "s, i = x, 0\nwhile i < n:\n    s *= y\n    i += 1\n    if i == 2:\n        break\n"
    "else:\n    s += x * y\nreturn s",
    "for_else": "s = x\nfor i in range(n):\n    s *= y\nelse:\n    s += x * y\nreturn s",
    "for_else_break": "s = x\nfor v in a:\n    s *= v\n    if s > 100.0:\n        break\nelse:\n    s += x * y\n"
    "return s",
    "break_": "s = x\nfor i in range(5):\n    s = s * a[i] + y\n    if i == 2:\n        break\nreturn s * i",
    "break_inner": "s = x\nfor i in range(4):\n    for j in range(5):\n        if j > i:\n            break\n"
    "        s = s * a[j] * 0.9 + y\nreturn s",
    "continue_": "s = x\nfor i in range(5):\n    if i % 2 == 0:\n        continue\n    s = s * a[i] + y\nreturn s",
    "continue_while": "s, i = x, 0\nwhile i < 5:\n    i += 1\n    if i == n:\n        continue\n"
    "    s = s * y + i\nreturn s",
    "return_from_two_loops": "s = x\nfor i in range(4):\n    for j in range(4):\n        s = s * y + 0.3\n"
    "        if i * j == 2:\n            return s * x\nreturn s",
    "return_in_while_in_if": "s = x\nif n > 2:\n    while True:\n        s *= x\n        if s > 5.0:\n"
    "            return s * y\n"
    "return s",
    "return_in_else": "if x > 100.0:\n    return x\nelif y > 100.0:\n    return y\nelse:\n    return x * y * y",
    "return_before_anything": "if n == 3:\n    return x * x\ns = y\nfor v in a:\n    s *= v\nreturn s",
    "code_after_return": "return x * y\nx = 2.0\nreturn x",
    # branches and conditions
    "elif_": "if x > 5.0:\n    s = x\nelif x > 1.0:\n    s = x * x * y\nelif x > 0.5:\n    s = y\nelse:\n"
    "    s = 0.0\nreturn s",
    "conditional_expression": "s = x * x if x > 1.0 else y\nreturn s * (y if n == 2 else x)",
    "nested_conditional": "return x if y > 5.0 else y * x if y > 3.0 else x * x * y",
    "conditional_arrays": "b = a if x > 1.0 else k * 1.0\nreturn b[0] * b[1]",
    "and_or_not": "if x > 0.0 and not (y > 9.0 or n == 7):\n    return x * x * y\nreturn y",
    "short_circuit_index": "i, s = 0, x\nwhile i < 5 and a[i] > 0.0:\n    s *= a[i]\n    i += 1\nreturn s",
    "chained": "s = x\nif 0.0 < y < x < 9.0:\n    s *= y\nif 1 <= n < 3:\n    s *= x\nreturn s * (0 < n <= 3)",
    "is_none": "b = None\nif b is None:\n    return x * x\nreturn y",
    "in_tuple": "s = x\nfor i in range(5):\n    if i in (1, 3):\n        s *= a[i]\n    if i not in (0, 1, 2):\n"
    "        s += a[i]\nreturn s",
    "assigned_in_branch": "if n > 2:\n    t = x * x\nelse:\n    t = y\nreturn t * y",
    "assigned_in_branch_and_loop": "for i in range(n):\n    if i == 0:\n        t = x * y\n    else:\n"
    "        t = t * x\nreturn t",
    "assigned_in_loop": "for i in range(n):\n    t = a[i] * x\nreturn t * t",
    "empty_branch": "if x > 100.0:\n    pass\nelse:\n    x = x * y\nreturn x",
    # assignments
    "augmented": "s = x\ns += y\ns -= 0.5 * x\ns *= y\ns /= x\ns **= 2\ns %= 7.0\ns //= 0.25\nreturn s * x",
    "augmented_elements": "a[0] += x\na[1] -= y\na[2] *= x\na[3] /= y\na[4] **= 2\na[n] **= 2.5\nreturn a",
    "augmented_integers": "n += 1\nn *= 3\nn -= 2\nn //= 2\nn %= 4\nn <<= 3\nn >>= 1\nn |= 2\nn &= 7\nn ^= 1\n"
    "return x * n",
    "augmented_whole_array": "b = a.copy()\nb += x\nb *= a\nb -= 0.5\nb /= y\nreturn b",
    "swap": "x, y = y, x * y\nx, y = y, x\nreturn x * x * y",
    "swap_elements": "a[0], a[1] = a[1], a[0] * x\nreturn a",
    "rotation": "u, v, w = x, y, x * y\nfor i in range(4):\n    u, v, w = v, w, u * 0.5\nreturn u + v * w",
    "nested_unpacking": "(u, (v, w)), z = (x, (y, x * y)), 2.0\nreturn u * v * w * z",
    "starred_call": "p = (x, y)\nq = (*p, 2.0)\nreturn q[0] * max(*q) * q[1]",
    "chained_assignment": "u = v = x * y\nu *= 2.0\nreturn u * v",
    "annotated": "s: float = x * y\nt: float\nt = s * x\nreturn t",
    "walrus": "if (s := x * y) > 0.1:\n    return s * s\nreturn s",
    "int_becomes_float": "s = 0\nfor v in a:\n    s += v * x\nreturn s",
    "name_changes_meaning": "s = 2\ny *= s\ns = a\ny *= s[1]\ns = (x, y)\nreturn s[0] * s[1]",
    "parameter_rebound": "x = x * y\na = a * x\nn = n + 0.5\nreturn a[0] * n",
    # statements without a derivative
    "assert_": "assert n > 0\nassert x > 0.0, 'positive'\nreturn x * y",
    "pass_docstring": "'''A docstring.'''\npass\n...\nreturn x * y",
    "print_": "print('n', n, x, True)\nreturn x * y",
    "fstring": "label = f'{n} of {x}: {y}'\nprint(label)\nreturn x * y",
    "raise_": "if n < 0:\n    raise ValueError('negative')\nreturn x * y",
    "raise_in_loop": "s = x\nfor i in range(n):\n    if s > 1e9:\n        raise OverflowError\n    s *= y\nreturn s",
    # operators
    "floor_division": "return x // 0.3 * x + 7 // n * y + -7 // n * x",
    "modulo": "return x % 0.3 * y + y % x + -x % 0.4 + 7 % n * x + -7 % n * y",
    "powers": "return x**0 + x**1 + x**2 + x**n + x**-2 + x**y + 2.0**x + x**0.5 + n**x + 2**n * x",
    "power_of_negative_base": "return (-x) ** 2 + (-x) ** 3 + (-y) ** n + (-x) ** -1",
    "power_of_zero": "z = x - x\nreturn z**2 + z**1 * y + z**0 + x * z**3 + 0.0**2 * x",
    "unary": "return +x * -y - -x + (+y)",
    "bit_operators": "m = (n & 6) | (n ^ 5) << 2 >> 1\nreturn x * m + y * ~n",
    "bool_arithmetic": "return x * (x > 0.5) + True * y + (x > 9.0) * x",
    "int_division": "return x * (n / 2) + y * (7 / n)",
    "matmul_vectors": "return a @ a * x",
    "matmul_matrices": "m = a[:4].copy().reshape(2, 2)\nb = m @ m\nc = b @ a[:2]\nreturn c[0] * c[1] * x",
    # built-in functions
    "conversions": "return int(x * 2.0) * y + float(n) * x + float(x) * y + bool(n) * x + int(True) * y",
    "abs_": "return abs(x - 2.0 * y) + abs(-x) * y + abs(-n) * x",
    "min_max": "return min(x, y) * max(x, y, 1.0) + max(a) * min(a) + min(n, 2) * x + max((x, y)) * y",
    "sum_": "return sum(a) * x + sum((x, y, x * y)) * y + sum([x, y])",
    "round_": "return round(x) * y + round(x, 1) * x + round(2.5) * y + round(n) * x",
    "divmod_": "q, r = divmod(x, 0.3)\np, m = divmod(17, n)\nreturn q * r * x + p * x + m * y",
    "pow_": "return pow(x, 2) + pow(x, y) + pow(n, 2) * x",
    "len_": "return x * len(a) + y * len((x, y, n)) + x * len('text')",
    # functions
    "lambda_": "f = lambda u, v=2.0: u * u * v * x\nreturn f(y) + f(x, v=y) + (lambda u: u * y)(x)",
    "inner_function": "def g(u, v=2.0, *, w=1.0):\n    if u > v:\n        return u * x\n    return v * u * w\n"
    "return g(x) + g(y, v=x, w=y) + g(3.0)",
    "inner_function_sees_later_values": "def g(u):\n    return u * t\nt = x * y\nr = g(x)\nt = y\nreturn r * g(y)",
    "function_of_functions": "def twice(f, u):\n    return f(f(u))\n"
    "return twice(lambda u: u * x + y, x) * twice(math.sin, y)",
    "several_results": "def g(u):\n    return u * u, (u, a[0] * u)\np, (q, r) = g(x)\nreturn p * q * r + g(y)[1][1]",
    "varargs": "def g(u, *rest):\n    return u * rest[0] * len(rest)\nreturn g(x, y, x) + g(y, x)",
    # arrays
    "creation": "b = np.zeros(3)\nc = np.ones((2, 2))\nd = np.full(2, x)\ne = np.empty(2)\ne[0] = y\ne[1] = x\n"
    "b[1] = c[0, 1] * d[1] * e[0]\nreturn b[1] * e[1] + b[0]",
    "creation_like": "b = np.zeros_like(a)\nc = np.ones_like(a)\nd = np.full_like(a, x)\ne = np.empty_like(a)\n"
    "for i in range(5):\n    e[i] = b[i] + c[i] * d[i] * a[i]\nreturn e",
    "creation_of_values": "b = np.array([x, y, x * y])\nc = np.arange(3.0)\nd = np.linspace(x, y, 4)\n"
    "e = np.arange(n)\n"
    "f = np.copy(a)\nf[0] *= x\nreturn b[0] * b[2] + c[2] * d[1] * d[3] + e[2] * x + f[0] * a[0]",
    "arange_of_floats": "b = np.arange(0.0, 2.0, 0.5)\nreturn x * b[3] * x + b.shape[0] * y",
    "slices": "b = a[1:4] * x\nc = a[::-2]\nd = a[-3:]\nreturn b[0] * c[1] + d[0] * b[-1]",
    "slice_writes": "a[1:3] = x\na[3:] = a[:2] * y\na[:2] += a[3:]\nreturn a",
    "slice_write_overlap": "a[1:] = a[:-1] * x\nreturn a",
    "negative_indices": "a[-1] = a[-2] * x\na[-n] *= y\nreturn a[-1] * a[2]",
    "matrix": "m = np.zeros((3, 4))\nfor i in range(3):\n    for j in range(4):\n        m[i, j] = a[i] * a[j] * x\n"
    "m[1] = m[0] * y\nm[:, 2] += m[:, 1]\nreturn m[1, 2] * m[-1, -1] + m[2][2]",
    "row_views": "m = np.zeros((3, 2))\nfor i in range(3):\n    row = m[i]\n    row[0] = a[i] * x\n"
    "    row[1] = row[0] * y\n"
    "return m",
    "view_of_view": "v = a[1:][::2]\nv[0] = x * a[1]\nv[1] *= y\nreturn a",
    "transpose": "m = np.ones((2, 3))\nt = m.T\nt[2, 0] = x\nt[1, 1] *= y\nreturn m[0, 2] * m[1, 1] + t.shape[0] * x",
    "reshape_ravel": "m = a[:4].copy().reshape(2, 2)\nm[1, 0] = x\nf = m.ravel()\nf[0] *= y\n"
    "return m[0, 0] * f[2] * m[1, 1]",
    "buffer_swap": "u, v = a.copy(), np.empty_like(a)\nfor t in range(n):\n    for i in range(5):\n"
    "        v[i] = u[i] * u[i - 1] + x\n    u, v = v, u\nreturn u[0] * v[1]",
    "reallocated": "b = np.ones(1)\nfor t in range(1, 4):\n    c = np.empty(t + 1)\n    for i in range(t + 1):\n"
    "        c[i] = b[i % t] * a[i] + x\n    b = c\nreturn b[0] * b[3]",
    "indirect": "for j in range(4):\n    a[k[j]] += x * a[j] * a[k[j]]\nreturn a",
    "shape_size_ndim": "s = 0.0\nm, = a.shape\nfor i in range(a.size // a.ndim):\n    s += a[i] * m * x\nreturn s",
    "returns_tuple": "a[0] *= x\nreturn a, x * y, (n, a[1:3])",
    # lists, random numbers
    "list_of_scalars": "v = [x, y]\nv.append(x * y)\nv[0] = v[1] * v[2]\ns = 0.0\nfor u in v:\n    s += u * u\n"
    "return s + len(v) * v[-1]",
    "list_grown": "v = [1.0]\nfor i in range(4):\n    v.append(v[i] * a[i] + x)\nreturn v[4] * v[2]",
}


def function_of(body, define):
    text = "def f(x, y, a, n, k):\n" + textwrap.indent(body, "    ") + "\n"
    return define(text, "f", prange=range)


def arguments():
    return 1.3, 0.7, np.array([1.1, 0.8, 1.2, 0.9, 1.05]), 3, np.array([2, 0, 2, 1])


@pytest.mark.parametrize("name", PROGRAMS)
def test_construct(name, define, rng):
    check_all_laws(function_of(PROGRAMS[name], define), arguments(), rng)


COMPILED = [
    "range_step_of_unknown_sign", "over_enumerate_zip", "for_else_break", "return_from_two_loops", "raise_in_loop",
    "augmented_integers", "inner_function", "view_of_view", "list_grown", "fstring", "buffer_swap", "powers",
]  # fmt: skip


@pytest.mark.parametrize("name", COMPILED)
def test_construct_compiled(name, define):
    """Constructs that the back ends spell differently, or that Numba may refuse."""
    function, args = function_of(PROGRAMS[name], define), arguments()
    one, two = (sg.vjp(sg.differentiable(function, target=t), *args) for t in ("python", "cpu"))
    seed = np.ones_like(one[0]) if isinstance(one[0], np.ndarray) else 1.0
    np.testing.assert_allclose(two[0], one[0], rtol=1e-12)
    for first, second in zip(one[1](seed), two[1](seed), strict=True):
        if first is not None:
            np.testing.assert_allclose(second, first, rtol=1e-11)


@pytest.mark.parametrize("target", ["python", "cpu"])
def test_assert_and_raise(target, define):
    f = sg.differentiable(
        define("def f(x):\n    assert x < 9.0, 'too large'\n    if x < 0.0:\n        raise ValueError('negative')\n"
               "    return x * x\n", "f"), target=target,
    )  # fmt: skip
    assert f.grad(3.0) == 6.0
    for call in (f, f.grad, lambda x: sg.vjp(f, x), lambda x: sg.jvp(f, (x,), (1.0,))):
        with pytest.raises(AssertionError, match="too large"):
            call(10.0)
        with pytest.raises(ValueError, match="negative"):
            call(-1.0)


def test_print_happens_once(capsys, define):
    f = sg.differentiable(define(
        "def f(x):\n    s = x\n    for i in range(2):\n        print('i', i, s)\n        s = s * s\n    return s\n", "f"
    ), target="python")  # fmt: skip
    f(3.0)
    expected = capsys.readouterr().out
    assert expected == "i 0 3.0\ni 1 9.0\n"
    f.value_and_grad(3.0)
    assert capsys.readouterr().out == expected
    _, pullback = sg.vjp(f, 3.0)
    pullback(1.0)
    pullback(1.0)
    assert capsys.readouterr().out == expected
    sg.jvp(f, (3.0,), (1.0,))
    assert capsys.readouterr().out == expected
