"""The nodes of the IR.

Scalars and array handles are in SSA form with structured control flow, in the way of MLIR's scf dialect: a loop
declares the values that it carries (initial value, value inside, next value, result), an `If` declares its results.
Nothing is overwritten except array elements.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from srcgrad.ir.location import NOWHERE, Location
from srcgrad.ir.types import BOOL, FLOAT64, INT64, Array, Scalar, Type


@dataclass(frozen=True, eq=False)
class Var:
    """An SSA value. `hint` is the user's name for it, or "" for a temporary; identity is the object's."""

    hint: str
    type: Type

    def __repr__(self) -> str:
        return f"%{self.hint or 'tmp'}"


@dataclass(frozen=True)
class Const:
    """A constant. `weak` is a literal that takes the float type of its partner, as in NumPy 2."""

    value: Any
    type: Type
    weak: bool = field(default=False, compare=False)

    def __repr__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True)
class Undef:
    """The value of a name on a path that never bound it. `silent` ones are provably not read and not printed."""

    type: Type
    silent: bool = False


Atom = Var | Const | Undef


@dataclass(frozen=True)
class Slice:
    """`start:stop:step` in a view; None as in Python."""

    start: Atom | None = None
    stop: Atom | None = None
    step: Atom | None = None


@dataclass(frozen=True)
class NewAxis:
    """`None` in an index."""


@dataclass(frozen=True, eq=False)
class Stmt:
    loc: Location = field(default=NOWHERE, kw_only=True)


@dataclass(frozen=True, eq=False)
class Assign(Stmt):
    """`target = op(*args)` on scalars; `op` is a name in `ir.ops`.

    `loose` says of a sum that its terms may be added in any order.
    """

    target: Var
    op: str
    args: tuple[Atom, ...]
    loose: bool = False


STRONG = ("strong*", "strong/")  # `x * y` and `x / y`, but 0 where x is 0, whatever y is


@dataclass(frozen=True, eq=False)
class Order:
    """What has been looked at before a parallel loop: integers of an array, at the places where the loop loads them.

    None is below 0. They are "distinct", or "rising": none is below those at lower indices.
    """

    kind: str


@dataclass(frozen=True, eq=False)
class Load(Stmt):
    """`target = array[index]`, one element, one of an `order` if that is known."""

    target: Var
    array: Var
    index: tuple[Atom, ...]
    order: Order | None = None


@dataclass(frozen=True, eq=False)
class Store(Stmt):
    """`array[index] = value`, one element."""

    array: Var
    index: tuple[Atom, ...]
    value: Atom


@dataclass(frozen=True, eq=False)
class Increment(Stmt):
    """`array[index] += value`. `sharing` is "atomic" where several threads may add to the element at once, "warp"
    where all those of a GPU that run side by side do.

    `loose` says that what is added to one element may be added in any order.
    """

    array: Var
    index: tuple[Atom, ...]
    value: Atom
    sharing: str = "exclusive"
    loose: bool = False


@dataclass(frozen=True, eq=False)
class Alloc(Stmt):
    """A new array. `fill` is "empty", "zeros" or "ones"; `like` names an array of the same shape, for the printer.

    `tape` says that each element is stored before it is loaded, in the same iteration of the loops of its nest;
    `cleared`, that every iteration of the loop that uses it leaves all elements zero; `padded`, that each iteration
    loads what it has stored itself, or elements that stay zero. `space` is its memory on a GPU: "local" to a thread,
    "shared" by a block, or "" for global memory.
    """

    target: Var
    fill: str
    shape: tuple[Atom, ...]
    like: Var | None = None
    tape: bool = False
    cleared: bool = False
    padded: bool = False
    space: str = ""


@dataclass(frozen=True, eq=False)
class View(Stmt):
    """A handle onto memory of `base`. `how` is "index" (atoms, slices, new axes), "transpose", "reshape", "same"."""

    target: Var
    base: Var
    how: str
    items: tuple[Atom | Slice | NewAxis, ...] = ()


@dataclass(frozen=True, eq=False)
class Reserve(Stmt):
    """`target = base`, or a larger copy of it where it has fewer than `size` elements: growth of a tape."""

    target: Var
    base: Var
    size: Atom


@dataclass(frozen=True, eq=False)
class ListNew(Stmt):
    """A list of the array handles `items`."""

    target: Var
    items: tuple[Var, ...]


@dataclass(frozen=True, eq=False)
class ListAppend(Stmt):
    """`list.append(item)`."""

    list: Var
    item: Var


@dataclass(frozen=True, eq=False)
class ListGet(Stmt):
    """`target = list[index]`: a handle."""

    target: Var
    list: Var
    index: Atom


@dataclass(frozen=True, eq=False)
class Effect(Stmt):
    """`print`, `assert` or `raise`: `text` with {0}, {1}, ... for its arguments. Runs once, in the forward sweep."""

    text: str
    args: tuple[Atom, ...]
    imports: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Custom(Stmt):
    """The derivative of `outs`, values defined before it and cut off from `args`, is as the user wrote it.

    `pullback` takes `residuals` and one cotangent for each of `outs`, and returns one cotangent for each of `args`.
    It says nothing to the primal: it is left out of the text.
    """

    outs: tuple[Var, ...]
    args: tuple[Atom, ...]
    residuals: tuple[Atom, ...]
    pullback: Function
    name: str


@dataclass(frozen=True, eq=False)
class Call(Stmt):
    """`targets = function(*args)`: a helper that is too long to be written out. Its results are numbers.

    `writes` holds the positions of array arguments that it adds to. With a `grid`, the numbers of iterations along its
    axes, outermost first, it is the launch of a kernel; with `threads`, those of a block along x, y and z, `grid` holds
    the numbers of blocks.
    """

    targets: tuple[Var, ...]
    function: Function
    args: tuple[Atom, ...]
    writes: tuple[int, ...] = ()
    grid: tuple[Atom, ...] = ()
    threads: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Library(Stmt):
    """A routine of BLAS or LAPACK: it reads the arrays `ins` and fills the new arrays `outs`.

    `derivative` gives its pullback or tangents in IR for argument types, see `rules.routines`.
    """

    name: str
    outs: tuple[Var, ...]
    ins: tuple[Var, ...]
    derivative: Callable[[str, tuple[Type, ...]], Function]


@dataclass(frozen=True, eq=False)
class Result:
    """A value that an `If` defines."""

    var: Var
    then: Atom
    orelse: Atom


@dataclass(frozen=True, eq=False)
class If(Stmt):
    cond: Atom
    then: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]
    results: tuple[Result, ...] = ()


@dataclass(frozen=True, eq=False)
class Carried:
    """A value that a loop carries; `result` is its value after the last iteration, `init` where there was none.

    `apart` says of an array handle that, at any one moment, it shows other memory than the others that are apart.
    """

    inside: Var
    init: Atom
    next: Atom
    result: Var
    apart: bool = False


@dataclass(frozen=True, eq=False)
class For(Stmt):
    """`for index in range(start, stop, step)`. Where `exit` is true at the end of an iteration, it is the last.

    `mode` is "sequential" as the user wrote it, "elementwise" for a loop that stands for an array expression,
    "reversed" for the reverse of a sequential one whose iterations can run in any order, or "threads" for a loop over
    chunks of another one, which run at once. `snapshots` is how many the
    reverse sweep of a checkpointed loop keeps, 0 for about the root of the number of iterations, None for an ordinary
    loop. `parallel` says that the user wrote `prange`, or that it is the reverse of such a loop; `axis` that the
    iterations are the blocks or the threads of a kernel: "block.x", "thread.y", ...
    """

    index: Var
    start: Atom
    stop: Atom
    step: Atom
    carried: tuple[Carried, ...]
    body: tuple[Stmt, ...]
    exit: Atom | None = None
    mode: str = "sequential"
    snapshots: int | None = None
    parallel: bool = False
    axis: str = ""


@dataclass(frozen=True, eq=False)
class While(Stmt):
    """Run `body` as long as the condition holds: `cond` at entry, `again` (computed in the body) afterwards."""

    cond: Atom
    again: Atom
    carried: tuple[Carried, ...]
    body: tuple[Stmt, ...]


@dataclass(frozen=True, eq=False)
class Sweep(Stmt):
    """A checkpointed loop, closed, while its function is being reversed: `targets` are the numbers that it carries.

    `segment(first, last, *numbers, *free, *arrays)` runs `for index in range(first, last, step)` and returns the
    numbers; `replay` does so without prints and assertions. `numbers` are given as `inits`. `state` holds the positions
    of the arrays that the loop overwrites, `blank` those of them that it never reads.
    """

    targets: tuple[Var, ...]
    bounds: tuple[Atom, Atom, Atom]
    inits: tuple[Atom, ...]
    free: tuple[Atom, ...]
    arrays: tuple[Var, ...]
    state: tuple[int, ...]
    blank: tuple[int, ...]
    segment: Function
    replay: Function
    snapshots: int


@dataclass(frozen=True, eq=False)
class Function:
    """A function over scalars and array handles.

    `params` is flat; `signature` says how they make up the user's parameters: pairs of a name and a nested tuple of
    vars (None for one that is specialised away). `results` likewise is a nested tuple of atoms.
    """

    name: str
    params: tuple[Var, ...]
    body: tuple[Stmt, ...]
    results: Any
    signature: tuple[tuple[str, Any], ...]
    loc: Location = NOWHERE


Loop = For | While
Block = tuple[Stmt, ...]

ZERO = Const(0, INT64)
ONE = Const(1, INT64)
TRUE = Const(True, BOOL)
FALSE = Const(False, BOOL)


def number(value: float, like: Type = FLOAT64) -> Const:
    """A float constant of the element type of `like`."""
    assert isinstance(like, Scalar | Array)
    return Const(float(value), Scalar(like.dtype))


def integer(value: int) -> Const:
    return Const(int(value), INT64)


def flatten(tree: Any) -> list[Any]:
    """Leaves of a nested tuple, left to right, leaving out None.

    >>> flatten(((1, None), 2))
    [1, 2]
    """
    if isinstance(tree, tuple):
        return [leaf for branch in tree for leaf in flatten(branch)]
    return [] if tree is None else [tree]
