"""Loops whose iterations can run in any order."""

from __future__ import annotations

from srcgrad.ir.nodes import (
    Alloc,
    Assign,
    Call,
    Custom,
    Effect,
    For,
    Increment,
    Library,
    ListAppend,
    ListGet,
    ListNew,
    Load,
    Reserve,
    Stmt,
    Store,
    Var,
)
from srcgrad.ir.types import Scalar, is_float
from srcgrad.ir.walk import statements, uses
from srcgrad.transform.analysis.aliases import Aliases

_OPAQUE = (Call, Custom, Effect, Library, ListAppend, ListGet, ListNew, Reserve)


def is_independent(loop: For, aliases: Aliases) -> bool:
    """Whether no iteration reads or overwrites what another one writes, and floats are carried only as plain sums.

    Then the reverses of the iterations can run in any order, too: what they share, they only add to.
    """
    inside = list(statements(loop.body))
    if loop.exit is not None or any(isinstance(s, _OPAQUE) for s in inside):
        return False
    return _carries_only_sums(loop, inside) and _touches_own_elements(loop, inside, aliases)


def _carries_only_sums(loop: For, inside: list[Stmt]) -> bool:
    read = list(uses(loop.body))
    defined = {s.target: s for s in inside if isinstance(s, Assign)}
    for c in loop.carried:
        if not isinstance(c.inside.type, Scalar):
            return False
        if not is_float(c.inside.type):
            continue
        step = defined.get(c.next) if isinstance(c.next, Var) else None
        if step is None or step.op not in ("+", "-") or step.args[0] is not c.inside or step not in loop.body:
            return False
        if read.count(c.inside) != 1 or c.next in read:
            return False
    return True


def _touches_own_elements(loop: For, inside: list[Stmt], aliases: Aliases) -> bool:
    own = {s.target for s in inside if isinstance(s, Alloc)}
    accesses = [s for s in inside if isinstance(s, Load | Store | Increment)]
    written = {b for s in accesses if not isinstance(s, Load) for b in aliases.bases[s.array]} - own
    for base in written:
        mine = [s for s in accesses if base in aliases.bases[s.array]]
        if all(isinstance(s, Increment) for s in mine):
            continue
        axes = [{k for k, i in enumerate(s.index) if i is loop.index} for s in mine]
        if len({s.array for s in mine}) > 1 or not set.intersection(*axes):
            return False
    return True
