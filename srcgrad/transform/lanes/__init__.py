"""Lanes: several iterations of an outer loop side by side, so that what its inner loops do one by one is vectorised."""

from srcgrad.transform.lanes.rewrite import use_lanes

__all__ = ["use_lanes"]
