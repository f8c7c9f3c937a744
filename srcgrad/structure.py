"""Arguments and results as flat lists of numbers and arrays: their types, and how they are put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.errors import ArgumentError, Problem
from srcgrad.ir.arguments import Constant, TupleOf
from srcgrad.ir.types import FLOAT64, INT64, Array, Scalar, Type, is_float


def type_of(value: Any, name: str = "argument") -> Any:
    """The type that a function is compiled for, for an argument `value`.

    >>> str(type_of(1.5)), str(type_of(np.zeros((2, 3), np.float32))), type_of((1, "a"))
    ('float64', 'float32[:, :]', TupleOf(items=(Scalar(dtype='int64'), Constant(value='a')), cls=None))
    """
    if type(value) is float:
        return FLOAT64
    if isinstance(value, np.matrix | np.ma.MaskedArray):  # their operators are others
        raise _unfit(f"'{name}' is a {type(value).__name__}", "pass a NumPy array: np.asarray(...), or filled(...)")
    if isinstance(value, np.ndarray) or is_device_array(value):
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
    if hasattr(type(value), "__srcgrad_call__"):
        message = f"'{name}' is a {type(value).__name__}, which this function does not take"
        raise _unfit(message, "pass an array: x.detach().numpy(), or call the differentiable function itself")
    return Constant(value)


def foreign(values: Sequence[Any]) -> Callable[..., Any] | None:
    """How to run a compiled function on arguments of which one knows better: what its class's `__srcgrad_call__` is.

    That is called with the `Callee`, the arguments in the order of the parameters, and `pure`.
    """
    for value in values:
        found = getattr(type(value), "__srcgrad_call__", None)
        if found is None and isinstance(value, tuple):
            found = foreign(value)
        if found is not None:
            return found  # type: ignore[no-any-return]
    return None


def _array_type(value: np.ndarray, name: str) -> Array:
    dtype = value.dtype
    if dtype.name not in ("float64", "float32", "bool") and dtype.kind not in "iu":
        message = f"'{name}' is an array of {dtype}, and only float64, float32, ints and bools are supported"
        raise _unfit(message, "convert it with astype, or pass its parts")
    if not dtype.isnative:
        raise _unfit(f"'{name}' is an array of another byte order", f"use astype('{dtype.name}')")
    if isinstance(value, np.ndarray):
        layout = "C" if value.flags.c_contiguous else "F" if value.flags.f_contiguous else "A"
    else:
        layout = "C" if value.is_c_contiguous() else "F" if value.is_f_contiguous() else "A"
    return Array(dtype.name, value.ndim, layout, tuple(value.shape))


def is_device_array(value: Any) -> bool:
    """Whether a value is an array of `numba.cuda`."""
    return getattr(value, "__cuda_ndarray__", False) is True


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


# -- results, cotangents and tangents -------------------------------------------------------------------------------


def restore(kind: Any, raw: list[Any]) -> Any:
    """Numbers and arrays, taken from the front of `raw`, in the structure of a result."""
    if isinstance(kind, TupleOf):
        items = [restore(k, raw) for k in kind.items]
        return kind.cls(*items) if kind.cls is not None else items if kind.is_list else tuple(items)
    return kind.value if isinstance(kind, Constant) else plain(kind, raw.pop(0))


def plain(kind: Any, raw: Any) -> Any:
    """A number as compiled code returns it, of the type that it has."""
    if not isinstance(kind, Scalar):
        return raw
    if kind.dtype == "float32":
        return np.float32(raw)
    return raw.item() if isinstance(raw, np.generic) else raw


def floats_of(kind: Any) -> Any:
    """A type with everything that is no float as a constant."""
    if isinstance(kind, TupleOf):
        return TupleOf(tuple(floats_of(k) for k in kind.items), kind.cls)
    return kind if is_float(kind) else Constant(None)


def differentiable_leaves(kind: Any, value: Any, name: str) -> list[Any]:
    """Cotangents or tangents as a flat list, checked against the structure, shapes and dtypes that they belong to."""
    if isinstance(kind, TupleOf):
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
        array = value if is_device_array(value) else np.asarray(value)
        if array.ndim != kind.ndim or array.dtype.kind not in "fiub":
            message = f"{name} must be a {kind.ndim}-d array of floats, but got {value!r}"
            raise ArgumentError(Problem(message, hint="give it the shape of what it belongs to"))
        if is_device_array(array) and array.dtype == kind.dtype:
            return [array]
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
    if isinstance(kind, TupleOf):
        items = [_fill(k, parts) for k in kind.items]
        return kind.cls(*items) if kind.cls is not None else tuple(items)
    if isinstance(kind, Constant) or not is_float(kind):
        return None
    return plain(kind, parts.pop(0))
