"""The tutorials in examples/ print what PyTorch 2.13 prints.

The golden texts were written by PyTorch itself: `pytest --update-golden` with torch installed runs the same scripts
with `import torch`. Addresses are left out; random numbers are compared, since the generator gives PyTorch's.
"""

import contextlib
import importlib.util
import io
import re
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
SCRIPTS = sorted(EXAMPLES.glob("tutorial_*.py"))
IMPORT = "import srcgrad.shim as torch"


def printed(text, name):
    """What a script prints, without addresses."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(text, name, "exec"), {"__name__": "__main__"})
    return re.sub(r"0x[0-9a-f]+", "0x...", out.getvalue())


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.stem)
def test_prints_what_pytorch_prints(path, golden, request):
    text = path.read_text(encoding="utf-8")
    assert text.count(IMPORT) == 1
    if request.config.getoption("--update-golden"):
        pytest.importorskip("torch")
        text = text.replace(IMPORT, "import torch")
    golden(path.stem, printed(text, path.name))


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs PyTorch")
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.stem)
def test_golden_texts_are_pytorchs(path, golden):
    golden(path.stem, printed(path.read_text(encoding="utf-8").replace(IMPORT, "import torch"), path.name))
