"""Names for SSA values: values that never live at the same time share one, so that most copies disappear."""

from __future__ import annotations

import builtins
import keyword
from collections import defaultdict

from srcgrad.ir.nodes import Var
from srcgrad.ir.printer.tree import Branch, Item, Line, Node, Repeat, variables

RESERVED = {*keyword.kwlist, *dir(builtins), "np", "math", "reserve", "polygamma", "cuda", "device"}


def assign_names(items: list[Item], results: list[Node], params: tuple[Var, ...], fixed: dict[Var, str]) -> dict:
    """A name for each var of a program text.

    Args:
        items: the text's lines.
        results: what it returns.
        params: its parameters.
        fixed: names that are given: those of the parameters.
    """
    classes = _Classes()
    live = _Live(classes)
    at_start = live.block(items, {v for r in results for v in variables(r)})
    for p in params:
        live.define(p, at_start | set(params))
    classes.coalesce(live.pairs)
    return classes.name(live.order([*params], items), fixed)


class _Classes:
    """Sets of vars that share a name, with the vars that each must not share with (the interference graph)."""

    def __init__(self) -> None:
        self.parent: dict[Var, Var] = {}
        self.enemies: dict[Var, set[Var]] = defaultdict(set)
        self.members: dict[Var, list[Var]] = {}

    def find(self, v: Var) -> Var:
        self.parent.setdefault(v, v)
        self.members.setdefault(v, [v])
        while self.parent[v] is not v:
            v = self.parent[v]
        return v

    def interfere(self, a: Var, b: Var) -> None:
        if a is not b:
            self.enemies[a].add(b)
            self.enemies[b].add(a)

    def clash(self, a: Var, b: Var) -> bool:
        one, other = self.find(a), self.find(b)
        foes = {self.find(e) for m in self.members[one] for e in self.enemies[m]}
        return other in foes

    def join(self, a: Var, b: Var) -> None:
        one, other = self.find(a), self.find(b)
        if one is not other:
            self.parent[other] = one
            self.members[one] += self.members.pop(other)

    def coalesce(self, pairs: list[tuple[Var, Var, bool]]) -> None:
        """Join the pairs that must be joined, then those that may be and do not clash."""
        for a, b, must in pairs:
            if must:
                self.join(a, b)
        for a, b, must in pairs:
            same = a.hint == b.hint or not a.hint or not b.hint
            if not must and same and a.type == b.type and not self.clash(a, b):
                self.join(a, b)

    def name(self, order: list[Var], fixed: dict[Var, str]) -> dict[Var, str]:
        chosen: dict[Var, tuple[str, object]] = {}
        hints = {v.hint for v in order}
        for var, text in fixed.items():
            chosen[self.find(var)] = (text, var.type)
        for var in order:
            root = self.find(var)
            if root in chosen:
                continue
            group = self.members[root]
            hint = next((m.hint for m in group if m.hint), "t")
            foes = {self.find(e) for m in group for e in self.enemies[m]}
            taken = {chosen[f][0] for f in foes if f in chosen} | RESERVED
            taken |= {n for n, t in chosen.values() if t != var.type}
            if not any(m.hint for m in group):
                taken |= hints  # a temporary has no name of the user's
            chosen[root] = (_free(hint, taken), var.type)
        return {v: chosen[self.find(v)][0] for v in self.parent if self.find(v) in chosen}


def _free(hint: str, taken: set[str]) -> str:
    if hint not in taken:
        return hint
    separator = "_" if hint[-1].isdigit() else ""
    k = 1
    while f"{hint}{separator}{k}" in taken:
        k += 1
    return f"{hint}{separator}{k}"


class _Live:
    """A backward walk that finds which vars are live together (liveness on structured SSA needs no fixed point)."""

    def __init__(self, classes: _Classes) -> None:
        self.classes = classes
        self.pairs: list[tuple[Var, Var, bool]] = []

    def define(self, var: Var, live: set[Var]) -> None:
        self.classes.find(var)
        for other in live:
            self.classes.interfere(var, other)

    def block(self, items: list[Item], live: set[Var]) -> set[Var]:
        """What is live before `items`, given what is live after them."""
        for item in reversed(items):
            match item:
                case Line():
                    for var in targets(item):
                        self.define(var, live | set(targets(item)))
                    live = live - set(targets(item))
                    live = live | set(variables(item.value)) | (
                        set() if isinstance(item.target, Var) else set(variables(item.target))
                    )  # fmt: skip
                case Branch():
                    live = self._branch(item, live)
                case Repeat():
                    live = self._repeat(item, live)
        return live

    def _branch(self, item: Branch, live: set[Var]) -> set[Var]:
        results = {v for v, _ in item.copies_then}
        for var in results:
            self.define(var, live)
        after = live - results
        sides = []
        for body, copies in ((item.then, item.copies_then), (item.orelse, item.copies_else)):
            end = after | {v for _, value in copies for v in variables(value)}
            for var, value in copies:
                # the copies run at the end of the side, so a result must not share with what passes through there
                for other in after:
                    self.classes.interfere(var, other)
                if isinstance(value, Var):
                    self.pairs.append((var, value, False))
            sides.append(self.block(body, end))
        return sides[0] | sides[1] | set(variables(item.cond))

    def _repeat(self, item: Repeat, live: set[Var]) -> set[Var]:
        for c in item.carried:
            self.define(c.result, live)
            self.pairs.append((c.inside, c.result, True))
        after = live - {c.result for c in item.carried}
        inside = {c.inside for c in item.carried}
        test = {v for b in item.bounds for v in variables(b)} if item.index is None else set()
        leaving = set(variables(item.exit)) - inside  # read after the copies at the end of the body
        for var in inside:
            for other in leaving:
                self.classes.interfere(var, other)
        ends = {v for _, value in item.copies for v in variables(value)} | leaving
        through = after | (test - inside) | _outer_reads(item)
        if item.parallel and item.index is not None:
            ends.add(item.index)  # Numba lets nothing else have the name
        head = self.block(item.body, through | ends) | test
        heads = head | through | inside
        for var in inside:
            self.define(var, (heads | after) - {item.index})
        if item.index is not None:
            self.define(item.index, heads)
            self._keep_bounds(item)
        for c, (_, value) in zip(item.carried, item.copies, strict=True):
            if isinstance(value, Var):
                self.pairs.append((c.inside, value, False))
        for c, (_, value) in zip(item.carried, item.init, strict=True):
            if isinstance(value, Var):
                self.pairs.append((c.inside, value, False))
        before = through | (head - inside - {item.index})
        reads = {v for _, value in item.init for v in variables(value)}
        if item.index is not None:
            reads |= {v for b in item.bounds for v in variables(b)}
        return before | reads

    def _keep_bounds(self, item: Repeat) -> None:
        """What a loop carries has its first value before the bounds are read, and must not overwrite them."""
        bounds = {v for b in item.bounds for v in variables(b)}
        for c, (_, value) in zip(item.carried, item.init, strict=False):
            for bound in bounds:
                if bound is not value:
                    self.classes.interfere(c.inside, bound)

    def order(self, start: list[Var], items: list[Item]) -> list[Var]:
        """Every var in the order of its first definition in the text."""
        found: dict[Var, None] = dict.fromkeys(start)
        _collect(items, found)
        return list(found)


def targets(item: Line) -> tuple[Var, ...]:
    """The vars that a line binds."""
    if item.kind == "call":
        return item.detail  # type: ignore[return-value]
    return (item.target,) if isinstance(item.target, Var) else ()


def _outer_reads(item: Repeat) -> set[Var]:
    """What the loop reads and does not define: it stays live through every iteration."""
    defined: dict[Var, None] = {}
    _collect([item], defined)
    read: set[Var] = set()
    _reads([item], read)
    starts = {v for _, value in item.init for v in variables(value)}
    if item.index is not None:
        starts |= {v for b in item.bounds for v in variables(b)}
    inner: set[Var] = set()
    _reads(item.body, inner)
    inner |= {v for _, value in item.copies for v in variables(value)} | set(variables(item.exit))
    return (inner | (read - starts)) - set(defined)


def _collect(items: list[Item], found: dict[Var, None]) -> None:
    for item in items:
        match item:
            case Line():
                found.update(dict.fromkeys(targets(item)))
            case Branch():
                _collect(item.then, found)
                _collect(item.orelse, found)
                found.update(dict.fromkeys(v for v, _ in item.copies_then))
            case Repeat():
                found.update(dict.fromkeys(c.inside for c in item.carried))
                if item.index is not None:
                    found[item.index] = None
                _collect(item.body, found)
                found.update(dict.fromkeys(c.result for c in item.carried))


def _reads(items: list[Item], found: set[Var]) -> None:
    for item in items:
        match item:
            case Line():
                found.update(variables(item.value))
                if not isinstance(item.target, Var):
                    found.update(variables(item.target))
            case Branch():
                found.update(variables(item.cond))
                for _, value in (*item.copies_then, *item.copies_else):
                    found.update(variables(value))
                _reads(item.then, found)
                _reads(item.orelse, found)
            case Repeat():
                for node in (*item.bounds, *(v for _, v in item.init), *(v for _, v in item.copies)):
                    found.update(variables(node))
                if item.exit is not None:
                    found.update(variables(item.exit))
                _reads(item.body, found)
