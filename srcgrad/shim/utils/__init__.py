"""`torch.utils`."""

from srcgrad.shim.utils import checkpoint

__all__ = ["checkpoint"]
