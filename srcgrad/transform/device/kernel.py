"""A loop as a kernel: every thread runs the iterations that are a whole grid apart (a "grid-stride loop").

    for i in prange(n):                          def kernel(n, x, bx, be, parts):
        e += x[i] * x[i]               ->            e = 0.0
                                                     for i in range(cuda.grid(1), n, cuda.gridsize(1)):
                                                         e += x[i] * x[i]
                                                     device.sum_float64(parts, e)

Sums are added up by each thread, then by each block, then over the blocks, in an order that depends on the number of
iterations alone. What several iterations add to one element of an array is added atomically.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from srcgrad.ir.location import Location
from srcgrad.ir.nodes import (
    ONE,
    ZERO,
    Assign,
    Atom,
    Block,
    Call,
    Carried,
    Const,
    Effect,
    For,
    Function,
    Load,
    Loop,
    Stmt,
    Var,
    View,
    integer,
)  # fmt: skip
from srcgrad.ir.types import INT64, Array, Scalar
from srcgrad.ir.walk import free, statements, substitute
from srcgrad.transform.analysis.scratch import Scratch
from srcgrad.transform.analysis.written import written_parameters
from srcgrad.transform.build import Builder
from srcgrad.transform.device.atomics import IMPORT, together
from srcgrad.transform.device.growth import Growth, settled
from srcgrad.transform.device.memory import Local
from srcgrad.transform.device.nests import Nest
from srcgrad.transform.inline import fresh_copy


class Kernel:
    """Writes one kernel, and the host statements that launch it."""

    def __init__(self, views: Mapping[Var, View], scratch: Scratch, finish: Callable[[Function], Function]) -> None:
        self.views, self.scratch, self.finish = views, scratch, finish
        self.host = Builder()
        self.host.algebra = True

    def shared_out(self, nest: Nest, growth: Growth) -> list[Stmt]:
        """What takes the place of a nest of parallel loops."""
        host, outer, inner = self.host, nest.loops[0], nest.loops[-1]
        host.loc = outer.loc
        counts = tuple(host.op("-", s.stop, s.start) for s in nest.loops)
        room: Atom | None = None
        if growth.tapes:
            room = self._room(growth, counts)
            width = integer(len(growth.tapes))
            counts = (host.draw("text:device.fitting({0}, {1}, {2})", (*counts, room, width), INT64),)
        inside = Builder()
        inside.algebra, inside.loc = True, outer.loc
        local = Local(host, inside, lambda: self._threads(counts), room, growth.tapes)
        for array in nest.private:
            local.place(self.scratch.allocs[array])
        added = together(local.placed(settled(inner.body), outer), nest)
        body = added.body
        loops = [_of_grid(loop, k, len(nest.loops)) for k, loop in enumerate(nest.loops)]
        between = [loop.body[:-1] for loop in nest.loops[:-1]]  # what stands before the next loop
        if added.last:
            body, between = (*between[0], *body), [tuple(added.first)]
            loops = _interchanged(*loops)
        first = replace(loops[0][1], carried=tuple(map(_from_zero, outer.carried)))
        for (bounds, loop), before in reversed(list(zip(loops[1:], between, strict=True))):
            body = (*before, *bounds, replace(loop, body=body), *(added.last if loop is loops[1][1] else ()))
        for s in (*added.before, *loops[0][0], replace(first, body=body), *added.after):
            inside.emit(s)
        parts = []
        for c in outer.carried:
            assert isinstance(c.inside.type, Scalar)
            blocks = host.draw(f"text:device.blocks({_slots(counts)})", counts, INT64)
            parts.append(host.alloc("empty", c.inside.type.dtype, (blocks,), c.result.hint or "parts"))
            inside.emit(Effect(f"device.sum_{c.inside.type.dtype}({{0}}, {{1}})", (parts[-1], c.result), (IMPORT,)))
        self.launch(tuple(inside.stack[0]), counts, outer.loc)
        for c, part in zip(outer.carried, parts, strict=True):
            total = host.draw("text:device.total({0})", (part,), c.result.type)  # type: ignore[arg-type]
            host.emit(Assign(c.result, "+", (c.init, total), loc=outer.loc))
        return host.stack[0]

    def _room(self, growth: Growth, counts: tuple[Atom, ...]) -> Atom:
        """How many elements the growing tapes need, at most."""
        host = self.host
        needed = host.alloc("zeros", "int64", (ONE,), "needed")
        inside = Builder()
        inside.loc = growth.loop.loc
        most = inside.alloc("empty", "int64", (ONE,), "most")
        inside.stack[0][0] = replace(inside.stack[0][0], space="local")  # type: ignore[call-arg]
        inside.store(most, (ZERO,), ZERO)
        loop = growth.counting(most)
        assert loop is not None
        bounds, strided = _of_grid(loop, 0, 1)
        for s in (*bounds, replace(strided, body=loop.body)):
            inside.emit(s)
        inside.emit(Effect("cuda.atomic.max({0}, 0, {1})", (needed, inside.load(most, (ZERO,)))))
        self.launch(tuple(inside.stack[0]), counts, loop.loc)
        return host.op("max", host.load(needed, (ZERO,)), ONE)

    def serial(self, loop: Loop) -> list[Stmt]:
        """What takes the place of a loop that one thread runs."""
        renamed = {c.result: Var(c.result.hint, c.result.type) for c in loop.carried}
        carried = tuple(replace(c, result=renamed[c.result]) for c in loop.carried)
        inside = Builder()
        inside.loc = loop.loc
        local = Local(self.host, inside, lambda: ONE)
        inside.emit(replace(loop, carried=carried, body=local.placed(loop.body, loop)))
        return self.once(tuple(inside.stack[0]), {v: k for k, v in renamed.items()}, loop.loc)

    def once(self, code: Block, results: dict[Var, Var], loc: Location) -> list[Stmt]:
        """Run code in one thread. `results` are the numbers that it defines, with their names on the host."""
        host = self.host
        host.loc = loc
        inside = Builder()
        for s in code:
            inside.emit(s)
        loads = []
        for own, outside in results.items():
            assert isinstance(own.type, Scalar)
            cell = host.alloc("empty", own.type.dtype, (ONE,), "cell")
            inside.store(cell, (ZERO,), own)
            loads.append(Load(outside, cell, (ZERO,), loc=loc))
        self.launch(tuple(inside.stack[0]), (ONE,), loc)
        return [*host.stack[0], *loads]

    def launch(
        self, code: Block, counts: tuple[Atom, ...], loc: Location, threads: tuple[int, ...] = ()
    ) -> None:  # fmt: skip
        """Emit the launch of a kernel with this code; with `threads`, `counts` are the numbers of blocks."""
        code = self._with_views(code)
        given: list[Var] = free(code)
        given = [*(v for v in given if isinstance(v.type, Scalar)), *(v for v in given if isinstance(v.type, Array))]
        # what has no name is mostly the end of a range
        stop = next(name for name in ("n", "count", "stop") if all(v.hint != name for v in given) or name == "stop")
        params = {v: v if v.hint else Var(stop if v.type == INT64 else "", v.type) for v in given}
        code = substitute(code, {v: p for v, p in params.items() if v is not p})
        function = self.finish(fresh_copy(Function("kernel", tuple(params.values()), code, (), (), loc)))
        written = written_parameters(function)
        reported = {a for s in statements(function.body) if isinstance(s, Effect) for a in s.args}
        writes = tuple(k for k, p in enumerate(function.params) if p in written or p in reported)
        self.host.emit(Call((), function, tuple(given), writes, counts, threads, loc=loc))

    def _with_views(self, code: Block) -> Block:
        """Views that the host would hand over are made in the kernel instead."""
        made: list[Stmt] = []
        seen: set[Var] = set()

        def make(handle: Var) -> None:
            if handle in self.views and handle not in seen:
                seen.add(handle)
                view = self.views[handle]
                make(view.base)
                made.append(view)

        for v in free(code):
            make(v)
        return (*made, *code)

    def _threads(self, counts: tuple[Atom, ...]) -> Atom:
        return self.host.draw(f"text:device.threads({_slots(counts)})", counts, INT64)


def _of_grid(loop: For, k: int, axes: int) -> tuple[list[Stmt], For]:
    """Loop number k of a nest as that of one thread, without its body; and the statements before it."""
    which = "" if axes == 1 else f"[{axes - 1 - k}]"
    build = Builder()
    build.algebra, build.loc = True, loop.loc
    first = build.op("+", loop.start, build.draw(f"text:cuda.grid({axes}){which}", (), INT64))
    step = build.draw(f"text:cuda.gridsize({axes}){which}", (), INT64)
    mode = "elementwise" if loop.mode == "elementwise" else "sequential"
    return build.stack[0], replace(loop, start=first, step=step, body=(), parallel=False, mode=mode)


def _interchanged(outer: tuple[list[Stmt], For], inner: tuple[list[Stmt], For]) -> list[tuple[list[Stmt], For]]:
    """Two loops in the other order; each carries on what the loop in its place carried."""
    (bounds, one), (others, two) = outer, inner
    return [(others, replace(two, carried=one.carried)), (bounds, replace(one, carried=two.carried))]


def _from_zero(carried: Carried) -> Carried:
    return replace(carried, init=Const(0 if carried.inside.type == INT64 else 0.0, carried.inside.type))


def _slots(counts: tuple[Atom, ...]) -> str:
    return ", ".join(f"{{{k}}}" for k in range(len(counts)))
