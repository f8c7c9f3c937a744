"""Dropout, with the random numbers that PyTorch draws."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.shim import generator
from srcgrad.shim.nn.functions.checks import need_tensor
from srcgrad.shim.tensor import Tensor, wrap


def _noise(like: np.ndarray, shape: tuple[int, ...], p: float) -> np.ndarray:
    """1 / (1 - p) with probability 1 - p, else 0."""
    if p == 1:
        return np.zeros(shape, like.dtype)
    kind = like.dtype
    if shape != like.shape:
        kept = generator.default_generator.bernoulli(1 - p, shape, kind)
    else:  # in the order of the memory, which PyTorch's `empty_like` takes over
        order = sorted(range(like.ndim), key=lambda k: -like.strides[k])
        kept = generator.default_generator.bernoulli(1 - p, tuple(shape[k] for k in order), kind)
        kept = kept.transpose(np.argsort(order)) if order else kept
    return kept / kind.type(1 - p)


def _dropped(name: str, input: Any, p: float, training: bool, inplace: bool, channels: int | None) -> Tensor:
    need_tensor(input, name)
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    x = input._data
    if not training or p == 0 or not x.size:
        return input  # type: ignore[no-any-return]
    if x.dtype.kind != "f":
        raise RuntimeError("result type Float can't be cast to the desired output type Long")
    shape = x.shape if channels is None else x.shape[:channels] + (1,) * (x.ndim - channels)
    noise = wrap(_noise(x, shape, p))
    return input.mul_(noise) if inplace else input * noise  # type: ignore[no-any-return]


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element 0 with probability p, else divided by 1 - p (Srivastava et al. 2014).

    Raises:
        ValueError: p is not in [0, 1].
    """
    return _dropped("dropout", input, p, training, inplace, None)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, L) or (C, L)."""
    return _dropped("dropout1d", input, p, training, inplace, input._data.ndim - 1)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, H, W)."""
    return _dropped("dropout2d", input, p, training, inplace, 2)
