"""Parallel loops: the iterations of `prange` loops and of their reverses, shared out among threads."""

from srcgrad.transform.parallel.check import check_parallel, hoist_guards
from srcgrad.transform.parallel.rewrite import share_out

__all__ = ["check_parallel", "hoist_guards", "share_out"]
