"""RMSprop: Tieleman & Hinton, Lecture 6.5, Coursera 2012; Adagrad: Duchi, Hazan & Singer, JMLR 12, 2011."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from srcgrad.shim.optim.adam import blend
from srcgrad.shim.optim.elementwise import Elementwise, count, counted, decayed, in_blocks, live, zeros
from srcgrad.shim.optim.options import check_lr, check_not_negative, check_paths
from srcgrad.shim.tensor import wrap


class RMSprop(Elementwise):
    """Steps along the gradient, over the root of the mean of the squares of gradients.

    Args:
        params: tensors, dicts of them and options, or pairs of names and tensors.
        lr: the length of steps.
        alpha: how much of the mean is kept.
        eps: added to the root.
        weight_decay: factor of the penalty |p|^2 / 2.
        momentum: what part of the last direction is kept.
        centered: divide by the standard deviation: the mean of the gradients is subtracted.
        maximize: ascend.
        foreach: taken, without effect.
        capturable, differentiable: must be False.

    Raises:
        ValueError: an option is out of range.
    """

    late = {  # noqa: RUF012
        "momentum": 0, "centered": False, "foreach": None, "maximize": False, "differentiable": False,
        "capturable": False,
    }  # fmt: skip

    def __init__(
        self, params: Any, lr: Any = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0,
        momentum: float = 0, centered: bool = False, capturable: bool = False, foreach: bool | None = None,
        maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_lr(lr)
        check_not_negative("epsilon value", eps)
        check_not_negative("momentum value", momentum)
        check_not_negative("weight_decay value", weight_decay)
        check_not_negative("alpha value", alpha)
        check_paths(foreach=foreach, differentiable=differentiable, capturable=capturable)
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable,
        })  # fmt: skip

    def update(self, group: dict[str, Any]) -> None:
        lr, alpha, eps, momentum, decay = (
            float(group[name]) for name in ("lr", "alpha", "eps", "momentum", "weight_decay")
        )
        names = ["square_avg"]
        if momentum > 0:
            names.append("momentum_buffer")
        if group["centered"]:
            names.append("grad_avg")
        for p, data, grad in live(group):
            state = self.state[p]
            if not state:
                state.update(step=count(), **{name: zeros(data) for name in names})
            counted(state)
            numbers = [data.dtype.type(x) for x in (lr, alpha, 1.0 - alpha, eps, momentum, decay)]
            rule = partial(_rms, numbers, names, group["maximize"])
            in_blocks(rule, data, grad, *[state[name]._data for name in names])
            for name in names:
                state[name]._counter[0] += 1
            p._counter[0] += 1


def _rms(
    numbers: list[Any], names: list[str], maximize: bool, data: np.ndarray, grad: np.ndarray, *buffers: np.ndarray
) -> None:
    lr, alpha, rest, eps, momentum, decay = numbers
    kept = dict(zip(names, buffers, strict=True))
    square, work, other = kept["square_avg"], np.empty_like(data), np.empty_like(data)
    grad = decayed(grad, data, decay, work, maximize=maximize)
    square *= alpha
    np.multiply(grad, rest, out=other)
    other *= grad
    square += other
    root = other
    if "grad_avg" in kept:
        mean = kept["grad_avg"]
        blend(mean, grad, alpha, rest, other)
        np.multiply(mean, mean, out=other)
        np.subtract(square, other, out=root)
        np.sqrt(root, out=root)
    else:
        np.sqrt(square, out=root)
    root += eps
    if "momentum_buffer" in kept:
        direction = kept["momentum_buffer"]
        direction *= momentum
        direction += np.divide(grad, root, out=work)
        data -= np.multiply(direction, lr, out=work)
    else:
        np.multiply(grad, lr, out=work)
        work /= root
        data -= work


class Adagrad(Elementwise):
    """Steps along the gradient, over the root of the sum of the squares of all gradients.

    Args:
        params: tensors, dicts of them and options, or pairs of names and tensors.
        lr: the length of the first step.
        lr_decay: by which part of it the divisor of `lr` grows with each step.
        weight_decay: factor of the penalty |p|^2 / 2.
        initial_accumulator_value: where the sum starts.
        eps: added to the root.
        maximize: ascend.
        foreach, fused: taken, without effect.
        differentiable: must be False.

    Raises:
        ValueError: an option is out of range.
    """

    late = {"foreach": None, "maximize": False, "differentiable": False, "fused": None}  # noqa: RUF012

    def __init__(
        self, params: Any, lr: Any = 1e-2, lr_decay: float = 0, weight_decay: float = 0,
        initial_accumulator_value: float = 0, eps: float = 1e-10, foreach: bool | None = None, *,
        maximize: bool = False, differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        check_lr(lr)
        check_not_negative("lr_decay value", lr_decay)
        check_not_negative("weight_decay value", weight_decay)
        check_not_negative("initial_accumulator_value value", initial_accumulator_value)
        check_not_negative("epsilon value", eps)
        check_paths(foreach=foreach, differentiable=differentiable, fused=fused)
        super().__init__(params, {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "fused": fused,
        })  # fmt: skip
        for group in self.param_groups:  # unlike the others', its state is there before the first step
            for p in group["params"]:
                start = np.full_like(p._data, group["initial_accumulator_value"])
                self.state[p] = {"step": count(), "sum": wrap(start)}

    def update(self, group: dict[str, Any]) -> None:
        lr, lr_decay, eps, decay = (float(group[name]) for name in ("lr", "lr_decay", "eps", "weight_decay"))
        for p, data, grad in live(group):
            state = self.state[p]
            length = lr / (1.0 + (counted(state) - 1.0) * lr_decay)
            rule = partial(_sum_of_squares, [data.dtype.type(x) for x in (length, eps, decay)], group["maximize"])
            in_blocks(rule, data, grad, state["sum"]._data)
            state["sum"]._counter[0] += 1
            p._counter[0] += 1


def _sum_of_squares(numbers: list[Any], maximize: bool, data: np.ndarray, grad: np.ndarray, total: np.ndarray) -> None:
    length, eps, decay = numbers
    work, root = np.empty_like(data), np.empty_like(data)
    grad = decayed(grad, data, decay, work, maximize=maximize)
    total += np.multiply(grad, grad, out=root)
    np.sqrt(total, out=root)
    root += eps
    np.multiply(grad, length, out=work)
    work /= root
    data -= work
