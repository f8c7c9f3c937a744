"""`torch.autograd`: backward passes, custom functions, checks."""

from srcgrad.shim.autograd import anomaly, function, functional, graph
from srcgrad.shim.autograd.anomaly import detect_anomaly, set_detect_anomaly
from srcgrad.shim.autograd.backward import backward, grad
from srcgrad.shim.autograd.function import Function
from srcgrad.shim.autograd.gradcheck import gradcheck, gradgradcheck
from srcgrad.shim.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from srcgrad.shim.tensor import Tensor as Variable

__all__ = [
    "Function",
    "Variable",
    "anomaly",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "function",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]
