"""Programs that work on whole arrays: how often they do, their arguments and their results."""

from __future__ import annotations

import random

from tests.random_programs.expressions import constant
from tests.random_programs.loops import RESULTS
from tests.random_programs.program import Parameter
from tests.random_programs.scope import Scope

from .forms import ARRAY_STATEMENTS, draw, exact, pick, scalar

PLAIN_KEPT = {"for range", "if", "while", "for array", "scalar assignment", "scalar augmented", "jump"}


def draw_mix(seed: int, *, arrays: bool | None) -> str:
    """How often the program of a seed works on whole arrays: never, seldom, often or mainly."""
    if arrays is not None:
        return "mainly" if arrays else "never"
    return random.Random(f"whole arrays {seed}").choice(["never"] * 3 + ["seldom", "often", "mainly"])  # noqa: S311


def mixed_weights(weights: dict[str, float], names: list[str], mix: str) -> dict[str, float]:
    """The weights of all statements in a program that works on whole arrays so often."""
    share = {"never": 0.0, "seldom": 0.25, "often": 1.0, "mainly": 2.0}[mix]
    result = dict(weights)
    for name in names:
        own = share if name in ARRAY_STATEMENTS else 1.0
        if mix == "mainly" and name not in ARRAY_STATEMENTS:
            own = 0.4 if name in PLAIN_KEPT else 0.06
        result[name] = weights.get(name, 1.0) * own
    return result


def draw_array_parameters(rng: random.Random) -> tuple[Parameter, ...]:
    """Arguments whose shapes can often be broadcast together; one of them is a vector."""
    lengths = [rng.choice([1, 2, 2, 3, 3, 4]) for _ in range(3)]
    others = rng.choices(
        ["vector", "matrix", "tensor", "float", "int", "ints", "bool"],
        [2.5, 3.0, 0.9, 1.5, 0.4, 1.2, 0.3], k=rng.choice([1, 2, 2, 3, 4]),
    )  # fmt: skip
    parameters = []
    for number, kind in enumerate(["vector", *others]):
        if kind in ("float", "int", "bool"):
            value = rng.randint(1, 3) if kind == "int" else rng.randint(0, 1)
            parameters.append(Parameter(f"{kind[0] if kind != 'float' else 'x'}{number}", kind, value=value))
        elif kind == "ints":
            below = rng.choice(lengths[1:])
            shape = (rng.choice([rng.randint(1, 4), below]),)
            parameters.append(Parameter(f"idx{number}", "ints", shape, value=rng.randint(0, 1), below=below))
        else:
            rank = {"vector": 1, "matrix": 2, "tensor": 3}[kind]
            shape = tuple(1 if rng.random() < 0.12 and number else n for n in lengths[-rank:])
            if rank > 1 and rng.random() < 0.3:
                shape = (*shape[:-2], shape[-1], rng.choice(shape[-2:]))
            layout = rng.choice(["C"] * 8 + ["F", "strided", "reversed"])
            layout = "C" if layout == "F" and rank == 1 else layout
            single = number > 0 and rng.random() < 0.07
            name = ("S" if single else "aAT"[rank - 1]) + str(number)
            parameters.append(Parameter(name, "single" if single else "array", shape, layout))
    rng.shuffle(parameters)
    return tuple(parameters)


def draw_array_results(rng: random.Random, parameters: tuple[Parameter, ...]) -> tuple[str, ...]:
    """The kinds of what a program that works on whole arrays returns; `single`: an argument in single precision."""
    if any(p.kind == "single" for p in parameters) and rng.random() < 0.4:
        return rng.choice([("single",), ("float", "single"), ("single", "array")])
    return rng.choice([("float",)] * 3 + [("array",), ("matrix",), ("tensor",), ("float", "array"), ("matrix", "float"),
                      ("array", "matrix")])  # fmt: skip


def result_of_rank(scope: Scope, rank: int) -> str:
    """An array of this rank, or an expression for one; for rank 0 an argument in single precision."""
    if rank == 0:
        name = next(n for n in scope.arguments if scope.env[n].kind == "single")
        return f"{name}.copy()"
    names = [n for n in scope.names("array") if len(scope.env[n].shape) == rank and not scope.env[n].frozen]
    if names and scope.chance(0.6):
        name = pick(scope, names)
        return name if scope.env[name].contiguous else f"{name}.copy()"
    if names:
        part = exact(scope, pick(scope, names), 2)
        if not part.single:
            return part.text
    shape = tuple(scope.rng.randint(1, 3) for _ in range(rank))
    part = draw(scope, shape, 2)
    return f"np.full({shape}, {scalar(scope).text})" if part.single else f"np.ones({shape}) * ({part.text})"


RESULTS["whole array"] = result_of_rank


def weighted_sum(scope: Scope, name: str) -> str:
    """A number to which every element of an array contributes something else."""
    shape = scope.env[name].shape
    last = f"np.arange({name}.shape[-1])"
    weights = f"({constant(scope)} + 0.3 * {last})"
    texts = [f"np.sum({name} * {weights})", f"np.sum({weights} * np.sin({name}))", f"({name} * {weights}).sum()",
             f"np.sum({name} * {name}) + np.sum({weights} * {name})"]  # fmt: skip
    if len(shape) == 1:
        texts.append(f"{weights} @ {name}")
    return f"{constant(scope)} * ({scope.rng.choice(texts)})"
