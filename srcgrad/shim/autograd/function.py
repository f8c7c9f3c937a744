"""Functions with a derivative of the user's own: `Function`, its context and its node.

The context, on which users set attributes as they like, is not the node, whose own attributes could clash with those.
"""

from __future__ import annotations

import functools
import inspect
import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.shim.graph import FREED, SEQUENCE, Edge, Node
from srcgrad.shim.history import edge_of, needs
from srcgrad.shim.modes import STATE, no_grad
from srcgrad.shim.ops.inplace import VIEW_OF_LEAF, rebase
from srcgrad.shim.ops.views import mark_view
from srcgrad.shim.record import entry, output_entry, record_several
from srcgrad.shim.tensor import Tensor, wrap

_NO_BACKWARD = (
    "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward "
    "mode AD."
)
_BOTH = (
    "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only implement one of "
    "them."
)
_NO_INSTANCE = (
    "{} should not be instantiated. Methods on autograd functions are all static, so you should invoke them on the "
    "class itself. Instantiating an autograd function will raise an error in a future version of PyTorch."
)
_LEGACY = (
    "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd function "
    "with static forward method. (Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
)
_NOT_RETURNED = (
    "Some elements marked as dirty during the forward method were not returned as output. The inputs that are modified "
    "inplace must all be outputs of the Function."
)
_NONE = (), np.dtype(np.float64)  # shape and dtype of an output that is no tensor
_ONCE = "trying to differentiate twice a function that was marked with @once_differentiable"


class FunctionCtx:
    """What `forward` leaves for `backward`: saved tensors, marks, and any attributes that the user sets."""

    needs_input_grad: tuple[bool, ...] = ()
    materialize_grads = True
    to_save: tuple[Any, ...] = ()
    dirty_tensors: tuple[Any, ...] = ()
    non_differentiable: tuple[Any, ...] = ()
    _saved: tuple[Any, ...] | None = ()
    _node: Any = None  # weak: the node holds the context

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors, or None, for `backward`, which finds them in `saved_tensors`."""
        self.to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """For forward mode, which takes nothing from here."""

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say which inputs were overwritten; they must be returned."""
        self.dirty_tensors = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say which outputs have no gradient."""
        self.non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros, rather than None, for outputs that nothing came back to."""
        self.materialize_grads = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What was saved.

        Raises:
            RuntimeError: it was freed by a backward pass, or overwritten since.
        """
        node = self._node and self._node()
        if node is not None:
            return tuple(node.values(create=True))
        if self._saved is None:
            raise RuntimeError(FREED)
        return tuple(e[0] if type(e) is tuple else e for e in self._saved)

    def name(self) -> str:
        """The name of the node."""
        return type(self).__name__

    def __getattr__(self, name: str) -> Any:
        """What the node has."""
        node = self._node and self._node()
        if node is not None and name in ("next_functions", "metadata", "register_hook", "register_prehook"):
            return getattr(node, name)
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __repr__(self) -> str:
        return f"<torch.autograd.function.{type(self).__name__} object at {id(self):#x}>"


class FunctionNode(Node):
    """The node of a `Function`: its edges are those of the arguments that are tensors."""

    function: type[Function]

    def __init__(self, ctx: FunctionCtx) -> None:
        self.ctx = ctx
        ctx._node = weakref.ref(self)
        self.is_tensor: tuple[bool, ...] = ()
        self.outputs: list[Any] = []  # shape and dtype, None for an output that is no tensor

    __repr__ = FunctionCtx.__repr__  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["ctx"], name)

    @property
    def saved(self) -> Any:  # type: ignore[override]
        """Of the context."""
        return self.ctx._saved

    @saved.setter
    def saved(self, value: Any) -> None:
        self.ctx._saved = value

    def release(self) -> None:
        self.ctx._saved = None

    def apply(self, cotangents: list[Any], create: bool) -> Sequence[Any]:
        zeros = self.ctx.materialize_grads
        cts: list[Any] = []
        for ct, meta in zip(cotangents, self.outputs, strict=True):
            if ct is None:
                cts.append(wrap(np.zeros(*meta)) if zeros and meta is not None else None)
            else:
                cts.append(ct if create else wrap(np.asarray(ct)))
        given = self.function._pullback()(self.ctx, *cts)
        found = self.checked(given if isinstance(given, tuple) else (given,))
        return found if create else [None if g is None else g._data for g in found]

    def checked(self, grads: tuple[Any, ...]) -> list[Any]:
        """The gradients of the arguments that are tensors.

        Raises:
            RuntimeError: their number, types or shapes are wrong.
        """
        title, count = type(self).__name__, len(self.is_tensor)
        while len(grads) > count and grads[-1] is None:
            grads = grads[:-1]
        if len(grads) != count:
            raise RuntimeError(
                f"function {title} returned an incorrect number of gradients (expected {count}, got {len(grads)})"
            )
        found = []
        for k, (g, is_tensor) in enumerate(zip(grads, self.is_tensor, strict=True)):
            if is_tensor:
                if g is not None and not isinstance(g, Tensor):
                    raise RuntimeError(f"expected Variable or None (got {type(g).__name__})")
                found.append(g)
            elif g is not None:
                raise RuntimeError(
                    f"function {title} returned a gradient different than None at position {k + 1}, but the "
                    "corresponding forward input was not a Variable"
                )
        for k, (g, edge) in enumerate(zip(found, self.edges, strict=True)):
            if g is None or edge is None:
                continue
            got, expected = g._data.shape, edge[0].metas[edge[1]][0]
            extra = len(got) - len(expected)
            if extra < 0 or any(m not in (1, n) for m, n in zip(expected, got[extra:], strict=True)):
                raise RuntimeError(
                    f"Function {title} returned an invalid gradient at index {k} - got {list(got)} but expected shape "
                    f"compatible with {list(expected)}"
                )
        return found


class Function:
    """An operation with a derivative of its own.

    Subclasses have static methods `forward(ctx, *args)` (or `forward(*args)` and `setup_context(ctx, inputs, output)`)
    and `backward(ctx, *grad_outputs)`, which returns a gradient or None for every argument; they are used by
    `Subclass.apply(*args)`.
    """

    _ctx_class: type[FunctionCtx] = FunctionCtx
    _node_class: type[FunctionNode] = FunctionNode

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        name, scope = f"{cls.__name__}Backward", {"__module__": "torch.autograd.function"}
        cls._ctx_class = type(name, (FunctionCtx,), {**scope, "_forward_cls": cls})
        cls._node_class = type(name, (FunctionNode,), {**scope, "function": cls})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(_NO_INSTANCE.format(type(self)), DeprecationWarning, stacklevel=2)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(_LEGACY)

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """To be defined: the results, for the context and the arguments."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """May be defined: what `forward`, without a context then, leaves for `backward`."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """To be defined: the gradients of the arguments, for those of the results."""
        raise NotImplementedError(_NO_BACKWARD)

    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """Forward mode, which the shim has not."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )

    @classmethod
    def _pullback(cls) -> Callable[..., Any]:
        if cls.vjp is Function.vjp:
            return cls.backward
        if cls.backward is not Function.backward:
            raise RuntimeError(_BOTH)
        return cls.vjp

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """The results of `forward`, with `backward` as their derivative.

        Raises:
            TypeError: something else than tensors was saved.
            RuntimeError: a leaf was overwritten.
        """
        with_setup = cls.setup_context is not Function.setup_context
        ctx = cls._ctx_class()
        if with_setup or kwargs:
            lead = () if with_setup else (ctx,)
            try:
                bound = inspect.signature(cls.forward).bind(*lead, *args, **kwargs)
            except TypeError as error:
                raise TypeError(f"forward() {error}") from None
            bound.apply_defaults()
            args = bound.args[len(lead) :]
        tensors = [a for a in args if isinstance(a, Tensor)]
        ctx.needs_input_grad = tuple([isinstance(a, Tensor) and needs(a) for a in args])
        node = None
        if STATE.grad and any(ctx.needs_input_grad):
            node = cls._node_class(ctx)
            node.is_tensor = tuple([isinstance(a, Tensor) for a in args])
            node.edges = [edge_of(t) for t in tensors]
        before, STATE.grad = STATE.grad, False
        try:
            if with_setup:
                given = cls.forward(*args)
                cls.setup_context(ctx, args, given)
            else:
                given = cls.forward(ctx, *args)
        finally:
            STATE.grad = before
        outs = given if isinstance(given, tuple) else (given,)
        if ctx.dirty_tensors and any(all(d is not o for o in outs) for d in ctx.dirty_tensors):
            raise RuntimeError(_NOT_RETURNED)
        if node is not None:
            node.outputs = [(o._data.shape, o._data.dtype) if isinstance(o, Tensor) else None for o in outs]
            node.metas = tuple([m or _NONE for m in node.outputs])
            node.seq = next(SEQUENCE)
        done = tuple([_output(node, k, o, ctx, tensors) if isinstance(o, Tensor) else o for k, o in enumerate(outs)])
        if node is not None:
            node.saved = tuple([_saved(k, s, node, done) for k, s in enumerate(ctx.to_save)])
            if STATE.special is not None:
                for note in STATE.special:
                    note(node)
        ctx.to_save = ctx.dirty_tensors = ctx.non_differentiable = ()
        return done if isinstance(given, tuple) else done[0]


def _output(node: FunctionNode | None, k: int, out: Tensor, ctx: FunctionCtx, inputs: list[Tensor]) -> Tensor:
    """An output with its history."""
    dirty = ctx.dirty_tensors and any(out is d for d in ctx.dirty_tensors)
    given = any(out is t for t in inputs)
    edge: Edge | None = (node, k) if node is not None else None
    constant = ctx.non_differentiable and any(out is t for t in ctx.non_differentiable)
    if constant or out._data.dtype.kind != "f":
        return out.detach() if needs(out) else out
    if dirty and given:
        base = out._base
        if node is not None:
            if base is None and out._requires and out._fn is None:
                raise RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")
            if base is not None and base._requires and base._fn is None:
                raise RuntimeError(VIEW_OF_LEAF)
            out._counter[0] += 1
            rebase(out, edge_of(base) if base is not None else None, edge)
        return out
    if given:
        out = mark_view(wrap(out._data), out, lambda z: z)
    if edge is not None:
        out._fn, out._nr, out._requires = edge[0], k, True
    if out._base is not None:
        out._origin = "function"
    return out


def _saved(k: int, value: Any, node: FunctionNode, outs: tuple[Any, ...]) -> Any:
    """What the node keeps of a saved value."""
    if value is None:
        return None
    if not isinstance(value, Tensor):
        name = type(value).__name__
        raise TypeError(f"save_for_backward can only save variables, but argument {k} is of type {name}")
    if any(value is o for o in outs) and value._fn is node:
        kept = output_entry(value)
        kept[0]._nr = value._nr
        return kept
    return entry(value, value._fn if needs(value) else None)


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """A `backward` whose results cannot be differentiated again: trying raises a RuntimeError."""

    @functools.wraps(backward)
    def once(ctx: Any, *cts: Any) -> Any:
        with no_grad():
            given = backward(ctx, *cts)
        if not STATE.grad or not any(isinstance(c, Tensor) and needs(c) for c in cts):
            return given
        grads = given if isinstance(given, tuple) else (given,)
        leaves = [g.detach().requires_grad_() for g in grads if g is not None]
        marked = iter(record_several("Error", [g._data for g in leaves], leaves, _refuse))
        grads = tuple(None if g is None else next(marked) for g in grads)
        return grads if isinstance(given, tuple) else grads[0]

    return once


def _refuse(cts: Any) -> Any:
    raise RuntimeError(_ONCE)
