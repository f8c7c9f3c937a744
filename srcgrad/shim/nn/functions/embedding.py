"""Rows by their numbers: embeddings and one-hot vectors."""

from __future__ import annotations

import numpy as np

from srcgrad.shim.dtypes import BY_NUMPY
from srcgrad.shim.nn.functions.checks import adjoint_pair, need_tensor
from srcgrad.shim.record import record
from srcgrad.shim.tensor import Tensor, wrap


def _summed_rows(ct: np.ndarray, index: np.ndarray, count: int) -> np.ndarray:
    """(count, D): for each row number the sum of the rows (N, D) that it stands for."""
    out = np.zeros((count, ct.shape[1]), ct.dtype)
    if index.size:
        order = np.argsort(index, kind="stable")
        ordered = index[order]
        first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        out[ordered[first]] = np.add.reduceat(ct[order], first, axis=0)
    return out


def embedding(
    input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Tensor:  # fmt: skip
    """The rows of weight (V, D) with the numbers of input (*): (*, D).

    Row `padding_idx` gets no gradient. Rows longer than `max_norm` are shortened in place first. Gradients are dense.

    Raises:
        IndexError: a number that is no row's.
        RuntimeError: types or shapes that do not fit.
        AssertionError: `padding_idx` is no row's number.
    """
    need_tensor(input, "embedding", "indices", 2)
    index, table = input._data, need_tensor(weight, "embedding", "weight", 1)._data
    rows = len(table) if table.ndim else 0
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise AssertionError("Padding_idx must be within num_embeddings")
    padding_idx = padding_idx if padding_idx is None else padding_idx % rows
    if table.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    if index.dtype not in (np.int64, np.int32):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"torch.{BY_NUMPY[index.dtype].title}Tensor instead (while checking arguments for embedding)"
        )
    if index.size and (index.min() < 0 or index.max() >= rows):
        raise IndexError("index out of range in self")
    if max_norm is not None:
        _shorten(weight, index, max_norm, norm_type)
    flat = index.reshape(-1)
    share = np.ones(flat.shape, table.dtype)
    if padding_idx is not None:
        share[flat == padding_idx] = 0
    if scale_grad_by_freq:
        share /= np.bincount(flat, minlength=rows)[flat]
    scaled = padding_idx is not None or scale_grad_by_freq

    def backward(ct: np.ndarray) -> np.ndarray:
        ct = ct.reshape((flat.size, table.shape[1]))
        return _summed_rows(ct * share[:, None] if scaled else ct, flat, rows)

    def adjoint(v: np.ndarray) -> np.ndarray:
        found = v[index]
        return found * share.reshape((*index.shape, 1)) if scaled else found

    _, back = adjoint_pair("EmbeddingBackward0", "EmbeddingDenseBackwardBackward0", adjoint, backward)
    return record("EmbeddingBackward0", table[index], (weight,), (back,))


def _shorten(weight: Tensor, index: np.ndarray, limit: float, p: float) -> None:
    rows = np.unique(index)
    size = np.linalg.norm(weight._data[rows], ord=p, axis=1)
    long = size > limit
    if long.any():
        factor = limit / (size[long] + 1e-7)
        weight._data[rows[long]] *= factor[:, None].astype(weight._data.dtype)
        weight._counter[0] += 1


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """1 at the given numbers (*), else 0: (*, num_classes), int64.

    Raises:
        RuntimeError: the numbers are negative, too large, no int64, or there are none to infer `num_classes` from.
    """
    index = tensor._data
    if index.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if not index.size and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    if index.size and index.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = int(index.max()) + 1
    elif index.size and index.max() >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return wrap((index[..., None] == np.arange(num_classes)).astype(np.int64))
