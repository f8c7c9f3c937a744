"""Find the syntax tree of a function in its source file."""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import textwrap
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from srcgrad.errors import Problem, UnsupportedError

_STARTED = time.time()


@dataclass(frozen=True)
class Source:
    """A function's syntax tree. Its line and column numbers are those of the user's file."""

    node: ast.FunctionDef | ast.Lambda
    filename: str


_NOTED: ContextVar[set[types.FunctionType] | None] = ContextVar("noted", default=None)


@contextmanager
def noted_sources() -> Iterator[set[types.FunctionType]]:
    """The functions whose source is asked for while the context is open."""
    functions: set[types.FunctionType] = set()
    token = _NOTED.set(functions)
    try:
        yield functions
    finally:
        _NOTED.reset(token)


def note(function: types.FunctionType) -> None:
    """The source of `function` is asked for."""
    noted = _NOTED.get()
    if noted is not None:
        noted.add(function)


def parse(function: types.FunctionType) -> Source:
    """The syntax tree of `function`.

    Works for whatever `linecache` has the source of: files, notebooks, the REPL from Python 3.13 on.

    Raises:
        UnsupportedError: the source cannot be had, or a line holds several lambdas that cannot be told apart.

    >>> isinstance(parse(parse).node, ast.FunctionDef)
    True
    """
    code = function.__code__
    lines = linecache.getlines(code.co_filename, function.__globals__)
    tree = _tree(code.co_filename, "".join(lines)) if lines else None
    candidates = _candidates(tree, code) if tree is not None else []
    if not candidates:
        candidates = _from_inspect(function)
    if not candidates:
        raise UnsupportedError(
            Problem(
                f"the source of '{function.__name__}' cannot be found",
                hint="define it in a file or a notebook cell; functions made by exec need an entry in linecache",
            )
        )
    if len(candidates) > 1:
        candidates = _narrow(candidates, code)
    if lines and _is_edited(code, "".join(lines)):
        problem = Problem(
            f"{code.co_filename} was edited after '{function.__name__}' was loaded from it",
            hint="restart Python, or reload the module",
        )
        raise UnsupportedError(problem)
    return Source(candidates[0], code.co_filename)


def _is_edited(code: types.CodeType, text: str) -> bool:
    """Whether the source of a function is newer than this process, and compiles to something else than runs."""
    try:
        newer = Path(code.co_filename).stat().st_mtime > _STARTED
    except OSError:
        return False
    if not newer:
        return False
    try:
        module = compile(text, code.co_filename, "exec", dont_inherit=True)
    except SyntaxError:
        return True
    return all(_place(c) != _place(code) or _meaning(c) != _meaning(code) for c in _codes(module))


@functools.lru_cache(maxsize=64)
def _tree(filename: str, text: str) -> ast.Module | None:
    try:
        return ast.parse(text, filename)
    except SyntaxError:  # a file changed since it was imported, or a notebook cell with magics
        return None


def _candidates(tree: ast.Module, code: types.CodeType) -> list[ast.FunctionDef | ast.Lambda]:
    found: list[ast.FunctionDef | ast.Lambda] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == code.co_name:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            if first == code.co_firstlineno:
                found.append(node)
        elif isinstance(node, ast.Lambda) and code.co_name == "<lambda>" and node.lineno == code.co_firstlineno:
            found.append(node)
    return found


def _narrow(candidates: list, code: types.CodeType) -> list:
    """The one of several functions on a line that `code` was compiled from."""
    if hasattr(code, "co_positions"):  # Python 3.11
        spans = [p for p in code.co_positions() if None not in p and p[2] != p[3]]
        around = [n for n in candidates if all(_covers(n, span) for span in spans)]
        if around and spans:
            return [max(around, key=lambda n: (n.lineno, n.col_offset))]  # the innermost

    candidates = sorted(candidates, key=lambda n: (n.lineno, n.col_offset))
    # Python 3.10: the k-th lambda of the line in the compiled file is the k-th in the syntax tree
    text = "".join(linecache.getlines(code.co_filename))
    module = compile(text, code.co_filename, "exec", dont_inherit=True)
    on_line = [c for c in _codes(module) if _place(c) == _place(code)]
    same = [n for n, c in zip(candidates, on_line, strict=False) if _meaning(c) == _meaning(code)]
    if len(on_line) != len(candidates):  # lambdas of one text share one code object
        candidates = list({ast.dump(n): n for n in reversed(candidates)}.values())[::-1]
        same = [n for n, c in zip(candidates, on_line, strict=False) if _meaning(c) == _meaning(code)]
    if len(on_line) != len(candidates) or not same:
        problem = Problem(
            f"line {code.co_firstlineno} of {code.co_filename} holds several lambdas that cannot be told apart",
            hint="put each on a line of its own, or use def",
        )
        raise UnsupportedError(problem)
    return same[:1]


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """The code objects inside another, in the order of the source."""
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield const
            yield from _codes(const)


def _place(code: types.CodeType) -> tuple[str, int]:
    return code.co_name, code.co_firstlineno


def _meaning(code: types.CodeType) -> tuple[object, ...]:
    plain = tuple(repr(c) for c in code.co_consts if not isinstance(c, types.CodeType))
    return code.co_code, plain, code.co_names, code.co_varnames, code.co_freevars


def _covers(node: ast.FunctionDef | ast.Lambda, span: tuple[int, int, int, int]) -> bool:
    """Whether an instruction's place in the source is inside a function."""
    line, end_line, column, end_column = span
    first, last = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
    return first <= (line, column) and (end_line, end_column) <= last  # type: ignore[operator]


def _from_inspect(function: types.FunctionType) -> list[ast.FunctionDef | ast.Lambda]:
    """A fall-back for sources that are no whole file: the lines of the function alone, dedented."""
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return []
    ast.increment_lineno(tree, max(first, 1) - 1)
    name = function.__name__
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == name]
