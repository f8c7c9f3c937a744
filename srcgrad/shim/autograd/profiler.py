"""How long operations take: `profile`, with PyTorch's tables.

Operations are Python functions, each with a code object of its own: while a profile runs, `sys.setprofile` tells of
calls, and a table says which codes are operations. Nodes of backward passes are run through `engine.Watch`.
"""

from __future__ import annotations

import functools
import inspect
import sys
import threading
import time
from collections.abc import Callable
from types import CodeType
from typing import Any

from srcgrad.shim.autograd.anomaly import watch
from srcgrad.shim.autograd.profiler_table import Event, EventList
from srcgrad.shim.modes import _Mode
from srcgrad.shim.tensor import Tensor

_RUNNING: list[profile] = []


class profile:  # noqa: N801 - PyTorch's name
    """Measures the operations inside of a `with`.

    Args:
        enabled: measure at all.
        record_shapes: note the shapes of arguments.
        options: PyTorch's others make no difference.
    """

    def __init__(self, enabled: bool = True, *, record_shapes: bool = False, **options: Any) -> None:
        self.enabled, self.record_shapes = enabled, record_shapes
        self.function_events = EventList()
        self._open: list[Event] = []
        self._codes: dict[CodeType, str] = {}
        self._frames: list[Any] = []

    def __enter__(self) -> profile:  # noqa: PYI034 - Python 3.10 has no typing.Self
        if self.enabled:
            self._codes = _names()
            self.start = time.perf_counter_ns()
            _RUNNING.append(self)
            self._around = functools.partial(_node, self)
            watch(self._around, True)
            self._before = sys.getprofile()
            sys.setprofile(self._notice)
        return self

    def __exit__(self, *exception: object) -> None:
        if self.enabled and self in _RUNNING:
            sys.setprofile(self._before)
            watch(self._around, False)
            _RUNNING.remove(self)
            while self._open:
                self._end()

    def _notice(self, frame: Any, event: str, argument: Any) -> None:
        """What `sys.setprofile` calls."""
        if event == "call":
            name = self._codes.get(frame.f_code)
            if name is not None and not (
                self._open and self._open[-1].name in (name, f"{name}_")
            ):  # one in several steps
                shapes = _shapes(frame) if self.record_shapes else []
                self._frames.append(frame)
                self._begin(name, shapes)
        elif event == "return" and self._frames and self._frames[-1] is frame:
            self._frames.pop()
            self._end()

    def _begin(self, name: str, shapes: list[Any] | None = None) -> Event:
        event = Event(name, time.perf_counter_ns() - self.start, shapes or [], threading.get_ident())
        if self._open:
            event.cpu_parent = self._open[-1]
            self._open[-1].cpu_children.append(event)
        self.function_events.append(event)
        event.id = len(self.function_events)
        self._open.append(event)
        return event

    def _end(self) -> None:
        self._open.pop().end = time.perf_counter_ns() - self.start

    # -- what was measured -------------------------------------------------------------------------------------------

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, **_: Any) -> EventList:
        """The operations of one name together."""
        return self.function_events.key_averages(group_by_input_shape)

    def table(self, sort_by: str | None = None, row_limit: int = 100, **options: Any) -> str:
        """All operations, one a line."""
        return self.function_events.table(sort_by=sort_by, row_limit=row_limit)

    def total_average(self) -> Any:
        """All operations together."""
        return self.function_events.total_average()

    @property
    def self_cpu_time_total(self) -> float:
        """The time of all operations, in microseconds."""
        return self.function_events.self_cpu_time_total

    def export_chrome_trace(self, path: str) -> None:
        """Write a JSON file for chrome://tracing."""
        self.function_events.export_chrome_trace(path)

    def __str__(self) -> str:
        return self.table()


class record_function(_Mode):  # noqa: N801 - PyTorch's name
    """Names what happens inside of a `with`, or of a decorated function, in the profile.

    Args:
        name: the name.
        args: makes no difference.
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name

    def again(self) -> record_function:
        return record_function(self.name)

    def __enter__(self) -> record_function:  # type: ignore[override]  # noqa: PYI034 - see above
        self.found = [(p, p._begin(self.name)) for p in _RUNNING]
        for _, event in self.found:
            event.is_user_annotation = True
        return self

    def __exit__(self, *exception: object) -> None:
        for p, event in self.found:
            while event in p._open:
                p._end()


def _node(p: profile, node: Any, run: Callable[[], Any]) -> Any:
    """Run a node of a backward pass."""
    outer = p._begin(f"autograd::engine::evaluate_function: {node.name()}")
    p._begin(node.name())
    try:
        return run()
    finally:
        while outer in p._open:
            p._end()


def _shapes(frame: Any) -> list[Any]:
    """The shapes of the arguments of a call, [] for one that is no tensor."""
    code = frame.f_code
    found = [frame.f_locals.get(n) for n in code.co_varnames[: code.co_argcount]]
    while found and found[-1] is None:
        found.pop()
    return [list(a._data.shape) if isinstance(a, Tensor) else [] for a in found]


@functools.cache
def _names() -> dict[CodeType, str]:
    """The names of operations by their codes."""
    from srcgrad.shim import creation, methods, nn  # noqa: PLC0415 - these import much, and nn imports this package

    found: dict[CodeType, str] = {}
    owners: dict[CodeType, Any] = {}

    def add(name: str, function: Any) -> None:
        function = inspect.unwrap(function) if callable(function) else None
        code = getattr(function, "__code__", None)
        if code is None or code.co_name in ("renamed", "<lambda>"):
            return
        if owners.setdefault(code, function) is not function:  # closures of one code: named by who makes them
            name = function.__qualname__.split(".")[0]
            found[code] = f"aten::{_MADE_BY.get(name, name)}"
        found.setdefault(code, f"aten::{_RENAMED.get(name, name)}")

    for name, function in methods.FUNCTIONS.items():
        if name not in methods.ALIASES:
            add(name, function)
    for name, function in vars(Tensor).items():
        computing = getattr(function, "__module__", "") not in _NOT_COMPUTING
        if computing and not name.startswith("_") and name not in _PLAIN:
            add(name, function)
    for operator, name in _OPERATORS.items():
        add(name, getattr(Tensor, operator))
    for name in ("zeros", "ones", "full", "empty", "arange", "linspace", "eye", "rand", "randn", "randint", "randperm",
                 "zeros_like", "ones_like", "rand_like", "randn_like", "full_like"):  # fmt: skip
        add(name, getattr(creation, name))
    for name in ("cat", "stack", "hstack", "vstack", "meshgrid"):
        add(name, getattr(methods.joining, name))
    add("where", methods.activations.where)
    add("einsum", methods.products.einsum)
    for name, function in vars(nn.functional).items():
        if not name.startswith("_") and str(getattr(function, "__module__", "")).startswith("srcgrad.shim.nn"):
            add(name, function)
    return found


_OPERATORS = {
    "__add__": "add", "__sub__": "sub", "__mul__": "mul", "__truediv__": "div", "__pow__": "pow",
    "__matmul__": "matmul", "__neg__": "neg", "__getitem__": "index", "__setitem__": "index_put_", "__rsub__": "rsub",
    "__rtruediv__": "div", "__rpow__": "pow",
}  # fmt: skip
_RENAMED = {"cast": "_to_copy"}
_MADE_BY = {"converter": "to", "reshaping": "as_strided_"}
_PLAIN = {"size", "dim", "numel", "stride", "is_contiguous", "is_floating_point", "type", "tolist", "numpy", "backward"}
_NOT_COMPUTING = {"srcgrad.shim.tensor", "srcgrad.shim.autograd.backward"}
