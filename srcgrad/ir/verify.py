"""The legal form of IR, checked between the stages of the pipeline while tests run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from srcgrad.errors import InternalError
from srcgrad.ir.nodes import (
    Alloc,
    Assign,
    Atom,
    Block,
    Call,
    Const,
    Custom,
    For,
    Function,
    If,
    Increment,
    Library,
    ListAppend,
    ListGet,
    ListNew,
    Load,
    NewAxis,
    Reserve,
    Slice,
    Stmt,
    Store,
    Undef,
    Var,
    View,
    While,
    flatten,
)  # fmt: skip
from srcgrad.ir.types import BOOL, Array, HandleList, Scalar, Type, is_integer
from srcgrad.ir.walk import defined, operands, view_atoms


def verify(function: Function, stage: str, operations: Mapping[str, int] | None = None) -> Function:
    """Return `function` if it is well formed.

    Every var is defined once, before it is used, in a block that encloses the use; elements are addressed by as many
    integers as the array has dimensions; conditions are bools and bounds are integers; what flows into a merged value
    has its type; calls fit what they call.

    Args:
        function: the function, with those that it calls.
        stage: what made it.
        operations: how many arguments each operation takes, beside those of the IR itself and random draws.

    Raises:
        InternalError: naming the stage, with the first thing that is wrong.
    """
    _Verifier(stage, operations).function(function)
    return function


class _Verifier:
    def __init__(self, stage: str, operations: Mapping[str, int] | None) -> None:
        self.stage = stage
        self.operations = operations
        self.seen: set[Var] = set()
        self.called: list[Function] = []

    def fail(self, message: str, stmt: Stmt | None = None) -> None:
        where = f" (line {stmt.loc.line})" if stmt is not None and stmt.loc.line else ""
        raise InternalError(f"after {self.stage}: {message}{where}")

    def function(self, function: Function, around: Iterable[Var] = ()) -> None:
        """Check a function; `around` are vars that it may use as they are."""
        scope: set[Var] = set(around)
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
        if not _same(atom.type, var.type):
            self.fail(f"{atom} of type {atom.type} flows into {var} of type {var.type}", stmt)

    def block(self, block: Block, outer: set[Var]) -> set[Var]:
        scope = set(outer)
        for stmt in block:
            for atom in operands(stmt):
                self.use(atom, scope, stmt)
            self.statement(stmt, scope)
            for var in defined(stmt):
                self.define(var, scope, stmt)
        return scope

    def expect(self, condition: bool, message: str, stmt: Stmt) -> None:
        if not condition:
            self.fail(message, stmt)

    def integers(self, atoms: Iterable[Atom], what: str, stmt: Stmt) -> None:
        if not all(is_integer(a.type) for a in atoms):
            self.fail(f"{what} is no integer", stmt)

    def statement(self, stmt: Stmt, scope: set[Var]) -> None:
        match stmt:
            case Load() | Store() | Increment():
                self.access(stmt)
            case Assign():
                self.assign(stmt)
            case Alloc():
                self.alloc(stmt, scope)
            case View():
                self.view(stmt)
            case Reserve():
                self.expect(stmt.target.type == stmt.base.type, "a tape changes its type", stmt)
                self.integers((stmt.size,), "the length of a tape", stmt)
            case ListNew():
                self.handles(stmt.target, stmt.items, stmt)
            case ListAppend():
                self.handles(stmt.list, (stmt.item,), stmt)
            case ListGet():
                self.handles(stmt.list, (stmt.target,), stmt)
                self.integers((stmt.index,), "the number of a handle", stmt)
            case Call():
                self.call(stmt)
            case Custom():
                self.custom(stmt, scope)
            case Library():
                fits = all(isinstance(v.type, Array) for v in (*stmt.ins, *stmt.outs))
                self.expect(fits, f"{stmt.name} of something that is no array", stmt)
            case If():
                self.expect(stmt.cond.type == BOOL, "a condition that is no bool", stmt)
                then, orelse = self.block(stmt.then, scope), self.block(stmt.orelse, scope)
                for r in stmt.results:
                    self.merge(r.then, r.var, then, stmt)
                    self.merge(r.orelse, r.var, orelse, stmt)
            case For() | While():
                self.loop(stmt, scope)

    def access(self, stmt: Load | Store | Increment) -> None:
        array = stmt.array.type
        if not isinstance(array, Array) or len(stmt.index) != array.ndim:
            self.fail(f"{stmt.array} is addressed by {len(stmt.index)} indices", stmt)
        self.integers(stmt.index, f"{stmt.array} is addressed by something that", stmt)
        if isinstance(stmt, Load):
            if stmt.target.type != array.item:
                self.fail(f"an element of {array} becomes {stmt.target} of type {stmt.target.type}", stmt)
        elif not isinstance(stmt.value.type, Scalar):
            self.fail(f"{stmt.value} of type {stmt.value.type} becomes an element of {stmt.array}", stmt)

    def assign(self, stmt: Assign) -> None:
        op, types = stmt.op, [a.type for a in stmt.args]
        if op == "shape":
            fits = len(types) == 2 and isinstance(types[0], Array) and isinstance(stmt.args[1], Const)
            self.expect(fits and is_integer(stmt.target.type), "a shape of something that is no array", stmt)
            return
        if op.startswith("text:"):
            return
        if not isinstance(stmt.target.type, Scalar):
            self.fail(f"'{op}' defines {stmt.target.type}", stmt)
        if not all(isinstance(t, Scalar) for t in types):
            self.fail(f"'{op}' takes something that is no number", stmt)
        if op.startswith("np.random.") or self.operations is None:
            return
        arity = 1 if op == "cast" else self.operations.get(op)
        self.expect(arity is not None, f"there is no operation '{op}'", stmt)
        self.expect(len(types) == arity, f"'{op}' takes {len(types)} arguments", stmt)

    def alloc(self, stmt: Alloc, scope: set[Var]) -> None:
        made = stmt.target.type
        fits = isinstance(made, Array) and made.ndim == len(stmt.shape) and stmt.fill in ("empty", "zeros", "ones")
        self.expect(fits, f"{stmt.target} of type {made} is allocated with {len(stmt.shape)} sizes", stmt)
        self.integers(stmt.shape, f"a size of {stmt.target}", stmt)
        if stmt.like is not None:
            self.use(stmt.like, scope, stmt)

    def view(self, stmt: View) -> None:
        base, made = stmt.base.type, stmt.target.type
        if not isinstance(base, Array):
            self.fail("a view of something that is no array", stmt)
        if not isinstance(made, Array) or made.dtype != base.dtype:
            self.fail(f"a view of {base} is {made}", stmt)
        self.integers(view_atoms(stmt.items), "an index of a view", stmt)
        added = sum(isinstance(i, NewAxis) for i in stmt.items)
        dropped = sum(not isinstance(i, NewAxis | Slice) for i in stmt.items)
        ndim = {"index": base.ndim + added - dropped, "reshape": len(stmt.items)}.get(stmt.how, base.ndim)
        self.expect(made.ndim == ndim, f"a view of {base} is {made}", stmt)

    def handles(self, array_list: Var, items: Iterable[Var], stmt: Stmt) -> None:
        kind = array_list.type
        if not isinstance(kind, HandleList) or any(not _same(i.type, kind.element) for i in items):
            self.fail(f"{array_list} is no list of such handles", stmt)

    def call(self, stmt: Call) -> None:
        function, results = stmt.function, flatten(stmt.function.results)
        name = f"the call of {function.name}"
        self.expect(len(stmt.args) == len(function.params), f"{name} has {len(stmt.args)} arguments", stmt)
        for a, p in zip(stmt.args, function.params, strict=True):
            self.expect(_same(a.type, p.type), f"{name} passes {a.type} for {p} of type {p.type}", stmt)
        self.expect(len(stmt.targets) == len(results), f"{name} has {len(stmt.targets)} results", stmt)
        for t, r in zip(stmt.targets, results, strict=True):
            fits = isinstance(t.type, Scalar) and t.type == r.type
            self.expect(fits, f"{name} gives {t} of type {t.type} a value of type {r.type}", stmt)
        if not any(function is f for f in self.called):
            self.called.append(function)
            _Verifier(f"{self.stage}, in {function.name}", self.operations).function(function)

    def custom(self, stmt: Custom, scope: set[Var]) -> None:
        given = len(stmt.residuals) + len(stmt.outs)
        pullback = stmt.pullback
        name = f"the pullback of {stmt.name}"
        self.expect(len(pullback.params) == given, f"{name} is given {given} values", stmt)
        self.expect(len(flatten(pullback.results)) == len(stmt.args), f"{name} misses an argument", stmt)
        inner = _Verifier(f"{self.stage}, in {pullback.name}", self.operations)
        inner.function(pullback, scope - set(pullback.params))

    def loop(self, stmt: For | While, scope: set[Var]) -> None:
        inner = set(scope)
        if isinstance(stmt, For):
            self.integers((stmt.index, stmt.start, stmt.stop, stmt.step), "a bound of a loop", stmt)
            self.define(stmt.index, inner, stmt)
        else:
            self.expect(stmt.cond.type == BOOL, "a condition that is no bool", stmt)
        for c in stmt.carried:
            self.merge(c.init, c.inside, scope, stmt)
            self.define(c.inside, inner, stmt)
            fits = _same(c.result.type, c.inside.type)
            self.expect(fits, f"{c.inside} of type {c.inside.type} leaves its loop as {c.result.type}", stmt)
        end = self.block(stmt.body, inner)
        for c in stmt.carried:
            self.merge(c.next, c.inside, end, stmt)
        last = stmt.exit if isinstance(stmt, For) else stmt.again
        if last is not None:
            self.use(last, end, stmt)
            self.expect(last.type == BOOL, "an exit condition that is no bool", stmt)


def _same(a: Type, b: Type) -> bool:
    """Whether two types are equal, up to the layout of arrays."""
    return a == b or (isinstance(a, Array) and isinstance(b, Array) and (a.dtype, a.ndim) == (b.dtype, b.ndim))
