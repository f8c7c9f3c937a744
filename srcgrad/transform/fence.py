"""Refuse, before anything else runs, the syntax that cannot be differentiated: all of it at once, at its lines."""

from __future__ import annotations

import ast

from srcgrad.errors import Problem, UnsupportedError
from srcgrad.ir.location import Location
from srcgrad.transform.parse import Source

LOOP = "write a loop that fills an array"
REFUSED: dict[type, tuple[str, str]] = {
    ast.ListComp: ("list comprehensions are not differentiable", LOOP),
    ast.SetComp: ("set comprehensions are not differentiable", LOOP),
    ast.DictComp: ("dict comprehensions are not differentiable", LOOP),
    ast.GeneratorExp: ("generator expressions are not differentiable", "write a loop that adds up"),
    ast.Dict: ("dicts are not differentiable", "use a namedtuple or separate arguments"),
    ast.Set: ("sets are not differentiable", "use an array"),
    ast.Try: ("try statements are not differentiable", "test for the condition with if"),
    ast.With: ("with statements are not differentiable", "open the context around the call"),
    ast.AsyncWith: ("async code is not differentiable", "use plain loops and calls"),
    ast.AsyncFor: ("async code is not differentiable", "use plain loops and calls"),
    ast.AsyncFunctionDef: ("async code is not differentiable", "use plain loops and calls"),
    ast.Await: ("async code is not differentiable", "use plain loops and calls"),
    ast.Yield: ("generators are not differentiable", "fill an array and return it"),
    ast.YieldFrom: ("generators are not differentiable", "fill an array and return it"),
    ast.ClassDef: ("a class cannot be defined in a differentiable function", "use a namedtuple defined outside"),
    ast.Import: ("a module cannot be imported in a differentiable function", "import it at the top of the file"),
    ast.ImportFrom: ("a module cannot be imported in a differentiable function", "import it at the top of the file"),
    ast.Global: ("a differentiable function cannot write a global", "pass the value in and return the new one"),
    ast.Nonlocal: ("a differentiable function cannot write a name of its surroundings", "return the new value"),
    ast.Delete: ("'del' is not differentiable", "leave it out: unused values cost nothing"),
    ast.Match: ("match statements are not differentiable", "use if and elif"),
}
if hasattr(ast, "TryStar"):
    REFUSED[ast.TryStar] = REFUSED[ast.Try]


def fence(source: Source) -> None:
    """Check that `source` holds only syntax that a later stage knows.

    Raises:
        UnsupportedError: with one problem for each construct that is refused.

    >>> tree = ast.parse("def f(x):\\n    del x\\n    return [y for y in x]").body[0]
    >>> try:
    ...     fence(Source(tree, "model.py"))
    ... except UnsupportedError as error:
    ...     [p.message for p in error.problems]
    ["'del' is not differentiable", 'list comprehensions are not differentiable']
    """
    problems = list(_problems(source.node, source.filename))
    if problems:
        raise UnsupportedError(*problems)


def _problems(node: ast.AST, filename: str):
    if type(node) in REFUSED:
        message, hint = REFUSED[type(node)]
        yield Problem(message, Location.of(node, filename), hint)
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, bytes | complex):
        kind = "complex numbers" if isinstance(node.value, complex) else "bytes"
        yield Problem(f"{kind} are not differentiable", Location.of(node, filename), "use floats")
    if isinstance(node, ast.Starred) and isinstance(node.ctx, ast.Store):
        yield Problem("starred assignment is not differentiable", Location.of(node, filename), "name each element")
        return
    children = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.FunctionDef | ast.Lambda):  # decorators and annotations are not run
        children = [*node.body] if isinstance(node, ast.FunctionDef) else [node.body]
    if isinstance(node, ast.AnnAssign):
        children = [c for c in (node.target, node.value) if c is not None]
    for child in children:
        yield from _problems(child, filename)
