"""A scheduler that is led by a measure of success."""

from __future__ import annotations

import math
from typing import Any

from srcgrad.shim.optim.optimizer import Optimizer
from srcgrad.shim.optim.schedule import LRScheduler, checked, rates_of, set_rate, warn_of_epoch


class ReduceLROnPlateau(LRScheduler):
    """Multiplies the rates by a factor when a measure has not improved for some epochs.

    Args:
        optimizer: the optimizer.
        mode: whether better is less, "min", or more, "max".
        factor: less than 1.
        patience: the number of epochs without improvement that are tolerated.
        threshold: the least improvement that counts.
        threshold_mode: whether that is in parts of the best, "rel", or "abs".
        cooldown: for how many epochs after a reduction nothing counts as bad.
        min_lr: lower bounds for the rates of groups, or one for all.
        eps: lesser changes of rates are not made.

    Raises:
        ValueError: an option is out of range.
        TypeError: it is no optimizer.
    """

    def __init__(
        self, optimizer: Optimizer, mode: str = "min", factor: float = 0.1, patience: int = 10,
        threshold: float = 1e-4, threshold_mode: str = "rel", cooldown: int = 0, min_lr: Any = 0, eps: float = 1e-8,
    ) -> None:  # fmt: skip
        if factor >= 1.0:
            raise ValueError("Factor should be < 1.0.")
        self.factor = factor
        self.optimizer = checked(optimizer)
        groups = len(optimizer.param_groups)
        several = isinstance(min_lr, list | tuple)
        if several and len(min_lr) != groups:
            raise ValueError(f"expected {groups} min_lrs, got {len(min_lr)}")
        self.default_min_lr = None if several else min_lr
        self.min_lrs = list(min_lr) if several else [min_lr] * groups
        self.patience, self.cooldown, self.eps = patience, cooldown, eps
        self.last_epoch = 0
        self._last_lr = rates_of(optimizer)
        if mode not in {"min", "max"}:
            raise ValueError(f"mode {mode} is unknown!")
        if threshold_mode not in {"rel", "abs"}:
            raise ValueError(f"threshold mode {threshold_mode} is unknown!")
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self.best = self.mode_worse
        self.cooldown_counter = self.num_bad_epochs = 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Take note of a measure, and reduce the rates if it is time.

        Args:
            metrics: the measure.
            epoch: another epoch; deprecated.

        Raises:
            RuntimeError: groups were added, and it is not known how low their rates may go.
        """
        value = float(metrics)
        if epoch is not None:
            warn_of_epoch()
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(value):
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown_counter - 1, 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = rates_of(self.optimizer)

    @property
    def in_cooldown(self) -> bool:
        """Whether nothing counts as bad now."""
        return self.cooldown_counter > 0

    def _is_better(self, value: float) -> bool:
        by = self.threshold if self.mode == "max" else -self.threshold
        bound = self.best * (1.0 + by) if self.threshold_mode == "rel" else self.best + by
        return value > bound if self.mode == "max" else value < bound

    def _reduce(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise RuntimeError(
                    f"The number of param groups in the `optimizer` ({len(groups)}) differs from when "
                    f"`ReduceLROnPlateau` was initialized ({len(self.min_lrs)}), usually due to a new param group "
                    "being added to the optimizer. Please modify the `min_lrs` field to match the length of the "
                    "`optimizer` param groups."
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, least in zip(groups, self.min_lrs, strict=True):
            old = float(group["lr"])
            new = max(old * self.factor, least)
            if old - new > self.eps:
                set_rate(group, new)
