"""Clean-ups that keep what a function computes."""

from srcgrad.transform.simplify.copies import propagate_copies
from srcgrad.transform.simplify.dead import eliminate_dead_code

__all__ = ["eliminate_dead_code", "propagate_copies"]
