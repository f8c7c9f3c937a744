"""Write a rule's partial derivatives into the code that needs them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from srcgrad.ir.nodes import Assign, Atom, Const, Stmt, Var
from srcgrad.ir.types import Scalar
from srcgrad.rules import RULES
from srcgrad.transform.build import Builder
from srcgrad.transform.lower import calls
from srcgrad.transform.lower.scope import Context, Scope
from srcgrad.transform.lower.values import Tuple


@dataclass(frozen=True)
class Partial:
    """One partial derivative: the operations that compute it from the rule's arguments, and its value."""

    body: tuple[Assign, ...]
    value: Atom

    @property
    def reads(self) -> list[Var]:
        """The placeholders that it depends on, in order."""
        inside = {s.target for s in self.body}
        atoms = [a for s in self.body for a in s.args] + [self.value]
        return list(dict.fromkeys(a for a in atoms if isinstance(a, Var) and a not in inside))


@dataclass(frozen=True)
class Template:
    """The partials of an operation on arguments of given types; constants are written in."""

    args: tuple[Atom, ...]
    out: Var
    partials: tuple[Partial, ...]


def partials_of(op: str, args: tuple[Atom, ...], to: Scalar) -> Template | None:
    """The partial derivatives of `op`, or None where they are all zero.

    The rule is lowered like any user function, on placeholders for `args` and for the result.
    """
    rule = RULES[op]
    if rule.partials is None:
        return None
    holders = tuple(replace(a, weak=True) if isinstance(a, Const) else Var("", a.type) for a in args)
    out = Var("", to)
    build = Builder()
    context = Context(build=build)
    scope = Scope(context, "<rule>", frozenset(), {}, rule.partials)  # type: ignore[arg-type]
    kwargs = {"out": out} if rule.uses_out else {}
    node = calls.source_of(rule.partials).node  # type: ignore[arg-type]
    build.algebra = True
    build.literal = to.dtype
    values: Any = calls.inline(scope, rule.partials, list(holders), kwargs, node)  # type: ignore[arg-type]
    atoms = list(values.items) if isinstance(values, Tuple) else [values]
    return Template(holders, out, tuple(Partial(_slice(build.stack[0], a), a) for a in atoms))


def inline_python(build: Builder, function: Callable[..., Any], args: list[Atom]) -> list[Atom]:
    """Write a Python function of numbers into generated code, lowered like any user function."""
    scope = Scope(Context(build=build), "<srcgrad>", frozenset(), {}, function)  # type: ignore[arg-type]
    value: Any = calls.inline(scope, function, list(args), {}, calls.source_of(function).node)  # type: ignore[arg-type]
    return list(value.items) if isinstance(value, Tuple) else [value]


def _slice(body: list[Stmt], value: Atom) -> tuple[Assign, ...]:
    """The statements that `value` depends on."""
    needed = {value}
    kept: list[Assign] = []
    for stmt in reversed(body):
        assert isinstance(stmt, Assign)
        if stmt.target in needed:
            needed.update(stmt.args)
            kept.append(stmt)
    return tuple(reversed(kept))


def instantiate(build: Builder, partial: Partial, values: dict[Var, Atom]) -> Atom:
    """Emit a partial's operations on actual values."""
    mapping = dict(values)
    for stmt in partial.body:
        args = tuple(mapping.get(a, a) if isinstance(a, Var) else a for a in stmt.args)
        if stmt.op == "cast":
            mapping[stmt.target] = build.cast(args[0], stmt.target.type)  # type: ignore[arg-type]
        else:
            mapping[stmt.target] = build.op(stmt.op, *args)
    return mapping.get(partial.value, partial.value) if isinstance(partial.value, Var) else partial.value


def scaled(build: Builder, ct: Atom, partial: Partial, values: dict[Var, Atom], *, guard: bool) -> Atom:
    """`ct * partial`; where `guard` is set, zero if `ct` is, also where the partial is infinite or undefined."""
    if isinstance(partial.value, Const) and math.isfinite(partial.value.value):
        return build.op("*", ct, replace(partial.value, weak=True))
    last = partial.body[-1] if partial.body else None
    if last is not None and last.target is partial.value and last.op == "neg":
        inner = replace(partial, body=partial.body[:-1], value=last.args[0])
        return build.op("neg", scaled(build, ct, inner, values, guard=guard))
    if last is not None and last.target is partial.value and last.op == "/" and last.args[0] == Const(1.0, ct.type):
        inner = replace(partial, body=partial.body[:-1], value=last.args[1])
        divisor = instantiate(build, inner, values)
        return build.op("strong/" if guard else "/", ct, divisor)
    return build.op("strong*" if guard else "*", ct, instantiate(build, partial, values))


def strong_terms(build: Builder, op: str, operand: Callable[[int], Atom]) -> tuple[Callable[[Atom], Atom], ...]:
    """How a strong product or quotient passes on a change of each operand, or its cotangent to each.

    What is zero stays zero, but an operand that is zero may change: the function is the plain product, where that
    exists. (A branch at zero would have no derivative there.) Where it does not, the change of that zero is dropped.
    """

    def by_first(change: Atom) -> Atom:
        x, y = operand(0), operand(1)
        exists = build.op("np.isfinite", y) if op == "strong*" else build.op("!=", y, Const(0.0, y.type))
        moves = build.op("!=", x, Const(0.0, x.type))
        term = build.op(op, change, y)
        return build.op("where", build.op("|", moves, exists), term, Const(0.0, term.type))

    def by_second(change: Atom) -> Atom:
        quotient = operand(0)
        if op == "strong/":
            quotient = build.op("neg", build.op(op, build.op(op, quotient, operand(1)), operand(1)))
        return build.op("strong*", quotient, change)

    return by_first, by_second
