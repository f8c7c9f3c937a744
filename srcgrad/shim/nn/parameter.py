"""Tensors that a module learns."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.shim.dtypes import DEFAULT
from srcgrad.shim.tensor import _ONLY_FLOATS, Tensor


class Parameter(Tensor):
    """A leaf that requires gradients; an attribute of a module that is one is among its `parameters()`.

    Args:
        data: a tensor, whose memory it shares; an empty one if not given.
        requires_grad: whether gradients are wanted.

    Raises:
        RuntimeError: gradients of integers.
    """

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        made = object.__new__(cls)
        source = Tensor(np.empty(0, DEFAULT.numpy)) if data is None else data.detach()
        if requires_grad and source._data.dtype.kind != "f":
            raise RuntimeError(_ONLY_FLOATS)
        made._data, made._counter, made._requires = source._data, source._counter, bool(requires_grad)
        return made

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class Buffer(Tensor):
    """A tensor that a module keeps but does not learn: an attribute that is one is among its `buffers()`.

    Args:
        data: a tensor, whose memory it shares.
        persistent: whether it is part of the state.
    """

    persistent = True

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        made = object.__new__(cls)
        source = Tensor(np.empty(0, DEFAULT.numpy)) if data is None else data.detach()
        made._data, made._counter, made.persistent = source._data, source._counter, persistent
        return made
