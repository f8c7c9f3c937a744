"""`torch.autograd`: backward passes, custom functions, checks."""

from srcgrad.shim.autograd.backward import backward, grad
from srcgrad.shim.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from srcgrad.shim.tensor import Tensor as Variable

__all__ = [
    "Variable",
    "backward",
    "enable_grad",
    "grad",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "set_grad_enabled",
]
