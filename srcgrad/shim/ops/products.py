"""Products of matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from srcgrad.shim.dtypes import BY_NUMPY
from srcgrad.shim.modes import STATE
from srcgrad.shim.ops.elementwise import mismatch
from srcgrad.shim.ops.views import fits, scattered, unsafe_view
from srcgrad.shim.record import record
from srcgrad.shim.tensor import Tensor


def _same(a: Tensor, b: Tensor) -> None:
    x, y = a._data.dtype, b._data.dtype
    if x != y and a._data.ndim > 2 and b._data.ndim > 2:
        raise RuntimeError(f"expected scalar type {BY_NUMPY[x].title} but found {BY_NUMPY[y].title}")
    if x != y:
        names = {"Float": "float", "Double": "double", "Long": "long int", "Int": "int", "Half": "c10::Half"}
        first, second = (names.get(BY_NUMPY[d].title, BY_NUMPY[d].title.lower()) for d in (x, y))
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {first} != {second}")


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices."""
    a, b = input._data, mat2._data
    if a.ndim != 2 or b.ndim != 2:
        raise RuntimeError(f"{'self' if a.ndim != 2 else 'mat2'} must be a matrix")
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({a.shape[0]}x{a.shape[1]} and {b.shape[0]}x{b.shape[1]})"
        )
    _same(input, mat2)
    return record("MmBackward0", STATE.quiet(np.matmul, a, b), (input, mat2), _MATRIX, (input, mat2))


_MATRIX = (lambda ct, a, b: ct @ b.swapaxes(-1, -2), lambda ct, a, b: a.swapaxes(-1, -2) @ ct)


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """A matrix times a vector."""
    a, b = input._data, vec._data
    if a.ndim != 2 or b.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got 1, {a.ndim}, {b.ndim}")
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(
            f"size mismatch, got input ({a.shape[0]}), mat ({'x'.join(map(str, a.shape))}), vec ({b.size})"
        )
    _same(input, vec)
    pulls = (lambda ct, a, b: outer_of(ct, b), lambda ct, a, b: ct @ a)
    return record("MvBackward0", STATE.quiet(np.matmul, a, b), (input, vec), pulls, (input, vec))


def outer_of(a: Any, b: Any) -> Any:
    """The outer product of two vectors."""
    return a.reshape((-1, 1)) * b.reshape((1, -1))


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The inner product of two vectors."""
    a, b = input._data, tensor._data
    if a.ndim != 1 or b.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {a.ndim}D and {b.ndim}D tensors")
    if a.shape != b.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{a.size}] and src [{b.size}] to have the same number of "
            f"elements, but got {a.size} and {b.size} elements respectively"
        )
    if a.dtype != b.dtype:
        x, y = (BY_NUMPY[d].title for d in (a.dtype, b.dtype))
        raise RuntimeError(f"dot : expected both vectors to have same dtype, but found {x} and {y}")
    pulls = (lambda ct, a, b: ct * b, lambda ct, a, b: ct * a)
    return record("DotBackward0", STATE.quiet(np.matmul, a, b), (input, tensor), pulls, (input, tensor))


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """All products of an element of one vector with one of another."""
    return input.reshape(-1, 1) * vec2.reshape(1, -1)


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two stacks of matrices."""
    a, b = input._data, mat2._data
    if a.ndim != 3 or b.ndim != 3:
        raise RuntimeError("batch1 must be a 3D tensor" if a.ndim != 3 else "batch2 must be a 3D tensor")
    if a.shape[0] != b.shape[0] or a.shape[2] != b.shape[1]:
        wanted = [a.shape[0], a.shape[2]]
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: {wanted} but got: {list(b.shape[:2])}."
        )
    _same(input, mat2)
    return record("BmmBackward0", STATE.quiet(np.matmul, a, b), (input, mat2), _MATRIX, (input, mat2))


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The product of vectors, matrices or stacks of matrices, as in NumPy."""
    a, b = input._data.ndim, other._data.ndim
    if a == 2 and b == 2:
        return mm(input, other)
    if a == 1 and b == 1:
        return dot(input, other)
    if a == 2 and b == 1:
        return mv(input, other)
    if not a or not b:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {a}D and {b}D")
    if a == 1:
        made = matmul(input.unsqueeze(0), other)
        name = "SqueezeBackward4" if b == 2 else "UnsafeViewBackward0"
        return unsafe_view(made, (*made._data.shape[:-2], made._data.shape[-1]), name)
    if b == 1:
        made = matmul(input, other.unsqueeze(-1))
        return unsafe_view(made, made._data.shape[:-1])
    if not fits(input._data.shape[:-2], other._data.shape[:-2]):
        raise mismatch(input._data[..., 0, 0], other._data[..., 0, 0])
    if input._data.shape[-1] != other._data.shape[-2] and b > 2:
        lead = np.broadcast_shapes(input._data.shape[:-2], other._data.shape[:-2])
        wanted = [math.prod(lead), input._data.shape[-1]]
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: {wanted} but got: "
            f"[{wanted[0]}, {other._data.shape[-2]}]."
        )
    if b == 2:  # one product of matrices
        lead = input._data.shape[:-1]
        rows = mm(input.reshape(math.prod(lead), input._data.shape[-1]), other)
        return unsafe_view(rows, (*lead, other._data.shape[-1]))
    _same(input, other)
    try:
        out = STATE.quiet(np.matmul, input._data, other._data)
    except ValueError:
        x, y = input._data.shape, other._data.shape
        raise RuntimeError(f"The shapes {list(x)} and {list(y)} do not fit for matmul") from None
    return record("UnsafeViewBackward0", out, (input, other), _MATRIX, (input, other))


def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """`beta * input + alpha * mat1 @ mat2`."""
    if mat1._data.shape[1] != mat2._data.shape[0]:
        mm(mat1, mat2)
    _same(mat1, mat2)
    product = STATE.quiet(np.matmul, mat1._data, mat2._data)
    out = (product if alpha == 1 else product * alpha) + (input._data if beta == 1 else input._data * beta)
    pulls = (
        lambda ct, a, b: ct * beta if beta != 1 else ct,
        lambda ct, a, b: (ct if alpha == 1 else ct * alpha) @ b.swapaxes(-1, -2),
        lambda ct, a, b: a.swapaxes(-1, -2) @ (ct if alpha == 1 else ct * alpha),
    )
    return record("AddmmBackward0", out, (input, mat1, mat2), pulls, (mat1, mat2))


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`input @ weight.T + bias`, over the last dimension."""
    if weight._data.ndim == 2 and input._data.ndim == 2 and bias is not None:
        return addmm(bias, input, weight.t())
    out = matmul(input, weight.t())
    return out if bias is None else out + bias


# -- Einstein's summation --------------------------------------------------------------------------------------------


def einsum(equation: str, *operands: Any) -> Tensor:
    """Sums of products, as `np.einsum`.

    The cotangent of an operand is the einsum of that of the result with the other operands.
    """
    tensors = operands[0] if len(operands) == 1 and isinstance(operands[0], list | tuple) else operands
    terms, out = _terms(equation.replace(" ", ""), [t._data.ndim for t in tensors])
    text = f"{','.join(terms)}->{out}"
    data = np.einsum(text, *(t._data for t in tensors), optimize=len(tensors) > 1)
    shapes = [t._data.shape for t in tensors]
    sizes = {c: n for term, shape in zip(terms, shapes, strict=True) for c, n in zip(term, shape, strict=True)}
    pulls = [lambda ct, *values, k=k: _einsum_back(ct, values, k, terms, out, sizes) for k in range(len(tensors))]
    return record("EinsumBackward0", data, tensors, pulls, tensors if len(tensors) > 1 else ())


def _terms(equation: str, ranks: list[int]) -> tuple[list[str], str]:
    """The letters of operands and result, with those that an ellipsis stands for."""
    left, arrow, out = equation.partition("->")
    terms = left.split(",")
    for k, (t, n) in enumerate(zip(terms, ranks, strict=True)):
        if "..." not in t and len(t) != n:
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(t)}) does not match the number of "
                f"dimensions ({n}) for operand {k} and no ellipsis was given"
            )
    free = [c for c in "ZYXWVUTSRQPONMLKJIHGFEDCBA" if c not in equation]
    extra = [n - len(t.replace("...", "")) if "..." in t else 0 for t, n in zip(terms, ranks, strict=True)]
    dots = "".join(free[: max(extra, default=0)])
    terms = [t.replace("...", dots[len(dots) - n :]) for t, n in zip(terms, extra, strict=True)]
    if not arrow:
        counts = "".join(terms)
        out = "..." + "".join(sorted(c for c in set(counts) if counts.count(c) == 1 and c not in dots))
    return terms, out.replace("...", dots)


def _einsum_back(ct: Any, values: tuple[Any, ...], k: int, terms: list[str], out: str, sizes: dict[str, int]) -> Any:
    term = terms[k]
    letters = "".join(dict.fromkeys(term))
    others = [t for j, t in enumerate(terms) if j != k]
    known = set(out).union(*others) if others else set(out)
    kept = "".join(c for c in letters if c in known)
    parts = [ct, *(v for j, v in enumerate(values) if j != k)]
    text = f"{','.join([out, *others])}->{kept}"
    found = einsum(text, *parts) if isinstance(ct, Tensor) else np.einsum(text, *parts)
    shape = tuple(sizes[c] if c in kept else 1 for c in letters)
    found = found.reshape(shape)
    full = tuple(sizes[c] for c in letters)
    if shape != full:  # summed over in the operand alone
        ones = np.ones(full, (ct._data if isinstance(ct, Tensor) else ct).dtype)
        found = found * ones
    if letters == term:
        return found
    # a letter that comes twice reads a diagonal: the cotangent goes there
    shape = tuple(sizes[c] for c in term)
    index = np.einsum(f"{term}->{letters}", np.arange(int(np.prod(shape))).reshape(shape))
    return scattered(found, index, shape)
