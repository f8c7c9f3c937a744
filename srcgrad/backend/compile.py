"""From text to something that can be called."""

from __future__ import annotations

import ast
import hashlib
import linecache
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numba
import numpy as np
from numba.core.errors import NumbaError

from srcgrad.backend.device import on_device
from srcgrad.backend.lowering import TEXTS, Compiler
from srcgrad.backend.memory import quarter_of_memory
from srcgrad.backend.objects import ObjectCache
from srcgrad.backend.threads import on_threads
from srcgrad.errors import Problem, SrcgradError, UnsupportedError
from srcgrad.ir.location import Location
from srcgrad.ir.printed import Printed

IMPORT = "from numba import prange"
# Only what is written as a parallel loop is one: whether to share out an array expression has been decided before.
PARALLEL = dict.fromkeys(
    ("comprehension", "reduction", "inplace_binop", "setitem", "numpy", "stencil", "fusion"), False
) | {"prange": True}

Lines = Callable[[], tuple[Location, ...]]
Target = Literal["cpu", "cuda", "python"]


@dataclass(frozen=True)
class Options:
    """How to compile: Numba's options of the same names, and the target."""

    target: Target = "cpu"
    fastmath: Any = False
    boundscheck: bool | None = None
    cache: bool = True
    error_model: str = "numpy"
    nogil: bool = False
    parallel: bool = False
    deterministic: bool = False  # what threads of a GPU add to one element is added up in a fixed order
    memory_budget: int = field(default_factory=quarter_of_memory)  # bytes of a tape; beyond, loops are checkpointed

    def changed(self, **options: Any) -> Options:
        return replace(self, **options)

    def numba_options(self) -> dict[str, Any]:
        out: dict[str, Any] = {"error_model": self.error_model, "nogil": self.nogil}
        if self.fastmath:
            out["fastmath"] = set(self.fastmath) if isinstance(self.fastmath, frozenset) else self.fastmath
        if self.boundscheck is not None:
            out["boundscheck"] = self.boundscheck
        return out


class Compiled:
    """A function that can be called; compile errors are reported at the user's line.

    Attributes:
        quick: the same without that.
        failures: the errors that `quick` raises where code cannot be compiled.
    """

    def __init__(self, quick: Callable[..., Any], failures: tuple[type[Exception], ...], lines: Lines) -> None:
        self.quick, self.failures, self.lines = quick, failures, lines

    def __call__(self, *args: Any) -> Any:
        try:
            return self.quick(*args)
        except self.failures as error:
            raise self.mapped(error) from error

    def mapped(self, error: Exception) -> SrcgradError:
        """One of `failures` as an error at the user's line."""
        number = getattr(getattr(error, "loc", None), "line", 0) or 0
        lines = self.lines()
        at = lines[number - 1] if 0 < number <= len(lines) else None
        text = str(error).strip().splitlines()
        said = [t.strip() for t in text if t.strip() and not t.startswith("Failed in")] or ["it gave no reason"]
        first = f"{said[0]} {said[1].lstrip('> ')}" if said[0].endswith(":") and len(said) > 1 else said[0]
        hint = "the exception that caused this one is Numba's, with its full message"
        return UnsupportedError(Problem(f"Numba cannot compile this: {first}", at, hint))


def compile_text(printed: Printed, options: Options, lines: Lines) -> Compiled:
    """The function that `printed` defines: run as it is for the target "python", else compiled by Numba when called.

    `lines` gives the user's line for each line of the text, where that is needed. The text is registered with
    `linecache`, so that tracebacks and debuggers show it.
    """
    digest = hashlib.sha256(repr(printed.identity).encode()).hexdigest()[:16]
    filename = f"<srcgrad {printed.name} {digest}>"
    linecache.cache[filename] = (len(printed.text), None, printed.text.splitlines(keepends=True), filename)
    if options.target != "cpu":
        namespace = _executed(printed, filename)
        if options.target == "python":
            return Compiled(_quiet(namespace[printed.name]), (), lines)
        function, failures = on_device(printed, namespace, options.fastmath)
        return Compiled(_quiet(function), failures, lines)
    # a module of its own: compiled code from the cache finds its globals by the name of the module
    module = types.ModuleType(f"srcgrad_generated_{printed.name}_{digest}")
    module.__file__ = filename
    sys.modules[module.__name__] = module
    exec(compile(printed.text, filename, "exec"), module.__dict__)
    TEXTS[filename] = printed
    for helper in printed.helpers:
        module.__dict__[helper] = numba.njit(pipeline_class=Compiler, **options.numba_options())(
            module.__dict__[helper]
        )
    own = options.numba_options()
    if IMPORT in printed.text:
        own["parallel"] = PARALLEL
    dispatcher = numba.njit(pipeline_class=Compiler, **own)(module.__dict__[printed.name])
    if options.cache:
        dispatcher._cache = ObjectCache(repr((printed.identity, sorted(options.numba_options().items(), key=str))))
    return Compiled(on_threads(dispatcher) if "parallel" in own else dispatcher, (NumbaError,), lines)


class _Solid(ast.NodeTransformer):
    """Float literals as float64 numbers: in compiled code they do not give way to a float32 partner."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {"float": np.float64}

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if type(node.value) is not float:
            return node
        name = f"literal_{len(self.values)}"
        self.values[name] = np.float64(node.value)
        return ast.copy_location(ast.Name(name, ast.Load()), node)


def _executed(printed: Printed, filename: str) -> dict[str, Any]:
    """The names that generated text defines, as plain Python."""
    solid = _Solid()
    tree = solid.visit(ast.parse(printed.text, filename))
    namespace: dict[str, Any] = {"__name__": "srcgrad_generated", **solid.values}
    exec(compile(tree, filename, "exec"), namespace)
    return namespace


def _quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with NumPy's warnings off: compiled code gives none either."""

    def call(*args: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*args)

    return call
