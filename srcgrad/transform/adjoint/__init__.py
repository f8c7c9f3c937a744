"""Reverse mode: forward sweep, reverse sweep, and the tape between them."""

from srcgrad.transform.adjoint.assemble import Split, joint_adjoint, split_adjoint
from srcgrad.transform.adjoint.budget import checkpoint_large, tape_bytes

__all__ = ["Split", "checkpoint_large", "joint_adjoint", "split_adjoint", "tape_bytes"]
