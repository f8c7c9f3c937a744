"""Parallel loops: no races, the same results as one thread, and what is refused."""

import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import numba
import numpy as np
import pytest
from numba import prange

import srcgrad as sg
from srcgrad.runtime import atomic
from srcgrad.transform.parallel import rewrite

from . import laws, races, random_indices
from .programs import PROGRAMS, parallel_elements
from .programs import parallel as programs
from .refused_loops import REFUSED, carries_a_value
from .trees import copy_tree, random_like, snapshot

PARALLEL = [p for p in PROGRAMS if "parallel" in p.tags]
# `thread_counts.py` compiles others, on more threads
COMPILED = [pytest.param(p, marks=() if p.name == "energy_of_bodies" else pytest.mark.compiled_all) for p in PARALLEL]
ARRAYS = [p for p in PROGRAMS if p.function.__module__.split(".")[-1].startswith("arrays_")]
ARRAYS = [pytest.param(p, marks=() if k % 3 == 0 else pytest.mark.compiled_all) for k, p in enumerate(ARRAYS)]


def parallel(function, target="python"):
    return sg.differentiable(parallel=True, target=target)(function_of(function))


def function_of(function):
    return getattr(function, "function", function)


def everything(f, args, rng):
    """The value and its tangent by jvp, and by vjp the value and the cotangents."""
    tangents = random_like(rng, args)
    y, dy = sg.jvp(f, args, tangents)
    value, pullback = sg.vjp(f, *args)
    return y, dy, value, pullback(random_like(rng, value))


@pytest.mark.parametrize("program", PARALLEL, ids=str)
def test_prange_on_the_python_back_end(program, monkeypatch):
    """In any order of the chunks, and without races."""
    detector = races.install(monkeypatch)
    f = parallel(program)
    args = races.watched(program.arguments())
    plain = f(*copy_tree(args))
    found = everything(f, args, program.rng())
    expected = everything(sg.differentiable(target="python")(program.function), program.arguments(), program.rng())
    laws.assert_close(found, expected, 1e-5 if laws.is_single(args, expected) else 1e-11, "what parallel=True gives")
    laws.assert_close(plain, expected[2], 1e-5 if laws.is_single(args, expected) else 1e-11, "the primal")
    assert detector.loops
    laws.check_adjoint_identity(f, program.arguments(), program.rng())


@pytest.mark.parametrize("program", ARRAYS, ids=str)
def test_array_expressions_on_the_python_back_end(program, monkeypatch):
    """With every loop over elements shared out, however small."""
    races.install(monkeypatch)
    monkeypatch.setattr(rewrite, "WORTH", 0)
    monkeypatch.setattr(rewrite, "CHUNKS", 3)
    f = parallel(program)
    args = races.watched(program.arguments())
    plain = f(*copy_tree(args))
    found = everything(f, args, program.rng())
    expected = everything(sg.differentiable(target="python")(program.function), program.arguments(), program.rng())
    laws.assert_close(found, expected, 1e-5 if laws.is_single(args, expected) else 1e-9, "what parallel=True gives")
    laws.assert_close(plain, expected[2], 1e-5 if laws.is_single(args, expected) else 1e-11, "the primal")


def test_the_detector_finds_races(monkeypatch):
    x = np.zeros(5).view(races.Watched)

    def neighbours():
        for i in numba.prange(4):
            x[i] += x[i + 1]

    def one_sum():
        for _ in numba.prange(4):
            x[0] += 1.0

    def added_and_read():
        for i in numba.prange(4):
            atomic.add(x, i, 1.0)
            x[i + 1]

    for loop in (neighbours, one_sum, added_and_read):
        races.install(monkeypatch)
        with pytest.raises(races.RaceError):
            loop()


@pytest.mark.parametrize("program", COMPILED, ids=str)
def test_compiled_with_any_number_of_threads(program):
    before = numba.get_num_threads()
    f = parallel(program, "cpu")
    expected = everything(sg.differentiable(program.function), program.arguments(), program.rng())
    seen = []
    try:
        for threads in (1, 2, 4):
            if threads <= numba.config.NUMBA_NUM_THREADS:
                numba.set_num_threads(threads)
                found = everything(f, program.arguments(), program.rng())
                laws.assert_close(found, expected, 1e-11, f"what {threads} threads give")
                seen.append(snapshot(found))
    finally:
        numba.set_num_threads(before)
    assert all(s == seen[0] for s in seen)  # to the last bit: the chunks are the same
    assert snapshot(everything(f, program.arguments(), program.rng())) == seen[0]


# One program for each way of sharing: sums, neighbours, partial sums of arrays, arrays and tapes of each iteration.
SHARED = ["sums_in_parallel", "sheet_stencil", "reads_by_index", "mixture_with_scratch", "roots_by_newton"]


def test_four_threads_give_the_bits_of_one():
    """Also where there are fewer processors. `NUMBA_NUM_THREADS=4 python -m tests.thread_counts` runs all programs."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "tests.thread_counts", *SHARED], cwd=Path(__file__).parents[1], capture_output=True,
        text=True, check=False, env={**os.environ, "NUMBA_NUM_THREADS": "4"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{len(SHARED)} programs")


def test_large_array_expressions_run_on_threads():
    @sg.differentiable(parallel=True)
    def f(x, y):
        return np.sum(np.exp(x) * np.sin(y) + x * x)

    rng = np.random.default_rng(0)
    for n in (10, 100_000):
        x, y = rng.normal(size=n), rng.normal(size=n)
        bx, by = sg.grad(f, argnums=(0, 1))(x, y)
        assert np.allclose(bx, np.exp(x) * np.sin(y) + 2 * x, rtol=1e-12)
        assert np.allclose(by, np.exp(x) * np.cos(y), rtol=1e-12)
    ((version,),) = f.callee.gradient((0, 1), with_value=False, has_aux=False).versions.values()
    assert "prange" in version._texts["primal"].printed.text


@pytest.mark.parametrize("function", [programs.rows_by_index, programs.wraps_around, programs.scaled_lookups])
def test_additions_to_large_arrays_are_atomic(function, monkeypatch):
    """Where partial sums would take too much memory."""
    (program,) = (p for p in PARALLEL if p.function is function)
    expected = everything(sg.differentiable(target="python")(function), program.arguments(), program.rng())
    monkeypatch.setattr(rewrite, "PRIVATE", 0)
    if function is programs.rows_by_index:  # compiling takes long
        found = everything(parallel(function, "cpu"), program.arguments(), program.rng())
        laws.assert_close(found, expected, 1e-11, "what threads give")
    detector = races.install(monkeypatch)
    found = everything(parallel(function), races.watched(program.arguments()), program.rng())
    laws.assert_close(found, expected, 1e-11, "what chunks in any order give")
    assert detector.added


def test_no_addition_by_threads_is_lost(monkeypatch):
    monkeypatch.setattr(rewrite, "PRIVATE", 0)

    def lookups(table, index):
        s = 0.0
        for i in prange(index.shape[0]):
            s += table[index[i], 1]
        return s

    index = np.arange(1_000_000) % 3 - 1
    for dtype in (np.float64, np.float32):
        table = np.ones((3, 2), dtype)
        slope = sg.grad(sg.differentiable(parallel=True)(lookups))(table, index)
        assert slope.dtype == dtype
        assert np.array_equal(slope, [[0, 333333], [0, 333333], [0, 333334]])


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_fixed_order_needs_no_atomic_additions(deterministic):
    f = sg.differentiable(parallel=True, target="python", deterministic=deterministic)(programs.wraps_around)
    (program,) = (p for p in PARALLEL if p.function is programs.wraps_around)
    sg.vjp(f, *program.arguments())
    ((version,),) = f.callee.versions.values()
    assert ("atomic.add(" in version._texts["reverse"].printed.text) == (not deterministic)


# -- labels ------------------------------------------------------------------------------------------------------------


def labels(function, args, argnums=0):
    """The text of the gradient as it is compiled: what is shared, and how."""
    f = sg.differentiable(parallel=True, target="python")(function)
    sg.grad(f, argnums=argnums)(*args)
    ((version,),) = f.callee.gradient(argnums, with_value=False, has_aux=False).versions.values()
    return version._texts["primal"].printed.text


def axpy(x, y, a):
    return np.sum(programs.axpy_in_parallel(x, y, a))


def lookups(table, x):
    return np.sum(programs.reads_by_index(table, x))


def roots(x, a):
    y = programs.roots_by_newton(x, a)
    return np.sum(y * y)


def sparse(start, column, w, x):
    _, y = parallel_elements.softmax_of_sparse_rows(start, column, w, x)
    return np.sum(y * y)


LABELLED = {
    "axpy": (axpy, programs.axpy_in_parallel, (0, 1)), "lookups": (lookups, programs.reads_by_index, 0),
    "rows": (programs.rows_by_index, programs.rows_by_index, (0, 1)),
    "energy": (programs.energy_of_bodies, programs.energy_of_bodies, (0, 1)),
    "heat": (programs.heat_in_parallel, programs.heat_in_parallel, 0),
    "rays": (programs.rays_that_stop, programs.rays_that_stop, (0, 1)),
    "roots": (roots, programs.roots_by_newton, (0, 1)),
    "sparse": (sparse, parallel_elements.softmax_of_sparse_rows, (2, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", LABELLED)
def test_golden_text(name, golden):
    function, program, argnums = LABELLED[name]
    (known,) = (p for p in PARALLEL if p.function is program)
    golden(name, labels(function, known.arguments(), argnums))


def loops_on_threads(function, args, argnums, monkeypatch):
    """How many there are in one call of the gradient."""
    detector = races.install(monkeypatch)
    sg.grad(parallel(function), argnums=argnums)(*args)
    return detector.loops


def test_iterations_with_tapes_of_their_own_run_on_threads(monkeypatch):
    """If they cannot run again, the tapes of all are one that grows, and no thread but one can fill it."""
    for name, loops in {
        "rays_that_stop": 1,  # both sweeps in one
        "inner_loops_of_given_lengths": 2,  # the sum is needed in between
        "iterations_run_again_in_a_time_loop": 6,
        "iterations_that_overwrite_what_they_read": 6,
        "iterations_that_cannot_run_again": 0,
    }.items():
        (program,) = (p for p in PARALLEL if p.name == name)
        args = program.arguments()
        wrt = tuple(k for k, a in enumerate(args) if not isinstance(a, int))
        assert loops_on_threads(program, args, wrt, monkeypatch) == loops, name


def test_explain_speaks_of_tapes_of_iterations():
    (program,) = (p for p in PARALLEL if p.name == "inner_loops_of_given_lengths")
    text = " ".join(str(parallel(program).explain(*program.arguments())).split())
    assert "y, for one iteration at a time, float64" in text
    assert "each runs a second time and is reversed at once, with a tape of its own" in text
    assert "reversed in each iteration of the loop around it, with the tape of that" in text


@pytest.mark.parametrize("target", ["python", "cpu"])
def test_a_loop_over_elements_that_starts_below_zero_raises(target):
    (program,) = (p for p in PARALLEL if p.name == "part_of_a_loop")
    f = parallel(program, target)
    x = np.arange(6.0)
    assert f(x, -2, -4).tolist() == x.tolist()  # it does not run
    for call in (f, lambda *args: sg.vjp(f, *args)):
        with pytest.raises(ValueError, match="starts below 0"):
            call(x, -2, 4)


@pytest.mark.parametrize("target", ["python", "cpu"])
def test_tables_are_looked_at_before_the_loop(target):
    w, x, column = np.ones(4), np.ones(3), np.array([0, 1, 2, 0])
    sparse = parallel(parallel_elements.softmax_of_sparse_rows, target)
    for start in ([0, 2, 1, 4], [-1, 2, 3, 4]):
        with pytest.raises(ValueError, match="'start' must keep its iterations apart: it does not rise"):
            sparse(np.array(start), column, w, x)
    assert sparse(np.array([7]), column, w, x)[1].shape == (0,)  # no iterations
    places = parallel(parallel_elements.rows_to_places, target)
    values = np.ones((2, 3))
    for place, what in (([3, 3], "has one twice"), ([0, -5], "has a negative one")):
        with pytest.raises(ValueError, match=f"'place' must keep its iterations apart: it {what}"):
            places(np.array(place), values)
    assert places(np.array([2, 0], np.uint8), values)[0].tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("target", ["python", "cpu"])
def test_what_fails_on_a_thread_raises_after_the_loop(target):
    def f(a, b):
        x = np.zeros_like(b)
        for i in prange(a.shape[0]):
            x[i] = np.linalg.solve(a[i], b[i])
        return x.sum()

    a, b = np.tile(2.0 * np.eye(2), (40, 1, 1)), np.ones((40, 2))
    np.testing.assert_allclose(sg.grad(parallel(f, target), argnums=1)(a, b), 0.5)
    a[7] = 0.0
    for call in (parallel(f, target), sg.grad(parallel(f, target), argnums=1)):
        with pytest.raises(np.linalg.LinAlgError, match="failed in a prange loop"):
            call(a, b)


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", REFUSED, ids=lambda f: f.__name__)
def test_refused_in_parallel_only(function):
    """With what words is in the golden files of `test_messages.py`."""
    x = np.array([0.5, 0.7, 0.2])
    with pytest.raises(sg.UnsupportedError):
        sg.grad(sg.differentiable(parallel=True, target="python")(function))(x)
    sg.grad(sg.differentiable(target="python")(function))(x)


def test_random_indices_are_accepted_only_if_no_iterations_meet():
    """`python -m tests.random_indices` has more of them."""
    found = [random_indices.check(seed) for seed in range(50)]
    assert "wrong" not in found
    assert min(found.count("apart"), found.count("meets")) >= 5


@pytest.mark.parametrize("target", ["python", "cpu"])
def test_arrays_of_no_dimension(target):
    """Numba has none in loops that run on threads."""

    def f(x, scale):
        s = 0.0
        for i in prange(x.shape[0]):
            s += x[i] * x[i] * scale[()]
        return s

    x, scale = np.arange(1.0, 6.0), np.array(0.5)
    bx, bscale = sg.grad(parallel(f, target), argnums=(0, 1))(x, scale)
    np.testing.assert_allclose(bx, x)
    assert bscale == np.sum(x * x)


def test_prange_is_range_without_parallel():
    assert sg.grad(sg.differentiable(target="python")(carries_a_value))(np.array([2.0, 3.0])).tolist() == [3.0, 2.0]


def test_options_of_njit_are_kept():
    @numba.njit(parallel=True)
    def f(x):
        s = 0.0
        for i in prange(x.shape[0]):
            s += x[i] * x[i]
        return s

    g = sg.differentiable(f)
    assert g.options.parallel
    assert sg.grad(g)(np.array([1.0, 2.0])).tolist() == [2.0, 4.0]


# -- threads and processes ---------------------------------------------------------------------------------------------

LAYERS = ["omp", "workqueue", "tbb"]  # those that are there: TBB is a package of its own

CALLS = """
import sys, threading
import numpy as np, numba
import srcgrad as sg
from tests.programs.parallel import energy_of_bodies
f = sg.differentiable(parallel=True)(energy_of_bodies)
x, m = np.random.default_rng(0).normal(size=(40, 3)), np.ones(40)
g = sg.grad(f)
expected, wrong = g(x, m), []
def work():
    for _ in range(20):
        if not (g(x, m) == expected).all():
            wrong.append(1)
threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
print(numba.threading_layer(), len(wrong))
"""


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("threads", ["1", "2"])
def test_from_several_python_threads(layer, threads):
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", CALLS], cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False,
        env={**os.environ, "NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": threads},
    )  # fmt: skip
    if "No threading layer could be loaded" in done.stderr:
        pytest.skip(f"no {layer} here")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [layer, "0"]


FORKS = """
import multiprocessing, sys
import numpy as np
import srcgrad as sg
from tests.programs.parallel import energy_of_bodies
g = sg.grad(sg.differentiable(parallel=True)(energy_of_bodies))
def child(queue):
    x, m = np.random.default_rng(0).normal(size=(10, 3)), np.ones(10)
    try:
        queue.put(float(g(x, m).sum()))
    except sg.ParallelError as error:
        queue.put(str(error))
if __name__ == "__main__":
    x, m = np.random.default_rng(0).normal(size=(10, 3)), np.ones(10)
    g(x, m)
    context = multiprocessing.get_context(sys.argv[1])
    queue = context.Queue()
    process = context.Process(target=child, args=(queue,))
    process.start()
    print(queue.get(timeout=60))
    process.join()
    print(process.exitcode)
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("layer", LAYERS)
def test_in_child_processes(method, layer, tmp_path):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    script = tmp_path / "forks.py"
    script.write_text(FORKS)
    root = str(Path(__file__).parents[1])
    done = subprocess.run(  # noqa: S603
        [sys.executable, str(script), method], cwd=root, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "NUMBA_THREADING_LAYER": layer, "PYTHONPATH": root},
    )  # fmt: skip
    if "No threading layer could be loaded" in done.stderr:
        pytest.skip(f"no {layer} here")
    assert done.returncode == 0, done.stderr
    *said, code = done.stdout.splitlines()
    assert code == "0"
    if (method, layer) == ("fork", "omp"):
        assert "forked after its parent had run parallel code with OpenMP" in said[0]
    else:
        float(said[0])


def test_python_threads_in_this_process():
    f = sg.differentiable(parallel=True)(PARALLEL[2].function)
    x, m = np.random.default_rng(0).normal(size=(30, 3)), np.ones(30)
    expected = sg.grad(f)(x, m)
    wrong = []

    def work():
        wrong.extend(1 for _ in range(10) if not (sg.grad(f)(x, m) == expected).all())

    threads = [threading.Thread(target=work) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
