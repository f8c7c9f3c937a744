"""Learning rates beside PyTorch's: to the last digit."""

import copy
import pickle
import re
import warnings

import pytest

import srcgrad.shim as torch
from srcgrad.shim.optim import SGD, lr_scheduler

# The rates of the first group, at first 0.1, for seven epochs of PyTorch 2.13.
RATES = [
    ("LambdaLR", lambda s, o: s.LambdaLR(o, lambda e: 0.9**e),
     [0.1, 0.09000000000000001, 0.08100000000000002, 0.0729, 0.06561, 0.05904900000000001, 0.05314410000000001]),
    ("MultiplicativeLR", lambda s, o: s.MultiplicativeLR(o, lambda e: 1 / e),
     [0.1, 0.1, 0.05, 0.016666666666666666, 0.004166666666666667, 0.0008333333333333334, 0.0001388888888888889]),
    ("StepLR", lambda s, o: s.StepLR(o, 3),
     [0.1, 0.1, 0.1, 0.010000000000000002, 0.010000000000000002, 0.010000000000000002, 0.0010000000000000002]),
    ("MultiStepLR", lambda s, o: s.MultiStepLR(o, [2, 4, 4]),
     [0.1, 0.1, 0.010000000000000002, 0.010000000000000002, *[0.00010000000000000005] * 3]),
    ("ConstantLR", lambda s, o: s.ConstantLR(o, 0.5, 3), [0.05, 0.05, 0.05, 0.1, 0.1, 0.1, 0.1]),
    ("LinearLR", lambda s, o: s.LinearLR(o),
     [0.03333333333333333, 0.04666666666666667, 0.060000000000000005, 0.07333333333333335, 0.08666666666666668, 0.1,
      0.1]),
    ("ExponentialLR", lambda s, o: s.ExponentialLR(o, 0.9),
     [0.1, 0.09000000000000001, 0.08100000000000002, 0.07290000000000002, 0.06561000000000002, 0.05904900000000002,
      0.05314410000000002]),
    ("PolynomialLR", lambda s, o: s.PolynomialLR(o, 4, 2.0),
     [0.1, 0.05625, 0.024999999999999998, 0.0062499999999999995, 0.0, 0.0, 0.0]),
    ("CosineAnnealingLR", lambda s, o: s.CosineAnnealingLR(o, 5, eta_min=0.001),
     [0.1, 0.0905463412215599, 0.06579634122155989, 0.035203658778440096, 0.010453658778440105, 0.001,
      0.010453658778440102]),
    ("SequentialLR", lambda s, o: s.SequentialLR(o, [s.ConstantLR(o, 0.5, 3), s.ExponentialLR(o, 0.9)], [3]),
     [0.05, 0.05, 0.05, 0.1, 0.09000000000000001, 0.08100000000000002, 0.07290000000000002]),
]  # fmt: skip
TOO_EARLY = (
    "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you should call "
    "them in the opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to do this will result in "
    "PyTorch skipping the first value of the learning rate schedule. See more details at "
    "https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
)


def optimizer_of(lib=torch, lr=0.1, initial=None):
    x, y = lib.tensor(1.0, requires_grad=True), lib.tensor(2.0, requires_grad=True)
    optimizer = lib.optim.SGD([{"params": x}, {"params": y, "lr": 0.01}], lr=lr)
    if initial is not None:
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"] * initial
    return optimizer


def rates(optimizer, scheduler, epochs):
    seen = [scheduler.get_last_lr()]
    for _ in range(epochs):
        optimizer.step()
        scheduler.step()
        seen.append(scheduler.get_last_lr())
        assert seen[-1] == [group["lr"] for group in optimizer.param_groups]
    return seen


@pytest.mark.parametrize(("make", "expected"), [r[1:] for r in RATES], ids=[r[0] for r in RATES])
def test_rates_of_pytorch(make, expected):
    optimizer = optimizer_of()
    seen = rates(optimizer, make(lr_scheduler, optimizer), len(expected) - 1)
    assert [s[0] for s in seen] == expected


def test_schedules_multiply():
    optimizer = optimizer_of()
    one, other = lr_scheduler.ExponentialLR(optimizer, 0.5), lr_scheduler.StepLR(optimizer, 2, 0.1)
    for _ in range(2):
        optimizer.step()
        one.step()
        other.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * 0.25 * 0.1)


@pytest.mark.parametrize("make", [r[1] for r in RATES], ids=[r[0] for r in RATES])
def test_going_on_after_saving(make):
    optimizer = optimizer_of()
    scheduler = make(lr_scheduler, optimizer)
    rates(optimizer, scheduler, 4)
    other_optimizer = optimizer_of()
    other = make(lr_scheduler, other_optimizer)
    state = scheduler.state_dict()
    assert "optimizer" not in state
    other.load_state_dict(pickle.loads(pickle.dumps(state)))  # noqa: S301
    other_optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert rates(other_optimizer, other, 4) == rates(optimizer, scheduler, 4)


def test_states_of_callable_objects_are_saved():
    class Power:
        def __init__(self, base):
            self.base = base

        def __call__(self, epoch):
            return self.base**epoch

    scheduler = lr_scheduler.LambdaLR(optimizer_of(), [Power(0.5), lambda e: 1.0])
    state = scheduler.state_dict()
    assert state["lr_lambdas"] == [{"base": 0.5}, None]
    other = lr_scheduler.LambdaLR(optimizer_of(), [Power(0.25), lambda e: 1.0])
    other.load_state_dict(state)
    assert other.lr_lambdas[0].base == 0.5


def test_rates_that_are_tensors_are_written_into():
    rate = torch.tensor(0.5)
    optimizer = SGD([torch.ones(1, requires_grad=True)], lr=rate)
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == 0.25
    assert optimizer.param_groups[0]["initial_lr"].item() == 0.5


def test_a_group_that_was_added():
    optimizer = optimizer_of()
    scheduler = lr_scheduler.StepLR(optimizer, 1, 0.5)
    optimizer.add_param_group({"params": torch.ones(1, requires_grad=True), "lr": 4.0})
    optimizer.step()
    scheduler.step()
    assert scheduler.get_last_lr() == [0.05, 0.005, 2.0]


PLATEAUS = [
    ({}, [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.025, 0.025, 0.0125]),
    ({"mode": "max"}, [0.1, 0.1, 0.05, 0.05, 0.025, 0.025, 0.0125, 0.0125, 0.00625, 0.00625]),
    ({"threshold_mode": "abs", "threshold": 0.1}, [0.1, 0.1, 0.05, 0.05, 0.025, 0.025, 0.025, 0.0125, 0.0125, 0.00625]),
    ({"cooldown": 2}, [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.025, 0.025, 0.025]),
    ({"min_lr": 0.03}, [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.03, 0.03, 0.03]),
]


@pytest.mark.parametrize(("options", "expected"), PLATEAUS)
def test_plateaus(options, expected):
    optimizer = optimizer_of()
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, patience=1, factor=0.5, **options)
    seen = []
    for value in (1.0, 0.9, 0.95, 0.96, 0.97, 0.5, 0.6, torch.tensor(0.7), 0.8, 0.9):
        scheduler.step(value)
        seen.append(optimizer.param_groups[0]["lr"])
    assert seen == expected
    other = lr_scheduler.ReduceLROnPlateau(optimizer_of(), patience=7)
    other.load_state_dict(scheduler.state_dict())
    assert other.state_dict() == scheduler.state_dict()


def test_order_of_steps():
    optimizer = optimizer_of()
    optimizer.step()  # one before there was a scheduler does not count
    scheduler = lr_scheduler.StepLR(optimizer, 2)
    with pytest.warns(UserWarning, match=f"^{re.escape(TOO_EARLY)}$"):
        scheduler.step()
    scheduler.step()  # only the first time
    optimizer = optimizer_of()
    scheduler = lr_scheduler.StepLR(optimizer, 2)
    optimizer.step()
    scheduler.step()
    lr_scheduler.StepLR(optimizer, 2).step()
    optimizer = optimizer_of()
    scheduler = lr_scheduler.StepLR(optimizer, 2)
    optimizer.step = lambda: None
    with pytest.warns(UserWarning, match=r"Seems like `optimizer.step\(\)` has been overridden after learning rate"):
        scheduler.step()


def test_warnings():
    optimizer = optimizer_of()
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.9)
    optimizer.step()
    with pytest.warns(UserWarning, match=r"please use `get_last_lr\(\)`"):
        scheduler.get_lr()
    with pytest.warns(UserWarning, match=r"The epoch parameter in `scheduler.step\(\)` was not necessary"):
        scheduler.step(4)
    assert scheduler.get_last_lr() == [0.06561, 0.006561]


ERRORS = [
    (lambda: lr_scheduler.StepLR(3, 2), TypeError, "int is not an Optimizer"),
    (lambda: lr_scheduler.ReduceLROnPlateau(3), TypeError, "int is not an Optimizer"),
    (lambda: lr_scheduler.LambdaLR(optimizer_of(), [len]), ValueError, "Expected 2 lr_lambdas, but got 1"),
    (lambda: lr_scheduler.LRScheduler(optimizer_of()), NotImplementedError, ""),
    (lambda: lr_scheduler.ReduceLROnPlateau(optimizer_of(), factor=1.0), ValueError, "Factor should be < 1.0."),
    (lambda: lr_scheduler.ReduceLROnPlateau(optimizer_of(), "x"), ValueError, "mode x is unknown!"),
    (lambda: lr_scheduler.ReduceLROnPlateau(optimizer_of(), threshold_mode="x"), ValueError,
     "threshold mode x is unknown!"),
    (lambda: lr_scheduler.ReduceLROnPlateau(optimizer_of(), min_lr=[1]), ValueError, "expected 2 min_lrs, got 1"),
    (lambda: lr_scheduler.LinearLR(optimizer_of(), 0), ValueError,
     "Starting multiplicative factor expected to be greater than 0 and less or equal to 1."),
    (lambda: lr_scheduler.LinearLR(optimizer_of(), 0.5, 2), ValueError,
     "Ending multiplicative factor expected to be between 0 and 1."),
    (lambda: lr_scheduler.ConstantLR(optimizer_of(), 2), ValueError,
     "Constant multiplicative factor expected to be between 0 and 1."),
    (lambda: lr_scheduler.SequentialLR(optimizer_of(), [], []), ValueError,
     "SequentialLR expects at least one scheduler, but got no scheduler."),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "kind", "message"), ERRORS)
def test_messages(wrong, kind, message):
    with pytest.raises(kind) as error:
        wrong()
    assert str(error.value) == message


def test_message_of_an_unknown_beginning():
    with pytest.raises(KeyError, match=r"param 'initial_lr' is not specified in param_groups\[0\] when resuming"):
        lr_scheduler.StepLR(optimizer_of(), 2, last_epoch=3)


# -- PyTorch itself --------------------------------------------------------------------------------------------------

RESUMED = [
    lambda s, o, n: s.LambdaLR(o, lambda e: 0.9**e, last_epoch=n),
    lambda s, o, n: s.MultiplicativeLR(o, lambda e: 0.9, last_epoch=n),
    lambda s, o, n: s.StepLR(o, 2, last_epoch=n),
    lambda s, o, n: s.MultiStepLR(o, [1, 4], last_epoch=n),
    lambda s, o, n: s.ConstantLR(o, last_epoch=n),
    lambda s, o, n: s.LinearLR(o, last_epoch=n),
    lambda s, o, n: s.ExponentialLR(o, 0.9, last_epoch=n),
    lambda s, o, n: s.PolynomialLR(o, 7, 0.5, last_epoch=n),
    lambda s, o, n: s.CosineAnnealingLR(o, 4, last_epoch=n),
]


def test_beside_pytorch():
    real = pytest.importorskip("torch")
    for make in RESUMED:
        for last in (-1, 0, 2, 3, 5):
            seen = []
            for lib in (torch, real):
                optimizer = optimizer_of(lib, initial=None if last < 0 else 2)
                scheduler = make(lib.optim.lr_scheduler, optimizer, last)
                found = rates(optimizer, scheduler, 25)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    scheduler.step(3)
                seen.append(([*found, scheduler.get_last_lr()], repr(scheduler.state_dict()), repr(optimizer)))
            assert seen[0] == seen[1]
