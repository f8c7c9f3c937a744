"""The table of library routines on arrays: matrix products and decompositions, with their derivatives.

A rule is plain Python over NumPy, which is lowered and inlined where a derivative needs it, and differentiated in turn
for higher orders. With ins x, ... and outs y, ... (all arrays):

- `pullback(x, ..., y, ..., by, ...)` returns the cotangent of each in;
- `tangents[k](x, ..., y, ..., dx)` returns the tangent of each out for a tangent of in number k.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Routine:
    """A library routine.

    Attributes:
        name: as generated text calls it: "np.dot", or the name of a function in `srcgrad.runtime.linalg`.
        pullback: the reverse rule.
        tangents: the forward rules, one for each in.
    """

    name: str
    pullback: Callable[..., Any]
    tangents: list[Callable[..., Any]] = field(default_factory=list)


ROUTINES: dict[str, Routine] = {}


def routine(name: str) -> Callable:
    """Register the decorated function as the pullback of the routine `name`."""

    def register(pullback: Callable[..., Any]) -> Routine:
        ROUTINES[name] = Routine(name, pullback)
        return ROUTINES[name]

    return register


def tangent_of(rule: Routine) -> Callable:
    """Register the decorated function as the tangent of a routine, in the order of its ins."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        rule.tangents.append(function)
        return function

    return register
