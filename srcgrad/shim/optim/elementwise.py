"""Optimizers that treat each element of a parameter by itself: one loop over the parameters, NumPy in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from srcgrad.shim.dtypes import DEFAULT
from srcgrad.shim.modes import enable_grad
from srcgrad.shim.optim.optimizer import Optimizer
from srcgrad.shim.tensor import Tensor, wrap

BLOCK = 2**16  # elements whose intermediate results stay in the cache between operations


class Elementwise(Optimizer):
    """Base of the optimizers whose `update` changes the parameters of a group."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change the parameters that have a gradient.

        Args:
            closure: computes the loss anew, with gradients.

        Returns:
            What the closure returned.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with np.errstate(all="ignore"):  # PyTorch is silent about inf and NaN
            for group in self.param_groups:
                self.update(group)
        return loss

    def update(self, group: dict[str, Any]) -> None:
        """Change the parameters of a group, and their versions."""
        raise NotImplementedError


def live(group: dict[str, Any]) -> Iterator[tuple[Tensor, np.ndarray, np.ndarray]]:
    """The parameters that have a gradient, with their arrays and those of the gradients."""
    for p in group["params"]:
        grad = p._grad
        if grad is not None:
            yield p, p._data, grad._data


def zeros(data: np.ndarray) -> Tensor:
    """State of the form of a parameter."""
    return wrap(np.zeros_like(data))


def count() -> Tensor:
    """A number of steps, which PyTorch keeps as a floating-point tensor."""
    return wrap(np.zeros((), np.float64 if DEFAULT.numpy == np.float64 else np.float32))


def counted(state: dict[str, Any]) -> float:
    """The number of steps, this one included."""
    step = state["step"]
    step._data += 1
    step._counter[0] += 1
    return step._data.item()


def in_blocks(rule: Callable[..., None], *arrays: np.ndarray) -> None:
    """Apply a rule for elements to arrays of the same shape, piece by piece if they are long."""
    n = arrays[0].size
    if n <= BLOCK or not all(a.flags.c_contiguous for a in arrays):
        rule(*arrays)
        return
    flat = [a.reshape(-1) for a in arrays]
    for k in range(0, n, BLOCK):
        rule(*(a[k : k + BLOCK] for a in flat))


def decayed(grad: np.ndarray, data: np.ndarray, decay: Any, work: np.ndarray, *, maximize: bool) -> np.ndarray:
    """The gradient to descend: with a penalty's `decay * data` added, and for ascent negated; in `work` if changed."""
    if decay:
        np.multiply(data, decay, out=work)
        return (np.subtract if maximize else np.add)(work, grad, out=work)
    return np.negative(grad, out=work) if maximize else grad
