"""Kernels as functions over the whole grid: the same results as Numba's simulator, and derivatives of them."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from numba import cuda, float64

import srcgrad as sg
from srcgrad.ir.nodes import For, If, Increment, ListNew, Reserve, While
from srcgrad.ir.walk import statements
from srcgrad.transform import pipeline
from srcgrad.transform.analysis.linear import Polynomial, feasible
from srcgrad.transform.simt import check_races, mark_atomics
from srcgrad.transform.simt.launch import Barrier

from . import (
    laws,
    simulator,  # noqa: F401 - memory that nothing has been written to is NaN
)
from .programs.kernels import BLOCK, KERNELS
from .random_kernels import BLOCKS, LENGTH, THREADS, races, random_kernel
from .refused_kernels import RACING, REFUSED
from .trees import copy_tree, products, random_like, scribble, snapshot

COMPILED = [pytest.param(p, marks=() if "compiled" in p.tags else pytest.mark.compiled_all) for p in KERNELS]


def launched(program, target="python"):
    return sg.cuda.kernel(program.function, target=target)[program.grid, program.block]


def written(configured, args):
    """What the arrays that the kernel writes hold after it was launched, by their positions."""
    own = copy_tree(args)
    configured(*own)
    return {k: a for k, (a, b) in enumerate(zip(own, args, strict=True)) if not np.array_equal(a, b)}


def rounding(args):
    return 1e-5 if laws.is_single(args) else 1e-10


@pytest.mark.parametrize("program", KERNELS, ids=str)
def test_primal_is_the_kernel(program):
    """Block after block and thread after thread gives what threads at once give."""
    one = launched(program)
    args = program.arguments()
    expected = written(one, args)
    found, _ = sg.cuda.vjp(one, *args)
    assert len(found) == len(expected) >= 1
    laws.assert_close(found, tuple(expected.values()), rounding(args), "the contents after the launch")


@pytest.mark.parametrize("program", KERNELS, ids=str)
def test_adjoint_identity(program):
    check_adjoint_identity(launched(program), program.arguments(), program.rng())


@pytest.mark.parametrize("program", COMPILED, ids=str)
def test_compiled(program):
    reference, compiled = launched(program), launched(program, "cpu")
    args, rng = program.arguments(), program.rng()
    check_adjoint_identity(compiled, args, program.rng())
    contents, pullback = sg.cuda.vjp(reference, *args)
    again, compiled_pullback = sg.cuda.vjp(compiled, *args)
    laws.assert_close(again, contents, rounding(args), "the contents")
    seed = random_like(rng, contents)
    laws.assert_close(compiled_pullback(seed), pullback(seed), rounding(args), "the cotangents")


def check_adjoint_identity(one, args, rng):
    """<ybar, J xdot> = <J^T ybar, xdot>, as in `laws.py`."""
    tangents = random_like(rng, args)
    contents, changes = sg.cuda.jvp(one, args, tangents)
    seed = random_like(rng, contents)
    _, pullback = sg.cuda.vjp(one, *args)
    cotangents = pullback(seed)
    laws.assert_like(cotangents, args, "a cotangent")
    forward, reverse = products(seed, changes), products(cotangents, tangents)
    scale = np.abs(forward).sum() + np.abs(reverse).sum()
    assert abs(forward.sum() - reverse.sum()) <= rounding(args) * scale


@pytest.mark.parametrize("program", [p for p in KERNELS if p.smooth], ids=str)
def test_tangent_against_differences(program):
    args, rng = program.arguments(), program.rng()
    if laws.is_single(args):
        pytest.skip("differences say nothing in single precision")
    one = launched(program)
    tangents = random_like(rng, args)
    _, changes = sg.cuda.jvp(one, args, tangents)

    def contents(*own):
        return sg.cuda.vjp(one, *own)[0]

    expected = laws.differences(contents, args, tangents)
    for change, quotient in zip(changes, expected, strict=True):
        assert np.max(np.abs(change - quotient)) <= 1e-6 * (np.max(np.abs(quotient)) + 1e-2)


@pytest.mark.parametrize("program", KERNELS, ids=str)
def test_adjoint_in_given_memory(program):
    """`k.vjp[grid, block]` gives what the pullback gives, and changes nothing but the adjoints.

    The cotangent of what is only read is that after the launch with that of the launch itself added.
    """
    one, args, rng = launched(program), program.arguments(), program.rng()
    contents, pullback = sg.cuda.vjp(one, *args)
    seed = random_like(rng, contents)
    left = list(seed)
    adjoints, expected = [], []
    for k, (arg, cotangent) in enumerate(zip(args, pullback(seed), strict=True)):
        after = left.pop(0) if k in written(one, args) else random_like(rng, arg)
        adjoints.append(None if cotangent is None else np.atleast_1d(after).copy())
        if cotangent is not None:
            expected.append(np.atleast_1d(cotangent) if k in written(one, args) else np.atleast_1d(after + cotangent))
    before = snapshot(args)
    one.vjp(*args, *adjoints)
    assert snapshot(args) == before
    found = tuple(a for a in adjoints if a is not None)
    laws.assert_close(found, tuple(expected), rounding(args), "the adjoints")


@pytest.mark.parametrize("program", KERNELS[:4], ids=str)
def test_purity(program):
    one, args = launched(program), program.arguments()
    before = snapshot(args)
    contents, pullback = sg.cuda.vjp(one, *args)
    assert snapshot(args) == before
    seed = random_like(program.rng(), contents)
    first = snapshot(pullback(seed))
    scribble(contents)
    scribble(args)
    assert snapshot(pullback(seed)) == first


def test_part_of_the_adjoints():
    (program,) = (p for p in KERNELS if p.name == "saxpy")
    one = launched(program)
    a, x, y = program.arguments()
    bx, by = np.zeros_like(x), np.ones_like(y)
    one.vjp(a, x, y, None, bx, by)
    np.testing.assert_allclose(bx, a * np.ones_like(x))
    bx[:] = 0.0
    one.vjp(a, x, y, None, bx, None)  # the cotangent of y is zero
    assert not bx.any()
    one.vjp(a, x, y, None, None, None)


def test_launches_like_numba():
    (program,) = (p for p in KERNELS if p.name == "saxpy")
    k = sg.cuda.kernel(program.function, target="python")
    a, x, y = program.arguments()
    first, second = y.copy(), y.copy()
    k[3, BLOCK](a, x, first)
    k[(3,), (BLOCK, 1), 0, 0](a, x, second)
    np.testing.assert_array_equal(first, a * x + y)
    np.testing.assert_array_equal(second, first)


def test_grids_share_a_version():
    (program,) = (p for p in KERNELS if p.name == "grid_stride")
    k = sg.cuda.kernel(program.function, target="python")
    for grid in (2, 3, 5):
        sg.cuda.vjp(k[grid, 4], *program.arguments())
    assert sum(map(len, k.callee.versions.values())) == 1


def test_nothing_is_imported(tmp_path):
    """A program without kernels does not import numba.cuda."""
    path = tmp_path / "square.py"
    path.write_text("""
import sys
import srcgrad
def square(x):
    return x * x
srcgrad.differentiable(target="python")(square).grad(2.0)
sys.exit("numba.cuda" in sys.modules)
""")
    subprocess.run([sys.executable, str(path)], check=True)  # noqa: S603


@pytest.mark.parametrize("program", KERNELS, ids=str)
def test_threads_of_the_adjoint_do_not_race(program):
    """With a barrier after every loop over threads, and with the increments atomic that are marked so."""
    one, args = launched(program), program.arguments()
    version = one.kernel.callee.version(one.values(args))
    function = version.derivation.lowered.function
    adjoint = pipeline.adjoint(function, version.derivation.wrt)
    if any(isinstance(s, Reserve | ListNew) for s in statements(adjoint.body)):
        pytest.skip("blocks take slots of a tape in turns")
    check_races(replace(mark_atomics(adjoint), body=with_barriers(mark_atomics(adjoint).body)))


def with_barriers(block):
    out = []
    for stmt in block:
        if isinstance(stmt, For) and stmt.axis.startswith("thread"):
            out += [stmt, Barrier()]
        elif isinstance(stmt, If):
            out.append(replace(stmt, then=with_barriers(stmt.then), orelse=with_barriers(stmt.orelse)))
        else:
            out.append(replace(stmt, body=with_barriers(stmt.body)) if isinstance(stmt, For | While) else stmt)
    return tuple(out)


def test_what_is_atomic():
    """Increments are plain where threads have elements of their own."""
    marks = {}
    for program in KERNELS:
        one = launched(program)
        version = one.kernel.callee.version(one.values(program.arguments()))
        adjoint = pipeline.adjoint(version.derivation.lowered.function, version.derivation.wrt)
        inside = (s for s in statements(mark_atomics(adjoint).body) if isinstance(s, Increment))
        marks[program.name] = {s.array.hint for s in inside if s.sharing == "atomic"}
    assert marks["saxpy"] == marks["transposes"] == marks["reversed_blocks"] == marks["grid_stride"] == set()
    assert marks["sheet"] == {"bu"}
    assert marks["gathers"] == {"bx"}
    assert {"bplace", "bmass"} <= marks["forces_in_tiles"]


@pytest.mark.parametrize("name", ["saxpy", "sheet", "forces_in_tiles", "product_in_tiles", "dot"])
def test_source(name, golden):
    (program,) = (p for p in KERNELS if p.name == name)
    k = sg.cuda.kernel(program.function, target="python")
    golden(name, k.source("adjoint", program.grid, program.block, *program.arguments()))


@pytest.mark.parametrize("function", [*RACING, *REFUSED], ids=lambda f: f.__name__)
def test_refused(function):
    k = sg.cuda.kernel(function, target="python")
    with pytest.raises(sg.UnsupportedError) as info:
        sg.cuda.vjp(k[2, BLOCK], np.ones(16), np.zeros(16))
    (problem,) = info.value.problems
    assert problem.at.line > function.__code__.co_firstlineno - 1
    assert problem.hint


@pytest.mark.parametrize("seed", range(60))
def test_accepted_kernels_do_not_race(seed, define):
    text = random_kernel(seed)
    k = sg.cuda.kernel(define(text, "f", cuda=cuda, float64=float64), target="python")
    x = np.ones(LENGTH)
    try:
        k.callee.version(k[BLOCKS, THREADS].values((x, x.copy(), x.copy(), 2, 20)))
    except sg.UnsupportedError:
        return
    assert not races(text, 2, 20), text


def test_what_cannot_hold():
    x, y, s = (Polynomial.of(n) for n in "xys")
    assert feasible([x * 3 - y * 2 - 1], [])
    assert not feasible([x * 4 - y * 2 - 1], [])
    assert not feasible([x * s * 2 - y * s * 2 - s], [], ["s"])
    assert feasible([x * s * 2 - y * s * 2 - s], [])
    assert not feasible([], [x * 2 - 1, x * -2 + 1])
    assert not feasible([x - y * 8], [x - 9, x * -1 + 15])
    assert feasible([x - y * 8], [x - 8, x * -1 + 15])
