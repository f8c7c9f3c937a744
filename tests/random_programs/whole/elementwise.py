"""Arithmetic and functions of one, two and three arrays, element by element, with broadcasting."""

from __future__ import annotations

from tests.random_programs.expressions import constant
from tests.random_programs.scope import Scope

from .forms import Part, combine, draw, form, operand, squashed
from .shapes import Shape


def several(scope: Scope, within: Shape | None, depth: int, count: int) -> list[Part]:
    """Operands that can be broadcast together; the first is the deepest."""
    parts: list[Part] = []
    for number in range(count):
        # without a shape to fit into, the later operands fit into the first or the first into the later ones
        room = within if within is not None or not parts else parts[0].shape or None
        parts.append(draw(scope, room, depth - 1 if number == 0 else scope.rng.randint(0, max(depth - 1, 0))))
    scope.rng.shuffle(parts)
    return parts


@form("arithmetic", 5.0)
def arithmetic(scope: Scope, within: Shape | None, depth: int) -> Part | None:
    """`a + b` and its kin, also as a function."""
    a, b = several(scope, within, depth, 2)
    sign = scope.rng.choice(["+", "-", "*", "*"] if a.text != b.text else ["+", "*"])
    if scope.chance(0.08):
        name = {"+": "add", "-": "subtract", "*": "multiply"}[sign]
        return combine(f"np.{name}({a.text}, {b.text})", a, b)
    return combine(f"{operand(a.text)} {sign} {operand(b.text)}", a, b)


@form("division", 1.0)
def division(scope: Scope, within: Shape | None, depth: int) -> Part | None:
    """A quotient whose denominator stays away from zero."""
    a, b = several(scope, within, depth, 2)
    below = scope.rng.choice([f"(1.5 + {operand(b.text)} ** 2)", f"(2.0 + np.cos({b.text}))",
                              f"(1.2 + np.abs({b.text}))"])  # fmt: skip
    return combine(f"{operand(a.text)} / {below}", a, b)


@form("unary", 3.5)
def unary(scope: Scope, within: Shape | None, depth: int) -> Part | None:
    """A function of one array."""
    a, c = draw(scope, within, depth - 1), f"{scope.rng.uniform(0.3, 1.5):.2f}"
    text = a.text
    square = f"{operand(text)} * {operand(text)}" if len(text) < 20 else f"{operand(text)} ** 2"
    return combine(scope.rng.choice([
        f"np.exp(np.sin({text}))", f"np.exp(-np.abs({text}))", f"np.exp(0.3 * np.tanh({text}))",
        f"np.sin({text})", f"np.cos({text})", f"np.tanh({text})", f"np.arctan({text})",
        f"np.sqrt(np.abs({text}) + {c})", f"np.sqrt({square} + {c})", f"np.log({square} + {c})",
        f"np.log1p({square})", f"np.abs({text})", f"abs({text})", f"-{operand(text)}", f"-{operand(text)}",
        f"np.square({text})", f"np.cosh(np.sin({text}))", f"np.expm1(0.5 * np.cos({text}))", f"+{operand(text)}",
        f"np.negative({text})", f"np.maximum({text}, 0.0)", f"np.arcsin(0.8 * np.tanh({text}))",
        f"1.0 / ({square} + {c})",
    ]), a)  # fmt: skip


@form("squash", 1.5)
def squash(scope: Scope, within: Shape | None, depth: int) -> Part | None:
    """A function that brings magnitudes down."""
    return squashed(scope, draw(scope, within, depth - 1))


@form("power", 1.0)
def power(scope: Scope, within: Shape | None, depth: int) -> Part | None:
    """A power whose value and derivative are finite; base and exponent may both be arrays."""
    a, b = several(scope, within, depth, 2)
    base, rng = operand(squashed(scope, a).text if a.shape and scope.chance(0.5) else a.text), scope.rng
    if scope.chance(0.3):
        return combine(f"(1.2 + {operand(a.text)} ** 2) ** np.sin({b.text})", a, b)
    return combine(rng.choice([f"{base} ** 2", f"{base} ** 2", f"{base} ** 3", f"np.power({base}, 2)",
                               f"(1.0 + {base} ** 2) ** {constant(scope)}", f"(1.3 + np.abs({base})) ** -1",
                               f"(1.1 + {base} ** 2) ** 0.5", f"{base} ** 2.0", f"{base} ** 1"]), a)  # fmt: skip


@form("extremum", 1.0)
def extremum(scope: Scope, within: Shape | None, depth: int) -> Part | None:
    """`np.maximum`, `np.minimum`, `np.clip` with bounds that are numbers or arrays."""
    a, b = several(scope, within, depth, 2)
    rng = scope.rng
    scope.mark("kink")
    low, high = f"{rng.uniform(-1.5, -0.2):.3f}", f"{rng.uniform(0.2, 1.5):.3f}"
    if scope.chance(0.35):
        lower = combine(f"np.clip({a.text}, {operand(b.text)} - 0.7, {operand(b.text)} + 0.6)", a, b)
        if len(b.text) < 20 and scope.chance(0.4):
            return lower
        return combine(rng.choice([f"np.clip({a.text}, {low}, {high})", f"{operand(a.text)}.clip({low}, {high})"])
                       if a.shape else f"np.clip({a.text}, {low}, {high})", a)  # fmt: skip
    return combine(f"np.{rng.choice(['maximum', 'minimum'])}({a.text}, {b.text})", a, b)


@form("function of two", 0.5)
def function_of_two(scope: Scope, within: Shape | None, depth: int) -> Part | None:
    """`np.arctan2`, `np.hypot`."""
    a, b = several(scope, within, depth, 2)
    other = f"1.5 + {operand(b.text)} ** 2"
    return combine(scope.rng.choice([f"np.arctan2({a.text}, {other})", f"np.hypot({a.text}, {other})"]), a, b)


def comparison(scope: Scope, a: Part, b: Part | None = None) -> Part:
    """A condition on each element of one array, or of two, that seldom has a tie."""
    sign = scope.rng.choice(["<", ">", "<=", ">="])
    if b is None:
        return combine(f"{operand(a.text)} {sign} {scope.rng.uniform(-0.8, 0.8):.4f}", a)
    return combine(f"{operand(a.text)} {sign} {operand(b.text)}", a, b)


def condition(scope: Scope, within: Shape | None, depth: int) -> Part | None:
    """A mask of a shape that can be broadcast to `within`."""
    masks = [n for n in scope.names("mask") if within is None or scope.env[n].shape == within]
    if masks and scope.chance(0.4):
        name = scope.rng.choice(masks)
        return Part(name, scope.env[name].shape)
    if scope.chance(0.2):
        a, b = (comparison(scope, draw(scope, within, 0)) for _ in range(2))
        return combine(f"({a.text}) {scope.rng.choice(['&', '|'])} ({b.text})", a, b)
    a, b = several(scope, within, depth, 2)
    return comparison(scope, a, b if a.text != b.text and scope.chance(0.3) else None)


@form("where", 1.2)
def where(scope: Scope, within: Shape | None, depth: int) -> Part | None:
    """`np.where(mask, a, b)`, and a mask as a factor."""
    a, b = several(scope, within, depth, 2)
    room = within if within is not None else a.shape
    test = condition(scope, room, 0)
    if test is None:
        return None
    scope.mark("mask read")
    if test.shape and scope.chance(0.2):
        return combine(f"{operand(a.text)} * ({test.text})", a, test)
    if scope.chance(0.2):
        return combine(f"np.where({test.text}, {a.text}, {scope.rng.choice(['0.0', '0', '1.0'])})", a, test)
    return combine(f"np.where({test.text}, {a.text}, {b.text})", a, b, test)
