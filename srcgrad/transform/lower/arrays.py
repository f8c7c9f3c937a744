"""Whole-array operations, as loop nests over elements."""

from __future__ import annotations

import ast
from collections.abc import Callable

from srcgrad.ir.nodes import Atom, Const, Effect, If, Var, integer
from srcgrad.ir.types import Array, Scalar, is_float
from srcgrad.transform.lower import expressions, subscripts
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.values import Tuple, Value, describe, is_array, is_scalar


def shape_of(scope: Scope, array: Var) -> tuple[Atom, ...]:
    """The shape, noting which array each size was read off."""
    known = scope.context.shapes.get(array)
    if known is not None:
        return known
    assert isinstance(array.type, Array)
    sizes = scope.build.shapes(array)
    scope.context.sizes.update({n: (array, axis) for axis, n in enumerate(sizes)})
    return sizes


def size(scope: Scope, array: Var) -> Atom:
    """The number of elements."""
    total: Atom = integer(1)
    for n in shape_of(scope, array):
        total = n if total == integer(1) else scope.build.op("*", total, n)
    return total


def root(scope: Scope, array: Var) -> Var:
    """The array whose memory a view shows."""
    while array in scope.context.bases:
        array = scope.context.bases[array]
    return array


def allocate(scope: Scope, fill: str, dtype: str, shape: tuple[Atom, ...], like: Var | None = None) -> Var:
    """A new array, which nothing else shares memory with."""
    out = scope.build.alloc(fill, dtype, shape, like=like)
    scope.context.fresh.add(out)
    scope.context.shapes[out] = shape  # an array is allocated before it is used, so its size is in reach
    return out


def copy(scope: Scope, array: Var, dtype: str | None = None) -> Var:
    """A C-contiguous copy."""
    assert isinstance(array.type, Array)
    shape = shape_of(scope, array)
    out = allocate(scope, "empty", dtype or array.type.dtype, shape, like=array if dtype is None else None)
    scope.build.nest(shape, lambda i: scope.build.store(out, i, _fit(scope, scope.build.load(array, i), out)))
    return out


def filled(scope: Scope, shape: tuple[Atom, ...], value: Atom, dtype: str) -> Var:
    """`np.full`."""
    out = allocate(scope, "empty", dtype, shape)
    scope.build.nest(shape, lambda i: scope.build.store(out, i, _fit(scope, value, out)))
    return out


def _fit(scope: Scope, value: Atom, array: Var) -> Atom:
    assert isinstance(array.type, Array)
    return scope.build.cast(value, array.type.item)


def may_overlap(scope: Scope, a: Var, b: Var) -> bool:
    """Whether two handles can show the same memory, as far as is known while lowering."""
    one, other = root(scope, a), root(scope, b)
    known = scope.context.fresh | scope.context.params
    return one is other or not (one in known and other in known)


def separate(scope: Scope, value: Value, target: Var) -> Value:
    """`value`, copied first where writing `target` could change it: NumPy reads the right-hand side as it was."""
    if is_array(value) and value is not target and may_overlap(scope, value, target):
        return copy(scope, value)
    return value


def broadcast_shape(scope: Scope, values: list[Value], node: ast.AST) -> tuple[Atom, ...]:
    """The shape of an elementwise result; an axis of length 1 stretches."""
    del node
    operands = [v for v in values if is_array(v)]
    ndim = max(v.type.ndim for v in operands)
    shapes = [shape_of(scope, v) for v in operands]
    out: list[Atom] = []
    for axis in range(ndim):
        sizes = [s[axis - ndim + len(s)] for s in shapes if axis - ndim + len(s) >= 0]
        n = sizes[0]
        for other in sizes[1:]:
            if other is not n:
                n = scope.build.op("where", scope.build.op("==", n, integer(1)), other, n)
        out.append(n)
    return tuple(out)


def reader(scope: Scope, value: Value, shape: tuple[Atom, ...]) -> Callable[[tuple[Atom, ...]], Atom]:
    """How to read a broadcast operand at an index of the result; sizes that do not fit raise when the code runs."""
    if not is_array(value):
        return lambda _: value
    op = scope.build.op
    sizes = shape_of(scope, value)
    strides: list[Atom | None] = []
    for n, wanted in zip(sizes, shape[len(shape) - len(sizes) :], strict=True):
        if _same_size(scope, n, wanted):
            strides.append(None)
            continue
        one = op("==", n, integer(1))
        misfit = op("&", op("not", one), op("!=", n, wanted))
        error = Effect("raise ValueError('operands could not be broadcast together')", (), loc=scope.build.loc)
        scope.build.emit(If(misfit, (error,), (), loc=scope.build.loc))
        strides.append(op("where", one, integer(0), integer(1)))

    def at(index: tuple[Atom, ...]) -> Atom:
        own = index[len(index) - len(sizes) :]
        pairs = zip(own, strides, strict=True)
        return scope.build.load(value, tuple(i if s is None else op("*", i, s) for i, s in pairs))

    return at


def _same_size(scope: Scope, a: Atom, b: Atom) -> bool:
    """Whether two sizes are known to be equal: both read off the same array and axis, or equal constants."""
    if isinstance(a, Const) or isinstance(b, Const):
        return a == b
    return a is b or (a in scope.context.sizes and scope.context.sizes[a] == scope.context.sizes.get(b))


def elementwise(scope: Scope, op: str, values: list[Value], node: ast.AST) -> Value:
    """`op` applied to each element, with broadcasting."""
    for v in values:
        if not (is_array(v) or is_scalar(v)):
            raise scope.problem(f"'{op}' does not take {describe(v)}", node, "use numbers or arrays")
    shape = broadcast_shape(scope, values, node)
    dtype = _result_dtype(scope, op, values)
    readers = [reader(scope, v, shape) for v in values]
    out = allocate(scope, "empty", dtype, shape)

    def one(index: tuple[Atom, ...]) -> None:
        scope.build.store(out, index, _fit(scope, scope.build.op(op, *(r(index) for r in readers)), out))

    scope.build.nest(shape, one)
    return out


def _result_dtype(scope: Scope, op: str, values: list[Value]) -> str:
    """The dtype that the operation has on elements, found by building it into a block that is thrown away."""
    with scope.build.block():
        items = [Var("", v.type.item) if is_array(v) else v for v in values]
        out = scope.build.op(op, *items)
    return out.type.dtype  # type: ignore[union-attr]


def assign(scope: Scope, target: Var, value: Value, node: ast.AST) -> None:
    """`target[...] = value`."""
    subscripts.check_writable(scope, target, node)
    value = _as_array(scope, separate(scope, value, target), node)
    shape = _target_shape(scope, target, value, node)
    read = reader(scope, value, shape)
    scope.build.nest(shape, lambda i: scope.build.store(target, i, _fit(scope, read(i), target)))


def update(scope: Scope, target: Var, op: str, value: Value, node: ast.AST) -> None:
    """`target op= value`, through to the memory that `target` shows."""
    subscripts.check_writable(scope, target, node)
    if op == "@":
        raise scope.problem("'@=' is not differentiable", node, "write a = a @ b")
    value = _as_array(scope, separate(scope, value, target), node)
    shape = _target_shape(scope, target, value, node)
    read = reader(scope, value, shape)
    assert isinstance(target.type, Array)

    def one(index: tuple[Atom, ...]) -> None:
        item = read(index)
        if op in "+-" and is_float(target.type):
            scope.build.increment(target, index, item if op == "+" else scope.build.op("neg", item))
        else:
            new = expressions.binary(scope, op, scope.build.load(target, index), item, node)
            scope.build.store(target, index, _fit(scope, new, target))

    scope.build.nest(shape, one)


def _target_shape(scope: Scope, target: Var, value: Value, node: ast.AST) -> tuple[Atom, ...]:
    assert isinstance(target.type, Array)
    if is_array(value) and value.type.ndim > target.type.ndim:
        message = f"{describe(value)} does not fit into {describe(target)}"
        raise scope.problem(message, node, "index it down to the rank of the target")
    return shape_of(scope, target)


def _as_array(scope: Scope, value: Value, node: ast.AST) -> Value:
    if isinstance(value, Tuple):
        return from_items(scope, value, None, node)
    if is_array(value) and value.type.ndim == 0:
        return scope.build.load(value, ())
    if not (is_array(value) or is_scalar(value)):
        raise scope.problem(f"{describe(value)} cannot be assigned to array elements", node, "use numbers")
    return value


def from_items(scope: Scope, value: Tuple, dtype: str | None, node: ast.AST) -> Var:
    """`np.array([...])` of nested lists or tuples of numbers, or of equally long vectors."""
    flat: list[tuple[tuple[int, ...], Atom]] = []
    shape = _literal_shape(scope, value, node)

    def visit(item: Value, index: tuple[int, ...]) -> None:
        if isinstance(item, Tuple):
            for k, inner in enumerate(item.items):
                visit(inner, (*index, k))
        else:
            flat.append((index, item))

    visit(value, ())
    if any(not is_scalar(item) for _, item in flat):
        raise scope.problem("np.array expects numbers in its lists", node, "fill an array in a loop")
    t = Scalar(dtype) if dtype else expressions.unified(scope, [item for _, item in flat], node) if flat else None
    out = allocate(scope, "empty", t.dtype if t else "float64", tuple(integer(n) for n in shape))
    for index, item in flat:
        scope.build.store(out, tuple(integer(k) for k in index), _fit(scope, item, out))
    return out


def _literal_shape(scope: Scope, value: Value, node: ast.AST) -> tuple[int, ...]:
    if not isinstance(value, Tuple):
        return ()
    inner = {_literal_shape(scope, v, node) for v in value.items} or {()}
    if len(inner) > 1:
        raise scope.problem("the rows of this array differ in length", node, "give all rows one length")
    return (len(value.items), *inner.pop())
