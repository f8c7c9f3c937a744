"""Copies of whole arrays, where that takes less than to store each element that a loop nest loads.

What a nest reads many times of an array that it does not write is kept once, as the array was when the nest started.
"""

from __future__ import annotations

from dataclasses import dataclass

from srcgrad.ir.nodes import Alloc, Atom, Const, For, Function, Load, Stmt, Var, While
from srcgrad.ir.types import Array
from srcgrad.ir.walk import defined, statements
from srcgrad.transform.analysis.places import Place, Places
from srcgrad.transform.analysis.stability import Stability

TRIPS = 8  # how often a loop is taken to run, or how long an axis to be, where that is not known
MOST = 64  # a longer one of known length is no different
SCALE, COPY = 4, 5  # what it takes to store one element in a loop that runs anyway, and to copy one


@dataclass(frozen=True)
class Snapshot:
    """A copy of `array`, made before the loop `at`."""

    array: Var
    at: Stmt


class Snapshots:
    """Finds, for loads, the snapshot that they could be repeated from."""

    def __init__(self, function: Function, places: Places, stability: Stability) -> None:
        self.places, self.stability = places, stability
        self.blocks: dict[Place, list[Stmt]] = {}
        for stmt in statements(function.body):
            self.blocks.setdefault(places.at[stmt], []).append(stmt)

    def of(self, load: Load) -> Snapshot | None:
        """The snapshot at the start of the outermost loop around `load` that leaves the array as it is."""
        nest = self._nest(load)
        if nest is None:
            return None
        first = nest
        for stmt in self.blocks[self.places.at[nest]]:  # an earlier loop shares it if nothing is written in between
            if stmt is nest:
                break
            if self._changes(stmt, load.array):
                first = nest
            elif first is nest and self._reads(stmt, load.array):
                first = stmt
        return Snapshot(load.array, first)

    def _nest(self, load: Load) -> Stmt | None:
        nest, body = None, self.places.at[load].loop
        while body is not None and not self.places.of[load.array].within(body):
            if self.stability.is_written_in(load.array, body):
                break
            nest = body.owner
            body = body.parent.loop if body.parent is not None else None
        return nest

    def _changes(self, stmt: Stmt, array: Var) -> bool:
        return array in defined(stmt) or self.stability.is_written_by(array, stmt)

    @staticmethod
    def _reads(stmt: Stmt, array: Var) -> bool:
        inside = statements((stmt,))
        return isinstance(stmt, For | While) and any(isinstance(s, Load) and s.array is array for s in inside)

    def cost(self, snapshot: Snapshot) -> int:
        return COPY * runs(self.places, self.places.at[snapshot.at].loop) * self._size(snapshot.array)

    def _size(self, array: Var) -> int:
        assert isinstance(array.type, Array)
        home = self.places.home.get(array)
        sizes: tuple[Atom | None, ...] = home.shape if isinstance(home, Alloc) else (None,) * array.type.ndim
        total = 1
        for n in sizes:
            total *= _estimate(n)
        return total


def cost_of_storing(places: Places, loop: Place | None) -> int:
    """What it takes to store a value in each iteration of a loop."""
    return SCALE * runs(places, loop)


def runs(places: Places, loop: Place | None) -> int:
    """How often the body of a loop is taken to run."""
    total = 1
    for body in loop.loops if loop is not None else []:
        stmt = places.loop_of(body)
        known = isinstance(stmt, For) and all(isinstance(b, Const) for b in (stmt.start, stmt.stop, stmt.step))
        if known:
            assert isinstance(stmt, For)
            trips = len(range(stmt.start.value, stmt.stop.value, stmt.step.value or 1))  # type: ignore[union-attr]
            total *= max(1, min(trips, MOST))
        else:
            total *= TRIPS
    return total


def _estimate(size: Atom | None) -> int:
    return max(1, min(int(size.value), MOST)) if isinstance(size, Const) else TRIPS
