"""Arrays of a thread's own: in local memory if they are small, else a slice of an array of the whole grid's."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import replace

from srcgrad.ir.nodes import ZERO, Alloc, Assign, Atom, Block, Const, For, If, Loop, Slice, Stmt, Var, View, While
from srcgrad.ir.types import INT64, Array, is_integer
from srcgrad.ir.walk import defined, free, introduced, statements
from srcgrad.transform.analysis.aliases import aliases_of
from srcgrad.transform.build import Builder

LOCAL = 1024  # bytes of local memory that one array may take


def is_placeable(loop: Loop, growing: AbstractSet[Var]) -> bool:
    """Whether the arrays that an iteration makes, except for `growing` ones, can each have one place in memory.

    Their sizes must be known before the loop, and none is carried on to where its place is taken by the next one.
    """
    known = _Known(loop)
    made = [s for s in statements(loop.body) if isinstance(s, Alloc) and s.target not in growing]
    return all(known.is_known(n) for s in made for n in s.shape) and not _carries_arrays(loop)


def _carries_arrays(loop: Loop) -> bool:
    """Whether a loop inside of one carries an array that it has made."""
    inner = [s for s in statements(loop.body) if isinstance(s, For | While)]
    carrying = [s for s in inner if any(isinstance(c.next.type, Array) for c in s.carried)]
    if not carrying:
        return False
    bases = aliases_of(loop.body, tuple(free(loop.body))).bases
    for stmt in carrying:
        made = {s.target for s in statements(stmt.body) if isinstance(s, Alloc)}
        if any(not made.isdisjoint(bases.get(c.next, ())) for c in stmt.carried):
            return True
    return False


class _Known:
    """What a loop computes and the host can compute before it."""

    def __init__(self, loop: Loop) -> None:
        inside = list(statements(loop.body))
        self.home = {v: s for s in inside for v in defined(s)}
        self.made = {*introduced(loop), *self.home, *(v for s in inside for v in introduced(s))}
        self.found: dict[Var, Atom] = {}

    def is_known(self, atom: Atom) -> bool:
        if not isinstance(atom, Var) or atom not in self.made:
            return True
        stmt = self.home.get(atom)
        if not isinstance(stmt, Assign) or stmt.op.startswith(("np.random.", "text:")):
            return False
        return all(self.is_known(a) for a in stmt.args)

    def on_host(self, atom: Atom, host: Builder) -> Atom:
        """The value, computed on the host."""
        if not isinstance(atom, Var) or atom not in self.made:
            return atom
        if atom not in self.found:
            stmt = self.home[atom]
            assert isinstance(stmt, Assign)
            args = tuple(self.on_host(a, host) for a in stmt.args)
            if stmt.op in ("//", "%", "/") and is_integer(args[1].type):  # a branch may be around it
                args = (args[0], host.op("+", args[1], host.cast(host.op("==", args[1], ZERO), INT64)))
            self.found[atom] = target = Var(atom.hint, atom.type)
            host.emit(replace(stmt, target=target, args=args))
        return self.found[atom]


class Local:
    """Places arrays. `threads` gives how many threads there are, as a value of the host's."""

    def __init__(
        self, host: Builder, inside: Builder, threads: Callable[[], Atom], room: Atom | None = None,
        growing: AbstractSet[Var] = frozenset(), own: str = "cuda.grid(1)",
    ) -> None:  # fmt: skip
        self.host, self.inside, self.threads = host, inside, threads
        self.room, self.growing = room, growing  # how much the growing ones need
        self.own = own  # the number of a thread

    def placed(self, block: Block, loop: Loop) -> Block:
        """The body of `loop` with its arrays placed."""
        if not any(isinstance(s, Alloc) for s in statements(block)):
            return block
        return self._block(block, _Known(loop))

    def _block(self, block: Block, known: _Known) -> Block:
        out: list[Stmt] = []
        for stmt in block:
            match stmt:
                case Alloc() if not stmt.space:
                    build = Builder()
                    build.loc = stmt.loc
                    if stmt.target in self.growing:
                        assert self.room is not None
                        self._of_grid(stmt, (self.room,), build)
                    else:
                        shape = (known.on_host(n, self.host) for n in stmt.shape)
                        # a branch may be around it, and its size be negative where that is not taken
                        self._place(stmt, tuple(self.host.op("max", n, ZERO) for n in shape), build)
                    out += build.stack[0]
                case For() | While():
                    out.append(replace(stmt, body=self._block(stmt.body, known)))
                case If():
                    sides = {"then": self._block(stmt.then, known), "orelse": self._block(stmt.orelse, known)}
                    out.append(replace(stmt, **sides))
                case _:
                    out.append(stmt)
        return tuple(out)

    def place(self, alloc: Alloc) -> None:
        """An array that is made before the loop, as one that each thread makes."""
        self._place(alloc, alloc.shape, self.inside)

    def _place(self, alloc: Alloc, shape: tuple[Atom, ...], build: Builder) -> None:
        assert isinstance(alloc.target.type, Array)
        size = 8
        for n in alloc.shape:
            size *= n.value if isinstance(n, Const) else LOCAL + 1
        if size <= LOCAL and alloc.shape:
            build.emit(replace(alloc, like=None, fill="empty", space="local"))
        else:
            self._of_grid(alloc, shape, build)
        if alloc.fill != "empty":
            value = Const(float(alloc.fill == "ones"), alloc.target.type.item)
            value = value if value.type.dtype.startswith("float") else replace(value, value=int(value.value))
            build.nest(alloc.shape, lambda index: build.store(alloc.target, index, value))

    def _of_grid(self, alloc: Alloc, shape: tuple[Atom, ...], build: Builder) -> None:
        """A slice for each thread of a whole in which neighbouring threads have neighbouring elements."""
        axes = (*shape, self.threads())
        whole = self.host.alloc("empty", alloc.target.type.dtype, axes, alloc.target.hint)  # type: ignore[union-attr]
        own = build.draw(f"text:{self.own}", (), INT64)
        items = (*(Slice() for _ in shape), own)
        build.emit(View(alloc.target, whole, "index", items, loc=alloc.loc))
