"""Functions for a GPU: a host function that launches kernels, one for each parallel loop."""

from srcgrad.transform.device.gather import gather_increments
from srcgrad.transform.device.host import to_device

__all__ = ["gather_increments", "to_device"]
