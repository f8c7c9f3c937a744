"""Gradients limited in norm, or element by element."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from srcgrad.shim.tensor import Tensor, wrap


def _tensors(given: Any) -> list[Tensor]:
    return [given] if isinstance(given, Tensor) else list(given)


def _gradients(parameters: Any) -> list[Tensor]:
    return [p._grad for p in _tensors(parameters) if p._grad is not None]


def get_total_norm(
    tensors: Tensor | Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:  # fmt: skip
    """The norm of all elements of some tensors, as if they were one vector.

    Raises:
        RuntimeError: it is not finite, and `error_if_nonfinite`.
    """
    arrays = [t._data for t in _tensors(tensors)]
    if not arrays:
        return wrap(np.zeros((), np.float32))
    kind = arrays[0].dtype
    norms = np.array([np.linalg.norm(a.reshape(-1), norm_type) for a in arrays], kind)
    total = wrap(np.asarray(np.linalg.norm(norms, norm_type), kind))
    if error_if_nonfinite and not np.isfinite(total._data):
        raise RuntimeError(
            f"The total norm of order {float(norm_type)} for gradients from `parameters` is non-finite, so it cannot "
            "be clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale gradients so that their norm, which is given, is at most `max_norm`."""
    gradients = _gradients(parameters)
    kind = total_norm._data.dtype.type
    factor = np.minimum(kind(max_norm) / (total_norm._data + kind(1e-6)), kind(1))
    for gradient in gradients:
        gradient._data *= factor.astype(gradient._data.dtype)
        gradient._counter[0] += 1


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:  # fmt: skip
    """Scale gradients so that their norm is at most `max_norm`; returns the norm that it was.

    Raises:
        RuntimeError: it is not finite, and `error_if_nonfinite`.
    """
    parameters = _tensors(parameters)
    total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Limit each element of gradients to [-clip_value, clip_value]."""
    for gradient in _gradients(parameters):
        np.clip(gradient._data, -clip_value, clip_value, out=gradient._data)
        gradient._counter[0] += 1
