"""Derivatives of Numba and NumPy code by source transformation."""

from srcgrad import cuda
from srcgrad.api import differentiable, grad, hvp, jvp, value_and_grad, vjp
from srcgrad.backend import clear_memory
from srcgrad.custom import custom_vjp, stop_gradient
from srcgrad.errors import (
    ArgumentError,
    DeviceError,
    GradientCheckError,
    InternalError,
    NonScalarError,
    ParallelError,
    SrcgradError,
    UnsupportedError,
)
from srcgrad.jacobians import hessian, jacfwd, jacrev
from srcgrad.loops import checkpointed

__version__ = "0.1.0"
__all__ = [
    "ArgumentError",
    "DeviceError",
    "GradientCheckError",
    "InternalError",
    "NonScalarError",
    "ParallelError",
    "SrcgradError",
    "UnsupportedError",
    "checkpointed",
    "clear_memory",
    "cuda",
    "custom_vjp",
    "differentiable",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacrev",
    "jvp",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]
