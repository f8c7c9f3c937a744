"""One program compiled for one choice of argument types: its primal, tangent and sweeps, made when first called."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad import structure
from srcgrad.backend import compile_text
from srcgrad.errors import ArgumentError, Problem
from srcgrad.ir.nodes import Function, flatten
from srcgrad.ir.printer import Printed, print_function
from srcgrad.ir.types import Array, Scalar, is_float
from srcgrad.program import Program, float_parameters
from srcgrad.transform import pipeline
from srcgrad.transform.lower.values import Constant, Lowered, Static, Tuple, Value, is_atom

_COMPILING = threading.RLock()


class Version:
    """A program for arguments of given names and types.

    Attributes:
        arguments: the names and types.
        lowered: its IR.
        wrt: its float parameters.
    """

    def __init__(self, program: Program, arguments: tuple[tuple[str, Any], ...]) -> None:
        self.program, self.arguments = program, arguments
        self.lowered: Lowered = program.lowered(arguments)
        self.wrt = float_parameters(self.lowered.function, arguments)
        self.kinds = [kind for _, kind in arguments]
        self.arrays = [c for c in self.lowered.captures if c.var is not None]
        self.constants = [c for c in self.lowered.captures if c.var is None]
        self._kernels: dict[str, Kernel] = {}
        self._is_large: Callable[[list[Any]], bool] | None = None  # whether the tape of `vjp` is beyond the budget
        large = " or ".join(self.lowered.large)
        budget = (f"({large})" if program.is_frugal else f"not ({large})",) if large else ()
        self._facts = _condition((*self.lowered.facts, *budget))

    def fits(self, values: Sequence[Any]) -> bool:
        """Whether the shapes of the arguments are such as the version was made for, where that matters."""
        try:
            return self._facts is None or self._facts(self._leaves(values))
        except ZeroDivisionError:  # a size that the first call's shapes made positive
            return False

    def is_valid(self) -> bool:
        """Whether the globals and closure variables that it was compiled for still have the values that they had."""
        for c in self.constants:
            now = c.read()
            if now is not c.value and not _same(now, c.value):
                return False
        return all(structure.type_of(c.read()) == c.var.type for c in self.arrays)  # type: ignore[union-attr]

    def kernel(self, kind: str) -> Kernel:
        """The compiled "primal", "tangent", "forward" or "reverse" function."""
        found = self._kernels.get(kind)
        if found is None:
            with _COMPILING:
                if kind not in self._kernels:
                    self._make(kind)
                found = self._kernels[kind]
        return found

    def sweeps(self, values: Sequence[Any]) -> tuple[Kernel, Kernel]:
        """The "forward" and "reverse" functions; those with checkpointed loops where the tape takes too much memory."""
        self.kernel("forward")
        large = self._is_large is not None and self._is_large(self._leaves(values))
        prefix = "frugal " if large else ""
        return self.kernel(f"{prefix}forward"), self.kernel(f"{prefix}reverse")

    def _make(self, kind: str) -> None:
        function = self.lowered.function
        if kind == "primal":
            made = {kind: function}
        elif kind == "tangent":
            made = {kind: pipeline.tangent(function, self.wrt)}
        else:
            prefix = "frugal " if kind.startswith("frugal") else ""
            split = pipeline.split(function, self.wrt)
            if prefix:
                split = pipeline.frugal_split(function, split, self.wrt)
            made = {f"{prefix}forward": split.forward, f"{prefix}reverse": split.reverse}
            if not prefix:
                own = len(function.params) - len(self.arrays)
                self._is_large = _condition(
                    pipeline.beyond(split.forward, function, own, self.program.options.memory_budget)
                )
        for name, ir in made.items():
            self._kernels[name] = Kernel(ir, self.program.options, len(function.params))

    def flat(self, values: Sequence[Any]) -> list[Any]:
        """The arguments as numbers and arrays, then the captured arrays."""
        out = self._leaves(values)
        if self.program.options.target == "python":  # float64 numbers, as in compiled code
            out = [np.float64(leaf) if type(leaf) is float else leaf for leaf in out]
        return out + [c.read() for c in self.arrays]

    def _leaves(self, values: Sequence[Any]) -> list[Any]:
        return [leaf for v, k in zip(values, self.kinds, strict=True) for leaf in structure.leaves(v, k)]

    def result(self, raw: Any) -> Any:
        """A kernel's flat results, in the structure that the function returns."""
        return _restore(self.lowered.result, list(raw))

    @property
    def count(self) -> int:
        """How many numbers and arrays the function returns."""
        return len(flatten(self.lowered.function.results))


class Kernel:
    """A compiled function over a flat list of numbers and arrays."""

    def __init__(self, function: Function, options: Any, own: int) -> None:
        self.function = function
        self.own = own  # how many of the parameters are the program's; the others are tangents
        flat = pipeline.flattened(pipeline.printable(function))
        direct = pipeline.direct_accesses(flat) if options.target != "python" else frozenset()
        self.printed: Printed = print_function(flat, direct)
        self.compiled: Callable[..., Any] = compile_text(self.printed, options)
        written = pipeline.written_parameters(function)
        self.written = [k for k, p in enumerate(function.params) if p in written]

    def __call__(self, flat: list[Any]) -> Any:
        """Run on the caller's own arrays."""
        if self.written:
            self._check_overlap(flat)
        return self.compiled(*flat)

    def pure(self, flat: list[Any]) -> Any:
        """Run on copies of the arrays that it overwrites."""
        if self.written:
            self._check_overlap(flat)
            flat = list(flat)
            for k in self.written:
                flat[k] = flat[k].copy(order="K")
        return self.compiled(*flat)

    def _check_overlap(self, flat: list[Any]) -> None:
        for k in self.written:
            for j, other in enumerate(flat[: self.own]):
                if k < self.own and j != k and isinstance(other, np.ndarray) and _overlap(flat[k], other):
                    first, second = (self.function.params[i].hint for i in sorted((j, k)))
                    written = self.function.params[k].hint
                    message = f"'{first}' and '{second}' share memory, and '{written}' is overwritten"
                    raise ArgumentError(Problem(message, hint="pass a copy of one of them"))


def _condition(facts: tuple[str, ...]) -> Callable[[list[Any]], bool] | None:
    """Conditions on the arguments as one function of the list of them."""
    return eval(f"lambda p: {' and '.join(facts)}") if facts else None


def _overlap(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays share an element; where that is hard to say, whether their bounds overlap."""
    if not np.may_share_memory(a, b):
        return False
    try:
        return np.shares_memory(a, b, max_work=10_000)
    except np.exceptions.TooHardError:
        return True


def _same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, int | float | str | np.generic):
        return (bool(a == b) and str(a) == str(b)) or (a != a and b != b)  # noqa: PLR0124 - two NaNs are the same value
    if isinstance(a, tuple):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    return False


def _restore(value: Value, raw: list[Any]) -> Any:
    if isinstance(value, Tuple):
        items = [_restore(v, raw) for v in value.items]
        return value.cls(*items) if value.cls is not None else items if value.is_list else tuple(items)
    if isinstance(value, Static):
        return value.object
    return plain(value.type, raw.pop(0))


def plain(kind: Any, raw: Any) -> Any:
    """A number as compiled code returns it, of the type that it has."""
    if not isinstance(kind, Scalar):
        return raw
    if kind.dtype == "float32":
        return np.float32(raw)
    return raw.item() if isinstance(raw, np.generic) else raw


def result_kind(value: Value) -> Any:
    """The result's structure as an argument type; what is no float stands for None."""
    if isinstance(value, Tuple):
        return structure.TupleOf(tuple(result_kind(v) for v in value.items), value.cls)
    return value.type if is_atom(value) and is_float(value.type) else Constant(None)


def differentiable_leaves(kind: Any, value: Any, name: str) -> list[Any]:
    """Cotangents or tangents as a flat list, checked against the structure, shapes and dtypes that they belong to."""
    if isinstance(kind, structure.TupleOf):
        if not isinstance(value, tuple | list) or len(value) != len(kind.items):
            message = f"{name} must be a tuple of {len(kind.items)}, but got {value!r}"
            raise ArgumentError(Problem(message, hint="give it the structure of what it belongs to"))
        pairs = zip(kind.items, value, strict=True)
        return [leaf for k, (kk, v) in enumerate(pairs) for leaf in differentiable_leaves(kk, v, f"{name}[{k}]")]
    if isinstance(kind, Constant) or not is_float(kind):
        if value is not None:
            message = f"{name} must be None, because it belongs to something that has no derivative"
            raise ArgumentError(Problem(message, hint="pass None in its place"))
        return []
    if value is None:
        raise ArgumentError(Problem(f"{name} is None, but it belongs to a float", hint="pass zeros for no change"))
    if isinstance(kind, Array):
        array = np.asarray(value)
        if array.ndim != kind.ndim or array.dtype.kind not in "fiub":
            message = f"{name} must be a {kind.ndim}-d array of floats, but got {value!r}"
            raise ArgumentError(Problem(message, hint="give it the shape of what it belongs to"))
        order = kind.layout if kind.layout in ("C", "F") else "K"
        return [np.asarray(array, kind.dtype, order=order)]  # type: ignore[call-overload]
    try:
        return [np.float32(value) if kind.dtype == "float32" else float(value)]
    except (TypeError, ValueError):
        message = f"{name} must be a number, but got {value!r}"
        raise ArgumentError(Problem(message, hint="pass a float")) from None


def fill_gradients(kinds: Sequence[Any], parts: list[Any]) -> tuple[Any, ...]:
    """One cotangent an argument, in the argument's structure, with None where there is no derivative."""
    return tuple(_fill(kind, parts) for kind in kinds)


def _fill(kind: Any, parts: list[Any]) -> Any:
    if isinstance(kind, structure.TupleOf):
        items = [_fill(k, parts) for k in kind.items]
        return kind.cls(*items) if kind.cls is not None else tuple(items)
    if isinstance(kind, Constant) or not is_float(kind):
        return None
    return plain(kind, parts.pop(0))
