"""Convolutional layers."""

from __future__ import annotations

import math
from typing import Any

from srcgrad.shim.creation import empty
from srcgrad.shim.nn import functional as F  # noqa: N812 - its usual name
from srcgrad.shim.nn import init
from srcgrad.shim.nn.module import Module
from srcgrad.shim.nn.parameter import Parameter
from srcgrad.shim.tensor import Tensor

_MODES = ("reflect", "circular", "replicate", "zeros")


def _sizes(value: Any, rank: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,) * rank


class _Convolution(Module):
    """What all convolutions have in common; subclasses say how many spatial axes there are."""

    rank = 0
    transposed = False

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros", device: Any = None,
        dtype: Any = None, output_padding: Any = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups:
            raise ValueError("out_channels must be divisible by groups")
        rank = self.rank
        self.stride, self.dilation = _sizes(stride, rank), _sizes(dilation, rank)
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of {{'valid', 'same'}}")
            if padding == "same" and any(s != 1 for s in self.stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in _MODES:
            listed = ", ".join(map(repr, _MODES))
            raise ValueError(f"padding_mode must be one of {{{listed}}}, but got padding_mode='{padding_mode}'")
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, _sizes(kernel_size, rank)
        self.padding = padding if isinstance(padding, str) else _sizes(padding, rank)
        self.output_padding = _sizes(output_padding, rank)
        self.groups, self.padding_mode = groups, padding_mode
        outer, inner = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = Parameter(empty((outer, inner // groups, *self.kernel_size), dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_channels, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def _padded(self, input: Tensor) -> tuple[Tensor, Any]:
        """The input, and the padding that is left to do: of zeros."""
        if self.padding_mode == "zeros":
            return input, self.padding
        if self.padding == "valid":
            return input, 0
        pairs = []
        for k in reversed(range(self.rank)):
            if self.padding == "same":
                total = self.dilation[k] * (self.kernel_size[k] - 1)
                pairs += [total // 2, total - total // 2]
            else:
                pairs += [self.padding[k]] * 2
        return F.pad(input, pairs, mode=self.padding_mode), 0

    def forward(self, input: Tensor) -> Tensor:
        input, padding = self._padded(input)
        function = (F.conv1d, F.conv2d, F.conv3d)[self.rank - 1]
        return function(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        ones, zeros = (1,) * self.rank, (0,) * self.rank
        parts += [
            f"{name}={value}"
            for name, value, usual in (
                ("padding", self.padding, zeros), ("dilation", self.dilation, ones),
                ("output_padding", self.output_padding, zeros), ("groups", self.groups, 1),
                ("bias", self.bias is not None, True), ("padding_mode", self.padding_mode, "zeros"),
            )
            if value != usual
        ]  # fmt: skip
        return ", ".join(parts)


class Conv1d(_Convolution):
    """Cross-correlation (N, C, L) -> (N, O, L'), with a bias."""

    rank = 1


class Conv2d(_Convolution):
    """Cross-correlation (N, C, H, W) -> (N, O, H', W'), with a bias."""

    rank = 2


class Conv3d(_Convolution):
    """Cross-correlation (N, C, D, H, W) -> (N, O, D', H', W'), with a bias."""

    rank = 3


class _Transposed(_Convolution):
    """The adjoint of a convolution."""

    transposed = True

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, bias: bool = True, dilation: Any = 1, padding_mode: str = "zeros",
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device,
            dtype, output_padding,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        function = (F.conv_transpose1d, F.conv_transpose2d)[self.rank - 1]
        options = (self.stride, self.padding, self.output_padding, self.groups, self.dilation)
        return function(input, self.weight, self.bias, *options)


class ConvTranspose1d(_Transposed):
    """The adjoint of a convolution: (N, C, L) -> (N, O, L')."""

    rank = 1


class ConvTranspose2d(_Transposed):
    """The adjoint of a convolution: (N, C, H, W) -> (N, O, H', W')."""

    rank = 2
