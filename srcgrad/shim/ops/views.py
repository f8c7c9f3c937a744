"""Views and shapes: results that share memory with their argument, where NumPy's do.

All pullbacks here are linear maps of shapes; they work on arrays and on tensors alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from srcgrad.shim.graph import SEQUENCE, node_class
from srcgrad.shim.history import edge_of, embedded, needs, positions
from srcgrad.shim.modes import STATE
from srcgrad.shim.record import record
from srcgrad.shim.size import Size
from srcgrad.shim.tensor import Tensor, wrap


def view(name: str, base: Tensor, step: Callable[[Any], Any], pull: Callable[[Any], Any]) -> Tensor:
    """A view of a tensor.

    Args:
        name: of its node.
        base: what it is a view of.
        step: makes the view's array from the base's, or from any array of its shape.
        pull: the cotangent of `base` for that of the view.
    """
    data = step(base._data)
    recorded = STATE.grad and needs(base)
    made = mark_view(wrap(data), base, step)
    if recorded:
        node = node_class(name)()
        node.edges, node.pulls, node.saved = (edge_of(base),), (pull,), ()
        node.metas, node.seq = ((data.shape, data.dtype),), next(SEQUENCE)
        made._fn, made._requires = node, True
        if STATE.special is not None:
            for note in STATE.special:
                note(node)
    elif STATE.inference:
        made._inference = True
    elif not STATE.grad:
        made._origin = "no_grad"
    return made


def mark_view(made: Tensor, base: Tensor, step: Callable[[Any], Any]) -> Tensor:
    """Let a tensor know whose memory it shares."""
    made._counter = counter = base._counter
    made._seen = counter[0]
    root = base._base
    if root is None:
        root, made._chain = base, (step,)
    else:
        made._chain = (*base._chain, step)
    made._base = root
    root._viewed = True
    if base._inference:
        made._inference = True
    if base._origin:
        made._origin = base._origin
    return made


def axis_of(dim: int, ndim: int) -> int:
    """A dimension counted from the front.

    Raises:
        IndexError: there is none such.
    """
    span = max(ndim, 1)
    if not -span <= dim < span:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-span}, {span - 1}], but got {dim})")
    return dim % span


def fits(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether two shapes broadcast."""
    return all(m == n or 1 in (m, n) for m, n in zip(reversed(shape), reversed(target), strict=False))


def shape_of(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """The shape that `f(2, 3)`, `f((2, 3))` and `f([2, 3])` mean."""
    if len(sizes) == 1 and isinstance(sizes[0], tuple | list):
        sizes = tuple(sizes[0])
    return tuple(int(n) for n in sizes)


def resolved(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    """A shape without -1.

    Raises:
        RuntimeError: it does not fit the number of elements.
    """
    if shape.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    known = math.prod(n for n in shape if n != -1)
    if -1 in shape and known and size % known == 0:
        return tuple(size // known if n == -1 else n for n in shape)
    if -1 in shape or known != size:
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {size}")
    return shape


# -- shapes ----------------------------------------------------------------------------------------------------------


def reshape(input: Tensor, *shape: Any) -> Tensor:
    """The elements in another shape: a view where memory allows, else a copy."""
    x = input._data
    new = resolved(shape_of(shape), x.size)
    if x.flags.c_contiguous or np.may_share_memory(x.reshape(new), x):
        return _viewed("ViewBackward0", input, new)
    old = x.shape
    return record("UnsafeViewBackward0", x.reshape(new), (input,), (lambda ct: ct.reshape(old),))


def unsafe_view(input: Tensor, shape: Sequence[int], name: str = "UnsafeViewBackward0") -> Tensor:
    """The elements in another shape, not known as a view: for a tensor that nobody else has."""
    old = input._data.shape
    return record(name, input._data.reshape(shape), (input,), (lambda ct: ct.reshape(old),))


def _viewed(name: str, input: Tensor, new: tuple[int, ...]) -> Tensor:
    old = input._data.shape
    return view(name, input, lambda z: z.reshape(new), lambda ct: ct.reshape(old))


def view_as_shape(input: Tensor, *shape: Any) -> Tensor:
    """The elements in another shape, as a view.

    Raises:
        RuntimeError: memory does not allow a view.
    """
    from_dtype = shape[0] if len(shape) == 1 and not isinstance(shape[0], int | tuple | list) else None
    if from_dtype is not None:
        raise RuntimeError("view(dtype) is not supported by srcgrad.shim: use .to(dtype)")
    x = input._data
    new = resolved(shape_of(shape), x.size)
    if not (x.flags.c_contiguous or np.may_share_memory(x.reshape(new), x)):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    return _viewed("ViewBackward0", input, new)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Several dimensions as one."""
    shape = input._data.shape
    if not shape:
        axis_of(start_dim, 0), axis_of(end_dim, 0)
        return reshape(input, 1)
    first, last = axis_of(start_dim, len(shape)), axis_of(end_dim, len(shape))
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if first == last:
        return input
    return reshape(input, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One dimension as several."""
    shape = input._data.shape
    k = axis_of(dim, len(shape))
    new = resolved(tuple(sizes), shape[k])
    return _viewed("ViewBackward0", input, (*shape[:k], *new, *shape[k + 1 :]))


def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Without dimensions of size 1."""
    shape = input._data.shape
    given = range(len(shape)) if dim is None else [dim] if isinstance(dim, int) else dim
    gone = {axis_of(d, len(shape)) for d in given}
    new = tuple(n for k, n in enumerate(shape) if not (k in gone and n == 1))
    number = "0" if dim is None else "1" if isinstance(dim, int) else "2"
    return _viewed(f"SqueezeBackward{number}", input, new)


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With a dimension of size 1 more, at `dim`."""
    shape = input._data.shape
    k = axis_of(dim, len(shape) + 1)
    return _viewed("UnsqueezeBackward0", input, (*shape[:k], 1, *shape[k:]))


# -- permutations ----------------------------------------------------------------------------------------------------


def _permuted(z: Any, axes: tuple[int, ...]) -> Any:
    return z.permute(axes) if isinstance(z, Tensor) else z.transpose(axes)


def permute(input: Tensor, *dims: Any, name: str = "PermuteBackward0") -> Tensor:
    """The dimensions in another order."""
    axes = tuple(axis_of(d, input._data.ndim) for d in shape_of(dims))
    if len(axes) == input._data.ndim and len(set(axes)) < len(axes):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    if sorted(axes) != list(range(input._data.ndim)):
        raise RuntimeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {input._data.ndim} is not equal to len(dims) = {len(axes)}"
        )
    inverse = tuple(int(k) for k in np.argsort(axes))
    return view(name, input, partial(_permuted, axes=axes), partial(_permuted, axes=inverse))


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """With two dimensions exchanged."""
    axes = list(range(input._data.ndim))
    if not axes:
        axis_of(dim0, 0), axis_of(dim1, 0)
        return view("TransposeBackward0", input, lambda z: z[...], lambda ct: ct)
    j, k = axis_of(dim0, len(axes)), axis_of(dim1, len(axes))
    axes[j], axes[k] = axes[k], axes[j]
    return permute(input, axes, name="TransposeBackward0")


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; a vector as it is."""
    if input._data.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input._data.ndim}D")
    axes = tuple(reversed(range(input._data.ndim)))
    return view("TBackward0", input, partial(_permuted, axes=axes), partial(_permuted, axes=axes))


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """With dimensions moved to other positions."""
    source = [source] if isinstance(source, int) else list(source)
    destination = [destination] if isinstance(destination, int) else list(destination)
    n = input._data.ndim
    source, destination = [axis_of(d, n) for d in source], [axis_of(d, n) for d in destination]
    order = [k for k in range(n) if k not in source]
    for d, s in sorted(zip(destination, source, strict=True)):
        order.insert(d, s)
    return permute(input, order)


# -- broadcasting ----------------------------------------------------------------------------------------------------


def expand(input: Tensor, *sizes: Any) -> Tensor:
    """Stretched along dimensions of size 1, without a copy; -1 leaves a dimension as it is."""
    shape, old = shape_of(sizes), input._data.shape
    lead = len(shape) - len(old)
    new = tuple(old[k - lead] if n == -1 and k >= lead else n for k, n in enumerate(shape))
    if lead < 0:
        raise RuntimeError(
            f"expand(torch.{input.dtype.title}Tensor{{{list(old)}}}, size={list(shape)}): the number of sizes provided "
            f"({len(shape)}) must be greater or equal to the number of dimensions in the tensor ({len(old)})"
        )
    if -1 in new[:lead]:
        k = new.index(-1)
        raise RuntimeError(
            f"The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension {k}"
        )
    for k, n in reversed(list(enumerate(old))):
        if n not in (1, new[k + lead]):
            raise RuntimeError(
                f"The expanded size of the tensor ({new[k + lead]}) must match the existing size ({n}) at "
                f"non-singleton dimension {k + lead}.  Target sizes: {list(shape)}.  Tensor sizes: {list(old)}"
            )
    step = partial(_stretched, shape=new)
    return view("ExpandBackward0", input, step, lambda ct: ct)


def _stretched(z: Any, shape: tuple[int, ...]) -> Any:
    """Stretched without a copy; NumPy lets one write into it only if no element is there twice."""
    return z.reshape(shape) if math.prod(shape) == z.size else np.broadcast_to(z, shape)


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """All stretched to their common shape."""
    shape = np.broadcast_shapes(*(t._data.shape for t in tensors))
    return tuple(t if t._data.shape == shape else expand(t, shape) for t in tensors)


def spread(value: Any, shape: tuple[int, ...]) -> Any:
    """An array or tensor stretched to a shape."""
    if isinstance(value, Tensor):
        return expand(value, shape)
    out = np.empty(shape, value.dtype)
    out[...] = value
    return out


def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """The sum over the axes that broadcasting from `size` would add or stretch."""
    shape, old = shape_of(size), input._data.shape
    if not shape:
        return input.sum()  # type: ignore[attr-defined,no-any-return]
    if shape == old:
        return input
    extra = len(old) - len(shape)
    axes = tuple(range(extra)) + tuple(k + extra for k, n in enumerate(shape) if n == 1 and old[k + extra] != 1)
    out = input._data.sum(axis=axes, keepdims=True).reshape(shape) if axes else input._data.reshape(shape)
    return record("SumBackward1", out, (input,), (lambda ct: spread(_open(ct, old, axes), old),))


def _open(ct: Any, old: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    return ct.reshape(tuple(1 if k in axes else n for k, n in enumerate(old)))


# -- positions -------------------------------------------------------------------------------------------------------


def scattered(ct: Any, index: np.ndarray, shape: tuple[int, ...]) -> Any:
    """Zeros of some shape with `ct` added at flat positions, which may repeat."""
    return put(ct, index, shape) if isinstance(ct, Tensor) else embedded(ct, index, shape)


def gathered(value: Any, index: np.ndarray) -> Any:
    """The elements at flat positions."""
    return take(value, index) if isinstance(value, Tensor) else value.reshape(-1)[index]


def put(input: Tensor, index: np.ndarray, shape: tuple[int, ...]) -> Tensor:
    """`scattered`, of a tensor."""
    return record("PutBackward0", embedded(input._data, index, shape), (input,), (lambda ct: gathered(ct, index),))


def take(input: Tensor, index: Any) -> Tensor:
    """The elements at flat positions, in the shape of `index`."""
    at = index._data if isinstance(index, Tensor) else index
    shape = input._data.shape
    pull = partial(scattered, index=at, shape=shape)
    return record("TakeBackward0", input._data.reshape(-1)[at], (input,), (pull,))


# -- parts -----------------------------------------------------------------------------------------------------------


def placed(ct: Any, index: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Zeros of some shape with `ct` at a basic index."""
    if isinstance(ct, Tensor):
        return put(ct, positions(shape, (lambda z: z[(*index, ...)] if ... not in index else z[index],)), shape)
    out = np.zeros(shape, ct.dtype)
    out[index] = ct
    return out


def total(values: list[Any]) -> Any:
    """The sum of some arrays or tensors."""
    out = values[0]
    for v in values[1:]:
        out = out + v
    return out


def shape_size(input: Tensor, dim: int | None = None) -> Any:
    """The shape, or one of its numbers."""
    return Size(input._data.shape) if dim is None else input._data.shape[axis_of(dim, input._data.ndim)]
