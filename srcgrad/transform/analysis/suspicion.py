"""Products whose reverse could meet `0 * inf`: a factor that may be infinite, in a value that may be unused."""

from __future__ import annotations

from srcgrad.ir.nodes import Assign, Function, Stmt, Var
from srcgrad.ir.walk import statements
from srcgrad.rules import RULES
from srcgrad.transform.analysis.places import Places


class Suspicion:
    """Which products need a strong zero.

    The adjoint of a value that a branch, `max` or an unread element leaves unused is zero, and so is its share in the
    adjoints of what it was computed from. Where it was computed as `x * log(x)` at 0, plain arithmetic would make that
    share `0 * -inf`, not a number. A product is suspicious if a factor comes from an operation that can overflow or
    has a singularity.
    """

    def __init__(self, function: Function, places: Places) -> None:
        del places
        self.wild: set[Var] = set()
        for stmt in statements(function.body):
            if isinstance(stmt, Assign) and stmt.op in RULES:
                rule = RULES[stmt.op]
                inherits = any(a in self.wild for a in stmt.args if isinstance(a, Var))
                if rule.result in ("float", "same") and (rule.singular or inherits):
                    self.wild.add(stmt.target)

    def is_suspicious(self, stmt: Stmt) -> bool:
        assert isinstance(stmt, Assign)
        return any(a in self.wild for a in stmt.args if isinstance(a, Var))
