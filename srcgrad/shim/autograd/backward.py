"""Gradients of tensors: `backward`, which adds them to `.grad`, and `grad`, which returns them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.shim.engine import run_backward
from srcgrad.shim.graph import AccumulateGrad, Edge, GradientEdge, accumulator_of
from srcgrad.shim.history import edge_of
from srcgrad.shim.ops.joining import stack
from srcgrad.shim.size import Size
from srcgrad.shim.tensor import Tensor, wrap

_CYCLE = (
    "Using backward() with create_graph=True will create a reference cycle between the parameter and its gradient "
    "which can cause a memory leak. We recommend using autograd.grad when creating the graph to avoid this. If you "
    "have to use this function, make sure to reset the .grad fields of your parameters to None after use to break the "
    "cycle and avoid the leak."
)
_UNUSED = (
    "The differentiated Tensor at index {} appears to not have been used in the graph. Set allow_unused=True if this "
    "is the desired behavior."
)


def _listed(value: Any) -> tuple[Any, ...]:
    """One or several, as a tuple; an edge of the graph as a tensor that comes from it."""
    if isinstance(value, Tensor) or value is None:
        return (value,)
    if isinstance(value, GradientEdge):
        return (_end(value),)
    return tuple(_end(v) if isinstance(v, GradientEdge) else v for v in value)


def _end(edge: GradientEdge) -> Tensor:
    node, number = edge[:2]
    if isinstance(node, AccumulateGrad):
        return node.variable  # type: ignore[no-any-return]
    shape, dtype = node.metas[number]
    return wrap(np.broadcast_to(np.zeros((), dtype), shape)).produced_by(node, number)


def _seeds(outputs: Sequence[Tensor], given: tuple[Any, ...] | None, *, create: bool) -> tuple[list[Edge], list[Any]]:
    """Where a backward pass starts, and with what."""
    if given is None:
        given = (None,) * len(outputs)
    for ct in given[: len(outputs)]:
        if ct is not None and not isinstance(ct, Tensor):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(ct).__name__}")
    if len(given) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(given)} gradients")
    edges, values = [], []
    for k, (out, ct) in enumerate(zip(outputs, given, strict=True)):
        edge = edge_of(out)
        if ct is None:
            if edge is not None and out._data.size != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            ct = wrap(np.ones_like(out._data))
        elif ct._data.shape != out._data.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{k}] has a shape of {Size(ct._data.shape)} and output[{k}] has a "
                f"shape of {Size(out._data.shape)}."
            )
        if edge is None:
            raise RuntimeError(f"element {k} of tensors does not require grad and does not have a grad_fn")
        edges.append(edge)
        values.append(ct if create else ct._data)
    return edges, values


def backward(
    tensors: Any, grad_tensors: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
    grad_variables: Any = None, inputs: Any = None,
) -> None:  # fmt: skip
    """Add the gradients of the sum of some tensors to the `.grad` of the leaves that they depend on.

    Args:
        tensors: one tensor or several.
        grad_tensors: the cotangent of each, of its shape; it may be left out for tensors of one element.
        retain_graph: keep what the graph saved, so that it can be used again. By default as `create_graph`.
        create_graph: record the gradients themselves.
        inputs: leaves to which alone gradients are added.

    Raises:
        RuntimeError: as PyTorch: no graph, freed, overwritten, a shape that does not fit.
        TypeError: cotangents that are no tensors.
    """
    outputs = _listed(tensors)
    targets = None
    if inputs is not None:
        targets = _listed(inputs)
        if not targets:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    given = None if grad_tensors is None else _listed(grad_tensors)
    if create_graph:
        warnings.warn(_CYCLE, UserWarning, stacklevel=3)
    edges, values = _seeds(outputs, given, create=create_graph)
    retain = create_graph if retain_graph is None else retain_graph
    if targets is None:
        run_backward(edges, values, retain=retain, create=create_graph)
        return
    wanted = [edge_of(t) for t in targets]
    for k, edge in enumerate(wanted):
        if edge is None:
            raise RuntimeError("One of the differentiated Tensors does not require grad" if k >= 0 else "")
    for t in targets:
        if t._fn is not None:
            t.retain_grad()
    run_backward(edges, values, retain=retain, create=create_graph, targets=wanted)  # type: ignore[arg-type]


def method(
    self: Tensor, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
) -> None:
    """Add the gradients of this tensor to the `.grad` of leaves. See `autograd.backward`."""
    backward(self, gradient, retain_graph, create_graph, inputs=inputs)


def grad(
    outputs: Any, inputs: Any, grad_outputs: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
    only_inputs: bool = True, allow_unused: bool | None = None, is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
    """The gradients of the sum of some tensors with respect to others; no `.grad` is touched.

    Args:
        outputs: one tensor or several.
        inputs: one tensor or several.
        grad_outputs: the cotangent of each output.
        retain_graph: keep what the graph saved. By default as `create_graph`.
        create_graph: record the gradients themselves, for derivatives of any order.
        only_inputs: always.
        allow_unused: give None for an input that the outputs do not depend on.
        is_grads_batched: the cotangents have a leading axis, and so have the results.
        materialize_grads: give zeros in place of None.

    Returns:
        A tuple of one gradient for each input.

    Raises:
        RuntimeError: as PyTorch: no graph, freed, overwritten, unused.
        ValueError: `materialize_grads` without `allow_unused`.
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    outs, ins = _listed(outputs), _listed(inputs)
    retain = create_graph if retain_graph is None else retain_graph
    given = None if grad_outputs is None else _listed(grad_outputs)
    if is_grads_batched:
        assert given is not None
        count = len(given[0])
        rows = [
            grad(outs, ins, tuple(g[k] for g in given), True, create_graph, only_inputs, allow_unused)
            for k in range(count)
        ]
        return tuple(stack([r[j] for r in rows]) for j in range(len(ins)))
    edges, values = _seeds(outs, given, create=create_graph)
    targets = []
    for t in ins:
        edge = edge_of(t)
        if edge is None:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
        targets.append(edge if t._fn is not None else (accumulator_of(t), 0))
    found = run_backward(edges, values, retain=retain, create=create_graph, targets=targets, accumulate=False)
    results = []
    for k, (t, ct) in enumerate(zip(ins, found, strict=True)):
        if ct is None and not (allow_unused or materialize_grads):
            raise RuntimeError(_UNUSED.format(k))
        if ct is None:
            results.append(wrap(np.zeros_like(t._data)) if materialize_grads else None)
        elif create_graph:
            results.append(ct)
        else:
            results.append(wrap(np.array(ct)))
    return tuple(results)
