"""New tensors: from data, filled, ranges, random."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from srcgrad.shim import generator
from srcgrad.shim.dtypes import BY_NUMPY, DEFAULT, numpy_dtype, of_scalar
from srcgrad.shim.modes import STATE
from srcgrad.shim.ops.views import shape_of
from srcgrad.shim.tensor import _ONLY_FLOATS, Tensor, wrap

_COPY = (
    "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
    "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor)."
)


def finished(data: np.ndarray, requires_grad: bool) -> Tensor:
    """A new leaf.

    Raises:
        RuntimeError: gradients of integers.
    """
    made = wrap(data)
    if requires_grad:
        if data.dtype.kind != "f":
            raise RuntimeError(_ONLY_FLOATS)
        made._requires = True
    if STATE.inference:
        made._inference = True
    return made


def _array(data: Any, dtype: Any) -> np.ndarray:
    """Data as a new array of its own."""
    if isinstance(data, Tensor):
        return np.array(data._data, numpy_dtype(dtype) if dtype is not None else None)
    if isinstance(data, np.ndarray | np.generic):
        found = np.array(data)
    else:
        plain = _plain(data)
        try:
            found = np.array(plain)
        except ValueError:
            raise _uneven(data) from None
        if found.dtype.kind in "US":
            raise TypeError("new(): invalid data type 'str'")
        if found.dtype == object and any(v is None or not found.ndim for v in found.reshape(-1)):
            value = found.reshape(-1)[0]
            raise RuntimeError(f"Could not infer dtype of {type(value).__name__}")
        if found.dtype == object:
            raise ValueError(_ragged(data))
        if dtype is not None:  # not by way of the default type
            return found.astype(numpy_dtype(dtype))
        if found.dtype.kind == "f" and not _has_arrays(data):
            found = found.astype(DEFAULT.numpy)
        if not found.size and not _has_arrays(data):
            found = found.astype(DEFAULT.numpy)
    if dtype is not None:
        return found.astype(numpy_dtype(dtype))
    if found.dtype not in BY_NUMPY:
        raise TypeError(
            f"can't convert np.ndarray of type {found.dtype}. The only supported types are: float64, float32, float16, "
            "int64, int32, int16, int8, uint8, and bool."
        )
    return found


def _uneven(data: Any) -> Exception:
    if any(isinstance(v, list | tuple) for v in data) and not isinstance(data[0], list | tuple):
        return TypeError("'list' object cannot be interpreted as an integer")
    return ValueError(_ragged(data)) if all(isinstance(v, list | tuple) for v in data) else TypeError("not a sequence")


def _plain(data: Any) -> Any:
    if isinstance(data, Tensor):
        return data._data
    return [_plain(v) for v in data] if isinstance(data, list | tuple) else data


def _has_arrays(data: Any) -> bool:
    if isinstance(data, list | tuple):
        return any(_has_arrays(v) for v in data)
    return isinstance(data, Tensor | np.ndarray | np.generic)


def _ragged(data: Any) -> str:
    """PyTorch's message for lists of different lengths."""
    dim, level = 0, [data]
    while all(isinstance(v, list | tuple) for v in level):
        sizes = {len(v) for v in level}
        if len(sizes) > 1:
            first = len(level[0])
            other = next(len(v) for v in level if len(v) != first)
            return f"expected sequence of length {first} at dim {dim} (got {other})"
        level = [w for v in level for w in v]
        dim += 1
    return f"could not determine the shape of object type '{type(data).__name__}'"


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A new tensor with a copy of the data: numbers, nested lists, an array or a tensor.

    Python's floats become the default type, float32.

    Raises:
        ValueError: lists of different lengths.
        RuntimeError: gradients of integers.
    """
    if isinstance(data, Tensor):
        warnings.warn(_COPY, UserWarning, stacklevel=2)
    return finished(_array(data, dtype), requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor with the memory of the data, where it is an array or tensor of the type."""
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray) and (dtype is None or data.dtype == numpy_dtype(dtype)) and data.dtype in BY_NUMPY:
        return wrap(data)
    return finished(_array(data, dtype), requires_grad=False)


def from_numpy(ndarray: np.ndarray) -> Tensor:
    """A tensor with the memory of an array."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    if ndarray.dtype not in BY_NUMPY:
        raise TypeError(
            f"can't convert np.ndarray of type numpy.{ndarray.dtype}. The only supported types are: float64, float32, "
            "float16, int64, int32, int16, int8, uint8, and bool."
        )
    return wrap(ndarray)


# -- filled ------------------------------------------------------------------------------------------------------------


def _kind(dtype: Any) -> np.dtype:
    return DEFAULT.numpy if dtype is None else numpy_dtype(dtype)


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros of a shape."""
    shape = shape_of(size)
    if any(n < 0 for n in shape):
        raise RuntimeError("zeros: Dimension size must be non-negative.")
    return finished(np.zeros(shape, _kind(dtype)), requires_grad)


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones of a shape."""
    return finished(np.ones(shape_of(size), _kind(dtype)), requires_grad)


def empty(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Uninitialised; here zeros."""
    return zeros(*size, dtype=dtype, requires_grad=requires_grad)


def full(
    size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """One number in all places of a shape."""
    bad = [n for n in shape_of((size,)) if n < 0]
    if bad:
        raise RuntimeError(f"Trying to create tensor with negative dimension {bad[0]}: {list(shape_of((size,)))}")
    kind = of_scalar(fill_value) if dtype is None else numpy_dtype(dtype)
    return finished(np.full(shape_of((size,)), fill_value, kind), requires_grad)


def eye(
    n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Ones on the diagonal."""
    if n < 0:
        raise RuntimeError(f"n must be greater or equal to 0, got {n}")
    return finished(np.eye(n, m, dtype=_kind(dtype)), requires_grad)


def _alike(make: Any) -> Any:
    def like(
        input: Tensor, *args: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
    ) -> Tensor:
        return make(  # type: ignore[no-any-return]
            tuple(input._data.shape), *args, dtype=input.dtype if dtype is None else dtype, requires_grad=requires_grad
        )

    like.__doc__ = f"{make.__doc__[:-1]}, that of another tensor."
    return like


# -- ranges ------------------------------------------------------------------------------------------------------------


def arange(
    start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Numbers from `start` (0) up to `end`, without it."""
    start, end = (0, start) if end is None else (start, end)
    start, end, step = (v.item() if isinstance(v, Tensor) else v for v in (start, end, step))
    if dtype is None:
        kind = np.dtype(np.int64) if all(isinstance(v, int | np.integer) for v in (start, end, step)) else DEFAULT.numpy
    else:
        kind = numpy_dtype(dtype)
    if not step:
        raise RuntimeError("step must be nonzero")
    count = max(math.ceil((end - start) / step), 0)
    if count == 0 and (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    return finished((start + step * np.arange(count)).astype(kind), requires_grad)


def linspace(
    start: float, end: float, steps: int, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Numbers at equal distances, both ends included; the second half is counted from the end, as PyTorch does."""
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    kind = _kind(dtype)
    start, end = (v.item() if isinstance(v, Tensor) else v for v in (start, end))
    step = kind.type((end - start) / (steps - 1)) if steps > 1 else kind.type(0)
    k = np.arange(steps)
    low = (kind.type(start) + step * k.astype(kind)).astype(kind)
    high = (kind.type(end) - step * (steps - 1 - k).astype(kind)).astype(kind)
    return finished(np.where((k < steps // 2) | (steps == 1), low, high).astype(kind), requires_grad)


def logspace(start: float, end: float, steps: int, base: float = 10.0, *, dtype: Any = None) -> Tensor:
    """Numbers at equal ratios."""
    return wrap(np.power(base, np.linspace(start, end, steps)).astype(_kind(dtype)))


# -- random ------------------------------------------------------------------------------------------------------------


def _generator(given: generator.Generator | None) -> generator.Generator:
    return generator.default_generator if given is None else given


def manual_seed(seed: int) -> generator.Generator:
    """Start the random numbers anew: the same seed gives the numbers that PyTorch gives on the CPU."""
    return generator.default_generator.manual_seed(seed)


def rand(
    *size: Any, generator: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Uniform in [0, 1)."""
    return finished(_generator(generator).uniform(shape_of(size), _kind(dtype)), requires_grad)


def randn(
    *size: Any, generator: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Normal, of mean 0 and variance 1."""
    return finished(_generator(generator).normal(shape_of(size), _kind(dtype)), requires_grad)


def randint(
    low: int, high: Any = None, size: Any = None, *, generator: Any = None, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Integers from `low` (0) up to `high`, without it."""
    if isinstance(high, tuple | list):
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    kind = np.dtype(np.int64) if dtype is None else numpy_dtype(dtype)
    return finished(_generator(generator).integers(low, high, shape_of((size,)), kind), requires_grad)


def randperm(n: int, *, generator: Any = None, dtype: Any = None, device: Any = None) -> Tensor:
    """The numbers up to n in random order."""
    found = wrap(_generator(generator).permutation(n))
    return found if dtype is None else found.to(dtype)


def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Any = None) -> Tensor:
    """Normal, with means and standard deviations that may be tensors."""
    if size is None:
        like = mean if isinstance(mean, Tensor) else std
        size = like._data.shape
    drawn = randn(*shape_of((size,)), generator=generator)
    return drawn * std + mean


def bernoulli(input: Tensor, *, generator: Any = None) -> Tensor:
    """1 with the given probabilities, else 0."""
    return wrap(_generator(generator).bernoulli(input._data, input._data.shape).astype(input._data.dtype))


zeros_like, ones_like, empty_like, full_like = (_alike(f) for f in (zeros, ones, empty, full))
rand_like, randn_like = _alike(rand), _alike(randn)


def randint_like(input: Tensor, low: int, high: int | None = None, *, dtype: Any = None) -> Tensor:
    """Random integers in the shape of another tensor."""
    low, high = (0, low) if high is None else (low, high)
    return randint(low, high, input._data.shape, dtype=input.dtype if dtype is None else dtype)
