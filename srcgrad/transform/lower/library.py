"""Calls of BLAS and LAPACK: matrix products, linear systems, decompositions."""

from __future__ import annotations

import ast
import functools
import importlib.util
from collections.abc import Callable, Sequence

import numpy as np

from srcgrad.ir.nodes import FALSE, Atom, Const, Function, Library, Var, integer
from srcgrad.ir.types import Type, is_float, is_integer
from srcgrad.numpy_lib import LIBRARY, least_squares, products, stacks
from srcgrad.rules.routines import ROUTINES
from srcgrad.transform.lower import arrays, calls, expressions, function, sizes
from srcgrad.transform.lower.builtins import handles
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.values import Static, Tuple, Value, describe, is_operand
from srcgrad.transform.simplify import eliminate_dead_code, propagate_copies

LAST = integer(-1)


@functools.cache
def _has_scipy() -> bool:
    return importlib.util.find_spec("scipy") is not None


@functools.lru_cache(maxsize=1024)
def derivative(name: str, which: str, types: tuple[Type, ...]) -> Function:
    """The pullback of a routine ("pullback"), or its tangent for in number k (k), on parameters of these types."""
    rule = ROUTINES[name]
    definition = rule.pullback if which == "pullback" else rule.tangents[int(which)]
    names = calls.source_of(definition).node.args.args
    lowered = function.lower(definition, [(a.arg, t) for a, t in zip(names, types, strict=True)], trusted=True)
    return eliminate_dead_code(propagate_copies(lowered.function))


def routine(
    scope: Scope, name: str, ins: Sequence[Var], shapes: Sequence[tuple[Atom, ...]], dtypes: Sequence[str],
    node: ast.AST,
) -> list[Var]:  # fmt: skip
    """Call a routine: its results, new arrays of these shapes."""
    if name in ROUTINES and not _has_scipy():
        raise scope.problem("Numba needs SciPy for linear algebra", node, "pip install scipy")
    scope.build.loc = scope.at(node)
    outs = [arrays.allocate(scope, "empty", d, s) for d, s in zip(dtypes, shapes, strict=True)]
    scope.build.emit(
        Library(name, tuple(outs), tuple(ins), functools.partial(derivative, name), loc=scope.build.loc)
    )  # fmt: skip
    return outs


def matrix(scope: Scope, value: Value, name: str, node: ast.AST, ranks: tuple[int, ...] = (2,)) -> Var:
    """An argument as a contiguous array of floats."""
    array = arrays.as_array(scope, value, node)
    if array.type.ndim not in ranks:
        if array.type.ndim > 2:
            raise scope.problem(f"'{name}' of a stack of matrices is not differentiable", node, "loop over the stack")
        raise scope.problem(f"'{name}' does not take {describe(array)}", node, "pass a matrix")
    if not is_float(array.type):
        array = arrays.astype(scope, array, "float64")
    array = arrays.forced(scope, array)
    return array if array.type.layout in ("C", "F") else arrays.copy(scope, array)  # type: ignore[union-attr]


def _common(scope: Scope, a: Var, b: Var) -> tuple[Var, Var, str]:
    name = np.result_type(a.type.dtype, b.type.dtype).name  # type: ignore[union-attr]
    one, other = (arrays.forced(scope, arrays.astype(scope, v, name)) for v in (a, b))
    return one, other, name


def _expect_equal(scope: Scope, n: Atom, m: Atom, text: str) -> None:
    if not sizes.same(scope, n, m):
        sizes.expect(scope, scope.build.op("==", n, m), text)


def _square(scope: Scope, a: Var) -> Atom:
    rows, columns = sizes.shape_of(scope, a)
    _expect_equal(scope, rows, columns, "the matrix must be square")
    return rows


# -- products ------------------------------------------------------------------------------------------------------


def matmul(scope: Scope, left: Value, right: Value, node: ast.AST) -> Value:
    """`left @ right`: of vectors by a loop, of matrices by BLAS, of stacks of matrices by loops."""
    left, right = (arrays.as_array(scope, v, node) if isinstance(v, Tuple) else v for v in (left, right))
    if not (is_operand(left) and is_operand(right)) or 0 in (left.type.ndim, right.type.ndim):
        raise scope.problem(f"'@' does not take {describe(left)} and {describe(right)}", node, "use arrays")
    if left.type.dtype == right.type.dtype == "bool":
        raise scope.problem("'@' does not take arrays of bools", node, "convert them with astype(int)")
    ranks = (left.type.ndim, right.type.ndim)
    if ranks == (1, 1):
        return calls.inline(scope, products.vector_vector, [left, right], {}, node, call_site=True)
    if max(ranks) > 2:
        left, right = (arrays.forced(scope, v) for v in (left, right))
        stacked = stacks.stacked_matmul
        return calls.inline(scope, stacked, [left, right], {}, node, call_site=True)
    if not (is_float(left.type) or is_float(right.type)) or not _has_scipy():
        left, right = (arrays.forced(scope, v) for v in (left, right))
        return calls.inline(scope, products.MATMUL[ranks], [left, right], {}, node, call_site=True)
    a, b = (matrix(scope, v, "@", node, (1, 2)) for v in (left, right))
    a, b, dtype = _common(scope, a, b)
    first, second = sizes.shape_of(scope, a), sizes.shape_of(scope, b)
    _expect_equal(scope, first[-1], second[0], "matmul: the operands do not fit")
    return routine(scope, "np.dot", (a, b), [(*first[:-1], *second[1:])], [dtype], node)[0]


@handles(np.matmul)
def _matmul(scope: Scope, node: ast.AST, a: Value, b: Value, /) -> Value:
    return matmul(scope, a, b, node)


@handles(np.dot, defers=True)
def _dot(scope: Scope, node: ast.AST, a: Value, b: Value, out: Value = None) -> Value:
    a, b = (arrays.as_array(scope, v, node) if isinstance(v, Tuple) else v for v in (a, b))
    if not (is_operand(a) and a.type.ndim and is_operand(b) and b.type.ndim):
        result = expressions.binary(scope, "*", a, b, node)
    elif max(a.type.ndim, b.type.ndim) > 2:
        raise scope.problem("np.dot of arrays of rank 3 and more is not differentiable", node, "use @ or np.tensordot")
    else:
        result = matmul(scope, a, b, node)
    if out is None:
        return result
    arrays.assign(scope, out, result, node)
    return out


# -- linear algebra ------------------------------------------------------------------------------------------------


@handles(np.linalg.solve)
def _solve(scope: Scope, node: ast.AST, a: Value, b: Value) -> Value:
    if is_operand(a) and is_operand(b) and a.type.ndim == b.type.ndim > 2:
        return calls.inline(scope, least_squares.each_solution, [a, b], {}, node, call_site=True)
    first, second, dtype = _common(
        scope, matrix(scope, a, "np.linalg.solve", node), matrix(scope, b, "np.linalg.solve", node, (1, 2))
    )
    n, shape = _square(scope, first), sizes.shape_of(scope, second)
    _expect_equal(scope, n, shape[0], "the matrix and the right-hand side do not fit")
    return routine(scope, "solve", (first, second), [shape], [dtype], node)[0]


def _single(name: str, function: str, shape: Callable[[Scope, Var], tuple[Atom, ...]]) -> Callable[..., Value]:
    """A routine of one matrix with one result."""

    def handler(scope: Scope, node: ast.AST, a: Value) -> Value:
        if is_operand(a) and a.type.ndim > 2 and name in ("inv", "cholesky"):
            each = [Static(_one_of(function)), a]
            return calls.inline(scope, least_squares.each_matrix, each, {}, node, call_site=True)
        array = matrix(scope, a, function, node)
        return routine(scope, name, (array,), [shape(scope, array)], [array.type.dtype], node)[0]  # type: ignore[union-attr]

    return handler


def _one_of(function: str) -> Callable[..., object]:
    return getattr(np.linalg, function.removeprefix("np.linalg."))


def _same_square(scope: Scope, a: Var) -> tuple[Atom, ...]:
    n = _square(scope, a)
    return n, n


handles(np.linalg.inv)(_single("inv", "np.linalg.inv", _same_square))
handles(np.linalg.cholesky)(_single("cholesky", "np.linalg.cholesky", _same_square))
handles(np.linalg.eigvalsh)(_single("eigvalsh", "np.linalg.eigvalsh", lambda s, a: (_square(s, a),)))
handles(np.linalg.pinv)(_single("pinv", "np.linalg.pinv", lambda s, a: tuple(reversed(sizes.shape_of(s, a)))))


@handles(np.linalg.det)
def _det(scope: Scope, node: ast.AST, a: Value) -> Value:
    if is_operand(a) and a.type.ndim > 2:
        each = [Static(np.linalg.det), a]
        return calls.inline(scope, least_squares.each_number, each, {}, node, call_site=True)
    array = matrix(scope, a, "np.linalg.det", node)
    _square(scope, array)
    (out,) = routine(scope, "det", (array,), [(integer(1),)], [array.type.dtype], node)  # type: ignore[union-attr]
    return scope.build.load(out, (integer(0),))


@handles(np.linalg.slogdet)
def _slogdet(scope: Scope, node: ast.AST, a: Value) -> Value:
    array = matrix(scope, a, "np.linalg.slogdet", node)
    _square(scope, array)
    outs = routine(scope, "slogdet", (array,), [(integer(1),)] * 2, [array.type.dtype] * 2, node)  # type: ignore[union-attr]
    return Tuple(tuple(scope.build.load(out, (integer(0),)) for out in outs))


@handles(np.linalg.qr)
def _qr(scope: Scope, node: ast.AST, a: Value, mode: Value = None) -> Value:
    if mode is not None and not (isinstance(mode, Static) and mode.object == "reduced"):
        raise scope.problem("np.linalg.qr is differentiable only in its reduced mode", node, "leave out the mode")
    array = matrix(scope, a, "np.linalg.qr", node)
    rows, columns = sizes.shape_of(scope, array)
    least = rows if sizes.same(scope, rows, columns) else scope.build.index("min", rows, columns)
    shapes = [(rows, least), (least, columns)]
    return Tuple(tuple(routine(scope, "qr", (array,), shapes, [array.type.dtype] * 2, node)))  # type: ignore[union-attr]


@handles(np.linalg.eigh)
def _eigh(scope: Scope, node: ast.AST, a: Value, UPLO: Value = None) -> Value:
    if UPLO is not None and not (isinstance(UPLO, Static) and UPLO.object == "L"):
        raise scope.problem("np.linalg.eigh is differentiable only for the lower triangle", node, "leave out UPLO")
    array = matrix(scope, a, "np.linalg.eigh", node)
    n = _square(scope, array)
    return Tuple(tuple(routine(scope, "eigh", (array,), [(n,), (n, n)], [array.type.dtype] * 2, node)))  # type: ignore[union-attr]


@handles(np.linalg.svd)
def _svd(
    scope: Scope, node: ast.AST, a: Value, full_matrices: Value = None, compute_uv: Value = None
) -> Value:  # fmt: skip
    array = matrix(scope, a, "np.linalg.svd", node)
    rows, columns = sizes.shape_of(scope, array)
    least = rows if sizes.same(scope, rows, columns) else scope.build.index("min", rows, columns)
    dtype = array.type.dtype  # type: ignore[union-attr]
    if isinstance(compute_uv, Const) and not compute_uv.value:
        return routine(scope, "svdvals", (array,), [(least,)], [dtype], node)[0]
    reduced = isinstance(full_matrices, Const) and not full_matrices.value
    if not reduced and not sizes.same(scope, rows, columns):
        message = "the singular vectors that complete a basis are not determined, so they have no derivative"
        raise scope.problem(message, node, "write np.linalg.svd(a, full_matrices=False)")
    return Tuple(
        tuple(routine(scope, "svd", (array,), [(rows, least), (least,), (least, columns)], [dtype] * 3, node))
    )  # fmt: skip


if hasattr(np.linalg, "svdvals"):

    @handles(np.linalg.svdvals)
    def _svdvals(scope: Scope, node: ast.AST, x: Value) -> Value:
        return _svd(scope, node, x, compute_uv=FALSE)


@handles(np.linalg.matrix_power)
def _matrix_power(scope: Scope, node: ast.AST, a: Value, n: Value) -> Value:
    if not (isinstance(n, Const) and is_integer(n.type) and abs(n.value) <= 64):
        message = "np.linalg.matrix_power expects a constant exponent of at most 64"
        raise scope.problem(message, node, "multiply in a loop")
    if n.value == 1 and is_operand(a):
        return a  # NumPy gives the matrix itself
    array = matrix(scope, a, "np.linalg.matrix_power", node)
    size = _square(scope, array)
    if n.value == 0:
        return calls.apply(scope, Static(np.eye), [size], {}, node)
    base: Value = calls.apply(scope, Static(np.linalg.inv), [array], {}, node) if n.value < 0 else array
    out: Value = None
    power, left = base, abs(n.value)
    while left:
        if left % 2:
            out = power if out is None else matmul(scope, out, power, node)
        left //= 2
        power = matmul(scope, power, power, node) if left else power
    return out


@handles(np.linalg.multi_dot)
def _multi_dot(scope: Scope, node: ast.AST, arrays_: Value, /) -> Value:
    if not (isinstance(arrays_, Tuple) and arrays_.items):
        raise scope.problem("np.linalg.multi_dot expects a tuple of arrays", node, "pass a tuple")
    out, *rest = arrays_.items
    for other in rest:
        out = matmul(scope, out, other, node)
    return out


@handles(np.argsort)
def _argsort(scope: Scope, node: ast.AST, a: Value, axis: Value = LAST, kind: Value = None) -> Value:
    """The order of the elements: integers, without a derivative."""
    array = arrays.forced(scope, arrays.as_array(scope, a, node))
    flat = isinstance(axis, Static) and axis.object is None
    if not (flat or isinstance(axis, Const)):
        raise scope.problem("np.argsort expects a constant axis", node, "leave it out")
    if array.type.ndim != 1:
        definition = LIBRARY[np.argsort].function
        return calls.inline(scope, definition, [array, axis], {}, node, call_site=True)
    return routine(scope, "argsort", (array,), [sizes.shape_of(scope, array)], ["int64"], node)[0]
