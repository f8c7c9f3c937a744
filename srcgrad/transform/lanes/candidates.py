"""Which loops are worth running in lanes, and can be."""

from __future__ import annotations

from dataclasses import dataclass, field

from srcgrad.ir.nodes import Assign, Atom, Block, Const, For, If, Increment, Load, Stmt, Store, Var
from srcgrad.ir.types import is_float
from srcgrad.ir.walk import blocks, operands, statements, yields
from srcgrad.transform.analysis.analyses import Analyses
from srcgrad.transform.analysis.independence import is_independent, sums_of

_HANDLED = (Assign, Load, Store, Increment, If, For)


@dataclass
class Candidate:
    """A loop with independent iterations.

    Attributes:
        scratch: the arrays of which each lane has its own.
        own: the arrays of which each iteration writes elements that are its own.
        varying: the values that differ between iterations.
        sums: the values on the way of a sum over the iterations.
    """

    loop: For
    scratch: frozenset[Var]
    own: frozenset[Var]
    sums: frozenset[Var]
    varying: set[Var] = field(default_factory=set)

    def varies(self, atom: Atom) -> bool:
        return isinstance(atom, Var) and atom in self.varying


def find_candidate(loop: For, analyses: Analyses) -> Candidate | None:
    """`loop` as a candidate, if its inner loops do better side by side than one after the other."""
    aliases, scratch = analyses.aliases, analyses.scratch
    inside = list(statements(loop.body))
    if loop.step != Const(1, loop.step.type) or not any(isinstance(s, For) for s in inside):
        return None
    if not all(isinstance(s, _HANDLED) for s in inside):
        return None
    if not is_independent(loop, analyses, at_once=True):
        return None
    if any(isinstance(s, For) and s.exit is not None for s in inside):
        return None
    accesses = [s for s in inside if isinstance(s, Load | Store | Increment)]
    if any(aliases.bases[s.array] != {s.array} for s in accesses if not isinstance(s, Load)):
        return None
    written = {s.array for s in accesses if not isinstance(s, Load)}
    private = frozenset(a for a in written if scratch.is_scratch(a, loop))
    own = frozenset(a for a in written - private if any(isinstance(s, Load | Store) and s.array is a for s in accesses))
    sums = sums_of(loop)
    if sums is None:
        return None
    found = Candidate(loop, private, own, sums)
    _spread(found, inside, written)
    if _fits(found, inside, written) and _pays(found, inside):
        return found
    return None


def _spread(found: Candidate, inside: list[Stmt], written: set[Var]) -> None:
    """Find the values that vary: by a fixed point from the index."""
    found.varying.add(found.loop.index)
    before = -1
    while before != len(found.varying):
        before = len(found.varying)
        for stmt in inside:
            match stmt:
                case Assign():
                    if any(map(found.varies, stmt.args)) and stmt.target not in found.sums:
                        found.varying.add(stmt.target)
                case Load():
                    if stmt.array in written or any(map(found.varies, stmt.index)):
                        found.varying.add(stmt.target)
                case If():
                    for r in stmt.results:
                        if any(map(found.varies, (stmt.cond, r.then, r.orelse))):
                            found.varying.add(r.var)
                case For():
                    for c in stmt.carried:
                        if c.inside not in found.sums and (found.varies(c.init) or found.varies(c.next)):
                            found.varying.update((c.inside, c.result))


def _fits(found: Candidate, inside: list[Stmt], written: set[Var]) -> bool:
    """Whether loops have the same bounds in all lanes, and the order in which shared elements are added to is free."""
    nested = [s for s in inside if isinstance(s, For)]
    if any(found.varies(b) for s in nested for b in (s.start, s.stop, s.step)):
        return False
    for stmt in inside:
        if isinstance(stmt, If) and found.varies(stmt.cond) and any(_loops(b) for b in blocks(stmt)):
            return False
        shared = isinstance(stmt, Increment) and stmt.array not in found.scratch and stmt.array not in found.own
        if shared and not stmt.loose:  # type: ignore[union-attr]
            return False
    for stmt in nested:
        for s in statements(stmt.body):
            if isinstance(s, Assign) and s.target in found.sums and not s.loose:
                return False
    return True


def _loops(block: Block) -> bool:
    return any(isinstance(s, For) for s in statements(block))


def _pays(found: Candidate, inside: list[Stmt]) -> bool:
    """Whether an inner loop cannot be vectorised by itself, or all are as good across iterations as along them."""
    inner = [s for s in inside if isinstance(s, For) and not _loops(s.body)]
    strided = False
    for loop in inner:
        if any(
            c.inside in found.varying and is_float(c.inside.type) and not _is_plain_sum(c, loop) for c in loop.carried
        ):
            return True
        for s in statements(loop.body):
            if isinstance(s, Load | Store | Increment) and s.array not in found.scratch:
                strided = strided or any(map(found.varies, s.index))
    return bool(inner) and not strided


def _is_plain_sum(c, loop: For) -> bool:
    steps = {s.target: s for s in loop.body if isinstance(s, Assign)}
    step = steps.get(c.next)
    if step is None or step.op not in ("+", "-") or step.args[0] is not c.inside:
        return False
    read = [a for s in statements(loop.body) for a in (*operands(s), *yields(s))]
    return read.count(c.inside) == 1
