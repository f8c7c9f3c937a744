"""srcgrad.shim.nn beside PyTorch itself, where it is installed: values, gradients, gradients of them, messages."""

import itertools
import warnings

import numpy as np
import pytest

from srcgrad import shim

torch = pytest.importorskip("torch")

SEEDS = range(4)


def run(lib, function, arrays, *, second):
    """Result, gradients and gradients of gradients of `function(lib, *tensors)`, as arrays.

    And the name of the node, and whether gradients can be differentiated.
    """
    force = {"force": True} if lib is torch else {}  # PyTorch has a kind of zeros that it does not store
    tensors = [lib.tensor(a) for a in arrays]
    recorded = []
    floats = [t.requires_grad_() for t, a in zip(tensors, arrays, strict=True) if a.dtype.kind == "f"]
    out = function(lib, *tensors)
    rng = np.random.default_rng(7)
    ct = lib.tensor(rng.standard_normal(tuple(out.shape)).astype(str(out.dtype).removeprefix("torch.")))
    grads = lib.autograd.grad(out, floats, ct, create_graph=second, allow_unused=True)
    found = [out, *grads]
    name = type(out.grad_fn).__name__
    if second:
        total = sum((g * lib.tensor(rng.standard_normal(tuple(g.shape)))).sum() for g in grads if g is not None)
        recorded.append(bool(total.requires_grad))
        if recorded[-1]:
            found += lib.autograd.grad(total, floats, allow_unused=True)
    return [None if f is None else f.detach().numpy(**force) for f in found], (name, *recorded)


def compare(function, *arrays, second=True, name=True, twice=False, rtol=1e-9, atol=1e-11):
    """Assert that both do the same; returns the largest difference, relative to 1 or to the largest number.

    With `twice`, also that both say that gradients can be differentiated, where derivatives of these are all zero.
    """
    ours, our_facts = run(shim, function, arrays, second=second)
    theirs, their_facts = run(torch, function, arrays, second=second)
    if name:
        assert our_facts[0] == their_facts[0]
    if twice:
        assert our_facts[1:] == their_facts[1:]
    worst = 0.0
    for a, b in zip(ours, theirs, strict=False):
        a = np.zeros_like(b) if a is None and b is not None else a
        b = np.zeros_like(a) if b is None and a is not None else b
        if a is None:
            continue
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)
        finite = np.isfinite(b)
        worst = max(worst, np.abs(a[finite] - b[finite]).max(initial=0.0) / np.abs(b[finite]).max(initial=1.0))
    return worst


def messages(function):
    """Type and text of the error, and the texts of the warnings, that both give."""
    found = []
    for lib in (shim, torch):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with pytest.raises(Exception) as error:
                function(lib)
        found.append((error.type.__name__, str(error.value), [str(w.message) for w in caught]))
    return found


ACTIVATIONS = {
    "relu": {}, "relu6": {}, "hardtanh": {"min_val": -0.3, "max_val": 0.7}, "leaky_relu": {"negative_slope": 0.2},
    "elu": {"alpha": 1.5}, "selu": {}, "celu": {"alpha": 1.5}, "gelu": {}, "silu": {}, "mish": {},
    "softplus": {"beta": 2.0, "threshold": 3.0}, "hardsigmoid": {}, "hardswish": {},
    "threshold": {"threshold": 0.1, "value": 2.0}, "hardshrink": {}, "softshrink": {}, "sigmoid": {}, "tanh": {},
    "logsigmoid": {}, "softsign": {}, "tanhshrink": {}, "softmax": {"dim": 1}, "log_softmax": {"dim": 0},
    "softmin": {"dim": 1}, "glu": {"dim": 1},
}  # fmt: skip


class TestActivations:
    @pytest.mark.parametrize("name", ACTIVATIONS)
    @pytest.mark.parametrize("seed", SEEDS)
    def test_values_and_gradients(self, name, seed):
        x = 3 * np.random.default_rng(seed).standard_normal((5, 6))

        def function(lib, x):
            return getattr(lib.nn.functional, name)(x, **ACTIVATIONS[name])

        once = name == "hardsigmoid"  # which PyTorch differentiates once, by a float32 constant
        compare(function, x, second=not once, twice=name != "relu", rtol=1e-7 if once else 1e-9)

    @pytest.mark.parametrize(
        "name", ["relu", "relu6", "leaky_relu", "elu", "celu", "selu", "silu", "mish", "hardswish"]
    )
    def test_in_place(self, name):
        x = np.random.default_rng(0).standard_normal((4, 3))

        def function(lib, x):
            y = x * 2
            getattr(lib.nn.functional, name)(y, inplace=True)
            return y * y

        compare(function, x, second=False)

    @pytest.mark.parametrize("name", ["hardtanh", "threshold", "hardshrink", "softshrink", "hardsigmoid"])
    def test_nan_does_not_come_through(self, name):
        x = np.linspace(-5, 5, 11)
        options = {"threshold": 0.1, "value": 2.0} if name == "threshold" else {}

        def function(lib, x):
            return getattr(lib.nn.functional, name)(x, **options) * lib.tensor([np.nan, np.inf] * 5 + [np.nan]).double()

        compare(function, x, second=False, rtol=1e-7)

    def test_gelu_by_tanh(self):
        compare(lambda lib, x: lib.nn.functional.gelu(x, approximate="tanh"), np.linspace(-4, 4, 21))

    @pytest.mark.parametrize("channels", [1, 3])
    def test_prelu(self, channels):
        rng = np.random.default_rng(0)
        arrays = rng.standard_normal((2, 3, 4)), rng.standard_normal(channels)
        compare(lambda lib, x, w: lib.nn.functional.prelu(x, w), *arrays)

    @pytest.mark.parametrize("name", ["gelu", "silu", "softplus", "mish", "elu", "log_softmax"])
    def test_float32(self, name):
        x = np.random.default_rng(0).standard_normal((5, 6)).astype(np.float32)
        options = {"dim": 1} if "softmax" in name else {}

        def function(lib, x):
            return getattr(lib.nn.functional, name)(x, **options)

        compare(function, x, second=False, rtol=2e-6, atol=1e-6)


class TestLinear:
    @pytest.mark.parametrize("lead", [(), (3,), (2, 3), (2, 1, 3)])
    @pytest.mark.parametrize("bias", [True, False])
    def test_linear(self, lead, bias):
        rng = np.random.default_rng(0)
        arrays = [rng.standard_normal((*lead, 4)), rng.standard_normal((5, 4)), *[rng.standard_normal(5)] * bias]
        compare(lambda lib, x, w, *b: lib.nn.functional.linear(x, w, *b), *arrays, name=bool(lead) or bias)

    def test_bilinear_and_distances(self):
        rng = np.random.default_rng(0)
        x, y, w, b = (rng.standard_normal(s) for s in ((3, 4), (3, 5), (2, 4, 5), (2,)))
        compare(lambda lib, *v: lib.nn.functional.bilinear(*v), x, y, w, b, name=False)
        compare(lambda lib, *v: lib.nn.functional.cosine_similarity(*v), x, 2 * x[::-1].copy())
        compare(lambda lib, *v: lib.nn.functional.pairwise_distance(*v), x, 2 * x[::-1].copy(), name=False)
        for p, dim in ((2.0, 1), (1.0, 0), (3.0, -1)):
            compare(lambda lib, v, p=p, dim=dim: lib.nn.functional.normalize(v, p, dim), x)


def conv_cases():
    rng = np.random.default_rng(0)
    for rank in (1, 2, 3):
        for k in range(40 if rank == 2 else 12):
            groups = int(rng.choice([1, 1, 2, 3]))
            yield pytest.param(rank, groups, int(rng.integers(1 << 30)), id=f"{rank}d-{k}")


class TestConvolution:
    @pytest.mark.parametrize(("rank", "groups", "seed"), list(conv_cases()))
    def test_random(self, rank, groups, seed):
        rng = np.random.default_rng(seed)
        kernel = tuple(int(n) for n in rng.integers(1, 4, rank))
        dilation = tuple(int(n) for n in rng.integers(1, 3, rank))
        padding = rng.choice(["numbers", "numbers", "valid", "same"])
        stride = tuple(int(n) for n in rng.integers(1, 4, rank)) if padding != "same" else 1
        padding = tuple(int(n) for n in rng.integers(0, 3, rank)) if padding == "numbers" else str(padding)
        size = tuple(int(n) for n in rng.integers(5, 9, rank))
        batch = (2,) if rng.random() < 0.8 else ()
        x = rng.standard_normal((*batch, 2 * groups, *size))
        w = rng.standard_normal((3 * groups, 2, *kernel))
        b = [rng.standard_normal(3 * groups)] if rng.random() < 0.6 else []

        def function(lib, x, w, *b):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # even kernels with "same"
                convolve = getattr(lib.nn.functional, f"conv{rank}d")
                return convolve(x, w, *b, stride=stride, padding=padding, dilation=dilation, groups=groups)

        compare(function, x, w, *b)

    @pytest.mark.parametrize("seed", range(12))
    def test_transposed(self, seed):
        rng = np.random.default_rng(seed)
        rank = 1 + seed % 2
        stride, dilation = rng.integers(1, 4, rank).tolist(), rng.integers(1, 3, rank).tolist()
        extra = [int(rng.integers(0, max(s, d))) for s, d in zip(stride, dilation, strict=True)]
        padding, groups = rng.integers(0, 2, rank).tolist(), int(rng.integers(1, 3))
        x = rng.standard_normal((2, 2 * groups, *rng.integers(3, 6, rank)))
        w, b = rng.standard_normal((2 * groups, 3, *rng.integers(2, 4, rank))), rng.standard_normal(3 * groups)

        def function(lib, x, w, b):
            convolve = getattr(lib.nn.functional, f"conv_transpose{rank}d")
            return convolve(x, w, b, stride, padding, extra, groups, dilation)

        compare(function, x, w, b, name=False)

    def test_float32(self):
        rng = np.random.default_rng(0)
        arrays = [rng.standard_normal(s).astype(np.float32) for s in ((4, 8, 12, 12), (16, 8, 3, 3), (16,))]

        def function(lib, x, w, b):
            return lib.nn.functional.conv2d(x, w, b, padding=1)

        compare(function, *arrays, second=False, rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize(
        ("x", "w", "options"),
        [
            ((1, 3, 8, 8), (4, 2, 3, 3), {}), ((3, 8), (4, 2, 3, 3), {}), ((1, 3, 2, 2), (4, 3, 3, 3), {}),
            ((1, 3, 8, 8), (4, 3, 3, 3), {"stride": 0}), ((1, 3, 8, 8), (4, 3, 3, 3), {"padding": -1}),
            ((1, 3, 8, 8), (4, 3, 3, 3), {"dilation": 0}), ((1, 3, 8, 8), (4, 3, 3, 3), {"groups": 2}),
            ((1, 4, 8, 8), (5, 2, 3, 3), {"groups": 2}), ((1, 3, 8, 8), (4, 3, 3, 3), {"padding": "foo"}),
            ((1, 3, 8, 8), (4, 3, 3, 3), {"padding": "same", "stride": 2}), ((1, 3, 8), (4, 3, 3), {}),
            ((1, 3, 8, 8), (4, 3, 3, 3), {"stride": (1, 1, 1)}),
        ],
    )  # fmt: skip
    def test_messages(self, x, w, options):
        ours, theirs = messages(lambda lib: lib.nn.functional.conv2d(lib.ones(x), lib.ones(w), **options))
        assert ours == theirs


class TestPooling:
    @pytest.mark.parametrize("seed", range(30))
    def test_random(self, seed):
        rng = np.random.default_rng(seed)
        kernel, stride = rng.integers(1, 4, 2).tolist(), rng.integers(1, 4, 2).tolist()
        dilation = rng.integers(1, 3, 2).tolist()
        padding = [int(rng.integers(0, k // 2 + 1)) for k in kernel]
        ceil, given = bool(seed % 2), None if seed % 3 else stride
        x = rng.standard_normal((2, 3, *rng.integers(5, 9, 2)) if seed % 5 else (3, 7, 6))
        compare(lambda lib, x: lib.nn.functional.max_pool2d(x, kernel, given, padding, dilation, ceil), x)
        more = bool(seed % 4), None if seed % 7 else 5
        compare(lambda lib, x: lib.nn.functional.avg_pool2d(x, kernel, given, padding, ceil, *more), x)
        ours, theirs = (
            lib.nn.functional.max_pool2d(lib.tensor(x), kernel, given, padding, dilation, ceil, True)[1].tolist()
            for lib in (shim, torch)
        )
        assert ours == theirs

    @pytest.mark.parametrize("size", [1, (1, 1), 3, (2, 5), (None, 4), (9, 8)])
    @pytest.mark.parametrize("shape", [(2, 3, 7, 6), (3, 5, 5)])
    def test_adaptive(self, size, shape):
        x = np.random.default_rng(0).standard_normal(shape)
        compare(lambda lib, x: lib.nn.functional.adaptive_avg_pool2d(x, size), x)

    def test_one_dimension(self):
        x = np.random.default_rng(0).standard_normal((2, 3, 9))
        compare(lambda lib, x: lib.nn.functional.max_pool1d(x, 3, 2, 1), x)
        compare(lambda lib, x: lib.nn.functional.avg_pool1d(x, 3, 2, 1), x)
        compare(lambda lib, x: lib.nn.functional.adaptive_avg_pool1d(x, 4), x)

    def test_nan_and_ties(self):
        x = np.array([[[[1.0, 1.0, np.nan], [1.0, 1.0, 0.0], [np.nan, 2.0, np.nan]]]])
        compare(lambda lib, x: lib.nn.functional.max_pool2d(x, 2, 1), x, second=False)

    @pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
    @pytest.mark.parametrize("args", [((1, 3, 2, 2), 3), ((3, 2), 2), ((1, 3, 4, 4), 2, None, 2), ((1, 3, 4, 4), 2, 0)])
    def test_messages(self, name, args):
        ours, theirs = messages(lambda lib: getattr(lib.nn.functional, name)(lib.ones(args[0]), *args[1:]))
        assert ours == theirs


REDUCTIONS = ("none", "mean", "sum")


class TestLosses:
    @pytest.mark.parametrize("reduction", REDUCTIONS)
    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("mse_loss", {}), ("l1_loss", {}), ("smooth_l1_loss", {}), ("smooth_l1_loss", {"beta": 0.3}),
            ("smooth_l1_loss", {"beta": 0.0}), ("huber_loss", {}), ("huber_loss", {"delta": 0.4}),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("shapes", [((4, 5), (4, 5)), ((4, 5), (5,)), ((), ())])
    def test_of_pairs(self, name, options, reduction, shapes):
        rng = np.random.default_rng(0)
        x, y = (np.asarray(rng.standard_normal(s)) for s in shapes)

        def function(lib, x, y):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # shapes that differ
                return getattr(lib.nn.functional, name)(x, y, reduction=reduction, **options)

        compare(function, x, y)

    @pytest.mark.parametrize("reduction", REDUCTIONS)
    @pytest.mark.parametrize("weighted", [False, True])
    def test_binary_cross_entropy(self, reduction, weighted):
        rng = np.random.default_rng(0)
        x, t, w, p = rng.uniform(size=(4, 5)), rng.uniform(size=(4, 5)), rng.uniform(size=5), rng.uniform(size=5)

        def weights(lib, v):
            return lib.tensor(v) if weighted else None

        def of_probabilities(lib, x, t):
            return lib.nn.functional.binary_cross_entropy(x, t, weights(lib, w), reduction=reduction)

        def of_logits(lib, x, t):
            function = lib.nn.functional.binary_cross_entropy_with_logits
            return function(x, t, weights(lib, w), reduction=reduction, pos_weight=weights(lib, p))

        compare(of_probabilities, x, t)
        compare(of_logits, 8 * x - 4, t)

    @pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
    @pytest.mark.parametrize("log_target", [False, True])
    def test_kl_div(self, reduction, log_target):
        rng = np.random.default_rng(0)
        x, t = np.log(rng.dirichlet(np.ones(5), 4)), rng.dirichlet(np.ones(5), 4)

        def function(lib, x, t):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about "mean"
                return lib.nn.functional.kl_div(x, t, reduction=reduction, log_target=log_target)

        compare(function, x, np.log(t) if log_target else t)

    @pytest.mark.parametrize("reduction", REDUCTIONS)
    @pytest.mark.parametrize("spatial", [None, (), (3,), (2, 3), (2, 1, 3)])
    @pytest.mark.parametrize("weighted", [False, True])
    @pytest.mark.parametrize("smoothing", [0.0, 0.2])
    @pytest.mark.parametrize("ignore", [-100, 2])
    def test_classes(self, reduction, spatial, weighted, smoothing, ignore):
        rng = np.random.default_rng(0)
        batch = () if spatial is None else (6,)
        x, w = rng.standard_normal((*batch, 4, *(spatial or ()))), rng.uniform(0.5, 2, 4)
        t = np.asarray(rng.integers(0, 4, (*batch, *(spatial or ()))))
        if spatial is None:
            t = np.asarray(1)

        def cross_entropy(lib, x):
            options = {"ignore_index": ignore, "reduction": reduction, "label_smoothing": smoothing}
            weight = lib.tensor(w) if weighted else None
            return lib.nn.functional.cross_entropy(x, lib.tensor(t), weight, **options)

        def nll_loss(lib, x):
            weight = lib.tensor(w) if weighted else None
            return lib.nn.functional.nll_loss(x, lib.tensor(t), weight, ignore_index=ignore, reduction=reduction)

        compare(cross_entropy, x, name=spatial is None or len(spatial) in (0, 2))
        compare(nll_loss, x, name=spatial is None or len(spatial) in (0, 2))  # PyTorch reshapes the others

    @pytest.mark.parametrize("reduction", REDUCTIONS)
    @pytest.mark.parametrize("shape", [(4,), (3, 4), (3, 4, 2)])
    @pytest.mark.parametrize("smoothing", [0.0, 0.2])
    @pytest.mark.parametrize("weighted", [False, True])
    def test_probabilities(self, reduction, shape, smoothing, weighted):
        rng = np.random.default_rng(0)
        x, t, w = rng.standard_normal(shape), rng.uniform(size=shape), rng.uniform(0.5, 2, 4)

        def function(lib, x, t):
            weight = lib.tensor(w) if weighted else None
            return lib.nn.functional.cross_entropy(x, t, weight, reduction=reduction, label_smoothing=smoothing)

        compare(function, x, t)

    def test_all_ignored(self):
        x = np.random.default_rng(0).standard_normal((3, 4))
        for reduction in REDUCTIONS:

            def function(lib, x, reduction=reduction):
                target = lib.tensor([1, 1, 1])
                return lib.nn.functional.cross_entropy(x, target, ignore_index=1, reduction=reduction)

            compare(function, x, second=False)

    @pytest.mark.parametrize("reduction", REDUCTIONS)
    def test_composed(self, reduction):
        rng = np.random.default_rng(0)
        x, y, z = rng.standard_normal((3, 4, 5))
        sign, row = np.where(rng.random((4, 5)) < 0.5, 1.0, -1.0), np.array([1.0, -1.0, 1.0, -1.0])
        for name, arrays, fixed in (
            ("hinge_embedding_loss", (x,), sign), ("margin_ranking_loss", (x, y), sign),
            ("soft_margin_loss", (x,), sign),
            ("cosine_embedding_loss", (x, y), row), ("triplet_margin_loss", (x, y, z), None),
            ("poisson_nll_loss", (x,), np.abs(y)), ("gaussian_nll_loss", (x, y, z * z + 0.1), None),
        ):  # fmt: skip

            def function(lib, *v, name=name, fixed=fixed):
                more = () if fixed is None else (lib.tensor(fixed),)
                return getattr(lib.nn.functional, name)(*v, *more, reduction=reduction)

            compare(function, *arrays, name=False)

    @pytest.mark.parametrize(
        "case",
        [
            lambda lib: lib.nn.functional.cross_entropy(lib.ones(3, 4), lib.tensor([0, 1])),
            lambda lib: lib.nn.functional.cross_entropy(lib.ones(3, 4), lib.tensor([0, 1, 4])),
            lambda lib: lib.nn.functional.cross_entropy(lib.ones(3, 4), lib.tensor([0.0, 1.0, 2.0])),
            lambda lib: lib.nn.functional.cross_entropy(lib.ones(3, 4), lib.tensor([[0], [1], [2]])),
            lambda lib: lib.nn.functional.cross_entropy(lib.ones(3, 4), lib.tensor([0, 1, 2]), lib.ones(3)),
            lambda lib: lib.nn.functional.cross_entropy(lib.ones(3, 4), lib.tensor([0, 1, 2]), reduction="foo"),
            lambda lib: lib.nn.functional.cross_entropy(lib.ones(3, 4), lib.tensor([0, 1, 2]), label_smoothing=2.0),
            lambda lib: lib.nn.functional.cross_entropy(lib.ones(3, 4), lib.ones(3, 5)),
            lambda lib: lib.nn.functional.cross_entropy(lib.ones(3, 4, 2), lib.zeros(3, 3).long()),
            lambda lib: lib.nn.functional.cross_entropy(lib.ones(3, 4, 2, 2), lib.zeros(3, 2, 3).long()),
            lambda lib: lib.nn.functional.nll_loss(lib.tensor(1.0), lib.tensor(0)),
            lambda lib: lib.nn.functional.mse_loss(lib.ones(3, 2), lib.ones(3)),
            lambda lib: lib.nn.functional.mse_loss(lib.ones(3), lib.ones(3), reduction="foo"),
            lambda lib: lib.nn.functional.huber_loss(lib.ones(3), lib.ones(3), delta=0),
            lambda lib: lib.nn.functional.smooth_l1_loss(lib.ones(3), lib.ones(3), beta=-1),
            lambda lib: lib.nn.functional.binary_cross_entropy(lib.ones(3, 1), lib.ones(3)),
            lambda lib: lib.nn.functional.binary_cross_entropy(lib.ones(3) * 2, lib.ones(3)),
            lambda lib: lib.nn.functional.binary_cross_entropy(lib.ones(3), lib.ones(3) * 2),
            lambda lib: lib.nn.functional.binary_cross_entropy_with_logits(lib.ones(3, 1), lib.ones(3)),
            lambda lib: lib.nn.functional.kl_div(lib.ones(3), lib.ones(3), reduction="foo"),
            lambda lib: lib.nn.functional.dropout(lib.ones(3), 2.0),
            lambda lib: lib.nn.functional.layer_norm(lib.ones(3, 4), (5,)),
            lambda lib: lib.nn.functional.layer_norm(lib.ones(3, 4), (4,), lib.ones(3)),
            lambda lib: lib.nn.functional.batch_norm(lib.ones(1, 4), None, None, training=True),
            lambda lib: lib.nn.functional.batch_norm(lib.ones(2, 4), None, None),
            lambda lib: lib.nn.functional.batch_norm(lib.ones(2, 4), lib.ones(3), lib.ones(3)),
            lambda lib: lib.nn.functional.embedding(lib.tensor([0, 5]), lib.ones(3, 2)),
            lambda lib: lib.nn.functional.embedding(lib.tensor([0.0]), lib.ones(3, 2)),
            lambda lib: lib.nn.functional.one_hot(lib.tensor([0, -1])),
            lambda lib: lib.nn.functional.one_hot(lib.tensor([0, 3]), 2),
            lambda lib: lib.nn.functional.pad(lib.ones(3), (1,)),
            lambda lib: lib.nn.functional.pad(lib.ones(1, 3, 3), (3, 3), mode="reflect"),
            lambda lib: lib.nn.functional.linear(lib.ones(2, 3), lib.ones(4, 5)),
            lambda lib: lib.nn.functional.linear(lib.ones(2, 5), lib.ones(4, 5), lib.ones(3)),
            lambda lib: lib.nn.functional.linear(lib.ones(2, 5).double(), lib.ones(4, 5), lib.ones(4)),
            lambda lib: lib.nn.functional.gelu(lib.ones(3).long()),
            lambda lib: lib.nn.functional.relu(1.0),
        ],
    )
    def test_messages(self, case):
        ours, theirs = messages(case)
        assert ours == theirs


class TestNormalisation:
    @pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 4)])
    @pytest.mark.parametrize("affine", [0, 1, 2])
    def test_layer_norm(self, shape, affine):
        rng = np.random.default_rng(0)
        inner = shape[-min(len(shape), 2) :]
        arrays = [rng.standard_normal(shape), *(rng.standard_normal(inner) for _ in range(affine))]
        compare(lambda lib, x, *wb: lib.nn.functional.layer_norm(x, inner, *wb), *arrays)

    @pytest.mark.parametrize("shape", [(6, 3), (4, 3, 5), (2, 3, 4, 5)])
    @pytest.mark.parametrize("training", [True, False])
    @pytest.mark.parametrize("affine", [True, False])
    def test_batch_norm(self, shape, training, affine):
        rng = np.random.default_rng(0)
        arrays = [rng.standard_normal(shape), *(rng.standard_normal(3) for _ in range(2 * affine))]
        means, variances = rng.standard_normal(3), rng.uniform(0.5, 2, 3)
        running = []

        def function(lib, x, *wb):
            given = lib.tensor(means), lib.tensor(variances)
            out = lib.nn.functional.batch_norm(x, *given, *wb, training=training, momentum=0.3)
            running.append([r.numpy() for r in given])
            return out

        compare(function, *arrays)
        np.testing.assert_allclose(*running, rtol=1e-12)

    def test_others(self):
        rng = np.random.default_rng(0)
        x, w, b = rng.standard_normal((2, 4, 3, 3)), rng.standard_normal(4), rng.standard_normal(4)
        compare(lambda lib, x, w, b: lib.nn.functional.group_norm(x, 2, w, b), x, w, b)
        compare(lambda lib, x, w, b: lib.nn.functional.instance_norm(x, weight=w, bias=b), x, w, b, name=False)
        compare(lambda lib, x, w: lib.nn.functional.rms_norm(x, (4,), w), x[:, :, 0, 0], w, name=False)


class TestOthers:
    @pytest.mark.parametrize("options", [{}, {"padding_idx": 1}, {"scale_grad_by_freq": True}, {"max_norm": 1.0}])
    def test_embedding(self, options):
        rng = np.random.default_rng(0)
        index, table = rng.integers(0, 5, (3, 4)), rng.standard_normal((5, 3))

        def function(lib, w):
            w = w * 1.0 if "max_norm" not in options else w.detach().clone().requires_grad_() + 0.0 * w
            return lib.nn.functional.embedding(lib.tensor(index), w, **options)

        if "max_norm" in options:
            ours, theirs = (
                lib.nn.functional.embedding(lib.tensor(index), lib.tensor(table), **options).numpy()
                for lib in (shim, torch)
            )
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)
        else:
            compare(function, table)

    def test_one_hot(self):
        for args in (([0, 2, 1],), ([[0], [3]], 5)):
            ours, theirs = (lib.nn.functional.one_hot(lib.tensor(args[0]), *args[1:]) for lib in (shim, torch))
            assert ours.tolist() == theirs.tolist()
            assert repr(ours.dtype) == repr(theirs.dtype)

    @pytest.mark.parametrize(
        ("shape", "pad", "mode"),
        [
            ((3, 4), (1, 2), "constant"), ((3, 4), (-1, 2, 1, -1), "constant"), ((2, 3, 4), (2, 1), "reflect"),
            ((2, 3, 4, 5), (1, 2, 2, 0), "reflect"), ((2, 3, 4), (2, 5), "replicate"), ((2, 3, 4), (4, 1), "circular"),
            ((2, 3, 4, 5), (1, 2, 2, 0), "replicate"), ((2, 3, 4, 5), (1, 2, 2, 0), "circular"),
        ],
    )  # fmt: skip
    def test_pad(self, shape, pad, mode):
        x = np.random.default_rng(0).standard_normal(shape)
        value = 2.5 if mode == "constant" else None
        compare(lambda lib, x: lib.nn.functional.pad(x, pad, mode, value), x, name=mode != "circular")

    def test_images(self):
        rng = np.random.default_rng(0)
        x = rng.standard_normal((2, 4, 6, 5))
        compare(lambda lib, x: lib.nn.functional.unfold(x, (2, 3), 2, 1, (1, 2)), x)
        compare(lambda lib, x: lib.nn.functional.fold(x, (4, 5), 2, 1, 1, 2), rng.standard_normal((2, 8, 9)))
        compare(lambda lib, x: lib.nn.functional.pixel_shuffle(x, 2), x)
        for options in ({"scale_factor": 2}, {"size": (4, 9)}, {"scale_factor": (0.6, 1.7)}):
            compare(lambda lib, x, o=options: lib.nn.functional.interpolate(x, **o), x)
            for corners in (False, True):
                more = {**options, "mode": "bilinear", "align_corners": corners}
                compare(lambda lib, x, o=more: lib.nn.functional.interpolate(x, **o), x)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_dropout_draws_the_same(self, dtype):
        x = np.random.default_rng(0).standard_normal((4, 6, 5, 3)).astype(dtype)
        for name, p in itertools.product(("dropout", "dropout1d", "dropout2d"), (0.0, 0.3, 0.5, 1.0)):

            def function(lib, x, name=name, p=p):
                lib.manual_seed(5)
                x = x[:, :, :, 0] if name == "dropout1d" else x
                return getattr(lib.nn.functional, name)(x * 1, p)

            compare(function, x, second=False, rtol=0, atol=0)

    def test_dropout_in_the_order_of_memory(self):
        x = np.arange(1.0, 25.0).reshape(2, 3, 4)

        def function(lib, x):
            lib.manual_seed(1)
            return lib.nn.functional.dropout((x * 1).permute(2, 0, 1), 0.4)

        compare(function, x, second=False, rtol=0, atol=0)
