"""`print` and `raise`: they happen once, in the forward sweep."""

from __future__ import annotations

import ast
import builtins
import re

from srcgrad.ir.nodes import Atom, Effect, If
from srcgrad.transform.build import strong
from srcgrad.transform.lower import expressions
from srcgrad.transform.lower.builtins import handles
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.signatures import title
from srcgrad.transform.lower.values import FormattedText, Static, Tuple, Value, describe, is_atom


@handles(builtins.print)
def _print(scope: Scope, node: ast.AST, /, *values: Value) -> Value:
    text, atoms = formatted(scope, list(values), node)
    scope.build.emit(Effect(f"print({text})", atoms, loc=scope.at(node)))
    return Static(None)


def formatted(scope: Scope, args: list[Value], node: ast.AST) -> tuple[str, tuple]:
    """The arguments of a call as a format string, and the atoms for it."""
    parts: list[str] = []
    atoms: list = []
    for value in args:
        if isinstance(value, FormattedText):
            # piece by piece, because compiled f-strings show no floats; the pieces are set apart by spaces
            for k, piece in enumerate(re.split(r"\{\{\{(\d+)\}\}\}", value.text)):
                if k % 2:
                    parts.append("{" + str(len(atoms)) + "}")
                    atoms.append(value.args[int(piece)])
                elif piece.strip():
                    text = piece.strip().replace("{{", "{").replace("}}", "}")
                    parts.append(repr(text).replace("{", "{{").replace("}", "}}"))
        elif isinstance(value, Static) and isinstance(value.object, str | type(None)):
            parts.append(repr(value.object).replace("{", "{{").replace("}", "}}"))
        elif is_atom(value):
            parts.append("{" + str(len(atoms)) + "}")
            atoms.append(value)
        else:
            what = f"'{title(value.object)}'" if isinstance(value, Static) else describe(value)
            hint = "print its items" if isinstance(value, Tuple) else "print numbers and text"
            raise scope.problem(f"{what} cannot be printed", node, hint)
    return ", ".join(parts), tuple(strong(a) for a in atoms)


def assertion(scope: Scope, cond: Atom, stmt: ast.Assert) -> None:
    """`assert cond, message`."""
    if stmt.msg is None:
        scope.build.emit(Effect("assert {0}", (cond,), loc=scope.at(stmt)))
        return
    text, atoms = formatted(scope, [expressions.expression(scope, stmt.msg)], stmt)
    error = Effect(f"raise AssertionError({text})", atoms, loc=scope.at(stmt))
    failed = scope.build.op("not", cond)
    scope.build.emit(If(failed, (error,), (), (), loc=scope.at(stmt)))


def raise_statement(scope: Scope, stmt: ast.Raise) -> None:
    """`raise Error(...)`, with a class that the generated text can import."""
    if stmt.exc is None or stmt.cause is not None:
        raise scope.problem("'raise' expects an exception and no cause here", stmt, "write raise ValueError(...)")
    call = stmt.exc if isinstance(stmt.exc, ast.Call) else None
    cls = expressions.expression(scope, call.func if call else stmt.exc)
    error = cls.object if isinstance(cls, Static) else None
    if not (isinstance(error, type) and issubclass(error, Exception)):
        raise scope.problem("'raise' expects an exception class", stmt, "write raise ValueError(...)")
    if call is not None and (call.keywords or any(isinstance(a, ast.Starred) for a in call.args)):
        raise scope.problem("an exception takes plain arguments here", stmt, "pass a text and numbers, one by one")
    args = [expressions.expression(scope, a) for a in call.args] if call else []
    text, atoms = formatted(scope, args, stmt)
    if scope.call_site is not None and len(scope.build.stack) == scope.depth and not atoms:
        message = args[0].object if args and isinstance(args[0], Static) else error.__name__
        raise scope.problem(str(message).rstrip("."), stmt, "check the arguments")
    imports = ()
    if error.__module__ != "builtins":
        if error.__qualname__ != error.__name__ or error.__module__ == "__main__":
            hint = "raise a built-in exception, or one defined at the top of an imported module"
            raise scope.problem(f"generated code cannot import '{error.__name__}'", stmt, hint)
        imports = (f"from {error.__module__} import {error.__name__}",)
    scope.build.emit(Effect(f"raise {error.__name__}({text})", atoms, imports, loc=scope.at(stmt)))
