"""Statements that work on whole arrays in the style of NumPy (importing this registers them)."""

from . import aliases, binding, elementwise, helpers, reductions, reshaping, selections, stepping, views  # noqa: F401
from .forms import ARRAY_STATEMENTS

__all__ = ["ARRAY_STATEMENTS"]
