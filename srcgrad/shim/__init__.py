"""PyTorch's autograd semantics over NumPy: `import srcgrad.shim as torch`.

Tensors record the operations on them, `backward()` sends gradients through the graph, and functions that
`srcgrad.differentiable` compiled are single nodes of it. The derivatives of elementary functions are those of
`srcgrad.rules`.
"""

import math

from srcgrad.shim import autograd, compiled, func, linalg, methods, nn, optim, profiler, utils
from srcgrad.shim.autograd.anomaly import is_anomaly_check_nan_enabled, is_anomaly_enabled
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
from srcgrad.shim.device import device
from srcgrad.shim.drawing import make_dot
from srcgrad.shim.dtypes import bool_ as bool
from srcgrad.shim.dtypes import (
    can_cast,
    double,
    dtype,
    finfo,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    long,
    promote_types,
    set_default_dtype,
    short,
    uint8,
)
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
from srcgrad.shim.nn.functional import (
    bilinear,
    celu,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    cosine_similarity,
    dropout,
    group_norm,
    hardshrink,
    layer_norm,
    max_pool1d,
    max_pool2d,
    pairwise_distance,
    pixel_shuffle,
    prelu,
    rms_norm,
    selu,
    threshold,
)
from srcgrad.shim.ops.activations import where
from srcgrad.shim.ops.joining import cat, concat, concatenate, hstack, meshgrid, stack, vstack
from srcgrad.shim.ops.products import einsum
from srcgrad.shim.ops.views import broadcast_tensors
from srcgrad.shim.printing import set_printoptions
from srcgrad.shim.serialization import load, save
from srcgrad.shim.size import Size
from srcgrad.shim.tensor import Tensor

Tensor.backward = _backward
globals().update(methods.FUNCTIONS)
globals().update(methods.TOP)
pi, e, inf, nan, newaxis = math.pi, math.e, math.inf, math.nan, None


def is_tensor(obj: object) -> bool:
    """Whether it is a tensor."""
    return isinstance(obj, Tensor)


def numel(input: Tensor) -> int:
    """The number of elements."""
    return input._data.size


def is_nonzero(input: Tensor) -> bool:
    """Whether the one element is not 0."""
    return not input.eq(0)
