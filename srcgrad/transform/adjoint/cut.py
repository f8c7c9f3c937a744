"""Which values to store: a minimum cut between what cannot be had again and what the reverse sweep asks for.

W. S. Moses, V. Churavy, Instead of rewriting foreign code for machine learning, automatically synthesize fast
gradients (Enzyme), NeurIPS 2020, section 3, and L. Hascoet, M. Araya-Polo, The adjoint data-flow analyses (2006).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from srcgrad.ir.nodes import Assign, Atom, For, If, Load, Var
from srcgrad.ir.walk import operands, statements
from srcgrad.transform.adjoint.plan import Plan
from srcgrad.transform.adjoint.snapshots import Snapshot, cost_of_storing

Keepable = Var | Snapshot
Node = tuple[Keepable, int]  # a value as something to compute (0), and as something that is there (1)
INFINITE = 10**30


def values_to_store(plan: Plan) -> frozenset[Keepable]:
    """The smallest set of values that, once stored, gives all that has been asked of `plan`.

    Of equally small sets, the one nearest to what is asked for: less is computed again.
    """
    graph, asked, lost = _flow_graph(plan)
    residual: dict[object, dict[object, int]] = {}

    def edge(a: object, b: object, capacity: int) -> None:
        residual.setdefault(a, {})[b] = residual.get(a, {}).get(b, 0) + capacity
        residual.setdefault(b, {}).setdefault(a, 0)

    for var, needs in graph.items():
        edge((var, 0), (var, 1), _cost(plan, var))
        for needed in needs:
            edge((needed, 1), (var, 0), INFINITE)
    for var in lost:
        edge("source", (var, 0), INFINITE)
    for var in asked:
        edge((var, 1), "sink", INFINITE)
    if "source" not in residual or "sink" not in residual:
        return frozenset()
    while _augment(residual):
        pass
    reaching = _backwards(residual)
    return frozenset(v for v in graph if (v, 1) in reaching and (v, 0) not in reaching)


def _cost(plan: Plan, kept: Keepable) -> int:
    if isinstance(kept, Snapshot):
        return plan.snapshots.cost(kept)
    return cost_of_storing(plan.places, plan.tape_place(kept))


def _flow_graph(plan: Plan) -> tuple[dict[Keepable, tuple[Keepable, ...]], list[Var], list[Keepable]]:
    """What each value that is asked for is computed from, in turn; what is asked for; what cannot be had again."""
    graph: dict[Keepable, tuple[Keepable, ...]] = {}
    lost: list[Keepable] = []
    asked = [v for v in plan.requests if not plan.is_at_hand(v)]
    work: list[Keepable] = list(asked)
    while work:
        var = work.pop()
        if var in graph:
            continue
        needs = _needs(plan, var)
        if needs is None:
            lost.append(var)
        graph[var] = tuple(dict.fromkeys(a for a in needs or () if _is_needed(plan, a)))  # type: ignore[misc]
        work += graph[var]
    return graph, asked, lost


def _is_needed(plan: Plan, a: Atom | Snapshot) -> bool:
    return isinstance(a, Snapshot) or (isinstance(a, Var) and not plan.is_at_hand(a))


def _needs(plan: Plan, var: Keepable) -> Iterable[Atom | Snapshot] | None:
    """What a value is computed from; None where it cannot be computed again."""
    if isinstance(var, Snapshot):
        return None
    if var in plan.kept:
        return plan.kept[var].index
    stmt = plan.places.home[var]
    if not plan.is_recomputed(var, stmt):
        snapshot = plan.snapshot_of(stmt)
        return None if snapshot is None else (snapshot, *stmt.index)  # type: ignore[attr-defined]
    match stmt:
        case Assign(op="shape"):
            return ()
        case Assign():
            return stmt.args
        case Load():
            return stmt.index
        case If():
            inside = [*statements(stmt.then), *statements(stmt.orelse)]
            own = {s.target for s in inside if isinstance(s, Assign | Load)}
            read = [a for s in inside for a in (s.index if isinstance(s, Load) else operands(s))]
            arms = [a for r in stmt.results if r.var is var for a in (r.then, r.orelse)]
            return [a for a in (stmt.cond, *read, *arms) if a not in own]
        case For() | _:
            return None


def _augment(residual: dict) -> bool:
    """Push flow along one shortest path from the source to the sink."""
    before: dict[object, object] = {"source": None}
    queue: deque[object] = deque(["source"])
    while queue and "sink" not in before:
        node = queue.popleft()
        for other, capacity in residual[node].items():
            if capacity > 0 and other not in before:
                before[other] = node
                queue.append(other)
    if "sink" not in before:
        return False
    path = []
    node: object = "sink"
    while before[node] is not None:
        path.append((before[node], node))
        node = before[node]
    pushed = min(residual[a][b] for a, b in path)
    for a, b in path:
        residual[a][b] -= pushed
        residual[b][a] += pushed
    return True


def _backwards(residual: dict) -> set:
    """The nodes from which the sink can still be reached."""
    found: set[object] = {"sink"}
    queue: deque[object] = deque(["sink"])
    while queue:
        node = queue.popleft()
        for other in residual[node]:
            if residual[other][node] > 0 and other not in found:
                found.add(other)
                queue.append(other)
    return found
