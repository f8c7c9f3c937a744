"""The partial derivatives of `srcgrad.rules`, one function for each argument.

A rule returns all its partials at once; an eager operation needs some of them, and must know which values each one
reads, since that is what its node saves. Both are read off the rule's source: the assignments that one returned
expression depends on, and the names in them.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from srcgrad.rules import RULES, Rule
from srcgrad.shim import special
from srcgrad.shim.record import nothing


@dataclass(frozen=True)
class Partial:
    """One partial derivative of a primitive.

    Attributes:
        function: takes the arguments and the result of the primitive; those that it does not read may be None.
        reads: their numbers; that of the result is the number of arguments.
        constant: its value, where it is a number.
    """

    function: Callable[..., Any]
    reads: frozenset[int]
    constant: float | None


def partials_of(op: str) -> list[Partial | None]:
    """The partials of a primitive by its name in `srcgrad.rules`; None for arguments without a derivative."""
    rule = RULES[op]
    if rule.partials is None:
        return [None] * rule.arity
    return _sliced(rule)


def _sliced(rule: Rule) -> list[Partial | None]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(rule.partials))).body[0]  # type: ignore[arg-type]
    assert isinstance(tree, ast.FunctionDef)
    names = [a.arg for a in tree.args.args]
    slots = {name: k for k, name in enumerate([*names, "out"])}
    *lines, last = [s for s in tree.body if not isinstance(s, ast.Expr)]  # less the docstring
    assert isinstance(last, ast.Return)
    assert last.value is not None
    results = last.value.elts if rule.arity > 1 and isinstance(last.value, ast.Tuple) else [last.value]
    scope = {**rule.partials.__globals__, **special.FUNCTIONS}  # type: ignore[union-attr]
    return [_one(lines, expression, slots, scope) for expression in results]


def _one(lines: list[ast.stmt], expression: ast.expr, slots: dict[str, int], scope: dict[str, Any]) -> Partial | None:
    needed = _names(expression)
    kept: list[ast.stmt] = []
    for line in reversed(lines):
        assert isinstance(line, ast.Assign)
        targets = {n.id for t in line.targets for n in ast.walk(t) if isinstance(n, ast.Name)}
        if targets & needed:
            kept.insert(0, line)
            needed = (needed - targets) | _names(line.value)
    constant = _constant(expression)
    if constant == 0.0:
        return None
    arguments = ast.parse(f"def partial({', '.join(slots)}): pass").body[0]
    assert isinstance(arguments, ast.FunctionDef)
    arguments.body = [*kept, ast.Return(expression)]
    module = ast.fix_missing_locations(ast.Module([arguments], []))
    made: dict[str, Any] = {}
    exec(compile(module, "<srcgrad rule>", "exec"), scope, made)
    return Partial(made["partial"], frozenset(slots[n] for n in needed if n in slots), constant)


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _constant(expression: ast.expr) -> float | None:
    try:
        return float(ast.literal_eval(expression))
    except (ValueError, TypeError):
        return None


def pullback(partial: Partial | None, again: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """The function from the cotangent, the arguments and the result to the cotangent of one argument.

    With `again`, the result is not there but computed from the arguments.
    """
    if partial is None:
        return nothing
    constant, function = partial.constant, partial.function
    if constant == 1.0:
        return lambda ct, *values: ct
    if constant == -1.0:
        return lambda ct, *values: -ct
    if constant is not None:
        return lambda ct, *values: ct * constant
    if again is not None:
        return lambda ct, *values: ct * function(*values[:-1], again(*values[:-1]))
    return lambda ct, *values: ct * function(*values)
