"""Anomaly detection points at the line of the forward operation."""

import threading
import warnings

import pytest

import srcgrad.shim as torch
from srcgrad.shim.engine import Watch
from srcgrad.shim.modes import STATE


def failing():
    a = torch.tensor([0.0], requires_grad=True)
    b = a.sqrt()  # the guilty line
    return (b * 0).sum()


def test_names_the_line():
    with torch.autograd.set_detect_anomaly(True), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(RuntimeError, match="Function 'SqrtBackward0' returned nan values in its 0th"):
            failing().backward()
    (warning,) = caught
    text = str(warning.message)
    assert "b = a.sqrt()  # the guilty line" in text
    assert "in failing" in text
    assert "srcgrad/shim" not in text.replace("tests/shim", "")
    assert warning.filename == __file__


def test_leaves_nothing_behind():
    with pytest.raises(RuntimeError, match="does not require grad"), torch.autograd.set_detect_anomaly(True):
        torch.ones(1).backward()
    assert not torch.is_anomaly_enabled()
    assert STATE.special is None
    assert Watch.around is None


def test_nested():
    with torch.autograd.set_detect_anomaly(True):
        with torch.autograd.set_detect_anomaly(False):
            assert STATE.special is None
            failing().backward()
        assert STATE.special is not None
    assert STATE.special is None


def test_infinite_is_fine():
    a = torch.tensor([0.0], requires_grad=True)
    with torch.autograd.set_detect_anomaly(True):
        a.sqrt().sum().backward()
    assert a.grad.item() == float("inf")


def test_other_threads_find_nan_too():
    failed = []

    def run():
        try:
            failing().backward()
        except RuntimeError as error:
            failed.append(str(error))

    with torch.autograd.set_detect_anomaly(True), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert failed == ["Function 'SqrtBackward0' returned nan values in its 0th output."]
