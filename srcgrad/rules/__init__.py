"""Derivative rules: the partial derivatives of each primitive, once; every mode is derived from them."""

from srcgrad.rules import elementary, linear_algebra, operators, special  # noqa: F401  (filling the table)
from srcgrad.rules.loops import checkpointed
from srcgrad.rules.registry import PRIMITIVES, RULES, Rule
from srcgrad.rules.special import stop_gradient

__all__ = ["PRIMITIVES", "RULES", "Rule", "checkpointed", "stop_gradient"]
