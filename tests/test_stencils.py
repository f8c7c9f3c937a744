"""What the passes for stencils do to the text: handles in turns, loops of their own for increments, arrays made once.

That the derivatives are right the laws say, on the programs in `programs/stencils.py`, and here the sums by hand.
"""

import itertools

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.ir.nodes import For
from srcgrad.ir.types import INT64, Array
from srcgrad.ir.walk import statements
from srcgrad.transform.analysis.aliases import find_aliases
from srcgrad.transform.analysis.rotations import find_rotation
from srcgrad.transform.pipeline import primal

from . import laws
from .programs import PROGRAMS

BY_NAME = {program.name: program for program in PROGRAMS}


def adjoint_of(name):
    program = BY_NAME[name]
    return sg.differentiable(program.function, target="python").source("adjoint", *program.arguments())


# -- arrays in turns -----------------------------------------------------------------------------------------------

IN_TURNS = [
    "heat_in_two_buffers", "wave_in_three_buffers", "two_swaps_in_one_loop", "swap_buffers_inside_odd",
    "swap_until_it_is_small", "rotate_three_buffers", "swap_of_one_array_with_itself",
]  # fmt: skip


@pytest.mark.parametrize("name", IN_TURNS)
def test_turns_need_no_tape_of_numbers(name):
    text = adjoint_of(name)
    assert "_id_tape" not in text
    assert "_id" in text  # which of them is which after the loop is only known then


@pytest.mark.parametrize("name", ["swap_in_a_branch", "both_names_one_buffer"])
def test_other_choices_are_numbered_in_each_iteration(name):
    assert "_id_tape" in adjoint_of(name)


def test_inner_turns_are_numbered_once_a_run():
    text = adjoint_of("swap_in_nested_time_loops")
    inner = max(line.index("for t in") for line in text.splitlines() if "for t in" in line)
    reads = [line for line in text.splitlines() if "_id_tape[" in line and "=" in line]
    assert reads
    assert all(len(line) - len(line.lstrip()) <= inner for line in reads)


def meetings(function):
    """Of each two arrays that a loop swaps: whether they may ever be the same, and whether at the same moment."""
    made = primal(function, [("x", Array("float64", 1)), ("n", INT64)]).function
    aliases = find_aliases(made)
    (loop,) = (s for s in statements(made.body) if isinstance(s, For) and find_rotation(s))
    for a, b in itertools.combinations((c.inside for c in loop.carried if c.inside in aliases.bases), 2):
        yield aliases.may_overlap(a, b), aliases.may_meet(a, b)


def swap_of_two(x, n):
    u, v = x.copy(), x.copy()
    for _ in range(n):
        v[0] = u[1]
        u, v = v, u
    return u[0]


def swap_of_one(x, n):
    u = x.copy()
    v = u
    for _ in range(n):
        v[0] = u[1]
        u, v = v, u
    return u[0]


def swap_of_views(x, n):
    u, v = x[1:], x[:-1]
    for _ in range(n):
        v[0] = u[1]
        u, v = v, u
    return u[0]


def swap_of_three_names_for_two(x, n):
    u, v = x.copy(), x.copy()
    w = u
    for _ in range(n):
        v[0] = u[1] * w[0]
        u, v, w = v, w, u
    return u[0]


@pytest.mark.parametrize("function", [swap_of_two, swap_of_one, swap_of_views, swap_of_three_names_for_two])
def test_arrays_that_are_apart_before_the_loop_never_meet(function):
    found = list(meetings(function))
    assert all(ever for ever, _ in found)
    assert {now for _, now in found} == {function is not swap_of_two}


@pytest.mark.parametrize("name", ["heat_in_two_buffers", "wave_in_three_buffers", "heat_by_slices_3d"])
def test_forward_over_reverse(name):
    """The reverse of a swap, differentiated: the rate of the gradient, against differences."""
    program = BY_NAME[name]
    args, rng = program.arguments(), program.rng()
    direction = rng.normal(size=args[0].shape)
    gradient = sg.grad(sg.differentiable(program.function, target="python"))

    def moved(step):
        return gradient(args[0] + step * direction, *args[1:])

    rate = sg.jvp(
        gradient, args, (direction, *(np.zeros_like(a) if isinstance(a, np.ndarray) else None for a in args[1:]))
    )[1]
    laws.assert_close(rate, (moved(1e-5) - moved(-1e-5)) / 2e-5, 1e-6, "the rate of the gradient")


# -- increments to neighbours --------------------------------------------------------------------------------------

SPLIT = [
    "heat_in_two_buffers", "wave_in_three_buffers", "constant_weights", "weights_by_neighbour",
    "neighbours_with_wrap_around", "neighbours_far_away", "neighbours_at_a_distance", "single_precision_neighbours",
    "heat_by_slices_3d", "diffusion_by_slices_in_place", "swap_after_it_was_used",
]  # fmt: skip
WHOLE = {
    "backwards_in_place": "the array is read, too",
    "gauss_seidel_of_a_field": "the array is read, too",
    "swap_of_one_array_with_itself": "the array is read, too, by another name",
    "rows_swapped_that_overlap": "the array is read, too, by another name",
    "every_second_element": "elements are not next to each other",
    "neighbours_at_reflecting_ends": "indices that are no sums",
    "neighbours_in_a_branch": "not in every iteration",
    "neighbours_below_the_diagonal": "a row of a length of its own in each iteration",
    "neighbours_once": "a buffer would be used once",
    "convolution_with_a_small_kernel": "one increment only, in a short loop",
}


@pytest.mark.parametrize("name", SPLIT)
def test_increments_to_neighbours_have_loops_of_their_own(name):
    text = adjoint_of(name)
    assert "_row" in text
    for line, following in itertools.pairwise(text.splitlines()):
        if "_row" in line and " += " in line:
            indent = len(line) - len(line.lstrip())
            assert len(following) - len(following.lstrip()) < indent, "it is the only statement of its loop"


@pytest.mark.parametrize("name", WHOLE)
def test_other_loops_stay_whole(name):
    assert "_row" not in adjoint_of(name)


def test_increments_of_one_row_are_gathered():
    text = adjoint_of("heat_in_two_buffers")
    (line,) = (line for line in text.splitlines() if line.count("_row") == 3)
    assert line.strip() == "bu1[i, j] += bu_row[j + 1] + bflow_row[j] + bflow_row[j + 2]"


def test_buffers_are_made_once():
    text = adjoint_of("heat_by_slices_3d")
    made = [line for line in text.splitlines() if "_row" in line and "np." in line]
    assert made
    assert all(line.startswith("    ") and not line.startswith("     ") for line in made)


def weighted(x, y, w, first, last):
    """What `y` gives to its neighbours, in the form of a loop whose adjoint is split."""
    s = 0.0
    for _ in range(2):
        for j in range(first, last):
            s += y[j] * (w[0] * x[j - 2] + 2.0 * x[j + 1] - x[j] + w[1] * x[j + 3] + 0.5 * x[j + 1])
    return s


def weighted_from_two(x, y, w, first, last):
    """The same from an index at which nothing is counted from the end, so that increments are gathered."""
    s = 0.0
    for _ in range(2):
        for j in range(2, last):
            s += y[j] * (w[0] * x[j - 2] + 2.0 * x[j + 1] - x[j] + w[1] * x[j + 3] + 0.5 * x[j + 1])
    return s


@pytest.mark.parametrize("target", ["python", "cpu"])
@pytest.mark.parametrize("function", [weighted, weighted_from_two])
def test_sums_by_hand(function, target):
    """Ranges of all lengths, none and one included, where nothing but what is in range may be touched."""
    gradient = sg.grad(sg.differentiable(function, target=target))
    rng = np.random.default_rng(0)
    for size, first, last in itertools.product((5, 6, 9, 30), (2, 3), (0, 2, 3, 4, 6, 27)):
        if (last > first and last + 2 >= size) or (function is weighted_from_two and first != 2):
            continue
        x, y, w = rng.normal(size=size), rng.normal(size=max(last, 1)), np.array([3.0, np.inf])
        if last > first:
            w[1] = -1.0
        expected = np.zeros(size)
        for j in range(first, last):
            for shift, by in ((-2, w[0]), (1, 2.5), (0, -1.0), (3, w[1])):
                expected[j + shift] += 2.0 * by * y[j]
        np.testing.assert_allclose(gradient(x, y, w, first, last), expected, rtol=1e-13, atol=1e-13)


def infinite(x, y, k):
    s = 0.0
    for _ in range(2):
        for j in range(1, len(x) - 1):
            s += y[j] * k * (x[j - 1] + x[j + 1])
    return s


def test_weights_that_are_infinite_stay_where_they_are():
    """No zero beyond the ends is multiplied by them."""
    gradient = sg.grad(sg.differentiable(infinite, target="python"))(np.ones(9), np.ones(9), np.inf)
    assert np.all(gradient == np.inf)


# -- arrays made in every iteration --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["diffusion_by_slices_in_place", "heat_by_slices"])
def test_arrays_of_an_iteration_are_made_once(name):
    text = adjoint_of(name)
    assert not [line for line in text.splitlines() if "= np." in line and line.startswith("        ")]


def test_what_is_not_filled_first_is_made_anew():
    text = adjoint_of("maxima_of_scratch_rows")
    made = {line.split()[0]: line.startswith("        ") for line in text.splitlines() if "= np." in line}
    assert {name: made[name] for name in ("row", "some", "brow", "bsome", "keep", "bkeep")} == {
        "row": False, "some": True, "brow": True, "bsome": False, "keep": False, "bkeep": False,
    }  # fmt: skip
