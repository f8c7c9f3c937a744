"""Functions for a GPU: a host function that launches kernels, one for each parallel loop."""

from srcgrad.transform.device.host import to_device

__all__ = ["to_device"]
