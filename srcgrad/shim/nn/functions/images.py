"""Patches of images, and images of other sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.shim.nn.functions.checks import adjoint_pair, need_tensor, tuple_of
from srcgrad.shim.nn.functions.windows import Windows
from srcgrad.shim.ops.views import axis_of
from srcgrad.shim.tensor import Tensor


def _blocks(windows: Windows) -> tuple[Any, Any]:
    """From (N, C, H, W) to columns (N, C * KH * KW, L), and back, overlapping elements added."""

    def forward(x: np.ndarray) -> np.ndarray:
        columns = np.moveaxis(windows.patches(x), 3, 0)
        return columns.reshape((x.shape[0], -1, windows.counts[0] * windows.counts[1]))

    def backward(columns: np.ndarray) -> np.ndarray:
        parts = columns.reshape((columns.shape[0], -1, *windows.kernel, *windows.counts))
        return windows.folded(np.moveaxis(parts, 0, 3))

    return forward, backward


def _plan(sizes: tuple[int, ...], kernel: Any, dilation: Any, padding: Any, stride: Any) -> Windows:
    names = ("kernel_size", "dilation", "padding", "stride")
    kernel, dilation, padding, stride = (
        tuple_of(v, 2, n) for v, n in zip((kernel, dilation, padding, stride), names, strict=True)
    )
    windows = Windows(sizes, kernel, stride, padding, padding, dilation)
    if min(windows.counts) < 1:
        raise RuntimeError(
            f"Given input with spatial size {sizes}, kernel_size={kernel}, dilation={dilation}, padding={padding}, "
            f"calculated shape of the array of sliding blocks as {windows.counts}, but its components must be at least "
            "one."
        )
    return windows


def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """The windows of (N, C, H, W) as columns: (N, C * KH * KW, L).

    Raises:
        RuntimeError: there is no window.
    """
    x = need_tensor(input, "im2col")._data
    if x.ndim < 2:
        axis_of(1, x.ndim)  # raises
    if x.ndim == 3:
        return unfold(input.unsqueeze(0), kernel_size, dilation, padding, stride).squeeze(0)  # type: ignore[attr-defined,no-any-return]
    windows = _plan(x.shape[-2:], kernel_size, dilation, padding, stride)
    return adjoint_pair("Im2ColBackward0", "Col2ImBackward0", *_blocks(windows))[0](input)  # type: ignore[no-any-return]


def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """The adjoint of `unfold`: (N, C * KH * KW, L) -> (N, C, *output_size), overlapping elements added."""
    if need_tensor(input, "col2im")._data.ndim == 2:
        return fold(input.unsqueeze(0), output_size, kernel_size, dilation, padding, stride).squeeze(0)  # type: ignore[attr-defined,no-any-return]
    windows = _plan(tuple_of(output_size, 2, "output_size"), kernel_size, dilation, padding, stride)
    return adjoint_pair("Im2ColBackward0", "Col2ImBackward0", *_blocks(windows))[1](input)  # type: ignore[no-any-return]


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(*, C * r * r, H, W) -> (*, C, H * r, W * r)."""
    *lead, c, h, w = input._data.shape
    r = upscale_factor

    def forward(x: np.ndarray) -> np.ndarray:
        parts = x.reshape((-1, c // r**2, r, r, h, w)).transpose(0, 1, 4, 2, 5, 3)
        return parts.reshape((*lead, c // r**2, h * r, w * r))

    def backward(ct: np.ndarray) -> np.ndarray:
        parts = ct.reshape((-1, c // r**2, h, r, w, r)).transpose(0, 1, 3, 5, 2, 4)
        return parts.reshape((*lead, c, h, w))

    there, _ = adjoint_pair("PixelShuffleBackward0", "PixelUnshuffleBackward0", forward, backward)
    return there(input)  # type: ignore[no-any-return]


def interpolate(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:
    """(N, C, H, W) in another size, by the "nearest" element or "bilinear".

    Raises:
        ValueError: not exactly one of `size` and `scale_factor`.
        NotImplementedError: another mode, or number of dimensions.
    """
    x = input._data
    if (size is None) == (scale_factor is None):
        raise ValueError("only one of size or scale_factor should be defined")
    if x.ndim != 4 or mode not in ("nearest", "bilinear"):
        raise NotImplementedError(f"srcgrad.shim interpolates 4D tensors by 'nearest' and 'bilinear', not {mode!r}")
    scales = scale_factor if isinstance(scale_factor, tuple | list) else (scale_factor,) * 2
    given = size if isinstance(size, tuple | list) else (size,) * 2
    matrices = []
    for n, m, s in zip(x.shape[-2:], given, scales, strict=True):
        count = int(n * s) if m is None else int(m)
        step = n / count if s is None else 1 / s
        matrices.append(_weights(n, count, step, mode, align_corners or False).astype(x.dtype))
    down, right = matrices
    name = "UpsampleNearest2DBackward0" if mode == "nearest" else "UpsampleBilinear2DBackward0"
    there, _ = adjoint_pair(
        name, f"{name[:-1]}Backward0", lambda v: down @ v @ right.T, lambda ct: down.T @ ct @ right
    )
    return there(input)  # type: ignore[no-any-return]


def _weights(n: int, m: int, step: float, mode: str, corners: bool) -> np.ndarray:
    """The matrix (m, n) that interpolates along an axis."""
    k = np.arange(m)
    if mode == "nearest":
        return np.eye(n)[np.minimum((k * step).astype(int), n - 1)]
    at = k * ((n - 1) / (m - 1) if m > 1 else 0.0) if corners else np.maximum((k + 0.5) * step - 0.5, 0)
    low = np.minimum(at.astype(int), n - 1)
    share = (at - low)[:, None]
    return np.eye(n)[low] * (1 - share) + np.eye(n)[np.minimum(low + 1, n - 1)] * share
