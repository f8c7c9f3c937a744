"""Common subexpressions: operations and loads that were done before."""

from __future__ import annotations

from dataclasses import replace

from srcgrad.ir.nodes import (
    Assign,
    Atom,
    Block,
    Call,
    Carried,
    Const,
    For,
    Function,
    If,
    Increment,
    Library,
    Load,
    NewAxis,
    Result,
    Slice,
    Stmt,
    Store,
    Undef,
    Var,
    View,
    While,
)
from srcgrad.ir.walk import final_value, statements, uses, with_values
from srcgrad.transform.analysis.aliases import Aliases, find_aliases

Key = tuple
_NOT_REPEATED = ("cast", "stop_gradient")  # cheap, or told apart by more than their operands


def eliminate_repeats(function: Function) -> Function:
    """Use the value of an earlier operation on the same operands, or of a load that nothing has overwritten since.

    >>> from srcgrad.ir.types import FLOAT64
    >>> x, y, z, w = (Var(h, FLOAT64) for h in "xyzw")
    >>> body = (Assign(y, "*", (x, x)), Assign(z, "*", (x, x)), Assign(w, "+", (y, z)))
    >>> eliminate_repeats(Function("f", (x,), body, (w,), ())).body[-1].args
    (%y, %y)
    """
    return _numbered(function, branches=False)


def share_branches(function: Function) -> Function:
    """The same, and what a branch computes is not computed again in a later branch on the same condition.

    What is taken over has no value on the other path, and nothing reads it there: for text, not for differentiation.
    """
    return _numbered(function, branches=True)


def _numbered(function: Function, *, branches: bool) -> Function:
    mapping: dict[Var, Atom] = {}
    body = _Numbering(find_aliases(function), mapping, branches=branches).block(function.body, {})
    return with_values(replace(function, body=body), mapping)


class _Numbering:
    def __init__(self, aliases: Aliases, mapping: dict[Var, Atom], *, branches: bool) -> None:
        self.aliases, self.mapping, self.branches = aliases, mapping, branches

    def block(self, block: Block, known: dict[Key, Atom]) -> Block:
        out: list[Stmt] = []
        for stmt in block:
            match stmt:
                case Assign() if not stmt.op.startswith("np.random."):
                    key = (stmt.op, stmt.target.type, *(self.key(a) for a in stmt.args))
                    if self.replaced(key, stmt.target, known):
                        continue
                    out.append(stmt)
                case Load():
                    key = ("load", self.key(stmt.array), *(self.key(i) for i in stmt.index))
                    if self.replaced(key, stmt.target, known):
                        continue
                    out.append(stmt)
                case Store():
                    out.append(stmt)
                    self.forget(stmt, known)
                    if stmt.value.type == stmt.array.type.item:  # type: ignore[union-attr]
                        key = ("load", self.key(stmt.array), *(self.key(i) for i in stmt.index))
                        known[key] = stmt.value
                case View():
                    key = ("view", stmt.target.type, self.key(stmt.base), stmt.how, *map(self.item, stmt.items))
                    if self.replaced(key, stmt.target, known):
                        continue
                    out.append(stmt)
                case If():
                    out.append(self.branch(stmt, known, out))
                    self.forget(stmt, known)
                case For() | While():
                    self.forget(stmt, known)
                    stmt = replace(stmt, body=self.block(stmt.body, dict(known)))
                    out.append(replace(stmt, carried=self.carried(stmt)))
                case _:
                    out.append(stmt)
                    self.forget(stmt, known)
        return tuple(out)

    def branch(self, stmt: If, known: dict[Key, Atom], out: list[Stmt]) -> If:
        """An `If`; what an earlier one computed on the same condition is taken over as a result of that."""
        cond = self.key(stmt.cond)
        same = (k for k, s in enumerate(out) if isinstance(s, If) and self.key(s.cond) == cond)
        before = next(same, None) if self.branches else None
        first = out[before] if before is not None else None
        sides: list[Block] = []
        for k, body in enumerate((stmt.then, stmt.orelse)):
            inner = dict(known)
            exports: dict[Var, Var] = {}
            if isinstance(first, If):
                exports = self._computed((first.then, first.orelse)[k], inner)
            sides.append(self.block(body, inner))
            arms = [(r.then, r.orelse)[k] for r in stmt.results]
            read = {final_value(a, self.mapping) for a in (*uses(sides[k]), *arms) if not isinstance(a, Const)}
            used = [v for v in exports.values() if v in read]
            if used and isinstance(first, If):
                home = {new: old for old, new in exports.items()}
                pairs = [(home[v], Undef(v.type, silent=True)) for v in used]
                results = (Result(v, *(p if k == 0 else p[::-1])) for v, p in zip(used, pairs, strict=True))
                assert before is not None
                out[before] = first = replace(first, results=(*first.results, *results))
        return replace(stmt, then=sides[0], orelse=sides[1])

    def _computed(self, block: Block, known: dict[Key, Atom]) -> dict[Var, Var]:
        """Let `known` have the operations of a block, each under a new name; those names by what they stand for."""
        names: dict[Var, Var] = {}
        for stmt in block:
            if isinstance(stmt, Assign) and stmt.op not in _NOT_REPEATED and not stmt.op.startswith("np.random."):
                args = tuple(names.get(a, a) if isinstance(a, Var) else a for a in stmt.args)
                key = (stmt.op, stmt.target.type, *(self.key(a) for a in args))
                if key not in known:
                    known[key] = names[stmt.target] = Var(stmt.target.hint, stmt.target.type)
        return names

    def item(self, item: Atom | Slice | NewAxis) -> object:
        if isinstance(item, Slice):
            return ("slice", *(None if a is None else self.key(a) for a in (item.start, item.stop, item.step)))
        return "axis" if isinstance(item, NewAxis) else self.key(item)

    def carried(self, loop: For | While) -> tuple[Carried, ...]:
        """What a loop carries, without sums that are the same as another one."""
        steps = {s.target: s for s in loop.body if isinstance(s, Assign)}
        first: dict[Key, Carried] = {}
        kept = []
        for c in loop.carried:
            step = steps.get(c.next) if isinstance(c.next, Var) else None
            if step is not None and step.op in ("+", "-", "*") and step.args[0] is c.inside is not step.args[1]:
                key = (step.op, step.target.type, self.key(c.init), *(self.key(a) for a in step.args[1:]))
                same = first.setdefault(key, c)
                if same is not c:
                    self.mapping.update({c.inside: same.inside, c.result: same.result})
                    continue
            kept.append(c)
        return tuple(kept)

    def key(self, atom: Atom) -> object:
        atom = final_value(atom, self.mapping)
        return (atom.value, atom.type, type(atom.value), str(atom.value)) if isinstance(atom, Const) else atom

    def replaced(self, key: Key, target: Var, known: dict[Key, Atom]) -> bool:
        """Whether the value is known already; then `target` stands for it."""
        if key in known:
            self.mapping[target] = known[key]
            return True
        known[key] = target
        return False

    def forget(self, stmt: Stmt, known: dict[Key, Atom]) -> None:
        """Drop the loads that a statement may overwrite."""
        written = [s.array for s in statements((stmt,)) if isinstance(s, Store | Increment)]
        calls = [s for s in statements((stmt,)) if isinstance(s, Call)]
        written += [out for s in statements((stmt,)) if isinstance(s, Library) for out in s.outs]
        written += [c.args[k] for c in calls for k in c.writes]  # type: ignore[misc]
        if written:
            for key in [k for k in known if k[0] == "load"]:
                if any(self.aliases.may_meet(key[1], array) for array in written):
                    del known[key]
