"""Adam: Kingma & Ba, ICLR 2015; AMSGrad: Reddi, Kale & Kumar, ICLR 2018; AdamW: Loshchilov & Hutter, ICLR 2019."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from srcgrad.shim.optim.elementwise import Elementwise, count, counted, decayed, in_blocks, live, zeros
from srcgrad.shim.optim.options import check_betas, check_lr, check_not_negative, check_paths
from srcgrad.shim.tensor import Tensor


class Adam(Elementwise):
    """Steps along the mean of the gradients, over the root of the mean of their squares.

    Args:
        params: tensors, dicts of them and options, or pairs of names and tensors.
        lr: the length of steps.
        betas: how much of the means of gradients and squares is kept.
        eps: added to the root.
        weight_decay: factor of the penalty |p|^2 / 2; or of the parameters themselves if decoupled.
        amsgrad: divide by the root of the greatest mean of squares so far.
        foreach, fused: taken, without effect.
        maximize: ascend.
        capturable, differentiable: must be False.
        decoupled_weight_decay: shrink the parameters, rather than change the gradients.

    Raises:
        ValueError: an option is out of range.
    """

    late = {  # noqa: RUF012
        "amsgrad": False, "maximize": False, "foreach": None, "capturable": False, "differentiable": False,
        "decoupled_weight_decay": False, "fused": None,
    }  # fmt: skip

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: Any = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
        amsgrad: bool = False, *, foreach: bool | None = None, maximize: bool = False, capturable: bool = False,
        differentiable: bool = False, fused: bool | None = None, decoupled_weight_decay: bool = False,
    ) -> None:  # fmt: skip
        if isinstance(lr, Tensor) and foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        check_lr(lr)
        check_not_negative("epsilon value", eps)
        check_betas(betas)
        check_not_negative("weight_decay value", weight_decay)
        check_paths(foreach=foreach, differentiable=differentiable, fused=fused, capturable=capturable)
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize, "foreach": foreach, "capturable": capturable, "differentiable": differentiable,
            "fused": fused, "decoupled_weight_decay": decoupled_weight_decay,
        })  # fmt: skip

    def update(self, group: dict[str, Any]) -> None:
        lr, eps, decay = float(group["lr"]), float(group["eps"]), float(group["weight_decay"])
        beta1, beta2 = float(group["betas"][0]), float(group["betas"][1])
        decoupled = bool(group["decoupled_weight_decay"] and decay)
        for p, data, grad in live(group):
            state = self.state[p]
            if not state:
                state.update(step=count(), exp_avg=zeros(data), exp_avg_sq=zeros(data))
                if group["amsgrad"]:
                    state["max_exp_avg_sq"] = zeros(data)
            names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if group["amsgrad"] else ("exp_avg", "exp_avg_sq")
            means = [state[name] for name in names]
            step = counted(state)
            numbers = [
                1.0 - lr * decay if decoupled else 1.0, 0.0 if decoupled else decay, beta1, 1.0 - beta1, beta2,
                1.0 - beta2, math.sqrt(1.0 - beta2**step), eps, lr / (1.0 - beta1**step),
            ]  # fmt: skip
            rule = partial(_adapt, [data.dtype.type(x) for x in numbers], group["maximize"])
            in_blocks(rule, data, grad, *[m._data for m in means])
            for m in means:
                m._counter[0] += 1
            p._counter[0] += 2 if decoupled else 1


def _adapt(
    numbers: list[Any], maximize: bool, data: np.ndarray, grad: np.ndarray, mean: np.ndarray, square: np.ndarray,
    highest: np.ndarray | None = None,
) -> None:  # fmt: skip
    shrink, decay, beta1, rest1, beta2, rest2, root, eps, length = numbers
    work, other = np.empty_like(data), np.empty_like(data)
    if shrink != 1:
        data *= shrink
    grad = decayed(grad, data, decay, work, maximize=maximize)
    blend(mean, grad, beta1, rest1, other)
    square *= beta2
    np.multiply(grad, rest2, out=other)
    other *= grad
    square += other
    if highest is not None:
        square = np.maximum(highest, square, out=highest)
    np.sqrt(square, out=work)
    work /= root
    work += eps
    np.multiply(mean, length, out=other)
    other /= work
    data -= other


def blend(mean: np.ndarray, new: np.ndarray, old_part: Any, new_part: Any, work: np.ndarray) -> None:
    """`mean = old_part * mean + new_part * new`, from the end that is nearer, as PyTorch's `lerp` does."""
    np.subtract(new, mean, out=work)
    if new_part < 0.5:
        work *= new_part
        mean += work
    else:
        work *= old_part
        np.subtract(new, work, out=mean)


class AdamW(Adam):
    """Adam with decoupled weight decay: the parameters shrink by `lr * weight_decay`, whatever the gradients are.

    Args:
        params, lr, betas, eps, weight_decay, amsgrad, maximize, foreach, capturable, differentiable, fused: as Adam's.
    """

    late = {**Adam.late, "decoupled_weight_decay": True}  # noqa: RUF012

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: Any = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 1e-2,
        amsgrad: bool = False, *, maximize: bool = False, foreach: bool | None = None, capturable: bool = False,
        differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize, capturable=capturable,
            differentiable=differentiable, fused=fused, decoupled_weight_decay=True,
        )  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
