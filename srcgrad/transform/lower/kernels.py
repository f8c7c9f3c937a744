"""The names of `numba.cuda` in kernels: indices, shared and local arrays, barriers, atomic sums.

They are known by name, not by what they are: Numba's simulator defines them only while a kernel runs.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from srcgrad.errors import UnsupportedError
from srcgrad.ir.nodes import ONE, ZERO, Alloc, Atom, Const, Increment, Var, integer
from srcgrad.ir.types import Array, is_integer
from srcgrad.transform.build import strong
from srcgrad.transform.lower import arrays, builtins, expressions, subscripts
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.signatures import invoke
from srcgrad.transform.lower.values import Static, Tuple, Value, describe, is_array, is_scalar
from srcgrad.transform.simt.launch import AXES, Barrier, Launch

MODULE = "numba.cuda"
EXTENTS = ("threadIdx", "blockIdx", "blockDim", "gridDim")
SPACES = ("shared", "local", "atomic")  # names with names in them
WARP = (
    "shfl_", "vote_", "all_sync", "any_sync", "eq_sync", "ballot", "activemask", "match_", "lanemask", "laneid",
    "syncwarp", "reduce_",
)  # fmt: skip
COUNTING = ("syncthreads_count", "syncthreads_and", "syncthreads_or")


@dataclass(frozen=True)
class CudaName:
    """`cuda.<path>`; "" is the module itself."""

    path: str

    @property
    def title(self) -> str:
        """As users write it."""
        return f"cuda.{self.path}" if self.path else "cuda"

    def __repr__(self) -> str:
        return self.title


@cache
def _name(path: str) -> CudaName:
    return CudaName(path)  # one object a name: values are merged by identity


def name_of(target: Any) -> CudaName | None:
    """The name in `numba.cuda` that an object is, if it is one. The module is not imported for that."""
    if isinstance(target, CudaName):
        return target
    module = sys.modules.get(MODULE)
    if module is None:
        return None
    if target is module:
        return _name("")
    if not str(getattr(target, "__module__", "")).startswith(MODULE):
        return None
    name = getattr(target, "__name__", "")
    return _name(name) if name and getattr(module, name, None) is target else None


def attribute(scope: Scope, owner: CudaName, name: str, node: ast.AST) -> Value:
    """`cuda.name`, `cuda.threadIdx.x`, `cuda.shared.array`."""
    launch = _launch(scope, _name(f"{owner.path}.{name}".lstrip(".")), node)
    if owner.path in EXTENTS and name in AXES:
        values = {
            "threadIdx": launch.threads, "blockIdx": launch.blocks, "blockDim": launch.counts, "gridDim": launch.grid,
        }  # fmt: skip
        return values[owner.path][AXES.index(name)]
    if not owner.path and name == "warpsize":
        return integer(32)
    if not owner.path or owner.path in SPACES:
        found = _name(f"{owner.path}.{name}".lstrip("."))
        if owner.path or not (name in EXTENTS or name in SPACES or name in FUNCTIONS):
            if found.path not in FUNCTIONS:
                raise _refused(scope, found, node)
        return Static(found)
    raise scope.problem(f"'{owner.title}' has no attribute '{name}'", node, "use x, y or z")


def call(scope: Scope, name: CudaName, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
    """A call of something in `numba.cuda`."""
    _launch(scope, name, node)
    handler = FUNCTIONS.get(name.path)
    if handler is None:
        raise _refused(scope, name, node)
    return invoke(scope, name.title, handler, args, kwargs, node)


def _launch(scope: Scope, name: CudaName, node: ast.AST) -> Launch:
    launch = scope.context.launch
    if launch is None:
        hint = "decorate the kernel with srcgrad.cuda.kernel instead"
        raise scope.problem(f"'{name.title}' has a meaning in kernels only", node, hint)
    return launch


def _refused(scope: Scope, name: CudaName, node: ast.AST) -> UnsupportedError:
    """Why something in `numba.cuda` is not differentiable."""
    path, title = name.path, name.title
    first = path.split(".")[0]
    message, hint = f"'{title}' is not differentiable", "do it outside of the kernel"
    if path.startswith("atomic."):
        message, hint = f"'{title}' has no derivative", "use cuda.atomic.add, or reduce in shared memory"
    elif path.startswith(WARP):
        message = f"'{title}' passes values between the threads of a warp, which is not differentiable"
        hint = "pass them through shared memory, with cuda.syncthreads() in between"
    elif path in COUNTING:
        hint = "write the flags to shared memory, and use cuda.syncthreads()"
    elif first == "cg":
        message, hint = "cooperative groups are not differentiable", "launch a kernel for each part of the work"
    elif first == "const":
        message, hint = "arrays in constant memory are not differentiable", "pass the array as an argument"
    elif path.startswith("threadfence"):
        hint = "launch a kernel for each part of the work"
    return scope.problem(message, node, hint)


# -- what the names do -----------------------------------------------------------------------------------------------


def _grid(scope: Scope, node: ast.AST, /, ndim: Value) -> Value:
    """The thread's place in the grid: a number, or a tuple of two or three."""
    launch = _launch(scope, _name("grid"), node)
    places = [
        _plus(scope, _times(scope, b, n), t)
        for b, n, t in zip(launch.blocks, launch.counts, launch.threads, strict=True)
    ]
    return _first(scope, places, ndim, "cuda.grid", node)


def _gridsize(scope: Scope, node: ast.AST, /, ndim: Value) -> Value:
    """How many threads the grid has along each axis."""
    launch = _launch(scope, _name("gridsize"), node)
    sizes = [_times(scope, g, n) for g, n in zip(launch.grid, launch.counts, strict=True)]
    return _first(scope, sizes, ndim, "cuda.gridsize", node)


def _times(scope: Scope, a: Atom, b: Atom) -> Atom:
    if ZERO in (a, b):
        return ZERO
    return a if b == ONE else b if a == ONE else scope.build.op("*", a, b)


def _plus(scope: Scope, a: Atom, b: Atom) -> Atom:
    return a if b == ZERO else b if a == ZERO else scope.build.op("+", a, b)


def _first(scope: Scope, values: list[Atom], ndim: Value, title: str, node: ast.AST) -> Value:
    if not (isinstance(ndim, Const) and ndim.value in (1, 2, 3)):
        message = f"'{title}' expects the number of axes, 1, 2 or 3, as a constant"
        raise scope.problem(message, node, f"write {title}(1)")
    return values[0] if ndim.value == 1 else Tuple(tuple(values[: ndim.value]))


def _syncthreads(scope: Scope, node: ast.AST, /) -> Value:
    scope.build.emit(Barrier(loc=scope.at(node)))
    return Static(None)


def _shared_array(scope: Scope, node: ast.AST, /, shape: Value, dtype: Value) -> Value:
    """One array for all threads of a block."""
    launch = _launch(scope, _name("shared.array"), node)
    known = launch.shared.get(node)
    if known is None:
        sizes = _sizes(scope, shape, "cuda.shared.array", node)
        if 0 in sizes:
            hint = "give cuda.shared.array its size as a constant"
            raise scope.problem("shared memory whose size the launch gives is not differentiable", node, hint)
        target = Var("", Array(builtins.dtype_name(scope, dtype, node), len(sizes)))
        known = launch.shared[node] = Alloc(target, "empty", tuple(integer(n) for n in sizes), loc=scope.at(node))
        scope.context.fresh.add(target)
        scope.context.shapes[target] = known.shape
    return known.target


def _local_array(scope: Scope, node: ast.AST, /, shape: Value, dtype: Value) -> Value:
    """An array of each thread's own."""
    sizes = _sizes(scope, shape, "cuda.local.array", node)
    return arrays.allocate(scope, "empty", builtins.dtype_name(scope, dtype, node), tuple(integer(n) for n in sizes))


def _sizes(scope: Scope, shape: Value, title: str, node: ast.AST) -> list[int]:
    items = shape.items if isinstance(shape, Tuple) else (shape,)
    if not all(isinstance(n, Const) and is_integer(n.type) for n in items):
        hint = "use numbers, or globals and closure variables that hold numbers"
        raise scope.problem(f"the shape of '{title}' must be constant", node, hint)
    return [n.value for n in items]


def _atomic_add(scope: Scope, node: ast.AST, /, array: Value, index: Value, value: Value) -> Value:
    return _added(scope, "cuda.atomic.add", (array, index, value), node, sign=1)


def _atomic_sub(scope: Scope, node: ast.AST, /, array: Value, index: Value, value: Value) -> Value:
    return _added(scope, "cuda.atomic.sub", (array, index, value), node, sign=-1)


def _added(scope: Scope, title: str, values: tuple[Value, Value, Value], node: ast.AST, *, sign: int) -> Value:
    """Add to an element: threads may meet in it."""
    array, index, value = values
    if not getattr(node, "is_statement", False):
        hint = "call it for its effect, in a line of its own"
        raise scope.problem(f"the result of '{title}' depends on which thread comes first", node, hint)
    items = index.items if isinstance(index, Tuple) else (index,)
    value = expressions.number_of(scope, value)
    if not is_array(array) or array.type.ndim != len(items) or not is_scalar(value):
        what = f"'{title}' does not take {describe(array)} with {len(items)} indices, and {describe(value)}"
        raise scope.problem(what, node, f"write {title}(array, index, number)")
    arrays.check_writable(scope, array, node)
    places = tuple(subscripts.index_part(scope, i, node) for i in items)
    if not all(is_scalar(i) for i in places):
        raise scope.problem(f"'{title}' adds to one element", node, "give an index for each axis, and write a loop")
    value = value if sign > 0 else scope.build.op("neg", value)
    scope.build.emit(Increment(array, places, strong(value), "atomic", loose=True, loc=scope.at(node)))
    return Static(None)


def _fma(scope: Scope, node: ast.AST, /, a: Value, b: Value, c: Value) -> Value:
    op = scope.build.op
    return op("+", op("*", *(expressions.number_of(scope, v) for v in (a, b))), expressions.number_of(scope, c))


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "grid": _grid, "gridsize": _gridsize, "syncthreads": _syncthreads, "shared.array": _shared_array,
    "local.array": _local_array, "atomic.add": _atomic_add, "atomic.sub": _atomic_sub, "fma": _fma,
}  # fmt: skip
