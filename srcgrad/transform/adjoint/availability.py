"""What the reverse sweep can have without a tape: values that are still there, or can be computed again."""

from __future__ import annotations

from functools import cached_property

from srcgrad.ir.nodes import Alloc, Assign, Atom, For, Function, If, Load, Stmt, Store, Undef, Var, View
from srcgrad.ir.types import Scalar
from srcgrad.ir.walk import statements
from srcgrad.transform.analysis.places import Place, Places
from srcgrad.transform.analysis.stability import Stability

REPLAY = 12  # operations in a branch that is cheaper to run again than to store


class Availability:
    """Answers for the values of one function."""

    function: Function
    places: Places
    stability: Stability

    def is_outside(self, atom: Atom) -> bool:
        """Whether a value is defined outside of loops, so that it is there in the reverse sweep."""
        return not isinstance(atom, Var) or self.places.of[atom].loop is None

    def is_at_hand(self, var: Var) -> bool:
        """Whether the reverse sweep has a value without anything computed or stored."""
        home = self.places.home.get(var)
        return self.is_outside(var) or (isinstance(home, For) and home.index is var)

    def is_recomputed(self, var: Var, stmt: Stmt) -> bool:
        match stmt:
            case Assign(op="shape"):
                return self._shape_is_known(stmt)
            case Assign():
                return not stmt.op.startswith("np.random.")
            case Load():
                return self.stability.is_still_there(stmt) and self.handle_is_there(stmt.array)
            case If():
                return self._can_replay(stmt, var)
            case _:
                return False

    def _shape_is_known(self, stmt: Assign) -> bool:
        (array, _) = stmt.args
        assert isinstance(array, Var)
        return self.handle_is_there(array) or isinstance(self.places.home.get(array), Alloc)

    def _can_replay(self, stmt: If, var: Var) -> bool:
        inside = [*statements(stmt.then), *statements(stmt.orelse)]
        if len(inside) > REPLAY or not isinstance(var.type, Scalar):
            return False
        if any(r.var is var and isinstance(a, Undef) for r in stmt.results for a in (r.then, r.orelse)):
            return False
        return all(isinstance(s, Assign | Load) and self.is_recomputed(s.target, s) for s in inside)

    def array_is_still_there(self, array: Var, stmt: Stmt) -> bool:
        """Whether a whole array can be had as it was at `stmt`."""
        return self.handle_is_there(array) and self.stability.is_not_written_after(array, stmt)

    def handle_is_there(self, handle: Var) -> bool:
        """Whether the reverse sweep can have the array that `handle` stood for."""
        if self.is_outside(handle):
            return True
        stmt = self.places.home[handle]
        return isinstance(stmt, View) and self.handle_is_there(stmt.base)

    def tape_place(self, var: Var) -> Place:
        """The body of the loop whose tapes hold a value: one that is the same throughout inner loops is kept once."""
        place = self.places.of[var].loop
        assert place is not None
        while (outer := self._around(place)) is not None and self._is_invariant(var, place):
            place = outer
        return place

    @staticmethod
    def _around(place: Place) -> Place | None:
        return place.parent.loop if place.parent is not None else None

    def _is_invariant(self, var: Var, body: Place) -> bool:
        """Whether a value that is computed in a loop is the same in all iterations of one run of it."""
        if not self.places.of[var].within(body):
            return True
        stmt = self.places.home[var]
        match stmt:
            case Load():
                if self.places.of[stmt.array].within(body) or self.stability.is_written_in(stmt.array, body):
                    return False
                read: tuple[Atom, ...] = stmt.index
            case Assign() if not stmt.op.startswith(("np.random.", "text:", "shape")):
                read = stmt.args
            case _:
                return False
        return all(self._is_invariant(a, body) for a in read if isinstance(a, Var))

    @cached_property
    def kept(self) -> dict[Var, Store]:
        """For values that the forward sweep stores in an array, and leaves there, the stores."""
        found = {}
        for stmt in statements(self.function.body):
            if isinstance(stmt, Store) and isinstance(stmt.value, Var) and stmt.value not in found:
                home = self.places.of.get(stmt.value)
                same = home is self.places.at[stmt] and home.loop is not None
                fits = stmt.value.type == stmt.array.type.item  # type: ignore[union-attr]
                if same and fits and self.is_outside(stmt.array) and self.stability.is_kept(stmt):
                    found[stmt.value] = stmt
        return found
