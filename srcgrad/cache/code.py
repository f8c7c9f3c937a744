"""What a function is: its code and the text that it was compiled from."""

from __future__ import annotations

import linecache
import types
from collections.abc import Iterator
from typing import Any


def code_text(function: types.FunctionType) -> str:
    """The code of a function and its source lines, without where in its file they stand.

    The code alone would nearly do; the lines are what the compiler reads.
    """
    code = function.__code__
    last = max(_lines(code), default=code.co_firstlineno)
    lines = linecache.getlines(code.co_filename, function.__globals__)[code.co_firstlineno - 1 : last]
    return f"{function.__name__!r} {_code(code)!r} {''.join(lines)!r}"


def names_in(code: types.CodeType) -> Iterator[str]:
    """The names of globals and attributes that a function and those inside it use; also what `getattr` may be given."""
    yield from code.co_names
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from names_in(const)
        elif isinstance(const, str) and const.isidentifier():
            yield const


def global_names(code: types.CodeType) -> set[str]:
    """The names that may be globals in a function or those inside it."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return set(code.co_names).union(*(global_names(c) for c in inner))


def _lines(code: types.CodeType) -> Iterator[int]:
    yield from (line for _, _, line in code.co_lines() if line is not None)
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _lines(const)


def _code(code: types.CodeType) -> tuple[Any, ...]:
    return (
        code.co_code, code.co_linetable, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars,
        code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags, code.co_name,
        tuple(_constant(c) for c in code.co_consts),
    )  # fmt: skip


def _constant(value: Any) -> Any:
    if isinstance(value, types.CodeType):
        return _code(value)
    if isinstance(value, tuple):
        return tuple(_constant(v) for v in value)
    if isinstance(value, frozenset):
        return ("frozenset", sorted(repr(_constant(v)) for v in value))
    return f"{type(value).__name__} {value!r}"
