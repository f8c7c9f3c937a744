"""The base of learning-rate schedulers: when the rates are computed, and where they are put."""

from __future__ import annotations

import warnings
from typing import Any

from srcgrad.shim.optim.optimizer import Optimizer
from srcgrad.shim.tensor import Tensor

_SEE = "See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
_TOO_EARLY = (
    "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you should call "
    "them in the opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to do this will result in "
    f"PyTorch skipping the first value of the learning rate schedule. {_SEE}"
)
_REPLACED = (
    "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. Please, make sure "
    f"to call `optimizer.step()` before `lr_scheduler.step()`. {_SEE}"
)
_EPOCH = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use "
    "`scheduler.step()` to step the scheduler. During the deprecation, if epoch is different from None, the closed "
    "form is used instead of the new chainable form, where available. Please open an issue if you are unable to "
    "replicate your use case: https://github.com/pytorch/pytorch/issues/new/choose."
)
_NOT_LAST = "To get the last learning rate computed by the scheduler, please use `get_last_lr()`."
_UNKNOWN = (
    "param 'initial_lr' is not specified in param_groups[{}] when resuming scheduler with last_epoch >= 0.\n"
    "This typically happens when:\n"
    "1. You're trying to resume training from a checkpoint but haven't properly loaded the optimizer state\n"
    "2. You're using last_epoch >= 0 for a fresh training run (not recommended)"
)


class LRScheduler:
    """Base of the schedulers, also of users' own: `get_lr` gives the rates for `self.last_epoch`.

    Args:
        optimizer: the optimizer.
        last_epoch: the epoch to go on after; -1 at the beginning.

    Raises:
        TypeError: it is no optimizer.
        KeyError: the groups do not know their initial rates, though it is not the beginning.
    """

    _is_initial = False
    _get_lr_called_within_step = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = checked(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", _copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(_UNKNOWN.format(i))
        self.base_lrs = [_copied(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        if not optimizer._watched:
            # PyTorch too counts the optimizer's steps only from the first scheduler on.
            optimizer._watched, optimizer._stepped = (optimizer.__dict__.get("step"),), False
        self._first_step()

    def _first_step(self) -> None:
        """Set the rates of the first epoch."""
        self._step_count = 0
        self._is_initial = True
        self.step()
        self._is_initial = False

    def get_lr(self) -> list[Any]:
        """The rates for `self.last_epoch`. Subclasses say which."""
        raise NotImplementedError

    def get_last_lr(self) -> list[Any]:
        """The rates that were set last."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Set the rates of the next epoch.

        Args:
            epoch: another epoch; deprecated.
        """
        if self._step_count == 1:
            if self.optimizer._watched != (self.optimizer.__dict__.get("step"),):
                warnings.warn(_REPLACED, UserWarning, stacklevel=2)
            elif not self.optimizer._stepped:
                warnings.warn(_TOO_EARLY, UserWarning, stacklevel=2)
        if epoch is not None:
            warnings.warn(_EPOCH, UserWarning, stacklevel=2)
        self._step_count += 1
        self._go(epoch)

    def _go(self, epoch: int | None) -> None:
        """Set the rates of the next epoch, or of another one."""
        self._get_lr_called_within_step = True
        try:
            if epoch is None:
                self.last_epoch += 1
                rates = self.get_lr()
            else:
                self.last_epoch = epoch
                rates = self._get_closed_form_lr() if hasattr(self, "_get_closed_form_lr") else self.get_lr()
        finally:
            self._get_lr_called_within_step = False
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            set_rate(group, rate)
        self._last_lr = rates_of(self.optimizer)

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the optimizer."""
        return {name: value for name, value in self.__dict__.items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the attributes of another scheduler."""
        self.__dict__.update(state_dict)


class Recurrence(LRScheduler):
    """A scheduler whose rate follows from the last one, so that several on the same optimizer multiply."""

    def following(self, lr: Any, base: Any) -> Any:
        """The rate for `self.last_epoch`, if that of the epoch before was `lr` and the first one `base`."""
        raise NotImplementedError

    def get_lr(self) -> list[Any]:
        """The rates for `self.last_epoch`, if the present ones are those of the epoch before."""
        warn_of_get_lr(self)
        rates = [group["lr"] for group in self.optimizer.param_groups]
        bases = self.base_lrs + rates[len(self.base_lrs) :]  # of groups that were added since, the present rate
        return [self.following(lr, base) for lr, base in zip(rates, bases, strict=True)]


def set_rate(group: dict[str, Any], rate: Any) -> None:
    """Set the rate of a group; where it is a tensor, within that."""
    lr = group["lr"]
    if not isinstance(lr, Tensor):
        group["lr"] = rate
        return
    lr._data[...] = rate._data if isinstance(rate, Tensor) else rate
    lr._counter[0] += 1


def rates_of(optimizer: Optimizer) -> list[Any]:
    """The rates of all groups."""
    return [_copied(group["lr"]) for group in optimizer.param_groups]


def warn_of_get_lr(scheduler: LRScheduler) -> None:
    """Tell users who call `get_lr` that it is not what they want."""
    if not scheduler._get_lr_called_within_step:
        warnings.warn(_NOT_LAST, UserWarning, stacklevel=3)


def warn_of_epoch() -> None:
    """Tell the caller's caller not to pass epochs."""
    warnings.warn(_EPOCH, UserWarning, stacklevel=3)


def checked(optimizer: Any) -> Optimizer:
    """The same.

    Raises:
        TypeError: it is no optimizer.
    """
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
    return optimizer


def _copied(lr: Any) -> Any:
    return lr.detach().clone() if isinstance(lr, Tensor) else lr
