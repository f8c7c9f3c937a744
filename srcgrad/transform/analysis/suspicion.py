"""Products whose reverse could meet `0 * inf`: a factor that may be infinite, in a value that may be unused."""

from __future__ import annotations

from srcgrad.ir.nodes import Assign, Const, Function, Stmt, Var
from srcgrad.ir.walk import statements
from srcgrad.rules import RULES


def is_singular(stmt: Assign) -> bool:
    """Whether a partial derivative of an operation can be infinite or undefined where its value is not."""
    if stmt.op in ("**", "/", "%") and isinstance(stmt.args[1], Const):
        exponent = stmt.args[1].value
        return exponent < 1 if stmt.op == "**" else exponent == 0
    return RULES[stmt.op].singular


class Suspicion:
    """Which products need a strong zero.

    The adjoint of a value that a branch, `max` or an unread element leaves unused is zero, and so is its share in the
    adjoints of what it was computed from. Where it was computed as `x * log(x)` at 0, plain arithmetic would make that
    share `0 * -inf`, not a number. A product is suspicious if a factor comes from an operation that can overflow or
    has a singularity.
    """

    def __init__(self, function: Function) -> None:
        self.wild: set[Var] = set()
        for stmt in statements(function.body):
            if isinstance(stmt, Assign) and stmt.op in RULES:
                rule = RULES[stmt.op]
                inherits = any(a in self.wild for a in stmt.args if isinstance(a, Var))
                if rule.result in ("float", "same") and (is_singular(stmt) or inherits):
                    self.wild.add(stmt.target)

    def is_suspicious(self, stmt: Stmt) -> bool:
        assert isinstance(stmt, Assign)
        return any(a in self.wild for a in stmt.args if isinstance(a, Var))
