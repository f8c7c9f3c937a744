"""Drawings of the graph."""

import shutil

import pytest

import srcgrad.shim as torch
from srcgrad.shim.drawing import make_dot


@pytest.fixture
def loss():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    w = torch.tensor([3.0, 4.0], requires_grad=True)
    return (x * w).exp().sum() + (x**2).sum(), {"x": x, "w": w}


@pytest.mark.parametrize("options", [{}, {"show_saved": True}, {"show_attrs": True, "show_saved": True}])
def test_source(golden, loss, options):
    y, names = loss
    golden("_".join(["source", *options]), make_dot(y, params=names, **options).source)


def test_the_same_again(loss, tmp_path):
    y, names = loss
    dot = make_dot(y, params=names.items())
    assert str(dot) == make_dot(y, params=names).source
    assert (tmp_path / "g.dot").read_text() == str(dot) if dot.save(tmp_path / "g.dot") else False


def test_without_names_and_views():
    x = torch.ones(2, 3, requires_grad=True)
    text = make_dot((x * 2)[0]).source
    assert "darkolivegreen3" in text
    assert "(2, 3)" in text
    assert "lightblue" in make_dot(x).source


def test_freed_graph(loss):
    y, _ = loss
    y.backward()
    assert "orange" not in make_dot(y, show_saved=True, show_attrs=True).source


def test_deep_graph():
    y = torch.ones(1, requires_grad=True)
    for _ in range(5000):
        y = y + 1
    assert make_dot(y).source.count("AddBackward0") == 5000


def test_several_outputs_share_nodes(loss):
    y, _ = loss
    assert make_dot([y, y.sin()]).source.count("ExpBackward0") == 1


def test_custom_function():
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 2

    text = make_dot(Double.apply(torch.ones(2, requires_grad=True)), show_saved=True).source
    assert "DoubleBackward" in text
    assert "orange" in text


def test_rendering_needs_graphviz(loss, monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RuntimeError, match="needs the executable `dot` of Graphviz"):
        make_dot(loss[0]).render(tmp_path / "g")


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")
def test_rendering(loss, tmp_path):
    assert "<svg" in make_dot(loss[0])._repr_svg_()
    assert make_dot(loss[0]).render(tmp_path / "g").endswith("g.svg")
