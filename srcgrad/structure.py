"""Arguments and results as flat lists of numbers and arrays: their types, and how they are put together."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.errors import ArgumentError, Problem
from srcgrad.ir.types import FLOAT64, INT64, Array, Scalar, Type, is_float
from srcgrad.transform.lower.values import Constant, TupleOf


def type_of(value: Any, name: str = "argument") -> Any:
    """The type that a function is compiled for, for an argument `value`.

    >>> str(type_of(1.5)), str(type_of(np.zeros((2, 3), np.float32))), type_of((1, "a"))
    ('float64', 'float32[:, :]', TupleOf(items=(Scalar(dtype='int64'), Constant(value='a')), cls=None))
    """
    if type(value) is float:
        return FLOAT64
    if isinstance(value, np.ndarray):
        return _array_type(value, name)
    if isinstance(value, bool | np.bool_):
        return Constant(bool(value))
    if isinstance(value, int | np.integer):
        return INT64
    if isinstance(value, np.floating):
        if value.dtype.name not in ("float64", "float32"):
            raise _unfit(f"'{name}' is {value.dtype}, and only float64 and float32 are supported", "use float()")
        return Scalar(value.dtype.name)
    if isinstance(value, float):
        return FLOAT64
    if isinstance(value, complex | np.complexfloating):
        hint = "pass its real and imaginary parts"
        raise _unfit(f"'{name}' is complex, and complex numbers are not supported", hint)
    if isinstance(value, tuple):
        cls = type(value) if hasattr(value, "_fields") else None
        return TupleOf(tuple(type_of(v, name) for v in value), cls)
    if isinstance(value, list | dict | set):
        raise _unfit(f"'{name}' is a {type(value).__name__}", "pass a NumPy array or a tuple")
    return Constant(value)


def _array_type(value: np.ndarray, name: str) -> Array:
    dtype = value.dtype
    if dtype.name not in ("float64", "float32", "bool") and dtype.kind not in "iu":
        message = f"'{name}' is an array of {dtype}, and only float64, float32, ints and bools are supported"
        raise _unfit(message, "convert it with astype, or pass its parts")
    if not dtype.isnative:
        raise _unfit(f"'{name}' is an array of another byte order", f"use astype('{dtype.name}')")
    layout = "C" if value.flags.c_contiguous else "F" if value.flags.f_contiguous else "A"
    return Array(dtype.name, value.ndim, layout, value.shape)


def _unfit(message: str, hint: str) -> ArgumentError:
    return ArgumentError(Problem(message, hint=hint))


def leaves(value: Any, kind: Any) -> list[Any]:
    """The numbers and arrays in an argument, in order, without those that are specialised away."""
    if isinstance(kind, TupleOf):
        return [leaf for v, k in zip(value, kind.items, strict=True) for leaf in leaves(v, k)]
    return [] if isinstance(kind, Constant) else [value]


def leaf_types(kind: Any) -> list[Type]:
    """The types of those numbers and arrays."""
    if isinstance(kind, TupleOf):
        return [t for k in kind.items for t in leaf_types(k)]
    return [] if isinstance(kind, Constant) else [kind]


def has_float(kind: Any) -> bool:
    """Whether some part of an argument of this type has a derivative."""
    return any(is_float(t) for t in leaf_types(kind))
