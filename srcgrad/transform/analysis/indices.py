"""The integers of a kernel as polynomials, and what is known of them where a statement runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from srcgrad.ir.nodes import FALSE, TRUE, Assign, Atom, Const, For, If, Load, Order, Stmt, Var, While
from srcgrad.ir.types import INT64, is_integer, keeps_values
from srcgrad.transform.analysis.aliases import Aliases
from srcgrad.transform.analysis.linear import Monomial, Polynomial, feasible
from srcgrad.transform.analysis.places import Places
from srcgrad.transform.analysis.signs import Signs

_UNEQUAL = 3  # so many are looked at, each as two cases
OPPOSITE = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "==": "!=", "!=": "=="}


@dataclass(frozen=True)
class Unknown:
    """An integer value, or something of its own that a value is made of; `moment` tells two moments apart."""

    what: Any
    moment: int
    role: str = ""

    def __str__(self) -> str:
        return f"{self.what}{self.role}@{self.moment}:{id(self.what)}"


@dataclass
class Facts:
    """What holds: all `zeros` are 0, all `positives` are at least 0, none of `nonzero` is 0.

    Attributes:
        unequal: what is not 0.
        multiples: what is a multiple of a step, with that step, and the number of steps if it has a name.
    """

    zeros: list[Polynomial] = field(default_factory=list)
    positives: list[Polynomial] = field(default_factory=list)
    nonzero: list[Unknown] = field(default_factory=list)
    unequal: list[Polynomial] = field(default_factory=list)
    multiples: list[tuple[Polynomial, Polynomial, Polynomial | None]] = field(default_factory=list)

    def plus(self, other: Facts) -> Facts:
        return Facts(
            [*self.zeros, *other.zeros], [*self.positives, *other.positives], [*self.nonzero, *other.nonzero],
            [*self.unequal, *other.unequal], [*self.multiples, *other.multiples],
        )  # fmt: skip

    def allow(self, zeros: list[Polynomial], positives: list[Polynomial]) -> bool:
        """Whether these can hold too."""
        zeros, positives = [*self.zeros, *zeros], [*self.positives, *positives]
        sides = [(p - 1, p * -1 - 1) for p in self.unequal[:_UNEQUAL]]
        return any(feasible(zeros, [*positives, *chosen], self.nonzero) for chosen in product(*sides))


@dataclass(frozen=True)
class Ordered:
    """An integer of an array that is in order, and where it is loaded from."""

    order: Order
    array: Var
    at: Polynomial
    value: Polynomial


class Moment:
    """A moment in a run of a kernel: values that `is_common` are the same at the other moment.

    `quotients` are those of both moments, by what is divided by what.
    """

    def __init__(
        self, places: Places, aliases: Aliases, signs: Signs, number: int, is_common: Callable[[Var], bool],
        quotients: dict[Any, Unknown], orders: Mapping[Load, Order] | None = None,
    ) -> None:  # fmt: skip
        self.places, self.aliases, self.signs = places, aliases, signs
        self.number, self.is_common, self.quotients, self.orders = number, is_common, quotients, orders or {}
        self.facts = Facts()
        self.ordered: list[Ordered] = []
        self.known: dict[Var, Polynomial] = {}
        self.assumed: set[tuple[Atom, bool]] = set()
        self.bounded: set[Monomial] = set()

    def at(self, stmt: Stmt) -> None:
        """Note what holds where a statement runs: the bounds of loop indices, and conditions."""
        around = [self.places.at[stmt]]
        while around[-1].parent is not None:
            around.append(around[-1].parent)
        for place in reversed(around):
            owner = place.owner
            if isinstance(owner, For):
                self.form(owner.index)
            elif isinstance(owner, If):
                self.assume(owner.cond, holds=self.places.sides[owner][0] is place)

    # -- values ----------------------------------------------------------------------------------------------------

    def form(self, atom: Atom) -> Polynomial:
        """An integer as a polynomial; what is known of its unknowns goes to the facts."""
        if isinstance(atom, Const):
            return Polynomial.number(int(atom.value))
        assert isinstance(atom, Var)
        if atom not in self.known:
            self.known[atom] = self.unknown(atom)  # for what leads back to itself
            self.known[atom] = self.defined_as(atom)
        return self.known[atom]

    def unknown(self, what: Any, role: str = "") -> Polynomial:
        common = not isinstance(what, Var) or self.is_common(what)
        return Polynomial.of(Unknown(what, 0 if common else self.number, role))

    def defined_as(self, var: Var) -> Polynomial:
        stmt = self.places.home.get(var)
        if isinstance(stmt, For) and stmt.index is var:
            return self.index_of(stmt)
        if isinstance(stmt, Load) and (order := stmt.order or self.orders.get(stmt)) is not None:
            out = self.unknown(var)
            self.facts.positives.append(out)
            self.ordered.append(Ordered(order, stmt.array, self.form(stmt.index[0]), out))
            return out
        if not isinstance(stmt, Assign):
            out = self.unknown(var)
            if self.signs.is_never_negative(var):
                self.facts.positives.append(out - int(self.stays_above_zero(var, stmt)))
            return out
        args = stmt.args
        if stmt.op == "shape":
            return self.size(args[0], args[1].value)  # type: ignore[union-attr, arg-type]
        if not all(is_integer(a.type) for a in args) or (stmt.op in ("-", "neg") and not keeps_values(INT64, var.type)):
            return self.unknown(var)  # unsigned integers wrap around below 0
        match stmt.op:
            case "+" | "-":
                return self.form(args[0]).plus(self.form(args[1]), 1 if stmt.op == "+" else -1)
            case "*":
                return self.form(args[0]) * self.form(args[1])
            case "neg":
                return self.form(args[0]) * -1
            case "**" if args[1] == Const(2, args[1].type):
                return self.form(args[0]) * self.form(args[0])
            case "pos":
                return self.form(args[0])
            case "cast" if keeps_values(args[0].type, var.type):
                return self.form(args[0])
            case "//" | "%":
                return self.divided(var, *args, rest=stmt.op == "%")
            case "min" | "max":
                out, sign = self.unknown(var), -1 if stmt.op == "min" else 1
                self.facts.positives += [(out - self.form(a)) * sign for a in args]
                return out
            case _:
                return self.unknown(var)

    def stays_above_zero(self, var: Var, loop: Stmt | None) -> bool:
        """Whether a loop carries an integer, never negative, that starts above 0 and only grows."""
        if not isinstance(loop, For | While):
            return False
        for c in loop.carried:
            step = self.places.home.get(c.next) if isinstance(c.next, Var) else None
            if var in (c.inside, c.result) and isinstance(c.init, Const) and c.init.value > 0:
                match step:
                    case Assign(op="*" | "+", args=(a, Const(value=by))) if a is c.inside:
                        return by > 0
        return False

    def size(self, array: Atom, axis: int) -> Polynomial:
        """The length of an axis: never negative, and the same for all handles of an array."""
        assert isinstance(array, Var)
        bases = self.aliases.bases.get(array, frozenset())
        out = self.unknown(next(iter(bases)) if len(bases) == 1 and array in bases else array, f".shape[{axis}]")
        self.facts.positives.append(out)
        return out

    def divided(self, var: Var, number: Atom, divisor: Atom, *, rest: bool) -> Polynomial:
        """`number // divisor` or `number % divisor`: number = quotient * divisor + remainder, for a divisor above 0."""
        above, below = self.form(number), self.form(divisor)
        key = frozenset(above.terms.items()), frozenset(below.terms.items())
        quotient = Polynomial.of(self.quotients.setdefault(key, Unknown(key, 0, "//")))  # one for both of `//` and `%`
        constant = below.constant if not below.moving else 0
        if constant < 0 or (not constant and below.moving == {}):
            return self.unknown(var)
        remainder = above - quotient * below
        if constant:
            self.facts.positives += [remainder, below - remainder - 1]
            return remainder if rest else quotient
        if len(below.moving) != 1 or below.constant or not self.is_above_zero(below):
            return self.unknown(var)
        self.facts.nonzero += [u for m in below.moving for u in m]  # type: ignore[misc]
        self.facts.positives += [below - 1, remainder, below - remainder - 1]
        if all(k is None or k.terms != quotient.terms for _, _, k in self.facts.multiples):
            self.facts.multiples.append((quotient * below, below, quotient))
        if not self.facts.allow([], [above * -1 - 1]):
            self.facts.positives.append(quotient)
        return remainder if rest else quotient

    def is_above_zero(self, form: Polynomial) -> bool:
        """Whether an integer is above 0 here; what a loop over as many iterations runs, say."""
        self.bound_products(form)
        return not self.facts.allow([form], []) and not self.facts.allow([], [form * -1 - 1])

    def index_of(self, loop: For) -> Polynomial:
        """The index of a loop, within its bounds."""
        start, stop, step = (self.form(a) for a in (loop.start, loop.stop, loop.step))
        out = self.unknown(loop.index)
        if step.moving:  # start + k * step, where the step is above 0
            way = self.unknown(loop.index, " - start")
            if Facts(self.facts.zeros, self.facts.positives).allow([], [step * -1]):
                return out
            self.facts.positives += [way, stop - start - way - 1]
            self.facts.multiples.append((way, step, None))
            return start + way
        stride = step.constant
        if abs(stride) != 1:
            trip = self.unknown(loop.index, "#")
            self.facts.positives.append(trip)
            out = start + trip * stride
        if stride > 0:
            self.facts.positives += [out - start, stop - out - 1]
        elif stride < 0:
            self.facts.positives += [start - out, out - stop - 1]
        return out

    def bound_products(self, form: Polynomial) -> None:
        """Note that products of what is never negative are not, those in a form and in what is known so far."""
        products = {m: None for p in (form, *self.facts.zeros, *self.facts.positives) for m in p.terms if len(m) > 1}
        for m in products:
            if m in self.bounded:
                continue
            self.bounded.add(m)
            signs = [self.facts.allow([], [Polynomial.of(u) * -1 - 1]) for u in m]
            if not any(signs):
                self.facts.positives.append(Polynomial({m: 1}))

    # -- conditions ------------------------------------------------------------------------------------------------

    def assume(self, cond: Atom, *, holds: bool) -> None:
        """Note that a condition holds, or that it does not."""
        stmt = self.places.home.get(cond) if isinstance(cond, Var) else None
        if stmt is None or (cond, holds) in self.assumed:
            return
        self.assumed.add((cond, holds))
        match stmt:
            case If():  # `a and b`, `a or b`
                (r,) = (r for r in stmt.results if r.var is cond)
                if r.orelse == (FALSE if holds else TRUE):
                    self.assume(stmt.cond, holds=True)
                    self.assume(r.then, holds=holds)
                elif r.then == (FALSE if holds else TRUE):
                    self.assume(stmt.cond, holds=False)
                    self.assume(r.orelse, holds=holds)
            case Assign(op="not"):
                self.assume(stmt.args[0], holds=not holds)
            case Assign(op="&") if holds:
                for a in stmt.args:
                    self.assume(a, holds=True)
            case Assign(op="|") if not holds:
                for a in stmt.args:
                    self.assume(a, holds=False)
            case Assign() if stmt.op in OPPOSITE and all(is_integer(a.type) for a in stmt.args):
                a, b = (self.form(x) for x in stmt.args)
                self.compare(stmt.op if holds else OPPOSITE[stmt.op], a, b)

    def compare(self, op: str, a: Polynomial, b: Polynomial) -> None:
        match op:
            case "==":
                self.facts.zeros.append(a - b)
            case "!=":
                self.facts.unequal.append(a - b)
            case "<":
                self.facts.positives.append(b - a - 1)
            case "<=":
                self.facts.positives.append(b - a)
            case ">":
                self.facts.positives.append(a - b - 1)
            case ">=":
                self.facts.positives.append(a - b)
