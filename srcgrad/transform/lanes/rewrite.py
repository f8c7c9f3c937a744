"""Strip-mining and interchange: a loop whose iterations are independent runs a few of them at a time, in lanes.

J. R. Allen, K. Kennedy, Automatic translation of Fortran programs to vector form (1987), with scalar expansion. Each
run of statements becomes a loop over the lanes, which LLVM vectorises; values that outlive such a loop are kept in an
array, one row a value; scratch arrays get an axis for the lane.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from srcgrad.ir.nodes import (
    ONE,
    ZERO,
    Alloc,
    Assign,
    Atom,
    Block,
    Carried,
    For,
    Function,
    If,
    Increment,
    Load,
    Result,
    Stmt,
    Store,
    Var,
    While,
    integer,
)  # fmt: skip
from srcgrad.ir.types import INT64, Array, Scalar
from srcgrad.ir.walk import defined, free, statements, uses
from srcgrad.transform.analysis.analyses import analyses_of
from srcgrad.transform.analysis.scratch import Scratch
from srcgrad.transform.build import Builder
from srcgrad.transform.inline import inline_function
from srcgrad.transform.lanes.candidates import Candidate, find_candidate

LANES = 32


def use_lanes(function: Function, lanes: int = LANES) -> Function:
    """Run the outermost loops that can be, and are better so, in lanes, so many of them."""
    if not any(isinstance(s, For) and any(isinstance(i, For) for i in s.body) for s in statements(function.body)):
        return function
    analyses = analyses_of(function)

    def block(stmts: Block) -> Block:
        out: list[Stmt] = []
        for stmt in stmts:
            match stmt:
                case For():
                    found = find_candidate(stmt, analyses)
                    out += (
                        _stripped(found, analyses.scratch, lanes)
                        if found is not None
                        else [replace(stmt, body=block(stmt.body))]
                    )
                case While():
                    out.append(replace(stmt, body=block(stmt.body)))
                case If():
                    out.append(replace(stmt, then=block(stmt.then), orelse=block(stmt.orelse)))
                case _:
                    out.append(stmt)
        return tuple(out)

    return replace(function, body=block(function.body))


def _stripped(found: Candidate, scratch: Scratch, lanes: int) -> list[Stmt]:
    """The loop over whole strips, and then the loop itself for the iterations that are left."""
    loop, build = found.loop, Builder()
    build.algebra, build.loc = True, loop.loc
    op = build.op
    trips = op("max", op("-", loop.stop, loop.start), ZERO)
    end = op("+", loop.start, op("*", op("//", trips, integer(lanes)), integer(lanes)))
    strip = _Strip(found, lanes)
    order = [a for a in scratch.allocs if a in found.scratch]  # as in the text
    for array in order:
        strip.own_arrays[array] = build.alloc(
            scratch.allocs[array].fill, array.type.dtype, (*scratch.allocs[array].shape, integer(lanes)), array.hint
        )  # type: ignore[union-attr]
    carried, body = strip.run()
    results = {c.result: Var(c.result.hint, c.result.type) for c in loop.carried}
    for dtype, slots in strip.slots.items():
        array = strip.stores[dtype]
        build.emit(Alloc(array, "empty", (integer(len(slots)), integer(lanes)), loc=loop.loc))
    done = [
        Carried(c.inside, c.init, c.next, results[old.result]) for c, old in zip(carried, loop.carried, strict=True)
    ]
    build.emit(For(strip.first, loop.start, end, integer(lanes), tuple(done), body, loc=loop.loc))
    rest = tuple(replace(c, init=results[c.result]) for c in loop.carried)
    return [*build.stack[0], replace(loop, start=end, carried=rest)]


@dataclass
class _Strip:
    """Writes the body of the loop over strips."""

    found: Candidate
    lanes: int
    first: Var = field(default_factory=lambda: Var("first", INT64))
    own_arrays: dict[Var, Var] = field(default_factory=dict)
    new: dict[Var, Atom] = field(default_factory=dict)  # for uniform values and sums, what stands for them
    slots: dict[str, dict[Var, int]] = field(default_factory=dict)  # rows of varying values, by dtype
    stores: dict[str, Var] = field(default_factory=dict)
    segment: list[Stmt] = field(default_factory=list)

    def run(self) -> tuple[list[Carried], Block]:
        loop = self.found.loop
        self.build = Builder()
        self.build.algebra, self.build.loc = True, loop.loc
        self.count = Counter(uses(loop.body))
        self.count.update(c.next for c in loop.carried if isinstance(c.next, Var))
        heads = [Var(c.inside.hint, c.inside.type) for c in loop.carried]
        self.new.update(zip((c.inside for c in loop.carried), heads, strict=True))
        self.block(loop.body)
        self.flush()
        carried = [
            Carried(h, c.init, self.at(c.next), c.result) for h, c in zip(heads, loop.carried, strict=True)
        ]  # fmt: skip
        return carried, tuple(self.build.stack[0])

    def at(self, atom: Atom) -> Atom:
        return self.new.get(atom, atom) if isinstance(atom, Var) else atom

    # -- statements ----------------------------------------------------------------------------------------------

    def block(self, block: Block) -> None:
        for stmt in block:
            self.build.loc = stmt.loc
            if self.is_uniform(stmt):
                self.copy(stmt)
            elif isinstance(stmt, For):
                self.loop(stmt)
            elif isinstance(stmt, If) and not self.found.varies(stmt.cond):
                self.branch(stmt)
            elif self.is_gather(stmt):  # ahead of what waits, which writes nothing that it reads
                waiting, self.segment = self.segment, [stmt]
                self.flush()
                self.segment = waiting
            elif self.stands_alone(stmt):
                self.flush()
                self.segment.append(stmt)
                self.flush()
            else:
                self.segment.append(stmt)

    def is_uniform(self, stmt: Stmt) -> bool:
        """Whether a statement, with all in it, is the same for all lanes, and writes nothing."""
        for s in statements((stmt,)):
            if isinstance(s, Store | Increment) or any(
                v in self.found.varying or v in self.found.sums for v in defined(s)
            ):
                return False
        return True

    def stands_alone(self, stmt: Stmt) -> bool:
        """Whether different lanes may address the same element, so that a loop with this is not vectorised."""
        shared = (
            isinstance(stmt, Increment) and stmt.array not in self.found.scratch and stmt.array not in self.found.own
        )
        return shared and any(map(self.found.varies, stmt.index))  # type: ignore[attr-defined]

    def is_gather(self, stmt: Stmt) -> bool:
        """Whether a load takes from each lane's own row: LLVM would make such a loop fast for rows of one element."""
        found = self.found
        if not isinstance(stmt, Load) or stmt.array in found.scratch or stmt.array in found.own:
            return False
        varying = [k for k, i in enumerate(stmt.index) if found.varies(i)]
        plain = all(stmt.index[k] is found.loop.index for k in varying)
        return plain and bool(varying) and varying != [len(stmt.index) - 1]

    def copy(self, stmt: Stmt) -> None:
        outer = free((stmt,))
        results = tuple(defined(stmt))
        found = inline_function(
            self.build, Function("", tuple(outer), (stmt,), results, ()), [self.at(v) for v in outer]
        )
        self.new.update(zip(results, found, strict=True))

    def branch(self, stmt: If) -> None:
        self.flush()
        varying = [r for r in stmt.results if r.var in self.found.varying]
        others = [r for r in stmt.results if r.var not in self.found.varying]
        sides, ends = [], []
        for block, arms in ((stmt.then, [r.then for r in varying]), (stmt.orelse, [r.orelse for r in varying])):
            with self.build.block() as inner:
                self.block(block)
                self.flush([(r.var, a) for r, a in zip(varying, arms, strict=True)])
            sides.append(tuple(inner))
            ends.append([self.at(r.then if len(ends) == 0 else r.orelse) for r in others])
        results = []
        for r, then, orelse in zip(others, *ends, strict=True):
            self.new[r.var] = Var(r.var.hint, r.var.type)
            results.append(Result(self.new[r.var], then, orelse))  # type: ignore[arg-type]
        self.build.emit(If(self.at(stmt.cond), sides[0], sides[1], tuple(results), loc=stmt.loc))

    def loop(self, stmt: For) -> None:
        varying = [c for c in stmt.carried if c.inside in self.found.varying]
        others = [c for c in stmt.carried if c.inside not in self.found.varying]
        for c in varying:
            self.share(c.result, c.inside)
        self.flush([(c.inside, c.init) for c in varying])
        index = Var(stmt.index.hint, INT64)
        self.new[stmt.index] = index
        heads = [Var(c.inside.hint, c.inside.type) for c in others]
        inits = [self.at(c.init) for c in others]
        self.new.update(zip((c.inside for c in others), heads, strict=True))
        with self.build.block() as inner:
            self.block(stmt.body)
            self.flush([(c.inside, c.next) for c in varying])
        carried = []
        for c, head, init in zip(others, heads, inits, strict=True):
            after = Var(c.result.hint, c.result.type)
            carried.append(Carried(head, init, self.at(c.next), after))
            self.new[c.result] = after
        bounds = (self.at(stmt.start), self.at(stmt.stop), self.at(stmt.step))
        self.build.emit(For(index, *bounds, tuple(carried), tuple(inner), loc=stmt.loc))

    # -- lanes ---------------------------------------------------------------------------------------------------

    def share(self, var: Var, other: Var) -> None:
        """Keep two values in the same row: one ends where the other begins."""
        rows = self._rows(other)
        rows[var] = rows.setdefault(other, len(set(rows.values())))

    def _rows(self, var: Var) -> dict[Var, int]:
        assert isinstance(var.type, Scalar)
        self.stores.setdefault(var.type.dtype, Var("lanes", Array(var.type.dtype, 2)))
        return self.slots.setdefault(var.type.dtype, {})

    def _place(self, var: Var, lane: Var) -> tuple[Var, tuple[Atom, ...]]:
        rows = self._rows(var)
        row = rows.setdefault(var, len(set(rows.values())))
        return self.stores[var.type.dtype], (integer(row), lane)  # type: ignore[union-attr]

    def flush(self, copies: list[tuple[Var, Atom]] | None = None) -> None:
        """Write the statements that wait as a loop over the lanes, then `copies`, pairs of a value and what it is."""
        copies = copies or []
        if not self.segment and not copies:
            return
        lane = Var("lane", INT64)
        body = self.with_lane(tuple(self.segment), lane)
        made = {v for s in statements(body) for v in defined(s)}
        within = Counter([*uses(body), *(a for _, a in copies if isinstance(a, Var))])
        ends = [a for _, a in copies if isinstance(a, Var)]
        top = [v for s in body for v in defined(s)]
        kept = [v for v in top if v in self.found.varying and self.count[v] > within[v]]
        sums = [v for v in top if v in self.found.sums and self.count[v] > within[v]]
        read = list(dict.fromkeys(v for v in (*free(body), *(e for e in ends if e not in made)) if v is not lane))
        inits = [v for v in read if v in self.found.sums]
        heads = {v: Var(v.hint, v.type) for v in inits}
        with self.build.block() as inner:
            given: list[Atom] = []
            for v in read:
                if v in heads:
                    given.append(heads[v])
                elif v is self.found.loop.index:
                    given.append(self.build.op("+", self.first, lane))
                elif v in self.found.varying:
                    array, at = self._place(v, lane)
                    given.append(self.build.load(array, at))
                else:
                    given.append(self.at(v))
            results = (*kept, *sums, *(a for _, a in copies))
            found = inline_function(self.build, Function("", (*read, lane), body, results, ()), [*given, lane])
            for v, atom in zip(kept, found, strict=False):
                self.build.store(*self._place(v, lane), atom)
            for (v, _), atom in zip(copies, found[len(kept) + len(sums) :], strict=True):
                self.build.store(*self._place(v, lane), atom)
        carried = []
        for v, atom in zip(sums, found[len(kept) :], strict=False):
            start = self._start(v, body)
            after = Var(v.hint, v.type)
            carried.append(Carried(heads[start], self.at(start), atom, after))
            self.new[v] = after
        self.build.emit(For(lane, ZERO, integer(self.lanes), ONE, tuple(carried), tuple(inner), loc=self.build.loc))
        self.segment = []

    def _start(self, total: Var, body: Block) -> Var:
        """The sum that, with terms of this segment added, is `total`."""
        home = {s.target: s for s in body if isinstance(s, Assign)}
        while total in home:
            total = home[total].args[0]  # type: ignore[assignment]
        return total

    def with_lane(self, block: Block, lane: Var) -> Block:
        """`block` with an axis more in accesses to scratch arrays."""
        out: list[Stmt] = []
        for stmt in block:
            match stmt:
                case Load() | Store() | Increment() if stmt.array in self.own_arrays:
                    out.append(replace(stmt, array=self.own_arrays[stmt.array], index=(*stmt.index, lane)))
                case If():
                    then, orelse = self.with_lane(stmt.then, lane), self.with_lane(stmt.orelse, lane)
                    out.append(replace(stmt, then=then, orelse=orelse))
                case _:
                    out.append(stmt)
        return tuple(out)
