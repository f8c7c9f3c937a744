"""Whole functions: helpers, the function `f` itself, and the module around it."""

from __future__ import annotations

import random

from .expressions import constant, value
from .loops import int_range, result_text
from .program import Parameter, Program
from .scalars import FLOAT
from .scope import STATEMENTS, Helper, Scope, Var, write_statements
from .whole import programs as whole_programs

# of helpers: parameters, results, whether the body starts with a loop that fills the first argument
FORMS = (
    (("float",), ("float",), False),
    (("float",), ("float",), False),
    (("float", "float"), ("float",), False),
    (("float", "int"), ("float",), False),
    (("float", "float"), ("float", "float"), False),
    (("array", "float"), ("float",), False),
    (("array", "array"), ("float",), False),
    (("array", "array"), (), True),
    (("array", "array", "float"), (), True),
    (("array",), (), True),
    (("array", "float"), ("array",), False),
    (("array", "int"), ("array", "float"), False),
    (("array", "array", "float"), ("float", "float"), False),
    (("matrix", "float"), ("float",), False),
    (("matrix", "array"), (), False),
)
UNKNOWN = {
    "float": FLOAT,
    "int": int_range(0, 3),
    "array": Var("array", ("N",), contiguous=False),
    "matrix": Var("array", ("R", "C"), contiguous=False),
}
TWICE = ["def twice(fn, z):", "    return 0.7 * fn(fn(z) + z)", "", ""]


def write_helper(outer: Scope, number: int) -> list[str]:
    """The lines of a helper; it is added to what `outer` may call."""
    rng = outer.rng
    parameters, results, fills = rng.choice(FORMS)
    scope = Scope(rng, outer.weights, 2, results, list(outer.helpers), features=outer.features, whole=outer.whole)
    scope.array_helpers, scope.prelude = outer.array_helpers, outer.prelude
    scope.budget, scope.work = rng.randint(2, 6), 4
    names = []
    for kind in parameters:
        name = {"float": "s", "array": "p", "int": "m", "matrix": "P"}[kind] + str(len(names))
        names.append(name)
        scope.env[name] = UNKNOWN[kind]
    scope.arguments = tuple(names)
    defaults = int(parameters[-1] == "float" and len(parameters) > 1 and rng.random() < 0.3)
    signature = ", ".join(names) + (" = 0.7" if defaults else "")
    if fills:
        source = names[1] if len(parameters) > 1 and parameters[1] == "array" else names[0]
        scope.protected.add("i")
        with scope.block(f"for i in range(len({names[0]})):", {"i": Var("int", hi=None, dims=frozenset("N"))}, 5):
            keep = rng.choice([f"{source}[i]", f"{source}[i - 1]", f"{names[0]}[i]"])
            scope.emit(f"{names[0]}[i] = {value(scope, 2, keep)}")
        scope.protected.discard("i")
        scope.wrote = True
    if not fills or scope.chance(0.4):
        write_statements(scope, 1, 3)
    if results:
        scope.emit(f"return {result_text(scope)}")
    name = f"h{number}"
    writes = scope.wrote and ("array" in parameters or "matrix" in parameters)
    outer.helpers.append(Helper(name, parameters, results, writes, defaults))
    return [f"def {name}({signature}):", *scope.lines, "", ""]


def draw_parameters(rng: random.Random) -> tuple[Parameter, ...]:
    """Two to five arguments of the function; at least one has a derivative."""
    count, size, parameters = rng.choice([2, 3, 3, 4, 5]), rng.randint(1, 5), []
    for number in range(count):
        kind = (
            "array"
            if number == 0
            else rng.choice(["float", "float", "array", "array", "matrix", "int", "ints", "bool"])
        )
        length = size if rng.random() < 0.6 else rng.randint(1, 5)
        layout = rng.choice(["C"] * 12 + ["F", "strided", "reversed"])
        if kind == "array":
            parameters.append(Parameter(f"a{number}", "array", (length,), "C" if layout == "F" else layout))
        elif kind == "matrix":
            parameters.append(Parameter(f"A{number}", "array", (rng.randint(1, 3), length), layout))
        elif kind == "ints":
            parameters.append(
                Parameter(f"idx{number}", "ints", (rng.randint(1, 4),), value=rng.randint(0, 1), below=length)
            )
        elif kind == "float":
            parameters.append(Parameter(f"x{number}", "float"))
        else:
            parameters.append(
                Parameter(f"{kind[0]}{number}", kind, value=rng.randint(1, 4) if kind == "int" else rng.randint(0, 1))
            )
    rng.shuffle(parameters)
    return tuple(parameters)


def variable(parameter: Parameter) -> Var:
    """What the generator knows about an argument."""
    if parameter.kind in ("array", "single"):
        return Var(parameter.kind, parameter.shape, contiguous=parameter.layout == "C")
    if parameter.kind == "ints":
        return Var("ints", parameter.shape, lo=-parameter.below * parameter.value, hi=parameter.below - 1)
    return Var(parameter.kind, lo=parameter.value, hi=parameter.value)


def draw_results(rng: random.Random, parameters: tuple[Parameter, ...]) -> tuple[str, ...]:
    """The kinds of what the function returns."""
    results = rng.choice([("float",)] * 4 + [("array",), ("array",), ("float", "array"), ("float", "float"),
                         ("array", "float", "array"), ("matrix",), ("float", "matrix")])  # fmt: skip
    if any(len(p.shape) == 2 for p in parameters):
        return results
    return tuple("array" if kind == "matrix" else kind for kind in results)


def write_total(scope: Scope) -> None:
    """`total`: a sum over some of what is there at the end, so that little of the program is dead."""
    rng = scope.rng
    arrays, floats = scope.names("array", "single"), scope.names("float")
    arrays = {
        *rng.sample(arrays, min(2, len(arrays))),
        *(n for n in scope.arguments if n in arrays and rng.random() < 0.8),
    }
    floats = {
        *rng.sample(floats, min(3, len(floats))),
        *(n for n in scope.arguments if n in floats and rng.random() < 0.8),
    }
    arrays, floats = sorted(arrays), sorted(floats)
    scope.emit(f"total = {' + '.join(f'{constant(scope)} * {name}' for name in floats) or '0.0'}")
    scope.env["total"] = FLOAT
    for name in arrays:
        rank = len(scope.env[name].shape)
        if scope.whole and (rank > 2 or scope.chance(0.6)):
            scope.emit(f"total += {whole_programs.weighted_sum(scope, name)}")
        elif rank == 2:
            with scope.block(f"for i in range({name}.shape[0]):"), scope.block(f"for j in range({name}.shape[1]):"):
                scope.emit(f"total += ({constant(scope)} + 0.3 * i - 0.2 * j) * {name}[i, j]")
        else:
            with scope.block(f"for i in range(len({name})):"):
                term = f"({constant(scope)} + 0.3 * i) * {name}[i]"
                scope.emit(
                    rng.choice([f"total += {term}", f"total += {term} * {name}[i - 1]", f"total = total + {term}"])
                )


def write_program(
    seed: int, attempt: int, complexity: int | None, weights: dict[str, float], *, arrays: bool | None = None
) -> Program:
    """A program that has not been run yet."""
    rng = random.Random(f"srcgrad {seed} {attempt}")  # noqa: S311
    mix = whole_programs.draw_mix(seed, arrays=arrays)
    weights = whole_programs.mixed_weights(weights, list(STATEMENTS), mix)
    complexity = rng.choice([1, 1, 2, 2, 3, 3, 4]) if complexity is None else complexity
    if mix == "never":
        parameters = draw_parameters(rng)
        results = draw_results(rng, parameters)
    else:
        parameters = whole_programs.draw_array_parameters(rng)
        results = whole_programs.draw_array_results(rng, parameters)
    scope = Scope(rng, weights, min(1 + complexity, 3), results, whole=mix != "never")
    text = []
    if rng.random() < 0.3:
        text.append(f"K = {rng.uniform(-1.0, 1.0):.3f}")
        scope.env["K"] = FLOAT
        scope.protected.add("K")
    if rng.random() < 0.15:
        text.append("W = np.array([0.3, -0.8, 1.1])")
        scope.env["W"] = Var("array", (3,), frozen=True)
        scope.protected.add("W")
    text += [""] * 2 * bool(text)
    for number in range(rng.choice([0, 1, 1, 2, 3])):
        text += write_helper(scope, number)
    scope.env.update({p.name: variable(p) for p in parameters})
    scope.arguments = tuple(p.name for p in parameters)
    scope.budget = 3 + 5 * complexity
    write_statements(scope, 2, 3 + 2 * complexity)
    if rng.random() < 0.8:
        write_total(scope)
    result = result_text(scope)
    if "total" in scope.env and scope.results == ("float",):
        result = "total"
    elif "total" in scope.env and "float" in scope.results:
        parts = list(scope.results)
        result = ", ".join("total" if kind == "float" else result_text(scope, (kind,)) for kind in parts)
    elif scope.whole and "total" in scope.env and "float" not in scope.results and scope.chance(0.6):
        result += " + 0.3 * total"
    if any("twice(" in line for line in [*text, *scope.prelude, *scope.lines, result]):
        text[0:0] = TWICE
    text += scope.prelude
    text += [f"def f({', '.join(p.name for p in parameters)}):", *scope.lines, f"    return {result}", ""]
    return Program(seed, "\n".join(text), parameters, scope.features)
