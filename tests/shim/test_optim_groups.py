"""Groups, hooks, saving and messages of optimizers, as PyTorch has them."""

import copy
import pickle

import numpy as np
import pytest

import srcgrad.shim as torch
from srcgrad.shim.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from srcgrad.shim.optim.optimizer import required
from tests.shim.optim_steps import ELEMENTWISE, closure_of, start, trained, values


def test_text():
    x, y = start()
    optimizer = SGD([{"params": x}, {"params": [y], "lr": torch.tensor(0.5)}], lr=0.1)
    group = (
        "Parameter Group {}\n    dampening: 0\n    differentiable: False\n    foreach: None\n    fused: None\n"
        "    lr: {}\n    maximize: False\n    momentum: 0\n    nesterov: False\n    weight_decay: 0\n"
    )
    assert repr(optimizer) == f"SGD (\n{group.format(0, 0.1)}\n{group.format(1, 0.5)})"


def test_groups():
    x, y = start()
    optimizer = Adam([{"params": x, "lr": 0.5}])
    group = {"params": y}
    optimizer.add_param_group(group)
    assert optimizer.param_groups[1] is group
    assert [g["lr"] for g in optimizer.param_groups] == [0.5, 1e-3]
    assert optimizer.param_groups[0]["params"][0] is x
    named = SGD([("weight", x), ("bias", y)])
    assert named.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]


def test_state_has_pytorchs_structure():
    _, optimizer = trained(lambda p: SGD(p, lr=0.1, momentum=0.9), 1)
    state = optimizer.state_dict()
    assert state["param_groups"] == [
        {"lr": 0.1, "momentum": 0.9, "dampening": 0, "weight_decay": 0, "nesterov": False, "maximize": False,
         "foreach": None, "differentiable": False, "fused": None, "params": [0, 1]}
    ]  # fmt: skip
    assert [list(s) for s in state["state"].values()] == [["momentum_buffer"]] * 2
    _, optimizer = trained(lambda p: Adam(p, amsgrad=True), 3)
    assert repr(optimizer.state_dict()["state"][1]["step"]) == "tensor(3.)"
    assert list(optimizer.state_dict()["state"][0]) == ["step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"]
    assert list(trained(lambda p: RMSprop(p, momentum=0.1, centered=True), 1)[1].state_dict()["state"][0]) == [
        "step", "square_avg", "momentum_buffer", "grad_avg",
    ]  # fmt: skip
    assert list(Adagrad(start()).state_dict()["state"][1]) == ["step", "sum"]


@pytest.mark.parametrize("name", [*ELEMENTWISE, "LBFGS"])
@pytest.mark.parametrize("way", ["load_state_dict", "deepcopy", "pickle"])
def test_going_on_after_saving(name, way):
    options = {"momentum": 0.9} if name == "SGD" else {"amsgrad": True} if name == "Adam" else {}
    params, optimizer = trained(lambda p: getattr(torch.optim, name)(p, lr=0.05, **options), 4)
    if way == "load_state_dict":
        others = [p.detach().clone().requires_grad_() for p in params]
        other = getattr(torch.optim, name)(others)
        other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    else:
        other = copy.deepcopy(optimizer) if way == "deepcopy" else pickle.loads(pickle.dumps(optimizer))  # noqa: S301
        others = other.param_groups[0]["params"]
    assert repr(other) == repr(optimizer)
    for _ in range(3):
        optimizer.step(closure_of(optimizer, params))
        other.step(closure_of(other, others))
        assert not any(a is b for a, b in zip(params, others, strict=True))
        np.testing.assert_array_equal(values(others), values(params))
    assert repr(other.state_dict()) == repr(optimizer.state_dict())


def test_loaded_state_is_of_the_parameters_type():
    _, optimizer = trained(Adam, 2, torch.float32)
    params = start()
    other = Adam(params)
    state = optimizer.state_dict()
    other.load_state_dict(state)
    assert {k: v.dtype for k, v in other.state[params[0]].items()} == {
        "step": torch.float32, "exp_avg": torch.float64, "exp_avg_sq": torch.float64,
    }  # fmt: skip
    same = Adam(start(torch.float32))
    same.load_state_dict(state)  # as in PyTorch, the tensors are shared and the dicts are not
    assert same.state_dict()["state"][0]["exp_avg"] is state["state"][0]["exp_avg"]
    assert same.state_dict()["state"][0] is not state["state"][0]
    old = AdamW(start())
    old.load_state_dict({"state": {}, "param_groups": [{"lr": 0.5, "params": [0, 1]}]})
    assert old.param_groups[0]["decoupled_weight_decay"] is True
    assert old.param_groups[0]["amsgrad"] is False


def test_hooks():
    calls = []
    params = start()
    optimizer = SGD(params)
    before = optimizer.register_step_pre_hook(lambda o, args, kwargs: calls.append(("before", args[1:], kwargs)))
    after = optimizer.register_step_post_hook(lambda o, args, kwargs: calls.append(("after", args[1:], kwargs)))
    optimizer.step()
    optimizer.step(closure=None)
    before.remove()
    after.remove()
    optimizer.step()
    assert calls == [(w, (), k) for k in ({}, {"closure": None}) for w in ("before", "after")]
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(RuntimeError, match=r"must return None or a tuple of \(new_args, new_kwargs\), but got 3."):
        optimizer.step()


def test_optimizers_of_users():
    class Signs(Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.sub_(group["lr"] * torch.sign(p.grad))
                    self.state[p]["seen"] = True

    x, _ = start()
    optimizer = Signs([x], 0.5)
    calls = []
    optimizer.register_step_post_hook(lambda *_: calls.append(1))
    x.grad = torch.tensor([3.0, -2.0, 0.0], dtype=torch.float64)
    optimizer.step()
    assert x.tolist() == [1.5, -0.5, 0.5]
    assert calls == [1]
    assert optimizer.state_dict() == {"state": {0: {"seen": True}}, "param_groups": [{"lr": 0.5, "params": [0]}]}
    assert repr(optimizer) == "Signs (\nParameter Group 0\n    lr: 0.5\n)"


NEEDS_LIST = (
    "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets will change "
    "between runs. Please use a list instead."
)
NAMES = "all optimizer params should be with/without names. Some param names are missing"
GROUP_NAMES = (
    "all optimizer param groups should be with/without names. cannot add param group without names to the optimizer"
)
DUPLICATE = (
    "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; see "
    "github.com/pytorch/pytorch/issues/40967 for more information"
)
ERRORS = [
    (lambda x, y: SGD([x * 2]), ValueError, "can't optimize a non-leaf Tensor"),
    (lambda x, y: SGD([]), ValueError, "optimizer got an empty parameter list"),
    (lambda x, y: SGD(None), TypeError, "'NoneType' object is not iterable"),
    (lambda x, y: SGD(x), TypeError,
     "params argument given to the optimizer should be an iterable of Tensors or dicts, but got torch.DoubleTensor"),
    (lambda x, y: SGD([1]), TypeError, "optimizer can only optimize Tensors, but one of the params is int"),
    (lambda x, y: SGD([np.ones(2)]), TypeError,
     "optimizer can only optimize Tensors, but one of the params is numpy.ndarray"),
    (lambda x, y: SGD({"params": x}), TypeError, "optimizer can only optimize Tensors, but one of the params is str"),
    (lambda x, y: SGD([x, {"params": y}]), TypeError,
     "optimizer can only optimize Tensors, but one of the params is dict"),
    (lambda x, y: SGD([{"params": {x, y}}]), TypeError, NEEDS_LIST),
    (lambda x, y: SGD([{"lr": 1}]), KeyError, "'params'"),
    (lambda x, y: SGD([x]).add_param_group(3), TypeError, "param_group must be a dict, but got <class 'int'>"),
    (lambda x, y: SGD([{"params": x}, {"params": x}]), ValueError,
     "some parameters appear in more than one parameter group"),
    (lambda x, y: SGD([x, x]), UserWarning, DUPLICATE),
    (lambda x, y: SGD([("x", x), y]), ValueError, NAMES),
    (lambda x, y: SGD([{"params": [("x", x)]}, {"params": [y]}]), ValueError, GROUP_NAMES),
    (lambda x, y: Optimizer([x], {"lr": required}), ValueError,
     "parameter group didn't specify a value of required optimization parameter lr"),
    (lambda x, y: Optimizer([x], {}).step(), NotImplementedError, ""),
    (lambda x, y: SGD([x], lr=-1), ValueError, "Invalid learning rate: -1"),
    (lambda x, y: SGD([x], lr=torch.ones(2)), ValueError, "Tensor lr must be 1-element"),
    (lambda x, y: SGD([x], momentum=-1), ValueError, "Invalid momentum value: -1"),
    (lambda x, y: SGD([x], weight_decay=-1), ValueError, "Invalid weight_decay value: -1"),
    (lambda x, y: SGD([x], nesterov=True), ValueError, "Nesterov momentum requires a momentum and zero dampening"),
    (lambda x, y: SGD([x], momentum=0.9, dampening=0.1, nesterov=True), ValueError,
     "Nesterov momentum requires a momentum and zero dampening"),
    (lambda x, y: SGD([x], fused=True, foreach=True), RuntimeError,
     "`fused` and `foreach` cannot be `True` together."),
    (lambda x, y: SGD([x], differentiable=True), NotImplementedError,
     "steps are not recorded: `differentiable=True` is not supported"),
    (lambda x, y: Adam([x], betas=(1.0, 0.9)), ValueError, "Invalid beta parameter at index 0: 1.0"),
    (lambda x, y: Adam([x], betas=(0.9, -0.1)), ValueError, "Invalid beta parameter at index 1: -0.1"),
    (lambda x, y: Adam([x], betas=(torch.tensor(0.9), 0.9)), ValueError,
     "betas must be either both floats or both Tensors"),
    (lambda x, y: Adam([x], eps=-1), ValueError, "Invalid epsilon value: -1"),
    (lambda x, y: Adam([x], lr=torch.tensor(0.1), foreach=True), ValueError,
     "lr as a Tensor is not supported for capturable=False and foreach=True"),
    (lambda x, y: RMSprop([x], alpha=-1), ValueError, "Invalid alpha value: -1"),
    (lambda x, y: Adagrad([x], lr_decay=-1), ValueError, "Invalid lr_decay value: -1"),
    (lambda x, y: Adagrad([x], initial_accumulator_value=-1), ValueError,
     "Invalid initial_accumulator_value value: -1"),
    (lambda x, y: SGD([x]).load_state_dict({"state": {}, "param_groups": []}), ValueError,
     "loaded state dict has a different number of parameter groups"),
    (lambda x, y: SGD([x]).load_state_dict({"state": {}, "param_groups": [{"params": []}]}), ValueError,
     "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "kind", "message"), ERRORS)
def test_messages(wrong, kind, message):
    with pytest.raises(kind) as error:
        wrong(*start())
    assert str(error.value) == message


def test_texts_beside_pytorch():
    real = pytest.importorskip("torch")
    for name in (*ELEMENTWISE, "LBFGS"):
        texts = []
        for lib in (torch, real):
            params = [lib.ones(2, requires_grad=True), lib.tensor(1.0, requires_grad=True)]
            optimizer = getattr(lib.optim, name)(params)
            texts.append(f"{optimizer!r}{optimizer.param_groups}{optimizer.defaults}{optimizer.state_dict()}")
        assert texts[0] == texts[1]
