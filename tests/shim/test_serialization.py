"""Saving tensors to files."""

import collections
import io
import os
import pickle

import numpy as np
import pytest

import srcgrad.shim as torch


def test_tensors_come_back(tmp_path):
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    things = collections.OrderedDict(
        x=x, half=x.detach().half(), whole=torch.arange(3), flag=torch.tensor([True, False]), number=torch.tensor(0.5),
        kind=[torch.float32, torch.bool, torch.int64], shape=x.shape, text="a", none=None, pair=(1, 2.5),
        scalar=np.float64(3),
    )  # fmt: skip
    path = tmp_path / "things.pt"
    torch.save(things, path)
    with path.open("rb") as file:
        for found in (torch.load(path), torch.load(str(path), map_location="cpu", weights_only=True), torch.load(file)):
            assert list(found) == list(things)
            assert repr(found) == repr(things)
            assert found["x"].requires_grad
            assert found["kind"][1] is torch.bool


def test_shared_tensors_stay_shared():
    x = torch.zeros(3)
    file = io.BytesIO()
    torch.save({"a": x, "b": x, "c": x.detach()}, file)
    file.seek(0)
    found = torch.load(file)
    assert found["a"] is found["b"]
    found["a"][0] = 7.0
    assert found["c"][0].item() == 7.0


def test_training_goes_on(tmp_path):
    def made():
        x = torch.tensor([1.0, -2.0], requires_grad=True)
        optimizer = torch.optim.Adam([x], lr=0.1)
        return x, optimizer, torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 3])

    def train(x, optimizer, scheduler):
        for _ in range(3):
            optimizer.zero_grad()
            (x**4).sum().backward()
            optimizer.step()
            scheduler.step()

    x, optimizer, scheduler = made()
    train(x, optimizer, scheduler)
    torch.save([x, optimizer.state_dict(), scheduler.state_dict()], tmp_path / "state")
    y, other, schedule = made()
    values, state, rates = torch.load(tmp_path / "state")
    with torch.no_grad():
        y.copy_(values)
    other.load_state_dict(state)
    schedule.load_state_dict(rates)
    train(x, optimizer, scheduler)
    train(y, other, schedule)
    assert y.tolist() == x.tolist()
    assert repr(other.state_dict()) == repr(optimizer.state_dict())


class Trap:
    def __reduce__(self):
        return os.getcwd, ()


def test_code_is_not_run_unless_trusted(tmp_path):
    torch.save([Trap()], tmp_path / "trap")
    with pytest.raises(pickle.UnpicklingError, match=r"Weights only load failed: the file asks for \w+\.getcwd"):
        torch.load(tmp_path / "trap")
    assert torch.load(tmp_path / "trap", weights_only=False) == [os.getcwd()]  # noqa: PTH109
