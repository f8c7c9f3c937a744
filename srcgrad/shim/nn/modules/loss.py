"""Losses as modules."""

from __future__ import annotations

from typing import Any

from srcgrad.shim.nn import functional as F  # noqa: N812 - its usual name
from srcgrad.shim.nn.functions.losses import of_arguments
from srcgrad.shim.nn.module import Module
from srcgrad.shim.nn.modules.plain import Plain
from srcgrad.shim.tensor import Tensor


class _Loss(Module):
    """A loss with a reduction, and what else its function takes as keyword arguments.

    Attributes of the class:
        function: what is called with input, target, the options and the reduction.
        options: names and defaults.
        tensors: the names of options that are tensors; they are buffers.
        leading: how many of the options come before `size_average` among the positional arguments.
        dated: whether it takes the two old arguments.
    """

    function: Any
    options: dict[str, Any] = {}  # noqa: RUF012 - subclasses replace it
    tensors: tuple[str, ...] = ()
    order: tuple[str, ...] = ("size_average", "reduce", "reduction")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        if len(args) > len(self.order):
            raise TypeError(
                f"{type(self).__name__}.__init__() takes from 1 to {len(self.order) + 1} positional arguments but "
                f"{len(args) + 1} were given"
            )
        given = {**dict(zip(self.order, args, strict=False)), **kwargs}
        average, reduce = given.pop("size_average", None), given.pop("reduce", None)
        self.reduction = of_arguments(given.pop("reduction", "mean"), average, reduce)
        for name in given:
            if name not in self.options:
                raise TypeError(f"{type(self).__name__}.__init__() got an unexpected keyword argument '{name}'")
        for name, default in self.options.items():
            value = given.get(name, default)
            if name in self.tensors:
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        options = {name: getattr(self, name) for name in self.options}
        return type(self).function(input, target, reduction=self.reduction, **options)  # type: ignore[no-any-return]


class MSELoss(_Loss):
    """Squares of differences."""

    function = staticmethod(F.mse_loss)


class L1Loss(_Loss):
    """Absolute differences."""

    function = staticmethod(F.l1_loss)


class SmoothL1Loss(_Loss):
    """Absolute differences; below `beta`, squares that join them."""

    function, options = staticmethod(F.smooth_l1_loss), {"beta": 1.0}
    order = ("size_average", "reduce", "reduction", "beta")


class HuberLoss(_Loss):
    """Half the squares of differences; beyond `delta`, lines that join them."""

    function, options, order = staticmethod(F.huber_loss), {"delta": 1.0}, ("reduction", "delta")


class CrossEntropyLoss(_Loss):
    """The negative logarithms of the softmax at the right classes."""

    function, tensors = staticmethod(F.cross_entropy), ("weight",)
    options = {"weight": None, "ignore_index": -100, "label_smoothing": 0.0}  # noqa: RUF012 - not a field
    order = ("weight", "size_average", "ignore_index", "reduce", "reduction", "label_smoothing")


class NLLLoss(_Loss):
    """The negative log-probabilities of the right classes."""

    function, options, tensors = staticmethod(F.nll_loss), {"weight": None, "ignore_index": -100}, ("weight",)
    order = ("weight", "size_average", "ignore_index", "reduce", "reduction")


class BCELoss(_Loss):
    """The cross-entropy of probabilities."""

    function, options, tensors = staticmethod(F.binary_cross_entropy), {"weight": None}, ("weight",)
    order = ("weight", "size_average", "reduce", "reduction")


class BCEWithLogitsLoss(_Loss):
    """The cross-entropy of probabilities, from logits."""

    function = staticmethod(F.binary_cross_entropy_with_logits)
    options, tensors = {"weight": None, "pos_weight": None}, ("weight", "pos_weight")
    order = ("weight", "size_average", "reduce", "reduction", "pos_weight")


class KLDivLoss(_Loss):
    """The divergence of a distribution from one whose logarithms are given."""

    function, options = staticmethod(F.kl_div), {"log_target": False}
    order = ("size_average", "reduce", "reduction", "log_target")


class SoftMarginLoss(_Loss):
    """`log(1 + exp(-target * x))`."""

    function = staticmethod(F.soft_margin_loss)


class HingeEmbeddingLoss(_Loss):
    """The input where the target is 1, its distance to a margin where it is -1."""

    function, options = staticmethod(F.hinge_embedding_loss), {"margin": 1.0}
    order = ("margin", "size_average", "reduce", "reduction")


class PoissonNLLLoss(_Loss):
    """The negative log-likelihood of counts."""

    function, options = staticmethod(F.poisson_nll_loss), {"log_input": True, "full": False, "eps": 1e-8}
    order = ("log_input", "full", "size_average", "eps", "reduce", "reduction")


class _Three(Plain):
    """A loss of three tensors."""

    shown = ()


class MarginRankingLoss(_Three):
    """`max(0, margin - target * (x1 - x2))`."""

    function, options = staticmethod(F.margin_ranking_loss), {"margin": 0.0, "reduction": "mean"}


class CosineEmbeddingLoss(_Three):
    """`1 - cos` where the target is 1, `max(0, cos - margin)` where it is -1."""

    function, options = staticmethod(F.cosine_embedding_loss), {"margin": 0.0, "reduction": "mean"}


class TripletMarginLoss(_Three):
    """`max(0, margin + |anchor - positive| - |anchor - negative|)`."""

    function = staticmethod(F.triplet_margin_loss)
    options = {  # noqa: RUF012 - not a field
        "margin": 1.0, "p": 2.0, "eps": 1e-6, "swap": False, "reduction": "mean",
    }  # fmt: skip


class GaussianNLLLoss(_Three):
    """The negative log-likelihood of a normal distribution."""

    function, options = staticmethod(F.gaussian_nll_loss), {"full": False, "eps": 1e-6, "reduction": "mean"}
