"""Is a loaded value still there in the reverse sweep?"""

from __future__ import annotations

from srcgrad.ir.nodes import Assign, Atom, Const, For, Function, Increment, Library, Load, Stmt, Store, Var
from srcgrad.ir.walk import statements
from srcgrad.transform.analysis.aliases import Aliases
from srcgrad.transform.analysis.places import Place, Places


class Stability:
    """Which loads can be repeated after the forward sweep, because nothing overwrites what they read."""

    def __init__(self, function: Function, aliases: Aliases, places: Places) -> None:
        self.aliases, self.places = aliases, places
        self.writes: list[tuple[Var, Stmt]] = []
        for s in statements(function.body):
            if isinstance(s, Store | Increment):
                self.writes.append((s.array, s))
            elif isinstance(s, Library):
                self.writes += [(out, s) for out in s.outs]

    def is_still_there(self, load: Load) -> bool:
        """No write that may alias the element runs after the load: later, or in a later iteration around both."""
        return not any(
            self.aliases.may_overlap(load.array, array)
            and self.places.may_follow(write, load)
            and not (isinstance(write, Store | Increment) and self._misses(load, write))
            for array, write in self.writes
        )

    def is_not_written_after(self, array: Var, stmt: Stmt) -> bool:
        """No write that may alias any element of `array` runs after `stmt`."""
        return not any(
            self.aliases.may_overlap(array, written) and self.places.may_follow(write, stmt)
            for written, write in self.writes
        )

    def is_written_in(self, array: Var, body: Place) -> bool:
        """Whether something in a block may write an element of `array`."""
        return any(
            self.aliases.may_overlap(array, written) and self.places.at[write].within(body)
            for written, write in self.writes
        )

    def _misses(self, load: Load, write: Store | Increment) -> bool:
        """Whether a write that runs after the load is known to hit other elements.

        Both address the same handle, in some dimension by `i + a` and `i + b`, where i is the index of the one loop
        around both and counts up from a start that keeps both non-negative (so that no index wraps around). Later
        iterations only write larger indices, so they miss what was read if b > a, or b == a and the write is not
        after the load within the iteration.
        """
        loops = self.places.common_loops(load, write)
        if len(loops) != 1 or load.array is not write.array:
            return False
        if self.places.of[load.array].loop is not None:
            return False
        loop = self.places.loop_of(loops[0])
        if not isinstance(loop, For) or not (isinstance(loop.step, Const) and loop.step.value > 0):
            return False
        if not isinstance(loop.start, Const):
            return False
        after = self.places.order[write] > self.places.order[load]
        for read_at, written_at in zip(load.index, write.index, strict=True):
            a, b = self._offset(read_at, loop), self._offset(written_at, loop)
            if a is None or b is None or loop.start.value + min(a, b) < 0:
                continue
            if b > a or (b == a and not after):
                return True
        return False

    def _offset(self, atom: Atom, loop: For) -> int | None:
        """The c for which `atom` is `loop.index + c`."""
        if atom is loop.index:
            return 0
        stmt = self.places.home.get(atom) if isinstance(atom, Var) else None
        if isinstance(stmt, Assign) and stmt.op in ("+", "-"):
            x, y = stmt.args
            if isinstance(y, Const) and (inner := self._offset(x, loop)) is not None:
                return inner + y.value if stmt.op == "+" else inner - y.value
            if stmt.op == "+" and isinstance(x, Const) and (inner := self._offset(y, loop)) is not None:
                return inner + x.value
        return None
