"""Which long helpers the reverse sweep can run again."""

from __future__ import annotations

from srcgrad.ir.nodes import Call, Function, Var
from srcgrad.ir.types import Array
from srcgrad.ir.walk import statements
from srcgrad.transform.analysis.aliases import find_aliases
from srcgrad.transform.analysis.places import find_places
from srcgrad.transform.analysis.stability import Stability
from srcgrad.transform.inline import inline_calls


def settle_calls(function: Function) -> Function:
    """Write out the helpers whose reverse cannot run them again: an array that they read is overwritten later.

    So are those that add to arrays, which generated code calls: their reverse is found statement by statement.
    """
    aliases, places = find_aliases(function), find_places(function)
    stability = Stability(function, aliases, places)

    def unsettled(call: Call) -> bool:
        arrays = [a for a in call.args if isinstance(a, Var) and isinstance(a.type, Array)]
        fixed = all(places.of[a].loop is None and stability.is_not_written_after(a, call) for a in arrays)
        return bool(call.writes) or not fixed

    if not any(isinstance(s, Call) for s in statements(function.body)):
        return function
    return inline_calls(function, unsettled)
