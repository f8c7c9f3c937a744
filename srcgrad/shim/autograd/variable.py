"""`Variable`, which tensors were once wrapped into."""

from __future__ import annotations

from typing import Any

from srcgrad.shim.tensor import Tensor


class _Kind(type):
    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, Tensor)


class Variable(metaclass=_Kind):
    """A tensor with the memory of another and no history; every tensor is one."""

    def __new__(cls, data: Any, requires_grad: bool = False) -> Any:
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        return data.detach().requires_grad_(requires_grad)
