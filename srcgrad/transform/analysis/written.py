"""Which of its array parameters a function overwrites."""

from __future__ import annotations

from srcgrad.ir.nodes import Atom, Call, Function, Increment, Library, Store, Var
from srcgrad.ir.types import Array
from srcgrad.ir.walk import statements
from srcgrad.transform.analysis.aliases import find_aliases


def written_parameters(function: Function) -> frozenset[Var]:
    """The array parameters that the function overwrites, in whole or in part."""
    aliases = find_aliases(function)
    params = {p for p in function.params if isinstance(p.type, Array)}
    written: set[Var] = set()
    for s in statements(function.body):
        arrays: tuple[Atom, ...] = ()
        if isinstance(s, Store | Increment):
            arrays = (s.array,)
        elif isinstance(s, Call):
            arrays = tuple(s.args[k] for k in s.writes)
        elif isinstance(s, Library):
            arrays = s.outs
        written.update(b for a in arrays for b in aliases.bases[a])  # type: ignore[index]
    return frozenset(written & params)
