"""The functions of `torch.nn.functional`, by kind; `nn/functional.py` gathers them under one name."""
