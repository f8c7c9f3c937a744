"""Functions of srcgrad.shim.nn by laws: gradients against central differences, sums that are 1, adjoints that fit."""

import itertools

import numpy as np
import pytest

import srcgrad.shim as torch
from srcgrad.shim.nn import functional as F  # noqa: N812 - its usual name
from srcgrad.shim.nn.functions.windows import Windows

STEP = 1e-5


def weighted(function, arrays, weights):
    """The sum of the elements of a function's result, weighted so that no derivative cancels."""
    out = function(*(torch.tensor(a) for a in arrays)).detach().numpy()
    return float((out * weights).sum())


def differences(function, arrays):
    """Central differences of a real function, for each array."""
    found = []
    for k, a in enumerate(arrays):
        slopes = np.zeros(a.shape)
        for at in np.ndindex(a.shape):
            moved = [[b.copy() for b in arrays] for _ in range(2)]
            moved[0][k][at] += STEP
            moved[1][k][at] -= STEP
            slopes[at] = (function(moved[0]) - function(moved[1])) / (2 * STEP)
        found.append(slopes)
    return found


def gradients(function, arrays, weights, *, create=False):
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    out = function(*tensors)
    grads = torch.autograd.grad((out * torch.tensor(weights)).sum(), tensors, create_graph=create, allow_unused=True)
    return tensors, [torch.zeros_like(t) if g is None else g for g, t in zip(grads, tensors, strict=True)]


def check(function, *arrays, second=True):
    """Assert that gradients are those of central differences, and those of gradients are too."""
    shape = function(*(torch.tensor(a) for a in arrays)).shape
    rng = np.random.default_rng(9)
    weights = rng.standard_normal(shape)
    _, grads = gradients(function, arrays, weights)
    for found, wanted in zip(grads, differences(lambda a: weighted(function, a, weights), arrays), strict=True):
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-5, atol=1e-7)
    if not second:
        return
    factors = [rng.standard_normal(a.shape) for a in arrays]

    def slope(values):
        grads = gradients(function, values, weights)[1]
        return float(sum((g.numpy() * f).sum() for g, f in zip(grads, factors, strict=True)))

    tensors, grads = gradients(function, arrays, weights, create=True)
    total = sum((g * torch.tensor(f)).sum() for g, f in zip(grads, factors, strict=True))
    found = torch.autograd.grad(total, tensors, allow_unused=True) if total.requires_grad else [None] * len(tensors)
    for g, wanted in zip(found, differences(slope, arrays), strict=True):
        np.testing.assert_allclose(0.0 if g is None else g.numpy(), wanted, rtol=1e-4, atol=1e-6)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


SMOOTH = {
    "elu": {}, "gelu": {}, "silu": {}, "mish": {}, "softplus": {"beta": 2.0}, "sigmoid": {}, "tanh": {}, "celu": {},
    "logsigmoid": {}, "softsign": {}, "tanhshrink": {}, "softmax": {"dim": 1}, "log_softmax": {"dim": 0}, "selu": {},
    "softmin": {"dim": 1}, "glu": {"dim": 1}, "relu": {}, "relu6": {}, "hardtanh": {}, "leaky_relu": {},
    "hardsigmoid": {}, "hardswish": {}, "threshold": {"threshold": 0.1, "value": 3.0}, "softshrink": {},
    "hardshrink": {},
}  # fmt: skip


class TestActivations:
    @pytest.mark.parametrize("name", SMOOTH)
    def test_gradients(self, name):
        check(lambda x: getattr(F, name)(x, **SMOOTH[name]), draw(3, 4))

    def test_gelu_by_tanh(self):
        check(lambda x: F.gelu(x, approximate="tanh"), draw(5))

    def test_prelu(self):
        check(F.prelu, draw(2, 3), np.array([0.1, 0.2, 0.3]))

    def test_integers_are_refused(self):
        with pytest.raises(NotImplementedError, match="\"GeluKernelImpl\" not implemented for 'Long'"):
            F.gelu(torch.ones(3).long())

    def test_softmax_sums_to_one(self):
        np.testing.assert_allclose(F.softmax(torch.tensor(draw(3, 4) * 100), 1).sum(1).numpy(), 1)

    def test_extremes_do_not_overflow(self):
        x = torch.tensor([-1e4, 0.0, 1e4], dtype=torch.float64, requires_grad=True)
        for function in (F.silu, F.softplus, F.mish, F.gelu, F.logsigmoid, F.elu):
            (grad,) = torch.autograd.grad(function(x).sum(), x)
            assert np.isfinite(grad.numpy()).all()


class TestWindows:
    @pytest.mark.parametrize("seed", range(10))
    def test_fold_is_the_adjoint_of_patches(self, seed):
        rng = np.random.default_rng(seed)
        ranges = (1, 4), (1, 3), (0, 3), (1, 3)
        kernel, stride, pad, dilation = (tuple(rng.integers(*r, 2).tolist()) for r in ranges)
        windows = Windows((6, 7), kernel, stride, pad, pad, dilation)
        x = rng.standard_normal((2, 3, 6, 7))
        patches = windows.patches(x)
        y = rng.standard_normal(patches.shape)
        np.testing.assert_allclose((patches * y).sum(), (x * windows.folded(y)).sum())


class TestConvolution:
    @pytest.mark.parametrize(
        "options",
        [
            {}, {"stride": 2, "padding": 1}, {"padding": "same"}, {"dilation": (2, 1), "padding": (1, 0)},
            {"padding": "valid", "stride": (1, 2)},
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("groups", [1, 2])
    def test_conv2d(self, options, groups):
        arrays = draw(2, 2, 4, 5), draw(2, 2 // groups, 3, 3), draw(2)
        check(lambda x, w, b: F.conv2d(x, w, b, groups=groups, **options), *arrays)

    def test_other_ranks(self):
        check(lambda x, w: F.conv1d(x, w, stride=2), draw(2, 3, 6), draw(2, 3, 2))
        check(F.conv3d, draw(1, 2, 3, 2, 3), draw(1, 2, 2, 2, 2))
        options = {"stride": 2, "padding": 1, "output_padding": 1}
        check(lambda x, w: F.conv_transpose2d(x, w, **options), draw(1, 2, 3, 2), draw(2, 1, 3, 2))

    def test_is_a_sum_of_products(self):
        x, w = draw(2, 3, 5, 6), draw(4, 3, 2, 3, seed=1)
        wanted = np.zeros((2, 4, 4, 4))
        for i, j in itertools.product(range(2), range(3)):
            wanted += np.einsum("nchw,oc->nohw", x[:, :, i : i + 4, j : j + 4], w[:, :, i, j])
        np.testing.assert_allclose(F.conv2d(torch.tensor(x), torch.tensor(w)).numpy(), wanted, rtol=1e-12)

    def test_third_order(self):
        x, w = torch.tensor(draw(1, 1, 3, 3), requires_grad=True), torch.tensor(draw(1, 1, 2, 2), requires_grad=True)
        total = (F.conv2d(x, w) ** 3).sum()
        for _ in range(2):
            (g,) = torch.autograd.grad(total, x, create_graph=True)
            total = (g**2).sum()
        (g,) = torch.autograd.grad(total, w)
        assert np.isfinite(g.numpy()).all()

    def test_input_that_changed_is_noticed(self):
        x, w = torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2, requires_grad=True)
        y = F.conv2d(x, w)
        x.mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.sum().backward()

    def test_result_is_contiguous(self):
        assert F.conv2d(torch.ones(2, 3, 5, 5), torch.ones(4, 3, 2, 2)).is_contiguous()

    def test_wrong_channels(self):
        message = (
            r"Given groups=1, weight of size \[4, 2, 3, 3\], expected input\[1, 3, 8, 8\] to have 2 channels, but got "
            "3 channels instead"
        )
        with pytest.raises(RuntimeError, match=message):
            F.conv2d(torch.ones(1, 3, 8, 8), torch.ones(4, 2, 3, 3))

    def test_even_kernel_with_same_warns(self):
        with pytest.warns(UserWarning, match="even kernel lengths"):
            assert F.conv2d(torch.ones(1, 1, 4, 4), torch.ones(1, 1, 2, 2), padding="same").shape == (1, 1, 4, 4)


class TestPooling:
    @pytest.mark.parametrize("options", [{}, {"stride": 1}, {"padding": 1, "ceil_mode": True}, {"stride": (1, 3)}])
    def test_gradients(self, options):
        x = draw(1, 2, 5, 4)
        check(lambda x: F.max_pool2d(x, 2, **options) ** 2, x)
        check(lambda x: F.avg_pool2d(x, 2, **options) ** 2, x)

    @pytest.mark.parametrize("size", [1, 2, (3, None)])
    def test_adaptive(self, size):
        check(lambda x: F.adaptive_avg_pool2d(x, size) ** 2, draw(1, 2, 5, 4))

    def test_maximum_goes_to_the_first(self):
        x = torch.ones(1, 1, 2, 2, requires_grad=True)
        F.max_pool2d(x, 2).sum().backward()
        assert x.grad.tolist() == [[[[1, 0], [0, 0]]]]


class TestLosses:
    @pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
    def test_of_pairs(self, reduction):
        x, y = draw(3, 4), draw(3, 4, seed=1)
        for function in (F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss):
            check(lambda x, y, f=function: f(x, y, reduction=reduction), x, y)
        t = 1 / (1 + np.exp(-y))
        check(lambda x, t: F.binary_cross_entropy(torch.sigmoid(x), t, reduction=reduction), x, t)
        p = torch.tensor([0.5, 1.0, 2.0, 3.0], dtype=torch.float64)
        check(lambda x, t: F.binary_cross_entropy_with_logits(x, t, p, reduction=reduction, pos_weight=p), x, t)
        check(lambda x, t: F.kl_div(x, t, reduction="batchmean" if reduction == "mean" else reduction), x, t)

    @pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
    @pytest.mark.parametrize("smoothing", [0.0, 0.3])
    def test_cross_entropy(self, reduction, smoothing):
        options = {"reduction": reduction, "label_smoothing": smoothing}
        w = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
        check(lambda x: F.cross_entropy(x, torch.tensor([0, 2, 1, 2]), w, ignore_index=1, **options), draw(4, 3))
        check(lambda x: F.cross_entropy(x, torch.tensor([[0, 2], [1, 2]]), **options), draw(2, 3, 2))
        check(lambda x, t: F.cross_entropy(x, t, w, **options), draw(4, 3), np.abs(draw(4, 3, seed=1)))

    def test_cross_entropy_of_classes_is_that_of_their_probabilities(self):
        x, t = torch.tensor(draw(5, 4)), torch.tensor([0, 3, 2, 1, 1])
        of_classes = F.cross_entropy(x, t, label_smoothing=0.1)
        of_probabilities = F.cross_entropy(x, F.one_hot(t, 4).double(), label_smoothing=0.1)
        assert of_classes.item() == pytest.approx(of_probabilities.item(), rel=1e-12)

    def test_shapes_that_differ_warn(self):
        with pytest.warns(UserWarning, match=r"Using a target size \(torch.Size\(\[3\]\)\) that is different"):
            F.mse_loss(torch.ones(3, 1), torch.ones(3))

    @pytest.mark.parametrize(
        ("target", "error", "message"),
        [
            ([0, 1], ValueError, r"Expected input batch_size \(3\) to match target batch_size \(2\)"),
            ([0, 1, 4], IndexError, "Target 4 is out of bounds"),
            ([[0], [1], [2]], RuntimeError, "0D or 1D target tensor expected, multi-target not supported"),
            ([0.0, 1.0, 2.0], RuntimeError, "expected target dtype to be Long or Byte, but got Float"),
        ],
    )
    def test_targets_that_do_not_fit(self, target, error, message):
        with pytest.raises(error, match=message):
            F.cross_entropy(torch.ones(3, 4), torch.tensor(target))

    def test_composed(self):
        x, y, z = draw(3, 2, 4)
        sign = torch.tensor(np.where(y > 0, 1.0, -1.0))
        check(lambda x: F.hinge_embedding_loss(x, sign), x)
        check(lambda x, y: F.margin_ranking_loss(x, y, sign), x, y)
        check(lambda x: F.soft_margin_loss(x, sign), x)
        check(lambda x, y: F.cosine_embedding_loss(x, y, torch.tensor([1.0, -1.0])), x, y)
        check(F.triplet_margin_loss, x, y, z)
        check(lambda x: F.poisson_nll_loss(x, torch.tensor(np.abs(y)), full=True), x)
        check(F.gaussian_nll_loss, x, y, np.abs(z) + 0.1)


class TestNormalisation:
    def test_gradients(self):
        check(lambda x, w, b: F.layer_norm(x, (2, 3), w, b), draw(2, 2, 3), draw(2, 3), draw(2, 3))
        check(lambda x, w, b: F.layer_norm(x, (4,), w, b), draw(4), draw(4), draw(4))
        check(lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), draw(3, 2, 2), draw(2), draw(2))
        means, variances = torch.tensor(draw(2)), torch.tensor(np.abs(draw(2)))
        check(lambda x, w, b: F.batch_norm(x, means, variances, w, b), draw(3, 2), draw(2), draw(2))
        check(lambda x, w, b: F.group_norm(x, 2, w, b), draw(2, 4, 2), draw(4), draw(4))
        check(F.instance_norm, draw(2, 2, 4))
        check(lambda x, w: F.rms_norm(x, (3,), w), draw(2, 3), draw(3))

    def test_running_statistics(self):
        x = draw(8, 2)
        mean, variance = torch.zeros(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64)
        F.batch_norm(torch.tensor(x), mean, variance, training=True, momentum=0.25)
        np.testing.assert_allclose(mean.numpy(), 0.25 * x.mean(0))
        np.testing.assert_allclose(variance.numpy(), 0.75 + 0.25 * x.var(0, ddof=1))
        assert mean._version == 1

    def test_result_has_mean_zero_and_variance_one(self):
        out = F.layer_norm(torch.tensor(draw(5, 40)), (40,), eps=0.0).numpy()
        np.testing.assert_allclose(out.mean(1), 0, atol=1e-12)
        np.testing.assert_allclose(out.var(1), 1)


class TestOthers:
    def test_linear(self):
        check(F.linear, draw(3, 4), draw(2, 4), draw(2))
        check(F.linear, draw(2, 3, 4), draw(2, 4))
        check(F.bilinear, draw(3, 2), draw(3, 4), draw(2, 2, 4), draw(2))

    def test_distances(self):
        check(F.cosine_similarity, draw(3, 4), draw(3, 4, seed=1))
        check(F.pairwise_distance, draw(3, 4), draw(3, 4, seed=1))
        check(F.normalize, draw(3, 4))

    def test_embedding(self):
        index = torch.tensor([[0, 2], [2, 1]])
        check(lambda w: F.embedding(index, w) ** 2, draw(4, 3))
        weight = torch.ones(4, 3, requires_grad=True)
        F.embedding(index, weight, padding_idx=2).sum().backward()
        assert weight.grad[:, 0].tolist() == [1, 1, 0, 0]

    def test_padding(self):
        check(lambda x: F.pad(x, (1, -1, 0, 2), value=3.0) ** 2, draw(3, 4))
        for mode in ("reflect", "replicate", "circular"):
            check(lambda x, m=mode: F.pad(x, (1, 2), m) ** 2, draw(2, 4))

    def test_images(self):
        check(lambda x: F.unfold(x, 2, padding=1, stride=2) ** 2, draw(1, 2, 4, 3))
        check(lambda x: F.fold(x, (3, 3), 2) ** 2, draw(1, 4, 4))
        check(lambda x: F.pixel_shuffle(x, 2) ** 2, draw(1, 4, 2, 1))
        check(lambda x: F.interpolate(x, scale_factor=1.5, mode="bilinear") ** 2, draw(1, 1, 3, 4))

    def test_dropout(self):
        torch.manual_seed(0)
        x = torch.ones(1000, requires_grad=True)
        y = F.dropout(x, 0.2)
        assert set(np.unique(y.detach().numpy()).tolist()) == {0.0, 1.25}
        y.sum().backward()
        np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())
        assert F.dropout(x, 0.2, training=False) is x
        # golden: PyTorch 2.13, `torch.manual_seed(0); dropout(torch.ones(8), 0.5)`
        torch.manual_seed(0)
        assert F.dropout(torch.ones(8), 0.5).tolist() == [0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 2.0, 2.0]

    def test_one_hot(self):
        assert F.one_hot(torch.tensor([1, 0]), 3).tolist() == [[0, 1, 0], [1, 0, 0]]

    def test_names_are_those_of_pytorch(self):
        x = torch.ones(2, 4, 6, 6, requires_grad=True)
        rows = torch.ones(2, 4, requires_grad=True)
        found = [
            type(y.grad_fn).__name__ for y in (
                F.conv2d(x, torch.ones(1, 4, 2, 2)), F.max_pool2d(x, 2), F.avg_pool2d(x, 2), F.layer_norm(x, (6,)),
                F.batch_norm(x, None, None, training=True), F.mse_loss(x, x.detach()), F.gelu(rows), F.silu(rows),
                F.cross_entropy(rows, torch.tensor([0, 1])), F.linear(rows, torch.ones(3, 4), torch.ones(3)),
                F.embedding(torch.tensor([0]), rows), F.huber_loss(rows, torch.ones(2, 4)),
            )
        ]  # fmt: skip
        assert found == [
            "ConvolutionBackward0", "MaxPool2DWithIndicesBackward0", "AvgPool2DBackward0", "NativeLayerNormBackward0",
            "NativeBatchNormBackward0", "MseLossBackward0", "GeluBackward0", "SiluBackward0", "NllLossBackward0",
            "AddmmBackward0", "EmbeddingBackward0", "HuberLossBackward0",
        ]  # fmt: skip
