"""Building IR: typed operations, constant folding and nested blocks."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from srcgrad.ir.location import NOWHERE, Location
from srcgrad.ir.nodes import (
    ZERO,
    Alloc,
    Assign,
    Atom,
    Const,
    For,
    If,
    Increment,
    Load,
    Result,
    Stmt,
    Store,
    Undef,
    Var,
    View,
    integer,
)  # fmt: skip
from srcgrad.ir.types import BOOL, FLOAT64, INT64, Array, Scalar, Type, is_float, is_integer, promote, unify
from srcgrad.ir.walk import defined
from srcgrad.rules import RULES
from srcgrad.rules.operators import EXTREMA


def _power(x: Any, y: Any) -> Any:
    """`x ** y` where it is real and of a sensible size."""
    value = x**y if abs(y) < 64 else float(x) ** y
    if isinstance(value, complex):
        raise ArithmeticError
    return value


# What CPython folds must be folded here too: Numba prunes branches on what it sees as constant, and is confused by
# values that only a pruned branch defines.
FOLDABLE: dict[str, Callable[..., Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "neg": operator.neg,
    "pos": operator.pos, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne, "not": operator.not_, "//": operator.floordiv, "%": operator.mod,
    "min": min, "max": max, "abs": abs, "&": operator.and_, "|": operator.or_, "^": operator.xor, "**": _power,
    "<<": operator.lshift, ">>": operator.rshift,
}  # fmt: skip


def result_type(op: str, types: list[Type]) -> Scalar:
    """The type of a primitive's result, by Numba's rules.

    >>> str(result_type("/", [INT64, INT64])), str(result_type("np.exp", [Scalar("float32")]))
    ('float64', 'float32')
    """
    scalars = [t for t in types if isinstance(t, Scalar)]
    kind = RULES[op].result
    if kind == "bool":
        return BOOL
    if kind == "int":
        return INT64
    if op == "where":
        unified = unify(scalars[1], scalars[2])
        assert isinstance(unified, Scalar)
        return unified
    if op in EXTREMA:
        unified = unify(scalars[0], scalars[-1])
        assert isinstance(unified, Scalar)
        return unified
    if kind == "float" or op == "/":
        floats = [t if is_float(t) else FLOAT64 for t in scalars]
        return Scalar(np.result_type(*(t.dtype for t in floats)).name)
    if op in ("&", "|", "^") and all(t == BOOL for t in scalars):
        return BOOL
    out = scalars[0] if len(scalars) == 1 else promote(scalars[0], scalars[1])
    return INT64 if out == BOOL or (len(scalars) == 1 and is_integer(out) and out != Scalar("uint64")) else out


def strong(atom: Any) -> Any:
    """A literal as a value of its own: no longer weak."""
    return Const(atom.value, atom.type) if isinstance(atom, Const) and atom.weak else atom


def folded(op: str, consts: list[Const], to: Scalar) -> Const | None:
    """The value of an operation on constants, where Python's is also the compiled one."""
    try:
        value = FOLDABLE[op](*(c.value for c in consts))
    except (ArithmeticError, TypeError, ValueError):
        return None
    if isinstance(value, int | float) and abs(value) > 2**62 and is_integer(to):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if to.dtype == "float32":
        value = float(np.float32(value))
    return Const(value, to, weak=all(c.weak for c in consts) and to != BOOL)


class Builder:
    """Emits statements into a stack of open blocks."""

    def __init__(self) -> None:
        self.stack: list[list[Stmt]] = [[]]
        self.loc: Location = NOWHERE
        self.definitions: dict[Var, Assign] = {}
        self.home: dict[Var, list[Stmt]] = {}  # the block that each value is defined in
        self.literal = "float64"  # the type of a literal that no partner gives one
        self.loose = False  # the terms of sums may be added in any order: they are NumPy's, or belong to adjoints
        self.algebra = False  # simplify as derivatives are written; the user's own arithmetic is left as it is

    # -- blocks ------------------------------------------------------------------------------------------------

    @contextmanager
    def block(self) -> Iterator[list[Stmt]]:
        """Open a nested block; the list yielded holds its statements."""
        statements: list[Stmt] = []
        self.stack.append(statements)
        try:
            yield statements
        finally:
            popped = self.stack.pop()
            assert popped is statements

    def emit(self, stmt: Stmt) -> None:
        self.stack[-1].append(stmt)
        for var in defined(stmt):
            self.home[var] = self.stack[-1]

    def rehome(self, moved: list[Stmt], block: list[Stmt]) -> None:
        """Note that statements of a block that is closed have been moved into another."""
        self.home.update((var, block) for stmt in moved for var in defined(stmt))

    def is_in_reach(self, var: Var) -> bool:
        """Whether the block that defines a value is still open."""
        home = self.home.get(var)
        return home is None or any(block is home for block in self.stack)

    def name(self, atom: Atom, hint: str) -> None:
        """Give a temporary the user's name for it: the first name that it is bound to."""
        if isinstance(atom, Var) and not atom.hint:
            object.__setattr__(atom, "hint", hint)  # identity is the object's, so this changes no meaning

    # -- scalars -----------------------------------------------------------------------------------------------

    def op(self, op: str, *args: Atom, hint: str = "") -> Atom:
        """Emit `op(*args)`, folding constants and giving weak literals their partner's type."""
        if op in FOLDABLE and all(isinstance(a, Const) for a in args):
            folded = self._fold(op, args)
            if folded is not None:
                return folded
        typed = self._strengthen(op, args)
        if self.algebra:
            simple = self._simplify(op, typed)
            if simple is not None:
                return simple
        target = Var(hint, self._result_type(op, typed))
        self.definitions[target] = Assign(target, op, typed, self.loose and op in ("+", "-"), loc=self.loc)
        self.emit(self.definitions[target])
        return target

    def index(self, op: str, *args: Atom) -> Atom:
        """An operation on integers that address memory, in the simplest form."""
        before, self.algebra = self.algebra, True
        try:
            return self.op(op, *args)
        finally:
            self.algebra = before

    def _result_type(self, op: str, args: tuple[Atom, ...]) -> Scalar:
        if op == "**":
            base, exponent = args
            if is_integer(base.type) and is_integer(exponent.type):
                return FLOAT64 if isinstance(exponent, Const) and exponent.value < 0 else INT64
            if isinstance(base.type, Scalar) and is_float(base.type) and isinstance(exponent, Const):
                return base.type if is_integer(exponent.type) else promote(base.type, exponent.type)
        return result_type(op, [a.type for a in args])

    def _fold(self, op: str, args: tuple[Atom, ...]) -> Const | None:
        consts = [a for a in args if isinstance(a, Const)]
        return folded(op, consts, self._result_type(op, tuple(args)))

    def _strengthen(self, op: str, args: tuple[Atom, ...]) -> tuple[Atom, ...]:
        """NumPy 2's rule for literals: `1.0 - y` is float32 where `y` is (NEP 50)."""
        solid = [a.type for a in args if not (isinstance(a, Const) and a.weak) and isinstance(a.type, Scalar)]
        floats = {t.dtype for t in solid if is_float(t)}
        single = floats == {"float32"} and INT64 not in solid

        def one(position: int, atom: Atom) -> Atom:
            if not (isinstance(atom, Const) and atom.weak):
                return atom
            order = (op == "**" and position == 1) or (op == "polygamma" and position == 0)
            if order and isinstance(atom.value, int):
                return strong(atom)
            if not floats and self.literal == "float32" and isinstance(atom.value, float):
                return Const(float(np.float32(atom.value)), Scalar("float32"))
            if floats == {"float32"} and (single or isinstance(atom.value, float)) and not isinstance(atom.value, bool):
                return Const(float(np.float32(atom.value)), Scalar("float32"))
            return strong(atom)

        return tuple(one(k, a) for k, a in enumerate(args))

    def _simplify(self, op: str, args: tuple[Atom, ...]) -> Atom | None:
        """An equal and simpler value, where there is one of the type that the operation has."""
        to = self._result_type(op, args)
        numbers = [a.value if isinstance(a, Const) else None for a in args]

        def same(atom: Atom) -> Atom | None:
            return strong(atom) if atom.type == to else None

        match op, numbers:
            case "*", [1 | 1.0, _]:  # 1 * x -> x
                return same(args[1])
            case (("*" | "/" | "**"), [_, 1 | 1.0]):  # x * 1, x / 1, x ** 1 -> x
                return same(args[0])
            case "*", [-1 | -1.0, _] if args[1].type == to:  # -1 * x -> -x
                return self.op("neg", args[1])
            case (("*" | "/"), [_, -1 | -1.0]) if args[0].type == to:  # x * -1, x / -1 -> -x
                return self.op("neg", args[0])
            case "+", [0 | 0.0, _]:  # 0 + x -> x
                return same(args[1])
            case (("+" | "-"), [_, 0 | 0.0]):  # x + 0, x - 0 -> x
                return same(args[0])
            case (("+" | "-"), [_, int(by)]) if is_integer(args[0].type):
                inner = self._definition(args[0])
                return self._shifted(op, inner, by) if inner is not None and len(inner.args) == 2 else None
            case "-", [0 | 0.0, _] if args[1].type == to:  # 0 - x -> -x
                return self.op("neg", args[1])
            case "&", [True, _]:
                return same(args[1])
            case "&", [_, True]:
                return same(args[0])
            case "where", [True, *_]:
                return self.cast(args[1], to)
            case "where", [False, *_]:
                return self.cast(args[2], to)
            case "strong*" | "strong/", [x, y] if x or (y and math.isfinite(y)):
                return self.op(op[-1], *args)  # x is not 0, or y neither 0 nor infinite
            case "neg", _:  # --x -> x
                inner = self._definition(args[0])
                return same(inner.args[0]) if inner is not None and inner.op == "neg" else None
            case _:
                return None

    def _definition(self, atom: Atom) -> Assign | None:
        return self.definitions.get(atom) if isinstance(atom, Var) else None

    def _shifted(self, op: str, inner: Assign, by: int) -> Atom | None:
        """`(x + a) + b -> x + (a + b)`, on integers."""
        base, offset = inner.args
        if not (isinstance(offset, Const) and is_integer(offset.type) and inner.op in ("+", "-")):
            return None
        total = (offset.value if inner.op == "+" else -offset.value) + (by if op == "+" else -by)
        return self.op("+", base, integer(total)) if total >= 0 else self.op("-", base, integer(-total))

    def cast(self, atom: Atom, to: Scalar, hint: str = "") -> Atom:
        """`atom` as a value of scalar type `to`."""
        if isinstance(atom, Undef):
            return Undef(to)
        if atom.type == to:
            return strong(atom)
        if isinstance(atom, Const):
            value: Any = atom.value
            if is_float(to):
                value = float(value) if to == FLOAT64 else float(np.float32(value))
            elif to == BOOL:
                value = bool(value)
            elif isinstance(value, float) and not math.isfinite(value):
                value = 0
            else:
                value = int(value)
            return Const(value, to)
        if atom.type == BOOL:  # Numba converts no bools
            return self.op("where", atom, Const(1.0 if is_float(to) else 1, to), Const(0.0 if is_float(to) else 0, to))
        target = Var(hint, to)
        self.emit(Assign(target, "cast", (atom,), loc=self.loc))
        return target

    def draw(self, op: str, args: tuple[Atom, ...], to: Scalar) -> Var:
        """A random draw: an operation that is not repeated."""
        target = Var("", to)
        self.emit(Assign(target, op, tuple(strong(a) for a in args), loc=self.loc))
        return target

    # -- arrays ------------------------------------------------------------------------------------------------

    def shape(self, array: Var, axis: int) -> Atom:
        target = Var("", INT64)
        self.definitions[target] = Assign(target, "shape", (array, integer(axis)), loc=self.loc)
        self.emit(self.definitions[target])
        return target

    def shapes(self, array: Var) -> tuple[Atom, ...]:
        assert isinstance(array.type, Array)
        return tuple(self.shape(array, axis) for axis in range(array.type.ndim))

    def load(self, array: Var, index: tuple[Atom, ...]) -> Var:
        assert isinstance(array.type, Array)
        target = Var("", array.type.item)
        self.emit(Load(target, array, tuple(strong(i) for i in index), loc=self.loc))
        return target

    def store(self, array: Var, index: tuple[Atom, ...], value: Atom) -> None:
        self.emit(Store(array, index, strong(value), loc=self.loc))

    def increment(self, array: Var, index: tuple[Atom, ...], value: Atom) -> None:
        self.emit(Increment(array, index, strong(value), loose=self.loose, loc=self.loc))

    def alloc(
        self, fill: str, dtype: str, shape: tuple[Atom, ...], hint: str = "", like: Var | None = None, *,
        cleared: bool = False,
    ) -> Var:  # fmt: skip
        layout = like.type.layout if like is not None and shape else "C"  # type: ignore[union-attr]
        if not shape or layout == "A":
            like, layout = None, "C"  # of unknown order there is no model; rank 0 needs none
        target = Var(hint, Array(dtype, len(shape), layout))
        self.emit(Alloc(target, fill, tuple(strong(s) for s in shape), like, cleared=cleared, loc=self.loc))
        return target

    def view(self, base: Var, how: str, items: tuple, to: Array) -> Var:
        target = Var("", to)
        self.emit(View(target, base, how, items, loc=self.loc))
        return target

    # -- control flow ------------------------------------------------------------------------------------------

    def loop(
        self, stop: Atom, body: Callable[[Var], None], *, hint: str = "i", start: Atom = ZERO, mode: str = "sequential"
    ) -> None:
        """`for hint in range(start, stop): body(index)`, carrying nothing."""
        index = Var(hint, INT64)
        with self.block() as statements:
            self.home[index] = statements
            body(index)
        self.emit(For(index, strong(start), strong(stop), integer(1), (), tuple(statements), None, mode, loc=self.loc))

    def nest(self, shape: tuple[Atom, ...], body: Callable[[tuple[Atom, ...]], None]) -> None:
        """A loop nest over all indices of an array of this shape."""

        def level(index: tuple[Atom, ...]) -> None:
            if len(index) == len(shape):
                body(index)
            else:
                hint = "ijklmn"[len(index) % 6]
                self.loop(shape[len(index)], lambda i: level((*index, i)), hint=hint, mode="elementwise")

        level(())

    def choose(self, cond: Atom, then: Callable[[], Atom], orelse: Callable[[], Atom], to: Type) -> Atom:
        """`then() if cond else orelse()`, evaluating one of them."""
        if isinstance(cond, Const):
            return then() if cond.value else orelse()
        with self.block() as first:
            a = then()
            a = self.cast(a, to) if isinstance(to, Scalar) else a
        with self.block() as second:
            b = orelse()
            b = self.cast(b, to) if isinstance(to, Scalar) else b
        out = Var("", to)
        self.emit(If(cond, tuple(first), tuple(second), (Result(out, a, b),), loc=self.loc))
        return out
