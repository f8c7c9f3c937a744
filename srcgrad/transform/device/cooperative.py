"""The kernel of a grid: its indices, the memory of its blocks and threads, its code, and its launch."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from srcgrad.ir.nodes import (
    ONE,
    ZERO,
    Alloc,
    Assign,
    Atom,
    Block,
    Const,
    Effect,
    For,
    Increment,
    Load,
    Slice,
    Stmt,
    Store,
    Var,
    View,
    integer,
)  # fmt: skip
from srcgrad.ir.types import BOOL, INT64, Array, Scalar
from srcgrad.ir.walk import rebuilt, substitute
from srcgrad.transform.analysis.aliases import Aliases
from srcgrad.transform.build import Builder
from srcgrad.transform.device.atomics import IMPORT, spelled
from srcgrad.transform.device.blocks import SHARED, Grid, OwnElements, Threads, Touched, without_block_axes
from srcgrad.transform.device.kernel import Kernel
from srcgrad.transform.device.memory import LOCAL, Local, is_placeable

INDICES = {"lead": "cuda.threadIdx.x + cuda.threadIdx.y + cuda.threadIdx.z == 0"}


def launched(grid: Grid, kernel: Kernel, aliases: Aliases) -> list[Stmt] | None:
    """What takes the place of a grid; None where its threads cannot run it together."""
    if not is_placeable(grid.loops[0], frozenset()):
        return None
    return _Cooperative(grid, kernel, aliases).statements()


class _Cooperative:
    def __init__(self, grid: Grid, kernel: Kernel, aliases: Aliases) -> None:
        grid = without_block_axes(grid)
        self.grid, self.kernel, self.host = grid, kernel, kernel.host
        self.host.loc = grid.loops[0].loc
        self.own = OwnElements(grid)
        self.room = SHARED
        self.indices: dict[str, Var] = {}
        self.threads = Threads(grid, aliases, self.index, self.own, self.placed)
        inside = Builder()
        inside.loc = self.host.loc
        self.local = Local(self.host, inside, self._threads, own="device.thread()")
        self.extents = {s.axis[-1]: s.stop for s in grid.loops}
        self.blocks = tuple(self.extents.get(a, ONE) for a in "xyz")

    def index(self, axis: str) -> Var:
        """The index of this thread or its block."""
        if axis not in self.indices:
            hint = "lead" if axis == "lead" else f"{axis[0]}{axis[-1]}"
            self.indices[axis] = Var(hint, BOOL if axis == "lead" else INT64)
        return self.indices[axis]

    def statements(self) -> list[Stmt] | None:
        grid, names = self.grid, self.threads.names
        for loop in grid.loops:
            names[loop.index] = self.index(loop.axis)
            for c in loop.carried:
                names[c.inside] = c.init if loop is not grid.loops[0] else _zero(c.inside.type)
                names[c.result] = c.next
        body, _ = self.threads.code(grid.body, Touched())
        if self.threads.failed:
            return None
        parts = [self._parts(c.result) for c in grid.loops[0].carried]
        last: list[Stmt] = [
            Effect(f"device.sum_{c.result.type.dtype}({{0}}, {{1}})", (part, c.next), (IMPORT,))  # type: ignore[union-attr]
            for c, part in zip(grid.loops[0].carried, parts, strict=True)
        ]
        code = _localised((*grid.before, *body, *last), self.own)
        code = substitute(code, {v: _resolved(v, names) for v in names})
        code = self.local.placed(code, replace(grid.loops[0], carried=(), body=code))
        added = spelled(code, grid.added, frozenset(self.indices.values()))
        starts = [Assign(v, f"text:{_index(axis)}", ()) for axis, v in self.indices.items()]
        whole = (*starts, *added.before, *added.body, *added.after)
        self.kernel.launch(whole, self.blocks, self.host.loc, grid.threads)
        for c, part in zip(grid.loops[0].carried, parts, strict=True):
            total = self.host.draw("text:device.total({0})", (part,), c.result.type)  # type: ignore[arg-type]
            self.host.emit(Assign(c.result, "+", (c.init, total), loc=self.host.loc))
        return self.host.stack[0]

    def _count(self) -> Atom:
        count: Atom = ONE
        for n in self.extents.values():
            count = self.host.op("*", count, n)
        return count

    def _threads(self) -> Atom:
        return self.host.op("*", self._count(), integer(prod(self.grid.threads)))

    def _parts(self, result: Var) -> Var:
        assert isinstance(result.type, Scalar)
        return self.host.alloc("empty", result.type.dtype, (self._count(),), result.hint or "parts")

    # -- memory ----------------------------------------------------------------------------------------------------

    def placed(self, alloc: Alloc) -> tuple[list[Stmt], list[Stmt]]:
        """An array of a block: what makes it, and what fills it."""
        fill = self._fill(alloc) if alloc.fill != "empty" else []
        bare = replace(alloc, like=None, fill="empty")
        size = _size(alloc)
        if alloc.target in self.own.arrays:
            rest = alloc.shape[len(self.own.shape) :] or (ONE,)
            small = 0 < size <= LOCAL * prod(self.own.shape)
            target = Var(alloc.target.hint, Array(alloc.target.type.dtype, len(rest), "C"))  # type: ignore[union-attr]
            self.threads.names[alloc.target] = target
            return [replace(bare, target=target, shape=rest, space="local" if small else "")], fill
        if 0 < size <= self.room:
            self.room -= size
            return [replace(bare, space="shared")], fill
        whole = self.host.alloc("empty", alloc.target.type.dtype, (self._count(), *alloc.shape), alloc.target.hint)  # type: ignore[union-attr]
        block = Var("", INT64)
        items = (block, *(Slice() for _ in alloc.shape))
        return [Assign(block, "text:device.block()", ()), View(alloc.target, whole, "index", items)], fill

    def _fill(self, alloc: Alloc) -> list[Stmt]:
        """Each thread fills its own element, or every so many of the last axis."""
        build = Builder()
        build.loc = alloc.loc
        assert isinstance(alloc.target.type, Array)
        value = _zero(alloc.target.type.item) if alloc.fill == "zeros" else Const(1.0, alloc.target.type.item)
        own = tuple(self.index(f"thread.{a}") for a, n in zip("zyx", reversed(self.grid.threads), strict=True) if n > 1)
        lengths = tuple(getattr(n, "value", None) for n in alloc.shape)
        if alloc.target in self.own.arrays:
            rest = alloc.shape[len(own) :]
            build.nest(rest, lambda index: build.store(alloc.target, (*own, *index), value))
            return build.stack[0]
        if lengths == self.own.shape:
            build.store(alloc.target, own, value)
            return build.stack[0]
        thread = build.draw("text:device.thread_of_block()", (), INT64)

        def row(index: tuple[Atom, ...]) -> None:
            i = Var("i", INT64)
            with build.block() as inner:
                build.store(alloc.target, (*index, i), value)
            build.emit(For(i, thread, alloc.shape[-1], integer(prod(self.grid.threads)), (), tuple(inner)))

        build.nest(alloc.shape[:-1], row)
        return build.stack[0]


def _index(axis: str) -> str:
    kind, _, letter = axis.partition(".")
    return INDICES.get(axis, f"cuda.{kind}Idx.{letter}")


def _zero(kind: object) -> Const:
    assert isinstance(kind, Scalar)
    return Const(False if kind == BOOL else 0.0 if kind.dtype.startswith("float") else 0, kind)


def _size(alloc: Alloc) -> int:
    """The bytes that an array takes, 0 if that is not known."""
    return 8 * prod(n.value if isinstance(n, Const) else 0 for n in alloc.shape)


def _resolved(var: Var, names: dict) -> Atom:
    atom: Atom = var
    while isinstance(atom, Var) and atom in names:
        atom = names[atom]
    return atom


def _localised(block: Block, own: OwnElements) -> Block:
    """Accesses to arrays of which a thread has its own elements, without the indices of the thread."""

    def change(stmt: Stmt) -> Stmt:
        if isinstance(stmt, Load | Store | Increment) and stmt.array in own.arrays:
            stmt = replace(stmt, index=stmt.index[len(own.shape) :] or (ZERO,))
            return replace(stmt, sharing="exclusive") if isinstance(stmt, Increment) else stmt
        return stmt

    return rebuilt(block, change)
