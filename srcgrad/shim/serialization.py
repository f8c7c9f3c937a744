"""`torch.save` and `torch.load`: pickles of tensors and of what is made of them."""

from __future__ import annotations

import os
import pickle
from typing import Any, BinaryIO

from srcgrad.shim.dtypes import BY_NUMPY

_NAMES = {
    "builtins": {"set", "frozenset", "complex", "bytearray", "slice", "range", "dict", "list", "tuple"},
    "collections": {"OrderedDict", "defaultdict", "Counter", "deque"},
    "srcgrad.shim.tensor": {"Tensor", "rebuild"},
    "srcgrad.shim.device": {"device"},
    "srcgrad.shim.size": {"Size"},
    "srcgrad.shim.dtypes": {d.__reduce__() for d in BY_NUMPY.values()},
    "numpy": {"ndarray", "dtype"},
}
_NUMPY = {"_reconstruct", "scalar", "_frombuffer"}  # in numpy._core since NumPy 2, before in numpy.core
_UNSAFE = (
    "Weights only load failed: the file asks for {}.{}, which is not among the classes of tensors, containers and "
    "numbers. If you trust whoever made the file, load it with weights_only=False, which may run code from it."
)


class _WeightsOnly(pickle.Unpickler):
    """Makes tensors, containers and numbers, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        plain = name in _NAMES.get(module, ())
        numpy = module.startswith(("numpy.core.", "numpy._core.")) and name in _NUMPY
        parameter = module.startswith("srcgrad.shim.nn.") and name in {"Parameter", "Buffer"}
        if plain or numpy or parameter:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(_UNSAFE.format(module, name))


def save(obj: Any, f: str | os.PathLike[str] | BinaryIO, pickle_protocol: int = 4) -> None:
    """Write tensors, or something that holds some, into a file.

    Args:
        obj: what to write.
        f: the path of a file, or an open one.
        pickle_protocol: pickle's.
    """
    if isinstance(f, str | os.PathLike):
        with open(f, "wb") as file:  # noqa: PTH123 - any path that `open` takes
            pickle.dump(obj, file, protocol=pickle_protocol)
    else:
        pickle.dump(obj, f, protocol=pickle_protocol)


def load(f: str | os.PathLike[str] | BinaryIO, map_location: Any = None, *, weights_only: bool | None = None) -> Any:
    """Read what `save` wrote.

    Args:
        f: the path of a file, or an open one.
        map_location: taken, without effect: all tensors are on the CPU.
        weights_only: make tensors, containers and numbers only, as is the default. Without it the file can run any
            code, so it has to be one's own.

    Raises:
        pickle.UnpicklingError: with `weights_only`, something else is in the file.
    """
    if isinstance(f, str | os.PathLike):
        with open(f, "rb") as file:  # noqa: PTH123 - any path that `open` takes
            return load(file, weights_only=weights_only)
    reader = pickle.Unpickler if weights_only is False else _WeightsOnly
    return reader(f).load()
