"""Loop fusion: consecutive loops over the elements of arrays become one loop.

After A. Darte, On the complexity of loop fusion (1999), in its simple greedy form. Only loops that stand for array
expressions are fused, and the user's loops with their reverses; what is then stored and loaded again in one iteration,
`eliminate_repeats` forwards, and an array that nothing else reads is dead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from srcgrad.ir.nodes import (
    Alloc,
    Assign,
    Atom,
    Block,
    Call,
    Custom,
    Effect,
    For,
    Function,
    If,
    Increment,
    Library,
    ListAppend,
    ListGet,
    ListNew,
    Load,
    Reserve,
    Stmt,
    Store,
    Var,
    View,
    While,
)
from srcgrad.ir.walk import blocks, defined, introduced, operands, statements, substitute, yields
from srcgrad.transform.analysis.affine import Symbol
from srcgrad.transform.analysis.aliases import find_aliases
from srcgrad.transform.analysis.independence import Reach, keep_apart, moving, never_negative
from srcgrad.transform.analysis.places import Places, find_places

WINDOW = 80  # how many statements ahead a partner is looked for


def fuse_loops(function: Function) -> Function:
    """Fuse loops over equal ranges, where no iteration of the later one needs a later iteration of the earlier one."""
    fuser = Fuser(function)
    return replace(function, body=fuser.block(function.body))


def parted_loops(
    function: Function, first: For, between: list[Stmt], second: For
) -> tuple[list[Stmt], list[Stmt]] | None:  # fmt: skip
    """What stands between two loops of a function, as what can run before both and what can run after both.

    None where some of it can do neither, or the later loop reads a result of the earlier one.
    """
    fuser = Fuser(function)
    fuser.fresh = {s.target for s in statements(function.body) if isinstance(s, Alloc)}
    if fuser.summary(second).uses.intersection(defined(first)):
        return None
    return fuser.parted(first, between, second)


@dataclass(frozen=True)
class _Summary:
    """What a statement, with all in it, defines, uses, reads and writes."""

    defs: frozenset[Var]
    uses: frozenset[Var]
    reads: frozenset[Var]
    writes: frozenset[Var]
    effects: bool


class Fuser:
    def __init__(self, function: Function) -> None:
        self.function, self.aliases = function, find_aliases(function)
        self._places: Places | None = None
        self.summaries: dict[Stmt, _Summary] = {}
        self.fresh: set[Var] = set()

    @property
    def places(self) -> Places:
        if self._places is None:
            self._places = find_places(self.function)
        return self._places

    def block(self, block: Block) -> Block:
        work = list(block)
        self.fresh |= {s.target for s in statements(block) if isinstance(s, Alloc)}
        k = 0
        while k < len(work):
            merged = self.partner(work, k) if isinstance(work[k], For) else None
            if merged is None:
                k += 1
            else:
                work, k = merged
        return tuple(self.inside(s) for s in work)

    def inside(self, stmt: Stmt) -> Stmt:
        if isinstance(stmt, If):
            return replace(stmt, then=self.block(stmt.then), orelse=self.block(stmt.orelse))
        return replace(stmt, body=self.block(stmt.body)) if isinstance(stmt, For | While) else stmt

    def partner(self, work: list[Stmt], k: int) -> tuple[list[Stmt], int] | None:
        """The block with the loop at k fused with a later one, and where the fused loop is."""
        first = work[k]
        assert isinstance(first, For)
        for m in range(k + 1, min(k + 1 + WINDOW, len(work))):
            second = work[m]
            if not (_may_pair(first, second) and _same_range(first, second)):  # type: ignore[arg-type]
                continue
            assert isinstance(second, For)
            parts = self.parted(first, work[k + 1 : m], second)
            if parts is not None and self.may_fuse(first, second):
                before, after = parts
                fused = _fused(first, second)
                if self.is_nest(fused):
                    return [*work[:k], *before, fused, *after, *work[m + 1 :]], k + len(before)
        return None

    def is_nest(self, loop: For) -> bool:
        """Whether a loop over threads or blocks holds one loop along the next axis, once those in it are fused."""
        kind = loop.axis.split(".")[0]
        return not kind or sum(isinstance(s, For) and s.axis.startswith(kind) for s in self.block(loop.body)) <= 1

    def parted(self, first: For, between: list[Stmt], second: For) -> tuple[list[Stmt], list[Stmt]] | None:
        """The statements between two loops, as those that can run before both and those that can run after both."""
        before: list[Stmt] = []
        after: list[Stmt] = []
        needed: list[Stmt] = [second]
        for stmt in reversed(between):
            # what may raise protects what follows it
            if self.summary(stmt).effects or not all(self.commute(stmt, n) for n in needed):
                needed.append(stmt)
                before.insert(0, stmt)
            else:
                after.insert(0, stmt)
        if not all(self.commute(stmt, first) for stmt in before):
            return None
        position = {s: n for n, s in enumerate(between)}
        for moved in before:
            if not all(self.commute(moved, s) for s in after if position[s] < position[moved]):
                return None
        return before, after

    def commute(self, a: Stmt, b: Stmt) -> bool:
        """Whether two statements can change places."""
        one, other = self.summary(a), self.summary(b)
        if one.defs & other.uses or other.defs & one.uses:
            return False
        if one.writes & (other.reads | other.writes) or other.writes & one.reads:
            return False
        if one.effects and other.effects:
            return False
        visible = (other.writes if one.effects else frozenset()) | (one.writes if other.effects else frozenset())
        return visible <= self.fresh

    def may_fuse(self, first: For, second: For) -> bool:
        """Whether iteration i of the second loop can run before iterations i + 1, ... of the first."""
        one, other = self.summary(first), self.summary(second)
        if one.defs & other.uses or one.effects or other.effects:
            return False
        clash = (one.writes & (other.reads | other.writes)) | (other.writes & one.reads)
        if not clash:
            return True
        if first.axis and first.axis == second.axis:
            return all(self.keep_apart(first, second, base) for base in clash)
        if not never_negative(first):
            return False
        index = {first.index: 0, second.index: 0}
        placed = [*self.accesses(first, clash), *self.accesses(second, clash)]
        if any(p is None for p in placed):
            return False
        for base in clash:
            handles = {a for a, _ in placed if base in self.aliases.bases[a]}  # type: ignore[misc]
            axes = [{k for k, i in enumerate(at) if i in index} for a, at in placed if base in self.aliases.bases[a]]  # type: ignore[misc]
            if len(handles) > 1 or not set.intersection(*axes):
                return False
        return True

    def keep_apart(self, first: For, second: For, base: Var) -> bool:
        """Whether different threads or blocks of two loops touch different elements of an array."""
        reaches: list[set[Reach]] = []
        handles: set[Var] = set()
        one, other = Symbol(first.index), Symbol(second.index)
        for loop in (first, second):
            inside = list(statements(loop.body))
            made = {loop.index, *(v for s in inside for v in (*defined(s), *introduced(s)))}
            for place in self.accesses(loop, frozenset((base,))):
                if place is None or place[0] in made:
                    return False
                handles.add(place[0])
                found = moving(place[1], loop.index, made, self.places)
                reaches.append({(*r[:3], frozenset((one if s == other else s, n) for s, n in r[3])) for r in found})
        return len(handles) == 1 and keep_apart(reaches, first.index)

    def accesses(self, loop: For, clash: frozenset[Var]) -> Iterator[tuple[Var, tuple[Atom, ...]] | None]:
        """The handles and indices by which a loop addresses these arrays; None for anything but an element."""
        for stmt in statements(loop.body):
            if isinstance(stmt, Load | Store | Increment):
                if self.aliases.bases[stmt.array] & clash:
                    yield stmt.array, stmt.index
            elif self.summary(stmt).reads & clash or self.summary(stmt).writes & clash:
                if not blocks(stmt):
                    yield None

    def summary(self, stmt: Stmt) -> _Summary:
        if stmt not in self.summaries:
            self.summaries[stmt] = self.summarised(stmt)
        return self.summaries[stmt]

    def summarised(self, stmt: Stmt) -> _Summary:
        bases = self.aliases.bases
        inner = [self.summary(s) for b in blocks(stmt) for s in b]
        defs = set(defined(stmt)).union(*(s.defs for s in inner))
        uses = {a for a in (*operands(stmt), *yields(stmt)) if isinstance(a, Var)}.union(*(s.uses for s in inner))
        reads = set().union(*(s.reads for s in inner))
        writes = set().union(*(s.writes for s in inner))
        effects = any(s.effects for s in inner)
        match stmt:
            case Load():
                reads |= bases[stmt.array]
            case Store() | Increment():
                writes |= bases[stmt.array]
            case Library():
                reads |= {b for a in stmt.ins for b in bases[a]}
                writes |= {b for a in stmt.outs for b in bases[a]}
            case Alloc():
                writes.add(stmt.target)  # in a loop, the name stands for a new array from here on
                uses |= {stmt.like} if stmt.like is not None else set()
            case Assign(op=op):
                effects = op.startswith(("np.random.", "text:"))
            case Reserve():  # reads what it may copy; the name stands for another array from here on
                reads |= bases[stmt.base]
                writes |= bases[stmt.target]
            case Effect() | Custom() | Call() | ListNew() | ListAppend() | ListGet():
                effects = True
                reads |= {b for a in operands(stmt) if isinstance(a, Var) for b in bases.get(a, ())}
                writes |= reads if not isinstance(stmt, Effect) else set()
            case View() | If() | For() | While() | _:
                pass
        return _Summary(frozenset(defs), frozenset(uses), frozenset(reads), frozenset(writes), effects)


def _may_pair(first: For, second: Stmt) -> bool:
    """Whether two loops are of the kinds that are fused: array expressions, or a loop of the user's and its reverse."""
    if not isinstance(second, For) or first.exit is not None or second.exit is not None:
        return False
    return (first.mode, second.mode) in (("elementwise", "elementwise"), ("sequential", "reversed"))


def _same_range(a: For, b: For) -> bool:
    return (a.start, a.stop, a.step) == (b.start, b.stop, b.step)


def _fused(first: For, second: For) -> For:
    body = substitute(second.body, {second.index: first.index})
    renamed = {second.index: first.index}
    carried = tuple(
        replace(c, next=renamed.get(c.next, c.next))
        for c in second.carried  # type: ignore[arg-type]
    )
    return replace(first, carried=(*first.carried, *carried), body=(*first.body, *body))
