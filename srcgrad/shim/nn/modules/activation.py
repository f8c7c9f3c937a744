"""Activations as modules."""

from __future__ import annotations

from typing import Any

from srcgrad.shim.creation import empty
from srcgrad.shim.nn import functional as F  # noqa: N812 - its usual name
from srcgrad.shim.nn import init
from srcgrad.shim.nn.module import Module
from srcgrad.shim.nn.modules.plain import REQUIRED, Plain
from srcgrad.shim.nn.parameter import Parameter
from srcgrad.shim.tensor import Tensor


class ReLU(Plain):
    """The positive part."""

    function, options = staticmethod(F.relu), {"inplace": False}


class ReLU6(Plain):
    """Limited to [0, 6]."""

    function, options = staticmethod(F.relu6), {"inplace": False}


class Hardtanh(Plain):
    """Limited to an interval."""

    function, options = staticmethod(F.hardtanh), {"min_val": -1.0, "max_val": 1.0, "inplace": False}


class LeakyReLU(Plain):
    """The input, or a multiple of it below 0."""

    function, options = staticmethod(F.leaky_relu), {"negative_slope": 0.01, "inplace": False}


class ELU(Plain):
    """The input, or `alpha * (exp(x) - 1)` below 0."""

    function, options = staticmethod(F.elu), {"alpha": 1.0, "inplace": False}


class SELU(Plain):
    """`ELU` with the two constants that keep mean and variance."""

    function, options = staticmethod(F.selu), {"inplace": False}


class CELU(Plain):
    """The input, or `alpha * (exp(x / alpha) - 1)` below 0."""

    function, options = staticmethod(F.celu), {"alpha": 1.0, "inplace": False}


class GELU(Plain):
    """The input times the normal distribution function."""

    function, options = staticmethod(F.gelu), {"approximate": "none"}


class SiLU(Plain):
    """`x * sigmoid(x)`."""

    function, options = staticmethod(F.silu), {"inplace": False}


class Mish(Plain):
    """`x * tanh(softplus(x))`."""

    function, options = staticmethod(F.mish), {"inplace": False}


class Hardsigmoid(Plain):
    """A line from 0 at -3 to 1 at 3."""

    function, options = staticmethod(F.hardsigmoid), {"inplace": False}
    shown = ()


class Hardswish(Plain):
    """`x * hardsigmoid(x)`."""

    function, options = staticmethod(F.hardswish), {"inplace": False}
    shown = ()


class Softplus(Plain):
    """`log(1 + exp(beta * x)) / beta`."""

    function, options = staticmethod(F.softplus), {"beta": 1.0, "threshold": 20.0}


class Threshold(Plain):
    """The input, or a value where it is not above the threshold."""

    function, options = staticmethod(F.threshold), {"threshold": REQUIRED, "value": REQUIRED, "inplace": False}


class Softshrink(Plain):
    """The input, moved towards 0."""

    function, options, quiet = staticmethod(F.softshrink), {"lambd": 0.5}, True


class Hardshrink(Plain):
    """The input, or 0 near 0."""

    function, options, quiet = staticmethod(F.hardshrink), {"lambd": 0.5}, True


class Tanh(Plain):
    """The hyperbolic tangent."""

    function = staticmethod(F.tanh)


class Sigmoid(Plain):
    """`1 / (1 + exp(-x))`."""

    function = staticmethod(F.sigmoid)


class LogSigmoid(Plain):
    """`log(sigmoid(x))`."""

    function = staticmethod(F.logsigmoid)


class Softsign(Plain):
    """`x / (1 + |x|)`."""

    function = staticmethod(F.softsign)


class Tanhshrink(Plain):
    """`x - tanh(x)`."""

    function = staticmethod(F.tanhshrink)


class Softmax(Plain):
    """Exponentials, scaled to sum to 1 along a dimension."""

    function, options = staticmethod(F.softmax), {"dim": None}


class Softmin(Plain):
    """The softmax of the negative input."""

    function, options = staticmethod(F.softmin), {"dim": None}


class LogSoftmax(Plain):
    """The logarithm of `Softmax`."""

    function, options = staticmethod(F.log_softmax), {"dim": None}


class GLU(Plain):
    """The first half along a dimension, times the logistic function of the second."""

    function, options = staticmethod(F.glu), {"dim": -1}


class PReLU(Module):
    """The input, or a learned multiple of it below 0: one number, or one for each channel."""

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(empty(num_parameters, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the initial value."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"
