"""The functions of neural networks, under the name that PyTorch has for them: `torch.nn.functional`."""

from srcgrad.shim.nn.functions.activations import (
    celu,
    elu,
    gelu,
    glu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    log_softmax,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softmax,
    softmin,
    softplus,
    softshrink,
    softsign,
    tanh,
    tanhshrink,
    threshold,
)
from srcgrad.shim.nn.functions.classification import cross_entropy, nll_loss
from srcgrad.shim.nn.functions.convolution import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d
from srcgrad.shim.nn.functions.dropout import dropout, dropout1d, dropout2d
from srcgrad.shim.nn.functions.embedding import embedding, one_hot
from srcgrad.shim.nn.functions.images import fold, interpolate, pixel_shuffle, unfold
from srcgrad.shim.nn.functions.linear import bilinear, cosine_similarity, linear, normalize, pairwise_distance
from srcgrad.shim.nn.functions.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    smooth_l1_loss,
)
from srcgrad.shim.nn.functions.normalization import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from srcgrad.shim.nn.functions.padding import pad
from srcgrad.shim.nn.functions.pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    avg_pool1d,
    avg_pool2d,
    max_pool1d,
    max_pool2d,
)
from srcgrad.shim.nn.functions.ranking import (
    cosine_embedding_loss,
    gaussian_nll_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    poisson_nll_loss,
    soft_margin_loss,
    triplet_margin_loss,
)

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "avg_pool1d", "avg_pool2d", "batch_norm", "bilinear",
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "celu", "conv1d", "conv2d", "conv3d",
    "conv_transpose1d", "conv_transpose2d", "cosine_embedding_loss", "cosine_similarity", "cross_entropy", "dropout",
    "dropout1d", "dropout2d", "elu", "embedding", "fold", "gaussian_nll_loss", "gelu", "glu", "group_norm",
    "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "hinge_embedding_loss", "huber_loss", "instance_norm",
    "interpolate", "kl_div", "l1_loss", "layer_norm", "leaky_relu", "linear", "log_softmax", "logsigmoid",
    "margin_ranking_loss", "max_pool1d", "max_pool2d", "mish", "mse_loss", "nll_loss", "normalize", "one_hot", "pad",
    "pairwise_distance", "pixel_shuffle", "poisson_nll_loss", "prelu", "relu", "relu6", "rms_norm", "selu", "sigmoid",
    "silu", "smooth_l1_loss", "soft_margin_loss", "softmax", "softmin", "softplus", "softshrink", "softsign", "tanh",
    "tanhshrink", "threshold", "triplet_margin_loss", "unfold",
]  # fmt: skip
