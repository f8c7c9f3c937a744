"""Tensors put together, and parts of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from srcgrad.shim.dtypes import promoted
from srcgrad.shim.history import positions
from srcgrad.shim.ops.views import axis_of, placed, scattered, view
from srcgrad.shim.record import masked, record, titled
from srcgrad.shim.tensor import Tensor


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors one after the other along a dimension."""
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    tensors = [t for t in tensors if t._data.shape != (0,)] or list(tensors)[:1]
    arrays = [t._data for t in tensors]
    k = axis_of(dim, arrays[0].ndim)
    kind = arrays[0].dtype
    if any(a.dtype is not kind for a in arrays):
        kind = promoted(*arrays)
        arrays = [a.astype(kind, copy=False) for a in arrays]
    try:
        out = np.concatenate(arrays, axis=k)
    except ValueError:
        raise _misfit(arrays, k) from None
    pulls, end = [], 0
    for a in arrays:
        start, end = end, end + a.shape[k]
        pulls.append(partial(_piece, index=(slice(None),) * k + (slice(start, end),)))
    return record("CatBackward0", out, tensors, pulls)


def _misfit(arrays: list[np.ndarray], axis: int) -> Exception:
    """PyTorch's error for arrays that cannot be put one after the other."""
    first = arrays[0].shape
    for n, a in enumerate(arrays):
        if not a.ndim:
            return RuntimeError(f"zero-dimensional tensor (at position {n}) cannot be concatenated")
        if a.ndim != len(first):
            return RuntimeError(f"Tensors must have same number of dimensions: got {len(first)} and {a.ndim}")
        for j, (m, q) in enumerate(zip(a.shape, first, strict=True)):
            if j != axis and m != q:
                return RuntimeError(
                    f"Sizes of tensors must match except in dimension {axis}. Expected size {q} but got size {m} for "
                    f"tensor number {n} in the list."
                )
    raise AssertionError("these arrays fit")


def _piece(ct: Any, index: Any) -> Any:
    return ct[index]


concat = concatenate = cat


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors along a new dimension."""
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    arrays = [t._data for t in tensors]
    for n, a in enumerate(arrays):
        if a.shape != arrays[0].shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(arrays[0].shape)} at entry 0 and "
                f"{list(a.shape)} at entry {n}"
            )
    k = axis_of(dim, arrays[0].ndim + 1)
    kind = arrays[0].dtype
    if any(a.dtype is not kind for a in arrays):
        kind = promoted(*arrays)
    opened = (slice(None),) * k + (None,)
    out = np.concatenate([a[opened].astype(kind, copy=False) for a in arrays], axis=k)
    pulls = [partial(_piece, index=(slice(None),) * k + (n,)) for n in range(len(arrays))]
    return record("StackBackward0", out, tuple(tensors), pulls)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Side by side."""
    return cat([t.reshape(1) if not t.ndim else t for t in tensors], 0 if tensors[0].ndim <= 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """One below the other."""
    return cat([t.reshape(1, -1) if t.ndim < 2 else t for t in tensors], 0)


def _part(input: Tensor, name: str, keep: np.ndarray) -> Tensor:
    if input._data.ndim < 2:
        raise RuntimeError(f"{name[:4].lower()}: input tensor must have at least 2 dimensions")
    return record(name, np.where(keep, input._data, input._data.dtype.type(0)), (input,), (partial(masked, at=keep),))


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle; zeros above."""
    return _part(input, "TrilBackward0", _triangle(input, diagonal))


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle; zeros below."""
    return _part(input, "TriuBackward0", ~_triangle(input, diagonal - 1))


def _triangle(input: Tensor, diagonal: int) -> np.ndarray:
    shape = input._data.shape[-2:] if input._data.ndim > 1 else (1, 1)
    return np.tri(*shape, diagonal, dtype=bool)


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of matrices, as a view."""
    shape = input._data.shape
    if axis_of(dim1, len(shape)) == axis_of(dim2, len(shape)):
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    step = partial(_diagonal, offset=offset, axis1=dim1, axis2=dim2)
    return view("DiagonalBackward0", input, step, lambda ct: scattered(ct, positions(shape, (step,)), shape))


def _diagonal(z: Any, **where: int) -> Any:
    out = z.diagonal(**where)
    if z.flags.writeable:
        out.flags.writeable = True
    return out


def diag(input: Tensor, diagonal_: int = 0, *, diagonal: int | None = None) -> Tensor:
    """The diagonal of a matrix, or the matrix with that diagonal."""
    k = diagonal_ if diagonal is None else diagonal
    if input._data.ndim == 1:
        out = np.diag(input._data, k)
        return record("DiagEmbedBackward0", out, (input,), (lambda ct: ct.diagonal(k),))
    if input._data.ndim != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input._data.ndim}D")
    return titled(globals()["diagonal"](input, k).clone(), "DiagonalBackward0_copy")


def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal."""
    n = input._data.shape
    if len(n) != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {len(n)}")
    pull = partial(_traced, shape=n)
    return record("TraceBackward0", np.trace(input._data), (input,), (pull,))


def _traced(ct: Any, shape: tuple[int, ...]) -> Any:
    return ct * np.eye(*shape, dtype=(ct._data if isinstance(ct, Tensor) else ct).dtype)


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """With a border; `pad` gives its widths, last dimension first. Only constant borders."""
    if mode != "constant":
        raise NotImplementedError(f"pad(mode={mode!r}) is not supported by srcgrad.shim")
    x = input._data
    widths = [(0, 0)] * x.ndim
    for k in range(len(pad) // 2):
        widths[x.ndim - 1 - k] = (pad[2 * k], pad[2 * k + 1])
    cut = tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(widths, x.shape, strict=True))
    added = [(max(a, 0), max(b, 0)) for a, b in widths]
    out = np.pad(x[cut], added, constant_values=0 if value is None else value)
    inner = tuple(slice(a, n - b) for (a, b), n in zip(added, out.shape, strict=True))
    return record("ConstantPadNdBackward0", out, (input,), (lambda ct: placed(ct[inner], cut, x.shape),))


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinates of a grid."""
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
    sizes = [t._data.size for t in given]
    order = list(range(len(sizes)))
    if indexing == "xy" and len(sizes) > 1:
        order[:2] = 1, 0
    out = []
    for k, t in enumerate(given):
        shape = [1] * len(sizes)
        shape[order[k]] = sizes[k]
        out.append(t.reshape(shape).expand([sizes[j] for j in order]))
    return tuple(out)
