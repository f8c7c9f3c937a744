"""Expressions over whole arrays: a table of forms, and how one is drawn that fits into a given shape."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from tests.random_programs.expressions import atom, constant, element
from tests.random_programs.scope import Scope, Var, statement

from .shapes import Shape, broadcast, fits, known

LONGEST_TEXT = 150
ARRAY_STATEMENTS: set[str] = set()


@dataclass(frozen=True)
class Part:
    """An expression, with what is known about its value."""

    text: str
    shape: Shape
    contiguous: bool = True  # surely in C order
    single: bool = False  # perhaps in single precision


Form = Callable[[Scope, Shape | None, int], Part | None]
FORMS: dict[str, tuple[float, Form]] = {}


def form(name: str, weight: float = 1.0) -> Callable[[Form], Form]:
    """Register a form: it takes the shape that the result must fit into and a depth; None where nothing fits."""

    def register(function: Form) -> Form:
        FORMS[name] = (weight, function)
        return function

    return register


def array_statement(name: str, weight: float = 1.0) -> Callable:
    """Register a statement on whole arrays."""
    ARRAY_STATEMENTS.add(name)
    return statement(name, weight)


# -- text --------------------------------------------------------------------------------------
def operand(text: str) -> str:
    """The text with parentheses, unless it is a name, a call, an element or an unsigned number."""
    node = ast.parse(text, mode="eval").body
    return text if isinstance(node, (ast.Name, ast.Call, ast.Subscript, ast.Attribute, ast.Constant)) else f"({text})"


def combine(text: str, *parts: Part, shape: Shape | None = None) -> Part | None:
    """An elementwise expression over parts; None where their shapes do not fit."""
    shape = broadcast(*(p.shape for p in parts)) if shape is None else shape
    if shape is None:
        return None
    return Part(text, shape, all(p.contiguous for p in parts), any(p.single for p in parts))


# -- names -------------------------------------------------------------------------------------
def tensors(scope: Scope, test: Callable[[Var], bool] = lambda var: True) -> list[str]:
    """Arrays of floats of any rank and precision that may be aliased and written."""
    return scope.names("array", "single", test=lambda v: not v.frozen and test(v))


def named(scope: Scope, name: str) -> Part:
    """An array, or a number, by its name."""
    var = scope.env[name]
    return Part(name, var.shape, var.contiguous, var.kind == "single")


def pick(scope: Scope, names: list[str]) -> str:
    """One of these names, the later ones more often."""
    return scope.rng.choices(names, [2.0 + number for number in range(len(names))])[0]


def bind(scope: Scope, part: Part, name: str | None = None) -> str:
    """Bind a new name, or this one, to the value of an expression; the name."""
    kind = "single" if part.single else "array"
    if name is None:
        name = scope.new("v" if part.shape else "x")
    scope.emit(f"{name} = {part.text}")
    scope.env[name] = Var(kind, part.shape, contiguous=part.contiguous) if part.shape else Var("float")
    return name


# -- drawing -----------------------------------------------------------------------------------
def scalar(scope: Scope) -> Part:
    """A float: a name, an element, a literal."""
    singles = scope.names("single")
    if singles and scope.chance(0.2):
        return Part(element(scope, scope.rng.choice(singles)), (), single=True)
    return Part(atom(scope), ())


def literal(scope: Scope, shape: Shape) -> Part:
    """An array without names in it."""
    rng, (*_, n) = scope.rng, shape
    texts = [f"np.linspace(0.0, 1.0, {n})", f"0.3 * np.arange({n})", f"np.arange(1.0, {n + 1}.0)"]
    if n:
        texts += [f"np.array([{', '.join(constant(scope) for _ in range(n))}])"] * 3
    if scope.chance(0.3):
        whole = str(shape) if len(shape) > 1 else rng.choice([str(n), str(shape)])
        text = rng.choice([f"np.ones({whole})", f"np.zeros({whole})", f"np.full({whole}, {atom(scope)})"])
        return Part(text, shape, single="full" in text and bool(scope.names("single")))
    return Part(rng.choice(texts), (n,))


def leaf(scope: Scope, within: Shape | None) -> Part:
    """A name, a number or a literal array."""
    rng = scope.rng
    names = [n for n in scope.names("array", "single") if fits(scope.env[n].shape, within)]
    full = [n for n in names if within is None or scope.env[n].shape == within]
    ints = [n for n in scope.names("ints") if fits(scope.env[n].shape, within)]
    room = bool(within) and known(within)
    kind = rng.choices(
        ["full", "part", "scalar", "literal", "ints"],
        [5.0 * bool(full), 2.0 * bool(names), 1.5, 0.5 * room, 0.15 * bool(ints)],
    )[0]
    if kind in ("full", "part"):
        return named(scope, pick(scope, full if kind == "full" else names))
    if kind == "ints":
        name = rng.choice(ints)
        return Part(f"0.2 * {name}", scope.env[name].shape)
    return literal(scope, within) if kind == "literal" else scalar(scope)


def draw(scope: Scope, within: Shape | None, depth: int) -> Part:
    """An expression whose value can be broadcast to the shape `within` (None: any shape)."""
    names = list(FORMS)
    weights = [FORMS[name][0] * scope.weights.get(f"form: {name}", 1.0) for name in names]
    for _ in range(8 if depth > 0 else 0):
        name = scope.rng.choices(names, weights)[0]
        for _ in range(3):
            part = FORMS[name][1](scope, within, depth)
            if part is not None and fits(part.shape, within) and len(part.text) <= LONGEST_TEXT:
                scope.mark(f"form: {name}")
                return part
    return leaf(scope, within)


def source(scope: Scope, depth: int, test: Callable[[Shape], bool] = lambda shape: True) -> Part | None:
    """An array, often just a name, whose shape passes the test."""
    names = tensors(scope, lambda v: len(v.shape) > 0 and test(v.shape))
    if not names:
        return None
    name = pick(scope, names)
    if depth <= 0 or scope.chance(0.5):
        return named(scope, name)
    part = draw(scope, scope.env[name].shape, depth)
    return part if part.shape and test(part.shape) else exact(scope, name, depth)


def exact(scope: Scope, name: str, depth: int) -> Part:
    """An expression of the shape of the array `name`, with that array in it."""
    base, other = named(scope, name), draw(scope, scope.env[name].shape, depth - 1)
    sign = scope.rng.choice(["+", "-", "*"] if name not in other.text else ["+", "*"])
    return combine(f"{name} {sign} {operand(other.text)}", base, other)


# -- values that stay moderate -----------------------------------------------------------------
def squashed(scope: Scope, part: Part) -> Part:
    """The expression with its magnitude brought down to about 1."""
    text, rng = part.text, scope.rng
    name = rng.choice(["tanh", "tanh", "sin", "sin", "cos", "arctan", "gauss", "clip", "rational", "root"])
    short = len(text) < 25
    if name == "gauss":
        text = f"np.exp(-({text}) ** 2)"
    elif name == "clip":
        scope.mark("kink")
        text = f"np.clip({text}, {rng.uniform(-1.5, -0.5):.3f}, {rng.uniform(0.5, 1.5):.3f})"
    elif name == "rational" and short:
        text = f"{operand(text)} / (1.0 + {operand(text)} ** 2)"
    elif name == "root" and short:
        text = f"{operand(text)} / np.sqrt(1.0 + {operand(text)} * {operand(text)})"
    else:
        text = f"np.{name if name in ('sin', 'cos', 'arctan') else 'tanh'}({text})"
    return Part(text, part.shape, part.contiguous, part.single)


def moderate(scope: Scope, within: Shape | None, depth: int) -> Part:
    """An expression fit to be stored."""
    part = draw(scope, within, depth)
    choice = scope.rng.random()
    if choice < 0.5:
        return squashed(scope, part)
    return combine(f"0.5 * {operand(part.text)}", part) if choice < 0.8 else part
