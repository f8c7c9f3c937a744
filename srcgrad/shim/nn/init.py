"""Initial values of parameters, with the random numbers that PyTorch draws: `torch.nn.init`."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from srcgrad.shim import generator
from srcgrad.shim.modes import no_grad
from srcgrad.shim.tensor import Tensor

_EMPTY = "Initializing zero-element tensors is a no-op"


def _source(given: Any) -> generator.Generator:
    return generator.default_generator if given is None else given


def _filled(tensor: Tensor, values: Any) -> Tensor:
    """The tensor, with other elements; the write is not recorded."""
    with no_grad():
        tensor._data[...] = values
        tensor._counter[0] += 1
    return tensor


def calculate_gain(nonlinearity: str, param: Any = None) -> float:
    """By how much initial values are scaled for the activation that follows.

    Raises:
        ValueError: the name of no activation, or a parameter that is no number.
    """
    linear = ["linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]
    if nonlinearity in (*linear, "sigmoid"):
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        if param is not None and (isinstance(param, bool) or not isinstance(param, int | float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}")


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Uniform in [a, b)."""
    return _filled(tensor, _source(generator).uniform(tensor._data.shape, tensor._data.dtype, a, b))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Normal."""
    x = tensor._data
    contiguous = bool(x.flags.c_contiguous)
    return _filled(tensor, _source(generator).normal(x.shape, x.dtype, mean, std, contiguous=contiguous))


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Any = None
) -> Tensor:
    """Normal, drawn again where not in [a, b]: the distribution is PyTorch's, the numbers are not."""
    x = tensor._data
    drawn = _source(generator).normal(x.shape, x.dtype, mean, std)
    while (out := (drawn < a) | (drawn > b)).any():
        drawn = np.where(out, _source(generator).normal(x.shape, x.dtype, mean, std), drawn)
    return _filled(tensor, drawn)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """One number."""
    return _filled(tensor, val)


def ones_(tensor: Tensor) -> Tensor:
    """Ones."""
    return _filled(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros."""
    return _filled(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity.

    Raises:
        ValueError: not a matrix.
    """
    if tensor._data.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return _filled(tensor, np.eye(*tensor._data.shape))


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    shape = tensor._data.shape
    if len(shape) < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Uniform, for equal variances forwards and backwards (Glorot & Bengio 2010).

    Raises:
        ValueError: fewer than 2 dimensions.
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    bound = math.sqrt(3.0) * (gain * math.sqrt(2.0 / float(fan_in + fan_out)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Normal, for equal variances forwards and backwards.

    Raises:
        ValueError: fewer than 2 dimensions.
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / float(fan_in + fan_out)), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    fan = _calculate_fan_in_and_fan_out(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Tensor:
    """Uniform, for equal variances through rectifiers (He et al. 2015).

    Raises:
        ValueError: fewer than 2 dimensions, or another mode than "fan_in" and "fan_out".
    """
    if 0 in tensor._data.shape:
        warnings.warn(_EMPTY, UserWarning, stacklevel=2)
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Tensor:
    """Normal, for equal variances through rectifiers.

    Raises:
        ValueError: fewer than 2 dimensions, or another mode than "fan_in" and "fan_out".
    """
    if 0 in tensor._data.shape:
        warnings.warn(_EMPTY, UserWarning, stacklevel=2)
        return tensor
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Any = None) -> Tensor:
    """An orthogonal matrix, of the tensor with all but the first axis as one (Saxe et al. 2013).

    Raises:
        ValueError: fewer than 2 dimensions.
    """
    x = tensor._data
    if x.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if not x.size:
        return tensor
    rows = x.shape[0]
    drawn = _source(generator).normal((rows, x.size // rows), x.dtype)
    q, r = np.linalg.qr(drawn.T if rows < x.size // rows else drawn)
    q = q * np.sign(np.diagonal(r))
    return _filled(tensor, (q.T if rows < x.size // rows else q).reshape(x.shape) * gain)
