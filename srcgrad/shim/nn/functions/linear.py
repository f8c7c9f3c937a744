"""Linear and bilinear layers, and distances between vectors."""

from __future__ import annotations

from typing import Any

from srcgrad.shim.dtypes import BY_NUMPY
from srcgrad.shim.nn.functions.checks import need_tensor
from srcgrad.shim.ops.products import addmm, einsum, mm, mv
from srcgrad.shim.ops.views import broadcast_tensors
from srcgrad.shim.record import record
from srcgrad.shim.tensor import Tensor


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`input @ weight.T + bias`, for input (*, I), weight (O, I) or (I), and bias (O).

    Raises:
        RuntimeError: shapes or types that do not fit.
    """
    need_tensor(input, "linear")
    need_tensor(weight, "linear", "weight", 2)
    shape, ndim = input._data.shape, input._data.ndim
    if weight._data.ndim == 1:
        out = mv(input.reshape((-1, shape[-1])), weight).reshape(shape[:-1]) if ndim != 2 else mv(input, weight)  # type: ignore[attr-defined]
        return out if bias is None else out + bias  # type: ignore[no-any-return]
    rows: Any = input if ndim == 2 else input.reshape((-1, shape[-1] if ndim else 1))  # type: ignore[attr-defined]
    new = (*shape[:-1], weight._data.shape[0])
    if bias is None:
        product = mm(rows, weight.t())  # type: ignore[attr-defined]
        if ndim == 2:
            return product
        flat = product._data.shape
        return record("UnsafeViewBackward0", product._data.reshape(new), (product,), (lambda ct: ct.reshape(flat),))
    _check(rows, weight, bias)
    out = addmm(bias, rows, weight.t())  # type: ignore[attr-defined]
    return out if ndim == 2 else out.reshape(new)  # type: ignore[attr-defined,no-any-return]


def _check(rows: Tensor, weight: Tensor, bias: Tensor) -> None:
    x, w, b = rows._data, weight._data, bias._data
    if x.dtype != w.dtype:
        first, second = BY_NUMPY[x.dtype].title, BY_NUMPY[w.dtype].title
        raise RuntimeError(f"mat1 and mat2 must have the same dtype, but got {first} and {second}")
    if x.shape[1] != w.shape[1]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({x.shape[0]}x{x.shape[1]} and {w.shape[1]}x{w.shape[0]})"
        )
    if b.ndim and b.shape[-1] not in (1, w.shape[0]):
        raise RuntimeError(
            f"The expanded size of the tensor ({w.shape[0]}) must match the existing size ({b.shape[-1]}) at "
            f"non-singleton dimension 1.  Target sizes: {[x.shape[0], w.shape[0]]}.  Tensor sizes: {list(b.shape)}"
        )


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`x1 @ weight[k] @ x2 + bias[k]`, for inputs (*, I1) and (*, I2) and weight (O, I1, I2)."""
    out = einsum("...i,kij,...j->...k", input1, weight, input2)
    return out if bias is None else out + bias  # type: ignore[operator,no-any-return]


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Any = None) -> Tensor:
    """Divided by the norm along a dimension, or by eps if that is larger."""
    if input._data.dtype.kind != "f":
        title = BY_NUMPY[input._data.dtype].title
        raise RuntimeError(f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {title}")
    size = input.norm(p, dim, keepdim=True).clamp_min(eps)  # type: ignore[attr-defined]
    return input / size.expand_as(input)  # type: ignore[operator,no-any-return]


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along a dimension; norms below eps count as eps."""
    a: Any
    b: Any
    a, b = broadcast_tensors(x1, x2)
    a = a / a.norm(2, dim, keepdim=True).clamp(min=eps)
    b = b / b.norm(2, dim, keepdim=True).clamp(min=eps)
    return (a * b).sum(dim)  # type: ignore[no-any-return]


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of `x1 - x2 + eps` along the last dimension."""
    return (x1 - x2 + eps).norm(p, -1, keepdim=keepdim)  # type: ignore[operator,no-any-return]
