"""What is known of one function, for the passes that ask which iterations of its loops share what."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

from srcgrad.ir.nodes import Alloc, Function, Load, Order, Var
from srcgrad.transform.analysis.aliases import Aliases, find_aliases
from srcgrad.transform.analysis.meetings import Meetings
from srcgrad.transform.analysis.places import Places, find_places
from srcgrad.transform.analysis.scratch import Scratch
from srcgrad.transform.analysis.signs import Signs


@dataclass(frozen=True)
class Analyses:
    """Of a function: which handles may show the same memory, where things stand, which arrays are scratch arrays."""

    function: Function
    aliases: Aliases
    places: Places
    scratch: Scratch
    assumed: Mapping[Load, Order] = field(default_factory=dict)  # of loads that do not say so themselves

    def may_meet(self, a: Var, b: Var) -> bool:
        """Whether two handles can show the same memory at one moment; an array that is made later is another one."""
        return self.aliases.may_meet(a, b) and not self._is_older(a, b) and not self._is_older(b, a)

    def _is_older(self, handle: Var, array: Var) -> bool:
        """Whether `array` is made anew, each time, after `handle` has got its value."""
        alloc, home = self.places.home.get(array), self.places.home.get(handle)
        if not isinstance(alloc, Alloc) or handle is array:
            return False
        before = home is None or self.places.order[home] < self.places.order[alloc]
        return before and self.places.at[alloc].within(self.places.of[handle])

    @functools.cached_property
    def meetings(self) -> Meetings:
        """Which accesses may be to the same element; made when it is first asked for, as few functions need it."""
        return Meetings(self.places, self.aliases, Signs(self.function, self.aliases), self.assumed)


def analyses_of(
    function: Function, aliases: Aliases | None = None, places: Places | None = None
) -> Analyses:  # fmt: skip
    """The analyses of `function`, with those that there are already."""
    aliases = aliases or find_aliases(function)
    return Analyses(function, aliases, places or find_places(function), Scratch(function, aliases))
