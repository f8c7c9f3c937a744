"""Close checkpointed loops: each becomes a `Sweep`, a function of all that it reads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from srcgrad.ir.nodes import (
    Alloc,
    Assign,
    Atom,
    Block,
    Carried,
    Const,
    Effect,
    For,
    Function,
    If,
    Increment,
    Load,
    Result,
    Stmt,
    Store,
    Sweep,
    Undef,
    Var,
    View,
    While,
    flatten,
    integer,
    number,
)  # fmt: skip
from srcgrad.ir.types import BOOL, INT64, Array, Scalar, is_float
from srcgrad.ir.walk import free, operands, statements, substitute, uses, with_values, without
from srcgrad.transform.adjoint.repeatable import Facts, choices, examined, refuse
from srcgrad.transform.analysis.aliases import Aliases, find_aliases
from srcgrad.transform.analysis.places import Places, find_places
from srcgrad.transform.build import Builder
from srcgrad.transform.inline import fresh_copy
from srcgrad.transform.simplify import eliminate_dead_code, propagate_copies


def close_checkpointed(function: Function) -> Function:
    """`function` with a `Sweep` for each outermost checkpointed loop.

    Raises:
        UnsupportedError: a loop cannot be run again from a snapshot.
    """
    loops = list(_outermost(function.body))
    if not loops:
        return function
    aliases, places = find_aliases(function), find_places(function)
    chosen = [examined(loop, aliases, places) for loop in loops]
    body = function.body
    for one in chosen:
        body = one.numbered(body)
    closing = _Closing(function, aliases, places, {c.loop.index: c for c in chosen})
    body = closing.block(body)
    return with_values(replace(function, body=body), closing.renamed)


def _outermost(block: Block) -> Iterator[For]:
    for stmt in block:
        match stmt:
            case For() if stmt.snapshots is not None:
                yield stmt
            case For() | While():
                yield from _outermost(stmt.body)
            case If():
                yield from _outermost(stmt.then)
                yield from _outermost(stmt.orelse)


class _Closing:
    """Writes the sweeps."""

    def __init__(self, function: Function, aliases: Aliases, places: Places, facts: dict[Var, Facts]) -> None:
        self.aliases, self.places, self.facts = aliases, places, facts
        self.used = {*uses(function.body), *(a for a in flatten(function.results) if isinstance(a, Var))}
        self.renamed: dict[Var, Atom] = {}

    def block(self, block: Block) -> Block:
        out: list[Stmt] = []
        for stmt in block:
            match stmt:
                case For() if stmt.index in self.facts:
                    out += _Closed(self, stmt, self.facts[stmt.index]).statements()
                case If():
                    out.append(replace(stmt, then=self.block(stmt.then), orelse=self.block(stmt.orelse)))
                case For() | While():
                    out.append(replace(stmt, body=self.block(stmt.body)))
                case _:
                    out.append(stmt)
        return tuple(out)


class _Closed:
    """One loop as a function of what it reads."""

    def __init__(self, closing: _Closing, loop: For, facts: Facts) -> None:
        self.closing, self.loop, self.facts = closing, loop, facts
        self.outer, self.inner = Builder(), Builder()
        for build in (self.outer, self.inner):
            build.algebra, build.loc = True, loop.loc
        self.numbers = [c for c in loop.carried if isinstance(c.inside.type, Scalar)]
        self.params = {c.inside: Var(c.inside.hint, c.inside.type) for c in self.numbers}
        self.own = {c.inside: self._copied(c.init) for c in facts.fresh}
        self.known: dict[Var, Var] = {}

    def statements(self) -> list[Stmt]:
        """The loop, closed, with what comes before and after it."""
        loop, facts, first, last = self.loop, self.facts, Var("first", INT64), Var("last", INT64)
        renamed: dict[Var, Atom] = {}
        for handle in free(loop.body, tuple(c.next for c in loop.carried)):
            if isinstance(handle.type, Array) and handle not in {c.inside for c in loop.carried}:
                renamed[handle] = self.inside(handle)
        carried = [Carried(c.inside, self._start(c), c.next, Var(c.result.hint, c.result.type)) for c in loop.carried]
        self.inner.emit(replace(loop, start=first, stop=last, carried=tuple(carried), snapshots=None))
        ends = {c.inside: c.result for c in carried}
        for name in facts.checked:
            self._check_shape(self.own[name], ends[name])
        self._keep([(own, ends[inside]) for inside, own in self.own.items()])
        code = substitute(tuple(self.inner.stack[0]), renamed)
        results = tuple(ends[c.inside] for c in self.numbers)
        given = [v for v in free(code, results) if v not in (first, last, *self.params.values())]
        scalars = [v for v in given if isinstance(v.type, Scalar)]
        arrays = [v for v in given if isinstance(v.type, Array)]
        if len(scalars) + len(arrays) < len(given):
            raise refuse(loop, "a checkpointed loop cannot use a list of arrays", "use an array")
        params = (first, last, *self.params.values(), *scalars, *arrays)
        segment = fresh_copy(Function("segment", params, code, results, (), loop.loc))
        replay = replace(segment, body=without(segment.body, Effect))
        replay = eliminate_dead_code(propagate_copies(fresh_copy(replay)))
        state, blank = self._state(arrays, replay)
        targets = tuple(c.result for c in self.numbers)
        inits = tuple(_zero(c.inside.type) if isinstance(c.init, Undef) else c.init for c in self.numbers)
        bounds, snapshots = (loop.start, loop.stop, loop.step), loop.snapshots or 0
        self.outer.emit(
            Sweep(targets, bounds, inits, tuple(scalars), tuple(arrays), state, blank, segment, replay, snapshots,
                  loc=loop.loc)
        )  # fmt: skip
        self._results()
        return self.outer.stack[0]

    def _state(self, arrays: list[Var], replay: Function) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Which arrays are part of the state of the loop, and which of them it does not read."""
        places, facts = self.closing.places, self.facts
        chosen = {places.root_of(e) for e in facts.entries}
        state = {k for k, a in enumerate(arrays) if a in chosen or a in facts.written or a in self.own.values()}
        read = _arrays_read(replay)
        inside = replay.params[len(replay.params) - len(arrays) :]
        return tuple(sorted(state)), tuple(k for k in sorted(state) if inside[k] not in read)

    def inside(self, handle: Var) -> Var:
        """A handle from outside, as the segment has it."""
        if handle not in self.known:
            stmt = self.closing.places.home.get(handle)
            if handle in self.facts.merged:
                number = self.facts.number[handle]
                self.known[handle] = self._chosen(self.inner, handle, number, inside=True)
            elif isinstance(stmt, View) and handle not in self.own.values():
                base = self.inside(stmt.base)
                self.known[handle] = self.inner.view(base, stmt.how, stmt.items, stmt.target.type)  # type: ignore[arg-type]
            else:
                self.known[handle] = handle
        return self.known[handle]

    def _chosen(self, build: Builder, handle: Var, number: Atom, *, inside: bool) -> Var:
        """The array that a number stands for."""
        entries = self.facts.entries
        found = choices(handle, self.closing.aliases, self.closing.places)[1]
        items = [(entries.index(e), self.inside(e) if inside else e) for e in found]
        return _choose(build, handle, number, items)

    def _start(self, c: Carried) -> Atom:
        if isinstance(c.inside.type, Scalar):
            return self.params[c.inside]
        if c.inside in self.own:
            return self.own[c.inside]
        number = self.facts.number[c.inside]
        assert isinstance(number, Var)
        return self._chosen(self.inner, c.inside, self.params[number], inside=True)

    def _results(self) -> None:
        """The handles after the loop."""
        for c in self.loop.carried:
            if c.inside in self.own:
                self.closing.renamed[c.result] = self.own[c.inside]
            elif isinstance(c.inside.type, Array) and c.result in self.closing.used:
                found = self._chosen(self.outer, c.result, self.facts.number[c.result], inside=False)
                self.closing.renamed[c.result] = found

    def _copied(self, array: Atom) -> Var:
        """A copy, before the loop, for what the loop carries from piece to piece."""
        assert isinstance(array, Var)
        assert isinstance(array.type, Array)
        build, shape = self.outer, self.outer.shapes(array)
        out = build.alloc("empty", array.type.dtype, shape, array.hint, like=array)
        build.nest(shape, lambda i: build.store(out, i, build.load(array, i)))
        return out

    def _check_shape(self, own: Var, end: Var) -> None:
        build = self.inner
        text = "raise ValueError('the arrays that a checkpointed loop carries must keep their shapes')"
        for before, after in zip(build.shapes(own), build.shapes(end), strict=True):
            cond = build.op("!=", before, after)
            build.emit(If(cond, (Effect(text, (), loc=build.loc),), (), (), loc=build.loc))

    def _keep(self, pairs: list[tuple[Var, Var]]) -> None:
        """At the end of a segment, copy the arrays that were made into those that are carried on."""
        build, aliases = self.inner, self.closing.aliases
        sources = [s for c in self.facts.fresh for s in aliases.merged[c.inside]]
        if len(pairs) > 1 or any(isinstance(self.closing.places.home.get(s), View) for s in sources):
            copies = []
            for own, end in pairs:
                shape = build.shapes(own)
                copy = build.alloc("empty", own.type.dtype, shape, own.hint, like=own)  # type: ignore[union-attr]
                build.nest(shape, lambda i, c=copy, e=end: build.store(c, i, build.load(e, i)))
                copies.append((own, copy))
            pairs = copies
        for own, end in pairs:
            build.nest(build.shapes(own), lambda i, o=own, e=end: build.store(o, i, build.load(e, i)))


def _choose(build: Builder, handle: Var, number: Atom, items: list[tuple[int, Var]]) -> Var:
    (k, first), *others = items
    if not others:
        return first
    with build.block() as orelse:
        rest = _choose(build, handle, number, others)
    out = Var(handle.hint, handle.type)
    cond = build.op("==", number, integer(k))
    build.emit(If(cond, (), tuple(orelse), (Result(out, first, rest),), loc=build.loc))
    return out


def _arrays_read(function: Function) -> set[Var]:
    aliases = find_aliases(function)
    found: set[Var] = set()
    for stmt in statements(function.body):
        if isinstance(stmt, Load):
            found |= aliases.bases[stmt.array]
        elif not isinstance(stmt, Store | Increment | View | Alloc | Assign | If | For | While):
            found |= {b for a in operands(stmt) if isinstance(a, Var) for b in aliases.bases.get(a, ())}
    return found


def _zero(of: Any) -> Const:
    return Const(False, BOOL) if of == BOOL else number(math.nan, of) if is_float(of) else Const(0, of)
