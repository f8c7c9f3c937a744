"""Operations on tensors: types of results, views and writes, the texts of errors."""

import math

import pytest

import srcgrad.shim as torch

INF = float("inf")


# -- types -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "y", "wanted"),
    [
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
    ],
)
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
    with pytest.raises(
        RuntimeError, match="Output 0 of SplitWithSizes is a view and its base or another view of its base"
    ):
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


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: X[0, 0, 0], IndexError, "too many indices for tensor of dimension 2"),
        (lambda: X[5], IndexError, "index 5 is out of bounds for dimension 0 with size 2"),
        (
            lambda: X[B.new_tensor([True] * 3)],
            IndexError,
            "The shape of the mask [3] at index 0 does not match the shape of the indexed tensor [2, 3] at index 0",
        ),
        (
            lambda: torch.tensor(1.0)[0],
            IndexError,
            (
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
                "`tensor.item<T>()` in C++ to convert a 0-dim tensor to a number"
            ),
        ),
        (
            lambda: X[1.5],
            IndexError,
            (
                "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got "
                "float)"
            ),
        ),
        (lambda: X.narrow(0, 0, 9), RuntimeError, "start (0) + length (9) exceeds dimension size (2)."),
        (lambda: X.select(0, 9), IndexError, "select(): index 9 out of range for tensor of size [2, 3] at dimension 0"),
        (lambda: X.permute(0, 0), RuntimeError, "permute(): duplicate dims are not allowed."),
        (
            lambda: X.expand(3),
            RuntimeError,
            (
                "expand(torch.FloatTensor{[2, 3]}, size=[3]): the number of sizes provided (1) must "
                "be greater or equal to the number of dimensions in the tensor (2)"
            ),
        ),
        (lambda: X.sum((0, 0)), RuntimeError, "dim 0 appears multiple times in the list of dims"),
        (lambda: X.index_select(0, torch.tensor([7])), IndexError, "index out of range in self"),
        (
            lambda: X.gather(0, torch.tensor([0])),
            RuntimeError,
            "Index tensor must have the same number of dimensions as input tensor",
        ),
        (
            lambda: B - B,
            RuntimeError,
            (
                "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
                "`logical_xor()` operator instead."
            ),
        ),
        (
            lambda: -B,
            RuntimeError,
            (
                "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a "
                "mask, use the `~` or `logical_not()` operator instead."
            ),
        ),
        (
            lambda: torch.zeros(0).max(),
            RuntimeError,
            (
                "max(): Expected reduction dim to be specified for input.numel() == 0. "
                "Specify the reduction dim with the 'dim' argument."
            ),
        ),
        (lambda: torch.zeros(0, 2).max(0), IndexError, "max(): Expected reduction dim 0 to have non-zero size."),
        (
            lambda: torch.zeros(0).argmax(),
            IndexError,
            "argmax(): Expected reduction dim to be specified for input.numel() == 0.",
        ),
        (lambda: torch.cat([]), ValueError, "torch.cat(): expected a non-empty list of Tensors"),
        (lambda: X.topk(9), RuntimeError, "selected index k out of range"),
        (lambda: X.chunk(0), RuntimeError, "chunk expects `chunks` to be greater than 0, got: 0"),
        (lambda: X.lerp(X.double(), 0.5), RuntimeError, "expected dtype float for `end` but got dtype double"),
        (
            lambda: torch.where(X, X, X),
            RuntimeError,
            "where expected condition to be a boolean tensor, but got a tensor with dtype Float",
        ),
        (
            lambda: X.masked_fill(X, 0),
            RuntimeError,
            "masked_fill_ only supports boolean masks, but got mask with dtype float",
        ),
        (
            lambda: torch.zeros(2, 3, 4) @ torch.zeros(3, 4, 3),
            RuntimeError,
            "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0",
        ),
        (lambda: X.mv(X), RuntimeError, "vector + matrix @ vector expected, got 1, 2, 2"),
        (
            lambda: torch.einsum("ij,jk", torch.ones(2), X),
            RuntimeError,
            (
                "einsum(): the number of subscripts in the equation (2) "
                "does not match the number of dimensions (1) for operand 0 and no ellipsis was given"
            ),
        ),
        (lambda: torch.tensor([[1], [1, 2]]), ValueError, "expected sequence of length 1 at dim 1 (got 2)"),
        (lambda: torch.tensor("x"), TypeError, "new(): invalid data type 'str'"),
        (lambda: torch.zeros(-1), RuntimeError, "zeros: Dimension size must be non-negative."),
        (lambda: torch.linspace(0, 1, -1), RuntimeError, "number of steps must be non-negative"),
        (
            lambda: torch.tensor([1]).add_(0.5),
            RuntimeError,
            "result type Float can't be cast to the desired output type Long",
        ),
        (
            lambda: X.clone().add_(torch.ones(5, 2, 3)),
            RuntimeError,
            "output with shape [2, 3] doesn't match the broadcast shape [5, 2, 3]",
        ),
        (
            lambda: (torch.ones(2, requires_grad=True) // 2).sum().backward(),
            RuntimeError,
            "derivative for aten::floor_divide is not implemented",
        ),
        (
            lambda: torch.unique(torch.ones(2, requires_grad=True)).sum().backward(),
            NotImplementedError,
            "the derivative for '_unique2' is not implemented.",
        ),
        (
            lambda: torch.linalg.matrix_norm(X, 2),
            NotImplementedError,
            "matrix_norm(ord=2) needs singular values, which srcgrad.shim does not have",
        ),
    ],
)
def test_errors(call, kind, text):
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == text


def test_division_by_a_number_that_is_zero():
    x = torch.tensor([1.0, -1.0], requires_grad=True)
    (x / 0).sum().backward()
    assert x.grad.tolist() == [INF, INF]


def test_xlogy_at_zero():
    x = torch.tensor([0.0, 0.0], requires_grad=True)
    y = torch.tensor([2.0, 0.0])
    z = torch.xlogy(x, y)
    z.sum().backward()
    assert (z.tolist(), x.grad.tolist()) == ([0.0, 0.0], [pytest.approx(math.log(2)), 0.0])


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
