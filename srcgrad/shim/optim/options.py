"""Checks of options, with PyTorch's messages."""

from __future__ import annotations

from typing import Any

from srcgrad.shim.tensor import Tensor


def check_lr(lr: Any) -> None:
    """Refuse learning rates that are negative, or tensors of several elements.

    Raises:
        ValueError: it is one.
    """
    if isinstance(lr, Tensor) and lr._data.size != 1:
        raise ValueError("Tensor lr must be 1-element")
    check_not_negative("learning rate", lr)


def check_not_negative(name: str, value: Any) -> None:
    """Refuse negative numbers.

    Raises:
        ValueError: it is one.
    """
    if not value >= 0.0:
        raise ValueError(f"Invalid {name}: {value}")


def check_betas(betas: Any) -> None:
    """Refuse decay rates of averages that are not in [0, 1).

    Raises:
        ValueError: one is not.
    """
    for k in range(2):
        if not 0.0 <= betas[k] < 1.0:
            raise ValueError(f"Invalid beta parameter at index {k}: {betas[k]}")
    if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor):
        raise ValueError("betas must be either both floats or both Tensors")


def check_paths(
    *, foreach: bool | None, differentiable: bool, fused: bool | None = None, capturable: bool = False
) -> None:
    """Refuse what there is only for GPUs, and steps that are themselves recorded. `foreach`, `fused` change nothing.

    Raises:
        NotImplementedError: `differentiable`.
        AssertionError: `capturable`, as in PyTorch on CPUs.
        RuntimeError: `fused` with another.
    """
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
    if differentiable:
        raise NotImplementedError("steps are not recorded: `differentiable=True` is not supported")
    if capturable:
        raise AssertionError(
            "If capturable=True, params and state_steps must be on supported devices: "
            "['cuda', 'xpu', 'hpu', 'privateuseone', 'xla']."
        )
