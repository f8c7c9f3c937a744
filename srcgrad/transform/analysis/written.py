"""Which of its array parameters a function overwrites."""

from __future__ import annotations

from srcgrad.ir.nodes import Function, Var
from srcgrad.ir.types import Array
from srcgrad.ir.walk import arrays_written, statements
from srcgrad.transform.analysis.aliases import find_aliases


def written_parameters(function: Function) -> frozenset[Var]:
    """The array parameters that the function overwrites, in whole or in part."""
    aliases = find_aliases(function)
    params = {p for p in function.params if isinstance(p.type, Array)}
    written = {b for s in statements(function.body) for a in arrays_written(s) for b in aliases.bases[a]}
    return frozenset(written & params)
