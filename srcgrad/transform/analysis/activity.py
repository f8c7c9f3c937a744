"""Activity: which values depend on an input being differentiated (varied) and influence a result (useful).

Hascoet & Pascual, The Tapenade automatic differentiation tool, ACM TOMS 39(3), 2013, section 4.1. An array counts as
one cell, and with it all the arrays of its family (`Aliases.family`).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from srcgrad.ir.nodes import (
    Assign,
    Call,
    Custom,
    For,
    Function,
    If,
    Increment,
    Library,
    ListAppend,
    Load,
    Store,
    Sweep,
    Var,
    While,
    flatten,
)  # fmt: skip
from srcgrad.ir.types import Array, is_float
from srcgrad.ir.walk import statements
from srcgrad.rules import RULES
from srcgrad.transform.analysis.aliases import Aliases, find_aliases


@dataclass(frozen=True)
class Activity:
    """Scalars and arrays (by base) that are both varied and useful, and those that are varied."""

    active: frozenset[Var]
    varied: frozenset[Var]
    aliases: Aliases

    def is_active(self, atom: object) -> bool:
        """Whether a scalar, or any array that a handle can show, is active."""
        return _member(self.active, self.aliases, atom)

    def is_varied(self, atom: object) -> bool:
        return _member(self.varied, self.aliases, atom)


def _member(cells: frozenset[Var], aliases: Aliases, atom: object) -> bool:
    if not isinstance(atom, Var):
        return False
    if atom in aliases.bases:
        return is_float(atom.type) and not cells.isdisjoint(aliases.bases[atom])
    return atom in cells


def differentiable_arguments(stmt: Assign) -> tuple[object, ...]:
    """The arguments through which a derivative flows."""
    if stmt.op == "cast":
        return stmt.args if is_float(stmt.target.type) else ()
    if stmt.op == "where":
        return stmt.args[1:]
    rule = RULES.get(stmt.op)
    return stmt.args if rule is not None and rule.partials is not None and is_float(stmt.target.type) else ()


def find_activity(function: Function, wrt: tuple[Var, ...], aliases: Aliases) -> Activity:
    """Which values of `function` are active with respect to the parameters `wrt`."""
    edges = list(_flows(function, aliases))
    results = [a for a in flatten(function.results) if isinstance(a, Var) and is_float(a.type)]
    ends = {cell for a in results for cell in (aliases.bases[a] if isinstance(a.type, Array) else (a,))}
    forward, backward = defaultdict(list), defaultdict(list)
    for a, b in edges:
        forward[a].append(b)
        backward[b].append(a)
    varied = _reach({c for p in wrt for c in aliases.family.get(p, (p,))}, forward)
    useful = _reach({c for e in ends for c in aliases.family.get(e, (e,))}, backward)
    return Activity(frozenset(varied & useful), frozenset(varied), aliases)


def _reach(start: set[Var], edges: dict[Var, list[Var]]) -> set[Var]:
    found, work = set(start), list(start)
    while work:
        for other in edges.get(work.pop(), ()):
            if other not in found:
                found.add(other)
                work.append(other)
    return found


def _flows(function: Function, aliases: Aliases):
    """Pairs (a, b): a derivative can flow from cell a to cell b. Cells are float scalars and bases of float arrays."""

    def cells(handle: Var) -> set[Var]:
        return {c for b in aliases.bases[handle] for c in aliases.family[b]}

    def scalar(a: object, b: Var):
        if isinstance(a, Var) and is_float(a.type) and is_float(b.type) and not isinstance(b.type, Array):
            yield a, b

    for members in set(aliases.family.values()):
        for a in members:
            for b in members:
                yield a, b
    for stmt in statements(function.body):
        match stmt:
            case Assign():
                for a in differentiable_arguments(stmt):
                    yield from scalar(a, stmt.target)
            case Load() if is_float(stmt.array.type):
                for base in cells(stmt.array):
                    yield base, stmt.target
            case Store() | Increment() if is_float(stmt.array.type):
                if isinstance(stmt.value, Var) and is_float(stmt.value.type):
                    for base in cells(stmt.array):
                        yield stmt.value, base
            case Call():
                for a in stmt.args:
                    if isinstance(a, Var) and is_float(a.type):
                        for x in cells(a) if isinstance(a.type, Array) else (a,):
                            yield from ((x, t) for t in stmt.targets if is_float(t.type))
            case Library():
                for a in stmt.ins:
                    for b in stmt.outs:
                        if is_float(a.type) and is_float(b.type):
                            yield from ((x, y) for x in cells(a) for y in cells(b))
            case Custom():
                for a in stmt.args:
                    for b in stmt.outs:
                        for x in cells(a) if isinstance(a, Var) and isinstance(a.type, Array) else (a,):
                            for y in cells(b) if isinstance(b.type, Array) else (b,):
                                if isinstance(x, Var):
                                    yield x, y
            case Sweep():
                yield from _flows(stmt.replay, find_aliases(stmt.replay))
                results = flatten(stmt.replay.results)
                numbers = stmt.replay.params[2 : 2 + len(results)]
                for given, inside, out, target in zip(stmt.inits, numbers, results, stmt.targets, strict=True):
                    for a, b in ((given, inside), (given, target), (out, inside), (out, target)):
                        yield from scalar(a, b)
                others = stmt.replay.params[2 + len(results) :]
                for given, inside in zip(stmt.free, others, strict=False):
                    yield from scalar(given, inside)
                for k, (array, inside) in enumerate(zip(stmt.arrays, others[len(stmt.free) :], strict=True)):
                    for x in cells(array) if is_float(array.type) else ():
                        yield x, inside
                        if k in stmt.state:
                            yield inside, x
            case If():
                for r in stmt.results:
                    yield from scalar(r.then, r.var)
                    yield from scalar(r.orelse, r.var)
            case For() | While():
                for c in stmt.carried:
                    for a, b in ((c.init, c.inside), (c.next, c.inside), (c.init, c.result), (c.next, c.result)):
                        yield from scalar(a, b)
            case ListAppend() | _:
                pass
