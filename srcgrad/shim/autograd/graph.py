"""The graph as users see it: edges, hooks on what nodes save, hooks on several gradients."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from srcgrad.shim.graph import OUTPUT, UNPACK, AccumulateGrad, GradientEdge, Node, RemovableHandle
from srcgrad.shim.modes import STATE, no_grad, note_nodes
from srcgrad.shim.tensor import Tensor, edge_of, wrap

__all__ = [
    "GradientEdge",
    "Node",
    "RemovableHandle",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]
_WRITES = (
    "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook cannot be "
    "modified by in-place operations as this can lead to unexpected side-effects. Please open an issue if you need to "
    "perform in-place operations on the input to a pack hook."
)


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The node and output number that a tensor comes from; its accumulator, if it is a leaf.

    Raises:
        RuntimeError: it does not require gradients.
    """
    edge = edge_of(tensor)
    if edge is None:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    return GradientEdge(edge[0], edge[1])


def increment_version(tensor: Any) -> None:
    """Tell the graph that a tensor, or each of several, was overwritten behind its back."""
    for t in (tensor,) if isinstance(tensor, Tensor) else tensor:
        t._counter[0] += 1


# -- hooks on saved tensors --------------------------------------------------------------------------------------------


class _Hooks(threading.local):
    """The hooks of a thread, the innermost last, and why none may be set, if so."""

    def __init__(self) -> None:
        self.stack: list[tuple[Callable[[Tensor], Any], Callable[[Any], Tensor]]] = []
        self.refused: str | None = None


_HOOKS = _Hooks()


class saved_tensors_hooks:  # noqa: N801 - PyTorch's name
    """Inside of a `with`, nodes keep `pack_hook(tensor)`, and read `unpack_hook` of that in place of the tensor.

    Args:
        pack_hook: gives anything for a tensor, which it may not overwrite.
        unpack_hook: gives a tensor of the same values for that.
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        if _HOOKS.refused is not None:
            raise RuntimeError(_HOOKS.refused)
        _HOOKS.stack.append((self.pack_hook, self.unpack_hook))
        note_nodes(_pack, True)

    def __exit__(self, *exception: object) -> None:
        _HOOKS.stack.pop()
        note_nodes(_pack, bool(_HOOKS.stack))


class save_on_cpu(saved_tensors_hooks):  # noqa: N801 - PyTorch's name
    """Inside of a `with`, nodes keep copies: all memory here is the CPU's."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda t: t.clone(), lambda t: t)  # type: ignore[attr-defined]


@contextlib.contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Inside of a `with`, hooks on saved tensors are refused with this message."""
    before = _HOOKS.refused
    _HOOKS.refused = error_message
    try:
        yield
    finally:
        _HOOKS.refused = before


def _pack(node: Node) -> None:
    """Run the innermost hooks on what a new node saved."""
    if not node.saved or not node.packable:
        return
    pack, unpack = _HOOKS.stack[-1]
    kept = []
    for item in node.saved:
        if type(item) is tuple and item[1] is not UNPACK:
            tensor, _, origin = item
            shown = tensor.detach()
            version = shown._counter[0]
            with no_grad():
                packed = pack(shown)
            if shown._counter[0] != version:
                raise RuntimeError(_WRITES)
            edge = (OUTPUT, tensor._nr) if origin is OUTPUT else edge_of(tensor)
            item = (_Packed(packed, unpack, edge), UNPACK, origin)
        kept.append(item)
    node.saved = tuple(kept)


class _Packed:
    """What a hook made of a saved tensor; called with the node, it gives the tensor back."""

    def __init__(self, packed: Any, unpack: Callable[[Any], Tensor], edge: Any) -> None:
        self.packed, self.unpack, self.edge = packed, unpack, edge

    def __call__(self, node: Node) -> Tensor:
        with no_grad():
            found = self.unpack(self.packed)
        if not isinstance(found, Tensor):
            raise TypeError(
                "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                f"{type(found).__name__}"
            )
        made = wrap(found._data)
        made._counter = found._counter
        if self.edge is not None:
            source, made._nr = self.edge
            made._requires = True
            if isinstance(source, AccumulateGrad):
                made._accumulator = weakref.ref(source)
            elif source is not OUTPUT:  # the node itself makes it its output
                made._fn = source
        return made


# -- hooks on several gradients ----------------------------------------------------------------------------------------


def register_multi_grad_hook(
    tensors: Sequence[Tensor], fn: Callable[..., Any], *, mode: str = "all"
) -> RemovableHandle:
    """Call a function with the gradients of several tensors, once in each backward pass that reaches any.

    Args:
        tensors: those.
        fn: called at the end of the pass with a list of gradients, None for a tensor that was not reached; or, in the
            mode "any", at once with the first gradient that there is.
        mode: "all" or "any".

    Raises:
        ValueError: another mode.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    arrived: dict[int, Tensor] = {}

    def finish() -> None:
        gradients = [arrived.get(k) for k in range(len(tensors))]
        arrived.clear()
        if mode == "all":
            fn(gradients)

    def hook(k: int, gradient: Tensor) -> None:
        first = not arrived
        arrived[k] = gradient
        if first:
            STATE.callbacks = [*(STATE.callbacks or ()), finish]
            if mode == "any":
                fn(gradient)

    handles = [t.register_hook(lambda g, k=k: hook(k, g)) for k, t in enumerate(tensors)]
    return _Handles(handles)


class _Handles(RemovableHandle):
    """Removes several hooks."""

    def __init__(self, handles: list[RemovableHandle]) -> None:
        self._handles = handles

    def remove(self) -> None:
        for handle in self._handles:
            handle.remove()
