"""Is a loaded value still there in the reverse sweep?"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator

from srcgrad.ir.nodes import For, Function, Increment, Load, Stmt, Store, Var
from srcgrad.ir.walk import arrays_written, statements
from srcgrad.transform.analysis.affine import Iterations
from srcgrad.transform.analysis.aliases import Aliases
from srcgrad.transform.analysis.meetings import Meetings
from srcgrad.transform.analysis.places import Place, Places
from srcgrad.transform.analysis.signs import Signs


class Stability:
    """Which loads can be repeated after the forward sweep, because nothing overwrites what they read."""

    def __init__(self, function: Function, aliases: Aliases, places: Places) -> None:
        self.aliases, self.places = aliases, places
        self.meetings = functools.cache(lambda: Meetings(places, aliases, Signs(function, aliases)))
        self.writes = [(array, s) for s in statements(function.body) for array in arrays_written(s)]

    def is_still_there(self, load: Load) -> bool:
        """No write that may alias the element runs after the load: later, or in a later iteration around both."""
        return next(self.overwrites(load), None) is None

    def overwrites(self, load: Load, own: Collection[Var] = ()) -> Iterator[Stmt]:
        """The writes that may change the element after the load; those to arrays that are `own` do not matter."""
        return (
            write for array, write in self.writes
            if self.aliases.may_overlap(load.array, array)
            and not self.aliases.bases[array].issubset(own)
            and self.places.may_follow(write, load)
            and not (isinstance(write, Store | Increment) and self._misses(load, write))
        )  # fmt: skip

    def is_kept(self, store: Store) -> bool:
        """Whether what a store writes stays where it is."""
        return not any(
            self.aliases.may_overlap(store.array, array)
            and (write is not store or self.places.common_loops(store, write))
            and self.places.may_follow(write, store)
            and not (isinstance(write, Store | Increment) and self._misses(store, write))
            for array, write in self.writes
        )

    def is_not_written_after(self, array: Var, stmt: Stmt, own: Collection[Var] = ()) -> bool:
        """No write that may alias any element of `array`, but to arrays that are `own`, runs after `stmt`."""
        return not any(
            self.aliases.may_overlap(array, written)
            and not self.aliases.bases[written].issubset(own)
            and self.places.may_follow(write, stmt)
            for written, write in self.writes
        )

    def is_written_in(self, array: Var, body: Place) -> bool:
        """Whether something in a block may write an element of `array`."""
        return any(
            self.aliases.may_overlap(array, written) and self.places.at[write].within(body)
            for written, write in self.writes
        )

    def is_written_by(self, array: Var, stmt: Stmt) -> bool:
        """Whether a statement, or one inside it, may write an element of `array`."""
        inside = set(statements((stmt,)))
        return any(self.aliases.may_overlap(array, written) and write in inside for written, write in self.writes)

    def _misses(self, load: Load | Store, write: Store | Increment) -> bool:
        """Whether a write that runs after the load is known to hit other elements.

        Both address the same handle, which is made outside of loops. The write comes later in the same iteration of all
        loops around both, or in a later iteration of one of them; in each case some dimension must be known to differ.
        """
        if load.array is not write.array or self.places.of[load.array].loop is not None:
            return False
        common = self.places.common_loops(load, write)
        if self.places.order[write] > self.places.order[load] and not self._differ(None, common, load, write):
            return False
        return all(
            self._differ(level, common, load, write) or self._are_apart(place, load, write)
            for level, place in enumerate(common)
        )

    def _are_apart(self, place: Place, load: Load | Store, write: Store | Increment) -> bool:
        """Whether two iterations of a parallel loop never mean the same element."""
        loop = self.places.loop_of(place)
        return isinstance(loop, For) and loop.parallel and not self.meetings().of_iterations(loop, load, write)

    def _differ(
        self, level: int | None, common: list[Place], load: Load | Store, write: Store | Increment
    ) -> bool:  # fmt: skip
        """Whether some index is another one, see `Iterations` for `level`."""
        moment = Iterations(self.places, common, level)
        for read_at, written_at in zip(load.index, write.index, strict=True):
            a, b = moment.form(read_at, later=False), moment.form(written_at, later=True)
            gaps = (moment.least(b.plus(a, -1)), moment.least(a.plus(b, -1)))
            if not any(gap is not None and gap > 0 for gap in gaps):
                continue
            if all((least := moment.least(x)) is not None and least >= 0 for x in (a, b)):
                return True  # and neither counts from the end
        return False
