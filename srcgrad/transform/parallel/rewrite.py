"""Share the iterations of a loop out among threads: chunks of them, each a call of a function.

    e = 0.0                                      parts = np.empty(chunks)
    for i in prange(n):                          for t in prange(chunks):
        e += f(x[i])               ->                e, = segment(n * t // chunks, n * (t + 1) // chunks, x)
                                                     parts[t] = e
                                                 e = 0.0
                                                 for t in range(chunks):
                                                     e += parts[t]

The number of chunks does not depend on the number of threads, so neither do results. There are fewer where partial sums
of arrays would take too much memory, and where chunks must be longer than the distance at which iterations meet.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace

from srcgrad.ir.nodes import (
    ONE,
    ZERO,
    Alloc,
    Atom,
    Block,
    Call,
    Carried,
    Const,
    For,
    Function,
    If,
    Load,
    Result,
    Slice,
    Stmt,
    Store,
    Var,
    While,
    integer,
)  # fmt: skip
from srcgrad.ir.types import INT64, Array, Scalar
from srcgrad.ir.walk import free, statements, with_sharing
from srcgrad.transform.analysis.analyses import analyses_of
from srcgrad.transform.analysis.scratch import Scratch
from srcgrad.transform.analysis.written import written_parameters
from srcgrad.transform.build import Builder
from srcgrad.transform.inline import fresh_copy
from srcgrad.transform.parallel.failures import failure, with_failures_noted
from srcgrad.transform.parallel.folds import Fold
from srcgrad.transform.parallel.sharing import Sharing, sharing_of

CHUNKS = 32
PRIVATE = 1 << 26  # bytes that the partial sums of an array may take
WORTH = 1 << 15  # elements from which on an array expression is shared out


def share_out(
    function: Function, finish: Callable[[Function], Function] = lambda f: f, *,
    chosen: Callable[[Sharing], bool] = lambda _: True, chunks: int = CHUNKS, deterministic: bool = True,
) -> Function:  # fmt: skip
    """Share out the outermost `prange` loops, their reverses, and large loops over elements of arrays.

    `finish` is applied to the functions of the chunks, of which there are `chunks` at most. Loops that are not `chosen`
    are left as they are. Unless `deterministic`, chunks add atomically to large arrays at indices that run time
    chooses.
    """
    if not any(isinstance(s, For) and (s.parallel or s.mode == "elementwise") for s in statements(function.body)):
        return function
    analyses = analyses_of(function)

    def block(stmts: Block) -> Block:
        out: list[Stmt] = []
        for stmt in stmts:
            match stmt:
                case For():
                    found = None
                    if stmt.parallel or (stmt.mode == "elementwise" and _is_large(stmt)):
                        found = sharing_of(stmt, analyses)
                    if found is not None and not chosen(found):
                        out.append(stmt)
                    elif found is None or found.mixed or _has_scalar_arrays(stmt):
                        out.append(replace(stmt, body=block(stmt.body), parallel=False))
                    else:
                        found = replace(found, scattered=[] if deterministic else found.scattered)
                        noting, failures = with_failures_noted(stmt)
                        if failures is not None:
                            found.folds.append(Fold((failures,), "+"))
                        out += _Shared(noting, found, analyses.scratch, finish, chunks).statements()
                        if failures is not None:
                            out += failure(failures.result, stmt)
                case While():
                    out.append(replace(stmt, body=block(stmt.body)))
                case If():
                    out.append(replace(stmt, then=block(stmt.then), orelse=block(stmt.orelse)))
                case _:
                    out.append(stmt)
        return tuple(out)

    return replace(function, body=block(function.body))


def _has_scalar_arrays(loop: For) -> bool:
    """Whether arrays of no dimension are used: Numba passes numbers in their places to what runs on threads."""
    return any(isinstance(v.type, Array) and not v.type.ndim for v in free(loop.body))


def _is_large(loop: For) -> bool:
    """Whether a loop over elements may have enough of them: its length is no small constant."""
    short = isinstance(loop.stop, Const) and loop.stop.value < WORTH
    return not short or any(isinstance(s, For) for s in loop.body)


class _Shared:
    """One loop."""

    def __init__(
        self, loop: For, sharing: Sharing, scratch: Scratch, finish: Callable[[Function], Function], most: int
    ) -> None:  # fmt: skip
        self.loop, self.sharing, self.scratch, self.finish, self.most = loop, sharing, scratch, finish, most
        self.build = Builder()
        self.build.algebra, self.build.loc = True, loop.loc

    def statements(self) -> list[Stmt]:
        """What takes the place of the loop."""
        build, loop = self.build, self.loop
        op = build.op
        count = op("max", op("-", loop.stop, loop.start), ZERO)
        segment, given = self.segment()
        if not loop.parallel:
            work = op("*", count, self._inner_work())
            with build.block() as shared:
                totals = self.on_threads(segment, given, count)
            with build.block() as alone:
                direct = dict(zip(loop.carried, self.call(segment, loop.start, loop.stop, given), strict=True))
                ends: dict[Carried, Atom] = {}
                for f in self.sharing.folds:
                    first, part = [c.init for c in f.carried], [direct[c] for c in f.carried]
                    ends.update(zip(f.carried, f.joined(build, first, part, loop.index), strict=True))
            results = [Result(c.result, a, ends[c]) for c, a in zip(loop.carried, totals, strict=True)]
            build.emit(If(op(">", work, integer(WORTH)), tuple(shared), tuple(alone), tuple(results), loc=loop.loc))
            return build.stack[0]
        totals = self.on_threads(segment, given, count)
        renamed = {t: c.result for t, c in zip(totals, loop.carried, strict=True)}
        return [_with_results(s, renamed) for s in build.stack[0]]

    def on_threads(self, segment: Function, given: list[Atom], count: Atom) -> list[Var]:
        """Run all chunks, with the additions that the sizes of arrays ask for, and add up what they give."""
        build, scattered = self.build, self.sharing.scattered
        own = {p for p, a in zip(segment.params[2:], given, strict=True) if a in scattered}
        used = any(isinstance(s, Load | Store) and s.array in own for s in statements(segment.body))
        if not scattered or used:  # a pass may have made something else of `a[i] += x`
            return self.in_chunks(segment, given, count, self.sharing.reduced)
        sizes = [build.op("*", self.size(a), integer(self.most)) for a in scattered]
        fits = functools.reduce(lambda a, b: build.op("max", a, b), sizes)
        with build.block() as parts:
            first = self.in_chunks(segment, given, count, self.sharing.reduced)
        with build.block() as atomic:
            labelled = fresh_copy(with_sharing(segment, lambda s: "atomic" if s.array in own else s.sharing))
            rest = [a for a in self.sharing.reduced if a not in scattered]
            second = self.in_chunks(labelled, given, count, rest)
        results = [Result(Var(a.hint, a.type), a, b) for a, b in zip(first, second, strict=True)]
        cond = build.op("<=", fits, integer(PRIVATE))
        build.emit(If(cond, tuple(parts), tuple(atomic), tuple(results), loc=self.loop.loc))
        return [r.var for r in results]

    def segment(self) -> tuple[Function, list[Var]]:
        """The loop as a function of its bounds and of what it reads; and what it reads, reduced handles last."""
        loop, build = self.loop, Builder()
        build.algebra, build.loc = True, loop.loc
        first, last = Var("first", INT64), Var("last", INT64)
        low = build.op("max", first, ZERO) if isinstance(loop.start, Const) and loop.start.value >= 0 else first
        for array, alloc in self.scratch.allocs.items():  # in this order: one may be as large as another
            if array in self.sharing.private:
                build.emit(alloc)
        begun = {c: init for f in self.sharing.folds for c, init in zip(f.carried, f.begun(), strict=True)}
        carried = tuple(replace(c, init=begun[c]) for c in loop.carried)
        mode = "sequential" if loop.mode == "reversed" else loop.mode
        build.emit(replace(loop, start=low, stop=last, carried=carried, parallel=False, mode=mode))
        code = tuple(build.stack[0])
        results = tuple(c.result for c in carried)
        reduced = self.sharing.reduced
        models = [s.like for s in code if isinstance(s, Alloc) and s.like not in self.sharing.private]
        given = [v for v in free(code, (*results, *models)) if v not in (first, last, *reduced)]
        given = [*(v for v in given if isinstance(v.type, Scalar)), *(v for v in given if isinstance(v.type, Array))]
        given += reduced
        segment = Function("segment", (first, last, *given), code, results, (), loop.loc)
        return self.finish(fresh_copy(segment)), given

    def call(self, segment: Function, first: Atom, last: Atom, given: list[Atom]) -> list[Var]:
        """Run the iterations from `first` to `last`; what they add up to."""
        targets = [Var(c.result.hint, c.result.type) for c in self.loop.carried]
        written = written_parameters(segment)
        writes = tuple(k for k, p in enumerate(segment.params) if p in written)
        self.build.emit(Call(tuple(targets), segment, (first, last, *given), writes, loc=self.loop.loc))
        return targets

    def in_chunks(self, segment: Function, given: list[Atom], count: Atom, reduced: list[Var]) -> list[Var]:
        """Run all chunks, with partial sums of the arrays `reduced`, and add up what they give."""
        build, loop, op = self.build, self.loop, self.build.op
        chunks = self.chunks(count, reduced)
        parts = [build.alloc("empty", c.inside.type.dtype, (chunks,), c.result.hint) for c in loop.carried]  # type: ignore[union-attr]
        rows = [build.alloc("zeros", a.type.dtype, (chunks, *build.shapes(a)), a.hint) for a in reduced]  # type: ignore[union-attr]

        def chunk(t: Atom) -> None:
            ends = [op("+", loop.start, op("//", op("*", count, k), chunks)) for k in (t, op("+", t, ONE))]
            own: dict[Atom, Var] = {}
            for a, row in zip(reduced, rows, strict=True):
                to = Array(a.type.dtype, a.type.ndim, "C")  # type: ignore[union-attr]
                own[a] = build.view(row, "index", (t, *(Slice() for _ in range(to.ndim))), to)
            found = self.call(segment, *ends, [own.get(a, a) for a in given])
            for part, value in zip(parts, found, strict=True):
                build.store(part, (t,), value)

        if self.sharing.neighbours:  # every second chunk, then the others: those that run at once do not meet
            for colour in (0, 1):
                half = op("//", op("+", chunks, integer(1 - colour)), integer(2))
                self.every(half, lambda k, c=colour: chunk(op("+", op("*", k, integer(2)), integer(c))))
        else:
            self.every(chunks, chunk)
        for a, row in zip(reduced, rows, strict=True):
            self.add_rows(a, row, chunks)
        own_part = dict(zip(loop.carried, parts, strict=True))
        totals = {c: v for f in self.sharing.folds for c, v in self.total(f, own_part, chunks).items()}
        return [totals[c] for c in loop.carried]

    def chunks(self, count: Atom, reduced: list[Var]) -> Atom:
        """How many chunks there are, each with partial sums of the arrays `reduced`."""
        op = self.build.op
        chunks: Atom = integer(self.most)
        if self.most > CHUNKS:  # so many that there may be fewer iterations
            chunks = op("min", chunks, op("max", count, ONE))
        if self.sharing.neighbours:
            span = max(self.sharing.neighbours.values()) + 1
            chunks = op("min", chunks, op("max", op("//", count, integer(span)), ONE))
        for a in reduced:
            fits = op("//", integer(PRIVATE), op("max", self.size(a), ONE))
            chunks = op("min", chunks, op("max", fits, ONE))
        return chunks

    def size(self, array: Var) -> Atom:
        """How many bytes an array takes."""
        return functools.reduce(lambda a, b: self.build.op("*", a, b), self.build.shapes(array), integer(8))

    def every(self, count: Atom, body: Callable[[Var], None]) -> None:
        """A parallel loop."""
        build, index = self.build, Var("t", INT64)
        with build.block() as inner:
            build.home[index] = inner
            body(index)
        build.emit(For(index, ZERO, count, ONE, (), tuple(inner), mode="threads", loc=self.loop.loc))

    def total(self, fold: Fold, parts: Mapping[Carried, Var], chunks: Atom) -> dict[Carried, Var]:
        """What the chunks end with, put together in order."""
        build, index = self.build, Var("t", INT64)
        inside = [Var(c.inside.hint, c.inside.type) for c in fold.carried]
        results = {c: Var(c.result.hint, c.result.type) for c in fold.carried}
        with build.block() as inner:
            part = [build.load(parts[c], (index,)) for c in fold.carried]
            following = fold.joined(build, inside, part, self.loop.index)
        done = [Carried(v, c.init, n, results[c]) for v, c, n in zip(inside, fold.carried, following, strict=True)]
        build.emit(For(index, ZERO, chunks, ONE, tuple(done), tuple(inner), loc=self.loop.loc))
        return results

    def add_rows(self, array: Var, row: Var, chunks: Atom) -> None:
        """Add the partial sums of an array up, in order."""
        build = self.build

        def element(index: tuple[Atom, ...]) -> None:
            before, t, after = Var("", array.type.item), Var("t", INT64), Var("", array.type.item)  # type: ignore[union-attr]
            with build.block() as inner:
                following = build.op("+", before, build.load(row, (t, *index)))
            zero = Const(0.0, array.type.item)  # type: ignore[union-attr]
            done = Carried(before, zero, following, after)
            build.emit(For(t, ZERO, chunks, ONE, (done,), tuple(inner), loc=self.loop.loc))
            build.increment(array, index, after)

        build.nest(build.shapes(array), element)

    def _inner_work(self) -> Atom:
        """How many elements an iteration of a loop over rows has, as far as that is known before it."""
        inner = [s for s in self.loop.body if isinstance(s, For)]
        if len(inner) != 1:
            return ONE
        made = {v for s in statements(self.loop.body) for v in (getattr(s, "target", None),) if v is not None}
        stop = inner[0].stop
        return ONE if stop in made or stop is self.loop.index else self.build.op("max", stop, ONE)


def _with_results(stmt: Stmt, renamed: dict[Var, Var]) -> Stmt:
    """What adds parts up, with the names that the rest of the function reads."""
    if isinstance(stmt, For):
        return replace(stmt, carried=tuple(replace(c, result=renamed.get(c.result, c.result)) for c in stmt.carried))
    if isinstance(stmt, If):
        return replace(stmt, results=tuple(replace(r, var=renamed.get(r.var, r.var)) for r in stmt.results))
    return stmt
