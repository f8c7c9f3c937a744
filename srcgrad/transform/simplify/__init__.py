"""Clean-ups that keep what a function computes."""

from srcgrad.transform.simplify.bounds import settle_bounds
from srcgrad.transform.simplify.branches import merge_branches
from srcgrad.transform.simplify.cancel import cancel_clears
from srcgrad.transform.simplify.contract import contract_tapes
from srcgrad.transform.simplify.copies import propagate_copies
from srcgrad.transform.simplify.dead import eliminate_dead_code
from srcgrad.transform.simplify.forward import forward_copies
from srcgrad.transform.simplify.fuse import fuse_loops, parted_loops
from srcgrad.transform.simplify.hoist import hoist_invariants
from srcgrad.transform.simplify.inductions import eliminate_inductions
from srcgrad.transform.simplify.promote import promote_sums
from srcgrad.transform.simplify.repeats import eliminate_repeats, share_branches
from srcgrad.transform.simplify.reuse import reuse_arrays
from srcgrad.transform.simplify.split import split_increments
from srcgrad.transform.simplify.views import see_through_views

__all__ = [
    "cancel_clears",
    "contract_tapes",
    "eliminate_dead_code",
    "eliminate_inductions",
    "eliminate_repeats",
    "forward_copies",
    "fuse_loops",
    "hoist_invariants",
    "merge_branches",
    "parted_loops",
    "promote_sums",
    "propagate_copies",
    "reuse_arrays",
    "see_through_views",
    "settle_bounds",
    "share_branches",
    "split_increments",
]  # fmt: skip
