"""Profiles: which operations, how often, nested how."""

import json
import re
import sys

import pytest

import srcgrad.shim as torch
from srcgrad.shim.engine import Watch

profiler = torch.profiler


@pytest.fixture
def profile():
    x = torch.ones(4, 4, requires_grad=True)
    with profiler.profile(activities=[profiler.ProfilerActivity.CPU], record_shapes=True) as p:
        with profiler.record_function("model"):
            y = (x @ x).sin() * 2 + x
            y.add_(1)
        y.sum().backward()
    return p


def counts(p):
    return {e.key: e.count for e in p.key_averages()}


def test_operations_and_nodes(profile):
    found = counts(profile)
    for name in ("model", "aten::matmul", "aten::mm", "aten::sin", "aten::mul", "aten::add_", "aten::sum"):
        assert found[name] == 1
    for name in ("SumBackward0", "MulBackward0", "SinBackward0", "MmBackward0"):
        assert found[name] == found[f"autograd::engine::evaluate_function: {name}"] == 1
    assert found["AddBackward0"] == 2
    assert found["torch::autograd::AccumulateGrad"] == 1


def test_times_nest(profile):
    by_name = {e.name: e for e in profile.events()}
    assert by_name["aten::mm"].cpu_parent is by_name["aten::matmul"]
    assert by_name["aten::matmul"].cpu_parent is by_name["model"]
    for event in profile.events():
        assert 0 <= event.self_cpu_time_total <= event.cpu_time_total
    total = sum(e.cpu_time_total for e in profile.events() if e.cpu_parent is None)
    assert profile.events().self_cpu_time_total == pytest.approx(total)


def test_table(profile):
    averages = profile.key_averages()
    lines = averages.table(sort_by="self_cpu_time_total", row_limit=3).splitlines()
    titles = ["Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg", "# of Calls"]
    assert re.split(r"\s{2,}", lines[1].strip()) == titles
    assert len(lines) == 8  # three rules, titles, three rows, the total
    assert lines[-1].startswith("Self CPU time total: ")
    first = max(averages, key=lambda e: e.self_cpu_time_total)
    assert lines[3].split()[:-6] == first.key.split()


def test_shapes(profile):
    averages = profile.key_averages(group_by_input_shape=True)
    assert [e.input_shapes for e in averages if e.key == "aten::mm"] == [[[4, 4], [4, 4]]]
    assert "Input Shapes" in averages.table()


def test_unknown_column(profile):
    with pytest.raises(AttributeError, match="nonsense"):
        profile.key_averages().table(sort_by="nonsense")


def test_nothing_stays(profile):
    assert sys.getprofile() is None
    assert Watch.around is None


def test_failing_operations():
    x = torch.ones(2, requires_grad=True)
    with profiler.profile() as p:
        with pytest.raises(RuntimeError):
            x * torch.ones(3)
        x * 2
    assert counts(p) == {"aten::mul": 2, "aten::ones": 1}
    assert all(e.cpu_parent is None for e in p.events())


def test_failing_block():
    with pytest.raises(ZeroDivisionError), profiler.profile() as p, profiler.record_function("outer"):
        1 / 0
    assert counts(p) == {"outer": 1}
    assert sys.getprofile() is None


def test_autograd_profile_and_decorator():
    @torch.autograd.profiler.record_function("mine")
    def f(x):
        return x.exp()

    with torch.autograd.profiler.profile() as p:
        f(f(torch.ones(2)))
    assert counts(p)["mine"] == counts(p)["aten::exp"] == 2
    assert p.total_average().count == 5
    assert "aten::exp" in p.table()


def test_disabled():
    with torch.autograd.profiler.profile(enabled=False) as p:
        torch.ones(2).exp()
    assert not p.function_events


def test_schedule():
    seen = []
    steps = profiler.schedule(wait=1, warmup=1, active=2, repeat=2, skip_first=1)
    names = [steps(k).name for k in range(10)]
    assert names == ["NONE", *["NONE", "WARMUP", "RECORD", "RECORD_AND_SAVE"] * 2, "NONE"]
    with profiler.profile(schedule=steps, on_trace_ready=lambda p: seen.append(counts(p))) as p:
        for _ in range(10):
            torch.ones(2).exp()
            p.step()
    assert [s["aten::exp"] for s in seen] == [2, 2]


def test_trace_file(profile, tmp_path):
    profile.export_chrome_trace(str(tmp_path / "trace.json"))
    assert {e["name"] for e in json.loads((tmp_path / "trace.json").read_text())} >= {"model", "aten::sin"}


def test_one_event_an_operation():
    x = torch.ones(2)
    with torch.autograd.profiler.profile() as p:
        _ = x + 1
        x.add_(1).exp_()
        x.double()
    assert [e.name for e in p.function_events] == [
        "aten::add",
        "aten::add_",
        "aten::exp_",
        "aten::to",
        "aten::_to_copy",
    ]
