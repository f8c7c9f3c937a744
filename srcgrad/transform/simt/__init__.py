"""Kernels for GPUs: what one thread does, as loops over the blocks and threads of a grid."""

from srcgrad.transform.simt.counted import count_loops
from srcgrad.transform.simt.fission import in_one_thread, serialise
from srcgrad.transform.simt.flat import flat_grid
from srcgrad.transform.simt.launch import launch_of
from srcgrad.transform.simt.races import check_races, mark_atomics, may_race
from srcgrad.transform.simt.stores import merge_stores
from srcgrad.transform.simt.unread import without_unread
from srcgrad.transform.simt.unroll import unroll_levels

__all__ = [
    "check_races",
    "count_loops",
    "flat_grid",
    "in_one_thread",
    "launch_of",
    "mark_atomics",
    "may_race",
    "merge_stores",
    "serialise",
    "unroll_levels",
    "without_unread",
]
