"""One program compiled for one choice of argument types: its primal, tangent and sweeps, made when first called."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from importlib import import_module
from types import BuiltinMethodType, MethodType
from typing import Any

import numpy as np

from srcgrad import structure
from srcgrad.backend import (
    Options,
    any_on_device,
    compile_text,
    download,
    duplicate,
    extent,
    is_on_device,
    keep_freed_memory,
    upload,
)
from srcgrad.entries import slot_for
from srcgrad.errors import ArgumentError, InternalError, Problem
from srcgrad.plan import Plan, Text
from srcgrad.program import GradientOf, Program

_COMPILING = threading.RLock()


class Version:
    """A program for arguments of given names and types.

    Attributes:
        arguments: the names and types.
        plan: how to call it.
        kinds: the types.
    """

    def __init__(
        self, program: Program, arguments: tuple[tuple[str, Any], ...], key: str | None = None,
        known: tuple[Plan, dict[str, Text]] | None = None,
    ) -> None:  # fmt: skip
        self.program, self.arguments, self._key = program, arguments, key
        self.kinds = [kind for _, kind in arguments]
        self._derivation: Any = None
        self._kernels: dict[str, Kernel] = {}
        self.entries: dict[Any, Any] = {}  # the quick ways in, see `entry.py`
        if known is None:
            self.plan, self._texts = self.derivation.plan(), {}
        else:
            self.plan, self._texts = known
        self._facts = _condition(self.plan.facts)

    @property
    def derivation(self) -> Any:
        """Its IR, see `derive.Derivation`. A version that was read from the cache has none until it is asked for."""
        if self._derivation is None:
            with _COMPILING:
                self._derivation = import_module("srcgrad.derive").Derivation(self.program, self.arguments)
        return self._derivation

    def fits(self, values: Sequence[Any]) -> bool:
        """Whether the shapes of the arguments are such as the version was made for, where that matters."""
        try:
            return self._facts is None or self._facts(self._leaves(values))
        except ZeroDivisionError:  # a size that the first call's shapes made positive
            return False

    def is_valid(self) -> bool:
        """Whether the globals and closure variables that it was compiled for still have the values that they had."""
        for c in self.plan.constants:
            now = c.read()
            if now is not c.expected and not same(now, c.expected):
                return False
        return all(structure.type_of(c.read()) == c.expected for c in self.plan.arrays)

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
        is_large = self.kernel("forward").is_large
        prefix = "frugal " if is_large is not None and is_large(self._leaves(values)) else ""
        return self.kernel(f"{prefix}forward"), self.kernel(f"{prefix}reverse")

    def _make(self, kind: str) -> None:
        if kind not in self._texts:
            self._texts.update(self._derived(kind))
            self._keep()
        text = self._texts[kind]
        derived = kind != "primal" or isinstance(self.program, GradientOf)
        options, names = self.program.options, self.plan.names
        cls = DeviceKernel if options.target == "cuda" else Kernel
        self._kernels[kind] = cls(text, options, names, lambda: self._derived(kind)[kind], derived=derived)

    def _keep(self) -> None:
        """Put the texts into the cache, unless something outside has changed since they were not found there."""
        slot = slot_for(self.program, self.arguments) if self._key is not None else None
        if slot is not None and slot.name == self._key:
            slot.save(self.plan, self._texts, self.derivation.functions)

    def _derived(self, kind: str) -> dict[str, Text]:
        """Texts made from the IR; where the plan was read from the cache, it must be that of the IR."""
        plan = self.derivation.plan()
        if (plan.facts, plan.names, plan.count) != (self.plan.facts, self.plan.names, self.plan.count):
            raise InternalError(f"the cache of '{self.program.name}' is not right: clear it, and please report this")
        texts: dict[str, Text] = self.derivation.texts(kind)
        return texts

    def flat(self, values: Sequence[Any]) -> list[Any]:
        """The arguments as numbers and arrays, then the captured arrays."""
        out = self._leaves(values)
        if self.program.options.target != "cpu":  # float64 numbers, as in compiled code
            out = [np.float64(leaf) if type(leaf) is float else leaf for leaf in out]
        return out + [c.read() for c in self.plan.arrays]

    def _leaves(self, values: Sequence[Any]) -> list[Any]:
        return [leaf for v, k in zip(values, self.kinds, strict=True) for leaf in structure.leaves(v, k)]

    def result(self, raw: Any) -> Any:
        """A kernel's flat results, in the structure that the function returns."""
        return structure.restore(self.plan.result, list(raw))


def find_version(
    program: Program, arguments: tuple[tuple[str, Any], ...], values: Sequence[Any]
) -> Version:  # fmt: skip
    """A version for these arguments: read from the cache if there is one, else made from the source."""
    slot = slot_for(program, arguments)
    if slot is None:
        return Version(program, arguments)
    for known in slot.load():
        version = Version(program, arguments, slot.name, known)
        if version.fits(values) and version.is_valid():
            return version
    return Version(program, arguments, slot.name)


class Kernel:
    """A compiled function over a flat list of numbers and arrays."""

    def __init__(
        self, text: Text, options: Options, names: tuple[str, ...], again: Callable[[], Text], *, derived: bool
    ) -> None:
        self.written, self.names = text.written, names
        self.own = len(names)  # how many of the parameters are the program's; the others are tangents
        if derived:
            keep_freed_memory()
        self.compiled = compile_text(text.printed, options, lambda: again().printed.lines)
        self.is_large = _condition(text.large)  # whether the tape takes too much memory
        self.quick = self.compiled.quick  # the same for arguments one by one, which may be overwritten or not

    def __call__(self, flat: list[Any]) -> Any:
        """Run on the caller's own arrays."""
        if self.written:
            self.check_overlap(flat)
        return self.compiled(*flat)

    def pure(self, flat: list[Any]) -> Any:
        """Run on copies of the arrays that it overwrites."""
        if self.written:
            self.check_overlap(flat)
            flat = list(flat)
            for k in self.written:
                flat[k] = flat[k].copy(order="K")
        return self.compiled(*flat)

    def run(self, flat: list[Any]) -> Any:
        """Run on arrays that may be overwritten, or that are not."""
        return self.compiled(*flat)

    def landed(self, result: Any, flat: list[Any]) -> Any:
        """A result of a call with the arguments `flat`, where the caller expects it to be."""
        return result

    def check_overlap(self, flat: list[Any]) -> None:
        """Refuse arguments of which one is overwritten and shares memory with another, or with itself."""
        for k in self.written:
            if k < self.own and repeats(flat[k]):
                message = f"'{self.names[k]}' shows some memory twice, and is overwritten"
                raise ArgumentError(Problem(message, hint="pass a copy of it"))
            for j, other in enumerate(flat[: self.own]):
                if k < self.own and j != k and hasattr(other, "shape") and overlap(flat[k], other):
                    first, second = (self.names[i] for i in sorted((j, k)))
                    message = f"'{first}' and '{second}' share memory, and '{self.names[k]}' is overwritten"
                    raise ArgumentError(Problem(message, hint="pass a copy of one of them"))


class DeviceKernel(Kernel):
    """The same on a GPU. Results are on the GPU if one of the arguments is, else on the host, as all of them are."""

    def __init__(self, *args: Any, derived: bool) -> None:
        super().__init__(*args, derived=derived)
        self.quick = lambda *flat: self.pure(list(flat))

    def __call__(self, flat: list[Any]) -> Any:
        """Run on the caller's own arrays."""
        if self.written:
            self.check_overlap(flat)
        given = upload(flat)
        raw = self.compiled(*given)
        for k in self.written:
            if isinstance(flat[k], np.ndarray):
                flat[k][...] = given[k].copy_to_host()
        return self.landed(raw, flat)

    def pure(self, flat: list[Any]) -> Any:
        """Run on copies of the arrays that it overwrites."""
        return self.landed(self.run(flat), flat)

    def run(self, flat: list[Any]) -> Any:
        """The same with results that stay on the GPU."""
        if self.written:
            self.check_overlap(flat)
        given = [duplicate(v) if k in self.written and is_on_device(v) else v for k, v in enumerate(flat)]
        return self.compiled(*upload(given))

    def landed(self, result: Any, flat: list[Any]) -> Any:
        """A result where the caller expects it to be."""
        return result if any_on_device(flat) else download(result)


def _condition(facts: tuple[str, ...]) -> Callable[[list[Any]], bool] | None:
    """Conditions on the arguments as one function of the list of them."""
    return eval(f"lambda p: {' and '.join(facts)}") if facts else None


def overlap(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays share an element; where that is hard to say, whether their bounds overlap."""
    if is_on_device(a) or is_on_device(b):
        if not (is_on_device(a) and is_on_device(b)):
            return False
        (first, last), (start, end) = extent(a), extent(b)
        return first <= end and start <= last
    if not np.may_share_memory(a, b):
        return False
    try:
        return np.shares_memory(a, b, max_work=10_000)
    except np.exceptions.TooHardError:
        return True


def repeats(a: np.ndarray) -> bool:
    """Whether two indices may mean the same element, as in a view of stride 0, of an array that can be written."""
    if not a.size or is_on_device(a) or a.flags.c_contiguous or not a.flags.writeable:
        return False
    reach = a.itemsize - 1
    for stride, n in sorted((abs(s), n) for s, n in zip(a.strides, a.shape, strict=True) if n > 1):
        if stride <= reach:
            return True
        reach += stride * (n - 1)
    return False


def same(a: Any, b: Any) -> bool:
    """Whether two values of a constant are one for compiled code."""
    if type(a) is not type(b):
        return False
    if isinstance(a, int | float | str | np.generic):
        return (bool(a == b) and str(a) == str(b)) or (a != a and b != b)  # noqa: PLR0124 - two NaNs are the same value
    if isinstance(a, tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, MethodType):
        return a.__self__ is b.__self__ and a.__func__ is b.__func__
    return isinstance(a, BuiltinMethodType) and a.__self__ is b.__self__ and a.__name__ == b.__name__
