"""The graph of recorded operations: nodes, what they save, and the accumulators at the leaves.

A node's pullbacks are plain functions over "values": NumPy arrays, or tensors where the backward pass is recorded
itself (`create_graph=True`). So one formula serves both, and derivatives of any order.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from srcgrad.shim.dtypes import BY_NUMPY

Edge = tuple["Node", int]
Meta = tuple[tuple[int, ...], np.dtype]
SEQUENCE = itertools.count()  # a node is newer than all that it was made from
OUTPUT: Any = object()  # marks a saved result of the node itself

FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
    "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
    "after calling backward."
)


class GradientEdge(NamedTuple):
    """An output of a node; in place of a tensor in `autograd.grad`."""

    node: Any
    output_nr: int
    ownership_token: Any = None


_DETACHED = (
    "Trying to use a saved tensor that has been detached in-place, i.e. with .detach_().This is not supported, please "
    "use out-of-place `.detach()` instead"
)


class RemovableHandle:
    """Removes a hook."""

    def __init__(self, hooks: list[Any], hook: Any) -> None:
        self._hooks, self._hook = hooks, hook

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        self._hooks[:] = [h for h in self._hooks if h is not self._hook]

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


class Anomaly:
    """Whether backward passes look for NaN; `autograd.set_detect_anomaly` sets it."""

    enabled = False
    check_nan = True


_NAMESPACED = {"CopySlices", "CopyBackwards"}


class Node:
    """A recorded operation.

    Attributes:
        edges: for each input the node and output number that it came from; None where it needs no gradient.
        pulls: for each input a function from the cotangent and the saved values to the input's cotangent.
        saved: entries (tensor, version, where it came from), or numbers; None once they are freed.
        metas: shape and dtype of each output.
        seq: a number that is higher than those of all nodes before it.
    """

    edges: Sequence[Edge | None] = ()
    pulls: Sequence[Callable[..., Any]] = ()
    saved: tuple[Any, ...] | None = ()
    metas: tuple[Meta, ...] = ()
    seq = -1
    packable = True  # hooks on saved tensors may replace what it saved
    # Hooks and notes are rare, and made where they are first needed.
    tensor_hooks: dict[int, list[Any]] | None = None
    retain_hooks: dict[int, Any] | None = None
    prehooks: list[Any] | None = None
    posthooks: list[Any] | None = None
    trace: Any = None  # in anomaly mode: the stack when it was made, and the node whose backward made it
    _metadata: dict[str, Any] | None = None

    def apply(self, cotangents: list[Any], create: bool) -> Sequence[Any]:
        """The cotangents of the inputs, for those of the outputs.

        Args:
            cotangents: one for each output: ndarrays, or tensors if `create`; None where nothing arrived.
            create: record what is computed.
        """
        values = self.values(create=create)
        ct = cotangents[0]
        return [
            None if edge is None else pull(ct, *values) for edge, pull in zip(self.edges, self.pulls, strict=True)
        ]

    def values(self, *, create: bool) -> list[Any]:
        """What was saved, as arrays, or as tensors if `create`.

        Raises:
            RuntimeError: it was freed, or overwritten since.
        """
        saved = self.saved
        if saved is None:
            raise RuntimeError(FREED)
        out: list[Any] = []
        for entry in saved:
            if type(entry) is not tuple:  # a number, or nothing
                out.append(entry)
                continue
            tensor, version, origin = entry
            if version is UNPACK:
                tensor = tensor(self)
            elif tensor._counter[0] != version:
                raise RuntimeError(overwritten(tensor, version, self if origin is OUTPUT else tensor.grad_fn))
            elif origin is not None and origin is not OUTPUT and tensor._fn is None:
                raise RuntimeError(_DETACHED)
            if not create:
                out.append(tensor._data)
            else:
                out.append(tensor.produced_by(self, tensor._nr) if origin is OUTPUT else tensor)
        return out

    def release(self) -> None:
        """Free what was saved."""
        if self.saved:
            self.saved = None

    # -- what users see ----------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {id(self):#x}>"

    def name(self) -> str:
        """The name of the operation."""
        name = type(self).__name__
        return f"torch::autograd::{name}" if name in _NAMESPACED else name

    def __getattr__(self, name: str) -> Any:
        """What it saved: `_saved_self`, `_saved_other`, `_saved_result`."""
        if name.startswith("_saved_"):
            for title, value in saved_values(self):
                if name == title:
                    return value
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """The nodes that the inputs came from, each with an output number."""
        return tuple((None, 0) if e is None else e for e in self.edges)

    @property
    def metadata(self) -> dict[str, Any]:
        """A dictionary for users' notes."""
        if self._metadata is None:
            self._metadata = {}
        return self._metadata

    def register_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(grad_inputs, grad_outputs)` after the node ran in a backward pass."""
        self.posthooks = self.posthooks or []
        self.posthooks.append(hook)
        return RemovableHandle(self.posthooks, hook)

    def register_prehook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(grad_outputs)` before the node runs in a backward pass."""
        self.prehooks = self.prehooks or []
        self.prehooks.append(hook)
        return RemovableHandle(self.prehooks, hook)


def saved_values(node: Node) -> list[tuple[str, Any]]:
    """What a node saved, under PyTorch's names for most of its operations.

    Raises:
        RuntimeError: it was freed.
    """
    values = node.values(create=True)
    second = "exponent" if type(node).__name__.startswith("Pow") else "other"
    names = ("self", second) if len(values) <= 3 else tuple(f"tensor{k}" for k in range(len(values)))
    found = []
    for k, (entry, value) in enumerate(zip(node.saved or (), values, strict=True)):
        if value is not None:
            own = type(entry) is tuple and entry[2] is OUTPUT
            found.append((f"_saved_{'result' if own else names[k] if k < len(names) else f'tensor{k}'}", value))
    return found


UNPACK: Any = object()  # in place of a version: the entry's first item is a function that gives the tensor


class AccumulateGrad(Node):
    """Adds to the `.grad` of a leaf."""

    def __init__(self, variable: Any) -> None:
        self.variable = variable
        self.posts: list[Any] = []
        self.measure()

    def measure(self) -> None:
        """Note shape and type of the leaf, again when it gets other data."""
        data = self.variable._data
        self.metas = ((data.shape, data.dtype),)

    def name(self) -> str:
        """PyTorch's name for it."""
        return "torch::autograd::AccumulateGrad"

    def apply(self, cotangents: list[Any], create: bool) -> Sequence[Any]:
        variable, ct = self.variable, cotangents[0]
        if ct is None or not variable._requires:
            return ()
        if variable._grad is None:
            # a copy: the same array may have gone to other leaves, or be the caller's own
            variable._grad = ct.clone() if create else variable.like(ct.copy())
        elif create:
            variable._grad = variable._grad + ct
        else:
            variable._grad._data += ct
            variable._grad._counter[0] += 1
        for hook in self.posts:
            hook(variable)
        return ()


def accumulator_of(leaf: Any) -> AccumulateGrad:
    """The accumulator of a leaf: one as long as some graph needs it. The leaf does not keep it alive, it the leaf."""
    found = leaf._accumulator and leaf._accumulator()
    if found is None:
        found = AccumulateGrad(leaf)
        leaf._accumulator = weakref.ref(found)
    return found


_CLASSES: dict[tuple[str, type[Node]], type[Node]] = {}


def node_class(name: str, base: type[Node] = Node) -> type[Node]:
    """The class of the nodes called `name`, as `type(y.grad_fn).__name__` shows it."""
    found = _CLASSES.get((name, base))
    if found is None:
        found = _CLASSES[name, base] = type(name, (base,), {})
    return found


def node_name(node: Node) -> str:
    """The name in messages: that of the operation, without "Backward0"."""
    return type(node).__name__.split("Backward")[0]


def type_text(tensor: Any) -> str:
    """As in messages: `torch.DoubleTensor [3]`."""
    data = tensor._data
    return f"torch.{BY_NUMPY[data.dtype].title}Tensor [{', '.join(map(str, data.shape))}]"


_FIND = {
    False: "enable anomaly detection to find the operation that failed to compute its gradient, with "
    "torch.autograd.set_detect_anomaly(True, check_nan=False).",
    True: "the backtrace further above shows the operation that failed to compute its gradient. The variable in "
    "question was changed in there or anywhere later. Good luck!",
}


def overwritten(tensor: Any, version: int, origin: Node | None) -> str:
    """The message for a saved tensor that was modified."""
    known = f", which is output {tensor._nr} of {node_name(origin)}," if origin is not None else ""
    return (
        f"one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[{type_text(tensor)}]{known} is at version {tensor._counter[0]}; expected version {version} instead. Hint: "
        f"{_FIND[Anomaly.enabled]}"
    )


def reachable(roots: Iterable[Node]) -> set[Node]:
    """All nodes below some."""
    found: set[Node] = set()
    todo = list(roots)
    while todo:
        node = todo.pop()
        if node not in found:
            found.add(node)
            todo += [e[0] for e in node.edges if e is not None]
    return found
