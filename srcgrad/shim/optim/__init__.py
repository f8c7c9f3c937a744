"""`torch.optim`: steps on parameters along their gradients, on the NumPy arrays themselves."""

from srcgrad.shim.optim import lr_scheduler
from srcgrad.shim.optim.adam import Adam, AdamW
from srcgrad.shim.optim.adaptive import Adagrad, RMSprop
from srcgrad.shim.optim.lbfgs import LBFGS
from srcgrad.shim.optim.optimizer import Optimizer
from srcgrad.shim.optim.sgd import SGD

__all__ = ["LBFGS", "SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler"]
