"""Attributes of arrays, numbers, tuples and Python objects."""

from __future__ import annotations

import ast

import numpy as np

from srcgrad.ir.nodes import integer
from srcgrad.transform.lower import arrays, kernels, methods, sizes, views
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.values import Bound, Static, Tuple, Value, describe, is_array, is_operand, is_scalar


def attribute(scope: Scope, owner: Value, name: str, node: ast.AST) -> Value:
    """`owner.name`."""
    if isinstance(owner, Static):
        intrinsic = kernels.name_of(owner.object)
        if intrinsic is not None:
            return kernels.attribute(scope, intrinsic, name, node)
        return scope.attribute_of(owner, name, node)
    if isinstance(owner, Tuple):
        if owner.cls is not None and name in owner.cls._fields:  # type: ignore[attr-defined]
            return owner.items[owner.cls._fields.index(name)]  # type: ignore[attr-defined]
        if name in ("index", "count", "append"):
            return Bound(owner, name)
    if is_operand(owner):
        return _array_attribute(scope, owner, name, node)
    if is_scalar(owner):
        if name == "real":
            return owner
        if name == "ndim":
            return integer(0)
        if name in methods.OF_NUMBERS:
            return Bound(owner, name)
        if hasattr(np.float64, name) or hasattr(np.int64, name):
            raise scope.problem(f"'.{name}' of {describe(owner)} is not differentiable", node, "use the number itself")
    raise scope.problem(f"{describe(owner)} has no attribute '{name}'", node, "check its spelling")


def _array_attribute(scope: Scope, array: Value, name: str, node: ast.AST) -> Value:
    match name:
        case "shape":
            return Tuple(sizes.own_shape(scope, array) if is_array(array) else array.shape)
        case "ndim":
            return integer(array.type.ndim)
        case "size":
            return sizes.size(scope, array)
        case "dtype":
            return Static(np.dtype(array.type.dtype))
        case "T":
            return views.transpose(scope, arrays.forced(scope, array))
        case "real":
            return array
        case "flat" | "imag" | "base" | "strides" | "itemsize" | "nbytes" | "flags":
            raise scope.problem(f"'.{name}' of an array is not differentiable", node, "use loops over its indices")
        case _ if callable(getattr(np.ndarray, name, None)):
            return Bound(array, name)
        case _:
            raise scope.problem(f"{describe(array)} has no attribute '{name}'", node, "check its spelling")
