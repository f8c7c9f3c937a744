"""Functions that srcgrad compiled, as nodes of the graph.

Called with tensors, such a function is one node: the forward sweep runs at once, the reverse sweep in the backward
pass, with the tape in between, which belongs to the node. The tape holds copies of what the caller can change, so an
optimiser may step between the two. Where nothing needs gradients the plain compiled function runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy import ndarray

from srcgrad import structure
from srcgrad.dispatch import Callee, entry_of
from srcgrad.entry import MISS
from srcgrad.errors import UnsupportedError
from srcgrad.ir.arguments import Constant, TupleOf
from srcgrad.ir.types import Array, Scalar, is_float
from srcgrad.shim.graph import FREED, SEQUENCE, Meta, Node, node_class
from srcgrad.shim.history import edge_of, needs
from srcgrad.shim.modes import STATE
from srcgrad.shim.ops.inplace import adopt, check_writable
from srcgrad.shim.record import entry, record
from srcgrad.shim.tensor import Tensor, wrap
from srcgrad.version import Kernel, Version


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
    arrays = tuple([v._data if type(v) is Tensor and v._data.ndim else _array(v) for v in values])
    if STATE.grad:
        active = tuple(
            [n for n, v in zip(callee.parameters, values) if (type(v) is Tensor and v._requires) or _needs(v)]  # noqa: B905
        )
        if active:
            return _recorded(callee, active, values, arrays, pure=pure)
    version = callee.version(arrays)
    facts = _facts(version, callee.program.name)
    written = () if pure else version.kernel("primal").written
    targets = [t for t in map(facts.leaves(values).__getitem__, written) if isinstance(t, Tensor)] if written else ()
    for target in targets:
        check_writable(target, ())
    result = entry_of(version, pure=pure)(arrays)
    if result is MISS:
        kernel, flat = version.kernel("primal"), version.flat(arrays)
        result = version.result(kernel.pure(flat) if pure else kernel(flat))
    for target in targets:
        target._counter[0] += 1
    return _wrapped(facts.result, result, _flat(arrays))


Tensor.__srcgrad_call__ = staticmethod(call)  # type: ignore[attr-defined]


class _Facts:
    """What calls of a version with tensors need to know, found out once.

    Attributes:
        result: the structure of the result.
        kinds: the types of the numbers and arrays that it is made of.
        floats: the types of those that have a derivative.
        made: for each of `kinds` the dtype that a tensor is made with; None where a number stays one.
        is_flat: whether no argument is a tuple or specialised away, so that the arguments are the kernel's.
        active: the numbers of the arguments of the kernel that the reverse sweep gives gradients of, in order.
        node: the class of its nodes.
    """

    def __init__(self, version: Version, name: str) -> None:
        self.result, self.version = version.plan.result, version
        self.kinds = structure.leaf_types(self.result)
        self.floats = [k for k in self.kinds if is_float(k)]
        self.made = [np.dtype(k.dtype) if isinstance(k, Array) or is_float(k) else None for k in self.kinds]
        self.is_flat = not any(isinstance(k, TupleOf | Constant) for k in version.kinds)
        self.has_captures = bool(version.plan.arrays)
        names = [n for n, k in version.arguments for _ in structure.leaf_types(k)]
        types = [t for k in version.kinds for t in structure.leaf_types(k)]
        chosen = version.program.active
        self.active = [
            k for k, (n, t) in enumerate(zip(names, types, strict=True)) if is_float(t) and n in (chosen or names)
        ]
        self.node = node_class(f"{name}Backward", Compiled)
        self._usual: tuple[Kernel, Kernel] | None = None

    def sweeps(self, arrays: tuple[Any, ...], leaves: Sequence[Any]) -> tuple[Kernel, Kernel]:
        """The forward and reverse sweeps for these arguments."""
        usual = self._usual
        if usual is None:
            usual = self._usual = self.version.kernel("forward"), self.version.kernel("reverse")
        is_large = usual[0].is_large
        return usual if is_large is None or not is_large(leaves) else self.version.sweeps(arrays)

    def leaves(self, values: tuple[Any, ...]) -> Sequence[Any]:
        """The tensors, numbers and arrays among the arguments, in the order of the kernel's parameters."""
        if self.is_flat:
            return values
        return [leaf for v, k in zip(values, self.version.kinds, strict=True) for leaf in structure.leaves(v, k)]


def _facts(version: Version, name: str) -> _Facts:
    found: _Facts | None = version.entries.get("tensors")
    if found is None:
        found = version.entries["tensors"] = _Facts(version, name)
    return found


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


def _own(data: ndarray, arguments: Sequence[Any]) -> ndarray:
    for a in arguments:
        if type(a) is ndarray and np.may_share_memory(a, data):
            return data.copy()
    return data


# -- recorded ----------------------------------------------------------------------------------------------------------


class Compiled(Node):
    """A call of a compiled function.

    Attributes:
        callee: the function, differentiated with respect to what needs gradients.
        reverse: its reverse sweep; `tape` is the first of that one's arguments.
        given: the arguments, for when the backward pass is recorded.
        kinds: the types of the outputs.
    """

    callee: Callee
    reverse: Any
    tape: Any
    given: tuple[Any, ...]
    kinds: list[Any]
    packable = False  # it saves tensors to see that they are not overwritten; what it reads is the tape

    def apply(self, cotangents: list[Any], create: bool) -> Sequence[Any]:
        if self.tape is None:
            raise RuntimeError(FREED)
        if create:
            return self._recorded(cotangents)
        found = self.reverse(*self.tape, *map(_seed, cotangents, self.kinds, self.metas))
        return [g if type(g) is ndarray else np.asarray(g) for g in found]

    def _recorded(self, cotangents: list[Any]) -> Sequence[Any]:
        """The gradients as results of a compiled function, which is a node in turn."""
        self.values(create=True)  # checks versions
        whole = tuple(
            wrap(np.zeros(*meta)) if ct is None else ct for ct, meta in zip(cotangents, self.metas, strict=True)
        )
        try:
            found: Sequence[Any] = call(self.callee.pullback(), (*self.given, whole), pure=True)
        except UnsupportedError as error:  # only who goes on to differentiate them needs to hear of it
            inputs = (*(v for v in _flat(self.given) if isinstance(v, Tensor)), *whole)
            pull = partial(_refuse, error)
            found = [
                record(f"{type(self).__name__}Backward", g, inputs, (pull,) * len(inputs))
                for g in self.apply([ct._data for ct in whole], create=False)
            ]
        return found

    def release(self) -> None:
        self.tape = self.saved = None
        self.given = ()


def _refuse(error: UnsupportedError, ct: Any) -> Any:
    raise error


def _seed(ct: Any, kind: Any, meta: Meta) -> Any:
    """A cotangent as the reverse sweep takes it."""
    if isinstance(kind, Array):
        if ct is None:
            return np.zeros(*meta)
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
    facts = _facts(version, callee.program.name)
    leaves, numbers = facts.leaves(values), facts.leaves(arrays)
    forward, backward = facts.sweeps(arrays, numbers)
    written: Sequence[int] = ()
    if forward.written and not pure:
        written = [k for k in forward.written if k < len(leaves)]
    if written:
        tensors = tuple(v for v in leaves if isinstance(v, Tensor))
        for k in written:
            if isinstance(leaves[k], Tensor):
                check_writable(leaves[k], tensors)
        target = callee.active_in(active, finals=True)
        version = target.version(arrays)
        facts = _facts(version, callee.program.name)
        forward, backward = facts.sweeps(arrays, numbers)
    raw = forward.pure([*numbers, *(c.read() for c in version.plan.arrays)] if facts.has_captures else numbers)
    node: Any = facts.node()
    node.callee, node.reverse, node.tape, node.given = target, backward.quick, raw[len(facts.kinds) :], values
    node.edges = [edge_of(leaf) if isinstance(leaf, Tensor) else None for leaf in map(leaves.__getitem__, facts.active)]
    node.saved = [entry(leaf, leaf._fn) for leaf in leaves if isinstance(leaf, Tensor)]
    node.kinds, node.metas, node.seq = facts.floats, [], next(SEQUENCE)
    results = []
    for kind, dtype, r in zip(facts.kinds, facts.made, raw, strict=False):
        if dtype is None:
            results.append(structure.plain(kind, r))
            continue
        made = wrap(_own(r, numbers) if type(r) is ndarray else np.array(r, dtype))
        if dtype.kind == "f":
            made._fn, made._nr, made._requires = node, len(node.metas), True
            node.metas.append((made._data.shape, dtype))
        results.append(made)
    if STATE.special is not None:
        for note in STATE.special:
            note(node)
    if not isinstance(facts.result, TupleOf):
        return results[0] if results else facts.result.value
    if not written:
        return _rebuilt(facts.result, results)
    for k, final in zip(written, results[-len(written) :], strict=True):
        if isinstance(leaves[k], Tensor):
            adopt(leaves[k], final)
        else:
            leaves[k][...] = final._data
    return _rebuilt(facts.result.items[0], results)


def _rebuilt(kind: Any, left: list[Any]) -> Any:
    """Outputs, taken from the front of `left`, in the structure of the result."""
    if isinstance(kind, TupleOf):
        items = [_rebuilt(k, left) for k in kind.items]
        return kind.cls(*items) if kind.cls is not None else items if kind.is_list else tuple(items)
    return kind.value if isinstance(kind, Constant) else left.pop(0)
