"""The stages of the compiler, in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import FunctionType, MethodType
from typing import Any

from srcgrad.errors import UnsupportedError
from srcgrad.ir.nodes import ZERO, Call, Custom, Function, Stmt, Var, flatten
from srcgrad.ir.printer import parameter_names
from srcgrad.ir.types import Array, Scalar
from srcgrad.ir.verify import verify
from srcgrad.ir.walk import statements, without
from srcgrad.rules import RULES
from srcgrad.transform import tangent as forward_mode
from srcgrad.transform.adjoint import (
    Plan,
    Split,
    checkpoint_large,
    helper_adjoint,
    joint_adjoint,
    split_adjoint,
    tape_bytes,
)
from srcgrad.transform.adjoint import planned_adjoint as with_plan
from srcgrad.transform.analysis import signs
from srcgrad.transform.build import Builder
from srcgrad.transform.device import gather_increments, to_device
from srcgrad.transform.inline import inline_function
from srcgrad.transform.lanes import use_lanes
from srcgrad.transform.lower import lower
from srcgrad.transform.lower.values import Lowered, refill
from srcgrad.transform.parallel import (
    carried_first,
    hoist_guards,
    look_up,
    one_after_another,
    products_as_loops,
    share_out,
    zero_on_threads,
)
from srcgrad.transform.parallel import check_parallel as _check_parallel
from srcgrad.transform.simplify import (
    cancel_clears,
    contract_tapes,
    eliminate_dead_code,
    eliminate_repeats,
    forward_copies,
    fuse_loops,
    hoist_invariants,
    merge_branches,
    promote_sums,
    propagate_copies,
    reuse_arrays,
    see_through_views,
    settle_bounds,
    share_branches,
    split_increments,
)
from srcgrad.transform.simt import (
    check_races,
    count_loops,
    flat_grid,
    in_one_thread,
    launch_of,
    merge_stores,
    serialise,
    unroll_levels,
    without_unread,
)
from srcgrad.transform.simt.launch import ARGUMENTS
from srcgrad.transform.specialise import specialise_sizes

Stage = Callable[[Function], Function]
Watch = Callable[[str, Function, Function], None]  # told the name of each stage, and the function before and after it
SIMPLIFY: tuple[tuple[str, Stage], ...] = (
    ("propagate_copies", propagate_copies),
    ("hoist_invariants", hoist_invariants),
    ("eliminate_repeats", eliminate_repeats),
    ("eliminate_dead_code", eliminate_dead_code),
)
FUSE: tuple[tuple[str, Stage], ...] = (
    *SIMPLIFY,
    ("fuse_loops", fuse_loops),
    ("eliminate_repeats", eliminate_repeats),
    ("fuse_loops", fuse_loops),  # what was stored and loaded again no longer keeps inner loops apart
    ("eliminate_repeats", eliminate_repeats),
    ("eliminate_dead_code", eliminate_dead_code),
)
REVERSE: tuple[tuple[str, Stage], ...] = (("see_through_views", see_through_views), *FUSE)
PRIMAL: tuple[tuple[str, Stage], ...] = (
    *SIMPLIFY,
    ("settle_bounds", settle_bounds),
    ("propagate_copies", propagate_copies),
    ("eliminate_dead_code", eliminate_dead_code),
    *FUSE[len(SIMPLIFY) :],
)
ADJOINT: tuple[tuple[str, Stage], ...] = (
    ("see_through_views", see_through_views),
    *FUSE,
    ("contract_tapes", contract_tapes),
    ("forward_copies", forward_copies),
    ("merge_branches", merge_branches),
    ("cancel_clears", cancel_clears),
    ("eliminate_repeats", eliminate_repeats),
    ("merge_branches", merge_branches),
    ("eliminate_repeats", eliminate_repeats),
    ("promote_sums", promote_sums),
    ("reuse_arrays", reuse_arrays),
    ("eliminate_dead_code", eliminate_dead_code),
    ("propagate_copies", propagate_copies),
)
ROWS: tuple[tuple[str, Stage], ...] = (  # for the vectors of a CPU
    ("split_increments", split_increments),
    ("propagate_copies", propagate_copies),
)
PRINTED: tuple[tuple[str, Stage], ...] = (
    ("share_branches", share_branches),
    ("eliminate_dead_code", eliminate_dead_code),
)
LANES: tuple[tuple[str, Stage], ...] = (
    ("promote_sums", promote_sums),
    ("propagate_copies", propagate_copies),
    ("eliminate_repeats", eliminate_repeats),
    ("eliminate_dead_code", eliminate_dead_code),
)
SHARED: tuple[tuple[str, Stage], ...] = (
    ("propagate_copies", propagate_copies),
    ("eliminate_dead_code", eliminate_dead_code),
)
PRODUCTS: tuple[tuple[str, Stage], ...] = (*SIMPLIFY, ("see_through_views", see_through_views), *FUSE)
THREAD: tuple[tuple[str, Stage], ...] = (  # nothing that moves accesses: barriers stand between them
    ("propagate_copies", propagate_copies),
    ("unroll_levels", unroll_levels),
    ("propagate_copies", propagate_copies),
    ("hoist_invariants", hoist_invariants),
    ("merge_stores", merge_stores),
    ("eliminate_dead_code", eliminate_dead_code),
)
OPERATIONS = {op: rule.arity for op, rule in RULES.items()}
VERIFY = bool(os.environ.get("SRCGRAD_VERIFY"))


def _run(
    function: Function, stages: Sequence[tuple[str, Stage]], first: str, watch: Watch | None = None
) -> Function:  # fmt: skip
    """Apply stages in order, checking what each returns where SRCGRAD_VERIFY is set, as in the tests."""
    if VERIFY:
        verify(function, first, OPERATIONS)
    for name, stage in stages:
        before, function = function, stage(function)
        if watch is not None:
            watch(name, before, function)
        if VERIFY:
            verify(function, name, OPERATIONS)
    return function


def primal(
    function: FunctionType | MethodType, arguments: Sequence[tuple[str, Any]], watch: Watch | None = None
) -> Lowered:  # fmt: skip
    """Source to IR: parse, fence, normalise and lower; then simplify."""
    lowered = specialise_sizes(lower(function, arguments), arguments)
    simple = _run(lowered.function, PRIMAL, "lower", watch)
    return replace(lowered, function=simple, result=refill(lowered.result, flatten(simple.results)))


def kernel(
    function: FunctionType, arguments: Sequence[tuple[str, Any]], *, on_device: bool, flat: bool = False
) -> Lowered:  # fmt: skip
    """The source of a kernel to the IR of a function that runs the whole grid; see `launch_of` for the arguments.

    A `flat` one has loops over all threads of the grid, if the kernel has no barriers.
    """
    launch = launch_of(arguments)
    thread = lower(function, arguments[:-ARGUMENTS], launch=launch)
    one = count_loops(_run(thread.function, THREAD, "lower"), launch)
    whole = _run(serialise(_run(one, SHARED, "count_loops"), launch), SHARED, "serialise")
    whole = check_races(whole)
    whole = whole if on_device else in_one_thread(whole)
    whole = (flat_grid(whole) if flat else None) or whole
    lowered = specialise_sizes(replace(thread, function=whole), arguments)
    return replace(lowered, function=_run(lowered.function, FUSE, "specialise_sizes"))


def _adjoint_stages(*, on_device: bool) -> tuple[tuple[str, Stage], ...]:
    return ADJOINT if on_device else (*ADJOINT, *ROWS)


def adjoint(
    function: Function, wrt: tuple[Var, ...], objective: Any = None, seed: float | None = None,
    *, on_device: bool = False,
) -> Function:  # fmt: skip
    """IR to the IR of value and gradient."""
    return _run(joint_adjoint(function, wrt, objective, seed), _adjoint_stages(on_device=on_device), "joint_adjoint")


def adjoint_into(
    function: Function, wrt: tuple[Var, ...], buffers: tuple[Var, ...], *, on_device: bool
) -> Function:  # fmt: skip
    """The IR of the adjoint of a function without results, whose cotangents are in `buffers`, one for each of `wrt`.

    They hold those of the contents of arrays at the end, and then of those at the start; a number has an array of one
    element, which is added to. What the function writes is left out where its reverse does not read it.
    """
    active = tuple(function.params.index(p) for p in wrt)
    whole, _ = helper_adjoint(function, active)
    arrays = [b for p, b in zip(wrt, buffers, strict=True) if isinstance(p.type, Array)]
    numbers = [b for p, b in zip(wrt, buffers, strict=True) if isinstance(p.type, Scalar)]
    build = Builder()
    results = inline_function(build, whole, [*function.params, *arrays])
    for b, value in zip(numbers, results, strict=True):
        build.increment(b, (ZERO,), value)
    made = replace(function, params=(*function.params, *buffers), body=tuple(build.stack[0]), results=())
    return _run(without_unread(made, function.params), _adjoint_stages(on_device=on_device), "adjoint_into")


def planned_adjoint(
    function: Function, wrt: tuple[Var, ...], objective: Any, seed: float | None, watch: Watch
) -> tuple[Function, Plan]:  # fmt: skip
    """`adjoint`, and the plan that it was written by; `watch` sees each stage of its simplification."""
    whole, plan = with_plan(function, wrt, objective, seed)
    return _run(whole, _adjoint_stages(on_device=False), "joint_adjoint", watch), plan


def split(function: Function, wrt: tuple[Var, ...]) -> Split:
    """IR to the IRs of its forward and reverse sweeps."""
    parts = split_adjoint(function, wrt)
    return Split(
        _run(parts.forward, FUSE, "split_adjoint"), _run(parts.reverse, REVERSE, "split_adjoint")
    )  # fmt: skip


def beyond(adjoint: Function, function: Function, own: int, budget: int) -> tuple[str, ...]:
    """When the tape of `adjoint`, made of `function`, takes more than `budget` bytes: Python over the arguments."""
    size = tape_bytes(adjoint, function, own)
    return (f"{size} > {budget}",) if size is not None else ()


def frugal_adjoint(
    function: Function, plain: Function, wrt: tuple[Var, ...], objective: Any = None, seed: float | None = None,
    *, on_device: bool = False,
) -> Function:  # fmt: skip
    """The adjoint with the loops checkpointed that fill the tapes of the `plain` one; that one if they cannot be."""
    try:
        return adjoint(checkpoint_large(function, plain), wrt, objective, seed, on_device=on_device)
    except UnsupportedError:
        return plain


def frugal_split(function: Function, plain: Split, wrt: tuple[Var, ...]) -> Split:
    """The same for both sweeps as two functions."""
    try:
        return split(checkpoint_large(function, plain.forward), wrt)
    except UnsupportedError:
        return plain


def tangent(function: Function, wrt: tuple[Var, ...]) -> Function:
    """IR to the IR of value and directional derivative."""
    return _run(forward_mode.tangent(function, wrt), SIMPLIFY, "tangent")


def check_parallel(lowered: Lowered, *, on_device: bool) -> Lowered:
    """Refuse `prange` loops whose iterations cannot run at once; what they raise is raised before them."""
    function = carried_first(lowered.function)
    if on_device:
        function = _run(products_as_loops(function), PRODUCTS, "products_as_loops")
    function = _run(hoist_guards(function), (), "hoist_guards")
    function = _run(look_up(function), (), "look_up")
    _check_parallel(function)
    return replace(lowered, function=function)


def in_sequence(lowered: Lowered) -> Lowered:
    """`prange` as `range`: where there are no threads, to run iterations again in order to share them out is a loss."""
    function = lowered.function
    return replace(lowered, function=replace(function, body=one_after_another(function.body)))


def in_parallel(function: Function, *, deterministic: bool) -> Function:
    """`function` with the iterations of its parallel loops shared out among threads."""

    def finish(segment: Function) -> Function:
        return in_lanes(_run(segment, SHARED, "share_out"))

    changed = zero_on_threads(share_out(function, finish, deterministic=deterministic), finish)
    return function if changed is function else _run(changed, SHARED, "share_out")


def on_device(function: Function, *, deterministic: bool) -> Function:
    """`function` as host code that launches kernels."""
    changed = to_device(function, lambda kernel: _run(kernel, SHARED, "to_device"), deterministic=deterministic)
    return _run(changed, SHARED, "to_device")


def gathers(function: Function) -> bool:
    """Whether iterations add to their neighbours' elements, so that these can be sums of their own on a GPU."""
    return gather_increments(function) is not function


def in_lanes(function: Function) -> Function:
    """`function` as it is compiled for a CPU: loops whose iterations are independent run several of them at a time."""
    changed = use_lanes(function)
    return function if changed is function else _run(changed, LANES, "use_lanes")


def direct_accesses(function: Function) -> frozenset[Stmt]:
    """The accesses to elements whose indices are never negative, in the function and in those of its chunks."""
    called = [s.function for s in statements(function.body) if isinstance(s, Call)]
    return signs.direct_accesses(function).union(*(signs.direct_accesses(f) for f in called))


def flattened(function: Function) -> Function:
    """`function` with one parameter and one result a number or array, as compiled code is called."""
    names = parameter_names(function)
    signature = tuple((names[p], p) for p in function.params)
    return replace(function, signature=signature, results=tuple(flatten(function.results)))


def printable(function: Function) -> Function:
    """`function` as it is printed: what only transformations read is left out, branches share what they compute."""
    function = replace(function, body=without(function.body, Custom))
    return _run(function, PRINTED, "without")
