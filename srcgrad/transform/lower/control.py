"""Branches and loops: which names they carry, with which types."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from srcgrad.ir.nodes import FALSE, ONE, TRUE, Atom, Carried, Const, For, If, Result, Undef, Var, While
from srcgrad.ir.types import BOOL, INT64, Array, Scalar, Type, is_float
from srcgrad.ir.walk import uses
from srcgrad.transform.build import strong
from srcgrad.transform.lower import sizes, views
from srcgrad.transform.lower.scope import Scope, flag_of
from srcgrad.transform.lower.values import (
    PENDING,
    POISON,
    UNBOUND,
    Mismatch,
    Value,
    describe,
    escapes,
    is_scalar,
    join_types,
    leaves,
    rebuild,
)


def branch(scope: Scope, cond: Atom, then: Callable[[], Any], orelse: Callable[[], Any], node: ast.AST) -> None:
    """Lower both sides of an `if` and merge the names that they bind. A constant condition lowers one side only."""
    if isinstance(cond, Const):
        (then if cond.value else orelse)()
        return
    before = dict(scope.env)
    with scope.build.block() as first:
        then()
    one, scope.env = scope.env, before
    with scope.build.block() as second:
        orelse()
    other = scope.env
    results: list[Result] = []
    merged = {}
    for name in dict.fromkeys(n for n in (*one, *other) if not n.endswith("?")):
        a, b = one.get(name, UNBOUND), other.get(name, UNBOUND)
        if a is not b and PENDING in (a, b):  # it keeps the value of an earlier iteration on that side
            scope.context.pending.add(name)
            a, b = (UNBOUND if v is PENDING else v for v in (a, b))
        merged[name] = a if a is b else _merge(scope, name, a, b, results, (first, second))
        bound = _merged_flag(name, (a, one), (b, other), results)
        if bound is not None and merged[name] is not UNBOUND:
            merged[flag_of(name)] = bound
    scope.env = merged
    scope.build.emit(If(cond, tuple(first), tuple(second), tuple(results), loc=scope.at(node)))


def _all_floats(atoms: Sequence[Atom]) -> bool:
    """Whether a missing value shows by itself: a float is nan then."""
    return all(is_scalar(a) and is_float(a.type) for a in atoms)


def _merged_flag(name: str, then: tuple[Value, dict], orelse: tuple[Value, dict], results: list[Result]) -> Atom | None:
    """Whether a name is bound after a branch, where that is not certain; a float without a value is nan instead."""
    flags = [FALSE if v is UNBOUND else env.get(flag_of(name), TRUE) for v, env in (then, orelse)]
    if flags == [TRUE, TRUE] or _all_floats([a for v, _ in (then, orelse) for a in leaves(v)]):
        return None
    if flags[0] is flags[1]:
        return flags[0]
    merged = Var("bound", BOOL)
    results.append(Result(merged, *flags))
    return merged


def _merge(scope: Scope, name: str, a: Value, b: Value, results: list[Result], blocks: tuple[list, list]) -> Value:
    if a is POISON or b is POISON:
        return POISON
    if a is UNBOUND or b is UNBOUND:
        bound = b if a is UNBOUND else a
        if escapes(bound):
            return Mismatch("undefined", describe(bound))
        missing = rebuild(bound, [Undef(leaf.type) for leaf in leaves(bound)])
        a, b = (missing, bound) if a is UNBOUND else (bound, missing)
    types = join_types(a, b)
    if types is None:
        return Mismatch(describe(a), describe(b))
    merged: list[Atom] = []
    for x, y, t in zip(leaves(a), leaves(b), types, strict=True):
        if x == y and str(x) == str(y) and not isinstance(x, Undef):
            merged.append(x)
            continue
        var = Var(name, t)
        results.append(Result(var, _cast_in(scope, blocks[0], x, t), _cast_in(scope, blocks[1], y, t)))
        merged.append(var)
        _merge_shapes(scope, var, x, y)
    return rebuild(a, merged)


def _merge_shapes(scope: Scope, var: Var, x: Atom, y: Atom) -> None:
    """An array that is one of two of the same shape has that shape."""
    shapes = [scope.context.shapes.get(a) for a in (x, y) if isinstance(a, Var) and isinstance(a.type, Array)]
    if len(shapes) < 2 or None in shapes or len(shapes[0]) != len(shapes[1]):  # type: ignore[arg-type]
        return
    if all(sizes.same(scope, n, m) for n, m in zip(*shapes, strict=True)):  # type: ignore[arg-type]
        scope.context.shapes[var] = shapes[0]  # type: ignore[assignment]


def _cast_in(scope: Scope, block: list, atom: Atom, to: Type) -> Atom:
    """Cast at the end of a block that is already closed."""
    if isinstance(atom, Undef):
        return Undef(to)
    if isinstance(to, Scalar) and atom.type != to:
        scope.build.stack.append(block)
        try:
            return scope.build.cast(atom, to)
        finally:
            scope.build.stack.pop()
    return strong(atom)


def for_range(
    scope: Scope, bounds: tuple[Atom, Atom, Atom], assigned: list[str], body: Callable[[Var], Atom | None],
    hint: str, node: ast.AST, snapshots: int | None = None, *, parallel: bool = False,
) -> None:  # fmt: skip
    """`for i in range(*bounds)`. `body` lowers the body and returns the exit condition, if there is one."""
    index = Var(hint, INT64)
    if isinstance(bounds[2], Const) and bounds[2].value > 0 and views.is_nonnegative(scope, bounds[0]):
        scope.context.counters.add(index)
    certain = all(isinstance(b, Const) for b in bounds) and len(range(*(b.value for b in bounds))) > 0  # type: ignore[union-attr]
    carried, block, exit_atom = _fixpoint(scope, assigned, lambda: body(index), node, certain=certain, index=index)
    start, stop, step = (strong(scope.build.cast(b, INT64)) for b in bounds)
    mode = "elementwise" if scope.call_site is not None else "sequential"
    body_ = tuple(block)
    loop = For(index, start, stop, step, carried, body_, exit_atom, mode, snapshots, parallel, loc=scope.at(node))
    scope.build.emit(loop)


def while_true(
    scope: Scope, test: Callable[[], Atom], assigned: list[str], body: Callable[[], None], node: ast.AST
) -> None:
    """`while test(): body()`."""
    cond = test()
    if isinstance(cond, Const) and not cond.value:
        return

    def once() -> Atom:
        body()
        return test()

    certain = isinstance(cond, Const)  # and true
    carried, block, again = _fixpoint(scope, assigned, once, node, certain=certain)
    assert again is not None
    scope.build.emit(While(cond, again, carried, tuple(block), loc=scope.at(node)))


def _fixpoint(
    scope: Scope,
    assigned: list[str],
    body: Callable[[], Atom | None],
    node: ast.AST,
    *,
    certain: bool,
    index: Var | None = None,
) -> tuple[tuple[Carried, ...], list, Atom | None]:
    """Lower a loop body until the types of what it carries are stable, and bind the results.

    `certain` says that the body runs at least once.
    """
    before = dict(scope.env)
    names = list(dict.fromkeys(n for n in assigned if n in scope.local))
    inits = {n: UNBOUND if before.get(n) is PENDING else before.get(n, UNBOUND) for n in names}
    scope.context.pending.update(n for n in names if before.get(n) is PENDING)  # zero trips leave it as it is
    templates: dict[str, Value] = {}  # of names that are first bound by an earlier iteration
    types: dict[str, list[Type]] = {n: [a.type for a in leaves(v)] for n, v in inits.items() if v is not UNBOUND}
    problems = len(scope.context.problems)
    joined_types: list[Type] | Mismatch | None = None
    reshaped: set[tuple[str, int]] = set()  # carried arrays that do not keep their shape
    for attempt in range(8 + 2 * len(names)):
        del scope.context.problems[problems:]
        scope.env = dict(before)
        inside: dict[str, list[Var]] = {}
        flags = {n: Var("bound", BOOL) for n in names}
        for name, ts in types.items():
            template = templates.get(name, inits[name])
            if template is not UNBOUND and template is not POISON and not isinstance(template, Mismatch):
                inside[name] = [Var(name, t) for t in ts]
                scope.env[name] = rebuild(template, list(inside[name]))
                if (inits[name] is UNBOUND or flag_of(name) in before) and not _all_floats(inside[name]):
                    scope.env[flag_of(name)] = flags[name]
        if attempt == 0:
            scope.env.update({n: PENDING for n in names if inits[n] is UNBOUND})
            outer_pending, scope.context.pending = scope.context.pending, set()
        kept = _keep_shapes(scope, inits, inside, reshaped)
        with scope.build.block() as block:
            scope.build.home.update((v, block) for vs in (*inside.values(), flags.values()) for v in vs)
            if isinstance(index, Var):
                scope.build.home[index] = block
            outcome = body()
            changed = _changed_shapes(scope, kept)
            joined: dict[str, list[Type]] = {}
            for name in names:
                joined_types = _next_types(name, inits[name], scope.env.get(name, UNBOUND), types)
                if isinstance(joined_types, Mismatch):  # an error only if some iteration reads it
                    inits[name] = before[name] = joined_types
                    break
                if joined_types is not None:
                    joined[name] = joined_types
            else:
                joined_types = None
        reshaped |= changed
        if isinstance(joined_types, Mismatch):
            if attempt == 0:
                wanted, scope.context.pending = scope.context.pending, outer_pending
            continue
        if attempt == 0:
            wanted, scope.context.pending = scope.context.pending, outer_pending
            if wanted:
                templates = {n: scope.env[n] for n in wanted if n in joined}
                types.update({n: joined[n] for n in templates})
                continue
        elif wanted:
            templates = {n: scope.env[n] for n in wanted if n in joined}
            if any(joined[n] != types.get(n) for n in templates):
                types.update({n: joined[n] for n in templates})
                continue
        if not changed and all(joined.get(n) == types.get(n) for n in joined if inits[n] is not UNBOUND):
            break
        types.update({n: ts for n, ts in joined.items() if inits[n] is not UNBOUND})
    else:
        raise scope.problem("the types of this loop's variables do not settle", node, "give them one type throughout")
    if isinstance(outcome, Const) and not outcome.value and isinstance(node, ast.For):
        outcome = None
    carried: list[Carried] = []
    scope.build.stack.append(block)
    after = dict(scope.env)
    try:
        final = dict(before)
        for name in names:
            nxt = UNBOUND if after.get(name) is PENDING else after.get(name, UNBOUND)
            if name not in joined:
                final[name] = nxt if inits[name] is UNBOUND else inits[name]
                if inits[name] is UNBOUND and escapes(nxt):
                    final[name] = Mismatch("undefined", describe(nxt))
                continue
            results: list[Atom] = []
            start = leaves(inits[name]) if inits[name] is not UNBOUND else [Undef(t) for t in joined[name]]
            for k, (t, leaf) in enumerate(zip(joined[name], leaves(nxt), strict=True)):
                var = inside[name][k] if name in inside else Var(name, t)
                out = Var(name, t)
                if (name, k) in kept:
                    scope.context.shapes[out] = scope.context.shapes[var]
                carried.append(Carried(var, start[k], _convert(scope, leaf, t), out))
                results.append(out)
            final[name] = rebuild(nxt, list(results))
            first: Atom = FALSE if inits[name] is UNBOUND else before.get(flag_of(name), TRUE)
            final.pop(flag_of(name), None)
            if first != TRUE and not _all_floats(results):
                last = after.get(flag_of(name), TRUE)
                if last != TRUE or not certain:
                    final[flag_of(name)] = Var("bound", BOOL)
                    carried.append(Carried(flags[name], first, last, final[flag_of(name)]))
                elif flags[name] in uses(tuple(block)):
                    carried.append(Carried(flags[name], first, last, Var("bound", BOOL)))
    finally:
        scope.build.stack.pop()
    scope.env = final
    carried = [Carried(c.inside, _convert(scope, c.init, c.inside.type), c.next, c.result) for c in carried]
    return tuple(carried), block, outcome


def _keep_shapes(
    scope: Scope, inits: dict[str, Value], inside: dict[str, list[Var]], reshaped: set[tuple[str, int]]
) -> dict[tuple[str, int], Var]:
    """Assume that arrays that a loop carries keep their shapes, but for those known not to."""
    kept = {}
    for name, variables in inside.items():
        starts = leaves(inits[name]) if inits[name] is not UNBOUND else []
        for k, (var, start) in enumerate(zip(variables, starts, strict=False)):
            if isinstance(start, Var) and isinstance(start.type, Array) and (name, k) not in reshaped:
                scope.context.shapes[var] = sizes.own_shape(scope, start)
                kept[name, k] = var
    return kept


def _changed_shapes(scope: Scope, kept: dict[tuple[str, int], Var]) -> set[tuple[str, int]]:
    """Which of those arrays have another shape, or perhaps have, at the end of an iteration."""
    changed = set()
    for (name, k), var in kept.items():
        atoms = leaves(scope.env.get(name, UNBOUND))
        after = atoms[k] if k < len(atoms) else None
        if not (isinstance(after, Var) and isinstance(after.type, Array)):
            continue
        own = sizes.own_shape(scope, after)
        if len(own) != len(scope.context.shapes[var]) or any(
            not sizes.same(scope, n, m) for n, m in zip(own, scope.context.shapes[var], strict=True)
        ):
            changed.add((name, k))
    return changed


def _convert(scope: Scope, atom: Atom, to: Type) -> Atom:
    if isinstance(atom, Undef):
        return Undef(to)
    return scope.build.cast(atom, to) if isinstance(to, Scalar) else atom


def _next_types(name: str, init: Value, nxt: Value, types: dict[str, list[Type]]) -> list[Type] | Mismatch | None:
    """The types to carry `name` with; None where there is nothing to carry."""
    if init is POISON or nxt is POISON or nxt is UNBOUND or nxt is PENDING or isinstance(init, Mismatch):
        return None
    if isinstance(nxt, Mismatch):
        return None if init is UNBOUND else nxt
    if init is UNBOUND:
        return [a.type for a in leaves(nxt)] if leaves(nxt) else None
    now = rebuild(init, [Var(name, t) for t in types[name]]) if leaves(init) else init
    joined = join_types(now, nxt)
    if joined is None:
        return Mismatch(describe(init), describe(nxt))
    return joined if leaves(nxt) else None


def counted(
    scope: Scope, length: Atom, assigned: list[str], body: Callable[[Var], Atom | None], hint: str, node: ast.AST
) -> None:
    for_range(scope, (Const(0, INT64), length, ONE), assigned, body, hint, node)
