"""Losses of pairs and distributions that are made of other operations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from srcgrad.shim.nn.functions.linear import pairwise_distance
from srcgrad.shim.nn.functions.losses import checked_reduction, reduced
from srcgrad.shim.ops.activations import where
from srcgrad.shim.record import record
from srcgrad.shim.tensor import Tensor, wrap


def hinge_embedding_loss(input: Any, target: Any, margin: float = 1.0, *, reduction: str = "mean") -> Tensor:
    """The input where the target is 1; `max(0, margin - x)` where it is -1."""
    zero = wrap(np.zeros((), input._data.dtype))
    away = where(target != 1, (margin - input).clamp_min(0), zero)
    return reduced(away + where(target != -1, input, zero), reduction)  # type: ignore[no-any-return]


def margin_ranking_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0.0, *, reduction: str = "mean"
) -> Tensor:
    """`max(0, margin - target * (x1 - x2))`."""
    return reduced((-target * (input1 - input2) + margin).clamp_min(0), reduction)  # type: ignore[no-any-return]


def triplet_margin_loss(
    anchor: Any, positive: Any, negative: Any, margin: float = 1.0, p: float = 2, eps: float = 1e-6,
    swap: bool = False, *, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """`max(0, margin + |anchor - positive| - |anchor - negative|)`."""
    near: Any = pairwise_distance(anchor, positive, p, eps)
    far: Any = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = far.minimum(pairwise_distance(positive, negative, p, eps))
    return reduced((near - far + margin).clamp_min(0), reduction)  # type: ignore[no-any-return]


def cosine_embedding_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0.0, *, reduction: str = "mean"
) -> Tensor:
    """`1 - cos` where the target is 1; `max(0, cos - margin)` where it is -1."""
    tiny = 1e-12
    squares = ((input1 * input1).sum(-1) + tiny) * ((input2 * input2).sum(-1) + tiny)
    cos = (input1 * input2).sum(-1) / squares.sqrt()
    zero = wrap(np.zeros((), cos._data.dtype))
    values = where(target == 1, 1 - cos, zero) + where(target == -1, (cos - margin).clamp_min(0), zero)
    return reduced(values, reduction)  # type: ignore[no-any-return]


def soft_margin_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """`log(1 + exp(-target * x))`."""
    checked_reduction(reduction)
    x, y = input._data, target._data
    values = np.logaddexp(0, -y * x).astype(x.dtype, copy=False)
    out = values if reduction == "none" else values.mean() if reduction == "mean" else values.sum()
    factor = 1.0 / values.size if reduction == "mean" and values.size else 1.0

    def pull(ct: Any, x: Any) -> Any:
        return ct * factor * (-y / (1.0 + np.exp(x * y)))

    return record("SoftMarginLossBackward0", out, (input,), (pull,), (input,))


def poisson_nll_loss(
    input: Any, target: Any, log_input: bool = True, full: bool = False, eps: float = 1e-8, *, reduction: str = "mean"
) -> Tensor:
    """The negative log-likelihood of counts, less a term without the input unless `full` (Stirling's)."""
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        t = target._data
        with np.errstate(all="ignore"):
            stirling = t * np.log(t) - t + 0.5 * np.log(2 * math.pi * t)
        loss = loss + wrap(np.where(t > 1, stirling, 0).astype(t.dtype))
    return reduced(loss, reduction)  # type: ignore[no-any-return]


def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, *, reduction: str = "mean"
) -> Tensor:
    """The negative log-likelihood of a normal distribution of mean `input`; variances below eps count as eps.

    Raises:
        ValueError: a negative variance.
    """
    var = var if isinstance(var, Tensor) else wrap(np.asarray(var, input._data.dtype))
    if (var._data < 0).any():
        raise ValueError("var has negative entry/entries")
    safe = var + wrap(np.maximum(var._data, eps) - var._data)
    loss = 0.5 * (safe.log() + (input - target).square() / safe)  # type: ignore[attr-defined]
    return reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)  # type: ignore[no-any-return]
