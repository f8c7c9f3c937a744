"""Reverse mode: forward sweep, reverse sweep, and the tape between them."""

from srcgrad.transform.adjoint.assemble import Split, joint_adjoint, split_adjoint

__all__ = ["Split", "joint_adjoint", "split_adjoint"]
