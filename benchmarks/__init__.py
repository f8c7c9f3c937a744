"""How fast gradients are: srcgrad beside njit, adjoints written by hand, JAX and PyTorch (`python -m benchmarks`)."""
