"""Where to put snapshots. Generated code runs these functions: they are lowered and written into it."""


def beta(slots, repeats):
    """How many steps can be reversed with so many snapshots, if none is run more often: a binomial coefficient.

    Griewank & Walther (2000), proposition 1.

    >>> beta(3, 2)
    10
    """
    reach = 1
    for r in range(1, repeats + 1):
        reach = reach * (slots + r) // r
    return reach


def step_before_snapshot(length, slots):
    """How far to run from a snapshot before the next is taken, with `length` > 1 steps to go and `slots` > 1 for both.

    The least number of steps is run in all: t(1, c) = 0, t(n, 1) = n (n - 1) / 2, and
    t(n, c) = min over m of m + t(n - m, c - 1) + t(m, c). Griewank & Walther (2000), section 3, by the bounds that they
    give for the best m: it is the largest.

    >>> step_before_snapshot(10, 3)
    4
    """
    repeats = 0
    reach = 1
    before = 0
    while reach < length:
        repeats += 1
        before = reach
        reach = reach * (slots + repeats) // repeats
    # reach = beta(slots, repeats), before = beta(slots, repeats - 1); beta(slots - 1, repeats - 1) is the last term
    return min(before, length - before * slots // (slots + repeats - 1))
