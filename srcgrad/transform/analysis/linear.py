"""Whether linear constraints on integers can hold: Fourier-Motzkin elimination, with tests on divisors.

After W. Pugh, The Omega test: a fast and practical integer programming algorithm for dependence analysis (1991).
A product of unknowns is taken as an unknown of its own. "No" is certain, "yes" may be wrong.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from functools import reduce
from math import gcd

Monomial = tuple[Hashable, ...]  # a product of unknowns; () is 1
LIMIT = 400  # of inequalities; beyond, anything is taken as possible


class Polynomial:
    """A sum of products of unknowns with integer coefficients.

    >>> x, y = Polynomial.of("x"), Polynomial.of("y")
    >>> (x + y * 2 - 3).terms
    {('x',): 1, ('y',): 2, (): -3}
    """

    __slots__ = ("terms",)

    def __init__(self, terms: dict[Monomial, int] | None = None) -> None:
        self.terms = {m: c for m, c in (terms or {}).items() if c}

    @classmethod
    def of(cls, unknown: Hashable) -> Polynomial:
        return cls({(unknown,): 1})

    @classmethod
    def number(cls, value: int) -> Polynomial:
        return cls({(): value})

    def __add__(self, other: Polynomial | int) -> Polynomial:
        return self.plus(other, 1)

    def __sub__(self, other: Polynomial | int) -> Polynomial:
        return self.plus(other, -1)

    def __mul__(self, other: Polynomial | int) -> Polynomial:
        if isinstance(other, int):
            return Polynomial({m: c * other for m, c in self.terms.items()})
        out: dict[Monomial, int] = {}
        for m, c in self.terms.items():
            for n, d in other.terms.items():
                key = tuple(sorted((*m, *n), key=_order))
                out[key] = out.get(key, 0) + c * d
        return Polynomial(out)

    def plus(self, other: Polynomial | int, times: int) -> Polynomial:
        """`self + times * other`."""
        out = dict(self.terms)
        for m, c in (other.terms if isinstance(other, Polynomial) else {(): other}).items():
            out[m] = out.get(m, 0) + times * c
        return Polynomial(out)

    def with_value(self, product: Monomial, value: Polynomial) -> Polynomial:
        """With a value for an unknown, also where it is a factor; or for a product of unknowns as it stands.

        >>> x, y = Polynomial.of("x"), Polynomial.of("y")
        >>> (x * y + x - 3).with_value(("x",), y * 2).terms
        {('y', 'y'): 2, ('y',): 2, (): -3}
        """
        inside = len(product) == 1 and not any(product[0] in m for m in value.terms)
        out = Polynomial()
        for m, c in self.terms.items():
            term = Polynomial({m: c})
            if m == product:
                term = value * c
            elif inside and product[0] in m:
                term = Polynomial.number(c)
                for unknown in m:
                    term = term * (value if unknown == product[0] else Polynomial.of(unknown))
            out = out.plus(term, 1)
        return out

    @property
    def constant(self) -> int:
        return self.terms.get((), 0)

    @property
    def moving(self) -> dict[Monomial, int]:
        """All but the constant."""
        return {m: c for m, c in self.terms.items() if m}


def _order(unknown: Hashable) -> tuple[str, int]:
    return str(unknown), hash(unknown)


def feasible(zeros: Iterable[Polynomial], positives: Iterable[Polynomial], nonzero: Iterable[Hashable] = ()) -> bool:
    """Whether there may be integers for which all `zeros` are 0, all `positives` at least 0, none of `nonzero` 0.

    >>> x, y = Polynomial.of("x"), Polynomial.of("y")
    >>> feasible([x * 8 + y - 12], [y, y * -1 + 3])  # y is 4
    False
    >>> feasible([x * 2 - y * 2 - 1], [])
    False
    """
    solved = _solve(list(zeros), list(positives), frozenset(nonzero))
    return solved is not None and _eliminate(solved)


def _solve(zeros: list[Polynomial], positives: list[Polynomial], nonzero: frozenset) -> list[Polynomial] | None:
    """The inequalities, with equations solved and put in; None where an equation has no solution."""
    while zeros:
        if not all(_may_vanish(z, nonzero) for z in zeros):
            return None
        zeros = [z for z in zeros if z.terms]
        products = {u for p in (*zeros, *positives) for m in p.terms if len(m) > 1 for u in m}
        pivots = [(k, m) for k, z in enumerate(zeros) for m, c in z.moving.items() if abs(c) == 1]
        if not pivots:
            break
        k, pivot = min(pivots, key=lambda p: len(p[1]) > 1 or p[1][0] in products)
        chosen = zeros.pop(k)
        value = Polynomial({m: c * -chosen.terms[pivot] for m, c in chosen.terms.items() if m != pivot})
        zeros, positives = ([p.with_value(pivot, value) for p in ps] for ps in (zeros, positives))
    return [*positives, *zeros, *(z * -1 for z in zeros)]


def _may_vanish(equation: Polynomial, nonzero: frozenset) -> bool:
    """Whether the divisors of an equation allow a solution."""
    common = set.intersection(*(set(m) for m in equation.terms)) if equation.terms else set()
    for unknown in common & nonzero:  # divided by it
        without: dict[Monomial, int] = {}
        for m, c in equation.terms.items():
            k = m.index(unknown)
            without[(*m[:k], *m[k + 1 :])] = c
        if not _may_vanish(Polynomial(without), nonzero):
            return False
    divisor = reduce(gcd, equation.moving.values(), 0)
    return equation.constant % divisor == 0 if divisor else not equation.constant


def _eliminate(inequalities: list[Polynomial]) -> bool:
    rows = _tightened(inequalities)
    while rows is not None:
        counts: dict[Monomial, list[int]] = {}
        for row in rows:
            for m, c in row.moving.items():
                counts.setdefault(m, [0, 0])[c > 0] += 1
        if not counts:
            return True
        chosen = min(counts, key=lambda m: counts[m][0] * counts[m][1])
        low = [r for r in rows if r.terms.get(chosen, 0) > 0]
        high = [r for r in rows if r.terms.get(chosen, 0) < 0]
        rest = [r for r in rows if chosen not in r.terms]
        made = [(a * -b.terms[chosen]).plus(b, a.terms[chosen]) for a in low for b in high]
        if len(rest) + len(made) > LIMIT:
            return True
        rows = _tightened([*rest, *made])
    return False


def _tightened(inequalities: list[Polynomial]) -> list[Polynomial] | None:
    """Divided by common divisors, constants rounded down; None where one cannot hold."""
    best: dict[frozenset[tuple[Monomial, int]], int] = {}
    for p in inequalities:
        moving = p.moving
        if not moving:
            if p.constant < 0:
                return None
            continue
        divisor = reduce(gcd, moving.values(), 0)
        key = frozenset((m, c // divisor) for m, c in moving.items())
        constant = p.constant // divisor
        best[key] = min(best.get(key, constant), constant)
    return [Polynomial({**dict(key), (): constant}) for key, constant in best.items()]
