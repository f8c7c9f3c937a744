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
    "black_scholes_in_ten_steps": "ten array statements: one loop, no array between them",
    "product_of_transposed": "a matrix product: BLAS on views, nothing copied",
    "softmax_of_rows": "reductions along an axis",
    "heat_by_slices": "slices that overlap: computed before any of them is written",
    "springs_by_indices": "indices in arrays, with repeats",
    "checkpointed_oscillator": "a time loop run again from snapshots, at equal distances",
    "checkpointed_by_revolve": "the same with three snapshots, by the binomial schedule",
    "clipped_by_a_mask": "a write by a mask: a branch in the loop",
}
CHOSEN = [program for program in PROGRAMS if program.name in SHOWN]


def test_every_name_is_a_program():
    assert {program.name for program in CHOSEN} == set(SHOWN)


@pytest.mark.parametrize("kind", ["primal", "adjoint", "tangent"])
@pytest.mark.parametrize("program", CHOSEN, ids=str)
def test_source(program, kind, golden):
    golden(f"{program.name}_{kind}", source_of(program, kind))


def source_of(program, kind):
    args = program.arguments()
    f = sg.differentiable(program.function, target="python")
    options = {} if kind == "primal" else {"argnums": laws.active_arguments(args)}
    return f.source(kind, *args, **options)


def named(name):
    return next(program for program in CHOSEN if program.name == name)


@pytest.mark.parametrize("kind", ["primal", "adjoint", "tangent"])
def test_array_statements_are_one_loop_without_temporaries(kind):
    """Value and gradient of ten array statements: one pass over the arguments, no array but the gradients."""
    text = source_of(named("black_scholes_in_ten_steps"), kind)
    assert text.count("for ") == 1
    made = [line.strip() for line in text.splitlines() if "np.empty" in line or "np.zeros" in line]
    gradients = [f"b{name} = np.zeros_like({name})" for name in "skt"]
    assert sorted(made) == (sorted(gradients) if kind == "adjoint" else [])


def test_matrix_products_copy_no_operand():
    """Three products: one of the primal and one for each operand's gradient, each into one new array."""
    text = source_of(named("product_of_transposed"), "adjoint")
    assert text.count("np.dot(") == 3
    assert text.count("np.empty(") == 3
    assert "copy" not in text
    assert "asarray" not in text
    assert "contiguous" not in text
