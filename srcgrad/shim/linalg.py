"""`torch.linalg`: what of it srcgrad.shim has."""

from srcgrad.shim.ops.linear import (
    cross,
    det,
    inv,
    matrix_norm,
    matrix_power,
    multi_dot,
    slogdet,
    solve,
    vector_norm,
)
from srcgrad.shim.ops.linear import linalg_norm as norm
from srcgrad.shim.ops.products import matmul

__all__ = [
    "cross", "det", "inv", "matmul", "matrix_norm", "matrix_power", "multi_dot", "norm", "slogdet", "solve",
    "vector_norm",
]  # fmt: skip
