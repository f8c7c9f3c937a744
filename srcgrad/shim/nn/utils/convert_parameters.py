"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from srcgrad.shim.ops.joining import cat
from srcgrad.shim.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements, one tensor after the other."""
    return cat([p.reshape(-1) for p in parameters])  # type: ignore[attr-defined]


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Let the parameters be parts of a vector, whose memory they share.

    Raises:
        TypeError: the vector is no tensor.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    start = 0
    for parameter in parameters:
        size = parameter._data.size
        parameter._data = vec._data[start : start + size].reshape(parameter._data.shape)
        start += size
