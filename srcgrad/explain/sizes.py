"""The sizes of the arrays that a function makes, and the trips of its loops, for given arguments.

Integers are computed as far as they depend on shapes and on integer arguments alone; what is unknown is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from srcgrad.ir.nodes import Alloc, Assign, Atom, Block, Const, For, Function, If, NewAxis, Slice, Var, View, While
from srcgrad.ir.types import Scalar
from srcgrad.transform.build import folded

Shape = tuple[int | None, ...]
ROUNDED = {"np.sqrt": np.sqrt, "np.ceil": np.ceil, "np.floor": np.floor}  # what sizes are made with, beside arithmetic


class Sizes:
    """Evaluates a function's sizes.

    Args:
        function: the function.
        values: numbers and arrays for its parameters, as far as they are known.

    Attributes:
        allocated: for each array made outside of loops, on the path taken, its shape.
        trips: for each `for` loop, how often it runs each time it is met.
    """

    def __init__(self, function: Function, values: Mapping[Var, Any]) -> None:
        self.numbers: dict[Var, Any] = {}
        self.shapes: dict[Var, Shape] = {}
        self.allocated: dict[Var, Shape] = {}
        self.trips: dict[Var, int] = {}
        for var, value in values.items():
            if isinstance(value, np.ndarray):
                self.shapes[var] = value.shape
            else:
                self.numbers[var] = value.item() if isinstance(value, np.generic) else value
        self._block(function.body, outside=True)

    def number(self, atom: Atom | None) -> Any:
        """The value of a number, or None."""
        if isinstance(atom, Const):
            return atom.value
        return self.numbers.get(atom) if isinstance(atom, Var) else None

    def _block(self, block: Block, *, outside: bool) -> None:
        for stmt in block:
            match stmt:
                case Assign():
                    self._assign(stmt)
                case Alloc():
                    shape = tuple(self.number(n) for n in stmt.shape)
                    self.shapes[stmt.target] = shape
                    if outside:
                        self.allocated[stmt.target] = shape
                case View():
                    self._view(stmt)
                case If():
                    self._branch(stmt, outside=outside)
                case For() | While():
                    self._loop(stmt)
                case _:
                    pass

    def _assign(self, stmt: Assign) -> None:
        if stmt.op == "shape":
            array, axis = stmt.args
            shape = self.shapes.get(array) if isinstance(array, Var) else None
            value = None if shape is None else shape[self.number(axis)]
        else:
            value = self._computed(stmt)
        if value is not None:
            self.numbers[stmt.target] = value

    def _computed(self, stmt: Assign) -> Any:
        args = [self.number(a) for a in stmt.args]
        if any(a is None for a in args) or not isinstance(stmt.target.type, Scalar):
            return None
        if stmt.op == "cast":
            kind = np.dtype(stmt.target.type.dtype).kind
            return None if abs(args[0]) >= 2**53 else int(args[0]) if kind in "iu" else float(args[0])
        if stmt.op == "where":
            return args[1] if args[0] else args[2]
        if stmt.op in ROUNDED:
            return float(ROUNDED[stmt.op](args[0])) if args[0] >= 0 else None
        consts = [Const(v, a.type) for v, a in zip(args, stmt.args, strict=True)]
        try:
            found = folded(stmt.op, consts, stmt.target.type)
        except KeyError:
            return None
        return found.value if found is not None else None

    def _view(self, stmt: View) -> None:
        base = self.shapes.get(stmt.base)
        if stmt.how == "reshape":
            self.shapes[stmt.target] = tuple(self.number(n) for n in stmt.items)  # type: ignore[arg-type]
        elif base is not None and stmt.how == "transpose":
            order = [self.number(n) for n in stmt.items]  # type: ignore[arg-type]
            self.shapes[stmt.target] = tuple(base[k] for k in order) if order else base[::-1]
        elif base is not None and stmt.how == "index":
            self.shapes[stmt.target] = self._indexed(base, stmt.items)
        elif base is not None:
            self.shapes[stmt.target] = base

    def _indexed(self, base: Shape, items: tuple[Any, ...]) -> Shape:
        left = list(base)
        out: list[int | None] = []
        for item in items:
            if isinstance(item, NewAxis):
                out.append(1)
                continue
            n = left.pop(0)
            if isinstance(item, Slice):
                out.append(self._sliced(n, item))
        return (*out, *left)

    def _sliced(self, n: int | None, item: Slice) -> int | None:
        parts = [(a, self.number(a)) for a in (item.start, item.stop, item.step)]
        if n is None or any(a is not None and value is None for a, value in parts):
            return None
        return len(range(*slice(*(value for _, value in parts)).indices(n)))

    def _branch(self, stmt: If, *, outside: bool) -> None:
        cond = self.number(stmt.cond)
        if cond is None or cond:
            self._block(stmt.then, outside=outside)
        if not cond:
            self._block(stmt.orelse, outside=outside)
        for r in stmt.results:
            known = [k for k, a in enumerate((r.then, r.orelse)) if cond is None or bool(cond) == (k == 0)]
            self._merged(r.var, [(r.then, r.orelse)[k] for k in known])

    def _merged(self, var: Var, atoms: list[Atom]) -> None:
        """A value that is one of some, where they are all the same."""
        numbers = [self.number(a) for a in atoms]
        shapes = [self.shapes.get(a) if isinstance(a, Var) else None for a in atoms]
        if numbers[0] is not None and all(n == numbers[0] for n in numbers):
            self.numbers[var] = numbers[0]
        if shapes[0] is not None and all(s == shapes[0] for s in shapes):
            self.shapes[var] = shapes[0]

    def _loop(self, stmt: For | While) -> None:
        if isinstance(stmt, For) and stmt.exit is None:
            bounds = [self.number(a) for a in (stmt.start, stmt.stop, stmt.step)]
            if all(b is not None for b in bounds):
                self.trips[stmt.index] = len(range(*bounds))
        self._block(stmt.body, outside=False)


def size_in_bytes(shape: Shape | None, dtype: str) -> int | None:
    """How many bytes an array takes; None where its shape is not known."""
    if shape is None or any(n is None for n in shape):
        return None
    total = np.dtype(dtype).itemsize
    for n in shape:
        assert n is not None
        total *= max(n, 0)
    return total
