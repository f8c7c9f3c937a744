"""Parallel loops: the iterations of `prange` loops and of their reverses, shared out among threads."""

from srcgrad.transform.parallel.check import check_parallel, one_after_another
from srcgrad.transform.parallel.folds import carried_first
from srcgrad.transform.parallel.guards import hoist_guards
from srcgrad.transform.parallel.lookups import look_up
from srcgrad.transform.parallel.products import products_as_loops
from srcgrad.transform.parallel.rewrite import share_out
from srcgrad.transform.parallel.zeros import zero_on_threads

__all__ = [
    "carried_first",
    "check_parallel",
    "hoist_guards",
    "look_up",
    "one_after_another",
    "products_as_loops",
    "share_out",
    "zero_on_threads",
]
