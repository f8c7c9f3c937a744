"""The legal form of IR, checked between the stages of the pipeline while tests run."""

from __future__ import annotations

from srcgrad.errors import InternalError
from srcgrad.ir.nodes import (
    Assign,
    Atom,
    Block,
    Const,
    For,
    Function,
    If,
    Increment,
    Load,
    Stmt,
    Store,
    Undef,
    Var,
    View,
    While,
    flatten,
)  # fmt: skip
from srcgrad.ir.types import BOOL, Array, Scalar, is_integer
from srcgrad.ir.walk import defined, operands


def verify(function: Function, stage: str) -> Function:
    """Return `function` if it is well formed.

    Every var is defined once, before it is used, in a block that encloses the use; elements are addressed by as many
    integers as the array has dimensions; conditions are bools; what flows into a merged value has its type.

    Raises:
        InternalError: naming the stage, with the first thing that is wrong.
    """
    _Verifier(stage).function(function)
    return function


class _Verifier:
    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.seen: set[Var] = set()

    def fail(self, message: str, stmt: Stmt | None = None) -> None:
        where = f" (line {stmt.loc.line})" if stmt is not None and stmt.loc.line else ""
        raise InternalError(f"after {self.stage}: {message}{where}")

    def function(self, function: Function) -> None:
        scope: set[Var] = set()
        for p in function.params:
            self.define(p, scope, None)
        scope = self.block(function.body, scope)
        for atom in flatten(function.results):
            self.use(atom, scope, None)

    def define(self, var: Var, scope: set[Var], stmt: Stmt | None) -> None:
        if var in self.seen:
            self.fail(f"{var} is defined twice", stmt)
        self.seen.add(var)
        scope.add(var)

    def use(self, atom: Atom, scope: set[Var], stmt: Stmt | None) -> None:
        if isinstance(atom, Var) and atom not in scope:
            self.fail(f"{atom} is used where it is not defined, by {type(stmt).__name__}", stmt)
        if not isinstance(atom, Var | Const | Undef):
            self.fail(f"{atom!r} is not an atom", stmt)
        if isinstance(atom, Const) and atom.weak:
            self.fail(f"the literal {atom} is still weak", stmt)

    def merge(self, atom: Atom, var: Var, scope: set[Var], stmt: Stmt) -> None:
        self.use(atom, scope, stmt)
        a, b = atom.type, var.type
        fits = a == b or (isinstance(a, Array) and isinstance(b, Array) and (a.dtype, a.ndim) == (b.dtype, b.ndim))
        if not fits:
            self.fail(f"{atom} of type {a} flows into {var} of type {b}", stmt)

    def block(self, block: Block, outer: set[Var]) -> set[Var]:
        scope = set(outer)
        for stmt in block:
            for atom in operands(stmt):
                self.use(atom, scope, stmt)
            self.statement(stmt, scope)
            for var in defined(stmt):
                self.define(var, scope, stmt)
        return scope

    def statement(self, stmt: Stmt, scope: set[Var]) -> None:
        match stmt:
            case Load() | Store() | Increment():
                array = stmt.array.type
                if not isinstance(array, Array) or len(stmt.index) != array.ndim:
                    self.fail(f"{stmt.array} is addressed by {len(stmt.index)} indices", stmt)
                if not all(is_integer(i.type) for i in stmt.index):
                    self.fail(f"{stmt.array} is addressed by something that is no integer", stmt)
            case Assign() if stmt.op != "shape":
                if not isinstance(stmt.target.type, Scalar):
                    self.fail(f"'{stmt.op}' defines {stmt.target.type}", stmt)
            case View():
                if not isinstance(stmt.base.type, Array):
                    self.fail("a view of something that is no array", stmt)
            case If():
                if stmt.cond.type != BOOL:
                    self.fail("a condition that is no bool", stmt)
                then, orelse = self.block(stmt.then, scope), self.block(stmt.orelse, scope)
                for r in stmt.results:
                    self.merge(r.then, r.var, then, stmt)
                    self.merge(r.orelse, r.var, orelse, stmt)
            case For() | While():
                inner = set(scope)
                if isinstance(stmt, For):
                    self.define(stmt.index, inner, stmt)
                for c in stmt.carried:
                    self.merge(c.init, c.inside, scope, stmt)
                    self.define(c.inside, inner, stmt)
                end = self.block(stmt.body, inner)
                for c in stmt.carried:
                    self.merge(c.next, c.inside, end, stmt)
                last = stmt.exit if isinstance(stmt, For) else stmt.again
                if last is not None:
                    self.use(last, end, stmt)
                    if last.type != BOOL:
                        self.fail("an exit condition that is no bool", stmt)
