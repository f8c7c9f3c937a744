"""Affine forms of integers in loop indices, and bounds on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from srcgrad.ir.nodes import ONE, ZERO, Assign, Atom, Const, For, Var
from srcgrad.transform.analysis.places import Place, Places


@dataclass(frozen=True)
class Symbol:
    """An integer value; `later` tells the index in a later iteration from that in an earlier one."""

    var: Var
    later: bool = False


@dataclass(frozen=True)
class Affine:
    """`constant + sum of coefficient * symbol`."""

    constant: int
    terms: tuple[tuple[Symbol, int], ...] = ()

    def plus(self, other: Affine, times: int = 1) -> Affine:
        total = dict(self.terms)
        for symbol, n in other.terms:
            total[symbol] = total.get(symbol, 0) + times * n
        return Affine(self.constant + times * other.constant, tuple((s, n) for s, n in total.items() if n))

    def scaled(self, by: int) -> Affine:
        return Affine(0).plus(self, by)


class Iterations:
    """Two moments in a function, `later` after the other: how the loop indices of both are related.

    `level` counts the loops around both that are in the same iteration; in the next one the later moment is in a later
    iteration. Where it is None, all common loops are in the same iteration.
    """

    def __init__(
        self, places: Places, common: list[Place], level: int | None, positive: Callable[[Var], bool] | None = None
    ) -> None:
        self.places = places
        self.positive = positive or self._is_size  # which values other than loop indices are known not to be negative
        self.same = common if level is None else common[:level]
        self.stepped = None if level is None else common[level]

    def form(self, atom: Atom, *, later: bool) -> Affine:
        """An integer as an affine form."""
        if isinstance(atom, Const):
            return Affine(int(atom.value))
        assert isinstance(atom, Var)
        stmt = self.places.home.get(atom)
        if isinstance(stmt, Assign) and stmt.op in ("+", "-", "*"):
            a, b = (self.form(x, later=later) for x in stmt.args)
            if stmt.op != "*":
                return a.plus(b, 1 if stmt.op == "+" else -1)
            if not a.terms or not b.terms:
                return b.scaled(a.constant) if not a.terms else a.scaled(b.constant)
        if isinstance(stmt, Assign) and stmt.op == "neg":
            return self.form(stmt.args[0], later=later).scaled(-1)
        return Affine(0, ((Symbol(atom, later and self._differs(atom)), 1),))

    def _differs(self, var: Var) -> bool:
        """Whether a value may be another one at the later moment: it is made in a loop that has gone on."""
        loop = self.places.of[var].loop
        return loop is not None and loop not in self.same

    def least(self, form: Affine) -> int | None:
        """A lower bound, by putting in the bounds of loop indices, those of inner loops first."""
        for _ in range(24):
            indices = [(s, n) for s, n in form.terms if isinstance(self.places.home.get(s.var), For)]
            indices = [(s, n) for s, n in indices if self._loop(s).index is s.var]
            if not indices:
                return form.constant if all(n > 0 and self.positive(s.var) for s, n in form.terms) else None
            symbol, n = max(indices, key=lambda p: (self.places.of[p[0].var].depth, p[0].later))
            bound = self._bound(symbol, low=n > 0)
            if bound is None:
                return None
            form = form.plus(Affine(0, ((symbol, 1),)), -n).plus(bound, n)
        return None

    def _is_size(self, var: Var) -> bool:
        stmt = self.places.home.get(var)
        if isinstance(stmt, Assign) and stmt.op == "max":
            return any(isinstance(a, Const) and a.value >= 0 for a in stmt.args)
        return isinstance(stmt, Assign) and stmt.op == "shape"

    def _loop(self, symbol: Symbol) -> For:
        loop = self.places.home[symbol.var]
        assert isinstance(loop, For)
        return loop

    def _bound(self, symbol: Symbol, *, low: bool) -> Affine | None:
        """The least or the greatest value of a loop index."""
        loop = self._loop(symbol)
        if isinstance(loop.step, Const):
            rising = loop.step.value > 0
        elif self._goes_up(loop):
            rising = True
        else:
            return None
        place = self.places.of[symbol.var]
        if symbol.later and place is self.stepped and low is rising:  # it comes after the earlier one
            return Affine(1 if rising else -1, ((Symbol(symbol.var), 1),))
        start, stop = (self.form(b, later=symbol.later) for b in (loop.start, loop.stop))
        if low:
            return start if rising else stop.plus(Affine(1))
        return stop.plus(Affine(-1)) if rising else start

    def _goes_up(self, loop: For) -> bool:
        """Whether a step that only run time knows is above 0: by the threads of a grid, say, over which a loop runs."""
        around = [self.places.loop_of(p) for p in self.places.of[loop.index].loops[:-1]]
        # what is in a loop runs only where that makes a trip
        above = {o.stop for o in around if isinstance(o, For) and o.start == ZERO and o.step == ONE}
        todo: list[Atom] = [loop.step]
        while todo:
            atom = todo.pop()
            stmt = self.places.home.get(atom) if isinstance(atom, Var) else None
            if isinstance(stmt, Assign) and stmt.op == "*":
                todo += stmt.args
            elif not (atom in above or (isinstance(atom, Const) and atom.value > 0)):
                return False
        return True
