"""From an array that was computed to a tensor, with a node where something needs gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.shim.graph import OUTPUT, SEQUENCE, Node, node_class
from srcgrad.shim.history import edge_of, needs
from srcgrad.shim.modes import STATE
from srcgrad.shim.tensor import Tensor, wrap

_INFERENCE_SAVED = (
    "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
    "computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in "
    "autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`."
)


def entry(tensor: Tensor, origin: Any) -> tuple[Tensor, int, Any]:
    """What a node keeps of a saved tensor."""
    if tensor._inference:
        raise RuntimeError(_INFERENCE_SAVED)
    return tensor, tensor._counter[0], origin


def output_entry(result: Tensor) -> tuple[Tensor, int, Any]:
    """What a node keeps of its own result: not the tensor itself, which would be a cycle."""
    twin = wrap(result._data)
    twin._counter = result._counter
    return twin, result._counter[0], OUTPUT


def is_recorded(inputs: Sequence[Tensor]) -> bool:
    """Whether an operation on these is recorded."""
    return STATE.grad and any(needs(t) for t in inputs)


def attach(result: Tensor, node: Node) -> None:
    """Make a node the history of its only result."""
    data = result._data
    node.metas = ((data.shape, data.dtype),)
    node.seq = next(SEQUENCE)
    result._fn, result._requires = node, True
    if STATE.special is not None:
        for note in STATE.special:
            note(node)


def titled(result: Tensor, name: str) -> Tensor:
    """A result that was computed by several operations, its last node under the name of what PyTorch has as one."""
    if result._fn is not None:
        result._fn.__class__ = node_class(name)
    return result


def nothing(ct: Any, *values: Any) -> Any:
    """Zeros, also where the cotangent is not finite."""
    return wrap(np.zeros_like(ct._data)) if isinstance(ct, Tensor) else np.zeros_like(ct)


def masked(ct: Any, at: Any) -> Any:
    """The cotangent where a mask is true, zeros elsewhere, also where the cotangent is not finite there."""
    if not isinstance(ct, Tensor):
        return np.where(at, ct, ct.dtype.type(0))
    data = np.where(at, ct._data, ct._data.dtype.type(0))
    return record("WhereBackward0", data, (ct,), (lambda again: masked(again, at),))


class _Underived(Node):
    """A node whose operation has no derivative here: asking for one is an error, not zero."""


def not_implemented(op: str) -> Callable[..., Any]:
    """What such a node does, for an operation that PyTorch has no derivative of either."""

    def apply(self: Node, cotangents: list[Any], create: bool) -> Any:
        raise RuntimeError(f"derivative for aten::{op} is not implemented")

    return apply


def underived(name: str, text: str, out: Any, inputs: Sequence[Tensor]) -> Tensor:
    """The tensor of a result that has no derivative here."""
    result = wrap(np.asarray(out))
    if is_recorded(inputs) and result._data.dtype.kind == "f":
        node = node_class(name, _Underived)()
        node.edges = tuple(edge_of(t) for t in inputs)

        def pull(ct: Any) -> Any:
            raise NotImplementedError(text) if text.startswith("the") else RuntimeError(text)

        node.pulls = (pull,) * len(inputs)
        attach(result, node)
    return result


def record(
    name: str, out: Any, inputs: Sequence[Tensor], pulls: Sequence[Callable[..., Any]],
    save: Sequence[Any] = (),
) -> Tensor:  # fmt: skip
    """The tensor of a result.

    Args:
        name: of the node, as PyTorch calls it.
        out: the array.
        inputs: the tensors that it was computed from.
        pulls: for each input the function from the cotangent and the saved values to its cotangent.
        save: the tensors whose values the pulls take, in order; OUTPUT for the result.
    """
    result = wrap(out if type(out) is np.ndarray else np.asarray(out))
    if STATE.grad:
        edges = [edge_of(t) for t in inputs]
        if any(edges) and result._data.dtype.kind == "f":
            node = node_class(name)()
            node.edges, node.pulls = edges, pulls
            if save:
                node.saved = tuple([output_entry(result) if s is OUTPUT else entry(s, s._fn) for s in save])
            attach(result, node)
    elif STATE.inference:
        result._inference = True
    return result


class Several(Node):
    """A node with more than one output; its one pull takes the list of their cotangents."""

    def apply(self, cotangents: list[Any], create: bool) -> Sequence[Any]:
        found: Sequence[Any] = self.pulls[0](cotangents, *self.values(create=create))
        return found


def record_several(
    name: str, outs: Sequence[np.ndarray], inputs: Sequence[Tensor], pull: Callable[..., Sequence[Any]],
    save: Sequence[Tensor] = (),
) -> list[Tensor]:  # fmt: skip
    """The tensors of several results; `pull` takes the list of their cotangents, None where nothing arrived.

    Results that are no floats need no gradients; `pull` sees None for them.
    """
    results = [wrap(np.asarray(out)) for out in outs]
    if is_recorded(inputs):
        node = node_class(name, Several)()
        node.edges = tuple(edge_of(t) for t in inputs)
        node.pulls = (pull,)
        node.saved = tuple(entry(s, s._fn) for s in save)
        node.metas = tuple((r._data.shape, r._data.dtype) for r in results)
        node.seq = next(SEQUENCE)
        for k, r in enumerate(results):
            if r._data.dtype.kind == "f":
                r._fn, r._nr, r._requires = node, k, True
        if STATE.special is not None:
            for note in STATE.special:
                note(node)
    elif STATE.inference:
        for r in results:
            r._inference = True
    return results
