"""The table of derivative rules, each rule checked where it is smooth, and at its kinks as docs/rules.md says.

No derivative is written down here: partials are compared with central differences, second derivatives with central
differences of the first. A rule without an entry in `POINTS` fails.
"""

import math

import numpy as np
import pytest
from scipy import special

import srcgrad as sg
from srcgrad.ir.nodes import STRONG
from srcgrad.rules import PRIMITIVES, RULES
from srcgrad.rules.special import SCIPY

# Points where a primitive is smooth, and within its domain by a margin.
ANY = [(-1.3,), (0.4,), (2.1,)]
POSITIVE = [(0.3,), (1.7,), (12.5,)]
UNIT = [(-0.8,), (0.1,), (0.6,)]
ABOVE_ONE = [(1.2,), (3.4,)]
PAIRS = [(0.7, 1.9), (-1.4, 0.6), (2.3, -1.1)]
POINTS = {
    "np.log": POSITIVE,
    "np.log2": POSITIVE,
    "np.log10": POSITIVE,
    "np.log1p": [(-0.4,), (0.2,), (5.0,)],
    "np.sqrt": POSITIVE,
    "np.cbrt": ANY,
    "np.reciprocal": ANY,
    "np.arcsin": UNIT,
    "np.arccos": UNIT,
    "np.arctanh": UNIT,
    "np.arccosh": ABOVE_ONE,
    "math.gamma": [(0.7,), (3.3,), (-1.6,)],
    "math.lgamma": [(0.7,), (3.3,), (-1.6,)],
    "special.xlogy": [(0.7, 1.9), (-1.4, 0.6)],
    "special.xlog1py": [(0.7, 1.9), (-1.4, -0.6)],
    "special.erfinv": UNIT,
    "special.ndtri": [(0.1,), (0.5,), (0.8,)],
    "polygamma": [],  # of generated code only: the second derivatives of lgamma and gamma
    "**": [(0.7, 1.9), (2.3, -1.1), (1.2, 0.4)],
    "%": [(0.7, 1.9), (-1.4, 0.6), (5.3, -1.7)],
    "np.fmod": [(0.7, 1.9), (-1.4, 0.6), (5.3, -1.7)],
    "where": [],  # its first argument is a bool: test_where
    "//": [(0.7, 1.9), (-1.4, 0.6), (5.3, -1.7)],
    "math.gcd": [],
    "stop_gradient": [],  # it is no function with a zero derivative: tests/test_custom.py
}
INTEGERS = ("&", "|", "^", "<<", ">>", "~", "math.gcd")
SPELLED = {op: function for function, op in reversed(PRIMITIVES.items())}
INFIX = {"+", "-", "*", "/", "**", "%", "//", "<", "<=", ">", ">=", "==", "!="}
PREFIX = {"neg": "-", "pos": "+", "not": "not "}
LIBRARIES = {"np": np, "math": math, "special": special}


def points(op):
    return POINTS.get(op, ANY if RULES[op].arity == 1 else PAIRS)


def call_of(op, names):
    """The expression `op(*names)` as a user writes it."""
    if op in INFIX:
        return f" {op} ".join(names)
    if op in PREFIX:
        return PREFIX[op] + names[0]
    return f"{op}({', '.join(names)})"


@pytest.fixture
def function(define):
    """A function of one argument for each argument of a primitive, that returns it times something else."""

    def make(op, scale=" * 1.5"):
        names = ["x", "y", "z"][: RULES[op].arity]
        text = f"def f({', '.join(names)}):\n    return ({call_of(op, names)}){scale}\n"
        return sg.differentiable(define(text, "f", **LIBRARIES), target="python")

    return make


FLOAT_RULES = [op for op in RULES if op not in (*INTEGERS, *STRONG)]
SMOOTH = [op for op in FLOAT_RULES if RULES[op].partials is not None and points(op)]
CONSTANT = [op for op in FLOAT_RULES if RULES[op].partials is None and points(op)]


def difference(f, args, k, step=2e-4):
    """The partial derivative by `args[k]`, by central differences extrapolated to fourth order."""

    def quotient(h):
        above, below = (f(*(a + s * h * (j == k) for j, a in enumerate(args))) for s in (1.0, -1.0))
        return (above - below) / (2.0 * h)

    return (4.0 * quotient(step / 2.0) - quotient(step)) / 3.0


def gradient(f, args):
    return sg.grad(f, argnums=tuple(range(len(args))))(*args)


def unit(args, k):
    return tuple(float(j == k) for j in range(len(args)))


@pytest.mark.parametrize("op", SMOOTH)
def test_partials_against_differences(op, function):
    f = function(op)
    for args in points(op):
        for k, partial in enumerate(gradient(f, args)):
            assert partial == pytest.approx(difference(f.py_func, args, k), rel=1e-8, abs=1e-9), (args, k)


@pytest.mark.parametrize("op", SMOOTH)
def test_forward_agrees_with_reverse(op, function):
    f = function(op)
    for args in points(op):
        value, partials = sg.value_and_grad(f, argnums=tuple(range(len(args))))(*args)
        assert value == pytest.approx(f.py_func(*args), rel=1e-14)
        for k, partial in enumerate(partials):
            y, dy = sg.jvp(f, args, unit(args, k))
            assert y == value
            assert dy == pytest.approx(partial, rel=1e-13, abs=1e-15), (args, k)


@pytest.mark.parametrize("op", SMOOTH)
def test_second_derivatives_against_differences(op, function):
    f = function(op)
    for args in points(op):
        for j in range(len(args)):
            first = sg.grad(f, argnums=j)
            second = sg.grad(first, argnums=tuple(range(len(args))))(*args)
            for k, partial in enumerate(second):
                expected = difference(first, args, k)
                assert partial == pytest.approx(expected, rel=1e-7, abs=1e-8), (args, j, k)
                assert sg.jvp(first, args, unit(args, k))[1] == pytest.approx(partial, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("op", SMOOTH)
def test_float32_stays_float32(op, function):
    """Value, gradient and tangent; and the gradient is that of float64 to single precision."""
    f = function(op)
    for args in points(op):
        single = tuple(np.float32(a) for a in args)
        value, partials = sg.value_and_grad(f, argnums=tuple(range(len(args))))(*single)
        assert isinstance(value, np.float32)
        for k, (partial, expected) in enumerate(zip(partials, gradient(f, tuple(map(float, single))), strict=True)):
            assert isinstance(partial, np.float32)
            assert partial == pytest.approx(expected, rel=1e-4, abs=1e-5), (args, k)
            assert isinstance(sg.jvp(f, single, tuple(map(np.float32, unit(args, k))))[1], np.float32)


def test_float32_is_computed_in_float32(function):
    """Nothing on the way is double precision: generated text of a float32 function has no plain literal."""
    for op in ("-", "*", "/", "np.tanh", "np.sqrt", "np.arctan2", "max"):
        f = function(op)
        single = (np.float32(0.7), np.float32(1.9))[: RULES[op].arity]
        text = f.source("adjoint", *single, argnums=tuple(range(len(single))))
        literals = [w for w in text.replace("(", " ").replace(")", " ").split() if w[:1].isdigit() and "." in w]
        assert len(literals) == text.count("np.float32("), text


@pytest.mark.parametrize("op", CONSTANT)
def test_piecewise_constant(op, function):
    """The derivative is zero, not missing; of a float result also through float arithmetic."""
    f = function(op, scale=" * 1.5 + 0.0 * x" if RULES[op].result != "bool" else " + x * 0.0")
    for args in points(op):
        assert gradient(f, args) == tuple(0.0 for _ in args)
        assert sg.jvp(f, args, tuple(1.0 for _ in args))[1] == 0.0


@pytest.mark.parametrize("op", sorted(set(PRIMITIVES.values())))
def test_every_spelling_has_a_rule(op):
    assert op in RULES


def test_every_rule_can_be_written_by_users():
    assert set(RULES) - set(SPELLED) - set(SCIPY.values()) == {"where", "round", *STRONG}  # not spelled


INTERNAL = "srcgrad.rules.special"  # functions that only rules call
SPELLINGS = [(f, op) for f, op in PRIMITIVES.items() if getattr(f, "__module__", "") != INTERNAL]
SPELLINGS += [(getattr(special, name), op) for name, op in SCIPY.items() if name != "polygamma"]


@pytest.mark.parametrize(("function", "op"), SPELLINGS)
def test_every_spelling_is_the_same_function(function, op, define):
    """Calls by any of its names give the value that Python gives."""
    whole = op in INTEGERS or getattr(function, "__name__", "") == "gcd"
    args = [(6, 4), (5, 2)] if whole else points(op) or [(1.2,)]
    names = "xy"[: RULES[op].arity]
    f = define(f"def f({', '.join(names)}):\n    return g({', '.join(names)})\n", "f", g=function)
    for point in args:
        point = point[: RULES[op].arity]
        assert sg.differentiable(f, target="python")(*point) == pytest.approx(float(function(*point)), rel=1e-14)


def test_polygamma_of_scipy(define):
    f = define("def f(x):\n    return special.polygamma(1, x)\n", "f", special=special)
    f = sg.differentiable(f, target="python")
    for x in (0.6, 2.5):
        assert f(x) == pytest.approx(float(special.polygamma(1, x)), rel=1e-12)
        assert f.grad(x) == pytest.approx(float(special.polygamma(2, x)), rel=1e-12)


def test_where(define):
    f = define("def f(x, y, c):\n    return np.where(c > 0.0, x * x, y * y * y)\n", "f")
    for c, expected in ((1.0, (3.0, 0.0, 0.0)), (-1.0, (0.0, 12.0, 0.0))):
        assert gradient(sg.differentiable(f, target="python"), (1.5, 2.0, c)) == expected


def test_polygamma_through_higher_derivatives_of_lgamma():
    """The recurrence psi(x + 1) = psi(x) + 1 / x, differentiated three times."""
    lgamma = sg.differentiable(lambda x: 1.0 * math.lgamma(x), target="python")
    shifted = sg.differentiable(lambda x: math.lgamma(x + 1.0) - math.log(x), target="python")
    for _ in range(4):
        lgamma, shifted = sg.grad(lgamma), sg.grad(shifted)
        for x in (0.6, 2.5, 20.0):
            assert lgamma(x) == pytest.approx(shifted(x), rel=1e-10)


# -- ties, kinks and singularities ---------------------------------------------------------------------------------

# Expression, point, and the gradient there, as in the table of docs/rules.md.
CHOICES = [
    ("max(x, y)", (2.0, 2.0), (0.5, 0.5)),
    ("min(x, y)", (2.0, 2.0), (0.5, 0.5)),
    ("np.maximum(x, y)", (2.0, 2.0), (0.5, 0.5)),
    ("np.minimum(x, y)", (2.0, 2.0), (0.5, 0.5)),
    ("max(x, 0.0)", (0.0,), (0.5,)),
    ("max(x, y, x)", (2.0, 2.0), (0.75, 0.25)),
    ("abs(x)", (0.0,), (0.0,)),
    ("math.fabs(x)", (0.0,), (0.0,)),
    ("np.sign(x) * x", (0.0,), (0.0,)),
    ("math.copysign(x, y)", (1.5, -2.0), (-1.0, 0.0)),
    ("math.copysign(x, y)", (0.0, 2.0), (0.0, 0.0)),
    ("math.floor(x) * 1.0", (2.0,), (0.0,)),
    ("np.ceil(x)", (2.0,), (0.0,)),
    ("round(x) * 1.0", (2.5,), (0.0,)),
    ("x // y", (4.0, 2.0), (0.0, 0.0)),
    ("x % y", (4.0, 2.0), (1.0, -2.0)),
    ("math.fmod(x, y)", (-5.0, 2.0), (1.0, 2.0)),
    ("x ** 0", (0.0,), (0.0,)),
    ("x ** 0.0", (0.0,), (0.0,)),
    ("x ** y", (0.0, 0.0), (0.0, 0.0)),
    ("x ** 1", (0.0,), (1.0,)),
    ("x ** 2", (0.0,), (0.0,)),
    ("x ** 2.0", (-3.0,), (-6.0,)),
    ("x ** 3", (-2.0,), (12.0,)),
    ("x ** y", (0.0, 2.0), (0.0, 0.0)),
    ("x ** y", (-2.0, 2.0), (-4.0, 0.0)),
    ("x ** 0.5", (0.0,), (math.inf,)),
    ("np.sqrt(x)", (0.0,), (math.inf,)),
    ("np.cbrt(x)", (0.0,), (math.inf,)),
    ("np.log(x)", (0.0,), (math.inf,)),
    ("1.0 / x", (0.0,), (-math.inf,)),
    ("np.arcsin(x)", (1.0,), (math.inf,)),
    ("np.arctan2(x, y)", (0.0, 0.0), (math.nan, math.nan)),
    ("np.hypot(x, y)", (0.0, 0.0), (math.nan, math.nan)),
    ("np.log1p(x)", (-1.0,), (math.inf,)),
    ("np.arccos(x)", (1.0,), (-math.inf,)),
    ("np.arctanh(x)", (1.0,), (math.inf,)),
    ("np.arccosh(x)", (1.0,), (math.inf,)),
    ("x ** y", (0.0, 0.5), (math.inf, 0.0)),
    ("x ** y", (0.0, 1.0), (1.0, 0.0)),
    ("np.heaviside(x, 0.5)", (0.0,), (0.0,)),
    ("int(x) * 1.0", (2.0,), (0.0,)),
    ("np.max(np.array([x, y, x]))", (2.0, 2.0), (1.0, 0.0)),
    ("np.min(np.array([y, x, x]))", (2.0, 2.0), (0.0, 1.0)),
    ("np.array([y, x]).max()", (2.0, 2.0), (0.0, 1.0)),
    ("np.max(np.array([[y, x]]), axis=1)[0]", (2.0, 2.0), (0.0, 1.0)),
    ("max(np.array([y, x]))", (2.0, 2.0), (0.0, 1.0)),
    ("np.maximum.reduce(np.array([y, x]))", (2.0, 2.0), (0.0, 1.0)),
    ("np.maximum.accumulate(np.array([y, x]))[1]", (2.0, 2.0), (0.0, 1.0)),
    ("np.maximum(np.array([x]), np.array([y]))[0]", (2.0, 2.0), (0.5, 0.5)),
    ("np.nanmax(np.array([x, math.nan, y]))", (2.0, 2.0), (1.0, 0.0)),
    ("np.ptp(np.array([x, y]))", (2.0, 2.0), (0.0, 0.0)),
    ("np.linalg.norm(np.array([x, -y]), np.inf)", (2.0, 2.0), (1.0, 0.0)),
    ("np.linalg.norm(np.array([x, y]), 1)", (0.0, 2.0), (0.0, 1.0)),
    ("np.sort(np.array([x, y]))[0]", (2.0, 2.0), (1.0, 0.0)),
    ("np.median(np.array([x, y, y]))", (2.0, 2.0), (0.0, 1.0)),
    ("np.unique(np.array([x, y]))[0]", (2.0, 2.0), (1.0, 0.0)),
    ("np.clip(x, 0.0, 1.0)", (0.0,), (0.5,)),
    ("np.clip(x, 0.0, 1.0)", (1.0,), (0.5,)),
    ("np.interp(x, np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 3.0]))", (1.0,), (2.0,)),
    ("np.prod(np.array([x, y]))", (0.0, 2.0), (2.0, 0.0)),
    ("np.cumprod(np.array([x, y]))[1]", (0.0, 0.0), (0.0, 0.0)),
    ("np.nan_to_num(x * 1.0)", (math.inf,), (0.0,)),
    ("np.linalg.eigvalsh(np.array([[x, 0.0], [0.0, y]]))[0]", (2.0, 2.0), (1.0, 0.0)),
    ("np.where(x > 0.0, x, 2.0 * x)", (0.0,), (2.0,)),
    ("x if x > 0.0 else 2.0 * x", (0.0,), (2.0,)),
]


@pytest.mark.parametrize(("expression", "point", "expected"), CHOICES, ids=str)
def test_choice(expression, point, expected, define):
    f = define(f"def f({', '.join('xy'[: len(point)])}):\n    return {expression}\n", "f")
    f = sg.differentiable(f, target="python")
    np.testing.assert_array_equal(gradient(f, point), expected)
    for k, partial in enumerate(expected):
        np.testing.assert_array_equal(sg.jvp(f, point, unit(point, k))[1], partial)


@pytest.mark.parametrize(
    "expression",
    [
        "np.sqrt(x) if x > 0.0 else x",
        "np.where(x > 0.0, np.sqrt(x), x)",
        "np.where(x > 0.0, x * np.log(x), x)",
        "np.where(x > 0.0, 1.0 / x, x)",
        "np.where(x > 0.0, x ** 0.5, x)",
        "np.where(x > 0.0, np.arctan2(x, 0.0 * x), x)",
        "max(np.sqrt(x), 1.0) + x",
        "np.where(x > 0.0, math.lgamma(x), x)",
        "np.where(x > 0.0, 1.0 / (x * x), x)",
        "np.where(x > 0.0, np.log(x) * np.sin(1.0 / x), x)",
    ],
)
def test_strong_zeros(expression, define):
    """What is not chosen contributes zero, also where its derivative is infinite or undefined."""
    f = sg.differentiable(define(f"def f(x):\n    return {expression}\n", "f"), target="python")
    assert f.grad(0.0) == 1.0
    assert sg.vjp(f, 0.0)[1](2.0) == (2.0,)
    assert sg.jvp(f, (0.0,), (1.0,))[1] == 1.0


@pytest.mark.parametrize(
    "body",
    [
        "return x * 1.0",
        "return 1.0 * x",
        "return np.where(True, x, 2.0)",
        "return x if x > 0.0 else x",
        "return math.sin(x) * 1.0 if x < 9.0 else 0.0",
        "y = x\n    for i in range(3):\n        y = y * 1.0\n    return y",
        "for i in range(3):\n        x = 1.0 * x\n    return x, 2.0",
    ],
)
def test_what_simplifies_away_keeps_its_derivative(body, define):
    """A result that turns out to be an argument, or a value computed earlier."""
    f = define(f"def f(x):\n    {body}\n", "f")
    g = sg.differentiable(f, target="python")
    aux = isinstance(f(0.7), tuple)
    gradient = sg.grad(g, has_aux=aux)(0.7)
    expected = sg.jvp(g, (0.7,), (1.0,))[1]
    assert gradient == ((expected[0], 2.0) if aux else expected)
    assert (gradient[0] if aux else gradient) != 0.0
