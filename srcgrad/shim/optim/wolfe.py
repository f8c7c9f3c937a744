"""A line search for the strong Wolfe conditions.

Nocedal & Wright, Numerical Optimization, 2nd ed., Springer 2006, algorithms 3.5 and 3.6 with the cubic of (3.59). The
safeguards, which decide how often the function is evaluated, are those of PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

DECREASE, CURVATURE = 1e-4, 0.9  # c1 and c2 in (3.7)
TRIES = 25  # after the first one


class Point(NamedTuple):
    """A place on the line: the step `t`, the function, its slope along the line, its gradient."""

    t: float
    value: float
    slope: float
    grad: np.ndarray


def strong_wolfe(
    phi: Callable[[float], Point], start: Point, t: float, width: float, most: int = TRIES
) -> tuple[Point, int]:
    """A point that meets the conditions, or the lowest that was found.

    Args:
        phi: evaluates at a step.
        start: the point at step 0.
        t: the first step to try.
        width: brackets shorter than this are not divided any more.
        most: how many points after the first are tried.

    Returns:
        The point, and how often `phi` was called.
    """

    def is_high(p: Point) -> bool:
        return p.value > start.value + DECREASE * p.t * start.slope

    def is_flat(p: Point) -> bool:
        return abs(p.slope) <= -CURVATURE * start.slope

    last, here, tries = start, phi(t), 0
    while tries < most:
        if is_high(here) or (tries > 1 and here.value >= last.value):
            break
        if is_flat(here):
            return here, tries + 1
        if here.slope >= 0:
            break
        t = minimum_of_cubic(last, here, here.t + 0.01 * (here.t - last.t), 10.0 * here.t)
        last, here, tries = here, phi(t), tries + 1
    else:
        last = start
    return _zoom(phi, [last, here], tries, most, width, is_high, is_flat)


def _zoom(
    phi: Callable[[float], Point], ends: list[Point], tries: int, most: int, width: float,
    is_high: Callable[[Point], bool], is_flat: Callable[[Point], bool],
) -> tuple[Point, int]:  # fmt: skip
    """Divide a bracket until a point in it meets the conditions."""
    low = _lower(ends)
    slow = False  # the last trial was near an end, so one more there is moved
    while tries < most and abs(ends[1].t - ends[0].t) >= width:
        left, right = min(ends[0].t, ends[1].t), max(ends[0].t, ends[1].t)
        t, margin = minimum_of_cubic(*ends, left, right), 0.1 * (right - left)
        near = min(right - t, t - left) < margin
        if near and (slow or t >= right or t <= left):
            t = right - margin if abs(t - right) < abs(t - left) else left + margin
            near = False
        slow = near
        here, tries = phi(t), tries + 1
        if is_high(here) or here.value >= ends[low].value:
            ends[1 - low] = here
            low = _lower(ends)
            continue
        if is_flat(here):
            return here, tries + 1
        if here.slope * (ends[1 - low].t - ends[low].t) >= 0:
            ends[1 - low] = ends[low]
        ends[low] = here
    return ends[low], tries + 1


def _lower(ends: list[Point]) -> int:
    return 0 if ends[0].value <= ends[1].value else 1


def minimum_of_cubic(a: Point, b: Point, least: float, most: float) -> float:
    """Where the cubic through two points with their slopes is lowest, within bounds; half way where it is nowhere.

    >>> minimum_of_cubic(Point(0.0, 1.0, -2.0, None), Point(3.0, 4.0, 4.0, None), 0.0, 3.0)  # of (t - 1)^2
    1.0
    """
    if a.t > b.t:
        a, b = b, a
    if a.t < b.t:
        d1 = a.slope + b.slope - 3.0 * (a.value - b.value) / (a.t - b.t)
        square = d1 * d1 - a.slope * b.slope
        if square >= 0:
            d2 = math.sqrt(square)
            denominator = b.slope - a.slope + 2.0 * d2
            if denominator != 0:
                t = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / denominator)
                return min(max(t, least), most)
    return (least + most) / 2.0
