"""`torch.autograd`: backward passes, custom functions, checks."""

from srcgrad.shim import modes as grad_mode
from srcgrad.shim.autograd import anomaly as anomaly_mode
from srcgrad.shim.autograd import forward_ad, function, functional, graph, profiler
from srcgrad.shim.autograd.anomaly import detect_anomaly, set_detect_anomaly
from srcgrad.shim.autograd.backward import backward, grad
from srcgrad.shim.autograd.function import Function
from srcgrad.shim.autograd.gradcheck import gradcheck, gradgradcheck
from srcgrad.shim.autograd.variable import Variable
from srcgrad.shim.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)

__all__ = [
    "Function",
    "Variable",
    "anomaly_mode",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "forward_ad",
    "function",
    "functional",
    "grad",
    "grad_mode",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "profiler",
    "set_detect_anomaly",
    "set_grad_enabled",
]
