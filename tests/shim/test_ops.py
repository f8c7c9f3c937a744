"""Operations on tensors: derivatives against differences, types of results, views, and the texts of errors."""

import itertools
import math

import numpy as np
import pytest

import srcgrad.shim as torch

INF = float("inf")


def leaf(shape, seed=0, low=-1.5, high=1.5):
    values = np.random.default_rng(seed).uniform(low, high, shape)
    return torch.tensor(np.asarray(values), requires_grad=True)


def projected(function, inputs):
    """The result as a number that depends on all its elements."""
    out = function(*inputs)
    parts = out if isinstance(out, tuple) else (out,)
    total = 0.0
    for k, part in enumerate(parts):
        if part.dtype.is_floating_point:
            weights = np.random.default_rng(k).uniform(0.5, 1.5, tuple(part.shape))
            total = total + (part * torch.tensor(np.asarray(weights))).sum()
    return total


def differences(function, inputs, h=1e-6):
    found = []
    for x in inputs:
        flat, out = x.detach().numpy().reshape(-1), np.zeros(x.numel())
        for k in range(x.numel()):
            before = flat[k]
            flat[k] = before + h
            up = function().item()
            flat[k] = before - h
            down = function().item()
            flat[k] = before
            out[k] = (up - down) / (2 * h)
        found.append(out.reshape(tuple(x.shape)))
    return found


def gradients(y, inputs, **options):
    grads = torch.autograd.grad(y, inputs, allow_unused=True, **options)
    return [torch.zeros_like(x) if g is None else g for g, x in zip(grads, inputs, strict=True)]


def check(function, *inputs):
    """First and second derivatives against central differences."""
    found = gradients(projected(function, inputs), inputs)
    with torch.no_grad():
        wanted = differences(lambda: projected(function, inputs), inputs)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a.numpy(), b, rtol=1e-5, atol=1e-6)

    def slope():
        first = gradients(projected(function, inputs), inputs, create_graph=True)
        return sum((g * torch.tensor(np.cos(np.arange(g.numel())).reshape(tuple(g.shape)))).sum() for g in first)

    total = slope()
    second = gradients(total, inputs) if total.requires_grad else [torch.zeros_like(x) for x in inputs]
    for a, b in zip(second, differences(lambda: slope().detach(), inputs), strict=True):
        np.testing.assert_allclose(a.numpy(), b, rtol=1e-4, atol=1e-5)


ONE = {  # of a (2, 3) tensor
    "narrow": lambda x: x.narrow(1, 1, 2), "select": lambda x: x.select(1, -1), "diff": lambda x: x.diff(),
    "std_mean": lambda x: torch.std_mean(x, 1), "var_mean": lambda x: torch.var_mean(x), "aminmax": torch.aminmax,
    "cummax": lambda x: x.cummax(1), "cummin": lambda x: x.cummin(0), "logcumsumexp": lambda x: x.logcumsumexp(1),
    "cumsum": lambda x: x.cumsum(1), "cumprod": lambda x: x.cumprod(1), "prod": lambda x: x.prod(1), "sort": lambda x: x.sort(),
    "topk": lambda x: x.topk(2), "kthvalue": lambda x: x.kthvalue(2), "median": lambda x: x.median(1),
    "nanmedian": lambda x: x.nanmedian(), "quantile": lambda x: x.quantile(0.3, 1), "logsumexp": lambda x: x.logsumexp(1),
    "softmax": lambda x: x.softmax(1), "log_softmax": lambda x: x.log_softmax(0), "norm 1": lambda x: x.norm(1),
    "norm 3": lambda x: x.norm(3, 1), "norm inf": lambda x: x.norm(INF), "norm -inf": lambda x: x.norm(-INF, 0),
    "matrix_norm": lambda x: torch.linalg.matrix_norm(x, 1), "renorm": lambda x: torch.renorm(x, 2, 0, 1.0),
    "cov": torch.cov, "trapezoid": torch.trapezoid, "cumulative_trapezoid": torch.cumulative_trapezoid,
    "unfold": lambda x: x.unfold(1, 2, 1), "rot90": torch.rot90, "diag_embed": torch.diag_embed, "tril": torch.tril,
    "roll": lambda x: x.roll(1, 1), "flip": lambda x: x.flip(0, 1), "repeat": lambda x: x.repeat(2, 1, 2),
    "tile": lambda x: x.tile((2,)), "repeat_interleave": lambda x: x.repeat_interleave(2, 1),
    "repeats": lambda x: x.repeat_interleave(torch.tensor([1, 2, 0]), 1), "expand": lambda x: x.expand(2, 2, 3),
    "index": lambda x: x[:, [0, 2, 0]], "index apart": lambda x: x[None][:, [0, 1], :, None][..., [0]],
    "mask": lambda x: x[x > 0], "gather": lambda x: x.gather(1, torch.tensor([[0, 0], [2, 1]])),
    "index_fill": lambda x: x.index_fill(1, torch.tensor([1]), 2.0), "take": lambda x: x.take(torch.tensor([0, 5, 0])),
    "index_copy": lambda x: x.index_copy(1, torch.tensor([0]), x[:, 1:2] * 2), "put": lambda x: x.put(torch.tensor([1]), x[0, :1]),
    "masked_fill": lambda x: x.masked_fill(x > 0, 0.5), "scatter": lambda x: x.scatter(1, torch.tensor([[0], [2]]), x[:, 1:2]),
    "scatter_add": lambda x: x.scatter_add(1, torch.tensor([[0, 0], [2, 1]]), x[:, 1:]),
    "scatter mean": lambda x: x.scatter_reduce(1, torch.tensor([[0, 0], [2, 1]]), x[:, 1:], "mean"),
    "scatter amax": lambda x: x.scatter_reduce(1, torch.tensor([[0, 0], [2, 1]]), x[:, 1:], "amax"),
    "masked_scatter": lambda x: x.masked_scatter(x > 0, x * 2), "kron": lambda x: torch.kron(x, x[:1]),
    "tensordot": lambda x: torch.tensordot(x, x, dims=([0], [0])), "einsum": lambda x: torch.einsum("ij,kj,k->i", x, x, x[:, 0]),
    "matrix_power": lambda x: torch.linalg.matrix_power(x[:, :2], 3), "vander": lambda x: torch.vander(x[0]),
    "inv": lambda x: torch.linalg.inv(x[:, :2] + 3 * torch.eye(2)), "det": lambda x: torch.det(x @ x.T),
    "slogdet": lambda x: torch.slogdet(x @ x.T), "clamp": lambda x: x.clamp(-0.5, 0.7), "sinc": lambda x: x.sinc(),
    "logit": lambda x: x.sigmoid().logit(), "erfinv": lambda x: (x / 2).erfinv(), "lgamma": lambda x: (x + 3).lgamma(),
    "digamma": lambda x: (x + 3).digamma(), "rsqrt": lambda x: (x + 3).rsqrt(), "rdiv": lambda x: 2 / (x + 3),
    "rpow": lambda x: 2**x, "pow": lambda x: (x + 3) ** 1.5, "nansum": lambda x: x.nansum(1), "where": lambda x: torch.where(x > 0, x, 0.0),
    "atleast": lambda x: torch.atleast_3d(x), "block_diag": lambda x: torch.block_diag(x, x), "trace": lambda x: x.trace(),
    "cartesian_prod": lambda x: torch.cartesian_prod(x[0], x[1]), "combinations": lambda x: torch.combinations(x[0]),
    "meshgrid": lambda x: torch.meshgrid(x[0], x[1], indexing="xy"), "hsplit": lambda x: torch.hsplit(x, 3),
}  # fmt: skip
TWO = {  # of (2, 3) and (3,)
    "lerp": lambda x, y: torch.lerp(x, y, 0.3), "addcmul": lambda x, y: torch.addcmul(x, x, y, value=2),
    "addcdiv": lambda x, y: torch.addcdiv(x, x, y + 3), "addmv": lambda x, y: torch.addmv(x[:, 0], x, y, beta=2),
    "addr": lambda x, y: torch.addr(x, x[:, 0], y), "inner": torch.inner, "xlogy": lambda x, y: torch.xlogy(x, y + 3),
    "baddbmm": lambda x, y: torch.baddbmm(x[None], x[None], y.expand(1, 3, 3), alpha=0.5), "dist": torch.dist,
    "cross": lambda x, y: torch.cross(x, y.expand(2, 3), dim=1), "cdist": lambda x, y: torch.cdist(x, y[None]),
    "cdist 1": lambda x, y: torch.cdist(x, y[None], p=1.0), "maximum": torch.maximum, "clamp_min": lambda x, y: x.clamp_min(y),
    "clamp both": lambda x, y: x.clamp(y - 0.3, y + 0.3), "copysign": torch.copysign, "hypot": torch.hypot, "atan2": torch.atan2,
    "logaddexp": torch.logaddexp, "rsub": lambda x, y: torch.rsub(x, y, alpha=2), "pow": lambda x, y: (x + 3) ** y,
    "solve": lambda x, y: torch.linalg.solve(torch.diag(y + 3) + x[:1], y), "float_power": lambda x, y: torch.float_power(x + 3, y),
    "cat": lambda x, y: torch.cat([x, y[None]]), "stack": lambda x, y: torch.stack([x[0], y], 1), "outer": lambda x, y: torch.outer(x[0], y),
    "remainder": lambda x, y: torch.remainder(x, y + 3), "index_add": lambda x, y: x.index_add(0, torch.tensor([1, 1]), y.expand(2, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE)
def test_derivatives_of_one(name):
    check(ONE[name], leaf((2, 3)))


@pytest.mark.parametrize("name", TWO)
def test_derivatives_of_two(name):
    check(TWO[name], leaf((2, 3)), leaf((3,), 1))


SHAPES = [(3,), (2, 3), (3, 4), (2, 2, 3), (1, 3, 4), (2, 1, 2, 3), (2, 3, 4)]


@pytest.mark.parametrize(("a", "b"), list(itertools.product(SHAPES, SHAPES)))
def test_matmul_of_all_ranks(a, b):
    x, y = leaf(a), leaf(b, 1)
    try:
        wanted = x.detach().numpy() @ y.detach().numpy()
    except ValueError:
        with pytest.raises(RuntimeError):
            x @ y
        return
    np.testing.assert_allclose((x @ y).detach().numpy(), wanted)
    if math.prod(a) + math.prod(b) < 20:
        check(lambda x, y: x @ y, x, y)


@pytest.mark.parametrize("zeros", [(), (0,), (0, 2)])
def test_products_with_zeros(zeros):
    x = leaf((3,))
    for k in zeros:
        x.data[k] = 0.0
    check(lambda x: x.prod(), x)
    check(lambda x: x.cumprod(0), x)


# -- types -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("x", "y", "wanted"), [
    (torch.ones(2), torch.ones(2, dtype=torch.float64), "float64"),
    (torch.ones(2), torch.tensor(1.0, dtype=torch.float64), "float32"),
    (torch.ones(2, dtype=torch.int64), torch.tensor(1.0, dtype=torch.float64), "float64"),
    (torch.ones(2, dtype=torch.int64), torch.ones(2), "float32"),
    (torch.ones(2, dtype=torch.int32), torch.tensor(1), "int32"),
    (torch.ones(2, dtype=torch.uint8), torch.ones(2, dtype=torch.int8), "int16"),
    (torch.ones(2, dtype=torch.bool), 1, "int64"),
    (torch.ones(2, dtype=torch.int32), 1.5, "float32"),
    (torch.ones(2, dtype=torch.float64), 2, "float64"),
    (torch.tensor(True), torch.tensor(1.0), "float32"),
])  # fmt: skip
def test_types_of_results(x, y, wanted):
    assert (x + y).dtype == (y + x).dtype == getattr(torch, wanted)


def test_integers_become_floats():
    x = torch.tensor([1, 2])
    for made in (x / 2, 2 / x, x.reciprocal(), x.exp(), x.sqrt(), x.sigmoid()):
        assert made.dtype == torch.float32
    assert (2 / x).tolist() == [2.0, 1.0]
    assert x.sum().dtype == x.prod().dtype == x.bool().sum().dtype == torch.int64
    assert (torch.tensor([250], dtype=torch.uint8) * -1).tolist() == [6]
    assert torch.can_cast(torch.int32, torch.float16)
    assert not torch.can_cast(torch.float32, torch.int64)
    assert torch.promote_types(torch.int64, torch.float16) == torch.float16
    assert torch.finfo(torch.float32).eps == 2**-23
    assert torch.iinfo(torch.int8).min == -128


# -- views and writes ------------------------------------------------------------------------------------------------


def test_indices_beside_integers_stand_where_pytorch_has_them():
    x = torch.arange(24).reshape(2, 3, 4)
    assert x[0, :, [0, 1]].shape == (3, 2)  # NumPy: (2, 3)
    assert x[[0, 1], :, 0].shape == (2, 3)
    assert x[[0, 1], :, [0, 1]].shape == (2, 3)


def test_a_write_at_an_index_keeps_the_rest():
    x = torch.ones(3, 3, requires_grad=True)
    y = x * 1.0
    y[0, [2, 0]] = 5.0
    y.sum().backward()
    assert x.grad.tolist() == [[0.0, 1.0, 0.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    assert type(y.grad_fn).__name__ == "CopySlices"


def test_views_made_without_a_record():
    x = torch.ones(3, requires_grad=True)
    with torch.no_grad():
        v = x[:2]
    assert (v.requires_grad, v.grad_fn, (v * 2).grad_fn.next_functions[0]) == (True, None, (None, 0))
    with pytest.raises(RuntimeError, match="A view was created in no_grad mode and is being modified inplace"):
        v.mul_(2)
    with torch.no_grad():
        x[0] = 5.0
    with pytest.raises(RuntimeError, match="A view was created in no_grad mode and its base or another view"):
        _ = v.grad_fn


def test_parts_of_several():
    y = torch.ones(3, requires_grad=True) * 2
    a, _ = y.split([1, 2])
    y.mul_(2)
    with pytest.raises(RuntimeError, match="Output 0 of SplitWithSizes is a view and its base or another view of its base"):
        _ = a.grad_fn


def test_shape_in_place():
    y = torch.ones(2, 3, requires_grad=True) * 2
    y.unsqueeze_(0).squeeze_(0).t_()
    assert (tuple(y.shape), y._version, type(y.grad_fn).__name__) == ((3, 2), 3, "TBackward1")
    _ = y[0]
    with pytest.raises(NotImplementedError, match="does not change the shape in place where there are views"):
        y.t_()


def test_masks_stop_what_is_not_finite():
    x = torch.tensor([0.0, 2.0], requires_grad=True)
    torch.where(x > 1, x, torch.sqrt(x) * 0.0).sum().backward()
    assert math.isnan(x.grad[0])  # inf * 0 inside the branch, as in PyTorch
    x.grad = None
    y = (x * 1.0).relu()
    y.backward(torch.tensor([INF, 1.0]))
    assert x.grad.tolist() == [0.0, 1.0]


def test_a_second_derivative_that_is_zero():
    x = torch.tensor([1.0, -1.0], requires_grad=True)
    (g,) = torch.autograd.grad(x.relu().sum(), x, create_graph=True)
    g.sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]


def test_hooks_and_asked_gradients():
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: g * 10)
    assert [g.tolist() for g in torch.autograd.grad(y.sum(), [x, y], retain_graph=True)] == [[20.0, 20.0], [1.0, 1.0]]
    assert torch.autograd.grad(y.sum(), y)[0].tolist() == [10.0, 10.0]


# -- errors ----------------------------------------------------------------------------------------------------------

X = torch.ones(2, 3)
B = torch.ones(2, dtype=torch.bool)


@pytest.mark.parametrize(("call", "kind", "text"), [
    (lambda: X[0, 0, 0], IndexError, "too many indices for tensor of dimension 2"),
    (lambda: X[5], IndexError, "index 5 is out of bounds for dimension 0 with size 2"),
    (lambda: X[B.new_tensor([True] * 3)], IndexError,
     "The shape of the mask [3] at index 0 does not match the shape of the indexed tensor [2, 3] at index 0"),
    (lambda: torch.tensor(1.0)[0], IndexError, "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
     "`tensor.item<T>()` in C++ to convert a 0-dim tensor to a number"),
    (lambda: X[1.5], IndexError,
     "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got float)"),
    (lambda: X.narrow(0, 0, 9), RuntimeError, "start (0) + length (9) exceeds dimension size (2)."),
    (lambda: X.select(0, 9), IndexError, "select(): index 9 out of range for tensor of size [2, 3] at dimension 0"),
    (lambda: X.permute(0, 0), RuntimeError, "permute(): duplicate dims are not allowed."),
    (lambda: X.expand(3), RuntimeError, "expand(torch.FloatTensor{[2, 3]}, size=[3]): the number of sizes provided (1) must "
     "be greater or equal to the number of dimensions in the tensor (2)"),
    (lambda: X.sum((0, 0)), RuntimeError, "dim 0 appears multiple times in the list of dims"),
    (lambda: X.index_select(0, torch.tensor([7])), IndexError, "index out of range in self"),
    (lambda: X.gather(0, torch.tensor([0])), RuntimeError,
     "Index tensor must have the same number of dimensions as input tensor"),
    (lambda: B - B, RuntimeError, "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
     "`logical_xor()` operator instead."),
    (lambda: -B, RuntimeError, "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a "
     "mask, use the `~` or `logical_not()` operator instead."),
    (lambda: torch.zeros(0).max(), RuntimeError, "max(): Expected reduction dim to be specified for input.numel() == 0. "
     "Specify the reduction dim with the 'dim' argument."),
    (lambda: torch.zeros(0, 2).max(0), IndexError, "max(): Expected reduction dim 0 to have non-zero size."),
    (lambda: torch.zeros(0).argmax(), IndexError,
     "argmax(): Expected reduction dim to be specified for input.numel() == 0."),
    (lambda: torch.cat([]), ValueError, "torch.cat(): expected a non-empty list of Tensors"),
    (lambda: X.topk(9), RuntimeError, "selected index k out of range"),
    (lambda: X.chunk(0), RuntimeError, "chunk expects `chunks` to be greater than 0, got: 0"),
    (lambda: X.lerp(X.double(), 0.5), RuntimeError, "expected dtype float for `end` but got dtype double"),
    (lambda: torch.where(X, X, X), RuntimeError,
     "where expected condition to be a boolean tensor, but got a tensor with dtype Float"),
    (lambda: X.masked_fill(X, 0), RuntimeError, "masked_fill_ only supports boolean masks, but got mask with dtype float"),
    (lambda: torch.zeros(2, 3, 4) @ torch.zeros(3, 4, 3), RuntimeError,
     "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0"),
    (lambda: X.mv(X), RuntimeError, "vector + matrix @ vector expected, got 1, 2, 2"),
    (lambda: torch.einsum("ij,jk", torch.ones(2), X), RuntimeError, "einsum(): the number of subscripts in the equation (2) "
     "does not match the number of dimensions (1) for operand 0 and no ellipsis was given"),
    (lambda: torch.tensor([[1], [1, 2]]), ValueError, "expected sequence of length 1 at dim 1 (got 2)"),
    (lambda: torch.tensor("x"), TypeError, "new(): invalid data type 'str'"),
    (lambda: torch.zeros(-1), RuntimeError, "zeros: Dimension size must be non-negative."),
    (lambda: torch.linspace(0, 1, -1), RuntimeError, "number of steps must be non-negative"),
    (lambda: torch.tensor([1]).add_(0.5), RuntimeError, "result type Float can't be cast to the desired output type Long"),
    (lambda: X.clone().add_(torch.ones(5, 2, 3)), RuntimeError,
     "output with shape [2, 3] doesn't match the broadcast shape [5, 2, 3]"),
    (lambda: (torch.ones(2, requires_grad=True) // 2).sum().backward(), RuntimeError,
     "derivative for aten::floor_divide is not implemented"),
    (lambda: torch.unique(torch.ones(2, requires_grad=True)).sum().backward(), NotImplementedError,
     "the derivative for '_unique2' is not implemented."),
    (lambda: torch.linalg.matrix_norm(X, 2), NotImplementedError,
     "matrix_norm(ord=2) needs singular values, which srcgrad.shim does not have"),
])  # fmt: skip
def test_errors(call, kind, text):
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == text


def test_a_saved_tensor_that_was_detached():
    x = torch.ones(2, requires_grad=True)
    h = x * 2
    y = h.exp().sin() * h
    h.detach_()
    with pytest.raises(RuntimeError, match=r"Trying to use a saved tensor that has been detached in-place"):
        y.sum().backward()


# -- without derivatives ---------------------------------------------------------------------------------------------


def test_counting_and_searching():
    x = torch.tensor([1, 3, 1])
    assert torch.bincount(x).tolist() == [0, 2, 0, 1]
    assert torch.histc(torch.tensor([0.0, 1.0, 2.0]), 2).tolist() == [1.0, 2.0]
    values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True)
    assert (values.tolist(), inverse.tolist(), counts.tolist()) == ([1, 3], [0, 1, 0], [2, 1])
    assert torch.searchsorted(torch.tensor([1, 2, 3]), torch.tensor([2, 4])).tolist() == [1, 3]
    assert torch.bucketize(torch.tensor([0.5, 2.0]), torch.tensor([1.0, 2.0]), right=True).tolist() == [0, 2]
    assert torch.isin(x, torch.tensor([3])).tolist() == [False, True, False]
    assert torch.triu_indices(2, 3).tolist() == [[0, 0, 0, 1, 1], [0, 1, 2, 1, 2]]
    assert torch.tensor([1.0, 2.0]).apply_(lambda v: v + 1).tolist() == [2.0, 3.0]
    assert X.new_full((2,), 7).tolist() == [7.0, 7.0]
    assert torch.is_tensor(X)
    assert (torch.numel(X), torch.pi, torch.result_type(x, 1.5)) == (6, math.pi, torch.float32)
