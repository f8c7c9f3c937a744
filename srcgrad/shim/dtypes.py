"""Element types, and the type of a result: PyTorch's promotion rules, which are not NumPy's."""

from __future__ import annotations

import numpy as np


class dtype:  # noqa: N801 - PyTorch's name
    """An element type, `torch.float32` and its kin.

    Attributes:
        name: as it prints, after "torch.".
        numpy: NumPy's dtype.
        is_floating_point: whether tensors of it can require gradients.
        title: as in `torch.DoubleTensor`.
    """

    __slots__ = ("is_complex", "is_floating_point", "is_signed", "itemsize", "name", "numpy", "title")

    def __init__(self, name: str, kind: type, title: str) -> None:
        self.name, self.numpy, self.title = name, np.dtype(kind), title
        self.is_floating_point = self.numpy.kind == "f"
        self.is_signed = self.numpy.kind in "if"
        self.is_complex = False
        self.itemsize = self.numpy.itemsize

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return "bool_" if self.name == "bool" else self.name  # its name in this module


float64 = double = dtype("float64", np.float64, "Double")
float32 = float_ = dtype("float32", np.float32, "Float")
float16 = half = dtype("float16", np.float16, "Half")
int64 = long = dtype("int64", np.int64, "Long")
int32 = int_ = dtype("int32", np.int32, "Int")
int16 = short = dtype("int16", np.int16, "Short")
int8 = dtype("int8", np.int8, "Char")
uint8 = dtype("uint8", np.uint8, "Byte")
bool_ = dtype("bool", np.bool_, "Bool")

BY_NUMPY = {d.numpy: d for d in (float64, float32, float16, int64, int32, int16, int8, uint8, bool_)}
_PYTHON = {float: float64, int: int64, bool: bool_}
_RANK = {"b": 0, "i": 1, "u": 1, "f": 2}


class _Default:
    """The type of floats that come from Python: float32 unless `set_default_dtype` says otherwise."""

    numpy = np.dtype(np.float32)


DEFAULT = _Default()


def get_default_dtype() -> dtype:
    """The type of tensors made from Python floats."""
    return BY_NUMPY[DEFAULT.numpy]


def set_default_dtype(d: dtype) -> None:
    """Set the type of tensors made from Python floats.

    Raises:
        TypeError: `d` is no floating-point type.
    """
    if not d.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type, but got {d}")
    DEFAULT.numpy = d.numpy


def numpy_dtype(d: object) -> np.dtype:
    """NumPy's dtype for one of ours, for one of NumPy's, or for Python's float, int or bool."""
    if isinstance(d, dtype):
        return d.numpy
    return _PYTHON[d].numpy if d in _PYTHON else np.dtype(d)  # type: ignore[index, call-overload]


def of_scalar(value: complex) -> np.dtype:
    """The type of a tensor made from a Python number."""
    if isinstance(value, bool | np.bool_):
        return bool_.numpy
    return int64.numpy if isinstance(value, int | np.integer) else DEFAULT.numpy


def promoted(*operands: object) -> np.dtype:
    """The type of an arithmetic result.

    Args:
        *operands: ndarrays and Python numbers. Numbers, and arrays without dimensions, only count by their category
            (bool, integer, float) where an operand of more rank is there, as in PyTorch.

    >>> promoted(np.zeros(2, np.float32), np.zeros((), np.float64)), promoted(np.zeros(2, int), 0.5)
    (dtype('float32'), dtype('float32'))
    """
    full, flat, numbers = None, None, None
    for x in operands:
        if not isinstance(x, np.ndarray):
            numbers = _joined(numbers, of_scalar(x))  # type: ignore[arg-type]
        elif x.ndim:
            full = _joined(full, x.dtype)
        else:
            flat = _joined(flat, x.dtype)
    found = full
    for lower in (flat, numbers):
        if lower is not None and (found is None or _RANK[lower.kind] > _RANK[found.kind]):
            found = lower
    if found is None:
        raise TypeError("nothing to promote")
    return found


def _joined(a: np.dtype | None, b: np.dtype) -> np.dtype:
    """NumPy makes float64 of an int64 and a float32, PyTorch the widest of the floats that are there."""
    if a is None or a == b:
        return b
    if "f" in (a.kind, b.kind):
        return max((d for d in (a, b) if d.kind == "f"), key=lambda d: d.itemsize)
    return np.promote_types(a, b)


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest type that holds both."""
    return BY_NUMPY[_joined(type1.numpy, type2.numpy)]


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether a result of one type can be stored in another: the categories (bool, integer, float) may only rise."""
    a, b = from_.numpy, to.numpy
    return _RANK[a.kind] <= _RANK[b.kind] and not (b.kind == "u" and a.kind == "i")


class _Info:
    """The limits of a type."""

    def __init__(self, type: dtype | None = None) -> None:
        kind = DEFAULT.numpy if type is None else type.numpy
        if (kind.kind == "f") is not self.floats:
            wanted = "torch.finfo() requires a floating point input type. Use torch.iinfo to handle"
            other = "torch.iinfo() requires an integer input type. Use torch.finfo to handle"
            raise TypeError(f"{wanted if self.floats else other} '{BY_NUMPY[kind]!r}'")
        found = (np.finfo if self.floats else np.iinfo)(kind)
        self.dtype, self.bits = BY_NUMPY[kind].name, found.bits
        names = ("min", "max", "eps", "tiny", "smallest_normal", "resolution") if self.floats else ("min", "max")
        for name in names:
            setattr(self, name, getattr(found, name).item() if self.floats else int(getattr(found, name)))

    floats = True


class finfo(_Info):  # noqa: N801 - PyTorch's name
    """The limits of a floating-point type."""


class iinfo(_Info):  # noqa: N801 - PyTorch's name
    """The limits of an integer type."""

    floats = False
