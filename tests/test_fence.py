"""What Tangent's fence refuses, and more: each construct works, or is refused at its line with something to do instead.

`REFUSED` maps a construct to a function and the lines of its problems; `SUPPORTED` names where the others are tested.
"""

import os
import textwrap
import time
import zlib

import numpy as np
import pytest

import srcgrad as sg

from .test_language import PROGRAMS

# What tangent/fence.py of Tangent refuses, and which programs of test_language.py show that it works here.
SUPPORTED = {
    "f-string": "fstring",
    "starred in a call or display": "starred_call",
    "unary plus": "unary",
    "not": "and_or_not",
    "invert": "bit_operators",
    "floor division": "floor_division",
    "shifts and bit operators": "augmented_integers",
    "matrix product": "matmul_matrices",
    "in and not in": "in_tuple",
    "conditional expression": "conditional_expression",
    "annotated assignment": "annotated",
    "for-else": "for_else",
    "continue": "continue_",
    "break": "break_",
    "lambda": "lambda_",
    "closure": "inner_function",
    "while-else": "while_else",
}

REFUSED = {
    # Tangent's fence
    "bytes": ("s = b'text'\nreturn x", [2]),
    "set": ("s = {1, 2}\nreturn x * len(s)", [2]),
    "del": ("s = x\ndel s\nreturn x", [3]),
    "starred target": ("u, *v = (x, x, x)\nreturn u", [2]),
    "set comprehension": ("s = {i for i in range(3)}\nreturn x", [2]),
    "dict comprehension": ("s = {i: x for i in range(3)}\nreturn x", [2]),
    "generator expression": ("return x * sum(v for v in a)", [2]),
    "list comprehension": ("b = [v * x for v in a]\nreturn b[0]", [2]),
    "import": ("import os\nreturn x", [2]),
    "from import": ("from math import sin\nreturn sin(x)", [2]),
    "try except": ("try:\n    s = x\nexcept ValueError:\n    s = 0.0\nreturn s", [2]),
    "try finally": ("s = x\ntry:\n    s = x * x\nfinally:\n    s = x\nreturn s", [3]),
    "yield": ("yield x", [2]),
    "yield from": ("yield from a", [2]),
    "global": ("global G\nG = x\nreturn x", [2]),
    "nonlocal": ("s = x\ndef g():\n    nonlocal s\n    s = 2.0\ng()\nreturn s", [4]),
    "class": ("class C:\n    pass\nreturn x", [2]),
    "with": ("with np.errstate(all='ignore'):\n    s = x / 2.0\nreturn s", [2]),
    # and others
    "dict": ("d = {'a': x}\nreturn d['a']", [2]),
    "match": ("match n:\n    case 1:\n        return x\nreturn x * x", [2]),
    "complex": ("z = 1j * x\nreturn x", [2]),
    "async function": ("async def g():\n    return x\nreturn x", [2]),
    "or of numbers": ("c = n or 5\nreturn x * c", [2]),
    "in an array": ("return x * (2.0 in a)", [2]),
    "print with sep": ("print(n, x, sep=', ')\nreturn x", [2]),
    "format specifier": ("s = f'{x:.3f}'\nreturn x", [2]),
    "function chosen at run time": ("f = math.sin if n == 3 else math.cos\nreturn f(x)", [2]),
    "isinstance": ("if isinstance(x, float):\n    return x\nreturn x * x", [2]),
    "unknown name": ("s = x\nreturn s * missing", [3]),
    "unknown attribute": ("return np.nonsense(x)", [2]),
    "unknown method": ("return a.nonsense() * x", [2]),
    "name without a value": ("s = x\nif x > 0.0:\n    s = t\nreturn s", [4]),
    "name deleted by a type": ("if n == 3:\n    s = x\nelse:\n    s = a\nreturn s * 2.0", [6]),
    "open": ("open('file')\nreturn x", [2]),
    "exec": ("exec('s = 1')\nreturn x", [2]),
    "string method": ("s = 'a'.upper()\nreturn x", [2]),
    "fancy index of a tuple": ("t = (x, 'a', n)\nreturn t[n - 3] * x", [3]),
    "recursion": ("def g(m):\n    return x * g(m - 1) if m > 0 else 1.0\nreturn g(n)", None),
    "object": ("s = object()\nreturn x", [2]),
    "wrong number of arguments": ("def g(u):\n    return u\nreturn g(x, x)", [4]),
    "unpacking of another length": ("u, v = (x, x, x)\nreturn u", [2]),
    "several at once": ("d = {}\ns = x\nwith open('f'):\n    pass\ndel s\nimport os\nreturn x", [2, 4, 6, 7]),
    "several of later stages": ("s = a.nonsense()\nt = np.nonsense(x)\nu = missing\nreturn s + t + u", [2, 3, 4]),
    "async for and await": ("async def g():\n    await x\nreturn x", [2]),
}


def function_of(body, define):
    return define("def f(x, a, n):\n" + textwrap.indent(body, "    ") + "\n", "f")


def arguments():
    return 1.3, np.array([0.5, 1.5]), 3


@pytest.mark.parametrize("name", SUPPORTED)
def test_supported(name):
    assert SUPPORTED[name] in PROGRAMS


@pytest.mark.parametrize("name", REFUSED)
def test_refused_at_its_line(name, define):
    body, lines = REFUSED[name]
    function = function_of(body, define)
    f = sg.differentiable(function, target="python")
    messages = []
    for call in (f, f.grad, lambda *args: sg.vjp(f, *args), lambda *args: f.source("adjoint", *args)):
        with pytest.raises(sg.UnsupportedError) as info:
            call(*arguments())
        problems = info.value.problems
        assert all(p.hint for p in problems), info.value
        assert all(p.at is not None and p.at.text() for p in problems), info.value
        assert lines is None or [p.at.line for p in problems] == lines, info.value
        messages.append(str(info.value))
    assert len(set(messages)) == 1
    assert "^" in messages[0]
    assert function.__code__.co_filename in messages[0]


@pytest.mark.parametrize("kind", ["async", "generator"])
def test_function_that_is_no_plain_function_is_refused(kind, define):
    text = "async def f(x):\n    return x\n" if kind == "async" else "def f(x):\n    yield x\n"
    with pytest.raises(sg.SrcgradError, match=kind):
        sg.grad(define(text, "f"))(1.0)


@pytest.mark.parametrize("value", ["x * x", "7", "x > 0.0", "a", "np.zeros(2)", "np.arange(2)"])
def test_name_that_one_path_does_not_bind(value, define):
    """Right on the path that binds it; on the other an error or NaN, never a number that means something."""
    use = "s[0]" if value[0] in "an" else "s"
    text = f"def f(x, a, n):\n    if n > 2:\n        s = {value}\n    return {use} * x * x\n"
    f, a = define(text, "f"), np.array([3.0, 4.0])
    g = sg.differentiable(f, target="python")
    assert g(2.0, a, 3) == f(2.0, a, 3)
    for call in (g, g.grad, lambda *args: sg.vjp(g, *args)[0], lambda *args: sg.jvp(g, args, (1.0, a, None))[1]):
        assert np.isnan(result_or_nan(call, 2.0, a, 1))


def result_or_nan(call, *args):
    try:
        return call(*args)
    except (UnboundLocalError, IndexError, sg.UnsupportedError):
        return np.nan


def test_recursion_is_refused_clearly(define):
    direct = define("def f(x, n):\n    if n == 0:\n        return 1.0\n    return x * f(x, n - 1)\n", "f")
    mutual = define(
        "def f(x, n):\n    return x if n == 0 else g(x, n - 1)\ndef g(x, n):\n    return x * f(x, n - 1)\n", "f"
    )
    for function in (direct, mutual):
        with pytest.raises(sg.UnsupportedError, match="recurs"):
            sg.grad(sg.differentiable(function, target="python"))(1.0, 3)


def test_problem_in_a_helper_is_reported_in_the_helper(define):
    helper = define("def helper(x):\n    y = x\n    return {y: 1}\n", "helper")
    f = define("def f(x):\n    return helper(x)\n", "f", helper=helper)
    with pytest.raises(sg.UnsupportedError) as info:
        sg.grad(f)(1.0)
    (problem,) = info.value.problems
    assert problem.at.line == 3
    assert problem.at.filename == helper.__code__.co_filename


@pytest.mark.parametrize("thing", ["os.getpid()", "time.time()", "np.linalg.eig(a)[0][0]", "zlib.crc32(b)"], ids=str)
def test_library_calls_without_a_rule_are_refused_at_the_call(thing, define):
    f = define(f"def f(x, a, b):\n    s = x\n    return s * {thing}\n", "f", os=os, time=time, zlib=zlib)
    with pytest.raises(sg.UnsupportedError) as info:
        sg.grad(sg.differentiable(f, target="python"))(1.0, np.eye(2), None)
    assert {(p.at.filename, p.at.line) for p in info.value.problems} == {(f.__code__.co_filename, 3)}


def test_error_before_the_first_call_is_no_error():
    """Refusals depend on argument types, so decorating never fails, and other types may work."""

    @sg.differentiable(target="python")
    def f(x, kind):
        if kind == "bad":
            return x.nonsense
        return x * x

    assert f.grad(3.0, "good") == 6.0
    with pytest.raises(sg.UnsupportedError):
        f(3.0, "bad")
    assert f.grad(3.0, "good") == 6.0
