"""Adjoints of scalars while the reverse sweep is written: running sums, in SSA form through branches and loops."""

from __future__ import annotations

from dataclasses import dataclass, field

from srcgrad.ir.nodes import Atom, Carried, Result, Var, number
from srcgrad.ir.types import INT64, Type
from srcgrad.transform.analysis.places import Place


@dataclass(eq=False)
class Sums:
    """The running sums known in one block of the reverse sweep.

    A sum of a var that is defined outside of a loop is carried through the reverse of the loop; one that both sides of
    a branch add to is merged after it. A var without an entry has the sum zero.
    """

    place: Place
    parent: Sums | None
    of: dict[Var, Place]
    is_loop: bool = False
    current: dict[Var, Atom] = field(default_factory=dict)
    carried: dict[Var, Var] = field(default_factory=dict)

    def is_local(self, var: Var) -> bool:
        """Whether `var` is defined in this block of the primal, or in one inside it."""
        return self.of[var].within(self.place)

    def get(self, var: Var) -> Atom | None:
        if var in self.current:
            return self.current[var]
        if self.parent is None or self.is_local(var):
            return None
        if not self.is_loop:
            return self.parent.get(var)
        inside = Var(adjoint_name(var), var.type)
        self.carried[var] = self.current[var] = inside
        return inside

    def set(self, var: Var, value: Atom) -> None:
        if self.is_loop and not self.is_local(var):
            self.get(var)  # what the loop adds to is carried
        self.current[var] = value

    def take(self, var: Var) -> Atom | None:
        """The sum of a var at its definition, which ends it."""
        return self.current.pop(var, None)

    def close_loop(self) -> list[Carried]:
        """The sums that the loop carries; their results become the parent's."""
        assert self.parent is not None
        out = []
        for var, inside in self.carried.items():
            result = Var(adjoint_name(var), var.type)
            out.append(Carried(inside, self.parent.get(var) or zero(var.type), self.current[var], result))
            self.parent.set(var, result)
        return out

    def merge(self, then: Sums, orelse: Sums) -> list[Result]:
        """The sums after a branch, of which `then` and `orelse` are the two sides."""
        out = []
        for var in dict.fromkeys([*then.current, *orelse.current]):
            if then.is_local(var) or orelse.is_local(var):
                continue
            before = self.get(var) or zero(var.type)
            merged = Var(adjoint_name(var), var.type)
            out.append(Result(merged, then.current.get(var, before), orelse.current.get(var, before)))
            self.set(var, merged)
        return out


def adjoint_name(var: Var) -> str:
    """Griewank & Walther's name for an adjoint: `bx` for `x`."""
    if var.type == INT64:
        return var.hint
    return f"b{var.hint}" if var.hint else ""


def zero(of: Type) -> Atom:
    return number(0.0, of)
