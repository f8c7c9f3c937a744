"""The backward pass: cotangents go through the graph, newest node first.

A node is newer than all nodes that its inputs came from, so taking always the newest that is due is a topological order
(Griewank & Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, section 3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from heapq import heappop, heappush
from typing import Any

import numpy as np
from numpy import errstate

from srcgrad.shim.graph import AccumulateGrad, Edge, Node, reachable
from srcgrad.shim.modes import STATE
from srcgrad.shim.tensor import wrap


class Watch:
    """Who looks at backward passes: anomaly detection and profilers (`autograd.anomaly`, `autograd.profiler`).

    Attributes:
        around: functions of a node, and a function that runs it, which they do and return what it gives; None mostly.
    """

    around: tuple[Callable[[Any, Callable[[], Any]], Any], ...] | None = None


def run_backward(
    roots: Sequence[Edge], cotangents: Sequence[Any], *, retain: bool, create: bool,
    targets: Sequence[Edge] | None = None, accumulate: bool = True,
) -> list[Any]:  # fmt: skip
    """Send cotangents through the graph.

    Args:
        roots: where they start.
        cotangents: one for each: ndarrays, or tensors if `create`.
        retain: keep what the nodes saved.
        create: record the computation itself.
        targets: only what is on the way to these is computed.
        accumulate: add to the `.grad` of leaves (those of `targets`, if given).

    Returns:
        The cotangent of each target, None for one that was not reached.
    """
    found: list[Any] = [None] * len(targets or ())
    arrived: dict[Node, list[Any]] = {}
    due: list[tuple[int, int, Node]] = []  # a heap, the newest first; the second number tells accumulators apart
    wanted: dict[Node, list[tuple[int, int]]] = {}
    for k, (node, number) in enumerate(targets or ()):
        wanted.setdefault(node, []).append((number, k))
    needed = None if targets is None else _between([node for node, _ in roots], wanted)
    before = STATE.grad, STATE.inference, STATE.partial, STATE.callbacks
    STATE.grad, STATE.inference, STATE.partial, STATE.callbacks = create, False, targets is not None, None
    try:
        with errstate(all="ignore"):
            for edge, ct in zip(roots, cotangents, strict=True):
                _send(arrived, due, edge, ct, create)
            while due:
                node = heappop(due)[2]
                cts = arrived.pop(node)
                if needed is not None and node not in needed:
                    if node.tensor_hooks is not None or node.retain_hooks is not None:
                        _hooked(node, cts, create, own=False)  # a root sees its cotangent even so
                    continue
                raw = cts
                if node.tensor_hooks is not None or node.prehooks is not None or node.retain_hooks is not None:
                    cts = _hooked(node, cts, create)
                if node in wanted:
                    below = any(e is not None and e[0] in needed for e in node.edges)  # type: ignore[operator]
                    for number, k in wanted[node]:
                        found[k] = raw[number] if below else cts[number]  # as PyTorch: there, hooks act below only
                    if not below:
                        if not (accumulate and isinstance(node, AccumulateGrad)):
                            continue  # nothing below is asked for
                if not accumulate and isinstance(node, AccumulateGrad):
                    continue
                grads = node.apply(cts, create) if Watch.around is None else _watched(node, cts, create)
                if node.posthooks is not None:
                    grads = _after(node, grads, cts, create)
                if not retain:
                    node.release()
                for edge, ct in zip(node.edges, grads):  # noqa: B905 - an accumulator has no edges and gives nothing
                    if edge is not None and ct is not None and (needed is None or edge[0] in needed):
                        _send(arrived, due, edge, ct, create)
        if STATE.callbacks is not None:
            for callback in STATE.callbacks:
                callback()
    finally:
        STATE.grad, STATE.inference, STATE.partial, STATE.callbacks = before
    return found


def _send(arrived: dict[Node, list[Any]], due: list[tuple[int, int, Node]], edge: Edge, ct: Any, create: bool) -> None:
    """Add a cotangent to what has arrived at an output of a node, in the output's shape and type."""
    node, number = edge
    shape, dtype = node.metas[number]
    if ct.shape != shape:
        ct = ct.sum_to_size(shape) if create else summed_to(ct, shape)
    kind = ct._data.dtype if create else ct.dtype
    if kind is not dtype and kind != dtype:
        ct = ct.cast(dtype) if create else ct.astype(dtype)
    slots = arrived.get(node)
    if slots is None:
        arrived[node] = slots = [None] * len(node.metas)
        heappush(due, (-node.seq, id(node), node))
    slots[number] = ct if slots[number] is None else slots[number] + ct


def _between(roots: list[Node], wanted: Collection[Node]) -> set[Node]:
    """The nodes that lie between the roots and the targets."""
    needed: set[Node] = set()
    for node in sorted(reachable(roots), key=lambda n: n.seq):  # inputs come before what is made from them
        if node in wanted or any(e is not None and e[0] in needed for e in node.edges):
            needed.add(node)
    return needed


def _watched(node: Node, cts: list[Any], create: bool) -> Any:
    run = partial(node.apply, cts, create)
    for around in Watch.around or ():
        run = partial(around, node, run)
    return run()


# -- hooks, which see tensors ------------------------------------------------------------------------------------------


def _shown(ct: Any, create: bool) -> Any:
    """A cotangent as a tensor."""
    return ct if ct is None or create else wrap(np.asarray(ct))


def _taken(ct: Any, create: bool) -> Any:
    """A hook's tensor as a cotangent."""
    return ct if ct is None or create else ct._data


def _hooked(node: Node, cts: list[Any], create: bool, *, own: bool = True) -> list[Any]:
    """Run the hooks of the tensors that the node made, those that keep gradients, and the node's own."""
    cts = list(cts)
    for number, hooks in (node.tensor_hooks or {}).items():
        for hook in list(hooks):
            if cts[number] is not None:
                cts[number] = _taken(replacement(hook, _shown(cts[number], create)), create)
    for number, keep in (node.retain_hooks or {}).items():
        if cts[number] is not None:
            keep(_shown(cts[number] if create else cts[number].copy(), create))
    for hook in list(node.prehooks or ()) if own else ():
        given = hook(tuple(_shown(c, create) for c in cts))
        if given is not None:
            cts = [_taken(c, create) for c in (given if isinstance(given, tuple) else (given,))]
    return cts


def _after(node: Node, grads: Sequence[Any], cts: list[Any], create: bool) -> Sequence[Any]:
    """Run the node's hooks on what it gave."""
    for hook in list(node.posthooks or ()):
        given = hook(tuple(_shown(g, create) for g in grads), tuple(_shown(c, create) for c in cts))
        if given is not None:
            grads = [_taken(g, create) for g in (given if isinstance(given, tuple) else (given,))]
    return grads


def summed_to(ct: Any, shape: tuple[int, ...]) -> Any:
    """The sum of a cotangent over the axes that broadcasting added or stretched."""
    extra = ct.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(
        k + extra for k, n in enumerate(shape) if n == 1 and ct.shape[k + extra] != 1
    )
    return np.add.reduce(ct, axis=axes, keepdims=True).reshape(shape)


def replacement(hook: Any, ct: Any) -> Any:
    """What a tensor's hook makes of its gradient.

    Raises:
        TypeError: something that is no tensor.
        RuntimeError: a tensor of another shape.
    """
    given = hook(ct)
    if given is None:
        return ct
    if not isinstance(given, type(ct)) and not hasattr(given, "_data"):
        raise TypeError(f"expected Variable, but hook returned '{type(given).__name__}'")
    if given._data.shape != ct._data.shape:
        raise RuntimeError(f"hook '{getattr(hook, '__name__', '<unknown>')}' has changed the size of value")
    return given
