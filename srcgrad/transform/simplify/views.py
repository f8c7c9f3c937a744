"""Elements of rows as elements of the whole array: what a loop does to rows of its own then shows in the indices.

    row = a[i]                               row = a[i]
    for j in range(m):           ->          for j in range(m):
        row[j] += x[j]                           a[i, j] += x[j]

A view stays where something else needs it, such as a routine of a library.
"""

from __future__ import annotations

from dataclasses import replace

from srcgrad.ir.nodes import (
    Assign,
    Atom,
    Const,
    Function,
    Increment,
    Load,
    NewAxis,
    Slice,
    Stmt,
    Store,
    View,
    integer,
)
from srcgrad.ir.walk import rebuilt, statements


def see_through_views(function: Function) -> Function:
    """Address elements of views by integers, whole axes and transposition in the arrays that they are views of.

    >>> from srcgrad.ir.nodes import ZERO, Var
    >>> from srcgrad.ir.types import FLOAT64, Array
    >>> a, row, x = Var("a", Array("float64", 2, "C")), Var("row", Array("float64", 1, "C")), Var("x", FLOAT64)
    >>> body = (View(row, a, "index", (ZERO,)), Increment(row, (ZERO,), x))
    >>> see_through_views(Function("f", (a, x), body, (), ())).body[1].array
    %a
    """
    views = {s.target: s for s in statements(function.body) if isinstance(s, View) and _is_plain(s)}
    if not views:
        return function

    def change(stmt: Stmt) -> Stmt:
        while isinstance(stmt, Load | Store | Increment) and stmt.array in views:
            view = views[stmt.array]
            stmt = replace(stmt, array=view.base, index=_in_base(view, stmt.index))
        while isinstance(stmt, Assign) and stmt.op == "shape" and stmt.args[0] in views:
            view = views[stmt.args[0]]  # type: ignore[index]
            axis = _axis(view, stmt.args[1].value)  # type: ignore[union-attr]
            if axis is None:
                break
            stmt = replace(stmt, args=(view.base, axis))
        return stmt

    return replace(function, body=rebuilt(function.body, change))


def _is_plain(view: View) -> bool:
    if view.how == "transpose":
        return True
    whole = (i == Slice() or not isinstance(i, Slice) for i in view.items)
    return view.how == "index" and all(whole)


def _order(view: View) -> list[int]:
    """For each axis of a transposed array, which of its base it is."""
    order = [a.value for a in view.items if isinstance(a, Const)]
    return order or list(reversed(range(view.target.type.ndim)))  # type: ignore[return-value, union-attr]


def _in_base(view: View, index: tuple[Atom, ...]) -> tuple[Atom, ...]:
    """The index in the array that a view is of."""
    own = list(index)
    if view.how == "transpose":
        return tuple(own[k] for k in sorted(range(len(own)), key=_order(view).__getitem__))
    out: list[Atom] = []
    for item in view.items:
        if isinstance(item, NewAxis):
            own.pop(0)
        else:
            out.append(own.pop(0) if isinstance(item, Slice) else item)
    return (*out, *own)


def _axis(view: View, axis: int) -> Const | None:
    """Which axis of its base an axis of a view is; None for a new one."""
    if view.how == "transpose":
        return integer(_order(view)[axis])
    base = [k for k, i in enumerate(i for i in view.items if not isinstance(i, NewAxis)) if isinstance(i, Slice)]
    own = iter(base)
    axes = [None if isinstance(i, NewAxis) else next(own) for i in view.items if isinstance(i, NewAxis | Slice)]
    rest = sum(not isinstance(i, NewAxis) for i in view.items)
    found = axes[axis] if axis < len(axes) else rest + axis - len(axes)
    return None if found is None else integer(found)
