"""Whether two accesses can mean the same element, at two moments that differ in the index of some loop.

The equations between their indices, with the bounds of loops and the conditions around them, must have no solution in
integers. "No" is certain, "yes" may be wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import combinations, product
from math import gcd

from srcgrad.ir.nodes import For, Increment, Load, Order, Store, Var
from srcgrad.transform.analysis.aliases import Aliases
from srcgrad.transform.analysis.indices import Facts, Moment
from srcgrad.transform.analysis.linear import Monomial, Polynomial
from srcgrad.transform.analysis.places import Places
from srcgrad.transform.analysis.signs import Signs

Access = Load | Store | Increment
_SPLITS = 3  # of cases, each in three


class Meetings:
    """Tells which accesses of a function can meet."""

    def __init__(
        self, places: Places, aliases: Aliases, signs: Signs, assumed: Mapping[Load, Order] | None = None
    ) -> None:  # fmt: skip
        self.places, self.aliases, self.signs, self.assumed = places, aliases, signs, assumed

    def of_iterations(self, loop: For, one: Access, other: Access) -> bool:
        """Whether two iterations of a loop may meet by these accesses in it, both to one array made outside of it."""
        (body,) = self.places.sides[loop]
        ordered = loop.parallel and not self.places.in_parallel(loop)
        apart = [(loop.index, loop.index)]
        return self.may_meet(one, other, apart, lambda v: not self.places.of[v].within(body), ordered=ordered)

    def may_meet(
        self, one: Access, other: Access, apart: Sequence[tuple[Var, Var] | None], common: Callable[[Var], bool], *,
        ordered: bool = False,
    ) -> bool:  # fmt: skip
        """Whether two accesses may be to one element at two moments that differ in the values of one of these pairs.

        None stands for a pair of values that differ somehow. What is `common` is the same at both moments. With
        `ordered`, the orders of what is loaded hold for both: no loop around both moments repeats what looks at them.
        """
        quotients: dict = {}
        moments = [Moment(self.places, self.aliases, self.signs, k, common, quotients, self.assumed) for k in (1, 2)]
        for moment, access in zip(moments, (one, other), strict=True):
            moment.at(access)
        ways: list[Polynomial] = []
        for pair in apart:
            if pair is None:
                ways.append(Polynomial.number(0))
            else:
                difference = moments[0].form(pair[0]) - moments[1].form(pair[1])
                ways += [difference - 1, difference * -1 - 1]
        places = [self.elements(m, s) for m, s in zip(moments, (one, other), strict=True)]
        facts = moments[0].facts.plus(moments[1].facts)
        same = one.array is other.array and common(one.array)
        for difference in ways:
            stretched = [difference, *_stretched(difference, facts)]
            known = _orders(moments, facts, stretched).plus(facts) if ordered else facts
            for steps in _multiples(moments):
                given = [*stretched, *steps.positives]
                if not known.allow(steps.zeros, given):
                    continue
                if not same:
                    return True
                for (index, signs), (index2, signs2) in product(*places):
                    zeros = [a - b for a, b in zip(index, index2, strict=True)]
                    for rows in _rows(zeros, facts):
                        fixed = [*steps.zeros, *zeros, *rows.zeros]
                        if known.allow(fixed, [*given, *signs, *signs2, *rows.positives]):
                            return True
        return False

    def elements(self, moment: Moment, access: Access) -> list[tuple[list[Polynomial], list[Polynomial]]]:
        """The elements that an access may mean, and when: a negative index counts from the end of its axis."""
        ways: list[tuple[list[Polynomial], list[Polynomial]]] = [([], [])]
        for axis, i in enumerate(access.index):
            form = moment.form(i)
            moment.bound_products(form)
            options = [(form, [form])]
            if moment.facts.allow([], [form * -1 - 1]):
                options.append((form + moment.size(access.array, axis), [form * -1 - 1]))
            ways = [([*index, f], [*known, *k]) for (index, known), (f, k) in product(ways, options)]
        return ways


def _stretched(difference: Polynomial, facts: Facts) -> Iterator[Polynomial]:
    """What is at least 0 in other units too: iterations `b * size` to `(b + 1) * size` are a size apart, or more."""
    moving = {m[0] for m in difference.moving if len(m) == 1}
    pairs = {m for p in (*facts.zeros, *facts.positives) for m in p.terms if len(m) == 2 and moving.intersection(m)}
    for size in sorted({u for m in pairs for u in m} - moving, key=str):
        length = Polynomial.of(size)
        if not facts.allow([], [length * -1 - 1]):
            yield difference * length


def _orders(moments: list[Moment], facts: Facts, given: list[Polynomial]) -> Facts:
    """How integers of arrays that are known to be in order compare, by where they are loaded."""
    out = Facts()
    for pair in combinations([*moments[0].ordered, *moments[1].ordered], 2):
        one, other = pair
        if one.order is not other.order or one.array is not other.array:
            continue
        if one.order.kind == "distinct":
            if not facts.allow([one.at - other.at], given):
                out.unequal.append(one.value - other.value)
            continue
        for low, high in (pair, pair[::-1]):
            if not facts.allow([], [*given, low.at - high.at - 1]):
                out.positives.append(high.value - low.value)
    return out


def _multiples(moments: list[Moment]) -> Iterator[Facts]:
    """How loops with the same step can be apart at two moments: not at all, or by a step at least."""
    pairs = [
        (a, b, step, k, n)
        for (a, step, k), (b, other, n) in product(moments[0].facts.multiples, moments[1].facts.multiples)
        if step.terms == other.terms and (k is None) == (n is None)
    ][:_SPLITS]
    for signs in product((0, 1, -1), repeat=len(pairs)):
        out = Facts()
        for (a, b, step, k, n), sign in zip(pairs, signs, strict=True):
            counts = [] if k is None or n is None else [k - n]
            if sign:
                out.positives += [(a - b) * sign - step, *(c * sign - 1 for c in counts)]
            else:
                out.zeros += [a - b, *counts]
        yield out


def _rows(zeros: list[Polynomial], facts: Facts) -> Iterator[Facts]:
    """How elements of rows of an unknown length, `i * width + j`, can be apart: in one row, or by a row at least."""
    products: list[tuple[Polynomial, Polynomial, Polynomial, int]] = []
    for z in zeros:
        pairs = {m: c for m, c in z.terms.items() if len(m) == 2}
        shared = set.intersection(*(set(m) for m in pairs)) if pairs else set()
        for width in shared:
            length = Polynomial.of(width)
            rows = Polynomial({(_other(m, width),): c for m, c in pairs.items()} | {(): z.terms.get((width,), 0)})
            if len(rows.moving) == len(pairs) and not facts.allow([], [length * -1]):
                whole = Polynomial(pairs) + length * rows.constant
                products.append((whole, rows, length, gcd(*rows.terms.values())))
                break
    for signs in product((0, 1, -1), repeat=len(products)):
        out = Facts()
        for (whole, rows, length, step), sign in zip(products, signs, strict=True):
            if sign:
                out.positives += [whole * sign - length * step, rows * sign - step]
            else:
                out.zeros += [whole, rows]
        yield out


def _other(pair: Monomial, one: Hashable) -> Hashable:
    """The other factor of a product of two."""
    return pair[1] if pair[0] == one else pair[0]
