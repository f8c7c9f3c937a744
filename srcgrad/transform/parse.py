"""Find the syntax tree of a function in its source file."""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import textwrap
import time
import types
from dataclasses import dataclass
from pathlib import Path

from srcgrad.errors import Problem, UnsupportedError

_STARTED = time.time()


@dataclass(frozen=True)
class Source:
    """A function's syntax tree. Its line and column numbers are those of the user's file."""

    node: ast.FunctionDef | ast.Lambda
    filename: str


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
        work = [compile(text, code.co_filename, "exec", dont_inherit=True)]
    except SyntaxError:
        return True
    while work:
        for const in work.pop().co_consts:
            if isinstance(const, types.CodeType):
                work.append(const)
                if (const.co_name, const.co_firstlineno) == (code.co_name, code.co_firstlineno):
                    return const.co_code != code.co_code or const.co_names != code.co_names
    return True


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

    def compiled(node: ast.FunctionDef | ast.Lambda) -> types.CodeType | None:
        body = ast.Expression(node) if isinstance(node, ast.Lambda) else ast.Module([node], [])
        outer = compile(body, code.co_filename, "eval" if isinstance(node, ast.Lambda) else "exec")
        return next((c for c in outer.co_consts if isinstance(c, types.CodeType)), None)

    def shape(c: types.CodeType | None) -> tuple | None:
        return c and (c.co_consts, c.co_names, c.co_varnames, len(c.co_code))

    same = [n for n in candidates if shape(compiled(n)) == shape(code)]
    if not same or len({ast.dump(n) for n in same}) > 1:
        problem = Problem(
            f"line {code.co_firstlineno} of {code.co_filename} holds several lambdas that cannot be told apart",
            hint="put each on a line of its own, or use def",
        )
        raise UnsupportedError(problem)
    return same


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
