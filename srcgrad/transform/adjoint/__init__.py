"""Reverse mode: forward sweep, reverse sweep, and the tape between them."""

from srcgrad.transform.adjoint.assemble import (
    Split,
    helper_adjoint,
    joint_adjoint,
    planned_adjoint,
    planned_helper,
    split_adjoint,
)
from srcgrad.transform.adjoint.budget import checkpoint_large, tape_bytes
from srcgrad.transform.adjoint.plan import Plan

__all__ = [
    "Plan",
    "Split",
    "checkpoint_large",
    "helper_adjoint",
    "joint_adjoint",
    "planned_adjoint",
    "planned_helper",
    "split_adjoint",
    "tape_bytes",
]
