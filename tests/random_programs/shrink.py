"""Make a failing program shorter: remove statements and simplify expressions while it fails in the same way."""

from __future__ import annotations

import ast
import copy
import dataclasses
import sys
from collections.abc import Callable, Iterator

from .generator import InvalidProgramError, validate
from .program import Program


def shrink(program: Program, fails: Callable[[Program], bool], rounds: int = 12) -> Program:
    """The shortest program found for which `fails` holds; each candidate must be valid plain Python."""
    best = program
    for _ in range(rounds):
        smaller = one_round(best, fails)
        if smaller is None:
            return best
        best = smaller
    return best


def one_round(program: Program, fails: Callable[[Program], bool]) -> Program | None:
    """Apply every edit that keeps the failure, once through; None if there is none."""
    changed, position = None, 0
    while True:
        tree = ast.parse((changed or program).source)
        edits = list(all_edits(tree))
        if position >= len(edits):
            return changed
        candidate = edited(changed or program, edits[position])
        if candidate is not None and fails(candidate):
            changed = candidate  # the edits after this one move up: stay at this position
        else:
            position += 1


Edit = tuple[str, int, str, int]  # kind, number of the node in walk order, field, position in the field


def all_edits(tree: ast.Module) -> Iterator[Edit]:
    """All edits, the ones that remove most first."""
    nodes = list(ast.walk(tree))
    for number, node in enumerate(nodes):
        for name in ("body", "orelse"):
            statements = getattr(node, name, None)
            if isinstance(statements, list):
                for position in reversed(range(len(statements))):
                    yield "delete", number, name, position
    for number, node in enumerate(nodes):
        for name in ("body", "orelse"):
            statements = getattr(node, name, None)
            for position, statement in enumerate(statements if isinstance(statements, list) else []):
                if isinstance(statement, (ast.If, ast.For, ast.While)):
                    yield "unwrap", number, name, position
                    if statement.orelse:
                        yield "unwrap else", number, name, position
    for number, node in enumerate(nodes):
        for name, child in ast.iter_fields(node):
            for position, item in enumerate(child if isinstance(child, list) else [child]):
                for part in range(len(operands(item))):
                    yield f"operand {part}", number, name, position
                if name == "keywords" or (name == "elts" and len(child) > 1 and isinstance(node.ctx, ast.Load)):
                    yield "drop", number, name, position
                if (
                    isinstance(item, (ast.Subscript, ast.Name))
                    and isinstance(item.ctx, ast.Load)
                    and scalar(node, item)
                ):
                    yield "constant", number, name, position


def scalar(parent: ast.AST, item: ast.expr) -> bool:
    """Whether an expression is probably a number, judged by where it stands."""
    if isinstance(parent, (ast.BinOp, ast.UnaryOp, ast.IfExp)):
        return True
    return isinstance(parent, ast.Call) and isinstance(item, ast.Subscript) and not isinstance(item.slice, ast.Slice)


def operands(node: object) -> list[ast.expr]:
    """The expressions that may take the place of an expression."""
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.Call):
        return [*node.args, *(operands(node.func) if isinstance(node.func, ast.Attribute) else [])]
    if isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, ast.Load):
        return [] if isinstance(node.value, ast.Name) and node.value.id in ("np", "math") else [node.value]
    if isinstance(node, ast.IfExp):
        return [node.body, node.orelse]
    if isinstance(node, ast.BoolOp):
        return list(node.values)
    return [node.operand] if isinstance(node, ast.UnaryOp) else []


def needed(parent: ast.AST, statement: ast.stmt) -> bool:
    """Whether it is `f` itself, or the last `return` of a function."""
    if isinstance(statement, ast.FunctionDef):
        return statement.name == "f"
    return isinstance(parent, ast.FunctionDef)


def edited(program: Program, edit: Edit) -> Program | None:
    """The program after an edit, if it is still valid."""
    kind, number, name, position = edit
    tree = copy.deepcopy(ast.parse(program.source))
    node = list(ast.walk(tree))[number]
    field = getattr(node, name)
    if kind == "delete":
        if isinstance(field[position], (ast.Return, ast.FunctionDef)) and needed(node, field[position]):
            return None
        del field[position]
        if not field and name == "body":
            field.append(ast.Pass())
    elif kind == "drop":
        del field[position]
    elif kind.startswith("unwrap"):
        field[position : position + 1] = field[position].body if kind == "unwrap" else field[position].orelse
    else:
        old = field[position] if isinstance(field, list) else field
        new = ast.Constant(0.5) if kind == "constant" else operands(old)[int(kind.split()[1])]
        if isinstance(field, list):
            field[position] = new
        else:
            setattr(node, name, new)
    try:
        source = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
        if len(source) >= len(program.source) + 4 * (kind == "constant") or source == program.source:
            return None
        candidate = dataclasses.replace(program, source=source)
        if endless(candidate):
            return None
        validate(candidate)
    except (InvalidProgramError, SyntaxError, ValueError, TypeError):
        return None
    return candidate


def endless(program: Program, lines: int = 20000) -> bool:
    """Whether a run takes more steps than any valid program does (a counter may have been deleted)."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        if not frame.f_code.co_filename.startswith("<srcgrad_random"):
            return None
        count += 1
        if count > lines:
            raise TimeoutError
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        program.load()(*program.arguments())
    except TimeoutError:
        return True
    except Exception:  # noqa: BLE001  (validation will say)
        return False
    finally:
        sys.settrace(previous)
    return False
