"""PyTorch's autograd semantics over NumPy: `import srcgrad.shim as torch`.

Tensors record the operations on them, `backward()` sends gradients through the graph, and functions that
`srcgrad.differentiable` compiled are single nodes of it. The derivatives of elementary functions are those of
`srcgrad.rules`.
"""

from srcgrad.shim import autograd, compiled, methods, optim
from srcgrad.shim.autograd.backward import method as _backward
from srcgrad.shim.creation import (
    arange,
    as_tensor,
    bernoulli,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    logspace,
    manual_seed,
    normal,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
    tensor,
    zeros,
    zeros_like,
)
from srcgrad.shim.dtypes import (
    double,
    dtype,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
    int8,
    int16,
    int32,
    int64,
    long,
    set_default_dtype,
    short,
    uint8,
)
from srcgrad.shim.dtypes import bool_ as bool
from srcgrad.shim.dtypes import float_ as float
from srcgrad.shim.dtypes import int_ as int
from srcgrad.shim.generator import Generator
from srcgrad.shim.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from srcgrad.shim.ops.activations import where
from srcgrad.shim.ops.joining import cat, hstack, meshgrid, stack, vstack
from srcgrad.shim.ops.products import einsum
from srcgrad.shim.ops.views import broadcast_tensors
from srcgrad.shim.printing import set_printoptions
from srcgrad.shim.serialization import load, save
from srcgrad.shim.size import Size
from srcgrad.shim.tensor import Device as device
from srcgrad.shim.tensor import Tensor

Tensor.backward = _backward
globals().update(methods.FUNCTIONS)
