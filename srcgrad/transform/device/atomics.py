"""How threads add to elements that others add to as well.

- To an element that is the same for all threads, each adds up on its own, and then a block makes one addition;
- to one that depends on the inner loop of two only, each adds up over the outer one, which goes inside for that;
- to one that is the same for threads that run side by side (an index of a loop inside), a warp makes one addition;
- to any other, each thread makes its own, atomically.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from srcgrad.ir.nodes import (
    ONE,
    ZERO,
    Alloc,
    Assign,
    Atom,
    Block,
    Call,
    Const,
    For,
    If,
    Increment,
    Load,
    Stmt,
    Store,
    Var,
    While,
)
from srcgrad.ir.types import BOOL, Array
from srcgrad.ir.walk import defined, introduced, rebuilt, statements
from srcgrad.transform.device.nests import Nest

IMPORT = "from srcgrad.runtime import device"
SUMMED = {"float64", "float32", "int64"}  # what a block or a warp adds up; other numbers are added one by one


@dataclass
class Together:
    """The body of a nest of loops with its additions spelled.

    Attributes:
        body: the body.
        before: statements that run before the loops.
        after: statements that run after them.
        first: statements that run at the start of an iteration of the inner loop, if that goes outside.
        last: statements that run at the end of one.
    """

    body: Block
    first: list[Stmt] = field(default_factory=list)
    last: list[Stmt] = field(default_factory=list)
    before: list[Stmt] = field(default_factory=list)
    after: list[Stmt] = field(default_factory=list)


def together(body: Block, nest: Nest) -> Together:
    """Spell what several iterations of a nest add to one element."""
    column = nest.loops[1].index if len(nest.loops) == 2 else None
    own = frozenset(loop.index for loop in nest.loops)
    return _Spelling(_labelled(body, nest.atomic), nest.atomic, own, column, nest.loops[0].body).of()


def spelled(body: Block, added: frozenset[Var], own: frozenset[Var]) -> Together:
    """Spell increments that are labelled as atomic; `own` are the indices of a thread and its block.

    With the arrays that are `added` to nothing else is done.
    """
    return _Spelling(body, added, own).of()


class _Spelling:
    """Spells the additions of a body.

    Attributes:
        made: what may differ between moments or threads.
        varying: what may differ between threads that run side by side.
    """

    def __init__(
        self, body: Block, added: frozenset[Var], own: frozenset[Var], column: Var | None = None, around: Block = (),
    ) -> None:  # fmt: skip
        self.body, self.added, self.column = body, added, column
        inside = [*statements(around), *statements(body)]
        self.made: set[Atom] = {*own, *(v for s in inside for v in (*defined(s), *introduced(s)))}
        self.varying: set[Atom] = set(own)
        for s in inside:
            steady = isinstance(s, Assign | For) and not any(
                a in self.varying for a in (s.args if isinstance(s, Assign) else (s.start, s.step))
            )
            if not steady or (isinstance(s, For) and s.index in own):
                self.varying.update(defined(s))
            if isinstance(s, For | While):
                self.varying.update(v for v in introduced(s) if not (steady and v is getattr(s, "index", None)))
                self.varying.update(defined(s))
        self.sums: dict[tuple[Var, tuple[Atom, ...]], Var] = {}

    def of(self) -> Together:
        found = Together(rebuilt(self.body, self.increment))
        for (array, index), own in self.sums.items():
            assert isinstance(array.type, Array)
            zero = Const(0 if array.type.dtype == "int64" else 0.0, array.type.item)
            value = Var("", array.type.item)
            found.before.append(Alloc(own, "empty", (ONE,), space="local"))
            some = Var("", BOOL)  # else no iteration may have come to the addition, and there may be no such element

            def add(value: Var, some=some, array=array, index=index) -> If:
                return If(some, (Increment(array, index, value, "atomic"),), ())

            if self.column in index:
                found.first.append(Store(own, (ZERO,), zero))
                found.last += [Load(value, own, (ZERO,)), Assign(some, "!=", (value, zero)), add(value)]
                continue
            found.before.append(Store(own, (ZERO,), zero))
            total = Var("total", array.type.item)  # a name, so that all threads run the call
            first = Var("", BOOL)
            found.after += [
                Load(value, own, (ZERO,)),
                Assign(total, f"text:device.block_{array.type.dtype}({{0}})", (value,)),
                Assign(first, "text:device.thread_of_block() == 0", ()),
                If(first, (Assign(some, "!=", (total, zero)), add(total)), ()),
            ]
        return found

    def increment(self, stmt: Stmt) -> Stmt:
        if not isinstance(stmt, Increment) or stmt.sharing != "atomic" or stmt.array.type.dtype not in SUMMED:  # type: ignore[union-attr]
            return stmt
        if stmt.array in self.added and not any(i in self.made and i is not self.column for i in stmt.index):
            key = stmt.array, stmt.index
            if key not in self.sums:
                assert isinstance(stmt.array.type, Array)
                self.sums[key] = Var(stmt.array.hint, Array(stmt.array.type.dtype, 1, "C"))
            return replace(stmt, array=self.sums[key], index=(ZERO,), sharing="exclusive")
        alike = not any(i in self.varying for i in stmt.index)
        return replace(stmt, sharing="warp" if alike else "atomic")


def _labelled(block: Block, arrays: frozenset[Var]) -> Block:
    """A block with what is added to `arrays`, also in helpers that it calls, labelled as atomic, and nothing else."""

    def change(stmt: Stmt) -> Stmt:
        if isinstance(stmt, Increment):
            return replace(stmt, sharing="atomic" if stmt.array in arrays else "exclusive")
        if isinstance(stmt, Call) and any(stmt.args[k] in arrays for k in stmt.writes):
            inner = stmt.function
            own = frozenset(inner.params[k] for k in stmt.writes if stmt.args[k] in arrays)
            return replace(stmt, function=replace(inner, body=_labelled(inner.body, own)))
        return stmt

    return rebuilt(block, change)
