"""Dead code elimination."""

from __future__ import annotations

from dataclasses import replace

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
    Load,
    Reserve,
    Stmt,
    Store,
    Var,
    View,
    While,
    flatten,
)  # fmt: skip
from srcgrad.ir.types import Array, HandleList
from srcgrad.ir.walk import blocks, defined, operands
from srcgrad.transform.analysis.aliases import Aliases, find_aliases


def eliminate_dead_code(function: Function) -> Function:
    """Remove what no result, effect or caller's array depends on: statements, results of branches, carried values.

    >>> from srcgrad.ir.nodes import integer
    >>> from srcgrad.ir.types import INT64
    >>> a, b = Var("a", INT64), Var("b", INT64)
    >>> body = tuple(Assign(v, "+", (integer(1), integer(2))) for v in (a, b))
    >>> len(eliminate_dead_code(Function("f", (), body, (b,), ())).body)
    1
    """
    live = _Liveness(function)
    return replace(function, body=_sweep(function.body, live))


class _Liveness:
    """Marks what is needed, from the results backwards, through memory by way of the alias analysis."""

    def __init__(self, function: Function) -> None:
        self.aliases: Aliases = find_aliases(function)
        self.home: dict[Var, Stmt] = {}
        self.around: dict[Stmt, Stmt | None] = {}
        self.writers: dict[Var, list[Stmt]] = {}
        self.customs: dict[Var, list[Stmt]] = {}
        self.vars: set[Var] = set()
        self.stmts: set[Stmt] = set()
        self.work: list[Var | Stmt] = []
        outside = {p for p in function.params if isinstance(p.type, Array)}
        self._index(function.body, None)
        self.read_bases: set[Var] = set()
        for base in outside:
            self._read(base)
        for atom in flatten(function.results):
            self.need(atom)
        for stmt in self.around:
            if isinstance(stmt, Effect) or (isinstance(stmt, Assign) and stmt.op.startswith("np.random.")):
                self.keep(stmt)
        while self.work:
            item = self.work.pop()
            if isinstance(item, Var):
                self._define(item)
            else:
                self._keep(item)

    def _index(self, block: Block, around: Stmt | None) -> None:
        for stmt in block:
            self.around[stmt] = around
            for var in defined(stmt):
                self.home[var] = stmt
            if isinstance(stmt, For | While):
                self.home.update({c.inside: stmt for c in stmt.carried})
                if isinstance(stmt, For):
                    self.home[stmt.index] = stmt
            if isinstance(stmt, Store | Increment):
                for base in self.aliases.bases[stmt.array]:
                    self.writers.setdefault(base, []).append(stmt)
            if isinstance(stmt, Call):
                for k in stmt.writes:
                    for base in self.aliases.bases.get(stmt.args[k], ()):  # type: ignore[call-overload]  # Undef has none
                        self.writers.setdefault(base, []).append(stmt)
            if isinstance(stmt, Library):
                for out in stmt.outs:
                    for base in self.aliases.bases[out]:
                        self.writers.setdefault(base, []).append(stmt)
            if isinstance(stmt, Custom):
                for out in stmt.outs:
                    self.customs.setdefault(out, []).append(stmt)
            if isinstance(stmt, ListAppend):
                self.writers.setdefault(stmt.list, []).append(stmt)
            for inner in blocks(stmt):
                self._index(inner, stmt)

    def need(self, atom: Atom | None) -> None:
        if isinstance(atom, Var) and atom not in self.vars:
            self.vars.add(atom)
            self.work.append(atom)

    def keep(self, stmt: Stmt) -> None:
        if stmt not in self.stmts:
            self.stmts.add(stmt)
            self.work.append(stmt)

    def _read(self, base: Var) -> None:
        if base not in self.read_bases:
            self.read_bases.add(base)
            for stmt in self.writers.get(base, ()):
                self.keep(stmt)

    def _define(self, var: Var) -> None:
        for custom in self.customs.get(var, ()):
            self.keep(custom)
        if isinstance(var.type, Array | HandleList):
            for base in self.aliases.bases.get(var, ()):
                self._read(base)
        if isinstance(var.type, HandleList):
            self._read(var)
        stmt = self.home.get(var)
        if stmt is None:
            return
        self.keep(stmt)
        if isinstance(stmt, If):
            for r in stmt.results:
                if r.var is var:
                    self.need(r.then)
                    self.need(r.orelse)
        elif isinstance(stmt, For | While):
            for c in stmt.carried:
                if var in (c.inside, c.result):
                    for atom in (c.init, c.next, c.inside, c.result):
                        self.need(atom)

    def _size(self, array: Var) -> None:
        """Something asks for the size of an array, whatever it holds."""
        home = self.home.get(array)
        if home is not None and not isinstance(home, Alloc):
            self.need(array)
        elif home is not None:
            self.keep(home)

    def _keep(self, stmt: Stmt) -> None:
        around = self.around[stmt]
        if around is not None:
            self.keep(around)
        match stmt:
            case If():
                self.need(stmt.cond)
            case For():
                for atom in (stmt.start, stmt.stop, stmt.step, stmt.exit):
                    self.need(atom)
            case While():
                self.need(stmt.cond)
                self.need(stmt.again)
            case Assign(op="shape"):
                self._size(stmt.args[0])  # type: ignore[arg-type]
            case Load() | View() | Alloc() | Reserve() | ListGet() | _:
                for atom in operands(stmt):
                    self.need(atom)


def _sweep(block: Block, live: _Liveness) -> Block:
    kept: list[Stmt] = []
    for stmt in block:
        if stmt not in live.stmts:
            continue
        match stmt:
            case If():
                results = tuple(r for r in stmt.results if r.var in live.vars)
                then, orelse = _sweep(stmt.then, live), _sweep(stmt.orelse, live)
                if then or orelse or results:
                    kept.append(replace(stmt, then=then, orelse=orelse, results=results))
            case For() | While():
                carried = tuple(c for c in stmt.carried if c.result in live.vars)
                kept.append(replace(stmt, carried=carried, body=_sweep(stmt.body, live)))
            case Alloc() if stmt.like is not None and stmt.like not in live.vars and stmt.like in live.home:
                kept.append(replace(stmt, like=None))
            case _:
                kept.append(stmt)
    return tuple(kept)
