"""The reverse of loops that carry array handles in turns (`u, v = v, u`) carries the adjoints in opposite turns."""

from __future__ import annotations

from srcgrad.ir.nodes import Carried, Var
from srcgrad.transform.adjoint.plan import Plan
from srcgrad.transform.adjoint.regions import Region
from srcgrad.transform.analysis.rotations import cycle_of


def turned_back(plan: Plan, region: Region) -> tuple[Carried, ...]:
    """What the reverse of a loop carries of the adjoints of handles that the loop carries in turns.

    A handle inside of the loop, at its end handed on as another one, has for adjoint what that one had: so the reversed
    loop carries the adjoints in opposite turns. `init` is the handle of which it is to start with the adjoint.
    """
    asked = [c for c in region.rotation if c.inside in region.adjoints]
    found = dict.fromkeys(other for c in asked for other in cycle_of(c.inside, region.rotation))
    apart = all(not plan.aliases.may_meet(a.inside, b.inside) for a in found for b in found if a is not b)
    out = []
    for c in found:
        assert isinstance(c.next, Var)
        now, before = plan.adjoint(c.next), plan.adjoint(c.inside)
        out.append(Carried(now, c.result, before, Var(now.hint, now.type), apart))
    return tuple(out)
