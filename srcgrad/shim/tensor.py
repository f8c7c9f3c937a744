"""Tensors: a NumPy array, and where it came from.

The methods that compute are attached by `methods.py`; here is what a tensor is.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.shim import printing
from srcgrad.shim.device import CPU
from srcgrad.shim.dtypes import BY_NUMPY, DEFAULT, dtype
from srcgrad.shim.graph import Node, RemovableHandle, accumulator_of
from srcgrad.shim.history import edge_of, embedded, needs, positions, refresh  # noqa: F401
from srcgrad.shim.modes import STATE
from srcgrad.shim.size import Size

_ONLY_FLOATS = "Only Tensors of floating point and complex dtype can require gradients"
_ONLY_LEAVES = (
    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph "
    "that doesn't require differentiation use var_no_grad = var.detach()."
)
_NOT_LEAF = (
    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be "
    "populated during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf Tensor, "
    "use .retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you access the "
    "leaf Tensor instead. See github.com/pytorch/pytorch/pull/30531 for more information."
)
_TO_SCALAR = (
    "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior.\n"
    "Consider using tensor.detach() first."
)
_NO_DEEPCOPY = (
    "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  If you "
    "were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, see "
    "https://github.com/pytorch/pytorch/pull/103001"
)
_INFERENCE_GRAD = "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed."
_DETACH_VIEW = (
    "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for training, "
    "and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence detach_() cannot be "
    "called on these gradients. To fix this error, please refer to the Optimizer.zero_grad() function in "
    "torch/optim/optimizer.py as the solution."
)

class Tensor:
    """A NumPy array that knows how it was computed.

    Attributes (PyTorch's): `shape`, `dtype`, `requires_grad`, `grad`, `grad_fn`, `is_leaf`, `data`, `_version`, ...
    Inside: `_data` is the array; `_counter` a list of one version number, shared by all views of one memory; `_fn` and
    `_nr` the node and output number that it came from; `_base` and `_chain`, for a view, the tensor that it is a
    view of and the functions from that one's array to its own.
    """

    # The defaults of nearly all tensors; only what differs is set.
    _fn: Node | None = None
    _nr = 0
    _requires = False
    _grad: Tensor | None = None
    _base: Tensor | None = None
    _chain: tuple[Callable[[Any], Any], ...] = ()
    _seen = 0  # for a view, the version that `_fn` belongs to
    _viewed = False  # whether there are, or were, views of it
    _origin = ""  # for a view that may not be overwritten: "no_grad", or "multi"
    _accumulator: Any = None
    _retains = False
    _inference = False
    _hooks: list[Any] | None = None
    _data: np.ndarray
    _counter: list[int]

    __array_priority__ = 1000

    def __new__(cls, data: Any = (), *sizes: Any) -> Any:
        made = object.__new__(cls)
        if cls is Tensor:  # `torch.Tensor([1, 2])` and `torch.Tensor(2, 3)`
            if isinstance(data, int):
                made._data = np.zeros((data, *sizes), DEFAULT.numpy)
            else:
                made._data = np.array(data._data if isinstance(data, Tensor) else data, DEFAULT.numpy)
            made._counter = [0]
        return made

    def produced_by(self, node: Node, number: int) -> Tensor:
        """The same memory and version, as an output of a node."""
        made = wrap(self._data)
        made._counter, made._fn, made._nr, made._requires = self._counter, node, number, True
        return made

    def like(self, data: Any) -> Tensor:
        """A tensor of the plain class that owns `data`."""
        return wrap(data if type(data) is np.ndarray else np.asarray(data))

    # -- what it is --------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """Its shape."""
        return Size(self._data.shape)

    @property
    def dtype(self) -> dtype:
        """Its element type."""
        return BY_NUMPY[self._data.dtype]

    ndim = property(lambda self: self._data.ndim, doc="The number of dimensions.")
    itemsize = property(lambda self: self._data.itemsize, doc="The bytes of an element.")
    nbytes = property(lambda self: self._data.nbytes, doc="The bytes of all elements.")
    device = property(lambda self: CPU, doc="Always the CPU.")
    is_cuda = False
    layout = "torch.strided"

    @property
    def _version(self) -> int:
        if self._inference:
            raise RuntimeError("Inference tensors do not track version counter.")
        return self._counter[0]

    @property
    def is_leaf(self) -> bool:
        """Whether it was not computed by a recorded operation."""
        return self.grad_fn is None

    @property
    def grad_fn(self) -> Node | None:
        """The node that computed it."""
        if self._base is not None:
            refresh(self)
        return self._fn

    @property
    def output_nr(self) -> int:
        """Which of its node's outputs it is."""
        return self._nr

    @property
    def requires_grad(self) -> bool:
        """Whether gradients with respect to it can be computed."""
        return needs(self)

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if self.grad_fn is not None:
            if value:
                return
            raise RuntimeError(_ONLY_LEAVES)
        if value and self._data.dtype.kind != "f":
            raise RuntimeError(f"o{_ONLY_FLOATS[1:]}")
        if value and self._inference and not STATE.inference:
            raise RuntimeError(_INFERENCE_GRAD)
        self._requires = bool(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set whether gradients are wanted; returns the tensor."""
        if requires_grad and self._data.dtype.kind != "f":
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        self.requires_grad = requires_grad
        return self

    def is_inference(self) -> bool:
        """Whether it was made in inference mode."""
        return self._inference

    def _is_view(self) -> bool:
        return self._base is not None

    # -- its gradient ------------------------------------------------------------------------------------------------

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward passes have added up; None before the first."""
        if self._grad is None and not self._retains and self._fn is not None:
            warnings.warn(_NOT_LEAF, UserWarning, stacklevel=2)
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None and not isinstance(value, Tensor):
            kind = type(value).__name__
            raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {kind}")
        if value is not None and value._data.dtype != self._data.dtype:
            raise RuntimeError(
                f"attempting to assign a gradient with dtype '{value.dtype.title.lower()}' to a tensor with grad_dtype "
                f"'{self.dtype.title}'. The gradient must match the tensor's grad_dtype (defaults to the tensor's "
                "dtype). You can set the tensor's grad_dtype attribute with a specific dtype, or None to allow any "
                "dtype. Set grad_dtype with caution. Diverging the dtypes of a tensor and its gradient may break "
                "downstream systems that assume they match."
            )
        if value is not None and value._data.shape != self._data.shape:
            raise RuntimeError(
                f"attempting to assign a gradient of size '{list(value._data.shape)}' to a tensor of size "
                f"'{list(self._data.shape)}'. Please ensure that the gradient and the tensor are the same size"
            )
        self._grad = value

    @property
    def retains_grad(self) -> bool:
        """Whether it is no leaf and keeps its gradient."""
        return self._retains

    def retain_grad(self) -> None:
        """Keep the gradient of a tensor that is no leaf in its `.grad`.

        Raises:
            RuntimeError: it does not require gradients.
        """
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self._fn is None or self._retains:
            return
        self._retains = True
        self._fn.retain_hooks = self._fn.retain_hooks or {}
        self._fn.retain_hooks[self._nr] = self._keep

    def _keep(self, ct: Tensor) -> None:
        self._grad = ct if self._grad is None else self._grad + ct

    def register_hook(self, hook: Callable[[Tensor], Any]) -> RemovableHandle:
        """Call `hook(gradient)` in backward passes; what it returns, if anything, replaces the gradient.

        Raises:
            RuntimeError: it does not require gradients.
        """
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        node, number = edge_of(self)  # type: ignore[misc]
        if self._fn is None:
            self._keeper = node  # the accumulator holds the hooks, so it has to stay
        node.tensor_hooks = node.tensor_hooks or {}
        hooks = node.tensor_hooks.setdefault(number, [])
        hooks.append(hook)
        return RemovableHandle(hooks, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Call `hook(tensor)` after its `.grad` was added to.

        Raises:
            RuntimeError: it is no leaf, or does not require gradients.
        """
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self._fn is not None:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        self._keeper = accumulator_of(self)
        self._keeper.posts.append(hook)
        return RemovableHandle(self._keeper.posts, hook)

    # -- its memory --------------------------------------------------------------------------------------------------

    def detach(self) -> Tensor:
        """The same memory without a history."""
        made = wrap(self._data)
        made._counter, made._inference = self._counter, self._inference
        return made

    def detach_(self) -> Tensor:
        """Forget the history.

        Raises:
            RuntimeError: it is a view.
        """
        if self._base is not None:
            raise RuntimeError(_DETACH_VIEW)
        self._fn, self._nr, self._requires, self._retains = None, 0, False, False
        return self

    @property
    def data(self) -> Tensor:
        """The same memory, unknown to the graph: writes to it are not noticed."""
        return wrap(self._data)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        self._data = value._data
        known = self._accumulator and self._accumulator()
        if known is not None:
            known.measure()

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The array itself.

        Raises:
            RuntimeError: it requires gradients, and not `force`.
        """
        if self.requires_grad and not force:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        return self._data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        data = self.numpy()
        if dtype is not None and dtype != data.dtype:
            return data.astype(dtype)
        return data.copy() if copy else data

    # -- as Python objects -------------------------------------------------------------------------------------------

    def item(self) -> Any:
        """The one element, as a Python number.

        Raises:
            RuntimeError: there is not exactly one.
        """
        if self._data.size != 1:
            raise RuntimeError(f"a Tensor with {self._data.size} elements cannot be converted to Scalar")
        return self._data.item()

    def tolist(self) -> Any:
        """The elements as nested lists, or a number."""
        return self._data.tolist()

    def _number(self) -> Any:
        if self.requires_grad:
            warnings.warn(_TO_SCALAR, UserWarning, stacklevel=3)
        if self._data.size != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return self._data.item()

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    def __index__(self) -> int:
        if self._data.dtype.kind not in "iub" or self._data.size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self._data.item())

    def __bool__(self) -> bool:
        if self._data.size > 1:
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        if self._data.size == 0:
            raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
        return bool(self._data.item())

    def __len__(self) -> int:
        if not self._data.ndim:
            raise TypeError("len() of a 0-d tensor")
        return len(self._data)

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        suffixes = []
        data = self._data
        usual = (DEFAULT.numpy, np.dtype(np.int64), np.dtype(np.bool_)) if data.size else (DEFAULT.numpy,)
        if data.dtype not in usual:
            suffixes.append(f"dtype={self.dtype}")
        fn = self.grad_fn
        if fn is not None:
            suffixes.append(f"grad_fn=<{type(fn).__name__}>")
        elif self._requires:
            suffixes.append("requires_grad=True")
        return printing.format_tensor(data, suffixes)

    def __format__(self, spec: str) -> str:
        if not self._data.ndim and type(self) is Tensor:
            return format(self._data.item(), spec)
        return object.__format__(self, spec)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        if self.grad_fn is not None:
            raise RuntimeError(_NO_DEEPCOPY)
        made = self.__reduce__()[0](*self.__reduce__()[1])
        made._data = self._data.copy()
        if self._grad is not None:
            made._grad = self._grad.__deepcopy__(memo)
        memo[id(self)] = made
        return made

    def __reduce__(self) -> Any:
        return rebuild, (type(self), self._data, self.requires_grad)


def rebuild(cls: type, data: np.ndarray, requires: bool) -> Tensor:
    """Unpickle."""
    made: Tensor = cls.__new__(cls)
    made._data, made._counter, made._requires = data, [0], requires
    return made


def wrap(data: np.ndarray) -> Tensor:
    """A tensor with this memory, and without a history."""
    made: Tensor = object.__new__(Tensor)
    made._data, made._counter = data, [0]
    return made
