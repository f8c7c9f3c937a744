"""Padding: with a number, reflected, repeated, or around the ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.shim.history import embedded
from srcgrad.shim.nn.functions.checks import adjoint_pair, need_tensor
from srcgrad.shim.record import record
from srcgrad.shim.tensor import Tensor

_KINDS = {"reflect": "ReflectionPad", "replicate": "ReplicationPad", "circular": "CircularPad"}


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """The input with `pad` elements more: in front of and behind the last axis, then the one before it, ...

    Negative numbers take elements away (in the mode "constant").

    Raises:
        RuntimeError: a padding that does not fit.
        NotImplementedError: another mode than "constant", "reflect", "replicate" and "circular".
    """
    need_tensor(input, "pad")
    ndim = input._data.ndim
    if len(pad) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(pad) > 2 * ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(pad)} and input of dimension {ndim}"
        )
    pairs = [(0, 0)] * ndim
    for k in range(len(pad) // 2):
        pairs[ndim - 1 - k] = (int(pad[2 * k]), int(pad[2 * k + 1]))
    if mode == "constant":
        return _constant(input, pairs, 0.0 if value is None else value)
    if mode not in _KINDS:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    rank = len(pad) // 2
    if not 1 <= rank <= 3 or ndim not in (rank + 1, rank + 2):
        raise NotImplementedError(
            f"Padding size {len(pad)} is not supported for {ndim}D input tensor.\nSupported combinations for "
            "non-constant padding:\n  - 2D or 3D input: padding size = 2 (pads last dimension)\n  - 3D or 4D input: "
            "padding size = 4 (pads last 2 dimensions)\n  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
        )
    return _by_position(input, pairs, mode, rank)


def _constant(input: Tensor, pairs: list[tuple[int, int]], value: float) -> Tensor:
    shape = input._data.shape
    new = tuple(a + n + b for n, (a, b) in zip(shape, pairs, strict=True))
    if any(n < 0 for n in new):
        raise RuntimeError("narrow(): length must be non-negative.")
    source = tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(shape, pairs, strict=True))
    target = tuple(slice(max(a, 0), n - max(b, 0)) for n, (a, b) in zip(new, pairs, strict=True))

    def move(x: np.ndarray, size: tuple[int, ...], there: Any, here: Any, filling: float) -> np.ndarray:
        out = np.full(size, filling, x.dtype)
        out[there] = x[here]
        return out

    _, back = adjoint_pair(
        "ConstantPadNdBackward0", "ConstantPadNdBackward0", lambda x: move(x, new, target, source, 0.0),
        lambda ct: move(ct, shape, source, target, 0.0),
    )  # fmt: skip
    return record("ConstantPadNdBackward0", move(input._data, new, target, source, value), (input,), (back,))


def _by_position(input: Tensor, pairs: list[tuple[int, int]], mode: str, rank: int) -> Tensor:
    shape = input._data.shape
    for k, (n, (a, b)) in enumerate(zip(shape, pairs, strict=True)):
        if mode == "reflect" and max(a, b) >= n and (a or b):
            raise RuntimeError(
                "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding "
                f"({a}, {b}) at dimension {k} of input {list(shape)}"
            )
        if mode == "circular" and max(a, b) > n:
            raise RuntimeError("Padding value causes wrapping around more than once.")
    rule = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]
    axes = [np.pad(np.arange(n), p, mode=rule) for n, p in zip(shape, pairs, strict=True)]
    index = np.arange(int(np.prod(shape))).reshape(shape)[np.ix_(*axes)]
    name = f"{_KINDS[mode]}{rank}DBackward0"
    there, _ = adjoint_pair(
        name, f"{name[:-1]}Backward0", lambda x: x.reshape(-1)[index], lambda ct: embedded(ct, index, shape)
    )
    return there(input)  # type: ignore[no-any-return]
