"""Where things stand: the tree of blocks of a function, the order of its statements, and what runs after what."""

from __future__ import annotations

from dataclasses import dataclass, field

from srcgrad.ir.nodes import Block, For, Function, If, Loop, Stmt, Var, View, While
from srcgrad.ir.walk import defined, introduced


@dataclass(eq=False)
class Place:
    """A block. `loop` is the innermost loop whose body it is in, `owner` the statement that it belongs to."""

    parent: Place | None
    owner: Stmt | None
    loop: Place | None = None  # the place that is that loop's body
    depth: int = 0
    children: list[Place] = field(default_factory=list)

    @property
    def loops(self) -> list[Place]:
        """The bodies of the loops around, outermost first, this block's own included."""
        return [] if self.loop is None else [*(self.loop.parent.loops if self.loop.parent else []), self.loop]

    def within(self, other: Place) -> bool:
        """Whether this block is `other` or inside it."""
        place: Place | None = self
        while place is not None and place.depth > other.depth:
            place = place.parent
        return place is other


@dataclass(frozen=True)
class Places:
    """Result of `find_places`.

    Attributes:
        root: the function's body.
        of: the block that defines each var.
        home: the statement that defines each var; for what a loop gives its body, the loop.
        at: the block that each statement is in.
        order: the textual position of each statement.
        sides: the places of an `If`'s two blocks, or of a loop's body.
    """

    root: Place
    of: dict[Var, Place]
    home: dict[Var, Stmt]
    at: dict[Stmt, Place]
    order: dict[Stmt, int]
    sides: dict[Stmt, tuple[Place, ...]]

    def common_loops(self, a: Stmt, b: Stmt) -> list[Place]:
        """The bodies of the loops around both statements, outermost first."""
        theirs = self.at[b].loops
        return [p for p in self.at[a].loops if p in theirs]

    def may_follow(self, later: Stmt, earlier: Stmt) -> bool:
        """Whether some execution of `later` can come after some execution of `earlier`."""
        return self.order[later] > self.order[earlier] or bool(self.common_loops(later, earlier))

    def root_of(self, handle: Var) -> Var:
        """The handle that a chain of views starts at."""
        while isinstance(stmt := self.home.get(handle), View):
            handle = stmt.base
        return handle

    def in_parallel(self, stmt: Stmt) -> bool:
        """Whether a statement runs in iterations of a parallel loop."""
        around = [self.loop_of(p) for p in self.at[stmt].loops]
        return any(isinstance(loop, For) and loop.parallel for loop in around)

    def loop_of(self, body: Place) -> Loop:
        assert isinstance(body.owner, For | While)
        return body.owner


def find_places(function: Function) -> Places:
    """The tree of blocks of `function`."""
    root = Place(None, None)
    places = Places(root, {}, {}, {}, {}, {})
    for p in function.params:
        places.of[p] = root
    _block(function.body, root, places)
    return places


def _block(block: Block, place: Place, places: Places) -> None:
    for stmt in block:
        places.at[stmt] = place
        places.order[stmt] = len(places.order)
        for var in defined(stmt):
            places.of[var], places.home[var] = place, stmt
        if isinstance(stmt, If):
            sides = tuple(Place(place, stmt, place.loop, place.depth + 1) for _ in range(2))
            places.sides[stmt] = sides
            for side, inner in zip(sides, (stmt.then, stmt.orelse), strict=True):
                _block(inner, side, places)
        elif isinstance(stmt, For | While):
            body = Place(place, stmt, None, place.depth + 1)
            body.loop = body
            places.sides[stmt] = (body,)
            for var in introduced(stmt):
                places.of[var], places.home[var] = body, stmt
            _block(stmt.body, body, places)
