"""Which integers are never negative: an index that is not needs no wrap-around from the end of its axis.

A greatest fixed point, after P. Cousot, R. Cousot, Static determination of dynamic properties of programs (1976), with
signs as the only abstract values, and affine bounds (`analysis/affine.py`) where signs do not tell.
"""

from __future__ import annotations

import numpy as np

from srcgrad.ir.nodes import (
    Alloc,
    Assign,
    Atom,
    Const,
    For,
    Function,
    If,
    Increment,
    Load,
    Stmt,
    Store,
    Undef,
    Var,
    While,
)
from srcgrad.ir.types import Array, Scalar, is_integer, keeps_values
from srcgrad.ir.walk import defined, introduced, operands, statements, yields
from srcgrad.transform.analysis.affine import Iterations
from srcgrad.transform.analysis.aliases import Aliases, find_aliases
from srcgrad.transform.analysis.places import find_places


def direct_accesses(function: Function) -> frozenset[Stmt]:
    """The loads, stores and increments none of whose indices is ever negative."""
    signs = Signs(function, find_aliases(function))
    found = (s for s in statements(function.body) if isinstance(s, Load | Store | Increment))
    return frozenset(s for s in found if all(signs.is_never_negative(i) for i in s.index))


class Signs:
    """Tells which integers of a function are never negative."""

    def __init__(self, function: Function, aliases: Aliases) -> None:
        self.places = find_places(function)
        self.aliases = aliases
        self.bounds = Iterations(self.places, [], None, self._assumed)
        self.stores: dict[Var, list[Atom]] = {}
        inside = list(statements(function.body))
        made = {s.target for s in inside if isinstance(s, Alloc)}
        for s in inside:
            if isinstance(s, Store) and is_integer(s.array.type.item):  # type: ignore[union-attr]
                for base in aliases.bases[s.array]:
                    self.stores.setdefault(base, []).append(s.value)
        self.filled = {a for a in made if a in self.stores}
        for s in inside:  # what anything else writes is not followed
            if not isinstance(s, Load | Store):
                for v in _handles(s):
                    self.filled -= aliases.bases.get(v, frozenset())
        integers = [v for s in inside for v in (*defined(s), *introduced(s)) if is_integer(v.type)]
        self.positive = set(integers)
        changed = True
        while changed:
            wrong = {v for v in self.positive if not self._holds(v, self.places.home[v])}
            self.positive -= wrong
            changed = bool(wrong)

    def is_never_negative(self, atom: Atom) -> bool:
        if isinstance(atom, Const):
            return atom.value >= 0
        if isinstance(atom, Undef):
            return True
        if atom in self.positive:
            return True
        least = self.bounds.least(self.bounds.form(atom, later=False))
        return least is not None and least >= 0

    def _assumed(self, var: Var) -> bool:
        return var in self.positive

    def _holds(self, var: Var, stmt: Stmt) -> bool:
        """Whether a value is not negative if those are not that are taken not to be."""
        check = self.is_assumed
        match stmt:
            case Assign(op="shape" | "abs"):
                return True
            case Assign(op="max" | "&"):
                return any(check(a) for a in stmt.args)
            case Assign(op="cast", args=(a,)):
                return keeps_values(a.type, var.type) and check(a)
            case Assign(op="+" | "*" | "//" | "%" | "min" | ">>" | "<<" | "|" | "^" | "pos"):
                return all(is_integer(a.type) or _is_bool(a) for a in stmt.args) and all(map(check, stmt.args))
            case Assign(op="where"):
                return all(check(a) for a in stmt.args[1:])
            case Load():
                bases = self.aliases.bases[stmt.array]
                stored = [(a, b.type.item) for b in bases & self.filled for a in self.stores[b]]  # type: ignore[union-attr]
                return bases <= self.filled and all(_fits(a, to) and check(a) for a, to in stored)
            case If():
                (result,) = (r for r in stmt.results if r.var is var)
                return check(result.then) and check(result.orelse)
            case For(index=index) if index is var:
                if not isinstance(stmt.step, Const):
                    return False
                return check(stmt.start) if stmt.step.value > 0 else self._ends_above(stmt.stop)
            case For() | While():
                (c,) = (c for c in stmt.carried if var in (c.inside, c.result))
                return check(c.init) and check(c.next)
            case _:
                return False

    def is_assumed(self, atom: Atom) -> bool:
        return _is_bool(atom) or self.is_never_negative(atom)

    def _ends_above(self, stop: Atom) -> bool:
        """Whether a falling index, which stays above `stop`, is never negative."""
        return (isinstance(stop, Const) and stop.value >= -1) or self.is_assumed(stop)


def _fits(atom: Atom, to: Scalar) -> bool:
    """Whether a store in an array of this type keeps a value that is not negative."""
    if isinstance(atom, Const):
        return atom.value <= np.iinfo(to.dtype).max
    return keeps_values(atom.type, to)


def _is_bool(atom: Atom) -> bool:
    return getattr(atom.type, "dtype", "") == "bool"


def _handles(stmt: Stmt) -> list[Var]:
    if isinstance(stmt, Alloc) or getattr(stmt, "op", "") == "shape":
        return []
    return [a for a in (*operands(stmt), *yields(stmt)) if isinstance(a, Var) and isinstance(a.type, Array)]
