"""Where a tensor comes from: the node that made it, and what becomes of that when its memory is written.

A view that was overwritten, or whose base was, has a new history: it reads the base as it is now.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from srcgrad.shim.graph import SEQUENCE, Edge, accumulator_of, node_class
from srcgrad.shim.stale import stale


def refresh(view: Any) -> None:
    """Give a view the history that it has since the last write to its memory.

    Raises:
        RuntimeError: it was made without a record, or as one of several, so that there is no such history.
    """
    if view._counter[0] == view._seen:
        return
    if not view._origin:
        replay(view)
    elif view._fn is not None or needs(view):
        raise RuntimeError(stale(view))


def needs(tensor: Any) -> bool:
    """Whether it requires gradients, as things are now: a view does if what it is a view of does."""
    return tensor._requires or (tensor._base is not None and tensor._base._requires)


def edge_of(tensor: Any) -> Edge | None:
    """The node and output number that it comes from: the accumulator, for a leaf; None if it needs no gradient."""
    if tensor._base is not None:
        refresh(tensor)
    fn = tensor._fn
    if fn is not None:
        return fn, tensor._nr
    # a view that was made without a record requires gradients as its base does, but they go nowhere
    return (accumulator_of(tensor), 0) if tensor._requires and not tensor._origin else None


def replay(view: Any) -> None:
    """A new history for a view whose memory was written since: it reads the base as it is now."""
    base = view._base
    assert base is not None
    view._seen = view._counter[0]
    edge = edge_of(base)
    if edge is None and view._fn is None:
        return  # it had no history either, but may be a leaf of its own
    if view._retains and view._fn is not None and view._fn.retain_hooks:
        view._fn.retain_hooks.pop(view._nr, None)  # the new node has it
    view._fn, view._nr, view._requires = None, 0, edge is not None
    if edge is not None:
        node = node_class("AsStridedBackward0")()
        node.edges, node.saved = (edge,), ()
        node.pulls = (partial(_into_base, shape=base._data.shape, chain=view._chain),)
        node.metas, node.seq = ((view._data.shape, view._data.dtype),), next(SEQUENCE)
        if view._retains:
            node.retain_hooks = {0: view._keep}
        view._fn = node


def _into_base(ct: Any, shape: tuple[int, ...], chain: tuple[Callable[[Any], Any], ...]) -> Any:
    """The cotangent of a base, for that of a view of it."""
    index = positions(shape, chain)
    return ct.embedded(index, shape) if hasattr(ct, "_data") else embedded(ct, index, shape)


def positions(shape: tuple[int, ...], chain: tuple[Callable[[Any], Any], ...]) -> np.ndarray:
    """Where in the flat base each element of a view lies."""
    index = np.arange(math.prod(shape)).reshape(shape)
    for step in chain:
        index = step(index)
    return index


def embedded(ct: Any, index: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Zeros of some shape with `ct` added at flat positions, which may repeat."""
    out = np.zeros(math.prod(shape), ct.dtype)
    np.add.at(out, index.reshape(-1), np.asarray(ct).reshape(-1))
    return out.reshape(shape)
