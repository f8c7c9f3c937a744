"""Generated source, in full: `tests/golden/test_golden_source/<program>_<kind>.txt`, reviewed in diffs.

Nothing here says that a derivative is right, the laws do; these files show what a change does to the text.
"""

import pytest

import srcgrad as sg

from . import laws
from .programs import PROGRAMS

# Each for one thing that the text shows.
SHOWN = {
    "sum_of_squares": "independent iterations: nothing is stored",
    "logistic_map": "a carried scalar: one slot an iteration",
    "products_from_one": "an overwritten element, and one that is still there",
    "products_with_wrap_around": "a[i - 1] at i = 0 is overwritten later: stored as well",
    "swap_buffers_inside_odd": "buffers told apart by their numbers",
    "rows_of_a_buffer_swapped": "the same with views",
    "halve_until_small": "while: counted trips and a growing tape",
    "break_out": "a for loop that ends early",
    "return_from_depth": "an early return out of two loops",
    "triangular": "inner bounds that depend on the outer index",
    "data_dependent_bounds": "inner bounds known at run time only",
    "if_else": "a branch on scalars",
    "guarded_square_root": "a branch around a singularity in a loop",
    "nested_conditional_expressions": "conditional expressions",
    "helper_fills_array": "a helper, inlined",
    "row_views_written": "views of the primal and of the adjoint",
    "heat_double_buffer": "a stencil",
    "lorenz_rk4": "three carried scalars and much to recompute",
    "float32_array": "single precision throughout",
    "nested_tuple_argument": "tuple arguments",
    "closure_over_array": "a captured array, passed as an argument",
    "scatter_with_repeats": "indirect indices",
}
CHOSEN = [program for program in PROGRAMS if program.name in SHOWN]


def test_every_name_is_a_program():
    assert {program.name for program in CHOSEN} == set(SHOWN)


@pytest.mark.parametrize("kind", ["primal", "adjoint", "tangent"])
@pytest.mark.parametrize("program", CHOSEN, ids=str)
def test_source(program, kind, golden):
    args = program.arguments()
    f = sg.differentiable(program.function, target="python")
    options = {} if kind == "primal" else {"argnums": laws.active_arguments(args)}
    golden(f"{program.name}_{kind}", f.source(kind, *args, **options))
