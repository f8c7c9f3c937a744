"""Operations on tensors: their first and second derivatives against central differences."""

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
    "narrow": lambda x: x.narrow(1, 1, 2), "select": lambda x: x.select(1, -1), "diff": torch.diff,
    "std_mean": lambda x: torch.std_mean(x, 1), "var_mean": torch.var_mean, "aminmax": torch.aminmax,
    "cummax": lambda x: x.cummax(1), "cummin": lambda x: x.cummin(0), "logcumsumexp": lambda x: x.logcumsumexp(1),
    "cumsum": lambda x: x.cumsum(1), "cumprod": lambda x: x.cumprod(1), "prod": lambda x: x.prod(1),
    "sort": torch.sort, "topk": lambda x: x.topk(2), "kthvalue": lambda x: x.kthvalue(2),
    "median": lambda x: x.median(1), "nanmedian": torch.nanmedian, "quantile": lambda x: x.quantile(0.3, 1),
    "logsumexp": lambda x: x.logsumexp(1), "softmax": lambda x: x.softmax(1),
    "log_softmax": lambda x: x.log_softmax(0), "norm 1": lambda x: x.norm(1), "norm 3": lambda x: x.norm(3, 1),
    "norm inf": lambda x: x.norm(INF), "norm -inf": lambda x: x.norm(-INF, 0),
    "matrix_norm": lambda x: torch.linalg.matrix_norm(x, 1), "renorm": lambda x: torch.renorm(x, 2, 0, 1.0),
    "cov": torch.cov, "trapezoid": torch.trapezoid, "cumulative_trapezoid": torch.cumulative_trapezoid,
    "unfold": lambda x: x.unfold(1, 2, 1), "rot90": torch.rot90, "diag_embed": torch.diag_embed, "tril": torch.tril,
    "roll": lambda x: x.roll(1, 1), "flip": lambda x: x.flip(0, 1), "repeat": lambda x: x.repeat(2, 1, 2),
    "tile": lambda x: x.tile((2,)), "repeat_interleave": lambda x: x.repeat_interleave(2, 1),
    "repeats": lambda x: x.repeat_interleave(torch.tensor([1, 2, 0]), 1), "expand": lambda x: x.expand(2, 2, 3),
    "index": lambda x: x[:, [0, 2, 0]], "index apart": lambda x: x[None][:, [0, 1], :, None][..., [0]],
    "mask": lambda x: x[x > 0], "gather": lambda x: x.gather(1, torch.tensor([[0, 0], [2, 1]])),
    "index_fill": lambda x: x.index_fill(1, torch.tensor([1]), 2.0), "take": lambda x: x.take(torch.tensor([0, 5, 0])),
    "index_copy": lambda x: x.index_copy(1, torch.tensor([0]), x[:, 1:2] * 2),
    "put": lambda x: x.put(torch.tensor([1]), x[0, :1]), "masked_fill": lambda x: x.masked_fill(x > 0, 0.5),
    "scatter": lambda x: x.scatter(1, torch.tensor([[0], [2]]), x[:, 1:2]),
    "scatter_add": lambda x: x.scatter_add(1, torch.tensor([[0, 0], [2, 1]]), x[:, 1:]),
    "scatter mean": lambda x: x.scatter_reduce(1, torch.tensor([[0, 0], [2, 1]]), x[:, 1:], "mean"),
    "scatter amax": lambda x: x.scatter_reduce(1, torch.tensor([[0, 0], [2, 1]]), x[:, 1:], "amax"),
    "masked_scatter": lambda x: x.masked_scatter(x > 0, x * 2), "kron": lambda x: torch.kron(x, x[:1]),
    "tensordot": lambda x: torch.tensordot(x, x, dims=([0], [0])),
    "einsum": lambda x: torch.einsum("ij,kj,k->i", x, x, x[:, 0]),
    "matrix_power": lambda x: torch.linalg.matrix_power(x[:, :2], 3), "vander": lambda x: torch.vander(x[0]),
    "inv": lambda x: torch.linalg.inv(x[:, :2] + 3 * torch.eye(2)), "det": lambda x: torch.det(x @ x.T),
    "slogdet": lambda x: torch.slogdet(x @ x.T), "clamp": lambda x: x.clamp(-0.5, 0.7), "sinc": torch.sinc,
    "logit": lambda x: x.sigmoid().logit(), "erfinv": lambda x: (x / 2).erfinv(), "lgamma": lambda x: (x + 3).lgamma(),
    "digamma": lambda x: (x + 3).digamma(), "rsqrt": lambda x: (x + 3).rsqrt(), "rdiv": lambda x: 2 / (x + 3),
    "rpow": lambda x: 2**x, "pow": lambda x: (x + 3) ** 1.5, "nansum": lambda x: x.nansum(1),
    "where": lambda x: torch.where(x > 0, x, 0.0), "atleast": torch.atleast_3d,
    "block_diag": lambda x: torch.block_diag(x, x), "trace": torch.trace,
    "cartesian_prod": lambda x: torch.cartesian_prod(x[0], x[1]), "combinations": lambda x: torch.combinations(x[0]),
    "meshgrid": lambda x: torch.meshgrid(x[0], x[1], indexing="xy"), "hsplit": lambda x: torch.hsplit(x, 3),
}  # fmt: skip
TWO = {  # of (2, 3) and (3,)
    "lerp": lambda x, y: torch.lerp(x, y, 0.3), "addcmul": lambda x, y: torch.addcmul(x, x, y, value=2),
    "addcdiv": lambda x, y: torch.addcdiv(x, x, y + 3), "addmv": lambda x, y: torch.addmv(x[:, 0], x, y, beta=2),
    "addr": lambda x, y: torch.addr(x, x[:, 0], y), "inner": torch.inner, "xlogy": lambda x, y: torch.xlogy(x, y + 3),
    "baddbmm": lambda x, y: torch.baddbmm(x[None], x[None], y.expand(1, 3, 3), alpha=0.5), "dist": torch.dist,
    "cross": lambda x, y: torch.cross(x, y.expand(2, 3), dim=1), "cdist": lambda x, y: torch.cdist(x, y[None]),
    "cdist 1": lambda x, y: torch.cdist(x, y[None], p=1.0), "maximum": torch.maximum,
    "clamp_min": lambda x, y: x.clamp_min(y), "clamp both": lambda x, y: x.clamp(y - 0.3, y + 0.3),
    "copysign": torch.copysign, "hypot": torch.hypot, "atan2": torch.atan2, "logaddexp": torch.logaddexp,
    "rsub": lambda x, y: torch.rsub(x, y, alpha=2), "pow": lambda x, y: (x + 3) ** y,
    "solve": lambda x, y: torch.linalg.solve(torch.diag(y + 3) + x[:1], y),
    "float_power": lambda x, y: torch.float_power(x + 3, y), "cat": lambda x, y: torch.cat([x, y[None]]),
    "stack": lambda x, y: torch.stack([x[0], y], 1), "outer": lambda x, y: torch.outer(x[0], y),
    "remainder": lambda x, y: torch.remainder(x, y + 3),
    "index_add": lambda x, y: x.index_add(0, torch.tensor([1, 1]), y.expand(2, 3)),
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


def test_cosine_similarity_of_shapes_that_broadcast():
    """Norms are those of what is broadcast."""
    x, y = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), torch.tensor([2.0])
    found = torch.nn.functional.cosine_similarity(x, y, dim=-1)
    np.testing.assert_allclose(found.numpy(), [0.9258201, 0.9869275], rtol=1e-6)


def test_einsum_of_one_operand_saves_nothing():
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    z = x.clone()
    z.add_(torch.einsum("i->", z))
    z.sum().backward()
    assert x.grad.tolist() == [4.0, 4.0, 4.0]


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc"])
def test_integers_are_rounded_to_themselves(name):
    found = getattr(torch, name)(torch.tensor([1, -2]))
    assert found.tolist() == [1, -2]
    assert found.dtype == torch.int64
