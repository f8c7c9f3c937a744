"""From text to something that can be called."""

from __future__ import annotations

import ast
import hashlib
import linecache
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numba
import numpy as np
from numba.core import config
from numba.core.errors import NumbaError

from srcgrad.backend.lowering import TEXTS, Compiler
from srcgrad.backend.memory import quarter_of_memory
from srcgrad.errors import Problem, SrcgradError, UnsupportedError
from srcgrad.ir.printer import Printed

Target = Literal["cpu", "python"]


@dataclass(frozen=True)
class Options:
    """How to compile: Numba's options of the same names, and the target."""

    target: Target = "cpu"
    fastmath: Any = False
    boundscheck: bool | None = None
    cache: bool = False
    error_model: str = "numpy"
    nogil: bool = False
    memory_budget: int = field(default_factory=quarter_of_memory)  # bytes of a tape; beyond, loops are checkpointed

    def changed(self, **options: Any) -> Options:
        return replace(self, **options)

    def numba_options(self) -> dict[str, Any]:
        out: dict[str, Any] = {"error_model": self.error_model, "nogil": self.nogil, "cache": self.cache}
        if self.fastmath:
            out["fastmath"] = set(self.fastmath) if isinstance(self.fastmath, frozenset) else self.fastmath
        if self.boundscheck is not None:
            out["boundscheck"] = self.boundscheck
        return out


def compile_text(printed: Printed, options: Options) -> Callable[..., Any]:
    """The function that `printed` defines: run as it is for the target "python", else compiled by Numba when called.

    The text is registered with `linecache`, so that tracebacks and debuggers show it.
    """
    digest = hashlib.sha256(printed.text.encode()).hexdigest()[:16]
    filename = f"<srcgrad {printed.name} {digest}>"
    if options.cache and options.target == "cpu":
        filename = str(_write(printed, digest))
    else:
        linecache.cache[filename] = (len(printed.text), None, printed.text.splitlines(keepends=True), filename)
    if options.target == "python":
        return _python(printed, filename)
    # a module of its own: Numba's cache finds a function again by the name of its module
    module = types.ModuleType(f"srcgrad_generated_{printed.name}_{digest}")
    module.__file__ = filename
    sys.modules[module.__name__] = module
    exec(compile(printed.text, filename, "exec"), module.__dict__)
    TEXTS[filename] = printed
    for helper in printed.helpers:
        module.__dict__[helper] = numba.njit(pipeline_class=Compiler, **options.numba_options())(
            module.__dict__[helper]
        )
    function = module.__dict__[printed.name]
    return _Mapped(numba.njit(pipeline_class=Compiler, **options.numba_options())(function), printed)


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


def _python(printed: Printed, filename: str) -> Callable[..., Any]:
    """Generated text as plain Python, with NumPy's warnings off: compiled code gives none either."""
    solid = _Solid()
    tree = solid.visit(ast.parse(printed.text, filename))
    namespace: dict[str, Any] = {"__name__": "srcgrad_generated", **solid.values}
    exec(compile(tree, filename, "exec"), namespace)
    function = namespace[printed.name]

    def call(*args: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*args)

    return call


def _write(printed: Printed, digest: str) -> Path:
    """Put the text into the cache folder, in a file named after its content, for Numba's cache to find it by."""
    root = Path(config.CACHE_DIR) if config.CACHE_DIR else Path.home() / ".cache" / "srcgrad"
    folder = root / "generated"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{printed.name}_{digest}.py"
    if not path.exists() or path.read_text() != printed.text:
        partial = path.with_suffix(f".{id(printed)}.tmp")
        partial.write_text(printed.text)
        partial.replace(path)
    return path


class _Mapped:
    """A Numba dispatcher whose compile errors are reported at the user's line."""

    def __init__(self, dispatcher: Any, printed: Printed) -> None:
        self.dispatcher, self.printed = dispatcher, printed

    def __call__(self, *args: Any) -> Any:
        try:
            return self.dispatcher(*args)
        except NumbaError as error:
            raise self.mapped(error) from error

    def mapped(self, error: NumbaError) -> SrcgradError:
        line = getattr(getattr(error, "loc", None), "line", 0) or 0
        at = self.printed.lines[line - 1] if 0 < line <= len(self.printed.lines) else None
        text = str(error).strip().splitlines()
        lines = [t.strip() for t in text if t.strip() and not t.startswith("Failed in")] or ["it gave no reason"]
        first = f"{lines[0]} {lines[1].lstrip('> ')}" if lines[0].endswith(":") and len(lines) > 1 else lines[0]
        hint = "the exception that caused this one is Numba's, with its full message"
        return UnsupportedError(Problem(f"Numba cannot compile this: {first}", at, hint))
