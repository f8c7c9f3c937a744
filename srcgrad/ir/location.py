"""Where in the user's file a statement comes from."""

from __future__ import annotations

import ast
import linecache
from dataclasses import dataclass


@dataclass(frozen=True)
class Location:
    """A span of the user's source: 1-based lines, 0-based columns."""

    filename: str = "<generated>"
    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0

    @classmethod
    def of(cls, node: ast.AST, filename: str) -> Location:
        line = getattr(node, "lineno", 0)
        column = _characters(filename, line, getattr(node, "col_offset", 0))
        end_line = getattr(node, "end_lineno", None) or line
        end = getattr(node, "end_col_offset", None)
        end_column = column + 1 if end is None else _characters(filename, end_line, end)
        return cls(filename, line, column, end_line, end_column)

    def text(self) -> str:
        """The user's line, without its line break."""
        return linecache.getline(self.filename, self.line).rstrip("\n")


def _characters(filename: str, line: int, column: int) -> int:
    """A column in characters; syntax trees count the bytes of UTF-8."""
    text = linecache.getline(filename, line)
    return column if text.isascii() else len(text.encode()[:column].decode(errors="ignore"))


NOWHERE = Location()
