"""The backward pass: cotangents go through the graph, newest node first.

A node is newer than all nodes that its inputs came from, so taking always the newest that is due is a topological order
(Griewank & Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, section 3.2).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.shim.graph import AccumulateGrad, Edge, Node
from srcgrad.shim.modes import STATE, set_grad_enabled
from srcgrad.shim.tensor import wrap


class Anomaly:
    """Whether backward passes look for NaN; `autograd.set_detect_anomaly` sets it."""

    enabled = False
    check_nan = True
    report: Any = None  # called with the node that failed


class Profile:
    """Where a running profiler, if any, is told of nodes; `autograd.profiler` sets it."""

    around: Any = None  # called with a node, and a function that runs it


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
    pass_ = _Pass(create, targets, accumulate)
    with np.errstate(all="ignore"), set_grad_enabled(create):
        inference, STATE.inference = STATE.inference, False
        try:
            for edge, ct in zip(roots, cotangents, strict=True):
                pass_.send(edge, ct)
            pass_.run(retain=retain)
        finally:
            STATE.inference = inference
    return pass_.found


class _Pass:
    """One backward pass: what has arrived where, and which nodes are due."""

    def __init__(self, create: bool, targets: Sequence[Edge] | None, accumulate: bool) -> None:
        self.create, self.accumulate = create, accumulate
        self.arrived: dict[Node, list[Any]] = {}
        self.due: list[tuple[int, int, Node]] = []  # a heap; the second number tells accumulators from each other
        self.found: list[Any] = [None] * len(targets or ())
        self.wanted: dict[Node, list[tuple[int, int]]] = {}
        self.needed: set[Node] | None = None
        if targets is not None:
            for k, (node, number) in enumerate(targets):
                self.wanted.setdefault(node, []).append((number, k))

    def restrict(self, roots: list[Node]) -> None:
        """Find the nodes that lie between the roots and the targets."""
        order, seen, todo = [], set(), list(roots)
        while todo:
            node = todo.pop()
            if node not in seen:
                seen.add(node)
                order.append(node)
                todo += [e[0] for e in node.edges if e is not None]
        self.needed = set()
        for node in sorted(order, key=lambda n: n.seq):  # inputs come before what is made from them
            if node in self.wanted or any(e is not None and e[0] in self.needed for e in node.edges):
                self.needed.add(node)

    def send(self, edge: Edge, ct: Any) -> None:
        """Add a cotangent to what has arrived at an output of a node."""
        node, number = edge
        shape, dtype = node.metas[number]
        if ct.shape != shape:
            ct = ct.sum_to_size(shape) if self.create else summed_to(ct, shape)
        kind = ct._data.dtype if self.create else ct.dtype
        if kind is not dtype and kind != dtype:
            ct = ct.cast(dtype) if self.create else ct.astype(dtype)
        slots = self.arrived.get(node)
        if slots is None:
            self.arrived[node] = slots = [None] * len(node.metas)
            heapq.heappush(self.due, (-node.seq, id(node), node))
        slots[number] = ct if slots[number] is None else slots[number] + ct

    def run(self, *, retain: bool) -> None:
        if self.wanted:
            self.restrict([node for _, _, node in self.due])
        create, needed, wanted = self.create, self.needed, self.wanted
        while self.due:
            node = heapq.heappop(self.due)[2]
            cts = self.arrived.pop(node)
            if needed is not None and node not in needed:
                continue
            if node.prehooks or node.tensor_hooks or node.retain_hooks:
                cts = self.hooked(node, cts)
            if node in wanted:
                for number, k in wanted[node]:
                    self.found[k] = cts[number]
                if needed is not None and not any(e is not None and e[0] in needed for e in node.edges):
                    if not (self.accumulate and isinstance(node, AccumulateGrad)):
                        continue
            if isinstance(node, AccumulateGrad) and not self.accumulate:
                continue
            if Profile.around is not None:
                grads = Profile.around(node, lambda n=node, c=cts: n.apply(c, create))
            else:
                grads = node.apply(cts, create)
            if Anomaly.enabled and Anomaly.check_nan:
                check_finite(node, grads, create=create)
            if node.posthooks:
                grads = self.after(node, grads, cts)
            if not retain:
                node.release()
            for edge, ct in zip(node.edges, grads):  # noqa: B905 - an accumulator has no edges and gives nothing
                if edge is not None and ct is not None and (needed is None or edge[0] in needed):
                    self.send(edge, ct)

    # -- hooks, which see tensors ------------------------------------------------------------------------------------

    def shown(self, ct: Any) -> Any:
        """A cotangent as a tensor."""
        return ct if ct is None or self.create else wrap(np.asarray(ct))

    def taken(self, ct: Any) -> Any:
        """A hook's tensor as a cotangent."""
        return ct if ct is None or self.create else ct._data

    def hooked(self, node: Node, cts: list[Any]) -> list[Any]:
        """Run the hooks of the tensors that the node made, those that keep gradients, and the node's own."""
        cts = list(cts)
        for number, hooks in (node.tensor_hooks or {}).items():
            for hook in list(hooks):
                if cts[number] is None:
                    continue
                cts[number] = self.taken(replacement(hook, self.shown(cts[number])))
        for number, keep in (node.retain_hooks or {}).items():
            if cts[number] is not None:
                keep(self.shown(cts[number] if self.create else cts[number].copy()))
        for hook in list(node.prehooks or ()):
            given = hook(tuple(self.shown(c) for c in cts))
            if given is not None:
                cts = [self.taken(c) for c in (given if isinstance(given, tuple) else (given,))]
        return cts

    def after(self, node: Node, grads: Sequence[Any], cts: list[Any]) -> Sequence[Any]:
        """Run the node's hooks on what it gave."""
        for hook in list(node.posthooks or ()):
            given = hook(tuple(self.shown(g) for g in grads), tuple(self.shown(c) for c in cts))
            if given is not None:
                grads = [self.taken(g) for g in (given if isinstance(given, tuple) else (given,))]
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


def check_finite(node: Node, grads: Sequence[Any], *, create: bool) -> None:
    """In anomaly mode: raise if a gradient is NaN."""
    for k, g in enumerate(grads):
        if g is not None and np.isnan(g._data if create else g).any():
            Anomaly.report(node)
            raise RuntimeError(f"Function '{type(node).__name__}' returned nan values in its {k}th output.")

