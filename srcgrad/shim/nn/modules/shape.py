"""Modules that change shapes, pad, drop and pool."""

from __future__ import annotations

from typing import Any

from srcgrad.shim.nn import functional as F  # noqa: N812 - its usual name
from srcgrad.shim.nn.module import Module
from srcgrad.shim.nn.modules.plain import REQUIRED, Plain
from srcgrad.shim.ops.views import flatten, unflatten
from srcgrad.shim.tensor import Tensor


class Flatten(Plain):
    """Several dimensions as one."""

    function, options = staticmethod(flatten), {"start_dim": 1, "end_dim": -1}


class Unflatten(Module):
    """One dimension as several."""

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        super().__init__()
        self.dim, self.unflattened_size = dim, unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class _Dropout(Plain):
    """Zeros at random while it is training."""

    options = {"p": 0.5, "inplace": False}  # noqa: RUF012 - not a field
    always_inplace = True

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        super().__init__(p, inplace)

    def forward(self, input: Tensor) -> Tensor:
        return type(self).function(input, self.p, self.training, self.inplace)  # type: ignore[no-any-return]


class Dropout(_Dropout):
    """Each element 0 with probability p while it is training, else divided by 1 - p."""

    function = staticmethod(F.dropout)


class Dropout1d(_Dropout):
    """Whole channels of (N, C, L)."""

    function = staticmethod(F.dropout1d)


class Dropout2d(_Dropout):
    """Whole channels of (N, C, H, W)."""

    function = staticmethod(F.dropout2d)


# -- pooling ---------------------------------------------------------------------------------------------------------


class _Pool(Plain):
    """A pooling whose stride is its kernel size if not given."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.stride is None:
            self.stride = self.kernel_size


_MAX = {
    "kernel_size": REQUIRED, "stride": None, "padding": 0, "dilation": 1, "return_indices": False, "ceil_mode": False,
}  # fmt: skip
_MAX_SHOWN = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
_MEAN = {"kernel_size": REQUIRED, "stride": None, "padding": 0, "ceil_mode": False, "count_include_pad": True}


class MaxPool1d(_Pool):
    """The maxima of windows over (N, C, L)."""

    function, options, shown = staticmethod(F.max_pool1d), _MAX, _MAX_SHOWN


class MaxPool2d(_Pool):
    """The maxima of windows over (N, C, H, W)."""

    function, options, shown = staticmethod(F.max_pool2d), _MAX, _MAX_SHOWN


class AvgPool1d(_Pool):
    """The means of windows over (N, C, L)."""

    function, options, shown = staticmethod(F.avg_pool1d), _MEAN, ("kernel_size", "stride", "padding")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.shown:
            value = getattr(self, name)
            setattr(self, name, value if isinstance(value, tuple) else (value,))


class AvgPool2d(_Pool):
    """The means of windows over (N, C, H, W)."""

    function, shown = staticmethod(F.avg_pool2d), ("kernel_size", "stride", "padding")
    options = {**_MEAN, "divisor_override": None}  # noqa: RUF012 - not a field


class AdaptiveAvgPool1d(Plain):
    """The means of so many windows over (N, C, L)."""

    function, options = staticmethod(F.adaptive_avg_pool1d), {"output_size": REQUIRED}


class AdaptiveAvgPool2d(Plain):
    """The means of so many windows over (N, C, H, W)."""

    function, options = staticmethod(F.adaptive_avg_pool2d), {"output_size": REQUIRED}


# -- padding and patches -----------------------------------------------------------------------------------------------


class _Pad(Module):
    """Padding of the last axes; one number stands for all sides."""

    sides = 4
    mode = "constant"

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = (padding,) * self.sides if isinstance(padding, int) else tuple(padding)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad2d(_Pad):
    """With a number."""

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ZeroPad2d(_Pad):
    """With zeros."""


class ReflectionPad1d(_Pad):
    """Reflected at the ends."""

    sides, mode = 2, "reflect"


class ReflectionPad2d(_Pad):
    """Reflected at the sides."""

    mode = "reflect"


class ReplicationPad2d(_Pad):
    """With the elements at the sides, repeated."""

    mode = "replicate"


class CircularPad2d(_Pad):
    """With the elements of the opposite sides."""

    mode = "circular"


class Unfold(Plain):
    """The windows of (N, C, H, W) as columns."""

    function = staticmethod(F.unfold)
    options = {"kernel_size": REQUIRED, "dilation": 1, "padding": 0, "stride": 1}  # noqa: RUF012 - not a field


class Fold(Plain):
    """The adjoint of `Unfold`."""

    function = staticmethod(F.fold)
    options = {  # noqa: RUF012 - not a field
        "output_size": REQUIRED, "kernel_size": REQUIRED, "dilation": 1, "padding": 0, "stride": 1,
    }  # fmt: skip


class PixelShuffle(Plain):
    """(*, C * r * r, H, W) -> (*, C, H * r, W * r)."""

    function, options = staticmethod(F.pixel_shuffle), {"upscale_factor": REQUIRED}


class CosineSimilarity(Plain):
    """The cosine of the angle between vectors."""

    function, options, shown = staticmethod(F.cosine_similarity), {"dim": 1, "eps": 1e-8}, ()


class PairwiseDistance(Plain):
    """The norm of differences of vectors."""

    function, options, shown = staticmethod(F.pairwise_distance), {"p": 2.0, "eps": 1e-6, "keepdim": False}, ()
