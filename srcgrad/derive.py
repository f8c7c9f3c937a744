"""The IR of gradients, and of calls of programs inside functions that are being lowered."""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from srcgrad import structure
from srcgrad.errors import ArgumentError, NonScalarError, Problem
from srcgrad.ir.arguments import Constant, TupleOf
from srcgrad.ir.nodes import Function, Increment, Reserve, Var, flatten
from srcgrad.ir.printed import Printed
from srcgrad.ir.printer import print_function
from srcgrad.ir.types import Array, Scalar, is_float
from srcgrad.ir.walk import statements
from srcgrad.plan import Outside, Plan, Text
from srcgrad.program import GradientOf, Program, PullbackOf, nothing_returned, resolve_argnums
from srcgrad.transform import pipeline
from srcgrad.transform.analysis.written import written_parameters
from srcgrad.transform.build import strong
from srcgrad.transform.inline import inline_function
from srcgrad.transform.lower import arrays
from srcgrad.transform.lower import values as lower_values
from srcgrad.transform.lower.scope import Scope, wrap
from srcgrad.transform.lower.values import Lowered, Static, Tuple, Value, describe, is_atom, refill
from srcgrad.transform.parse import noted_sources

Arguments = Sequence[tuple[str, Any]]


class Derivation:
    """The IR of a program for given arguments, and the texts of its primal and its derivatives.

    Attributes:
        lowered: the IR.
        wrt: its float parameters.
        functions: the functions whose source it was made from.
    """

    def __init__(self, program: Program, arguments: Arguments) -> None:
        with noted_sources() as functions:
            self.lowered: Lowered = program.lowered(arguments)
        self.functions, self.arguments = functions, arguments
        self.options = program.options
        self.frugal, self.budget = program.is_frugal, program.options.memory_budget
        self.wrt = float_parameters(self.lowered.function, arguments, program.active)

    def plan(self) -> Plan:
        """What a call needs to know."""
        function, captures = self.lowered.function, self.lowered.captures
        constants = tuple(Outside(c.name, c.read, c.value, c.key) for c in captures if c.var is None)
        arrays_ = tuple(Outside(c.var.hint, c.read, c.var.type, c.key) for c in captures if c.var is not None)
        names = tuple(p.hint for p in function.params)
        count = len(flatten(function.results))
        large = " or ".join(self.lowered.large)
        budget = (f"({large})" if self.frugal else f"not ({large})",) if large else ()
        facts = (*self.lowered.facts, *budget)
        return Plan(result_type(self.lowered.result), count, facts, constants, arrays_, names)

    def texts(self, kind: str) -> dict[str, Text]:
        """The text of the "primal" or "tangent", or of both sweeps for "forward" or "reverse".

        The "frugal forward" and "frugal reverse" sweeps checkpoint loops whose tape takes too much memory.
        """
        function = self.lowered.function
        if kind == "primal":
            made = {kind: function}
        elif kind == "tangent":
            made = {kind: pipeline.tangent(function, self.wrt)}
        else:
            split = pipeline.split(function, self.wrt)
            own = len(function.params) - sum(c.var is not None for c in self.lowered.captures)
            large = pipeline.beyond(split.forward, function, own, self.budget)
            prefix = "frugal " if kind.startswith("frugal") else ""
            if prefix:
                split = pipeline.frugal_split(function, split, self.wrt)
            made = {f"{prefix}forward": split.forward, f"{prefix}reverse": split.reverse}
            return {name: self._text(ir, large) for name, ir in made.items()}
        return {name: self._text(ir) for name, ir in made.items()}

    def _text(self, function: Function, large: tuple[str, ...] = ()) -> Text:
        """A text; one that is to be compiled is put in the form that compilers do best with."""
        written = written_parameters(function)
        flat = pipeline.flattened(pipeline.printable(function))
        if self.options.target == "cuda":
            flat = pipeline.on_device(flat, deterministic=self.options.deterministic)
            printed = print_function(flat, device=True)
        else:
            if self.options.parallel:
                flat = pipeline.in_parallel(flat, deterministic=self.options.deterministic)
            compiled = self.options.target == "cpu"
            flat = pipeline.in_lanes(flat) if compiled else flat
            printed = print_function(flat, pipeline.direct_accesses(flat) if compiled else frozenset())
        printed = replace(printed, written=frozenset(name for name, p in flat.signature if p in written))
        return Text(printed, tuple(k for k, p in enumerate(function.params) if p in written), large)

    def source(self, kind: str, argnums: Any) -> str:
        """The text of the "primal", "adjoint" or "tangent" for people, with the user's own parameters."""
        function = self.lowered.function
        if kind != "primal":
            names = resolve_argnums(argnums, [n for n, _ in self.arguments], function.name)
            wrt = parameters_of(function, self.arguments, names, function.name)
            if kind == "adjoint":
                function = pipeline.adjoint(function, wrt, on_device=self.options.target == "cuda")
            else:
                function = pipeline.tangent(function, wrt)
        return print_function(pipeline.printable(function)).text

    def printed_without(self, constants: Collection[str]) -> Printed:
        """The primal without the parameters `constants`, which its text reads as globals."""
        ir = pipeline.printable(self.lowered.function)
        return print_function(replace(ir, signature=tuple((n, t) for n, t in ir.signature if n not in constants)))


def result_type(value: Value) -> Any:
    """The structure of a result as an argument type."""
    if isinstance(value, Tuple):
        return TupleOf(tuple(result_type(v) for v in value.items), value.cls, value.is_list)
    return Constant(value.object) if isinstance(value, Static) else value.type


def gradient(program: GradientOf, arguments: Arguments) -> Lowered:
    """The IR of a `GradientOf`."""
    inner = program.of.lowered(arguments)
    names = resolve_argnums(program.argnums, [n for n, _ in arguments], program.of.name)
    wrt = parameters_of(inner.function, arguments, names, program.of.name)
    objective = scalar_objective(inner.result, program.of, has_aux=program.has_aux)
    on_device = program.options.target == "cuda"
    ir = pipeline.adjoint(inner.function, wrt, objective, 1.0, on_device=on_device)
    own = len(ir.params) - sum(c.var is not None for c in inner.captures)
    large = pipeline.beyond(ir, inner.function, own, program.options.memory_budget)
    if program.is_frugal:
        ir = pipeline.frugal_adjoint(inner.function, ir, wrt, objective, 1.0, on_device=on_device)
    value, *gradients = ir.results
    left = dict(zip(wrt, gradients, strict=True))
    kinds, trees = dict(arguments), dict(inner.function.signature)
    parts = [_gradient_value(kinds[n], trees[n], left) for n in names]
    found: Value = parts[0] if not isinstance(program.argnums, tuple) else Tuple(tuple(parts))
    result = _with_value(found, inner.result, value, with_value=program.with_value, has_aux=program.has_aux)
    ir = replace(ir, name=f"{inner.function.name}_gradient", results=atoms_of(result))
    return Lowered(ir, inner.captures, result, inner.facts, (*inner.large, *large))


def pullback(program: PullbackOf, arguments: Arguments) -> Lowered:
    """The IR of a `PullbackOf`."""
    *given, (last, kind) = arguments
    inner = program.of.lowered(given)
    function = inner.function
    wrt = float_parameters(function, given, program.of.active)
    ir = pipeline.adjoint(function, wrt, on_device=program.options.target == "cuda")
    seeds = ir.params[len(function.params) :]
    assert len(structure.leaf_types(kind)) == len(seeds)  # only `shim/compiled.py` calls this
    own = len(function.params) - sum(c.var is not None for c in inner.captures)
    gradients = flatten(ir.results)[len(flatten(function.results)) :]
    result = Tuple(tuple(gradients))
    ir = replace(ir, results=tuple(gradients))
    ir = replace(
        ir, name=f"{function.name}_pullback", results=atoms_of(result),
        params=(*function.params[:own], *seeds, *function.params[own:]),
        signature=(*function.signature, (last, seeds)),
    )  # fmt: skip
    return Lowered(ir, inner.captures, result, inner.facts, inner.large)


def with_finals(lowered: Lowered) -> Lowered:
    """The same with the arrays that the function overwrites as results after its own."""
    function = lowered.function
    written = written_parameters(function)
    result = Tuple((lowered.result, *(p for p in function.params if p in written)))
    return replace(lowered, function=replace(function, results=atoms_of(result)), result=result)


def kernel_adjoint(program: Any, arguments: Arguments) -> Lowered:
    """The IR of a `srcgrad.cuda.program.AdjointOf`."""
    found = _kernel_adjoint(program, arguments, flat=False)
    inside = list(statements(found.function.body))
    if program.options.target != "cuda":
        return found
    if any(isinstance(s, Reserve) for s in inside):
        return _kernel_adjoint(program, arguments, flat=True)  # threads have tapes of their own that grow
    added = {s.array: s.index for s in inside if isinstance(s, Increment)}
    if any(isinstance(s, Increment) and s.index != added[s.array] for s in inside):
        flat = _kernel_adjoint(program, arguments, flat=True)
        return flat if pipeline.gathers(flat.function) else found
    return found


def _kernel_adjoint(program: Any, arguments: Arguments, *, flat: bool) -> Lowered:
    count = len(arguments) - len(program.wanted)
    inner = program.of.plain(arguments[:count], flat=flat)
    function = replace(inner.function, results=())
    own = len(function.params) - len([c for c in inner.captures if c.var is not None])
    trees, kinds = dict(function.signature), dict(arguments)
    wrt = tuple(trees[n] for n in program.wanted)
    buffers = tuple(Var(n, replace(kinds[n], shape=None)) for n, _ in arguments[count:])
    ir = pipeline.adjoint_into(function, wrt, buffers, on_device=program.options.target == "cuda")
    ir = replace(
        ir, name=f"{function.name}_adjoint",
        params=(*function.params[:own], *buffers, *function.params[own:]),
        signature=(*function.signature, *((b.hint, b) for b in buffers)),
    )  # fmt: skip
    return Lowered(ir, inner.captures, Static(None), inner.facts, inner.large)


def with_contents(lowered: Lowered, names: Sequence[str]) -> Lowered:
    """A kernel with its parameters `names` as results: the final contents of arrays that it overwrites, else None."""
    function = lowered.function
    written, trees = written_parameters(function), dict(function.signature)
    result = Tuple(tuple(trees[n] if trees[n] in written else Static(None) for n in names))
    return replace(lowered, function=replace(function, results=atoms_of(result)), result=result)


def _with_value(gradient: Value, shape: Value, atoms: Any, *, with_value: bool, has_aux: bool) -> Value:
    """JAX's results: g, (y, g), (g, aux) or ((y, aux), g)."""
    value = refill(shape, flatten(atoms))
    if has_aux:
        return Tuple((value, gradient)) if with_value else Tuple((gradient, value.items[1]))
    return Tuple((value, gradient)) if with_value else gradient


def _gradient_value(kind: Any, tree: Any, left: dict[Var, Any]) -> Value:
    """The gradient of one argument, in the argument's structure; None where there is no derivative."""
    if isinstance(kind, TupleOf):
        return Tuple(tuple(_gradient_value(k, t, left) for k, t in zip(kind.items, tree, strict=True)), kind.cls)
    return left[tree] if isinstance(tree, Var) and tree in left else Static(None)


# -- results -------------------------------------------------------------------------------------------------------


def atoms_of(value: Value) -> Any:
    """A result as a nested tuple of atoms."""
    if isinstance(value, Tuple):
        return tuple(atoms_of(v) for v in value.items)
    return value if is_atom(value) else None


def scalar_objective(result: Value, program: Program, *, has_aux: bool) -> Any:
    """The one float to differentiate.

    Raises:
        NonScalarError: there is none.
    """
    if has_aux:
        if not (isinstance(result, Tuple) and len(result.items) == 2):
            message = f"with has_aux, '{program.name}' must return a pair, but it returns {describe(result)}"
            raise NonScalarError(Problem(message, hint="return (value, aux)"))
        result = result.items[0]
    if is_atom(result) and isinstance(result.type, Array) and result.type.ndim == 0 and is_float(result.type):
        return result
    if not (is_atom(result) and isinstance(result.type, Scalar)):
        if isinstance(result, Static) and result.object is None:
            raise nothing_returned(program)
        message = f"grad expects a function that returns one float, but '{program.name}' returns {describe(result)}"
        raise NonScalarError(Problem(message, hint="use vjp or jacrev, or sum the result"))
    if not is_float(result.type):
        message = f"grad expects a function that returns a float, but '{program.name}' returns {describe(result)}"
        raise NonScalarError(Problem(message, hint="return a float"))
    return result


# -- arguments -----------------------------------------------------------------------------------------------------


def parameters_of(function: Function, arguments: Arguments, names: list[str], program: str) -> tuple[Var, ...]:
    """The float parameters that make up the arguments `names`.

    Raises:
        ArgumentError: one of them has no float part.
    """
    trees, kinds = dict(function.signature), dict(arguments)
    wrt: list[Var] = []
    for name in names:
        own = [p for p in flatten(trees[name]) if is_float(p.type)]
        if not own:
            message = f"'{program}' cannot be differentiated with respect to '{name}', which is {_words(kinds[name])}"
            raise ArgumentError(Problem(message, hint="pass a float or an array of floats"))
        wrt += own
    return tuple(wrt)


def _words(kind: Any) -> str:
    if isinstance(kind, Constant):
        return {bool: "a bool", str: "a string", type(None): "None"}.get(type(kind.value), "no number")
    if isinstance(kind, TupleOf):
        return "a tuple without floats"
    return f"an array of {kind.dtype}" if isinstance(kind, Array) else "an int"


def float_parameters(
    function: Function, arguments: Arguments, active: Collection[str] | None = None
) -> tuple[Var, ...]:  # fmt: skip
    """The float parameters of the user's arguments, or of the `active` ones, in order."""
    trees = dict(function.signature)
    names = [n for n, _ in arguments if active is None or n in active]
    return tuple(p for n in names for p in flatten(trees[n]) if is_float(p.type))


def inline_program(scope: Scope, program: Program, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
    """A call of a program inside a function that is being lowered: its IR, written in place of the call.

    Arrays that the program overwrites are copied first, as in any call of a derived function.
    """
    bound = program.signature.bind(*args, **kwargs)
    names = list(program.signature.parameters)
    values = []
    for name in names:
        if name in bound.arguments:
            given = bound.arguments[name]
            values.append(strong(given) if is_atom(given) else given)
        else:
            values.append(wrap(program.signature.parameters[name].default, None))
    arguments = [(n, kind_of_value(v)) for n, v in zip(names, values, strict=True)]
    lowered = program.lowered(arguments)
    hidden = []
    for capture in lowered.captures:
        known = scope.context.captures.setdefault(capture.key, capture)
        if known.var is not None:
            hidden.append(known.var)
    atoms = [*(a for v in values for a in lower_values.leaves(v)), *hidden]
    written = written_parameters(lowered.function)
    atoms = [arrays.copy(scope, a) if p in written else a for p, a in zip(lowered.function.params, atoms, strict=True)]
    results = inline_function(scope.build, lowered.function, atoms)
    return refill(lowered.result, results)


def kind_of_value(value: Value) -> Any:
    """The argument type of a value met while lowering."""
    if isinstance(value, Tuple):
        return TupleOf(tuple(kind_of_value(v) for v in value.items), value.cls)
    return value.type if is_atom(value) else Constant(getattr(value, "object", value))
