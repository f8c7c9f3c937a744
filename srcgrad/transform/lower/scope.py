"""Scopes and name lookup while lowering; what is captured from globals and closures."""

from __future__ import annotations

import ast
import builtins
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from operator import getitem
from typing import Any

import numpy as np

from srcgrad.errors import Problem, UnsupportedError
from srcgrad.ir.location import Location
from srcgrad.ir.nodes import Atom, Const, Effect, If, Var
from srcgrad.ir.types import BOOL, FLOAT64, INT64, Array, Scalar
from srcgrad.transform.build import Builder
from srcgrad.transform.lower.values import PENDING, POISON, UNBOUND, Mismatch, Static, Tuple, Value
from srcgrad.transform.simt.launch import Launch

FLOAT_KINDS = ("float64", "float32")
LIBRARIES = ("math", "numpy")  # their attributes do not change between calls
OWN = ("srcgrad.numpy_lib", "srcgrad.rules", "srcgrad.runtime")  # neither do the names in what we define ourselves


@dataclass(frozen=True)
class Capture:
    """A global or closure variable that a function reads.

    `read` reads it again; a compiled version is valid as long as it gives the same `value` (scalars: equal; functions
    and other objects: identical). For an array, `var` is the hidden parameter through which it is passed.
    """

    name: str
    read: Callable[[], Any]
    value: Any
    var: Var | None = None
    key: Any = None  # what tells this variable from others


class PoisonedError(Exception):
    """A value was needed that an error already reported has made unavailable."""


@dataclass
class Context:
    """What all scopes of one lowering share."""

    build: Builder = field(default_factory=Builder)
    problems: list[Problem] = field(default_factory=list)
    captures: dict[Any, Capture] = field(default_factory=dict)
    calls: list[Any] = field(default_factory=list)
    bases: dict[Var, Var] = field(default_factory=dict)  # view -> what it is a view of
    fresh: set[Var] = field(default_factory=set)  # arrays allocated by the function
    params: set[Var] = field(default_factory=set)
    outlined: dict[Any, Any] = field(default_factory=dict)  # long helpers by themselves
    lower: Callable[..., Any] | None = None
    pending: set[str] = field(default_factory=set)  # names read before this iteration bound them
    shapes: dict[Var, tuple[Atom, ...]] = field(default_factory=dict)  # of arrays, as far as they are known
    placements: dict[Var, Any] = field(default_factory=dict)  # how views lie in the arrays that they are views of
    hints: dict[Var, tuple[int, tuple[int, ...]]] = field(default_factory=dict)  # parameter -> its number and shape
    facts: set[str] = field(default_factory=set)  # what was used of the hints, as conditions on the arguments
    canonical: dict[Any, Atom] = field(default_factory=dict)  # the first atom for each size of the hints
    trusted: bool = False  # whether shapes are known to fit, in rules of our own
    counters: set[Var] = field(default_factory=set)  # loop indices that are never negative
    frozen: dict[Var, str] = field(default_factory=dict)  # arrays that may not be written any more, and why
    written: set[Var] = field(default_factory=set)  # the roots of arrays written so far
    launch: Launch | None = None  # of a kernel


@dataclass(eq=False)
class Scope:
    """The names of one function being lowered, and where to look for others."""

    context: Context
    filename: str
    local: frozenset[str]
    env: dict[str, Value]
    function: types.FunctionType | None = None
    parent: Scope | None = None
    growing: frozenset[str] = frozenset()  # names of lists that loops change
    private: frozenset[str] = frozenset()  # names of lists that have no other name
    depth: int = 0  # how many blocks were open where the function's body starts
    call_site: Location | None = None  # code of our own library is reported at the call

    @property
    def build(self) -> Builder:
        return self.context.build

    # -- errors ------------------------------------------------------------------------------------------------

    def at(self, node: ast.AST) -> Location:
        return self.call_site or Location.of(node, self.filename)

    def problem(self, message: str, node: ast.AST, hint: str = "") -> UnsupportedError:
        """An error at the user's line, to be raised by the caller."""
        return UnsupportedError(Problem(message, self.at(node), hint))

    # -- names -------------------------------------------------------------------------------------------------

    def bind(self, name: str, value: Value) -> None:
        self.env[name] = value
        self.env.pop(flag_of(name), None)

    def lookup(self, name: str, node: ast.AST) -> Value:
        if name in self.local:
            value = self.env.get(name, UNBOUND)
            if value is UNBOUND:
                hint = "give it a value before the branch or loop"
                raise self.problem(f"'{name}' may be read before it has a value", node, hint)
            if value is PENDING:
                self.context.pending.add(name)
                raise PoisonedError
            if value is POISON:
                raise PoisonedError
            if isinstance(value, Mismatch):
                what = f"'{name}'" if name else "this expression"
                if getattr(node, "always_bound", False):
                    what = "what the function returns"
                message = f"{what} is {value.one} on one path and {value.other} on another"
                raise self.problem(message, node, "give it one type on all paths")
            self._check_bound(name, node)
            return value
        if self.parent is not None:
            return self.parent.lookup(name, node)
        assert self.function is not None
        return self._captured(self.function, name, node)

    def _check_bound(self, name: str, node: ast.AST) -> None:
        """Raise at run time, as Python does, where the path that was taken has not bound the name."""
        bound = self.env.get(flag_of(name))
        if bound is None or getattr(node, "always_bound", False):
            return
        error = Effect(f"raise UnboundLocalError({name!r})", (), loc=self.at(node))
        self.build.emit(If(self.build.op("not", bound), (error,), (), (), loc=self.at(node)))
        del self.env[flag_of(name)]

    def _captured(self, function: types.FunctionType, name: str, node: ast.AST) -> Value:
        if name in function.__code__.co_freevars:
            cell = (function.__closure__ or ())[function.__code__.co_freevars.index(name)]
            try:
                _ = cell.cell_contents
            except ValueError:
                raise self.problem(f"'{name}' has no value yet", node, "define it before the call") from None
            return self.capture(name, partial(getattr, cell, "cell_contents"), ("cell", id(cell)), node)
        names = function.__globals__
        if name in names and str(names.get("__name__")).startswith(OWN):
            return wrap(names[name], None)
        if name in names:
            return self.capture(name, partial(getitem, names, name), ("global", id(names), name), node)
        if hasattr(builtins, name):
            return Static(getattr(builtins, name))
        raise self.problem(f"the name '{name}' is not defined", node, "check its spelling")

    def capture(self, name: str, read: Callable[[], Any], key: Any, node: ast.AST) -> Value:
        """The value of something outside the function, noted so that later calls can check it."""
        value = read()
        known = self.context.captures.get(key)
        if known is not None and known.var is not None:
            return known.var
        if isinstance(value, np.ndarray):
            if value.dtype.name not in (*FLOAT_KINDS, "bool") and value.dtype.kind not in "iu":
                raise self.problem(f"'{name}' is an array of {value.dtype}", node, "use a float or integer array")
            layout = "C" if value.flags.c_contiguous else "F" if value.flags.f_contiguous else "A"
            var = Var(name, Array(value.dtype.name, value.ndim, layout))
            self.context.captures[key] = Capture(name, read, None, var, key)
            return var
        if isinstance(value, types.ModuleType):
            if value.__name__.split(".")[0] not in LIBRARIES:
                self.context.captures[key] = Capture(name, read, value, None, key)
            return Static(value, read)
        if isinstance(value, tuple) and _holds_array(value):
            cls = type(value) if hasattr(value, "_fields") else None
            parts = [self.capture(f"{name}_{k}", _item_of(read, k), (*key, k), node) for k in range(len(value))]
            return Tuple(tuple(parts), cls)
        self.context.captures[key] = Capture(name, read, value, None, key)
        return wrap(value, read)

    def attribute_of(self, owner: Static, attribute: str, node: ast.AST) -> Value:
        """`owner.attribute` of a Python object or module."""
        if not hasattr(owner.object, attribute):
            kind = getattr(owner.object, "__name__", type(owner.object).__name__)
            raise self.problem(f"'{kind}' has no attribute '{attribute}'", node, "check its spelling")
        value = getattr(owner.object, attribute)
        module = owner.object.__name__ if isinstance(owner.object, types.ModuleType) else ""
        library = module.split(".")[0] in LIBRARIES or module.startswith(OWN)
        if library or isinstance(owner.object, np.dtype | np.finfo | np.iinfo | np.ufunc):
            return wrap(value, None)
        origin = owner.object
        outer = owner.path

        def read() -> Any:
            return getattr(outer() if outer is not None else origin, attribute)

        return self.capture(attribute, read, ("attribute", id(origin), attribute), node)


def flag_of(name: str) -> str:
    """The name of the bool that says, where it is not certain, whether a name is bound."""
    return f"{name}?"


def _holds_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) or (isinstance(value, tuple) and any(_holds_array(v) for v in value))


def wrap(value: Any, path: Callable[[], Any] | None) -> Value:
    """A Python object as a value."""
    if isinstance(value, bool | np.bool_):
        return Const(bool(value), BOOL)
    if isinstance(value, np.integer | np.floating):
        return Const(value.item(), Scalar(value.dtype.name) if value.dtype.kind == "f" else INT64)
    if isinstance(value, int):
        return Const(int(value), INT64)  # also what an IntEnum stands for
    if isinstance(value, float):
        return Const(float(value), FLOAT64)
    if isinstance(value, tuple):
        cls = type(value) if hasattr(value, "_fields") else None
        return Tuple(tuple(wrap(v, path and _item_of(path, k)) for k, v in enumerate(value)), cls)
    return Static(value, path)


def _item_of(path: Callable[[], Any], k: int) -> Callable[[], Any]:
    return lambda: path()[k]


def growing_names(nodes: list[ast.stmt]) -> frozenset[str]:
    """The names that some loop calls `append` on, or stores elements of."""
    loops = [n for node in nodes for n in ast.walk(node) if isinstance(n, ast.For | ast.While)]
    inside = [n for loop in loops for n in ast.walk(loop)]
    owners = [n.value for n in inside if isinstance(n, ast.Attribute) and n.attr == "append"]
    owners += [n.value for n in inside if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store)]
    return frozenset(o.id for o in owners if isinstance(o, ast.Name))


READERS = ("len", "sum", "min", "max", "enumerate", "zip", "reversed")


def private_lists(nodes: list[ast.stmt]) -> frozenset[str]:
    """The names that stand for list displays and are only indexed, appended to, looped over or measured.

    Such a list has no other name, so that changing it is rebinding its name.
    """
    made: set[str] = set()
    allowed: set[int] = set()
    everywhere = [n for node in nodes for n in ast.walk(node)]
    for n in everywhere:
        match n:
            case ast.Assign(
                targets=[ast.Name() as name], value=ast.List() | ast.Call(func=ast.Name(id="list"))
            ):  # fmt: skip
                made.add(name.id)
                allowed.add(id(name))
            case ast.Subscript(value=ast.Name() as name) | ast.For(iter=ast.Name() as name):
                allowed.add(id(name))
            case ast.Attribute(value=ast.Name() as name, attr="append"):
                allowed.add(id(name))
            case ast.Call(func=ast.Name(id=function), args=args) if function in READERS:
                allowed.update(id(a) for a in args)
            case ast.Call(func=ast.Attribute(attr="array" | "asarray"), args=args):
                allowed.update(id(a) for a in args)
    inner = [n for f in everywhere if isinstance(f, ast.FunctionDef | ast.Lambda) for n in ast.walk(f)]
    other = {n.id for n in everywhere if isinstance(n, ast.Name) and id(n) not in allowed}
    return frozenset(made - other - {n.id for n in inner if isinstance(n, ast.Name)})


def assigned_names(nodes: list[ast.stmt], *, appended: bool = True) -> list[str]:
    """The names that statements bind, in order, not counting those of inner functions.

    `appended` counts what `append` is called on too, because a list that grows is another list.
    """
    found: dict[str, None] = {}

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = None
            return
        if isinstance(node, ast.Lambda):
            return
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found[node.id] = None
        if appended and isinstance(node, ast.Attribute) and node.attr == "append" and isinstance(node.value, ast.Name):
            found[node.value.id] = None
        for child in ast.iter_child_nodes(node):
            visit(child)

    for node in nodes:
        visit(node)
    return list(found)
