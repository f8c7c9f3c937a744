"""Helpers that take and return whole arrays."""

from __future__ import annotations

from tests.random_programs.scope import ArrayHelper, Scope, Var, write_statements

from .forms import (
    Part,
    array_statement,
    bind,
    exact,
    leaf,
    moderate,
    named,
    pick,
    scalar,
    tensors,
)
from .shapes import Shape, known


def write_array_helper(outer: Scope, arguments: list[str]) -> ArrayHelper:
    """Write a helper for arrays of the shapes of these, and a float."""
    weights = {**outer.weights, "jump": 0.0}  # all ends of a helper return the same
    scope = Scope(outer.rng, weights, 1, (), features=outer.features, whole=True)
    scope.array_helpers, scope.prelude = list(outer.array_helpers), outer.prelude
    scope.budget, scope.work = outer.rng.randint(1, 4), 4
    names = []
    for number, argument in enumerate(arguments):
        var = outer.env[argument]
        names.append(f"p{number}")
        scope.env[names[-1]] = Var(var.kind, var.shape, contiguous=False)
    names.append("s")
    scope.env["s"] = Var("float")
    scope.arguments = tuple(names)
    write_statements(scope, 0, 3)
    part = result_part(scope)
    results = [part] if part else []
    if part and scope.chance(0.25):
        results.append(scalar(scope))
    text = ", ".join(result.text for result in results)
    name = f"fun{len(outer.prelude)}"
    default = scope.chance(0.2)
    header = f"def {name}({', '.join(names)}{' = 0.4' if default else ''}):"
    outer.prelude += [header, *(scope.lines or ["    pass"] * (not text))]
    outer.prelude += [f"    return {text}"] * bool(text) + ["", ""]
    shapes = tuple((outer.env[a].kind, outer.env[a].shape) for a in arguments)
    return ArrayHelper(name, shapes, tuple((r.shape, r.single) for r in results), scope.wrote, default)


def result_part(scope: Scope) -> Part | None:
    """What a helper returns: an expression, a name, a view, or nothing if it writes."""
    if scope.wrote and scope.chance(0.3):
        return None
    names = tensors(scope)
    kind = scope.rng.choice(["expression", "expression", "exact", "name", "view"])
    if kind == "expression":
        return moderate(scope, scope.env[pick(scope, names)].shape, 3)
    if kind == "exact":
        return exact(scope, pick(scope, names), 2)
    name = pick(scope, names)
    part = named(scope, name)
    if kind == "view" and part.shape:
        return Part(f"{name}[::-1]", part.shape, False, part.single)
    return part


@array_statement("array helper", 2.0)
def call_helper(scope: Scope) -> bool:
    """A call of a helper that takes arrays and returns an array, an array and a float, or nothing."""
    names, rng = tensors(scope, lambda v: known(v.shape)), scope.rng
    if not names or scope.work > 30:
        return False

    def matches(kind: str, shape: Shape) -> list[str]:
        return [n for n in names if (scope.env[n].kind, scope.env[n].shape) == (kind, shape)]

    usable = [h for h in scope.array_helpers if all(matches(*parameter) for parameter in h.parameters)]
    if usable and scope.chance(0.5):
        helper = rng.choice(usable)
        arguments = [rng.choice(matches(*parameter)) for parameter in helper.parameters]
    else:
        if len(scope.array_helpers) > 3:
            return False
        arguments = [pick(scope, names) for _ in range(rng.choice([1, 2, 2, 3]))]
        helper = write_array_helper(scope, arguments)
        scope.array_helpers.append(helper)
    texts = list(arguments)
    if not helper.writes:  # what is written must be a name
        for number, argument in enumerate(arguments):
            part = exact(scope, argument, 1)
            if scope.chance(0.3) and part.single == named(scope, argument).single:
                texts[number] = part.text
    if not helper.default or scope.chance(0.5):
        texts.append(leaf(scope, ()).text)
    scope.wrote |= helper.writes
    text = f"{helper.name}({', '.join(texts)})"
    if not helper.results:
        scope.emit(text)
    elif len(helper.results) == 1:
        ((shape, single),) = helper.results
        bind(scope, Part(text, shape, False, single))
    else:
        found = [scope.new("v" if shape else "x") for shape, _ in helper.results]
        scope.emit(f"{', '.join(found)} = {text}")
        for name, (shape, single) in zip(found, helper.results, strict=True):
            kind = "single" if single else "array"
            scope.env[name] = Var(kind, shape, contiguous=False) if shape else Var("float")
    return True
