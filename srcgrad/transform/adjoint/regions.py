"""What the writer of the reverse sweep knows of each block and of each loop."""

from __future__ import annotations

from dataclasses import dataclass, field

from srcgrad.ir.nodes import Atom, Carried, For, Loop, Stmt, Var
from srcgrad.ir.types import INT64
from srcgrad.transform.adjoint.snapshots import Snapshot
from srcgrad.transform.analysis.places import Place


@dataclass(eq=False)
class Region:
    """The reverse of one block: what it brings in first, and the values and adjoint handles known in it."""

    place: Place
    parent: Region | None
    prologue: list[Stmt] = field(default_factory=list)
    values: dict[Var, Atom] = field(default_factory=dict)
    adjoints: dict[Var, Var] = field(default_factory=dict)
    rotation: tuple[Carried, ...] = ()  # the handles that the loop carries in turns, if the block is a loop's
    copies: dict[Snapshot, Var] = field(default_factory=dict)
    base: Var = field(default_factory=lambda: Var("base", INT64))  # first slot of this run of the loop
    counter: Var | None = None  # the iteration number, where the loop has no index of its own
    slot: tuple[Atom, ...] = ()


@dataclass(eq=False)
class LoopPlan:
    """How the values of a loop's iterations are stored.

    A rectangular nest has tapes with one axis a loop, allocated before it. Any other loop has flat tapes that grow: the
    iterations of one run of the loop take consecutive slots after those of earlier runs, of which `top` is the count.
    """

    loop: Loop
    place: Place
    rectangular: bool
    stored: dict[Var, Var] = field(default_factory=dict)  # value -> tape
    saves: bool = False  # whether arrays of its iterations are on a flat tape
    top: Var = field(default_factory=lambda: Var("top", INT64))

    @property
    def grows(self) -> bool:
        """Whether it has tapes that grow."""
        return (bool(self.stored) or self.saves) and not self.rectangular

    @property
    def counted(self) -> bool:
        """Whether the number of trips is known when the loop starts."""
        return isinstance(self.loop, For) and self.loop.exit is None


@dataclass(frozen=True, eq=False)
class OneByOne:
    """A loop whose iterations are reversed one at a time, and the indices of what may take its place.

    `once` is that of the loop that runs both sweeps, in place of the loop and its reverse, if there is one; `again`
    that of the reverse, which runs each iteration again. `repeatable` says that this finds what the loop itself found.
    """

    loop: For
    once: Var | None
    again: Var
    repeatable: bool
