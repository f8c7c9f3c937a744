"""What an expression can be while a function is lowered: an IR atom, or one of these."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from srcgrad.ir.nodes import Atom, Const, Function, Undef, Var
from srcgrad.ir.types import Array, Scalar, Type, unify

if TYPE_CHECKING:
    from srcgrad.transform.lower.scope import Scope


@dataclass(frozen=True)
class Static:
    """A Python object known while lowering: None, a string, a module, a dtype, a function, an object of the user's.

    `path` reads it again at a later call, where it came from a global or a closure.
    """

    object: Any
    path: Callable[[], Any] | None = None


@dataclass(frozen=True)
class Tuple:
    """A tuple, or a list display; `cls` is the namedtuple class."""

    items: tuple[Any, ...]
    cls: type | None = None
    is_list: bool = False


@dataclass(frozen=True)
class Growing:
    """A list that a loop appends to, as an array of its elements: appending makes a longer one."""

    data: Var


@dataclass(frozen=True)
class Closure:
    """A lambda or inner function, with the scope that it reads names from."""

    node: ast.FunctionDef | ast.Lambda
    scope: Scope
    defaults: tuple[Any, ...] = ()
    kw_defaults: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Bound:
    """A method of an array or tuple, looked up but not yet called."""

    owner: Any
    method: str


@dataclass(frozen=True)
class Range:
    start: Atom
    stop: Atom
    step: Atom
    snapshots: int | None = None  # of a checkpointed loop; 0 leaves the number open
    parallel: bool = False


@dataclass(frozen=True)
class Items:
    """Something to iterate over: a length and a way to get item number `i`."""

    length: Atom
    item: Callable[[Atom], Any]


@dataclass(frozen=True)
class IndexGrid:
    """`np.ndindex(shape)`."""

    shape: tuple[Atom, ...]


@dataclass(frozen=True, eq=False)
class Elements:
    """An array expression that is not computed yet: `item` computes one element.

    `reads` holds the arrays that it reads, each with whether it reads the element that it computes; `cost` is about
    the number of additions that an element takes. Where NumPy has a view, `shows` holds the arrays that it shows.
    """

    shape: tuple[Atom, ...]
    dtype: str
    item: Callable[[tuple[Atom, ...]], Atom]
    reads: tuple[tuple[Var, bool], ...] = ()
    cost: int = 0
    shows: tuple[Var, ...] = ()
    node: Any = None

    @property
    def type(self) -> Array:
        return Array(self.dtype, len(self.shape), "C")


@dataclass(frozen=True)
class FormattedText:
    """An f-string with run-time values, for print: its text as a format string, and the atoms for it."""

    text: str
    args: tuple[Atom, ...]


class _Unbound:
    def __repr__(self) -> str:
        return "UNBOUND"


class _Poison:
    """The value of an expression that was refused: it silences errors that would only follow from that one."""

    def __repr__(self) -> str:
        return "POISON"


@dataclass(frozen=True)
class Mismatch:
    """The value of a name that two paths bind to things that do not fit; an error where it is read."""

    one: str
    other: str


class _Pending:
    """The value, while a loop body is lowered for the first time, of a name that an earlier iteration may bind."""

    def __repr__(self) -> str:
        return "PENDING"


UNBOUND = _Unbound()
PENDING = _Pending()
POISON = _Poison()

Value = Any
ATOMS = (Var, Const, Undef)


def is_atom(value: Value) -> bool:
    return isinstance(value, ATOMS)


def is_array(value: Value) -> bool:
    return isinstance(value, Var) and isinstance(value.type, Array)


def is_operand(value: Value) -> bool:
    """Whether a value is an array, computed or not."""
    return is_array(value) or isinstance(value, Elements)


def is_scalar(value: Value) -> bool:
    return isinstance(value, ATOMS) and isinstance(value.type, Scalar)


def leaves(value: Value) -> list[Atom]:
    """The atoms in a value; for something that is no atom or tuple of atoms, none."""
    if isinstance(value, Tuple):
        return [leaf for item in value.items for leaf in leaves(item)]
    if isinstance(value, Growing):
        return [value.data]
    return [value] if is_atom(value) else []


def rebuild(value: Value, atoms: list[Atom]) -> Value:
    """`value` with its atoms replaced, in order, by those popped from the front of `atoms`."""
    if isinstance(value, Tuple):
        return Tuple(tuple(rebuild(item, atoms) for item in value.items), value.cls, value.is_list)
    if isinstance(value, Growing):
        data = atoms.pop(0)
        return Growing(data) if isinstance(data, Var) else UNBOUND
    return atoms.pop(0) if is_atom(value) else value


def refill(value: Value, atoms: list[Atom]) -> Value:
    """A result's structure around other atoms, in order, one for each of its atoms."""
    return rebuild(value, list(atoms))


def same_structure(a: Value, b: Value) -> bool:
    """Whether two values differ only in their atoms."""
    if isinstance(a, Tuple) and isinstance(b, Tuple):
        same = a.cls is b.cls and len(a.items) == len(b.items)
        return same and all(same_structure(x, y) for x, y in zip(a.items, b.items, strict=True))
    if (is_atom(a) and is_atom(b)) or (isinstance(a, Growing) and isinstance(b, Growing)):
        return True
    if isinstance(a, Static) and isinstance(b, Static):
        return a.object is b.object or (isinstance(a.object, str) and a.object == b.object)
    return a is b or (isinstance(a, Closure) and a == b)


def escapes(value: Value) -> bool:
    """Whether a value holds atoms that merging does not see: those of closures, ranges and bound methods."""
    if isinstance(value, Tuple):
        return any(escapes(v) for v in value.items)
    return not (is_atom(value) or isinstance(value, Static | Mismatch | Growing) or value in (UNBOUND, POISON, PENDING))


def join_types(a: Value, b: Value) -> list[Type] | None:
    """The types of the atoms of a name that is `a` on one path and `b` on another; None where they do not fit."""
    if not same_structure(a, b):
        return None
    types = [unify(x.type, y.type) for x, y in zip(leaves(a), leaves(b), strict=True)]
    return None if any(t is None for t in types) else types  # type: ignore[return-value]


def describe(value: Value) -> str:
    """A value in words, for error messages."""
    if isinstance(value, Tuple):
        return "a list" if value.is_list else "a tuple"
    if isinstance(value, Growing):
        return "a list"
    if is_operand(value):
        return f"a {value.type.ndim}-d {value.type.dtype} array"
    if is_atom(value):
        return {"f": "a float", "i": "an int", "u": "an int", "b": "a bool"}.get(str(value.type)[0], "a value")
    if isinstance(value, Static):
        return {str: "a string", type(None): "None"}.get(type(value.object), f"{value.object!r}")
    if isinstance(value, Range):
        return "a range"
    return "a function" if isinstance(value, Closure) else "a value"


# -- what lowering takes and gives ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lowered:
    """A function in IR, what it captured, and the shape of its result (a nested `Tuple` of atoms and statics).

    `facts` are conditions on the shapes of the arguments under which it is right, as Python over the list `p` of them.
    """

    function: Function
    captures: tuple[Any, ...]
    result: Value
    facts: tuple[str, ...] = ()
    large: tuple[str, ...] = ()  # conditions under which a tape takes more memory than it should
