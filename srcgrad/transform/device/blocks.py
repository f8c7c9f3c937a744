"""Loops over the blocks and threads of a grid, as a kernel again: what `transform/simt` has taken apart.

    for b in range(gridDim_x):                     def kernel(x, bx, bout):
        btile = np.zeros(128)                          t, b = cuda.threadIdx.x, cuda.blockIdx.x
        for t in range(128):                           btile = cuda.shared.array(128, np.float64)
            btile[127 - t] += bout[b * 128 + t]   ->   btile[t] = 0.0
        for t in range(128):                           cuda.syncthreads()
            bx[b * 128 + t] += btile[t]                cuda.atomic.add(btile, 127 - t, bout[b * 128 + t])
                                                       cuda.syncthreads()
                                                       bx[b * 128 + t] += btile[t]

A barrier stands where one loop over threads may touch what another thread has touched in an earlier one. Arrays of a
block are in shared memory, unless every thread has elements of its own. What a block computes outside of loops over
threads, every thread computes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from srcgrad.ir.nodes import (
    ONE,
    ZERO,
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
    Stmt,
    Store,
    Var,
    View,
    While,
)
from srcgrad.ir.types import Array
from srcgrad.ir.walk import blocks, defined, operands, rebuilt, statements, uses, yields
from srcgrad.transform.analysis.aliases import Aliases
from srcgrad.transform.analysis.independence import only_sums
from srcgrad.transform.analysis.scratch import Scratch
from srcgrad.transform.simt import mark_atomics, may_race

SHARED = 40 * 1024  # bytes of shared memory that the arrays of a block may take


@dataclass(frozen=True)
class Grid:
    """A nest of loops over blocks.

    Attributes:
        loops: the loops, outermost first.
        body: what a block does; increments in it are labelled.
        before: statements between the loops, which every thread runs.
        threads: how many threads a block has along x, y and z.
        added: arrays that are added to, and with which the grid does nothing else.
        shares: sums over the threads of a block that are only added to elements: each thread can add its own share.
    """

    loops: tuple[For, ...]
    body: Block
    before: Block
    threads: tuple[int, int, int]
    added: frozenset[Var]
    shares: frozenset[Var]


def grid_of(
    loop: For, function: Function, aliases: Aliases, scratch: Scratch, *, deterministic: bool
) -> Grid | None:  # fmt: skip
    """The grid that a loop stands for; None where threads cannot run it together.

    If it is to be `deterministic`, neither can they where several add to one element.
    """
    private = [scratch.allocs[a] for a in scratch.private if scratch.is_scratch(a, loop) or scratch.is_padded(a, loop)]
    whole = mark_atomics(_with_own(function, loop, private))
    (loop,) = (s for s in statements(whole.body) if isinstance(s, For) and s.index is loop.index)
    if may_race(whole, loop):
        return None
    loops, before = [loop], []
    while (inner := _next(loops[-1])) is not None:
        outer = loops[-1]
        own = {c.result: c.init for c in inner.carried}
        if len(own) != len(outer.carried) or not all(own.get(c.next) is c.inside for c in outer.carried):
            return None
        before += outer.body[:-1]
        loops.append(inner)
    body = loops[-1].body
    inside = list(statements(body))
    if not all(isinstance(s, _KNOWN) for s in (*before, *inside)) or not all(isinstance(s, _PURE) for s in before):
        return None
    if not all(only_sums(s, list(statements(s.body))) for s in loops):
        return None
    threads = _shape(inside)
    if threads is None:
        return None
    if deterministic and any(isinstance(s, Increment) and s.sharing == "atomic" for s in inside):
        return None
    shares = {} if deterministic else {s: replace(s, sharing="atomic") for s in _shared_increments(body)}
    body = rebuilt(body, lambda s: shares.get(s, s))  # type: ignore[call-overload]
    own_arrays = {s.target for s in inside if isinstance(s, Alloc | View)}
    used = [s for s in (*before, *inside) if isinstance(s, Load | Store)]
    added = {
        s.array for s in inside
        if isinstance(s, Increment) and s.array not in own_arrays and aliases.bases[s.array] == {s.array}
        and not any(aliases.may_overlap(u.array, s.array) for u in used)
    }  # fmt: skip
    sums = frozenset(s.value for s in shares)
    return Grid(tuple(loops), body, tuple(before), threads, frozenset(added), sums)  # type: ignore[arg-type]


def _next(loop: For) -> For | None:
    """The loop over blocks that ends the body of another one."""
    inner = loop.body[-1] if loop.body else None
    return inner if isinstance(inner, For) and inner.axis.startswith("block.") else None


def _with_own(function: Function, loop: For, private: list[Alloc]) -> Function:
    """`function` with arrays that every block has for itself made in the innermost of the loops over blocks."""
    while (inner := _next(loop)) is not None:
        loop = inner
    moved = {s.target for s in private}

    def change(stmt: Stmt) -> Stmt | None:
        if isinstance(stmt, Alloc) and stmt.target in moved:
            return None
        if isinstance(stmt, For) and stmt.index is loop.index:
            return replace(stmt, body=(*private, *stmt.body))
        return stmt

    return replace(function, body=rebuilt(function.body, change))


def _shape(inside: list[Stmt]) -> tuple[int, int, int] | None:
    """How many threads a block has along x, y and z, by its loops over them; None where those differ."""
    threads = {"x": 1, "y": 1, "z": 1}
    for s in inside:
        if isinstance(s, For) and s.axis:
            if not isinstance(s.stop, Const) or s.start != ZERO or s.step != ONE or s.exit is not None:
                return None
            if threads[s.axis[-1]] not in (1, s.stop.value):
                return None
            threads[s.axis[-1]] = s.stop.value
    return threads["x"], threads["y"], threads["z"]


def _shared_increments(body: Block) -> Iterator[Increment]:
    """Increments by what a loop over threads has added up, from zero, and nothing else reads."""
    sums: set[Atom] = set()
    found: list[Increment] = []

    def look(block: Block) -> None:
        for stmt in block:
            if isinstance(stmt, For) and stmt.axis:
                sums.update(c.result for c in stmt.carried if isinstance(c.init, Const) and c.init.value == 0.0)
                continue
            if isinstance(stmt, Increment):
                found.append(stmt)
            for inner in blocks(stmt):
                look(inner)

    look(body)
    read = Counter(uses(body))
    mine = Counter(s.value for s in found)
    yield from (s for s in found if s.value in sums and read[s.value] == mine[s.value])  # type: ignore[index]


_PURE = (Assign, Load, View)
_KNOWN = (Assign, Load, Store, Increment, Alloc, View, If, For, While)


@dataclass(frozen=True)
class Touched:
    """Arrays that statements read, write, and add to atomically."""

    reads: frozenset[Var] = frozenset()
    writes: frozenset[Var] = frozenset()
    adds: frozenset[Var] = frozenset()

    def __or__(self, other: Touched) -> Touched:
        return Touched(self.reads | other.reads, self.writes | other.writes, self.adds | other.adds)

    def meets(self, other: Touched) -> bool:
        """Whether the order of two accesses matters."""
        changed, changes = self.writes | self.adds, other.writes | other.adds
        return bool(
            self.writes & changes or other.writes & changed or self.reads & changes or other.reads & changed
        )  # fmt: skip


def without_block_axes(grid: Grid) -> Grid:
    """A grid whose arrays of a block are addressed without the indices of blocks, where all uses begin with them."""
    indices = tuple(loop.index for loop in grid.loops)
    inside = list(statements(grid.body))
    cut: dict[Var, Var] = {}
    for array in (s.target for s in inside if isinstance(s, Alloc)):
        mine = [s for s in inside if array in (*operands(s), *yields(s))]
        if all(isinstance(s, Load | Store | Increment) and s.index[: len(indices)] == indices for s in mine):
            axes = max(array.type.ndim - len(indices), 1)  # type: ignore[union-attr]
            if mine:
                cut[array] = Var(array.hint, Array(array.type.dtype, axes, "C"))  # type: ignore[union-attr]

    def change(stmt: Stmt) -> Stmt:
        if isinstance(stmt, Load | Store | Increment) and stmt.array in cut:
            return replace(stmt, array=cut[stmt.array], index=stmt.index[len(indices) :] or (ZERO,))
        if isinstance(stmt, Alloc) and stmt.target in cut:
            return replace(stmt, target=cut[stmt.target], shape=stmt.shape[len(indices) :] or (ONE,), like=None)
        return stmt

    return replace(grid, body=rebuilt(grid.body, change))


class OwnElements:
    """Arrays of which every thread has its own elements: those at the indices of the loops over threads."""

    def __init__(self, grid: Grid) -> None:
        self.shape = tuple(n for n in reversed(grid.threads) if n > 1)
        self.arrays = {s.target for s in statements(grid.body) if isinstance(s, Alloc)}
        self._visit(grid.body, ())

    def _visit(self, block: Block, indices: tuple[Var, ...]) -> None:
        for stmt in block:
            if isinstance(stmt, Load | Store | Increment):
                at = stmt.index[: len(self.shape)]
                if at != indices or len(indices) < len(self.shape):
                    self.arrays.discard(stmt.array)
            elif isinstance(stmt, Alloc):
                if tuple(getattr(n, "value", None) for n in stmt.shape[: len(self.shape)]) != self.shape:
                    self.arrays.discard(stmt.target)
            elif not (isinstance(stmt, Assign) and stmt.op == "shape"):
                self.arrays.difference_update((*operands(stmt), *yields(stmt)))  # it gets another name
            own = (*indices, stmt.index) if isinstance(stmt, For) and stmt.axis else indices
            for inner in blocks(stmt):
                self._visit(inner, own)


class Threads:
    """Writes what one thread of a block does."""

    def __init__(
        self, grid: Grid, aliases: Aliases, index: Callable[[str], Var], own: OwnElements,
        placed: Callable[[Alloc], tuple[list[Stmt], list[Stmt]]],
    ) -> None:  # fmt: skip
        self.grid, self.aliases, self.index, self.own, self.placed = grid, aliases, index, own, placed
        self.names: dict[Var, Any] = {}
        self.partial = set(_sums(grid))
        self.made: dict[Var, tuple[list[Stmt], list[Stmt]]] = {}
        self.failed = False

    def code(self, block: Block, pending: Touched) -> tuple[Block, Touched]:
        """A block, and what has been touched since the last barrier, given that before it."""
        out: list[Stmt] = []
        for stmt in block:
            made, pending = self.statement(stmt, pending)
            out += made
        return tuple(out), pending

    def statement(self, stmt: Stmt, pending: Touched) -> tuple[list[Stmt], Touched]:
        if isinstance(stmt, Alloc):
            return self.alloc(stmt, pending)
        inside = list(statements((stmt,)))
        if isinstance(stmt, For) and stmt.axis:
            return self.region(self.thread(stmt), self.touched(inside), pending)
        shared = self.is_shared(stmt)
        by_all = any((isinstance(s, For) and s.axis) or isinstance(s, Alloc) or self.is_shared(s) for s in inside)
        if by_all and not shared:
            return self.around(stmt, pending)
        if shared or not any(isinstance(s, Store | Increment) for s in inside):
            return self.region([self.common(stmt)], self.touched(inside), pending)
        self.failed |= bool(defined(stmt))
        return self.region([If(self.lead, (stmt,), (), loc=stmt.loc)], self.touched(inside), pending)

    def is_shared(self, stmt: Stmt) -> bool:
        """Whether each thread adds its own share of a sum."""
        return isinstance(stmt, Increment) and stmt.value in self.grid.shares

    def region(self, code: list[Stmt], touched: Touched, pending: Touched) -> tuple[list[Stmt], Touched]:
        """Code that all threads run, after a barrier if it needs one."""
        if touched.meets(pending):
            return [Effect("cuda.syncthreads()", ()), *code], touched
        return code, pending | touched

    def alloc(self, stmt: Alloc, pending: Touched) -> tuple[list[Stmt], Touched]:
        if stmt.target not in self.made:  # a loop is written twice
            self.made[stmt.target] = self.placed(stmt)
        made, fill = self.made[stmt.target]
        if not fill or stmt.target in self.own.arrays:
            return [*made, *fill], pending
        code, pending = self.region(fill, Touched(writes=frozenset({stmt.target})), pending)
        return [*made, *code], pending

    def around(self, stmt: Stmt, pending: Touched) -> tuple[list[Stmt], Touched]:
        """A loop or branch around regions, which is the same for all threads."""
        if isinstance(stmt, If):
            then, first = self.code(stmt.then, pending)
            orelse, second = self.code(stmt.orelse, pending)
            return [replace(stmt, then=then, orelse=orelse)], first | second
        assert isinstance(stmt, For | While)
        _, after = self.code(stmt.body, pending)
        body, after = self.code(stmt.body, pending | after)
        return [replace(stmt, body=body)], pending | after

    def thread(self, loop: For) -> list[Stmt]:
        """The iteration of a nest of loops over threads that is this thread's."""
        missing = {a for a, n in zip("xyz", self.grid.threads, strict=True) if n > 1}
        code, stmt = [], loop
        after: list[Stmt] = []
        while True:
            missing.discard(stmt.axis[-1])
            self.names[stmt.index] = self.index(stmt.axis)
            for c in stmt.carried:
                self.sum(c, after)
            inner = stmt.body[-1] if stmt.body else None
            if isinstance(inner, For) and inner.axis.startswith("thread."):
                if not all(isinstance(s, _PURE) for s in stmt.body[:-1]):
                    self.failed = True
                code += stmt.body[:-1]
                stmt = inner
                continue
            code += stmt.body
            break
        if missing:
            self.failed = True
        return [*code, *after]

    def sum(self, c: Carried, after: list[Stmt]) -> None:
        """What a loop over threads carries: each thread's part of a sum that is added up at the end of the kernel."""
        if c.result not in self.partial and c.result not in self.grid.shares:
            self.failed = True
        self.names[c.inside] = c.init
        self.names[c.result] = c.next

    def common(self, stmt: Stmt) -> Stmt:
        """A statement that all threads run; what it adds to a sum, one of them adds."""
        if not any(v in self.partial for v in defined(stmt)):
            return stmt
        self.failed = True
        return stmt

    @property
    def lead(self) -> Var:
        return self.index("lead")

    def touched(self, inside: list[Stmt]) -> Touched:
        reads: set[Var] = set()
        writes: set[Var] = set()
        adds: set[Var] = set()
        alone = self.own.arrays | {s.target for s in inside if isinstance(s, Alloc)}
        for s in inside:
            if isinstance(s, Load | Store | Increment):
                bases = set(self.aliases.bases.get(s.array, {s.array})) - alone
                atomic = isinstance(s, Increment) and s.sharing == "atomic"
                (reads if isinstance(s, Load) else adds if atomic else writes).update(bases)
        return Touched(frozenset(reads), frozenset(writes), frozenset(adds))


def _sums(grid: Grid) -> Iterator[Var]:
    """All values on the way of the sums that a grid carries."""
    home = {v: s for loop in grid.loops[:1] for s in statements((loop,)) for v in defined(s)}
    for loop in grid.loops:
        for c in loop.carried:
            yield from (c.inside, c.result)
            yield from _path(c.next, c.inside, home)


def _path(value: object, start: Var, home: dict[Var, Stmt]) -> Iterator[Var]:
    todo, seen = [value], {start}
    while todo:
        v = todo.pop()
        if not isinstance(v, Var) or v in seen:
            continue
        seen.add(v)
        yield v
        stmt = home.get(v)
        match stmt:
            case Assign():
                todo.append(stmt.args[0])
            case For() | While():
                for c in stmt.carried:
                    if c.result is v:
                        yield c.inside
                        todo.append(c.init)
                        yield from _path(c.next, c.inside, home)
            case If():
                todo += [a for r in stmt.results if r.var is v for a in (r.then, r.orelse)]
