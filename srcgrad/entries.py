"""Versions on disk: how a version is called, and its texts, under a key made of all that they depend on."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterator
from operator import getitem
from types import FunctionType, MethodType
from typing import Any

from srcgrad import cache, structure
from srcgrad.backend import stamp
from srcgrad.cache import Fingerprint, UncacheableError
from srcgrad.ir.arguments import Constant, TupleOf
from srcgrad.ir.printed import Printed
from srcgrad.ir.types import Array, Scalar
from srcgrad.plan import Outside, Plan, Text
from srcgrad.program import Program

KEPT = 8  # versions with the same key: they differ by conditions on sizes
OWN = ("srcgrad.numpy_lib", "srcgrad.rules", "srcgrad.runtime")  # their source is part of the stamp
_KEY_LENGTHS = {"cell": 2, "global": 3, "attribute": 3}  # what follows in a key are indices into tuples

Known = tuple[Plan, dict[str, Text]]


def slot_for(program: Program, arguments: tuple[tuple[str, Any], ...]) -> Slot | None:
    """Where versions of a program for these argument types are kept; None where they are not."""
    options = program.options
    if not options.cache or options.target != "cpu" or cache.folder() is None:
        return None
    try:
        found = cache.fingerprint(program, *(_parts(kind) for _, kind in arguments))
    except UncacheableError:
        return None
    names = [n for n, _ in arguments]
    compiler = sorted(options.numba_options().items(), key=str)
    key = repr((stamp(), compiler, options.parallel, options.deterministic, options.memory_budget, names, found.digest))
    return Slot(hashlib.sha256(key.encode()).hexdigest(), found)


def _parts(kind: Any) -> Any:
    """An argument type as plain values, and those objects that it is specialised to."""
    if isinstance(kind, TupleOf):
        return "tuple", kind.cls, tuple(_parts(k) for k in kind.items)
    if isinstance(kind, Constant):
        return "constant", kind.value
    return ("array", kind.dtype, kind.ndim, kind.layout) if isinstance(kind, Array) else ("number", kind.dtype)


class Slot:
    """The versions under one key."""

    def __init__(self, digest: str, fingerprint: Fingerprint) -> None:
        self.name = f"{digest}.plan"
        self.found = fingerprint

    def load(self) -> Iterator[Known]:
        """The plans and texts that are kept."""
        for item in self._items():
            known = self._known(item)
            if known is not None:
                yield known

    def save(self, plan: Plan, texts: dict[str, Text], functions: set[FunctionType]) -> None:
        """Keep a version, if all that was met while it was compiled is in the key."""
        own = {f for f in functions if not str(f.__module__).startswith(OWN)}
        outside = (*plan.constants, *plan.arrays)
        if not (own <= self.found.functions and all(self._is_known(o) for o in outside)):
            return
        try:
            item = {
                "facts": list(plan.facts), "result": self._type(plan.result), "count": plan.count,
                "names": list(plan.names),
                "constants": [(o.name, self._place(o)) for o in plan.constants],
                "arrays": [(o.name, self._place(o)) for o in plan.arrays],
                "texts": {k: [t.printed.identity, t.written, t.large] for k, t in texts.items()},
            }  # fmt: skip
        except UncacheableError:
            return
        others = [i for i in self._items() if i.get("facts") != item["facts"]]
        cache.write(self.name, json.dumps([item, *others[: KEPT - 1]]).encode())

    def _known(self, item: dict[str, Any]) -> Known | None:
        try:
            return self._plan(item), {k: _text(t) for k, t in item["texts"].items()}
        except (KeyError, IndexError, TypeError, ValueError):  # not as we write it
            return None

    def _items(self) -> list[dict[str, Any]]:
        content = cache.read(self.name)
        return json.loads(content) if content is not None else []

    # -- what is outside -------------------------------------------------------------------------------------------

    def _is_known(self, outside: Outside) -> bool:
        """Whether the key holds the place, with the value or type that the compiler met there."""
        length = _KEY_LENGTHS[outside.key[0]]
        if outside.key[:length] not in self.found.numbers:
            return False
        _, value = self._at(self._place(outside))
        expected = outside.expected
        if isinstance(expected, Array):
            return bool(structure.type_of(value) == expected)
        methods = isinstance(value, MethodType) and value == expected
        return value is expected or methods or (type(value) is type(expected) and repr(value) == repr(expected))

    def _place(self, outside: Outside) -> list[int]:
        """The number of the place, then indices into the tuple that is there."""
        length = _KEY_LENGTHS[outside.key[0]]
        return [self.found.numbers[outside.key[:length]], *outside.key[length:]]

    def _at(self, place: list[int]) -> tuple[Callable[[], Any], Any]:
        """How to read a place, and what was there."""
        edge = self.found.edges[place[0]]
        if len(place) == 1:
            return edge.read, edge.value
        return lambda: _item(edge.read(), place[1:]), _item(edge.value, place[1:])

    def _plan(self, item: dict[str, Any]) -> Plan:
        keys = {number: key for key, number in self.found.numbers.items()}
        outside = []
        for field in ("constants", "arrays"):
            found = []
            for name, place in item[field]:
                read, value = self._at(place)
                expected = structure.type_of(value) if field == "arrays" else value
                found.append(Outside(name, read, expected, (*keys[place[0]], *place[1:])))
            outside.append(tuple(found))
        result = self._type_from(item["result"])
        return Plan(result, item["count"], tuple(item["facts"]), *outside, tuple(item["names"]))

    # -- types -----------------------------------------------------------------------------------------------------

    def _type(self, kind: Any) -> list[Any]:
        if isinstance(kind, TupleOf):
            if kind.cls is not None and kind.cls not in self.found.classes:
                raise UncacheableError(f"{kind.cls.__qualname__} is not known before compiling")
            cls = None if kind.cls is None else self.found.classes.index(kind.cls)
            return ["tuple", [self._type(k) for k in kind.items], cls, kind.is_list]
        if isinstance(kind, Constant):
            if not isinstance(kind.value, str | None):
                raise UncacheableError("an object as a result")
            return ["constant", kind.value]
        if isinstance(kind, Array):
            return ["array", kind.dtype, kind.ndim, kind.layout]
        if not isinstance(kind, Scalar):
            raise UncacheableError("a result of another kind")
        return ["number", kind.dtype]

    def _type_from(self, item: list[Any]) -> Any:
        match item:
            case ["tuple", items, cls, is_list]:
                kinds = tuple(self._type_from(i) for i in items)
                return TupleOf(kinds, None if cls is None else self.found.classes[cls], is_list)
            case ["constant", value]:
                return Constant(value)
            case ["array", dtype, ndim, layout]:
                return Array(dtype, ndim, layout)
            case ["number", dtype]:
                return Scalar(dtype)
            case _:
                raise ValueError(f"no type: {item!r}")


def _item(value: Any, indices: list[int]) -> Any:
    return functools.reduce(getitem, indices, value)


def _text(item: list[Any]) -> Text:
    printed, written, large = item
    return Text(Printed.from_identity(printed), tuple(written), tuple(large))
