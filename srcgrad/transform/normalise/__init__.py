"""Python to Python: rewrites of the syntax tree into fewer forms."""

from srcgrad.transform.normalise.exits import structure_exits

__all__ = ["structure_exits"]
