"""The Python examples in the README run as they stand, and docs/ shows what srcgrad generates."""

import ast
import linecache
import re
from pathlib import Path

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.transform.normalise import structure_exits

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
EXPLAIN = ROOT / "docs" / "explain.md"
SHIM = ROOT / "docs" / "shim.md"
CUDA = ROOT / "docs" / "cuda.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", [README, SHIM, CUDA], ids=lambda p: p.name)
def test_python_blocks_run(page):
    text = page.read_text(encoding="utf-8")
    namespace = {"__name__": f"example_{page.stem}"}
    blocks = list(BLOCK.finditer(text))
    assert blocks
    for match in blocks:
        line = text.count("\n", 0, match.start(1)) + 1
        name = f"<{page.name}:{line}>"
        source = match.group(1)
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)  # inspect reads it here
        exec(compile(source, name, "exec"), namespace)


def test_architecture_shows_what_is_generated(define, request):
    """The texts after `<!-- name -->`; `--update-golden` writes them anew."""
    page = ARCHITECTURE.read_text(encoding="utf-8")
    source = BLOCK.search(page).group(1)
    f = sg.differentiable(define(source, "relax"), target="python")
    args = np.linspace(0.0, 1.0, 5), 0.1
    shown = {kind: f.source(kind, *args, argnums=(0, 1)) for kind in ("primal", "adjoint")}
    shown = {kind: text[text.index("def ") :] for kind, text in shown.items()}
    shown["normalised"] = "\n".join(ast.unparse(s) for s in structure_exits(ast.parse(source).body[0])) + "\n"
    check_shown(ARCHITECTURE, shown, request)


def test_explain_shows_what_is_said(define, request):
    f = sg.differentiable(define(BLOCK.search(EXPLAIN.read_text(encoding="utf-8")).group(1), "anneal"), target="python")
    u = np.linspace(0.0, 1.0, 50)
    check_shown(EXPLAIN, {"explained": str(f.explain(u, np.zeros(50), 0.1, 200, argnums=("u", "k")))}, request)


def check_shown(path, shown, request):
    """Each text stands in the page after `<!-- name -->`."""
    page = expected = path.read_text(encoding="utf-8")
    for name, text in shown.items():
        expected, count = re.subn(
            rf"(<!-- {name} -->\n```\w+\n).*?```", lambda m, t=text: f"{m[1]}{t}```", expected, flags=re.DOTALL
        )
        assert count == 1, name
    if request.config.getoption("--update-golden"):
        path.write_text(expected, encoding="utf-8")
    else:
        assert page == expected, f"docs/{path.name} differs; if that is meant, run pytest with --update-golden"
