"""The table of derivative rules, and the decorators that fill it.

A rule is a function that returns the local partial derivatives of a primitive, in the order of its arguments: straight
assignments, then one return, calling only primitives. `out` as a keyword asks for the primitive's own result. Forward
mode, reverse mode and higher orders all splice the same function (the idea is that of ChainRules' `@scalar_rule`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Rule:
    """How to differentiate one primitive.

    Attributes:
        op: the primitive's name in the IR, which is also how it is printed.
        arity: number of arguments.
        partials: returns the partials; None where the derivative is zero wherever it exists.
        uses_out: whether `partials` takes the result as `out`.
        singular: whether a partial can be infinite or undefined, by a singularity or by overflow; a zero cotangent
            then contributes zero instead of NaN.
        result: "float" (integers become float64), "same", "int" or "bool".
    """

    op: str
    arity: int
    partials: Callable[..., Any] | None
    uses_out: bool = False
    singular: bool = False
    result: str = "float"


RULES: dict[str, Rule] = {}
PRIMITIVES: dict[Callable[..., Any], str] = {}


def elementwise(op: str, *spellings: Callable[..., Any], singular: bool = False, result: str = "float") -> Callable:
    """Register the decorated function as the partials of `op`, which users call as any of `spellings`."""

    def register(partials: Callable[..., Any]) -> Callable[..., Any]:
        names = list(inspect.signature(partials).parameters)
        uses_out = "out" in names
        _add(Rule(op, len(names) - uses_out, partials, uses_out, singular, result), spellings)
        return partials

    return register


def nondifferentiable(op: str, arity: int, *spellings: Callable[..., Any], result: str = "float") -> None:
    """Register a piecewise constant primitive: its derivative is zero wherever it exists."""
    _add(Rule(op, arity, None, result=result), spellings)


def _add(rule: Rule, spellings: tuple[Callable[..., Any], ...]) -> None:
    if rule.op in RULES:
        raise ValueError(f"two rules for {rule.op}")
    RULES[rule.op] = rule
    for function in spellings:
        PRIMITIVES[function] = rule.op
