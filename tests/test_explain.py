"""`explain`: texts in full for small programs, links of the page, and bytes against what the adjoint allocates."""

import re
import subprocess
import sys
import types
from html.parser import HTMLParser

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.errors import ArgumentError
from srcgrad.explain import vectors
from srcgrad.explain.html import as_page

from . import laws
from .programs import PROGRAMS

X = np.linspace(0.1, 1.0, 10)
# name: text, arguments, argnums
SHOWN = {
    "still_there": (
        """
        def energy(x, k):
            e = 0.0
            for i in range(1, x.shape[0]):
                d = x[i] - x[i - 1]
                if d > 0.0:
                    e = e * 0.9 + k * d * d
            return e
        """,
        (X, 2.0),
        0,
    ),
    "overwritten": (
        """
        def relax(u, k):
            e = 0.0
            for i in range(1, u.shape[0]):
                d = u[i] - u[i - 1]
                u[i] = u[i] - k * d * d
                e += d
            return e
        """,
        (X, 0.1),
        (0, 1),
    ),
    "copied": (
        """
        def layer(w, x):
            h = np.zeros(w.shape[0])
            new = np.zeros(w.shape[0])
            for t in range(x.shape[0]):
                for i in range(w.shape[0]):
                    a = x[t]
                    for j in range(w.shape[1]):
                        a += w[i, j] * h[j]
                    new[i] = a / (1.0 + a * a)
                for i in range(w.shape[0]):
                    h[i] = new[i]
            return np.sum(h)
        """,
        (np.ones((4, 4)), X),
        0,
    ),
    "one_pass": (
        """
        def loss(points, w):
            total = 0.0
            for i in range(points.shape[0]):
                s = 0.0
                for j in range(points.shape[1]):
                    s += w[j] * points[i, j]
                total += s / (1.0 + s * s)
            return total
        """,
        (np.ones((6, 3)), np.ones(3)),
        "w",
    ),
    "fused": (
        """
        def chain(x, y):
            a = x * y
            b = a / (1.0 + a)
            c = b * b - x
            return np.sum(c * y)
        """,
        (X, X),
        0,
    ),
    "grows": (
        """
        def bound(x):
            n = 0.0
            while x > 0.1:
                x = helper(x)
                n += x
            return n

        def helper(x):
            if x > 0.5:
                return x * x * 0.5
            return 0.9 * x
        """,
        (0.9,),
        0,
    ),
    "which_array": (
        """
        def heat(u, k, steps):
            v = np.empty_like(u)
            for t in range(steps):
                v[0] = u[0]
                for i in range(1, u.shape[0]):
                    v[i] = u[i] + k * (u[i - 1] - u[i]) * u[i]
                u, v = v, u
            return np.sum(u)
        """,
        (X, 0.1, 4),
        0,
    ),
}


def explained(define, name):
    text, args, argnums = SHOWN[name]
    source = "\n".join(line[8:] for line in text.strip("\n").splitlines()) + "\n"
    function = define(source, re.search(r"def (\w+)", source)[1])
    return sg.differentiable(function, target="python").explain(*args, argnums=argnums)


@pytest.mark.parametrize("name", SHOWN)
def test_text(define, golden, name):
    golden(name, str(explained(define, name)))


class Page(HTMLParser):
    """The ids, links and rows of a page; every element must be closed in its order."""

    VOID = ("meta",)

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.rows = [], [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "a":
            self.links.append(found["href"])
        if "data-line" in found:
            self.rows.append((found["id"], found["data-line"]))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", SHOWN)
def test_page_is_whole_and_its_links_resolve(define, name):
    explanation = explained(define, name)
    page = Page(as_page(explanation.facts))
    assert len(set(page.ids)) == len(page.ids)
    assert page.links
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    assert {line for _, line in page.rows} <= set(page.ids)
    generated = [row for row, _ in page.rows if "-a" in row]
    assert len(generated) == sum(loc.line > 0 for loc in explanation.facts.adjoint.lines)


def test_page_escapes_what_the_user_wrote(define, tmp_path):
    f = define("def f(x):\n    return x if x < 2.0 else x * 3.0  # <b> & co\n", "f")
    path = sg.differentiable(f).explain(1.0).html(tmp_path / "f.html")
    text = path.read_text(encoding="utf-8")
    assert "&lt;b&gt; &amp; co" in text
    assert "<b> & co" not in text
    assert "http" not in text  # nothing from elsewhere


def allocated(text, name, args, targets):
    """The bytes of the arrays that generated text makes, not filled, where the left side is one of `targets`."""
    lines = text.splitlines()
    sizes = []

    class Counting(types.ModuleType):
        def __getattr__(self, name):
            return getattr(np, name)

        def empty(self, *args, **kwargs):
            return self._counted(np.empty(*args, **kwargs))

        def empty_like(self, *args, **kwargs):
            return self._counted(np.empty_like(*args, **kwargs))

        def _counted(self, array):
            if re.match(rf"{targets} = ", lines[sys._getframe(2).f_lineno - 1]):
                sizes.append(array.nbytes)
            return array

    namespace = {"np": Counting("np")}
    exec(text.replace("import numpy as np\n", "\n", 1), namespace)
    with np.errstate(all="ignore"):
        namespace[name](*args)
    return sum(sizes)


# All kinds of tapes: of nests, contracted to one iteration, numbers of arrays, copies for loops and for routines.
WITH_TAPES = {
    "kalman_2d", "lstm", "logistic_map", "lorenz_rk4", "heat_double_buffer", "swap_buffers_inside_odd",
    "allocated_in_loop", "garch", "thomas", "nest_of_five_with_inner_200", "negative_step",
    "softmax_rows_in_place", "matrix_power", "rows_of_a_buffer_swapped", "sinkhorn", "heat_in_place_2d",
    "stacked_solves", "conjugate_gradients", "gaussian_mixture", "adam_steps", "strided_block", "wave_leapfrog",
}  # fmt: skip


def floats(result):
    if isinstance(result, tuple | list):
        return [leaf for part in result for leaf in floats(part)]
    return [result] if np.asarray(result).dtype.kind == "f" else []


def cotangents(program):
    """Ones for all floats in the result, which the adjoint takes where the result is not one float."""
    result = sg.differentiable(program.function, target="python")(*program.arguments())
    return () if isinstance(result, float) else tuple(np.ones_like(leaf) for leaf in floats(result))


def test_programs_are_there():
    assert {p.name for p in PROGRAMS} >= WITH_TAPES


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p.name in WITH_TAPES], ids=str)
def test_bytes_are_those_that_the_adjoint_allocates(program):
    args = program.arguments()
    f = sg.differentiable(program.function, target="python")
    facts = f.explain(*args, argnums=laws.active_arguments(args)).facts
    given = (*program.arguments(), *cotangents(program))
    assert facts.tape_bytes == allocated(facts.adjoint.text, facts.adjoint.name, given, r" *\w+_(tape|saved)\d*")
    assert facts.tape_bytes > 0


def test_the_explained_function_is_the_generated_one(define):
    f = sg.differentiable(define("def f(x):\n    y = np.sin(x) * x\n    return y * y\n", "f"), target="python")
    assert f.explain(X).facts.adjoint.text == f.source("adjoint", X)


def test_vector_versions_are_named_in_innermost_loops_only(define, monkeypatch):
    text = """def f(x):
    s = np.exp(x[0])
    for i in range(x.shape[0]):
        s += np.exp(x[i]) * np.sqrt(x[i])
    return s
"""
    monkeypatch.setattr(vectors, "VARIANTS", {("exp", "double"): None})
    (source,) = sg.differentiable(define(text, "f")).explain(X).facts.sources
    found = {line.number: [n.text for n in line.notes if n.kind == "vector"] for line in source.lines}
    assert found == {
        1: [],
        2: [],
        3: [],
        4: ["np.exp: called in an innermost loop, and there are vector versions"],
        5: [],
    }


@pytest.mark.skipif(("exp", "double") not in vectors.VARIANTS, reason="no libmvec here")
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("s += np.exp(x[i])", "np.exp: vectorised by LLVM, [248] at a time"),
        ("s = np.exp(s * x[i])", "np.exp: there are vector versions, but LLVM uses none"),
    ],
)
def test_compiled_says_what_llvm_vectorises(define, body, expected):
    text = f"def f(x):\n    s = 0.5\n    for i in range(x.shape[0]):\n        {body}\n    return s, x\n"
    (source,) = sg.differentiable(define(text, "f")).explain(X, compiled=True).facts.sources
    said = [(line.number, n.text) for line in source.lines for n in line.notes if n.kind == "vector"]
    assert len(said) == 1
    assert said[0][0] == 4
    assert re.fullmatch(expected, said[0][1])


def test_loops_in_lanes_are_named(define):
    text = """def f(x, w):
    total = 0.0
    for i in range(x.shape[0]):
        s = 0.0
        for j in range(x.shape[1]):
            s = 0.5 * s + w[j] * x[i, j]
        total += s / (1.0 + s)
    return total
"""
    (source,) = sg.differentiable(define(text, "f")).explain(np.ones((50, 8)), np.ones(8), argnums="w").facts.sources
    said = [(line.number, n.text) for line in source.lines for n in line.notes if n.kind == "vector"]
    assert said == [(3, "32 iterations side by side")]


def test_loops_are_checkpointed_for_memory(define):
    """Beyond the budget, the explained function is the one that is called then; its memory is that of the snapshots."""
    f = define("def f(x, n):\n    for t in range(n):\n        x = x - 0.1 * np.sin(x)\n    return x\n", "f")
    plain = sg.differentiable(f, target="python", memory_budget=8000).explain(1.0, 1000)
    frugal = sg.differentiable(f, target="python", memory_budget=7999).explain(1.0, 1000)
    assert plain.tape_bytes == 8000
    assert frugal.tape_bytes == 2 * 8 * 32  # 32 snapshots, and a tape of 32 iterations
    assert "its tape would take more than memory_budget" in " ".join(str(frugal).split())
    assert "memory_budget" not in str(plain)


CHECKPOINTED = ("checkpointed_oscillator", "checkpointed_heat", "checkpointed_by_revolve")


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p.name in CHECKPOINTED], ids=str)
def test_bytes_of_checkpointed_loops(program):
    args = program.arguments()
    f = sg.differentiable(program.function, target="python")
    facts = f.explain(*args, argnums=laws.active_arguments(args)).facts
    given = (*program.arguments(), *cotangents(program))
    made = allocated(facts.adjoint.text, facts.adjoint.name, given, r"    (?!t\d|\w*_row)\w+")  # outside of loops
    own = allocated(f.source("primal", *args), program.function.__name__, program.arguments(), r"    \w+")
    assert facts.tape_bytes == made - own > 0


def test_a_wrong_argument_is_named(define):
    f = sg.differentiable(define("def f(x, n):\n    return x * n\n", "f"))
    with pytest.raises(ArgumentError, match="cannot be differentiated with respect to 'n'"):
        f.explain(1.0, 2, argnums="n")


def test_nothing_is_run_or_changed():
    def f(x):
        for i in range(x.shape[0]):
            x[i] = x[i] * x[i]
        return np.sum(x)

    x = np.ones(3) * 2.0
    sg.differentiable(f).explain(x)
    assert x.tolist() == [2.0, 2.0, 2.0]


def test_a_process_that_does_not_ask_does_not_load_it():
    code = "import srcgrad, sys; assert srcgrad.grad(lambda x: x * x); sys.exit('srcgrad.explain' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 - our own text
