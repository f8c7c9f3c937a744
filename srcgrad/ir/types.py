"""Types of IR values.

Scalars and arrays are all that the IR knows: tuples, functions, strings and None are resolved while a function is
lowered, so that no later pass meets them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Scalar:
    """A number or bool; `dtype` is a NumPy dtype name."""

    dtype: str

    def __str__(self) -> str:
        return self.dtype


@dataclass(frozen=True)
class Array:
    """A handle to an array. `layout` is "C", "F" or "A" (any strides), as in Numba.

    `shape` is that of the argument that a version is made for, or what is known of a parameter's; it is no part of the
    type.
    """

    dtype: str
    ndim: int
    layout: str = "C"
    shape: tuple[int | None, ...] | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(':' * self.ndim)}]"

    @property
    def item(self) -> Scalar:
        return Scalar(self.dtype)


@dataclass(frozen=True)
class HandleList:
    """A list of array handles of one type: adjoint buffers, looked up by number in the reverse sweep."""

    element: Array


@dataclass(frozen=True)
class Text:
    """A run-time string; it can only be printed or compared."""


Type = Scalar | Array | HandleList | Text

FLOAT64 = Scalar("float64")
FLOAT32 = Scalar("float32")
INT64 = Scalar("int64")
BOOL = Scalar("bool")


def is_float(t: object) -> bool:
    """Whether values of type `t` can carry a derivative: float scalars, and arrays of them.

    >>> is_float(FLOAT32), is_float(Array("float64", 2)), is_float(INT64)
    (True, True, False)
    """
    return isinstance(t, Scalar | Array) and t.dtype in ("float64", "float32")


def is_integer(t: object) -> bool:
    return isinstance(t, Scalar) and t.dtype.lstrip("u").startswith("int")


def promote(a: Scalar, b: Scalar) -> Scalar:
    """The type of `a + b`, by Numba's rules: integers are computed in 64 bits.

    >>> str(promote(FLOAT32, FLOAT64)), str(promote(Scalar("int32"), Scalar("int8"))), str(promote(FLOAT32, INT64))
    ('float64', 'int64', 'float64')
    """
    kinds = {np.dtype(t.dtype).kind for t in (a, b)}
    if kinds <= {"b", "i"}:
        return INT64
    if "u" in kinds and kinds <= {"u", "b"}:
        return Scalar("uint64")
    return Scalar(np.result_type(a.dtype, b.dtype).name)


def keeps_values(a: Type, to: Type) -> bool:
    """Whether every integer or bool of type `a` is the same number in type `to`.

    >>> keeps_values(Scalar("uint8"), INT64), keeps_values(Scalar("uint64"), INT64)
    (True, False)
    """
    return isinstance(a, Scalar) and isinstance(to, Scalar) and bool(np.can_cast(a.dtype, to.dtype))


def unify(a: Type, b: Type) -> Type | None:
    """The type of a name that is `a` on one path and `b` on another, or None where there is none.

    >>> str(unify(INT64, FLOAT64)), unify(FLOAT64, Array("float64", 1))
    ('float64', None)
    """
    if a == b:
        return a
    if isinstance(a, Scalar) and isinstance(b, Scalar):
        return Scalar(np.result_type(a.dtype, b.dtype).name)
    if isinstance(a, Array) and isinstance(b, Array) and (a.dtype, a.ndim) == (b.dtype, b.ndim):
        return Array(a.dtype, a.ndim, "A")
    return None
