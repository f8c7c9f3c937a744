"""The direction of imports inside srcgrad, and the size of its files."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "srcgrad"
FILES = sorted(PACKAGE.rglob("*.py"))

# What each part of the package may import from the others. A part is a folder or a module directly under srcgrad/.
LAYERS = {
    "errors": set(),
    "custom": {"errors"},
    "cache": set(),
    "loops": set(),
    "ir": {"errors"},
    "plan": {"ir"},
    "rules": {"errors", "custom"},
    "runtime": {"errors"},
    "numpy_lib": {"errors", "ir", "rules"},
    "transform": {"errors", "ir", "loops", "rules", "numpy_lib"},
    "backend": {"errors", "ir", "loops", "rules", "numpy_lib", "runtime", "cache"},
    "structure": {"errors", "ir"},
    "program": {"errors", "backend"},
    "derive": {"errors", "ir", "transform", "structure", "program", "plan"},
    "entries": {"ir", "backend", "cache", "structure", "program", "plan"},
    "version": {"errors", "backend", "structure", "program", "plan", "entries"},
    "entry": {"ir", "plan", "version"},
    "dispatch": {"errors", "backend", "structure", "program", "version", "entry"},
    "explain": {"errors", "ir", "transform", "backend", "structure", "program", "derive"},
    "differentiable": {"errors", "ir", "backend", "structure", "program", "dispatch", "explain"},
    "api": {"errors", "backend", "custom", "program", "dispatch", "differentiable"},
    "cuda": {"errors", "ir", "backend", "structure", "program", "dispatch", "differentiable"},
    "jacobians": {"errors", "api", "dispatch", "program"},
    "testing": {"errors", "api"},
    "shim": {"errors", "ir", "rules", "structure", "version", "entry", "dispatch"},
    "__init__": {"errors", "backend", "custom", "api", "cuda", "jacobians", "loops"},
    "__main__": {"cache"},
}
# Third-party packages, and the only parts that may import each; None: all of them.
THIRD_PARTY = {
    "numpy": None,
    "numba": {"backend", "runtime"},
    "llvmlite": {"backend"},
    "platformdirs": {"cache"},
    "hypothesis": {"testing"},
}
MAX_LINES = 400


def part_of(path):
    """The part that a file belongs to: `srcgrad/ir/nodes.py` -> "ir", `srcgrad/api.py` -> "api"."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported_modules(path):
    """(line, absolute dotted name) of every import in a file, also those inside functions and TYPE_CHECKING."""
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            base += node.module.split(".") if node.module else []
            if base == ["srcgrad"]:  # from srcgrad import errors
                yield from ((node.lineno, f"srcgrad.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, ".".join(base)


def violation(part, module):
    """What is wrong with `part` importing `module`, or None."""
    top, *rest = module.split(".")
    if top == "srcgrad":
        target = rest[0] if rest else "__init__"
        if target == part:
            return None
        if target not in LAYERS:
            return f"imports srcgrad.{target}, which has no entry in LAYERS"
        return None if target in LAYERS[part] else f"{part} may not import {target}"
    if top in sys.stdlib_module_names:
        return None
    if top not in THIRD_PARTY:
        return f"imports {top}, which is not a dependency"
    allowed = THIRD_PARTY[top]
    return None if allowed is None or part in allowed else f"{part} may not import {top}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path):
    part = part_of(path)
    assert part in LAYERS, f"no entry for {part!r} in LAYERS"
    found = [
        f"{path.relative_to(ROOT)}:{line}: {problem}"
        for line, module in imported_modules(path)
        if (problem := violation(part, module))
    ]
    assert not found, "\n".join(found)


def test_layers_have_no_cycle():
    below = {part: set(parts) for part, parts in LAYERS.items()}
    while below:
        ground = {part for part, parts in below.items() if not parts & below.keys()}
        assert ground, f"LAYERS has a cycle among {sorted(below)}"
        below = {part: parts for part, parts in below.items() if part not in ground}


@pytest.mark.parametrize(
    ("part", "module", "expected"),
    [
        ("rules", "srcgrad.errors", None),
        ("rules", "srcgrad.ir.nodes", "rules may not import ir"),
        ("transform", "numba", "transform may not import numba"),
        ("backend", "numba.core", None),
        ("api", "scipy", "imports scipy, which is not a dependency"),
        ("ir", "srcgrad", "ir may not import __init__"),
        ("ir", "srcgrad.ir", None),
    ],
)
def test_violation(part, module, expected):
    assert violation(part, module) == expected


def test_files_are_short():
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert not {name: lines for name, lines in lengths.items() if lines > MAX_LINES}
