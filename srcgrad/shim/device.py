"""Where tensors are: on the CPU."""

from __future__ import annotations


class Device(str):
    """Where a tensor is."""

    __slots__ = ()
    type, index = "cpu", None

    def __repr__(self) -> str:
        return f"device(type='{self}')"


CPU = Device("cpu")
