"""What can be done with tensors: each operation computes on arrays and records how to go back."""
