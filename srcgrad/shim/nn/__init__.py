"""Neural networks: layers, their functions and their initialisation, as `torch.nn`."""

from srcgrad.shim.nn import functional
