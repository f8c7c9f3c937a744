"""The dtypes of array operations: those of NumPy's ufuncs, with a named number as strong as an array, as in Numba."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from srcgrad.ir.nodes import Const, Var
from srcgrad.ir.types import is_float
from srcgrad.rules.operators import EXTREMA
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.values import Value, describe, is_operand

INTEGER = ("+", "-", "*", "//", "%", "**", "neg", "pos", "abs", "max", "min", "&", "|", "^", "<<", ">>", "~", "np.sign")
MIXING = ("+", "-", "*", "/", "//", "%", "**", *EXTREMA, "where")
ON_BOOLS = {"+": "|", "*": "&", "max": "|", "min": "&", "~": "not"}  # what NumPy makes of them
SPELLED = {"neg": "-", "pos": "+"}


def plain_dtype(target: Any) -> Any:
    """One of Numba's types of numbers as NumPy's of that name; anything else as it is."""
    if str(type(target).__module__).startswith("numba.core.types"):
        return getattr(np, str(target), target)
    return target


def resolve(scope: Scope, op: str, values: list[Value], node: ast.AST) -> tuple[str, str]:
    """The operation that an operation on arrays is, and the dtype of its result."""
    kinds = [v.type.dtype for v in values]
    if all(k == "bool" for k in kinds) and any(is_operand(v) for v in values):
        if op in ON_BOOLS:
            return ON_BOOLS[op], "bool"
        if op in ("-", "neg", "pos", "//", "%", "**", "<<", ">>", "abs", "np.sign"):
            message = f"'{SPELLED.get(op, op)}' does not take arrays of bools"
            raise scope.problem(message, node, "convert them with astype(int)")
    dtype = on_elements(scope, op, values)
    if op in INTEGER and np.dtype(dtype).kind in "iu" and not any(is_float(v.type) for v in values):
        return op, np.result_type(*(_weak(v) for v in values)).name
    if op in MIXING and np.dtype(dtype).kind == "f":
        operands = values[1:] if op == "where" else values
        if any(is_float(v.type) for v in operands):
            return op, np.result_type(*(_weak(v) for v in operands)).name
    return op, dtype


def on_elements(scope: Scope, op: str, values: list[Value]) -> str:
    """The dtype that the operation has on elements, found by building it into a block that is thrown away."""
    with scope.build.block():
        items = [Var("", v.type.item) if is_operand(v) else v for v in values]
        out = scope.build.op(op, *items)
    return out.type.dtype  # type: ignore[union-attr]


def _weak(value: Value) -> object:
    """A value as `np.result_type` takes it: a literal has no dtype of its own."""
    if isinstance(value, Const) and value.weak and not isinstance(value.value, bool):
        return value.value
    return np.dtype(value.type.dtype)


def expect_castable(scope: Scope, op: str, target: Var, value: Value, node: ast.AST) -> None:
    """Refuse `target op= value` where NumPy does not put the result into the target's dtype."""
    if not hasattr(value, "type"):
        return
    _, result = resolve(scope, op, [target, value], node)
    to = target.type.dtype  # type: ignore[union-attr]
    if not np.can_cast(result, to, "same_kind"):
        message = f"'{op}=' makes {result} numbers, which {describe(target)} cannot hold"
        raise scope.problem(message, node, "write it without '=', or make the array of another dtype")
