"""Arithmetic with the options that functions have and operators do not: `alpha`, `rounding_mode`, powers."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.shim.dtypes import BY_NUMPY, promoted
from srcgrad.shim.ops import elementwise as ew
from srcgrad.shim.record import nothing, record, titled
from srcgrad.shim.tensor import Tensor


def add(input: Any, other: Any, *, alpha: Any = 1, out: Tensor | None = None) -> Tensor:
    """`input + alpha * other`."""
    return ew._add(input, other if alpha == 1 else other * alpha, out=out)  # type: ignore[no-any-return]


def sub(input: Any, other: Any, *, alpha: Any = 1, out: Tensor | None = None) -> Tensor:
    """`input - alpha * other`.

    Raises:
        RuntimeError: of bools, which PyTorch does not subtract.
    """
    _no_bools(input, other)
    return ew._sub(input, other if alpha == 1 else other * alpha, out=out)  # type: ignore[no-any-return]


def _no_bools(input: Any, other: Any) -> None:
    kinds = [isinstance(v, bool) or (isinstance(v, Tensor) and v._data.dtype.kind == "b") for v in (input, other)]
    if all(kinds):
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` "
            "operator instead."
        )
    if any(kinds):
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, "
            "use the `~` or `logical_not()` operator instead."
        )


def div(input: Any, other: Any, *, rounding_mode: str | None = None, out: Tensor | None = None) -> Tensor:
    """`input / other`, rounded if asked: "floor" or "trunc"."""
    if rounding_mode is None:
        return ew._div(input, other, out=out)  # type: ignore[no-any-return]
    if rounding_mode not in ("floor", "trunc"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    whole = all(not isinstance(v, float) and not _is_float(v) for v in (input, other))
    if whole and rounding_mode == "floor":
        return ew.floor_divide(input, other, out=out)  # type: ignore[no-any-return]
    quotient = getattr(ew._div(input, other), rounding_mode)()
    if whole:
        x, y = (v._data if isinstance(v, Tensor) else v for v in (input, other))
        return quotient.to(BY_NUMPY[promoted(x, y)])  # type: ignore[no-any-return]
    return titled(quotient, "DivBackward3" if isinstance(other, Tensor) else "DivBackward2")


def _is_float(x: Any) -> bool:
    return isinstance(x, Tensor) and x._data.dtype.kind == "f"


def pow(input: Any, exponent: Any, *, out: Tensor | None = None) -> Tensor:
    """`input ** exponent`.

    Raises:
        RuntimeError: integers to a negative power.
    """
    if isinstance(exponent, int) and exponent < 0 and isinstance(input, Tensor) and input._data.dtype.kind in "iu":
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    return ew._pow(input, exponent, out=out)  # type: ignore[no-any-return]


def rsub(input: Tensor, other: Any) -> Tensor:
    """`other - input`, as an operator."""
    return sub(other, input)


def rdiv(input: Tensor, other: Any) -> Tensor:
    """`other / input`, as PyTorch computes it: the reciprocal, multiplied."""
    if isinstance(other, Tensor | np.ndarray):
        return div(other, input)
    return ew.mul(ew.reciprocal(input), other)  # type: ignore[no-any-return]


def rpow(input: Tensor, other: Any) -> Tensor:
    """`other ** input`."""
    return ew._pow(other, input)  # type: ignore[no-any-return]


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """To the nearest integer, halves to even."""
    return record("RoundBackward0", np.round(input._data, decimals), (input,), (nothing,))
