"""Functions that srcgrad compiled, as nodes of the graph.

Called with tensors, such a function is one node: the forward sweep runs at once, the reverse sweep in the backward pass,
with the tape in between, which belongs to the node. The tape holds copies of what the caller can change, so an optimiser
may step between the two. Where nothing needs gradients the plain compiled function runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad import structure
from srcgrad.dispatch import Callee, entry_of
from srcgrad.entry import MISS
from srcgrad.ir.arguments import Constant, TupleOf
from srcgrad.ir.types import Array, Scalar, is_float
from srcgrad.shim.graph import FREED, SEQUENCE, Node, node_class
from srcgrad.shim.modes import STATE
from srcgrad.shim.ops.inplace import adopt, check_writable
from srcgrad.shim.record import entry
from srcgrad.shim.tensor import Tensor, edge_of, needs, wrap


def call(callee: Callee, values: tuple[Any, ...], *, pure: bool) -> Any:
    """Run a compiled function on arguments with tensors among them.

    Args:
        callee: the function.
        values: its arguments, in the order of its parameters.
        pure: run on copies of the arrays that it overwrites.

    Returns:
        Its result, with tensors in place of floats and arrays.

    Raises:
        RuntimeError: it overwrites a tensor that may not be overwritten, with PyTorch's messages.
    """
    arrays = tuple([_array(v) for v in values])
    if STATE.grad:
        active = tuple(n for n, v in zip(callee.parameters, values, strict=True) if _needs(v))
        if active:
            return _recorded(callee, active, values, arrays, pure=pure)
    version = callee.version(arrays)
    kernel = version.kernel("primal")
    written = [] if pure or not kernel.written else _leaves(values)
    for k in kernel.written if written else ():
        if isinstance(written[k], Tensor):
            check_writable(written[k], ())
    result = entry_of(version, pure=pure)(arrays)
    if result is MISS:
        flat = version.flat(arrays)
        result = version.result(kernel.pure(flat) if pure else kernel(flat))
    for k in kernel.written if written else ():
        if isinstance(written[k], Tensor):
            written[k]._counter[0] += 1
    return _wrapped(version.plan.result, result, _flat(arrays))


Tensor.__srcgrad_call__ = staticmethod(call)  # type: ignore[attr-defined]


def _array(value: Any) -> Any:
    """What compiled code gets for an argument: tensors without dimensions are numbers there."""
    if isinstance(value, Tensor):
        data = value._data
        if data.ndim:
            return data
        return data[()] if data.dtype.kind == "f" and data.dtype.itemsize != 8 else data.item()
    if type(value) is tuple:
        return tuple([_array(v) for v in value])
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[_array(v) for v in value])
    return value


def _needs(value: Any) -> bool:
    """Whether a gradient with respect to a part of an argument is needed."""
    return needs(value) if isinstance(value, Tensor) else isinstance(value, tuple) and any(_needs(v) for v in value)


def _flat(value: Any) -> list[Any]:
    return [leaf for v in value for leaf in _flat(v)] if isinstance(value, tuple) else [value]


def _leaves(values: tuple[Any, ...]) -> list[Any]:
    """The tensors, numbers and arrays among the arguments, in the order of the compiled function's parameters."""
    return [v for v in _flat(values) if isinstance(v, Tensor | np.ndarray) or not isinstance(structure.type_of(v), Constant)]


def _wrapped(kind: Any, result: Any, arguments: list[Any]) -> Any:
    """A result without a history; memory that it shares with an argument is copied."""
    if isinstance(kind, TupleOf):
        items = [_wrapped(k, v, arguments) for k, v in zip(kind.items, result, strict=True)]
        return kind.cls(*items) if kind.cls is not None else items if kind.is_list else tuple(items)
    if isinstance(kind, Array):
        made = wrap(_own(result, arguments))
    elif isinstance(kind, Scalar) and is_float(kind):
        made = wrap(np.asarray(result, kind.dtype))
    else:
        return result
    made._inference = STATE.inference
    return made


def _own(data: np.ndarray, arguments: list[Any]) -> np.ndarray:
    if any(isinstance(a, np.ndarray) and np.may_share_memory(a, data) for a in arguments):
        return data.copy()
    return data


# -- recorded ----------------------------------------------------------------------------------------------------------


class Compiled(Node):
    """A call of a compiled function.

    Attributes:
        callee: the function, differentiated with respect to what needs gradients.
        reverse: its reverse sweep; `tape` is the first of that one's arguments.
        seeds: of each output its type and shape.
        takes: for each gradient that the sweep returns, the number of the edge that it goes along; -1 for none.
    """

    callee: Callee
    reverse: Any
    tape: Any
    given: tuple[Any, ...]
    seeds: list[tuple[Any, tuple[int, ...]]]
    takes: list[int]

    def apply(self, cotangents: list[Any], create: bool) -> Sequence[Any]:
        if self.tape is None:
            raise RuntimeError(FREED)
        if create:
            self.values(create=True)  # checks versions
            whole = tuple(
                wrap(np.zeros(shape, kind.dtype)) if ct is None else ct
                for ct, (kind, shape) in zip(cotangents, self.seeds, strict=True)
            )
            found = call(self.callee.pullback(), (*self.given, whole), pure=True)
        else:
            found = self.reverse(*self.tape, *map(_seed, cotangents, self.seeds))
        out: list[Any] = [None] * len(self.edges)
        for edge, gradient in zip(self.takes, found, strict=True):
            if edge >= 0:
                out[edge] = gradient if isinstance(gradient, Tensor | np.ndarray) else np.asarray(gradient)
        return out

    def release(self) -> None:
        self.tape = self.saved = None
        self.given = ()


def _seed(ct: Any, seed: tuple[Any, tuple[int, ...]]) -> Any:
    """A cotangent as the reverse sweep takes it."""
    kind, shape = seed
    if isinstance(kind, Array):
        if ct is None:
            return np.zeros(shape, kind.dtype)
        order = kind.layout if kind.layout in ("C", "F") else "K"
        return np.asarray(ct, order=order)
    if kind.dtype == "float32":
        return np.float32(0.0 if ct is None else ct)
    return 0.0 if ct is None else float(ct)


def _recorded(
    callee: Callee, active: tuple[str, ...], values: tuple[Any, ...], arrays: tuple[Any, ...], *, pure: bool
) -> Any:
    """The forward sweep, and a node for the reverse one."""
    target = callee.active_in(active)
    version = target.version(arrays)
    forward, backward = version.sweeps(arrays)
    leaves = _leaves(values)
    written = [] if pure else [k for k in forward.written if k < len(leaves)]
    if written:
        for k in written:
            if isinstance(leaves[k], Tensor):
                check_writable(leaves[k], tuple(v for v in leaves if isinstance(v, Tensor)))
        target = callee.active_in(active, finals=True)
        version = target.version(arrays)
        forward, backward = version.sweeps(arrays)
    raw = forward.pure(version.flat(arrays))
    count = version.plan.count
    kinds = structure.leaf_types(version.plan.result)
    kept = _flat(arrays)
    results = [_output(k, r, kept) for k, r in zip(kinds, raw[:count], strict=True)]

    node = node_class(f"{callee.program.name}Backward", Compiled)()
    _connect(node, callee, active, values)
    node.callee, node.reverse, node.tape, node.given = target, backward.compiled, raw[count:], values  # type: ignore[attr-defined]
    outputs = [r for r in results if isinstance(r, Tensor) and r._data.dtype.kind == "f"]
    if not outputs:
        return _rebuilt(version.plan.result, results)
    node.metas = tuple((r._data.shape, r._data.dtype) for r in outputs)
    node.seeds = [(k, m[0]) for k, m in zip([k for k in kinds if is_float(k)], node.metas, strict=True)]  # type: ignore[attr-defined]
    node.seq = next(SEQUENCE)
    for number, r in enumerate(outputs):
        r._fn, r._nr, r._requires = node, number, True
    if STATE.special is not None:
        for note in STATE.special:
            note(node)
    if not written:
        return _rebuilt(version.plan.result, results)
    for k, final in zip(written, results[-len(written) :], strict=True):
        if isinstance(leaves[k], Tensor):
            adopt(leaves[k], final)
        else:
            leaves[k][...] = final._data
    return _rebuilt(version.plan.result.items[0], results)


def _connect(node: Any, callee: Callee, active: tuple[str, ...], values: tuple[Any, ...]) -> None:
    """The edges of a node, one for each tensor among the active arguments, and what it saves."""
    edges, takes, saved = [], [], []
    for name, value in zip(callee.parameters, values, strict=True):
        for leaf in _flat(value):
            if isinstance(leaf, Tensor):
                saved.append(entry(leaf, leaf._fn))
            if name not in active or not _has_gradient(leaf):
                continue
            if isinstance(leaf, Tensor):
                takes.append(len(edges))
                edges.append(edge_of(leaf))
            else:
                takes.append(-1)
    node.edges, node.takes, node.saved = tuple(edges), takes, tuple(saved)


def _has_gradient(leaf: Any) -> bool:
    """Whether the reverse sweep gives a gradient for a number or array of an active argument."""
    if isinstance(leaf, Tensor | np.ndarray):
        return (leaf._data if isinstance(leaf, Tensor) else leaf).dtype.kind == "f"
    return isinstance(leaf, float | np.floating)


def _output(kind: Any, raw: Any, arguments: list[Any]) -> Any:
    """A number or array that the forward sweep returned, as a tensor; integers stay numbers."""
    if isinstance(kind, Array):
        return wrap(_own(raw, arguments))
    return wrap(np.asarray(raw, kind.dtype)) if is_float(kind) else structure.plain(kind, raw)


def _rebuilt(kind: Any, left: list[Any]) -> Any:
    """Outputs, taken from the front of `left`, in the structure of the result."""
    if isinstance(kind, TupleOf):
        items = [_rebuilt(k, left) for k in kind.items]
        return kind.cls(*items) if kind.cls is not None else items if kind.is_list else tuple(items)
    return kind.value if isinstance(kind, Constant) else left.pop(0)
