"""Operations that overwrite a tensor: the value computed out of place, then stored, and the history adopted.

A write to a view is a write to its base: the base's new history is a `CopySlices`, and every view of it gets a new
history of its own when it is next asked (`tensor.refresh`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from srcgrad.shim.dtypes import BY_NUMPY
from srcgrad.shim.graph import OUTPUT, SEQUENCE, UNPACK, Edge, Node, node_class, node_name
from srcgrad.shim.history import edge_of, needs, positions
from srcgrad.shim.modes import STATE, no_grad, set_grad_enabled
from srcgrad.shim.ops.elementwise import NUMBERS, mismatch, named
from srcgrad.shim.ops.indexing import divided, getitem, index_put, is_basic, plain_index, window
from srcgrad.shim.ops.views import fits, gathered
from srcgrad.shim.record import nothing, record
from srcgrad.shim.tensor import Tensor, wrap

LEAF = "a leaf Variable that requires grad is being used in an in-place operation."
VIEW_OF_LEAF = "a view of a leaf Variable that requires grad is being used in an in-place operation."
_NO_GRAD_VIEW = (
    "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that this use case "
    "is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace "
    "either both inside the no_grad block (if you don't want the inplace to be tracked) or both outside (if you want "
    "the inplace to be tracked)."
)
_MULTI = (
    "This view is the output of a function that returns multiple views. Such functions do not allow the output views "
    "to be modified inplace. You should replace the inplace operation by an out-of-place one."
)
_UNRECORDED = "A view was created in no_grad mode and is being modified inplace with grad mode enabled."
_CUSTOM = (
    "Output {} of {} is a view and is being modified inplace. This view was created inside a custom Function (or "
    "because an input was returned as-is) and the autograd logic to handle view+inplace would override the custom "
    "backward associated with the custom Function, leading to incorrect gradients. This behavior is forbidden. You can "
    "fix this by cloning the output of the custom Function."
)
_INFERENCE = (
    "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal "
    "tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."
)


def check_writable(target: Tensor, inputs: tuple[Any, ...]) -> bool:
    """Whether a write to a tensor is recorded.

    Raises:
        RuntimeError: it may not be overwritten.
    """
    if target._inference and not STATE.inference:
        raise RuntimeError(_INFERENCE)
    base = target._base
    others = any(isinstance(t, Tensor) and needs(t) for t in inputs)
    if not STATE.grad or not (others or needs(target) or (base is not None and needs(base))):
        return False
    if base is not None:
        if target._origin == "no_grad":
            raise RuntimeError(_NO_GRAD_VIEW)
        if target._origin == "multi":
            head = f"Output {target._nr} of {node_name(target._fn)} is a view and" if target._fn else _UNRECORDED
            raise RuntimeError(f"{head} {'is being modified inplace. ' if target._fn else ''}{_MULTI}")
        if target._origin == "function" and target._fn is not None:
            raise RuntimeError(_CUSTOM.format(target._nr, node_name(target._fn)))
        if needs(base) and base._fn is None:
            raise RuntimeError(VIEW_OF_LEAF)
    elif target._requires and target._fn is None:
        raise RuntimeError(LEAF)
    return True


def in_place(name: str, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The overwriting form of an operation whose first argument is the tensor."""

    def apply(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if check_writable(self, args):
            if STATE.special is not None:  # hooks have what is saved at once, and it must not be overwritten then
                old = _old(self)
                return adopt(self, function(old, *(old if a is self else a for a in args), **kwargs))
            return adopt(self, function(self, *args, **kwargs))
        with no_grad():
            result = function(self, *args, **kwargs)
        if result is NotImplemented:
            return result  # type: ignore[no-any-return]
        return store(self, result._data)

    return named(apply, name)


def store(target: Tensor, data: Any) -> Tensor:
    """Write an array into a tensor that nothing is recorded of.

    Raises:
        RuntimeError: it does not fit.
    """
    here = target._data
    if data.shape != here.shape:
        raise RuntimeError(f"output with shape {list(here.shape)} doesn't match the broadcast shape {list(data.shape)}")
    if (
        data.dtype is not here.dtype
        and "biuf".index(data.dtype.kind) > "biuf".index(here.dtype.kind)
        and not (data.dtype.kind == "u" and here.dtype.kind == "i")
    ):
        message = f"result type {BY_NUMPY[data.dtype].title} can't be cast to the desired output type"
        raise RuntimeError(f"{message} {BY_NUMPY[here.dtype].title}")
    if not here.flags.writeable:
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            "Please clone() the tensor before performing the operation."
        )
    here[...] = data
    target._counter[0] += 1
    return target


def adopt(target: Tensor, result: Tensor) -> Tensor:
    """Write a recorded result into a tensor, which gets its history."""
    node, base = result._fn, target._base
    before = edge_of(base) if base is not None else None
    if node is not None and node.saved:
        _keep_old(node, target)
    store(target, result._data)
    if node is not None and node.saved:
        _follow(node, target)
    rebase(target, before, (node, result._nr) if node is not None else None)
    return target


def rebase(target: Tensor, before: Edge | None, edge: Edge | None) -> None:
    """Give a tensor that was overwritten the history of what was written; `before` is the base's, for a view."""
    base = target._base
    if base is None:
        _set_history(target, edge)
    else:
        _set_history(base, (_copy_slices(base, target, before, edge), 0))


def _set_history(target: Tensor, edge: Edge | None) -> None:
    retained = target._fn.retain_hooks.pop(target._nr, None) if target._retains and target._fn.retain_hooks else None  # type: ignore[union-attr]
    target._fn, target._nr, target._requires = edge[0] if edge else None, edge[1] if edge else 0, edge is not None
    if retained is not None and edge is not None:
        edge[0].retain_hooks = {**(edge[0].retain_hooks or {}), edge[1]: retained}


def _old(target: Tensor) -> Tensor:
    """A copy of a tensor that is about to be overwritten."""
    edge = edge_of(target)
    old = wrap(target._data.copy())
    if edge is not None and target._fn is not None:
        old._fn, old._nr, old._requires = edge[0], edge[1], True
    return old


def _keep_old(node: Node, target: Tensor) -> None:
    """Where the node saved the tensor that is about to be overwritten, a copy takes its place."""
    saved = []
    for item in node.saved or ():
        if type(item) is tuple and item[0] is target and item[2] is not OUTPUT:
            item = (_old(target), 0, item[2])
        saved.append(item)
    node.saved = tuple(saved)


def _follow(node: Node, target: Tensor) -> None:
    """Where the node saved its result, that is now the memory of the tensor."""
    saved = []
    for item in node.saved or ():
        if type(item) is tuple and item[2] is OUTPUT and item[1] is not UNPACK:
            twin = wrap(target._data)
            twin._counter = target._counter
            item = (twin, target._counter[0], OUTPUT)
        saved.append(item)
    node.saved = tuple(saved)


def _copy_slices(base: Tensor, target: Tensor, before: Edge | None, edge: Edge | None) -> Node:
    """The base, with a part of it from somewhere else."""
    node = node_class("CopySlices")()
    shape, chain = base._data.shape, target._chain
    node.edges = (before, edge)
    node.pulls = (partial(_outside, shape=shape, chain=chain), partial(_inside, shape=shape, chain=chain))
    node.metas, node.seq = ((shape, base._data.dtype),), next(SEQUENCE)
    return node


def _outside(ct: Any, shape: tuple[int, ...], chain: Any) -> Any:
    kept = np.ones(shape, bool)
    kept.reshape(-1)[positions(shape, chain)] = False
    return ct.masked_fill(wrap(~kept), 0.0) if isinstance(ct, Tensor) else np.where(kept, ct, ct.dtype.type(0))


def _inside(ct: Any, shape: tuple[int, ...], chain: Any) -> Any:
    return gathered(ct, positions(shape, chain))


def reshaping(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The overwriting form of an operation that gives a view: the tensor gets another shape.

    Raises:
        NotImplementedError: other tensors know the tensor by its shape, as views of it do.
    """

    def apply(self: Tensor, *args: Any) -> Tensor:
        recorded = check_writable(self, ())
        if self._viewed:
            raise NotImplementedError(
                "srcgrad.shim does not change the shape in place where there are views of a tensor"
            )
        with set_grad_enabled(recorded):
            made = function(self, *args)
        if made is not self:
            if self._base is not None:
                self._chain = made._chain
            else:
                self._viewed = False
            self._data = made._data
            if recorded:
                if made._fn is not None:
                    kind, _, number = type(made._fn).__name__.partition("Backward")
                    number = str(int(number) + 3) if kind == "Squeeze" else "1"
                    made._fn.__class__ = node_class(f"{kind}Backward{number}")
                self._fn, self._nr = made._fn, 0  # a gradient that is retained stays that of the old shape
        self._counter[0] += 1
        self._seen = self._counter[0]
        return self

    return apply


# -- fills and copies --------------------------------------------------------------------------------------------------


def _filled(name: str) -> Callable[..., Tensor]:
    def function(self: Tensor, value: Any = 0) -> Tensor:
        source = value if isinstance(value, Tensor) else wrap(np.asarray(value).astype(self._data.dtype))
        out = np.empty_like(self._data)
        out[...] = source._data
        title = f"{name}{3 if source is value else 2}" if name == "FillBackward" else name
        return record(title, out, (self, source), (nothing, lambda ct: ct))

    return function


_fill = in_place("fill_", _filled("FillBackward"))
zero_ = in_place("zero_", _filled("ZeroBackward0"))
_copy = in_place("copy_", _filled("CopyBackwards"))


def fill_(self: Tensor, value: Any) -> Tensor:
    """Set all elements to a number."""
    return _fill(self, value)


def copy_(self: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Set the elements to those of another tensor, converted to this one's type and stretched to its shape."""
    source = src if isinstance(src, Tensor) else wrap(np.asarray(src))
    check_writable(self, (source,))
    here, given = self._data.shape, source._data.shape
    if not fits(given, here):
        raise mismatch(self._data, source._data)
    if np.broadcast_shapes(given, here) != here:
        shape = list(np.broadcast_shapes(given, here))
        raise RuntimeError(f"output with shape {list(here)} doesn't match the broadcast shape {shape}")
    return _copy(self, source)


def setitem(self: Tensor, key: Any, value: Any) -> None:
    """`self[key] = value`."""
    index = plain_index(key, self._data.shape)
    if is_basic(index):
        part = self if all(k is ... or k == slice(None) for k in index) and index else window(self, index)
        if isinstance(value, NUMBERS) and part is not self:
            fill_(part, value)
            return
        if isinstance(value, NUMBERS):
            fill_(self, wrap(np.asarray(value, self._data.dtype)))
            return
        source = value if isinstance(value, Tensor) else wrap(np.asarray(value, self._data.dtype))
        if source._data.ndim > part._data.ndim:  # leading axes of length 1 do not count
            lead = source._data.ndim - part._data.ndim
            if source._data.shape[:lead] == (1,) * lead:
                source = source.reshape(source._data.shape[lead:])
        _check_fits(source._data.shape, part._data.shape)
        copy_(part, source)
        return
    source = value if isinstance(value, Tensor) else wrap(np.asarray(value, self._data.dtype))
    if any(isinstance(k, bool) for k in index):
        index_put_(self, index, source)
        return
    first, then = divided(index, self._data.ndim)
    # recorded, since what is not overwritten keeps its history
    part = getitem(self, first or (...,)) if first or not self._data.ndim else self
    check_writable(part, (source,))
    if source._counter is self._counter:
        raise RuntimeError(
            "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single "
            "memory location. Please clone() the tensor before performing the operation."
        )
    index_put_(part, then, source)


def _check_fits(source: tuple[int, ...], target: tuple[int, ...]) -> None:
    if len(source) > len(target):
        raise RuntimeError(
            f"expand(torch.FloatTensor{{{list(source)}}}, size={list(target)}): the number of sizes provided "
            f"({len(target)}) must be greater or equal to the number of dimensions in the tensor ({len(source)})"
        )
    for k, (m, n) in enumerate(zip(reversed(source), reversed(target), strict=False)):
        if m not in (1, n):
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({m}) at non-singleton dimension "
                f"{len(target) - 1 - k}.  Target sizes: {list(target)}.  Tensor sizes: {list(source)}"
            )


index_put_ = in_place("index_put_", lambda self, index, values, accumulate=False: index_put(
    self, index, values.to(self.dtype) if isinstance(values, Tensor) else values, accumulate
))  # fmt: skip
