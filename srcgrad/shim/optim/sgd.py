"""Gradient descent with momentum.

Sutskever, Martens, Dahl & Hinton, On the importance of initialization and momentum in deep learning, ICML 2013. As in
PyTorch the learning rate multiplies the momentum too, not only the new gradient.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from srcgrad.shim.optim.elementwise import Elementwise, decayed, in_blocks, live
from srcgrad.shim.optim.options import check_lr, check_not_negative, check_paths
from srcgrad.shim.tensor import wrap


class SGD(Elementwise):
    """Gradient descent.

    Args:
        params: tensors, dicts of them and options, or pairs of names and tensors.
        lr: the length of steps, in gradients.
        momentum: what part of the last direction is kept.
        dampening: what part of the gradient is not added to the momentum.
        weight_decay: factor of the penalty |p|^2 / 2.
        nesterov: look ahead along the momentum.
        maximize: ascend.
        foreach, fused: taken, without effect.
        differentiable: must be False.

    Raises:
        ValueError: an option is out of range.
    """

    late = {  # noqa: RUF012
        "nesterov": False, "maximize": False, "foreach": None, "differentiable": False, "fused": None,
    }  # fmt: skip

    def __init__(
        self, params: Any, lr: Any = 1e-3, momentum: float = 0, dampening: float = 0, weight_decay: Any = 0,
        nesterov: bool = False, *, maximize: bool = False, foreach: bool | None = None, differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:  # fmt: skip
        check_lr(lr)
        check_not_negative("momentum value", momentum)
        check_not_negative("weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        check_paths(foreach=foreach, differentiable=differentiable, fused=fused)
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
            "maximize": maximize, "foreach": foreach, "differentiable": differentiable, "fused": fused,
        })  # fmt: skip

    def update(self, group: dict[str, Any]) -> None:
        momentum = float(group["momentum"])
        numbers = float(group["lr"]), momentum, 1.0 - float(group["dampening"]), float(group["weight_decay"])
        for p, data, grad in live(group):
            # Numbers of the element type: NumPy 1 promotes arrays without dimensions by others.
            typed = [data.dtype.type(x) for x in numbers]
            fresh, buffers = False, ()
            if momentum:
                state = self.state[p]
                buffer = state.get("momentum_buffer")
                fresh = buffer is None
                if fresh:
                    buffer = state["momentum_buffer"] = wrap(np.empty_like(data))
                buffer._counter[0] += 1
                buffers = (buffer._data,)
            rule = partial(_descend, typed, group["nesterov"], group["maximize"], fresh)
            in_blocks(rule, data, grad, *buffers)
            p._counter[0] += 1


def _descend(
    numbers: list[Any], nesterov: bool, maximize: bool, fresh: bool, data: np.ndarray, grad: np.ndarray,
    buffer: np.ndarray | None = None,
) -> None:  # fmt: skip
    lr, momentum, kept, decay = numbers
    work = np.empty_like(data)
    grad = decayed(grad, data, decay, work, maximize=maximize)
    if buffer is not None:
        if fresh:
            buffer[...] = grad  # the first gradient is not dampened
        else:
            buffer *= momentum
            buffer += grad if kept == 1 else grad * kept
        grad = np.add(buffer * momentum, grad, out=work) if nesterov else buffer
    data -= np.multiply(grad, lr, out=work)
