"""More products, norms of matrices, distances, and the basic functions of `torch.linalg`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.shim.graph import OUTPUT
from srcgrad.shim.ops.activations import where
from srcgrad.shim.ops.elementwise import abs as abs_
from srcgrad.shim.ops.joining import stack
from srcgrad.shim.ops.products import bmm, dot, matmul, mm, mv
from srcgrad.shim.ops.reductions import amax, amin, axes_of, norm
from srcgrad.shim.ops.reductions import sum as sum_
from srcgrad.shim.ops.views import axis_of, movedim, permute, reshape, unsafe_view, unsqueeze
from srcgrad.shim.record import record, titled
from srcgrad.shim.tensor import Tensor, wrap


def _mixed(name: str, input: Tensor, product: Tensor, beta: Any, alpha: Any) -> Tensor:
    if input._data.dtype != product._data.dtype:
        raise RuntimeError(
            f"{name[:-9].lower()}: the tensors must have one dtype, but got {input.dtype} and {product.dtype}"
        )
    out = (product if alpha == 1 else product * alpha) + (input if beta == 1 else input * beta)
    return titled(out, name)


def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """`beta * input + alpha * mat @ vec`."""
    return _mixed("AddmvBackward0", input, mv(mat, vec), beta, alpha)


def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """`beta * input + alpha * outer(vec1, vec2)`."""
    return _mixed("AddrBackward0", input, reshape(vec1, -1, 1) * reshape(vec2, 1, -1), beta, alpha)


def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """`beta * input + alpha * batch1 @ batch2`."""
    return _mixed("BaddbmmBackward0", input, bmm(batch1, batch2), beta, alpha)


def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """`beta * input + alpha * (batch1 @ batch2).sum(0)`."""
    return _mixed("AddbmmBackward0", input, sum_(bmm(batch1, batch2), 0), beta, alpha)


def inner(input: Tensor, other: Tensor) -> Tensor:
    """Sums of products over the last dimensions."""
    if not input._data.ndim or not other._data.ndim:
        return input * other  # type: ignore[no-any-return]
    return titled(tensordot(input, other, ([-1], [-1])), "ViewBackward0")


def vdot(input: Tensor, other: Tensor) -> Tensor:
    """The inner product of two vectors."""
    return titled(dot(input, other), "VdotBackward0")


def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of several matrices."""
    out = tensors[0]
    for t in tensors[1:]:
        out = matmul(out, t)
    return reshape(out, out._data.shape)


def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of several matrices."""
    return multi_dot(matrices)


def matrix_power(input: Tensor, n: int) -> Tensor:
    """The n-th power of square matrices."""
    if n < 0:
        return matrix_power(inv(input), -n)
    if n == 0:
        return wrap(np.broadcast_to(np.eye(input._data.shape[-1], dtype=input._data.dtype), input._data.shape).copy())
    if n == 1:
        return input.clone()  # type: ignore[attr-defined,no-any-return]
    half = matrix_power(input, n // 2) if n > 3 else input
    out = half @ half
    return out @ input if n % 2 else out  # type: ignore[no-any-return]


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Sums of products over several dimensions at once."""
    x, y = a._data.shape, b._data.shape
    if isinstance(dims, int):
        first, second = list(range(len(x) - dims, len(x))), list(range(dims))
    else:
        first, second = ([d] if isinstance(d, int) else [int(k) for k in d] for d in dims)
    first, second = [axis_of(d, len(x)) for d in first], [axis_of(d, len(y)) for d in second]
    for j, k in zip(first, second, strict=True):
        if x[j] != y[k]:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {x[j]} in dim {j} and second has size {y[k]} "
                f"in dim {k}"
            )
    kept_a, kept_b = ([k for k in range(len(s)) if k not in gone] for s, gone in ((x, first), (y, second)))
    count = math.prod(x[k] for k in first)
    left = reshape(permute(a, kept_a + first), math.prod(x[k] for k in kept_a), count)
    right = reshape(permute(b, second + kept_b), count, math.prod(y[k] for k in kept_b))
    return reshape(mm(left, right), [x[k] for k in kept_a] + [y[k] for k in kept_b])


def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product."""
    n = max(input._data.ndim, other._data.ndim)
    x, y = ((1,) * (n - t._data.ndim) + t._data.shape for t in (input, other))
    left = reshape(input, [m for pair in zip(x, (1,) * n, strict=True) for m in pair])
    right = reshape(other, [m for pair in zip((1,) * n, y, strict=True) for m in pair])
    return titled(reshape(left * right, [a * b for a, b in zip(x, y, strict=True)]).clone(), "UnsafeViewBackward0")  # type: ignore[attr-defined]


def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The vector product along a dimension of size 3."""
    shape = np.broadcast_shapes(input._data.shape, other._data.shape)
    if dim is None:
        dim = next((k for k, n in enumerate(shape) if n == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    if not shape:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    k = axis_of(dim, len(shape))
    if input._data.ndim != other._data.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    if input._data.shape[k] != 3 or other._data.shape[k] != 3:
        sizes = f"{input._data.shape[k]} and {other._data.shape[k]}"
        raise RuntimeError(f"linalg.cross: inputs dimension {dim} must have length 3. Got {sizes}")
    if input._data.dtype != other._data.dtype:
        raise RuntimeError(f"expected scalar type {input.dtype.title} but found {other.dtype.title}")
    a, b = (movedim(t, k, 0) for t in (input, other))
    parts = [a[(j + 1) % 3] * b[(j + 2) % 3] - a[(j + 2) % 3] * b[(j + 1) % 3] for j in range(3)]  # type: ignore[index]
    return titled(stack(parts, k), "LinalgCrossBackward0")


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: Any = None) -> Tensor:
    """The distances of all pairs of rows."""
    if x1._data.shape[-1] != x2._data.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1._data.shape[-1]} X2: {x2._data.shape[-1]}"
        )
    apart = unsqueeze(x1, -2) - unsqueeze(x2, -3)
    return titled(norm(apart, p, -1), "CdistBackward0")


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The norm of the difference."""
    return titled(norm(input - other, p), "DistBackward0")


def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """The slices along a dimension, scaled down to a norm where theirs is greater."""
    k = axis_of(dim, input._data.ndim)
    size = norm(input, p, tuple(j for j in range(input._data.ndim) if j != k), True)
    over = wrap(size._data > maxnorm)
    return titled(input * where(over, maxnorm / (size + 1e-7), 1.0), "RenormBackward0")


def vander(x: Tensor, N: int | None = None, *, increasing: bool = False) -> Tensor:
    """The powers of the elements as columns."""
    n = x._data.size if N is None else N
    if not n or not x._data.size:
        return wrap(np.zeros((x._data.size, n), x._data.dtype))
    columns = [x**k for k in (range(n) if increasing else reversed(range(n)))]
    return titled(stack(columns, -1), "FlipBackward0")


# -- norms -----------------------------------------------------------------------------------------------------------


def vector_norm(x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The norm of the elements, or along dimensions."""
    if x._data.dtype.kind != "f":
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {x.dtype.title}"
        )
    return norm(x, ord, dim, keepdim, dtype=dtype)


def matrix_norm(A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False) -> Tensor:
    """The norm of matrices: Frobenius, or of row or column sums; those of singular values are not supported."""
    if A._data.ndim < 2:
        raise RuntimeError(f"linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")  # noqa: F541
    rows, cols = (axis_of(d, A._data.ndim) for d in dim)
    if ord == "fro":
        return norm(A, 2, (rows, cols), keepdim)
    if ord in (1, -1, math.inf, -math.inf):
        added, other = (rows, cols) if ord in (1, -1) else (cols, rows)
        sums = titled(sum_(abs_(A), added, True), "LinalgVectorNormBackward0")
        found = (amax if ord > 0 else amin)(sums, other, True)
        if keepdim:
            return found
        name = "AmaxBackward0" if ord > 0 else "AminBackward0"
        return unsafe_view(found, [n for k, n in enumerate(A._data.shape) if k not in (rows, cols)], name)
    raise NotImplementedError(f"matrix_norm(ord={ord!r}) needs singular values, which srcgrad.shim does not have")


def linalg_norm(A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The norm of a vector or matrix."""
    if ord is None or (dim is None and A._data.ndim == 1) or (dim is not None and len(axes_of(dim, A._data.ndim)) == 1):
        return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)
    return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim)


# -- inverses, determinants ------------------------------------------------------------------------------------------


def _square(A: Tensor, name: str) -> None:
    if A._data.ndim < 2:
        raise RuntimeError(f"linalg.{name}: The input tensor A must have at least 2 dimensions.")
    if A._data.shape[-1] != A._data.shape[-2]:
        m, n = A._data.shape[-2:]
        raise RuntimeError(f"linalg.{name}: A must be batches of square matrices, but they are {m} by {n} matrices")


def inv(A: Tensor) -> Tensor:
    """The inverse of square matrices.

    Raises:
        RuntimeError: there is none.
    """
    _square(A, "inv")
    try:
        out = np.linalg.inv(A._data)
    except np.linalg.LinAlgError:
        raise RuntimeError("linalg.inv: The diagonal element 1 is zero, the inversion could not be completed because "
                           "the input matrix is singular.") from None  # fmt: skip

    def pull(ct: Any, out: Any) -> Any:
        back = out.swapaxes(-1, -2)
        return -(back @ ct @ back)

    return record("LinalgInvExBackward0", out, (A,), (pull,), (OUTPUT,))


def det(A: Tensor) -> Tensor:
    """The determinant of square matrices; its derivative is that by cofactors only where they are regular."""
    _square(A, "det")

    def pull(ct: Any, A: Any, out: Any) -> Any:
        inverse = inv(A) if isinstance(A, Tensor) else np.linalg.inv(A)
        return (ct * out).reshape((*out.shape, 1, 1)) * inverse.swapaxes(-1, -2)

    return record("LinalgDetBackward0", np.linalg.det(A._data), (A,), (pull,), (A, OUTPUT))


def slogdet(A: Tensor) -> tuple[Tensor, Tensor]:
    """Sign, and logarithm of the absolute value, of the determinant."""
    _square(A, "slogdet")
    sign, size = np.linalg.slogdet(A._data)

    def pull(ct: Any, A: Any) -> Any:
        inverse = inv(A) if isinstance(A, Tensor) else np.linalg.inv(A)
        return ct.reshape((*ct.shape, 1, 1)) * inverse.swapaxes(-1, -2)

    return wrap(np.asarray(sign)), record("LinalgSlogdetBackward0", size, (A,), (pull,), (A,))


def logdet(A: Tensor) -> Tensor:
    """The logarithm of the determinant; NaN where that is negative."""
    sign, size = slogdet(A)
    return where(wrap(sign._data < 0), math.nan, size)  # type: ignore[no-any-return]


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """The solution X of `A @ X = B` (`X @ A = B`, if not `left`)."""
    _square(A, "solve")
    if not left:
        return solve(A.mT, B.mT).mT  # type: ignore[attr-defined,no-any-return]
    vector = B._data.ndim == 1 or (B._data.ndim == A._data.ndim - 1 and B._data.shape == A._data.shape[:-1])
    rhs = unsqueeze(B, -1) if vector else B
    try:
        out = np.linalg.solve(A._data, rhs._data)
    except np.linalg.LinAlgError:
        raise RuntimeError("torch.linalg.solve: The solver failed because the input matrix is singular.") from None

    def pull_b(ct: Any, A: Any, out: Any) -> Any:
        return solve(A.mT, ct) if isinstance(ct, Tensor) else np.linalg.solve(A.swapaxes(-1, -2), ct)

    def pull_a(ct: Any, A: Any, out: Any) -> Any:
        return -(pull_b(ct, A, out) @ out.swapaxes(-1, -2))

    found = record("LinalgSolveExBackward0", out, (A, rhs), (pull_a, pull_b), (A, OUTPUT))
    return found.squeeze(-1) if vector else found  # type: ignore[attr-defined,no-any-return]


METHODS = {f.__name__: f for f in (
    addmv, addr, baddbmm, addbmm, inner, vdot, matrix_power, kron, cross, dist, renorm, det, slogdet, logdet,
)}  # fmt: skip
METHODS["inverse"] = inv
TOP = {"chain_matmul": chain_matmul, "tensordot": tensordot, "cdist": cdist, "vander": vander}
