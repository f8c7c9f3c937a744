"""Which values may have no share in the result: their adjoint is zero because they are not chosen, not read, or because
what uses them levels off, as 1 / (1 + exp(x)) does.

Where such a value is infinite, its zero adjoint must not be multiplied by an infinite partial derivative. A value that
sums, products and the like carry on into the result needs no such care: where it is infinite, the result is, too.
"""

from __future__ import annotations

import functools
from typing import Any

from srcgrad.ir.nodes import Assign, Const, For, Function, If, Stmt, Var, While, flatten
from srcgrad.ir.types import Array, is_float
from srcgrad.ir.walk import operands, statements
from srcgrad.rules.operators import EXTREMA
from srcgrad.transform.analysis.places import Place, Places

# operations whose result is infinite or undefined where an argument is
_CARRYING = {
    "+", "-", "*", "neg", "pos", "cast", "np.sqrt", "np.cbrt", "np.log", "np.log2", "np.log10", "np.log1p", "np.sin",
    "np.cos", "np.tan", "np.sinh", "np.cosh", "np.hypot",
}  # fmt: skip


class Zeros:
    """Tells, by a least fixed point against the flow of the program, whose adjoint may be zero for such a reason.

    `objective` is the result whose cotangent is not zero, if there is one.
    """

    def __init__(self, function: Function, places: Places, objective: Any) -> None:
        self.places = places
        self.uses: dict[Var, list[tuple[Stmt, Place]]] = {}
        self.arms: dict[Var, list[tuple[Var, Place]]] = {}  # what a branch chooses, with its result and the arm
        self.carried: dict[Var, list[tuple[Var, ...]]] = {}  # what a loop carries on, with the vars that take it up
        for stmt in statements(function.body):
            self._note(stmt)
        chosen = [a for a in flatten(objective) if is_float(a.type)]
        single = len(chosen) == 1 and not isinstance(chosen[0].type, Array)
        self.sure: set[Any] = set(chosen) if single else set()
        self.zero: set[Var] = set()
        candidates = [v for v in places.of if not isinstance(v.type, Array) and is_float(v.type) and v not in self.sure]
        changed = True
        while changed:
            found = {v for v in candidates if v not in self.zero and self._may_be_zero(v)}
            self.zero |= found
            changed = bool(found)

    def may_be_zero(self, var: Var) -> bool:
        return var in self.zero

    @functools.cached_property
    def chosen(self) -> set[Var]:
        """What a branch, a condition or an extreme takes or leaves, and what such values are computed from at once."""
        found: set[Var] = set()
        todo = [*self.arms, *(v for v, uses in self.uses.items() if any(self._chooses(s, v, p) for s, p in uses))]
        while todo:
            var = todo.pop()
            if var not in found:
                found.add(var)
                stmt = self.places.home.get(var)
                if isinstance(stmt, Assign):
                    todo += (a for a in stmt.args if isinstance(a, Var) and is_float(a.type))
        return found

    def _chooses(self, stmt: Stmt, var: Var, place: Place) -> bool:
        if isinstance(stmt, Assign) and (stmt.op in EXTREMA or (stmt.op == "where" and var in stmt.args[1:])):
            return True
        here = self.places.of[var]
        while place is not here and place.parent is not None:
            if isinstance(place.owner, If):
                return True
            place = place.parent
        return False

    def _note(self, stmt: Stmt) -> None:
        places = self.places
        match stmt:
            case If():
                for r in stmt.results:
                    for side, atom in zip(places.sides[stmt], (r.then, r.orelse), strict=True):
                        if isinstance(atom, Var):
                            self.arms.setdefault(atom, []).append((r.var, side))
            case For() | While():
                for c in stmt.carried:
                    for atom, into in ((c.init, (c.inside, c.result)), (c.next, (c.inside, c.result))):
                        if isinstance(atom, Var):
                            self.carried.setdefault(atom, []).append(into)
            case _:
                for atom in operands(stmt):
                    if isinstance(atom, Var):
                        self.uses.setdefault(atom, []).append((stmt, places.at[stmt]))

    def _may_be_zero(self, var: Var) -> bool:
        """Whether no use of a value is known to carry it on into the result."""
        here = self.places.of[var]
        for stmt, place in self.uses.get(var, ()):
            if place is here and self._carries_on(stmt, var):
                return False
        for result, side in self.arms.get(var, ()):
            if side is here and result not in self.zero:
                return False
        # as the loop may not run, or this be its last iteration, both vars that take it up must carry it on
        return not any(all(v not in self.zero for v in into) for into in self.carried.get(var, ()))

    def _carries_on(self, stmt: Stmt, var: Var) -> bool:
        if not isinstance(stmt, Assign) or stmt.target in self.zero or not is_float(stmt.target.type):
            return False
        if stmt.op == "/":  # of the numerator
            return stmt.args[0] is var is not stmt.args[1]
        if stmt.op == "**":
            exponent = stmt.args[1]
            return isinstance(exponent, Const) and exponent.value > 0
        return stmt.op in _CARRYING
