"""`torch.optim.lr_scheduler`: learning rates that change from epoch to epoch.

Where the schedules are continued at an epoch other than the first, they leave the rate as it is at first, since the
optimizer's state has it; all but `StepLR`, `MultiStepLR` and `ConstantLR`, in PyTorch as here.
"""

from __future__ import annotations

import math
import types
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from srcgrad.shim.optim.optimizer import Optimizer
from srcgrad.shim.optim.plateau import ReduceLROnPlateau
from srcgrad.shim.optim.schedule import LRScheduler, Recurrence, warn_of_get_lr
from srcgrad.shim.optim.sequence import SequentialLR

__all__ = [
    "ConstantLR", "CosineAnnealingLR", "ExponentialLR", "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR",
    "MultiplicativeLR", "PolynomialLR", "ReduceLROnPlateau", "SequentialLR", "StepLR",
]  # fmt: skip
_LRScheduler = LRScheduler  # its old name


class LambdaLR(LRScheduler):
    """The first rate times a function of the epoch.

    Args:
        optimizer: the optimizer.
        lr_lambda: the function, or one for each group.
        last_epoch: the epoch to go on after; -1 at the beginning.

    Raises:
        ValueError: there are not as many functions as groups.
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Any, last_epoch: int = -1) -> None:
        several, groups = isinstance(lr_lambda, list | tuple), len(optimizer.param_groups)
        if several and len(lr_lambda) != groups:
            raise ValueError(f"Expected {groups} lr_lambdas, but got {len(lr_lambda)}")
        self.lr_lambdas: list[Callable[[int], float]] = list(lr_lambda) if several else [lr_lambda] * groups
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The rates for `self.last_epoch`."""
        warn_of_get_lr(self)
        return [base * f(self.last_epoch) for f, base in zip(self.lr_lambdas, self.base_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the optimizer; of the functions those of objects, and None for plain functions."""
        plain = types.FunctionType | types.BuiltinFunctionType
        state = {name: value for name, value in super().state_dict().items() if name != "lr_lambdas"}
        return {**state, "lr_lambdas": [None if isinstance(f, plain) else dict(f.__dict__) for f in self.lr_lambdas]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the attributes of another scheduler; the functions stay, those of objects get its attributes."""
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "lr_lambdas"})
        for f, attributes in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            if attributes is not None:
                f.__dict__.update(attributes)


class MultiplicativeLR(LambdaLR):
    """The last rate times a function of the epoch.

    Args:
        optimizer, lr_lambda, last_epoch: as of `LambdaLR`.
    """

    def get_lr(self) -> list[Any]:
        """The rates for `self.last_epoch`, if the present ones are those of the epoch before."""
        warn_of_get_lr(self)
        rates = [group["lr"] for group in self.optimizer.param_groups]
        if self._is_initial:
            return rates
        return [lr * f(self.last_epoch) for f, lr in zip(self.lr_lambdas, rates, strict=True)]


class StepLR(Recurrence):
    """Multiplied by `gamma` every `step_size` epochs."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def following(self, lr: Any, base: Any) -> Any:
        """Another one at the multiples of `step_size`."""
        return lr if self.last_epoch == 0 or self.last_epoch % self.step_size != 0 else lr * self.gamma

    def _get_closed_form_lr(self) -> list[Any]:
        return [base * self.gamma ** (self.last_epoch // self.step_size) for base in self.base_lrs]


class MultiStepLR(Recurrence):
    """Multiplied by `gamma` at each of some epochs."""

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones, self.gamma = Counter(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def following(self, lr: Any, base: Any) -> Any:
        """Another one at the milestones."""
        return lr * self.gamma ** self.milestones[self.last_epoch] if self.last_epoch in self.milestones else lr

    def _get_closed_form_lr(self) -> list[Any]:
        passed = bisect_right(sorted(self.milestones.elements()), self.last_epoch)
        return [base * self.gamma**passed for base in self.base_lrs]


class ConstantLR(Recurrence):
    """Multiplied by a factor during the first `total_iters` epochs.

    Raises:
        ValueError: the factor is not in [0, 1].
    """

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5, last_epoch: int = -1) -> None:
        if not 0 <= factor <= 1.0:
            raise ValueError("Constant multiplicative factor expected to be between 0 and 1.")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def following(self, lr: Any, base: Any) -> Any:
        """Another one at the first epoch, and at the last."""
        if self.last_epoch == 0:
            return lr * self.factor
        return lr * (1.0 / self.factor) if self.last_epoch == self.total_iters else lr

    def _get_closed_form_lr(self) -> list[Any]:
        factor = self.factor + (self.last_epoch >= self.total_iters) * (1 - self.factor)
        return [base * factor for base in self.base_lrs]


class LinearLR(Recurrence):
    """Multiplied by a factor that grows linearly, from `start_factor` to `end_factor` in `total_iters` epochs.

    Raises:
        ValueError: a factor is not in [0, 1], or the first is 0.
    """

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        if not 0 < start_factor <= 1.0:
            raise ValueError("Starting multiplicative factor expected to be greater than 0 and less or equal to 1.")
        if not 0 <= end_factor <= 1.0:
            raise ValueError("Ending multiplicative factor expected to be between 0 and 1.")
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def following(self, lr: Any, base: Any) -> Any:
        """The ratio of the factors of this epoch and the last one is 1 + rise / (sum of what was)."""
        if self.last_epoch == 0:
            return lr * self.start_factor
        if self._is_initial or self.last_epoch > self.total_iters:
            return lr
        rise = self.end_factor - self.start_factor
        return lr * (1.0 + rise / (self.total_iters * self.start_factor + (self.last_epoch - 1) * rise))

    def _get_closed_form_lr(self) -> list[Any]:
        rise = self.end_factor - self.start_factor
        factor = self.start_factor + rise * min(self.total_iters, self.last_epoch) / self.total_iters
        return [base * factor for base in self.base_lrs]


class ExponentialLR(Recurrence):
    """Multiplied by `gamma` every epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def following(self, lr: Any, base: Any) -> Any:
        """Always another one."""
        return lr if self._is_initial else lr * self.gamma

    def _get_closed_form_lr(self) -> list[Any]:
        return [base * self.gamma**self.last_epoch for base in self.base_lrs]


class PolynomialLR(Recurrence):
    """Multiplied by (1 - epoch / total_iters) ** power; 0 from `total_iters` on."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def following(self, lr: Any, base: Any) -> Any:
        """The ratio of the factors of this epoch and the last one."""
        n, total = self.last_epoch, self.total_iters
        if self._is_initial or n > total:
            return lr
        return lr * ((1.0 - n / total) / (1.0 - (n - 1) / total)) ** self.power

    def _get_closed_form_lr(self) -> list[Any]:
        factor = (1.0 - min(self.total_iters, self.last_epoch) / self.total_iters) ** self.power
        return [base * factor for base in self.base_lrs]


class CosineAnnealingLR(Recurrence):
    """From the first rate to `eta_min` along a cosine in `T_max` epochs, and back.

    Loshchilov & Hutter, SGDR, ICLR 2017.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def following(self, lr: Any, base: Any) -> Any:
        """The ratio of the heights above `eta_min` of this epoch and the last one; at the bottom there is none."""
        n, total = self.last_epoch, self.T_max
        if self._is_initial:
            return lr
        if (n - 1 - total) % (2 * total) == 0:
            return lr + (base - self.eta_min) * (1 - math.cos(math.pi / total)) / 2
        ratio = (1 + math.cos(math.pi * n / total)) / (1 + math.cos(math.pi * (n - 1) / total))
        return ratio * (lr - self.eta_min) + self.eta_min

    def _get_closed_form_lr(self) -> list[Any]:
        height = 1 + math.cos(math.pi * self.last_epoch / self.T_max)
        return [self.eta_min + (base - self.eta_min) * height / 2 for base in self.base_lrs]
