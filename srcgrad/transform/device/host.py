"""Split a function into host code and kernels.

    for t in range(steps):                       for t in range(steps):
        for i in prange(n):            ->            kernel[device.grid(n)](n, v, u)
            v[i] = f(u, i)                           u, v = v, u
        u, v = v, u

What runs on the host are numbers, launches, new arrays and handles of arrays. Kernels read and write the elements of
arrays: parallel loops and loops over elements of array expressions with a thread for each iteration, other loops with
one thread in all. A loop that a kernel cannot run (it prints, draws random numbers, makes arrays of unknown size, calls
a routine of a library) stays on the host, and its inner loops are launched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeGuard

from srcgrad.ir.nodes import (
    Alloc,
    Assign,
    Block,
    Call,
    Const,
    Custom,
    Effect,
    For,
    Function,
    If,
    Increment,
    Library,
    ListAppend,
    ListGet,
    ListNew,
    Load,
    Loop,
    Reserve,
    Stmt,
    Store,
    Sweep,
    Var,
    View,
    While,
)
from srcgrad.ir.types import Array, Scalar
from srcgrad.ir.walk import statements
from srcgrad.rules.special import SCIPY
from srcgrad.transform.analysis.analyses import analyses_of
from srcgrad.transform.device.alike import store_once
from srcgrad.transform.device.blocks import grid_of
from srcgrad.transform.device.cooperative import launched
from srcgrad.transform.device.gather import gather_increments
from srcgrad.transform.device.growth import Growth
from srcgrad.transform.device.kernel import Kernel
from srcgrad.transform.device.memory import is_placeable
from srcgrad.transform.device.nests import nest_of
from srcgrad.transform.inline import inline_calls
from srcgrad.transform.parallel.rewrite import share_out
from srcgrad.transform.parallel.sharing import Sharing, sharing_of

CHUNKS = 1024  # of a loop whose sums of arrays are added up in a fixed order
SHORT = 32  # loops over so few elements are not worth a launch each
ANY = Array("int64", 1, "C")
ON_HOST = {"math.gcd", "special.xlog1py", *(f"special.{name}" for name in SCIPY)}  # what kernels cannot call
_ON_HOST = (Custom, Effect, Library, ListAppend, ListGet, ListNew, Reserve, Sweep)

Finish = Callable[[Function], Function]


def to_device(function: Function, finish: Finish = lambda f: f, *, deterministic: bool = False) -> Function:
    """`function` as host code that launches kernels; `finish` is applied to each kernel.

    With `deterministic`, what several threads add to one element is added up in an order that is always the same.
    """
    # a helper that makes arrays is written out: their sizes depend on its arguments
    function = gather_increments(store_once(inline_calls(function, _makes_arrays)))
    function = share_out(
        function, finish, chosen=lambda s: not s.only_sums or (deterministic and bool(s.summed)), chunks=CHUNKS
    )
    function = inline_calls(function, _makes_arrays)
    return _Host(function, finish, deterministic).function()


def _makes_arrays(call: Call) -> bool:
    return any(isinstance(s, Alloc) for s in statements(call.function.body))


class _Host:
    """One function."""

    def __init__(self, function: Function, finish: Finish, deterministic: bool) -> None:
        self.whole, self.finish, self.deterministic = function, finish, deterministic
        self.analyses = analyses_of(function)
        self.aliases, self.scratch = self.analyses.aliases, self.analyses.scratch
        self.views = {s.target: s for s in statements(function.body) if isinstance(s, View)}
        self.helpers: dict[Function, Function] = {}

    def function(self) -> Function:
        return replace(self.whole, body=self.block(self.whole.body))

    def block(self, block: Block) -> Block:
        return tuple(s for stmt in block for s in self.statement(stmt))

    def statement(self, stmt: Stmt) -> list[Stmt]:
        match stmt:
            case For() | While():
                return self.loop(stmt)
            case If():
                return [replace(stmt, then=self.block(stmt.then), orelse=self.block(stmt.orelse))]
            case Call():
                return self.call(stmt)
            case Increment():  # on the host there is no one else
                return [replace(stmt, sharing="exclusive")]
            case _:
                return [stmt]

    def loop(self, loop: Loop) -> list[Stmt]:
        kernel = Kernel(self.views, self.scratch, self.finish)
        if isinstance(loop, For) and loop.axis.startswith("block."):
            grid = grid_of(loop, self.whole, self.aliases, self.scratch, deterministic=self.deterministic)
            found = launched(grid, kernel, self.aliases) if grid is not None else None
            if found is not None:
                return found
            kernel = Kernel(self.views, self.scratch, self.finish)
        if self.is_parallel(loop):
            sharing = self.sharing(loop)
            if sharing is not None and self.fits(loop):
                nest = nest_of(loop, sharing, self.aliases, self.sharing)
                return kernel.shared_out(nest, Growth(loop, self.aliases))
        if not any(self.is_launched(s) for s in statements(loop.body)) and self.is_serial(loop):
            return kernel.serial(loop)
        plain = {"parallel": False} if isinstance(loop, For) else {}
        return [replace(loop, body=self.block(loop.body), **plain)]

    def is_launched(self, stmt: Stmt) -> bool:
        """Whether a loop inside another one becomes a kernel, of a thread for each iteration."""
        if not self.is_parallel(stmt):
            return False
        if stmt.mode == "elementwise" and isinstance(stmt.stop, Const) and stmt.stop.value < SHORT:
            return False
        return self.sharing(stmt) is not None and self.fits(stmt)

    def is_parallel(self, stmt: Stmt) -> TypeGuard[For]:
        """Whether a statement is a loop whose iterations may run at once."""
        return isinstance(stmt, For) and (stmt.parallel or stmt.mode in ("elementwise", "threads"))

    def sharing(self, loop: For) -> Sharing | None:
        """How iterations share what they write; chunks have been made so that they share nothing."""
        if loop.mode == "threads":
            return Sharing()
        found = sharing_of(loop, self.analyses)
        if found is not None and (not found.only_sums or (self.deterministic and found.summed)):
            return None
        return found

    def fits(self, loop: Loop) -> bool:
        """Whether a kernel can have all arrays and functions that a loop uses."""
        inside = list(statements(loop.body))
        lists = (Library, ListAppend, ListGet, ListNew)
        if any(isinstance(s, lists) or (isinstance(s, Assign) and s.op in ON_HOST) for s in inside):
            return False
        growth = Growth(loop, self.aliases)
        if growth.tapes and (not isinstance(loop, For) or growth.counting(Var("", ANY)) is None):
            return False
        return is_placeable(loop, growth.tapes)

    def is_serial(self, loop: Loop) -> bool:
        """Whether a loop works on elements of arrays, and a kernel of one thread can run it."""
        inside = list(statements(loop.body))
        if not any(isinstance(s, Load | Store | Increment | Call) for s in inside):
            return False
        if any(isinstance(s, _ON_HOST) for s in inside) or not self.fits(loop):
            return False
        if any(isinstance(s, Assign) and s.op.startswith(("np.random.", "text:")) for s in inside):
            return False
        return all(isinstance(c.inside.type, Scalar) for c in loop.carried)

    def call(self, stmt: Call) -> list[Stmt]:
        """A helper: as a kernel of one thread if it can be one, else as host code of its own."""
        if not any(isinstance(a.type, Array) for a in stmt.args):
            return [stmt]
        inner = stmt.function
        targets = tuple(Var(t.hint, t.type) for t in stmt.targets)
        body = tuple(statements(inner.body))
        if any(isinstance(s, (*_ON_HOST, Alloc)) for s in body):
            if inner not in self.helpers:
                self.helpers[inner] = to_device(inner, self.finish, deterministic=self.deterministic)
            return [replace(stmt, function=self.helpers[inner])]
        kernel = Kernel(self.views, self.scratch, self.finish)
        return kernel.once((replace(stmt, targets=targets),), dict(zip(targets, stmt.targets, strict=True)), stmt.loc)
