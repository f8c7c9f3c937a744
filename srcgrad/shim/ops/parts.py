"""Views of all parts of a tensor along a dimension: results of one node, which may not be overwritten."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.shim.ops.views import axis_of, mark_view, placed, total
from srcgrad.shim.record import record_several
from srcgrad.shim.tensor import Tensor


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along a dimension."""
    if not input._data.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    k = axis_of(dim, input._data.ndim)
    indices = [(slice(None),) * k + (n,) for n in range(input._data.shape[k])]
    return _parts("UnbindBackward0", input, indices)


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces along a dimension, of a size or of several sizes."""
    if not tensor._data.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    k = axis_of(dim, tensor._data.ndim)
    n, sizes = tensor._data.shape[k], split_size_or_sections
    name = "SplitWithSizesBackward0"
    if isinstance(sizes, int):
        if sizes == 0 and n:
            raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}")
        name = "SplitBackward0"
        sizes = [min(sizes, n - at) for at in range(0, n, sizes)] or [0]
    if sum(sizes) != n:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {dim}), but "
            f"got split_sizes={list(sizes)}"
        )
    ends = np.cumsum(sizes).tolist()
    return _parts(name, tensor, [(slice(None),) * k + (slice(e - s, e),) for s, e in zip(sizes, ends, strict=True)])


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most so many pieces of about one size."""
    if not input._data.ndim:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input._data.shape[axis_of(dim, input._data.ndim)]
    return split(input, max(-(-n // chunks), 1), dim)


def _parts(name: str, input: Tensor, indices: list[tuple[Any, ...]]) -> tuple[Tensor, ...]:
    shape = input._data.shape

    def pull(cts: list[Any]) -> tuple[Any]:
        pairs = [(c, i) for c, i in zip(cts, indices, strict=True) if c is not None]
        if isinstance(pairs[0][0], Tensor):
            return (total([placed(c, i, shape) for c, i in pairs]),)
        out = np.zeros(shape, pairs[0][0].dtype)
        for c, i in pairs:  # the parts do not overlap
            out[i] = c
        return (out,)

    outs = record_several(name, [input._data[(*i, ...)] for i in indices], (input,), pull)
    for out, i in zip(outs, indices, strict=True):
        mark_view(out, input, lambda z, i=i: z[(*i, ...)])
        out._origin = out._origin or "multi"
    return tuple(outs)
