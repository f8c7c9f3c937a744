"""Where tensors are: on the CPU."""

from __future__ import annotations


class device(str):  # noqa: N801 - PyTorch's name
    """Where a tensor is."""

    __slots__ = ()
    type, index = "cpu", None

    def __repr__(self) -> str:
        return f"device(type='{self}')"


CPU = device("cpu")
