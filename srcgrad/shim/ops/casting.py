"""Copies, and conversions of type."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.shim.dtypes import BY_NUMPY, dtype, numpy_dtype
from srcgrad.shim.modes import STATE
from srcgrad.shim.record import record, titled
from srcgrad.shim.tensor import Tensor


def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy, which is part of the history."""
    return record("CloneBackward0", input._data.copy(), (input,), (lambda ct: ct,))


def cast(input: Tensor, kind: np.dtype) -> Tensor:
    """The elements in another type; the tensor itself if they have it."""
    if input._data.dtype == kind:
        return input
    return record("ToCopyBackward0", STATE.quiet(input._data.astype, kind), (input,), (lambda ct: ct,))


def to(input: Tensor, *args: Any, dtype: Any = None, device: Any = None, copy: bool = False, **_: Any) -> Tensor:
    """In another type, or the type of another tensor; the only device is the CPU.

    Raises:
        RuntimeError: another device.
    """
    for a in args:
        if isinstance(a, Tensor):
            dtype = a.dtype
        elif isinstance(a, str):
            device = a
        elif a is not None and not isinstance(a, bool):
            dtype = a
    if device is not None and not str(device).startswith("cpu"):
        raise RuntimeError(f"srcgrad.shim has no device {device}: tensors are NumPy arrays on the CPU")
    made = input if dtype is None else cast(input, numpy_dtype(dtype))
    if copy and made is input:
        return titled(clone(made), "CloneBackward0" if dtype is None else "ToCopyBackward0")
    return made


def type_(input: Tensor, dtype: Any = None) -> Any:
    """The name of the tensor's type, or the tensor in another."""
    return f"torch.{input.dtype.title}Tensor" if dtype is None else to(input, dtype)


def converter(target: dtype) -> Any:
    """The method that converts to a type: `x.double()`."""

    def convert(self: Tensor) -> Tensor:
        return cast(self, target.numpy)

    convert.__doc__ = f"In the type {target!r}."
    return convert


def contiguous(input: Tensor, memory_format: Any = None) -> Tensor:
    """With its elements in order in memory; the tensor itself if they are."""
    return input if input._data.flags.c_contiguous else clone(input)


def is_contiguous(input: Tensor) -> bool:
    """Whether its elements are in order in memory."""
    return bool(input._data.flags.c_contiguous)


def stride(input: Tensor, dim: int | None = None) -> Any:
    """The distances between elements in memory."""
    strides = tuple(s // input._data.itemsize for s in input._data.strides)
    return strides if dim is None else strides[dim]


def is_floating_point(input: Tensor) -> bool:
    """Whether its elements are floats."""
    return BY_NUMPY[input._data.dtype].is_floating_point
