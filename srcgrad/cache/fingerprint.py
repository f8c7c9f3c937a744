"""What the code of a function depends on, as one hash, the same in every process.

From the function the walk goes wherever the compiler can look: to the values of its globals and closure variables,
the defaults of its arguments, the attributes of modules and objects whose names occur in any function met, and so on
through helpers, methods, custom gradients and classes. Numbers and texts count by their values, arrays by their types
(they are arguments of compiled code), functions by their code and source, what belongs to Python, NumPy, SciPy and
Numba by its name, if that leads to it (their versions are part of every key). What fits nothing of this is not kept.

It is on the safe side: a name that stands for something else in the function counts too, and only costs compiling.
"""

from __future__ import annotations

import builtins
import enum
import functools
import hashlib
import sys
import sysconfig
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import getitem
from typing import Any

import numpy as np

from srcgrad.cache.code import code_text, global_names, names_in

PACKAGES = {"builtins", "numpy", "scipy", "numba", "llvmlite", "srcgrad"}  # their versions are part of every key
LIMIT = 5_000  # objects, beyond which a function is not kept
PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis), type(NotImplemented), slice, range)
DUCKS = ("py_func", "_dispatcher", "defvjp", "lower_call")  # what the compiler takes functions of other kinds for
ALWAYS = ("dtype", "fwd", "bwd")  # attributes that the compiler reads by itself
MEANINGFUL = ("__eq__", "__bool__", "__len__", "__str__", "__repr__", "__format__", "__contains__", "__hash__")


class UncacheableError(Exception):
    """Something that cannot be told apart from others in another process."""


@dataclass(frozen=True)
class Edge:
    """A place outside of the function: how it is read, and what was there."""

    read: Callable[[], Any]
    value: Any


@dataclass(frozen=True)
class Fingerprint:
    """The hash, and what was met on the way.

    The places have numbers, which are the same wherever the hash is the same.

    Attributes:
        digest: the hash.
        edges: the places.
        numbers: of the places, by their keys (as those of `Capture`).
        functions: the Python functions.
        classes: the namedtuple classes.
    """

    digest: str
    edges: list[Edge]
    numbers: dict[Any, int]
    functions: set[types.FunctionType]
    classes: list[type]


def fingerprint(*roots: Any) -> Fingerprint:
    """The hash of everything that `roots`, functions, types or values, depend on.

    Raises:
        UncacheableError: there is something that means nothing in another process.

    >>> fingerprint(lambda x: x + 1.0).digest == fingerprint(lambda x: x + 2.0).digest
    False
    """
    names = {*ALWAYS}
    while True:
        walk = _Walk(sorted(names))
        try:
            for root in roots:
                walk.visit(root)
        except UncacheableError:
            raise
        except RecursionError:
            raise UncacheableError("too deep") from None
        except Exception as error:  # an object of the user's that does not bear being looked at
            raise UncacheableError(str(error)) from error
        if walk.names <= names:  # with fewer names, attributes would have been left out
            break
        names |= walk.names
    digest = hashlib.sha256("\n".join(walk.tokens).encode("utf-8", "surrogatepass")).hexdigest()
    return Fingerprint(digest, walk.edges, walk.numbers, walk.functions, walk.classes)


class _Walk:
    def __init__(self, attributes: list[str]) -> None:
        self.attributes = attributes
        self.names: set[str] = set()
        self.tokens: list[str] = []
        self.seen: dict[int, int] = {}
        self.kept: list[Any] = []  # so that no id is used twice
        self.edges: list[Edge] = []
        self.numbers: dict[Any, int] = {}
        self.functions: set[types.FunctionType] = set()
        self.classes: list[type] = []

    def edge(self, key: Any, read: Callable[[], Any], value: Any) -> None:
        if key not in self.numbers:
            self.numbers[key] = len(self.edges)
            self.edges.append(Edge(read, value))
        self.visit(value)

    def say(self, *words: Any) -> None:
        self.tokens.append(" ".join(map(repr, words)))

    def visit(self, value: Any) -> None:
        kind = type(value)
        if kind in PLAIN:
            self.say(kind.__name__, value)
            return
        if isinstance(value, np.generic | np.dtype):
            self.say(kind.__name__, repr(value))
            return
        if id(value) in self.seen:  # which of the things met so far: what is the same object, is so everywhere
            self.say("again", self.seen[id(value)])
            return
        self.seen[id(value)] = len(self.seen)
        self.kept.append(value)
        if len(self.seen) > LIMIT:
            raise UncacheableError("too many things")
        self._visit(value, kind)

    def _visit(self, value: Any, kind: type) -> None:
        if isinstance(value, np.ndarray):
            flags = value.flags
            layout = flags.c_contiguous, flags.f_contiguous
            self.say("array", kind.__name__, value.dtype.str, value.ndim, layout)
        elif isinstance(value, list | tuple | frozenset | set | dict):
            self._container(value, kind)
        elif isinstance(value, types.ModuleType):
            self.say("module", value.__name__)
            self._attributes(value)
        elif (name := _library_name(value)) is not None:
            self.say("library", name)
        elif isinstance(value, types.FunctionType):
            self._function(value)
        elif isinstance(value, types.MethodType):
            self.say("method")
            self.visit(value.__func__)
            self.visit(value.__self__)
        elif isinstance(value, type):
            self._class(value)
        elif isinstance(value, functools.partial):
            self.say("partial")
            self._all((value.func, value.args, value.keywords))
        elif isinstance(value, property | staticmethod | classmethod):
            self.say(kind.__name__)
            self._all(getattr(value, n, None) for n in ("fget", "__func__"))
        else:
            self._object(value, kind)

    def _all(self, values: Iterable[Any]) -> None:
        for value in values:
            self.visit(value)

    def _container(self, value: Any, kind: type) -> None:
        self.say("container", len(value))
        self.visit(kind)
        if isinstance(value, dict):
            self._all(part for item in value.items() for part in item)
        elif isinstance(value, set | frozenset):
            if not all(type(v) in PLAIN for v in value):
                raise UncacheableError("a set has no order")
            self.say("set", sorted(f"{type(v).__name__} {v!r}" for v in value))
        else:
            self._all(value)
        if kind not in (list, tuple, dict, set, frozenset):
            self._attributes(value)

    def _function(self, function: types.FunctionType) -> None:
        code = function.__code__
        self.functions.add(function)
        self.names.update(n for n in names_in(code) if not n.startswith("__"))
        self.say("function", code_text(function))
        self._all((function.__defaults__, function.__kwdefaults__, vars(function).get("__wrapped__")))
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            self.say("cell", name)
            try:
                content = cell.cell_contents
            except ValueError:
                self.say("empty")
                continue
            self.edge(("cell", id(cell)), functools.partial(getattr, cell, "cell_contents"), content)
        scope = function.__globals__
        for name in sorted(global_names(code)):
            if name in scope:
                self.say("global", name)
                self.edge(("global", id(scope), name), functools.partial(getitem, scope, name), scope[name])
            elif hasattr(builtins, name):
                self.say("builtin", name)
                self.visit(getattr(builtins, name))
        if any(name in vars(function) for name in DUCKS):
            raise UncacheableError("a function that looks like something else")
        self._attributes(function)

    def _class(self, cls: type) -> None:
        self.say("class", cls.__module__, cls.__qualname__)
        if issubclass(cls, tuple) and hasattr(cls, "_fields"):
            self.classes.append(cls)
            self._all((cls._fields, getattr(cls, "_field_defaults", None)))
        self._all(cls.__mro__[1:])
        self._attributes(cls)

    def _object(self, value: Any, kind: type) -> None:
        """An instance: its class, the attributes that can be asked for, and all where its meaning may need them."""
        top = kind.__module__.split(".")[0]
        parts = getattr(value, "cache_parts", None) if top == "srcgrad" else None
        if parts is None and top != "numba" and any(hasattr(value, n) for n in DUCKS):
            raise UncacheableError("an object that looks like a function of another library")
        if parts is not None:
            self.say("srcgrad", kind.__qualname__)
            self._all(parts())
            self._attributes(value)
            return
        self.say("object")
        self.visit(kind)
        if isinstance(value, enum.Enum):
            self.say(value.name)
            self.visit(value.value)
        elif isinstance(value, PLAIN):  # of a class derived from a number or a string
            base = next(c for c in PLAIN if isinstance(value, c))
            self.say(base.__name__, base.__repr__(value))
        elif isinstance(value, np.vectorize):
            self.visit(value.pyfunc)
        elif top == "numba" and any(hasattr(value, n) for n in DUCKS):
            self._all((getattr(value, "py_func", None), getattr(value, "_dispatcher", None)))
        elif top == "numba" and " at 0x" not in repr(value):  # one of its types
            self.say(repr(value))
        elif _is_library(top) and kind is not types.SimpleNamespace:
            raise UncacheableError(f"{kind.__qualname__} has no meaning of its own")
        elif any(getattr(kind, n, None) is not getattr(object, n, None) for n in MEANINGFUL):
            if not hasattr(value, "__dict__"):
                raise UncacheableError(f"{kind.__qualname__} has parts that cannot be seen")
            for name, part in sorted(vars(value).items()):
                self.say("part", name)
                self.visit(part)
        self._attributes(value)

    def _attributes(self, owner: Any) -> None:
        """The attributes of an object that some function may ask for.

        Functions and modules have those that they hold: asked for others, NumPy may warn, and SciPy import something.
        """
        fields = getattr(owner, "_fields", ()) if isinstance(owner, type) else ()
        for name in self.attributes:
            if isinstance(owner, types.FunctionType | types.ModuleType) and name not in vars(owner):
                continue
            if name in fields:
                continue
            try:
                found = getattr(owner, name)
            except AttributeError:
                continue
            self.say("attribute", name)
            self.edge(("attribute", id(owner), name), functools.partial(getattr, owner, name), found)


def _library_name(value: Any) -> str | None:
    """The dotted name of something that belongs to a library, if the name leads to it."""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if not isinstance(name, str) or not callable(value):
        return None
    owner = getattr(value, "__self__", None)
    homes = [getattr(value, "__module__", None), getattr(owner, "__module__", None), *_HOMES]
    for home in homes:
        if isinstance(home, str) and _is_library(home.split(".")[0]):
            for path in (name, name.rpartition(".")[2]):
                found: Any = sys.modules.get(home)
                for part in path.split("."):
                    found = getattr(found, part, None)
                if found is not value and not (type(found) is type(value) is _METHOD and found == value):
                    continue
                if isinstance(value, types.FunctionType) and not _is_inside(value.__code__.co_filename, home):
                    continue  # put there by someone else
                return f"{home}.{path}"
    return None


@functools.cache
def _is_library(top: str) -> bool:
    """Whether a top-level module is one that never changes but with its version, not the user's of the same name."""
    if top in PACKAGES:
        return True
    if top not in sys.stdlib_module_names:
        return False
    file = getattr(sys.modules.get(top), "__file__", None)
    inside = file is not None and any(file.startswith(folder) for folder in _STDLIB) and "-packages" not in file
    return inside or (file is None and top in sys.modules)


def _is_inside(filename: str, module: str) -> bool:
    top = module.split(".", maxsplit=1)[0]
    file = getattr(sys.modules.get(top), "__file__", None)
    if top not in PACKAGES or file is None:
        return filename.startswith((*_STDLIB, "<frozen")) and "-packages" not in filename
    return filename.startswith(file.rpartition("__init__")[0])


_METHOD = type([].append)
_HOMES = ("numpy", "numpy.random", "random", "math", "scipy.special")
_STDLIB = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
