"""The shim answers as PyTorch: values, errors, warnings."""

import sys

import pytest

import srcgrad.shim
from tests.shim import texts

LABELS = sorted(texts.load())


@pytest.mark.parametrize("label", LABELS)
def test_as_recorded(label):
    assert texts.outcome(srcgrad.shim, label) == texts.recorded()[label]


@pytest.fixture(scope="module")
def real():
    torch = pytest.importorskip("torch")
    torch.set_warn_always(True)
    yield torch
    torch.set_warn_always(False)


@pytest.mark.parametrize("label", LABELS)
def test_recording_is_right(label, real):
    assert texts.outcome(real, label) == texts.recorded()[label]


def test_every_recording_is_probed():
    assert sorted(texts.recorded()) == LABELS
    assert "torch" not in vars(sys.modules["srcgrad.shim"])
