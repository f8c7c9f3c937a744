"""Which values are the same for all threads of a block, and which of them control barriers."""

from __future__ import annotations

from collections.abc import Iterable

from srcgrad.ir.nodes import (
    Alloc,
    Assign,
    Atom,
    Block,
    Call,
    For,
    Function,
    If,
    Increment,
    Library,
    Load,
    Stmt,
    Store,
    Var,
    View,
    While,
)
from srcgrad.ir.types import Array
from srcgrad.ir.walk import defined, introduced, operands, statements, yields
from srcgrad.transform.analysis.aliases import find_aliases
from srcgrad.transform.simt.launch import Barrier, Launch


class Uniform:
    """Tells values that are the same for all threads of a block from those that vary.

    A value varies if it depends on the thread's index, on an element of an array that the kernel writes, or on a
    branch or loop that threads go through in different ways.

    Attributes:
        constant: the arrays that the kernel does not write.
    """

    def __init__(self, function: Function, launch: Launch) -> None:
        aliases = find_aliases(function)
        inside = list(statements(function.body))
        written = {b for s in inside if isinstance(s, Store | Increment) for b in aliases.bases[s.array]}
        others = [s for s in inside if isinstance(s, Call | Library)]
        written |= {b for s in others for a in operands(s) for b in _bases(a, aliases.bases)}
        handles = (h for h, bases in aliases.bases.items() if not bases & written)
        params = {p for p in function.params if isinstance(p.type, Array)}
        self.constant = {h for h in handles if aliases.bases[h] <= params}
        self.shared = {s.target for s in launch.shared.values()}
        self.varying: set[Var] = {i for i in launch.threads if isinstance(i, Var)}
        before = -1
        while len(self.varying) > before:
            before = len(self.varying)
            self.block(function.body, alike=True)

    def __call__(self, atoms: Iterable[Atom]) -> bool:
        """Whether all these values are uniform."""
        return not any(a in self.varying for a in atoms if isinstance(a, Var))

    def block(self, block: Block, *, alike: bool) -> None:
        for stmt in block:
            self.statement(stmt, alike=alike)

    def statement(self, stmt: Stmt, *, alike: bool) -> None:
        """Note what varies; `alike` says that all threads take this path."""
        match stmt:
            case Load() if stmt.array not in self.constant or not self((stmt.array, *stmt.index)):
                self.varying.add(stmt.target)
            case If():
                same = alike and self((stmt.cond,))
                self.block(stmt.then, alike=same)
                self.block(stmt.orelse, alike=same)
                self.varying.update(r.var for r in stmt.results if not (same and self((r.then, r.orelse))))
            case For() | While():
                own = (*operands(stmt)[:3], stmt.exit) if isinstance(stmt, For) else (stmt.cond, stmt.again)
                same = alike and self(a for a in own if a is not None)
                for c in stmt.carried:
                    if not (same and self((c.init, c.next))):
                        self.varying.update((c.inside, c.result))
                if not same:
                    self.varying.update(introduced(stmt))
                self.block(stmt.body, alike=same)
            case Assign() | View():
                drawn = isinstance(stmt, Assign) and stmt.op.startswith(("np.random.", "text:"))
                if drawn or not self(operands(stmt)):
                    self.varying.add(stmt.target)
            case Load():
                pass
            case Alloc() if stmt.target in self.shared:
                pass
            case _:
                self.varying.update(defined(stmt))


def _bases(atom: Atom, bases: dict[Var, frozenset[Var]]) -> frozenset[Var]:
    return bases.get(atom, frozenset()) if isinstance(atom, Var) else frozenset()


class Control:
    """What runs once for a block and not once for each thread.

    Attributes:
        around: the branches and loops that hold barriers, or define what controls those.
        values: the values that those depend on.
    """

    def __init__(self, function: Function, uniform: Uniform) -> None:
        self.uniform = uniform
        self.home = {v: s for s in statements(function.body) for v in (*defined(s), *introduced(s))}
        self.around: set[Stmt] = set()
        self.values: set[Var] = set()
        for stmt in statements(function.body):
            if _holds_barrier(stmt):
                self.surround(stmt)

    def surround(self, stmt: Stmt) -> None:
        """Let a branch or loop run once for the block, and what it depends on too."""
        if stmt in self.around:
            return
        self.around.add(stmt)
        self.need(*operands(stmt)[: 3 if isinstance(stmt, For) else 1])
        if isinstance(stmt, If):
            self.need(*(a for r in stmt.results if self.uniform((r.var,)) for a in (r.then, r.orelse)))
        elif isinstance(stmt, For | While):
            ends = (stmt.exit,) if isinstance(stmt, For) else (stmt.again,)
            self.need(*(a for a in ends if a is not None))
            self.need(*(a for c in stmt.carried if self.uniform((c.inside,)) for a in (c.init, c.next)))

    def need(self, *atoms: Atom) -> None:
        """Have values computed once for the block."""
        for atom in atoms:
            stmt = self.home.get(atom) if isinstance(atom, Var) and atom not in self.values else None
            if stmt is None or isinstance(stmt, Alloc):  # shared by the block
                continue
            self.values.add(atom)  # type: ignore[arg-type]
            if self.is_shared(stmt):
                inner = list(statements((stmt,)))
                made = {v for s in inner for v in (*defined(s), *introduced(s))}
                self.need(*(a for s in inner for a in (*operands(s), *yields(s)) if a not in made))
            else:
                self.surround(stmt)

    def is_shared(self, stmt: Stmt) -> bool:
        """Whether a statement does nothing but compute values that are the same for all threads."""
        if stmt in self.around:
            return False
        return all(
            isinstance(s, Assign | Load | View | If | For | While) and self.uniform((*defined(s), *introduced(s)))
            for s in statements((stmt,))
        )


def _holds_barrier(stmt: Stmt) -> bool:
    return not isinstance(stmt, Barrier) and any(isinstance(s, Barrier) for s in statements((stmt,)))
