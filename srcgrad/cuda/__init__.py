"""Kernels for NVIDIA GPUs, as written for `numba.cuda.jit`, with derivatives."""

from srcgrad.cuda.kernel import Configured, Kernel, jvp, kernel, vjp

__all__ = ["Configured", "Kernel", "jvp", "kernel", "vjp"]
