"""From what one thread of a kernel does to loops over the blocks and threads of a grid.

A loop over the threads of a block can do all up to a barrier for every thread, and then go on: the body is split at
barriers, after J. Stratton, S. Stone, W. Hwu, MCUDA: an efficient implementation of CUDA kernels for multi-core CPUs
(2008). Branches and loops that hold a barrier must be the same for all threads, and stay around such loops.

    i = b * 128 + t                        for b in range(gridDim_x):          # axis "block.x"
    tile[t] = x[i]                             tile = np.empty(128)
    cuda.syncthreads()              ->         for t in range(128):            # axis "thread.x"
    out[i] = tile[127 - t]                         tile[t] = x[b * 128 + t]
                                               for t in range(128):
                                                   out[b * 128 + t] = tile[127 - t]

What threads keep across a barrier is computed again, where it is made of indices, arguments and arrays that the kernel
leaves as they are; else it is in an array with an element for each thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from srcgrad.errors import Problem, UnsupportedError
from srcgrad.ir.nodes import ONE, ZERO, Alloc, Atom, Block, For, Function, If, Stmt, Var, While
from srcgrad.ir.types import INT64, Array
from srcgrad.ir.walk import defined, substitute, with_sharing
from srcgrad.transform.simt.kept import Keeper, Region, reads
from srcgrad.transform.simt.launch import Barrier, Launch
from srcgrad.transform.simt.uniform import Control, Uniform


def serialise(function: Function, launch: Launch) -> Function:
    """The kernel `function`, what one thread does, as a function that runs the whole grid.

    Raises:
        UnsupportedError: threads of a block can come to different barriers.
    """
    uniform = Uniform(function, launch)
    _check_barriers(function.body, uniform, alike=True)
    splitter = _Splitter(function, launch, Control(function, uniform))
    body = splitter.whole()
    alone = ("block.x", Var("b", INT64), ONE)  # a grid of one block
    for axis, index, extent in reversed(launch.block_axes() or [alone]):
        body = (For(index, ZERO, extent, ONE, (), body, parallel=True, axis=axis, loc=function.loc),)
    params = tuple(p for p in function.params if p not in launch.indices)
    return replace(function, params=params, body=body)


def in_one_thread(function: Function) -> Function:
    """`function` for one thread of a CPU, where nothing that is added to meets anything else."""
    return with_sharing(function, lambda _: "exclusive")


def _check_barriers(block: Block, uniform: Uniform, *, alike: bool) -> None:
    for stmt in block:
        match stmt:
            case Barrier() if not alike:
                hint = "guard the reads and writes around it instead: if i < n: ... before the barrier, and again after"
                message = "cuda.syncthreads() must be reached by all threads of a block or none"
                raise UnsupportedError(Problem(message, stmt.loc, hint))
            case If():
                for side in (stmt.then, stmt.orelse):
                    _check_barriers(side, uniform, alike=alike and uniform((stmt.cond,)))
            case For():
                ends = (a for a in (stmt.start, stmt.stop, stmt.step, stmt.exit) if a is not None)
                _check_barriers(stmt.body, uniform, alike=alike and uniform(ends))
            case While():
                _check_barriers(stmt.body, uniform, alike=alike and uniform((stmt.cond, stmt.again)))


class _Splitter:
    def __init__(self, function: Function, launch: Launch, control: Control) -> None:
        self.function, self.launch, self.control = function, launch, control
        self.keeper = Keeper(launch, control)

    def whole(self) -> Block:
        """The body of a block."""
        return self.finished(self.split(self.function.body))

    # -- first: which statement runs where -------------------------------------------------------------------------

    def split(self, block: Block, last: Sequence[tuple[Var, Atom]] = ()) -> list[Stmt]:
        """A block as what is done once and regions; `last` are values with slots, and what they are at its end."""
        out: list[Stmt] = []
        region = Region()

        def close() -> None:
            nonlocal region
            if region.body:
                out.append(region)
                region = Region()

        for stmt in block:
            if isinstance(stmt, Barrier):
                close()
                out.append(stmt)
            elif stmt in self.control.around:
                region.body.extend(self.before(stmt, out))
                close()
                out.append(self.around(stmt))
            elif self.is_common(stmt):
                out.append(stmt)
            else:
                self.keeper.place(stmt, region, out)
                region.body.append(stmt)
        close()
        self.put_last(last, out)
        return out

    def put_last(self, last: Sequence[tuple[Var, Atom]], out: list[Stmt]) -> None:
        """Put what values are next into their slots: where it is computed, if the slot is not read after that."""
        home = {var: self.keeper.home[value] for var, value in last if value in self.keeper.home}
        early = {var: h.region for var, h in home.items() if h.block is out}
        settled = False
        while not settled:
            late = [a for v, a in last if v not in early and isinstance(a, Var)]
            read = {v: self.keeper.sources([*reads(out[out.index(r) + 1 :]), *late]) for v, r in early.items()}
            settled = all(v not in read[v] for v in early)
            early = {v: r for v, r in early.items() if v not in read[v]}
        end = Region()
        for var, value in last:
            early.get(var, end).body.append(self.keeper.put(self.keeper.slots[var], value))
        if end.body:
            out.append(end)

    def is_common(self, stmt: Stmt) -> bool:
        """Whether a statement runs once for the block."""
        if isinstance(stmt, Alloc):
            return stmt.target in self.control.uniform.shared
        return any(v in self.control.values for v in defined(stmt)) and self.control.is_shared(stmt)

    def before(self, stmt: Stmt, out: list[Stmt]) -> list[Stmt]:
        """Make slots for what a branch or loop defines for each thread, and fill those that it starts with."""
        filled: list[Stmt] = []
        if isinstance(stmt, If):
            out += [self.keeper.slot(r.var) for r in stmt.results if self.is_own(r.var)]
        elif isinstance(stmt, For | While):
            for c in stmt.carried:
                if self.is_own(c.inside):
                    made = self.keeper.slot(c.inside, c.result)
                    out.append(made)
                    filled.append(self.keeper.put(made.target, c.init))
        return filled

    def is_own(self, var: Var) -> bool:
        """Whether each thread has its own value."""
        if not self.control.uniform((var,)) and isinstance(var.type, Array):
            loc = self.control.home[var].loc
            message = "an array cannot be chosen by each thread around a barrier"
            raise UnsupportedError(Problem(message, loc, "choose between their elements"))
        return not self.control.uniform((var,))

    def around(self, stmt: Stmt) -> Stmt:
        """A branch or loop around regions: it carries and defines what is the same for all threads."""
        slots = self.keeper.slots
        if isinstance(stmt, If):
            own = [r for r in stmt.results if r.var in slots]
            then = self.split(stmt.then, [(r.var, r.then) for r in own])
            orelse = self.split(stmt.orelse, [(r.var, r.orelse) for r in own])
            results = tuple(r for r in stmt.results if r.var not in slots)
            return replace(stmt, then=then, orelse=orelse, results=results)  # type: ignore[arg-type]  # still to grow
        assert isinstance(stmt, For | While)
        last = [(c.inside, c.next) for c in stmt.carried if c.inside in slots]
        carried = tuple(c for c in stmt.carried if c.inside not in slots)
        return replace(stmt, carried=carried, body=self.split(stmt.body, last))  # type: ignore[arg-type]

    # -- then: what regions need of others -------------------------------------------------------------------------

    def finished(self, block: list[Stmt]) -> Block:
        """A block with its regions as loops over threads."""
        self.keeper.keep(block)
        return self.loops(block)

    def loops(self, block: list[Stmt] | Block) -> Block:
        out: list[Stmt] = []
        for stmt in block:
            match stmt:
                case Region():
                    out += self.nest(tuple(stmt.body))
                case If():
                    out.append(replace(stmt, then=self.loops(stmt.then), orelse=self.loops(stmt.orelse)))
                case For() | While():
                    out.append(replace(stmt, body=self.loops(stmt.body)))
                case _:
                    out.append(stmt)
        return tuple(out)

    def nest(self, body: Block) -> Block:
        """The loops over threads around a region, with indices of their own."""
        loc = next((s.loc for s in body if s.loc.line), self.function.loc)
        fresh: dict[Var, Atom] = {}
        axes = [(axis, index, Var(index.hint, index.type), extent) for axis, index, extent in self.launch.thread_axes()]
        fresh.update((index, own) for _, index, own, _ in axes)
        body = substitute(body, fresh)
        for axis, _, own, extent in reversed(axes):
            body = (For(own, ZERO, extent, ONE, (), body, parallel=True, axis=axis, loc=loc),)
        return body
