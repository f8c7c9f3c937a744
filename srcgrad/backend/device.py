"""Generated text for a GPU: host code as plain Python, kernels by `numba.cuda`; and arrays to and from the device."""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

import numpy as np
from numba.core import config
from numba.core.errors import NumbaError

from srcgrad.errors import DeviceError, Problem
from srcgrad.ir.printed import Printed


def numba_cuda() -> Any:
    """The module `numba.cuda`, which is imported when it is first asked for.

    Raises:
        DeviceError: it is not installed, or there is no GPU.
    """
    try:
        cuda = importlib.import_module("numba.cuda")
    except ImportError as error:
        hint = 'pip install "srcgrad[cuda]"'
        raise DeviceError(Problem("running on a GPU needs the package numba-cuda", hint=hint)) from error
    if not config.ENABLE_CUDASIM and not cuda.is_available():
        hint = "set NUMBA_ENABLE_CUDASIM=1 before Python starts to run kernels in Numba's simulator"
        raise DeviceError(Problem("no CUDA device was found, or its driver does not work", hint=hint))
    return cuda


def on_device(printed: Printed, namespace: dict[str, Any], fastmath: Any) -> tuple[Callable[..., Any], Any]:
    """The host function of a text that has been run in `namespace`, and the errors of compiling its kernels."""
    cuda = numba_cuda()
    # the globals of kernels; a simulated one is plain Python and runs on NumPy itself
    inside = namespace
    if not config.ENABLE_CUDASIM:
        inside = {**namespace, "np": importlib.import_module("srcgrad.runtime.elementary")}
        for name in printed.called:
            plain = FunctionType(namespace[name].__code__, inside, name)
            inside[name] = cuda.jit(device=True, fastmath=bool(fastmath))(plain)
    for name in printed.kernels:
        plain = FunctionType(namespace[name].__code__, inside, name)
        namespace[name] = cuda.jit(fastmath=bool(fastmath))(plain)
    return namespace[printed.name], (NumbaError,)


# -- arrays ------------------------------------------------------------------------------------------------------------


def is_on_device(value: Any) -> bool:
    """Whether an object is an array in the memory of a GPU."""
    if isinstance(value, np.ndarray | np.generic | int | float):
        return False
    if hasattr(value, "__cuda_array_interface__") or getattr(value, "__cuda_ndarray__", False):
        return True
    where = getattr(value, "__dlpack_device__", None)
    return where is not None and int(where()[0]) == _DLPACK_CUDA


def adopt(value: Any) -> Any:
    """An array on the device as Numba's own kind, of the same memory; anything else as it is."""
    if isinstance(value, tuple):
        items = [adopt(v) for v in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if not is_on_device(value):
        return value
    cuda = numba_cuda()
    if getattr(value, "__cuda_ndarray__", False):
        return value
    if not hasattr(value, "__cuda_array_interface__"):
        value = _FromDLPack(value)
    if config.ENABLE_CUDASIM:  # its device memory is the host's
        return cuda.cudadrv.devicearray.FakeCUDAArray(np.asarray(_HostView(value)))
    return cuda.as_cuda_array(value)


def upload(flat: Sequence[Any]) -> list[Any]:
    """Numbers and arrays with all arrays on the device."""
    cuda = numba_cuda()
    return [_uploaded(cuda, v) if isinstance(v, np.ndarray) else v for v in flat]


def _uploaded(cuda: Any, array: np.ndarray) -> Any:
    if not (array.flags.c_contiguous or array.flags.f_contiguous):
        array = array.copy()
    return cuda.to_device(array.copy() if config.ENABLE_CUDASIM else array)


def download(value: Any) -> Any:
    """A result with all arrays on the host."""
    if isinstance(value, tuple | list):
        items = [download(v) for v in value]
        if isinstance(value, list):
            return items
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return importlib.import_module("srcgrad.runtime.device").to_host(value) if is_on_device(value) else value


def any_on_device(value: Any) -> bool:
    """Whether a structure of arguments holds an array on the device."""
    return any(map(any_on_device, value)) if isinstance(value, tuple | list) else is_on_device(value)


def duplicate(array: Any) -> Any:
    """A copy on the device."""
    return importlib.import_module("srcgrad.runtime.device").copy(array)


def moved(array: Any) -> Any:
    """An array on the device, where it may be already."""
    return upload([array])[0]


def extent(array: Any) -> tuple[int, int]:
    """The first and last addresses of an array on the device."""
    start = array.__array_interface__["data"][0] if config.ENABLE_CUDASIM else array.device_ctypes_pointer.value
    spans = [(n - 1) * s for n, s in zip(array.shape, array.strides, strict=True)]
    if 0 in array.shape:
        return 0, -1
    return start + sum(s for s in spans if s < 0), start + sum(s for s in spans if s > 0) + array.dtype.itemsize - 1


class _HostView:
    """Memory that an interface describes, as NumPy reads it."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        described = owner.__cuda_array_interface__
        self.__array_interface__ = {k: described[k] for k in ("shape", "typestr", "data", "strides") if k in described}
        self.__array_interface__["version"] = 3


# -- DLPack ------------------------------------------------------------------------------------------------------------

_DLPACK_CUDA = 2
_KINDS = {0: "i", 1: "u", 2: "f", 6: "b"}


class _Tensor(ctypes.Structure):
    """DLTensor of DLPack 0.8 (github.com/dmlc/dlpack)."""

    _fields_ = (
        ("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )  # fmt: skip


class _FromDLPack:
    """An array that only speaks DLPack, through Numba's interface. The capsule keeps the memory alive."""

    def __init__(self, owner: Any) -> None:
        self.capsule = owner.__dlpack__()
        read = ctypes.pythonapi.PyCapsule_GetPointer
        read.restype, read.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        tensor = ctypes.cast(read(self.capsule, b"dltensor"), ctypes.POINTER(_Tensor)).contents
        item = tensor.bits // 8
        shape = tuple(tensor.shape[k] for k in range(tensor.ndim))
        strides = tuple(tensor.strides[k] * item for k in range(tensor.ndim)) if tensor.strides else None
        self.__cuda_array_interface__ = {
            "shape": shape, "strides": strides, "typestr": f"{'<' if item > 1 else '|'}{_KINDS[tensor.code]}{item}",
            "data": ((tensor.data or 0) + tensor.byte_offset, False), "version": 2,
        }  # fmt: skip
