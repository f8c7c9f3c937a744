"""A random program: its source text, its arguments, and how to turn both into something that runs."""

from __future__ import annotations

import linecache
import math
import zlib
from collections import Counter
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Parameter:
    """One argument of a program.

    Kind: `float`, `int`, `bool`, `array` (of float64), `single` (of float32) or `ints` (an index array).
    """

    name: str
    kind: str
    shape: tuple[int, ...] = ()
    layout: str = "C"  # "C", "F", "strided" or "reversed", for arrays of floats
    value: int = 0  # of an int or a bool; of an index array: 1 if elements may be negative
    below: int = 1  # elements of an index array are valid indices for this length

    @property
    def differentiable(self) -> bool:
        """Whether the argument has a derivative."""
        return self.kind in ("float", "array", "single")

    @property
    def dtype(self) -> type:
        """The element type of an array of floats."""
        return np.float32 if self.kind == "single" else np.float64

    def draw(self, rng: np.random.Generator) -> Any:
        """A value for this argument; shapes, ints and bools are part of the program and stay the same."""
        if self.kind == "float":
            return float(rng.uniform(-1.5, 1.5))
        if self.kind == "int":
            return self.value
        if self.kind == "bool":
            return bool(self.value)
        if self.kind == "ints":
            return rng.integers(-self.below * self.value, self.below, size=self.shape)
        return with_layout(rng.uniform(-1.5, 1.5, size=self.shape).astype(self.dtype), self.layout)


@dataclass
class Program:
    """Source text that defines `f` (and helpers), with the arguments to call it with."""

    seed: int
    source: str
    parameters: tuple[Parameter, ...]
    features: Counter = field(default_factory=Counter)

    def arguments(self, sample: int = 0) -> list[Any]:
        """Fresh arguments; equal for equal `sample`."""
        rng = np.random.default_rng([self.seed, sample, 17])
        return [parameter.draw(rng) for parameter in self.parameters]

    def tangents(self, sample: int = 0) -> list[Any]:
        """A random direction in the space of the arguments: None where an argument has no derivative."""
        rng = np.random.default_rng([self.seed, sample, 23])
        return [
            None if not p.differentiable
            else float(rng.normal()) if p.kind == "float"
            else with_layout(rng.normal(size=p.shape).astype(p.dtype), p.layout)
            for p in self.parameters
        ]  # fmt: skip

    @property
    def single(self) -> bool:
        """Whether some of it is computed in single precision."""
        return "float32" in self.source or any(p.kind == "single" for p in self.parameters)

    def load(self, numpy: Any = np) -> FunctionType:
        """Execute the source and return `f`; its text is in linecache, so `inspect.getsource` finds it."""
        name = f"srcgrad_random_{self.seed}"
        filename = f"<{name}-{zlib.crc32(self.source.encode())}>"
        linecache.cache[filename] = (len(self.source), None, self.source.splitlines(True), filename)
        namespace: dict[str, Any] = {"np": numpy, "math": math, "__name__": name}
        exec(compile(self.source, filename, "exec"), namespace)
        return namespace["f"]


def with_layout(values: np.ndarray, layout: str) -> np.ndarray:
    """A copy of `values` with the same elements laid out in memory as asked."""
    if layout == "F":
        return np.array(values, order="F")
    if layout == "strided":
        wide = np.full(tuple(2 * n for n in values.shape), 99.0, values.dtype)
        view = wide[tuple(slice(None, None, 2) for _ in values.shape)]
    elif layout == "reversed":
        view = np.full(values.shape, 99.0, values.dtype)[tuple(slice(None, None, -1) for _ in values.shape)]
    else:
        return np.array(values, order="C")
    view[...] = values
    return view


def copy_of(value: Any) -> Any:
    """A deep copy that keeps the memory layout of arrays, up to strides and direction."""
    if isinstance(value, np.ndarray):
        if value.flags.c_contiguous:
            return value.copy()
        if value.flags.f_contiguous:
            return value.copy(order="F")
        return with_layout(value, "reversed" if min(value.strides) < 0 else "strided")
    if isinstance(value, (tuple, list)):
        return type(value)(copy_of(item) for item in value)
    return value


def flatten(value: Any) -> np.ndarray:
    """All numbers of a result (a number, an array or a tuple of these) in one new vector."""
    if isinstance(value, tuple):
        return np.concatenate([flatten(item) for item in value]) if value else np.zeros(0)
    if value is None:
        raise TypeError("a None where a number or an array was expected")
    return np.array(value, dtype=np.float64).ravel()


class DoubleNumpy:
    """NumPy, except that single precision is double precision."""

    float32 = np.float64

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def doubled(value: Any) -> Any:
    """An argument in double precision, in the same layout."""
    if not isinstance(value, np.ndarray) or value.dtype != np.float32:
        return value
    copy = copy_of(value)
    if copy.flags.c_contiguous or copy.flags.f_contiguous:
        return copy.astype(np.float64)
    return with_layout(copy.astype(np.float64), "reversed" if min(copy.strides) < 0 else "strided")


class PoisonedNumpy:
    """NumPy, except that `empty` returns arrays full of a chosen value: shows reads of what was never written."""

    def __init__(self, poison: float):
        self._poison = poison

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def empty(self, shape: Any, *args: Any) -> np.ndarray:
        """`np.empty`, poisoned."""
        return np.full(shape, self._poison)

    def empty_like(self, array: np.ndarray) -> np.ndarray:
        """`np.empty_like`, poisoned."""
        return np.full_like(array, self._poison)
