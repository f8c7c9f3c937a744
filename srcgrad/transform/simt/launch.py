"""What a kernel is compiled for: the shape of its blocks, and the indices that its threads ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from srcgrad.ir.arguments import BlockShape
from srcgrad.ir.nodes import ONE, ZERO, Alloc, Atom, Effect, Stmt, Var, integer
from srcgrad.ir.types import INT64

AXES = "xyz"
ARGUMENTS = 4  # of a launch, after those of the kernel: gridDim along x, y and z, and the shape of the blocks


@dataclass(frozen=True, eq=False)
class Barrier(Effect):
    """`cuda.syncthreads()`, as long as a kernel is what one thread does; `fission` takes barriers away."""

    text: str = "cuda.syncthreads()"
    args: tuple[Atom, ...] = ()


@dataclass(eq=False)
class Launch:
    """The indices and extents that a kernel's threads see, along x, y and z.

    Along an axis with a single thread or block the index is the constant 0.

    Attributes:
        signature: the parameters for `grid`, as in `Function.signature`.
        shared: the shared arrays, by what allocates them: a line that runs again means the same memory.
    """

    block: tuple[int, int, int]
    grid: tuple[Atom, ...]
    blocks: tuple[Atom, ...]
    threads: tuple[Atom, ...]
    signature: tuple[tuple[str, Any], ...]
    shared: dict[Any, Alloc] = field(default_factory=dict)

    @property
    def params(self) -> tuple[Var, ...]:
        """The extents of the grid that are not 1."""
        return tuple(n for n in self.grid if isinstance(n, Var))

    @property
    def indices(self) -> tuple[Var, ...]:
        """The indices of the thread and its block that are not 0."""
        return tuple(i for i in (*self.blocks, *self.threads) if isinstance(i, Var))

    @property
    def counts(self) -> tuple[Atom, ...]:
        """How many threads a block has along each axis."""
        return tuple(integer(n) for n in self.block)

    def thread_axes(self) -> list[tuple[str, Var, Atom]]:
        """The name, index and extent of each axis of a block that has several threads, outermost first."""
        axes = zip(AXES, self.threads, self.counts, strict=True)
        return [(f"thread.{a}", i, n) for a, i, n in axes if isinstance(i, Var)][::-1]

    def block_axes(self) -> list[tuple[str, Var, Atom]]:
        """The same for the axes of the grid."""
        axes = zip(AXES, self.blocks, self.grid, strict=True)
        return [(f"block.{a}", i, n) for a, i, n in axes if isinstance(i, Var)][::-1]


def launch_of(arguments: Sequence[tuple[str, Any]]) -> Launch:
    """The launch that the last four arguments of a kernel describe: gridDim along x, y and z, and the `BlockShape`.

    An extent of the grid that is None is 1.
    """
    *extents, (last, constant) = arguments[-ARGUMENTS:]
    shape = constant.value
    assert isinstance(shape, BlockShape)
    block = (shape.x, shape.y, shape.z)
    grid = tuple(Var(name, INT64) if kind == INT64 else ONE for name, kind in extents)
    signature = tuple((n, e if isinstance(e, Var) else None) for (n, _), e in zip(extents, grid, strict=True))
    return Launch(
        block, grid, _indices("b", grid), _indices("t", tuple(integer(n) for n in block)), (*signature, (last, None))
    )  # fmt: skip


def _indices(letter: str, extents: tuple[Atom, ...]) -> tuple[Atom, ...]:
    several = sum(n != ONE for n in extents) > 1
    return tuple(
        ZERO if n == ONE else Var(f"{letter}{axis}" if several else letter, INT64)
        for axis, n in zip(AXES, extents, strict=True)
    )


def has_barrier(stmt: Stmt, inner: Sequence[Stmt]) -> bool:
    """Whether a statement is a barrier, or holds one among the statements `inner` inside it."""
    return isinstance(stmt, Barrier) or any(isinstance(s, Barrier) for s in inner)
