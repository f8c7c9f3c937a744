"""Steps of optimizers beside PyTorch's: trajectories that it made, laws, and itself where it is installed."""

import warnings

import numpy as np
import pytest

import srcgrad.shim as torch
from srcgrad.shim.optim import SGD, Adam, elementwise
from tests.shim.optim_steps import ELEMENTWISE, closure_of, loss_of, start, trained, values

# Ten steps of PyTorch 2.13 from `start` in float64.
TRAJECTORIES = [
    ("SGD", {"lr": 0.01},
     [1.791786045128101, 0.25839944052066516, 0.759608890069243, 0.9718507895546294]),
    ("SGD", {"lr": 0.01, "momentum": 0.9},
     [1.3136183332186244, 2.3374322989815868, 1.441217232305523, 1.408771995234263]),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1},
     [1.4997959513654806, 2.390929579931115, 1.088201768276777, 1.3275618654113779]),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "nesterov": True},
     [1.2607353183881247, 2.0071024514283513, 1.4541498850489039, 1.4153548133328642]),
    ("SGD", {"lr": 1e-4, "momentum": 0.5, "weight_decay": 0.1, "maximize": True},
     [2.00537730177675, -1.0664090358321796, 0.494833760519202, 0.7026345052980257]),
    ("Adam", {},
     [1.990015282457319, -0.9900050649688714, 0.5099923860066102, 0.6900582803546167]),
    ("Adam", {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-4},
     [1.5159327474806863, -0.09101801606531577, 1.4480162581162577, 1.2411181667542235]),
    ("Adam", {"lr": 0.1, "betas": (0.3, 0.5), "weight_decay": 0.1, "amsgrad": True},
     [1.5601887404673531, -0.2409151052847539, 1.35198739752457, 1.184974422613372]),
    ("Adam", {"lr": 0.1, "maximize": True},
     [2.986029086276282, -2.0154935227378457, -0.5017432203927575, 1.6555709058459955]),
    ("Adam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True},
     [1.423647421484586, -0.024716163411584724, 1.3763574022251746, 1.138168171732292]),
    ("AdamW", {"lr": 0.1},
     [1.4605954840264748, -0.06529316222960163, 1.453041011620708, 1.1838829373567958]),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.5, "amsgrad": True},
     [1.1819102301128073, 0.10553603506288069, 1.0810082799169372, 0.9329914871627929]),
    ("RMSprop", {},
     [1.6856446957285103, -0.5536403238743595, 0.9749265952584028, 0.9411187683455426]),
    ("RMSprop", {"lr": 0.05, "alpha": 0.5, "momentum": 0.9, "weight_decay": 0.1},
     [1.3811919500567986, 0.8912639305787636, 1.940436637863987, 1.6223162598750613]),
    ("RMSprop", {"centered": True, "eps": 1e-3},
     [1.683204431665681, -0.5451516130969513, 0.9840974048253265, 0.9459749236786793]),
    ("Adagrad", {"lr": 0.1},
     [1.6880334496928517, -0.5576449820956988, 0.9705013235614532, 0.936787973859539]),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5, "maximize": True},
     [2.4853705634591616, -1.4307621182156496, 0.04852532361813169, 1.2036428964083132]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "expected"), TRAJECTORIES)
def test_trajectories_of_pytorch(name, options, expected):
    for dtype, tolerance in ((torch.float64, 1e-14), (torch.float32, 2e-6)):
        params, _ = trained(lambda p: getattr(torch.optim, name)(p, **options), 10, dtype)
        assert {p.dtype for p in params} == {dtype}
        np.testing.assert_allclose(values(params), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("name", "options"),
    [("SGD", {"lr": 0.02, "momentum": 0.9}), ("SGD", {"lr": 0.02, "momentum": 0.9, "nesterov": True}),
     ("Adam", {"lr": 0.05}), ("AdamW", {"lr": 0.05, "weight_decay": 0.0}), ("RMSprop", {"lr": 0.01}),
     ("Adagrad", {"lr": 1.0})],
)  # fmt: skip
def test_a_quadratic_is_minimized(name, options):
    rng = np.random.default_rng(0)
    root = rng.normal(size=(5, 5)) / 3
    a, b = root @ root.T + np.eye(5), rng.normal(size=5)
    x = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    optimizer = getattr(torch.optim, name)([x], **options)
    for _ in range(600):
        optimizer.zero_grad()
        (0.5 * (x @ (torch.from_numpy(a) @ x)) - torch.from_numpy(b) @ x).backward()
        optimizer.step()
    np.testing.assert_allclose(x.detach().numpy(), np.linalg.solve(a, b), atol=0.02 if name == "RMSprop" else 1e-6)


def test_step_and_closure():
    params = start()
    optimizer = SGD(params, lr=0.1)
    assert optimizer.step() is None  # no gradients: nothing happens
    assert [p._version for p in params] == [0, 0]
    with torch.no_grad():
        assert optimizer.step(torch.is_grad_enabled) is True
    loss = optimizer.step(closure_of(optimizer, params))
    assert loss.item() == loss_of(start()).item()


def test_parameters_without_gradients_stay():
    x, y = start()
    optimizer = Adam([x, y], lr=0.1)
    (x * x).sum().backward()
    optimizer.step()
    assert y.item() == 0.7
    assert list(optimizer.state_dict()["state"]) == [0]


@pytest.mark.parametrize(
    ("name", "options", "versions"),
    [("SGD", {}, 1), ("Adam", {"weight_decay": 0.1}, 1), ("AdamW", {}, 2), ("RMSprop", {}, 1), ("Adagrad", {}, 1)],
)
def test_steps_are_writes(name, options, versions):
    x, _ = start()
    stale = (x * x).sum()
    x.grad = torch.ones_like(x)
    getattr(torch.optim, name)([x], **options).step()
    assert x._version == versions
    with pytest.raises(RuntimeError, match=f"is at version {versions}; expected version 0 instead"):
        stale.backward()


def test_a_view_stays_a_parameter():
    base = torch.zeros(4)
    w = base[:2].requires_grad_()
    w.grad = torch.ones(2)
    SGD([w], lr=1.0).step()
    assert base.tolist() == [-1.0, -1.0, 0.0, 0.0]
    (w * w).sum().backward()
    assert w.grad.tolist() == [-1.0, -1.0]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_long_and_strided_parameters(name, monkeypatch):
    rng = np.random.default_rng(1)
    data, grads = rng.normal(size=(30, 40)), rng.normal(size=(3, 30, 40))
    results = []
    for block, transposed in ((10**6, False), (7, False), (7, True)):
        monkeypatch.setattr(elementwise, "BLOCK", block)
        p = torch.from_numpy(data.T.copy()).t() if transposed else torch.from_numpy(data.copy())
        p.requires_grad_()
        optimizer = getattr(torch.optim, name)([p], weight_decay=0.1, maximize=True)
        for g in grads:
            p.grad = torch.from_numpy(g)
            optimizer.step()
        results.append(p.detach().numpy().copy())
    np.testing.assert_array_equal(results[1], results[0])
    np.testing.assert_array_equal(results[2], results[0])


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_numbers_are_like_vectors_and_do_not_promote(name):
    results = []
    for shape in ((), (1,)):
        p = torch.from_numpy(np.full(shape, 0.3, np.float32)).requires_grad_()
        optimizer = getattr(torch.optim, name)([p], lr=0.1, weight_decay=0.01)
        for k in range(5):
            p.grad = torch.from_numpy(np.full(shape, 0.7 - k / 3, np.float32))
            optimizer.step()
        state = optimizer.state_dict()["state"].get(0, {})
        assert {v.dtype for v in [p, *state.values()]} == {torch.float32}
        assert all(v.shape == (() if k == "step" else shape) for k, v in state.items())
        results.append(p.item())
    assert results[0] == results[1]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_infinities_pass_silently(name):
    p = torch.tensor([1.0, 1.0, 0.0], requires_grad=True)
    p.grad = torch.tensor([float("inf"), float("nan"), 3e38])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        getattr(torch.optim, name)([p]).step()


def test_learning_rate_as_a_tensor():
    expected, _ = trained(lambda p: Adam(p, lr=0.25), 3)
    found, _ = trained(lambda p: Adam(p, lr=torch.tensor(0.25)), 3)
    np.testing.assert_array_equal(values(found), values(expected))


def test_zero_grad():
    x, _ = start()
    optimizer = SGD([x])
    x.grad = torch.ones_like(x)
    grad = x.grad
    optimizer.zero_grad(set_to_none=False)
    assert x.grad is grad
    assert grad.tolist() == [0.0] * 3
    assert grad._version == 1
    optimizer.zero_grad()
    assert x.grad is None


# -- PyTorch itself --------------------------------------------------------------------------------------------------

SHAPES = [(), (3,), (4, 5), (2, 3, 2), (0,), (37,)]


def random_options(name, rng):
    def pick(*choices):
        return choices[rng.integers(len(choices))]

    options = {"lr": float(10 ** rng.uniform(-3, -1)), "maximize": pick(False, False, True)}
    options["weight_decay"] = pick(0, float(rng.uniform(0, 0.5)))
    if name == "SGD":
        options["momentum"] = pick(0, 0.9, float(rng.uniform()))
        options["nesterov"] = bool(options["momentum"]) and pick(False, True)
        options["dampening"] = 0 if options["nesterov"] else pick(0, float(rng.uniform()))
    elif name in {"Adam", "AdamW"}:
        options["betas"] = pick(0.9, 0.3, 0.0), pick(0.999, 0.8)
        options["eps"], options["amsgrad"] = pick(1e-8, 1e-3), pick(False, True)
    elif name == "RMSprop":
        options |= {"alpha": pick(0.99, 0.5), "momentum": pick(0, 0.9), "centered": pick(False, True), "eps": 1e-3}
    else:
        options |= {"lr_decay": pick(0, 0.1), "initial_accumulator_value": pick(0, 0.5)}
    return options


def random_run(lib, name, options, data, grads):
    params = [lib.from_numpy(d.copy()) for d in data]
    params = [(p.t() if p.ndim == 2 else p).requires_grad_() for p in params]
    groups = [{"params": params[:3]}, {"params": params[3:], "lr": options["lr"] / 2}]
    optimizer = getattr(lib.optim, name)(groups, **options)
    seen = []
    for row in grads:
        for p, g in zip(params, row, strict=True):
            p.grad = None if g is None else lib.from_numpy(g.copy()).reshape(p.shape)
        optimizer.step()
        seen.append([p.detach().numpy().copy() for p in params])
    return seen, params, optimizer


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_random_options_beside_pytorch(name, dtype):
    real = pytest.importorskip("torch")
    eps = np.finfo(dtype).eps
    for seed in range(30):
        rng = np.random.default_rng(seed)
        options = random_options(name, rng)
        data = [np.asarray(rng.normal(size=s), dtype) for s in SHAPES]
        grads = [
            [None if rng.uniform() < 0.1 else np.asarray(rng.normal(size=s), dtype) for s in SHAPES] for _ in range(25)
        ]
        ours, p, a = random_run(torch, name, options, data, grads)
        theirs, q, b = random_run(real, name, options, data, grads)
        # Not to the last digit: PyTorch multiplies and adds with one rounding, and small denominators magnify that.
        for x, y in zip(ours[0], theirs[0], strict=True):
            np.testing.assert_allclose(x, y, rtol=4 * eps, atol=4 * eps, err_msg=str(options))
        for x, y in zip(ours[-1], theirs[-1], strict=True):
            np.testing.assert_allclose(x, y, rtol=500 * eps, atol=500 * eps, err_msg=str(options))
        assert [t._version for t in p] == [t._version for t in q]
        mine, state = a.state_dict(), b.state_dict()
        assert mine["param_groups"] == state["param_groups"]
        assert list(mine["state"]) == list(state["state"])
        for ours_of, theirs_of in zip(mine["state"].values(), state["state"].values(), strict=True):
            assert list(ours_of) == list(theirs_of)
            for x, y in zip(ours_of.values(), theirs_of.values(), strict=True):
                assert (str(x.dtype), x.shape) == (str(y.dtype), tuple(y.shape))
                np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=500 * eps, atol=500 * eps)
