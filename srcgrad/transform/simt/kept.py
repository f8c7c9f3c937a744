"""What threads keep from one region to the next: computed again, or in an array with an element for each thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from srcgrad.errors import Problem, UnsupportedError
from srcgrad.ir.nodes import (
    ONE,
    ZERO,
    Alloc,
    Assign,
    Atom,
    Block,
    Const,
    For,
    Function,
    If,
    Increment,
    Load,
    Stmt,
    Store,
    Var,
    View,
    While,
)
from srcgrad.ir.types import Array, Scalar, is_float
from srcgrad.ir.walk import blocks, defined, free, operands, statements, substitute, yields
from srcgrad.transform.build import Builder
from srcgrad.transform.inline import inline_function
from srcgrad.transform.simt.launch import Launch
from srcgrad.transform.simt.uniform import Control

REPEATED = 16  # how many operations on floats are done again rather than kept


@dataclass(frozen=True, eq=False)
class Region(Stmt):
    """What each thread does between two barriers; it becomes loops over the threads."""

    body: list[Stmt] = field(default_factory=list)


@dataclass(frozen=True)
class _Home:
    """Where a value is defined: the statement, its region, and the block that the region is in."""

    stmt: Stmt
    region: Region
    block: list[Stmt]


class Keeper:
    """Hands values from region to region.

    Attributes:
        slots: for values that each thread has its own of, the arrays that hold them between regions.
    """

    def __init__(self, launch: Launch, control: Control) -> None:
        self.control = control
        axes = launch.thread_axes()
        self.index: tuple[Atom, ...] = tuple(i for _, i, _ in axes) or (ZERO,)
        self.shape: tuple[Atom, ...] = tuple(n for _, _, n in axes) or (ONE,)
        self.slots: dict[Var, Var] = {}
        self.home: dict[Var, _Home] = {}
        self.wide: dict[Var, Alloc] = {}  # local arrays -> arrays with one for each thread

    def place(self, stmt: Stmt, region: Region, block: list[Stmt]) -> None:
        """Note that a statement is in a region, which will be in a block."""
        self.home.update((v, _Home(stmt, region, block)) for v in defined(stmt))

    def slot(self, *values: Var) -> Alloc:
        """A new array for a value, by all its names."""
        first = values[0]
        assert isinstance(first.type, Scalar)
        made = Alloc(Var(first.hint, Array(first.type.dtype, len(self.shape))), "empty", self.shape)
        self.slots.update(dict.fromkeys(values, made.target))
        return made

    def put(self, slot: Var, value: Atom) -> Store:
        return Store(slot, self.index, value)

    def keep(self, block: Sequence[Stmt]) -> None:
        """Let each region have what it reads."""
        regions = list(_regions(block))
        for region in regions:
            for v in free(tuple(region.body)):
                if v in self.home and self.home[v].region is not region and isinstance(self.home[v].stmt, Alloc):
                    self.widen(v)
        if self.wide:
            for region in regions:
                region.body[:] = self.widened(region.body)
        for region in regions:
            prelude: list[Stmt] = []
            known: dict[Var, Atom] = {}
            for v in free(tuple(region.body)):
                self.bring(v, region, prelude, known)
            region.body[:] = [*prelude, *substitute(tuple(region.body), known)]

    # -- numbers ---------------------------------------------------------------------------------------------------

    def bring(self, var: Var, region: Region, prelude: list[Stmt], known: dict[Var, Atom]) -> None:
        """Have a value of another region in this one, by statements at its start."""
        home = self.home.get(var)
        if var in known or (var not in self.slots and (home is None or home.region is region)):
            return
        if var not in self.slots:
            assert home is not None
            if self.is_repeated(var):
                inputs = free((home.stmt,))
                for v in inputs:
                    self.bring(v, region, prelude, known)
                outs = defined(home.stmt)
                build = Builder()
                once = Function("", tuple(inputs), (home.stmt,), outs, ())
                copies = inline_function(build, once, [known.get(v, v) for v in inputs])
                prelude += build.stack[0]
                known.update(zip(outs, copies, strict=True))
                return
            if not isinstance(var.type, Scalar):
                raise _unkept(var, home.stmt)
            made = replace(self.slot(var), loc=home.stmt.loc)
            home.block.insert(home.block.index(home.region), made)
            home.region.body.append(replace(self.put(made.target, var), loc=home.stmt.loc))
        copy = Var(var.hint, var.type)
        prelude.append(Load(copy, self.slots[var], self.index))
        known[var] = copy

    def sources(self, values: Iterable[Var]) -> set[Var]:
        """All values that these are made of."""
        found: set[Var] = set()
        todo = list(values)
        while todo:
            v = todo.pop()
            if v not in found:
                found.add(v)
                todo += free((self.home[v].stmt,)) if v in self.home else []
        return found

    def is_repeated(self, var: Var) -> bool:
        """Whether a value is computed again: an index always, a float if it takes little."""
        todo, seen = [var], set()
        work = 0
        while todo:
            v = todo.pop()
            home = self.home.get(v)
            if home is None or home.stmt in seen or (v in self.slots and v is not var):
                continue
            seen.add(home.stmt)
            if not self.is_repeatable(home.stmt):
                if v is var or is_float(var.type):
                    return False
                continue  # kept itself
            inner = list(statements((home.stmt,)))
            work += sum(is_float(d.type) for s in inner for d in defined(s) if not isinstance(s, View))
            todo += [a for s in inner for a in (*operands(s), *yields(s)) if isinstance(a, Var)]
        return work <= REPEATED or not is_float(var.type)

    def is_repeatable(self, stmt: Stmt) -> bool:
        """Whether a statement gives the same in any region."""
        match stmt:
            case Assign():
                return not stmt.op.startswith(("np.random.", "text:"))
            case Load():
                return stmt.array in self.control.uniform.constant
            case View():
                return True
            case If():
                return all(self.is_repeatable(s) for b in blocks(stmt) for s in b)
            case _:
                return False

    # -- local arrays ----------------------------------------------------------------------------------------------

    def widen(self, array: Var) -> None:
        """Give a local array that is used in several regions an element for each thread and element."""
        if array in self.wide:
            return
        home = self.home[array]
        assert isinstance(home.stmt, Alloc)
        assert isinstance(array.type, Array)
        to = Array(array.type.dtype, len(self.shape) + array.type.ndim)
        made = replace(home.stmt, target=Var(array.hint, to), shape=(*self.shape, *home.stmt.shape), like=None)
        home.block.insert(home.block.index(home.region), made)
        self.wide[array] = made

    def widened(self, block: Sequence[Stmt]) -> Block:
        out: list[Stmt] = []
        for stmt in block:
            match stmt:
                case Alloc() if stmt.target in self.wide:
                    continue
                case Load() | Store() | Increment() if stmt.array in self.wide:
                    made = self.wide[stmt.array]
                    out.append(replace(stmt, array=made.target, index=(*self.index, *stmt.index)))
                case Assign(op="shape", args=(Var() as array, Const() as axis)) if array in self.wide:
                    further = Const(axis.value + len(self.shape), axis.type)
                    out.append(replace(stmt, args=(self.wide[array].target, further)))
                case If():
                    self.expect_elements(stmt)
                    out.append(replace(stmt, then=self.widened(stmt.then), orelse=self.widened(stmt.orelse)))
                case For() | While():
                    self.expect_elements(stmt)
                    out.append(replace(stmt, body=self.widened(stmt.body)))
                case _:
                    self.expect_elements(stmt)
                    out.append(stmt)
        return tuple(out)

    def expect_elements(self, stmt: Stmt) -> None:
        for a in (*operands(stmt), *yields(stmt)):
            if isinstance(a, Var) and a in self.wide:
                raise _unkept(a, stmt)


def _unkept(array: Var, stmt: Stmt) -> UnsupportedError:
    name = f"'{array.hint}'" if array.hint else "a local array"
    message = f"{name} is used on both sides of a barrier, other than by its elements"
    return UnsupportedError(Problem(message, stmt.loc, "index it, element by element"))


def _regions(block: Sequence[Stmt]) -> Iterator[Region]:
    for stmt in block:
        if isinstance(stmt, Region):
            yield stmt
        elif isinstance(stmt, If):
            yield from _regions(stmt.then)
            yield from _regions(stmt.orelse)
        elif isinstance(stmt, For | While):
            yield from _regions(stmt.body)


def reads(block: Sequence[Stmt]) -> Iterator[Var]:
    """What statements and regions read, those in other statements included."""
    for stmt in block:
        if isinstance(stmt, Region):
            yield from free(tuple(stmt.body))
            continue
        yield from (a for a in (*operands(stmt), *yields(stmt)) if isinstance(a, Var))
        for inner in blocks(stmt):
            yield from reads(inner)
