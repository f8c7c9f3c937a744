"""Random draws: made once, in the forward sweep, and constants for differentiation."""

from __future__ import annotations

import ast
from collections.abc import Callable

import numpy as np

from srcgrad.ir.nodes import Effect
from srcgrad.ir.types import FLOAT64, INT64, is_integer
from srcgrad.transform.lower import arrays
from srcgrad.transform.lower.builtins import HANDLERS, handles
from srcgrad.transform.lower.creation import shape_from
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.signatures import between, expect_numbers
from srcgrad.transform.lower.values import Static, Tuple, Value, is_scalar

WHOLE = ("randint", "poisson", "binomial", "geometric")
DIMENSIONS = ("rand", "randn")  # each argument is the length of an axis
# How many parameters each distribution has, at least and at most; a size may follow them.
PARAMETERS = {
    "rand": (0, 0), "randn": (0, 0), "random": (0, 0), "random_sample": (0, 0), "normal": (0, 2),
    "standard_normal": (0, 0), "uniform": (0, 2), "exponential": (0, 1), "standard_exponential": (0, 0),
    "gamma": (1, 2), "standard_gamma": (1, 1), "beta": (2, 2), "lognormal": (0, 2), "laplace": (0, 2),
    "logistic": (0, 2), "gumbel": (0, 2), "weibull": (1, 1), "rayleigh": (0, 1), "triangular": (3, 3),
    "chisquare": (1, 1), "poisson": (0, 1), "binomial": (2, 2), "geometric": (1, 1), "randint": (1, 2),
    "standard_t": (1, 1), "standard_cauchy": (0, 0), "pareto": (1, 1), "power": (1, 1), "vonmises": (2, 2),
    "wald": (2, 2), "f": (2, 2),
}  # fmt: skip


@handles(np.random.seed)
def _seed(scope: Scope, node: ast.AST, seed: Value) -> Value:
    if not (is_scalar(seed) and is_integer(seed.type)):
        raise scope.problem("np.random.seed expects an integer", node, "use int()")
    scope.build.emit(Effect("np.random.seed({0})", (scope.build.cast(seed, seed.type),), loc=scope.at(node)))
    return Static(None)


def _draw(name: str) -> Callable[..., Value]:
    least, most = PARAMETERS[name]
    kind = INT64 if name in WHOLE else FLOAT64
    full = f"np.random.{name}"

    def handler(scope: Scope, node: ast.AST, /, *args: Value, size: Value = None, **named: Value) -> Value:
        if named:
            hint = "pass the parameters by position"
            raise scope.problem(f"the argument '{next(iter(named))}' of '{full}' is not supported", node, hint)
        if name in DIMENSIONS and args:
            args, size = (), Tuple(args)
        elif len(args) == most + 1 and size is None:
            *args, size = args
        if not least <= len(args) <= most:
            takes = between(least, most, "parameter")
            raise scope.problem(f"'{full}' takes {takes}, but got {len(args)}", node, "check the distribution")
        expect_numbers(scope, full, list(args), node)
        if size is None or (isinstance(size, Static) and size.object is None):
            return scope.build.draw(full, tuple(args), kind)
        shape = shape_from(scope, size, node)
        out = arrays.allocate(scope, "empty", kind.dtype, shape)
        scope.build.nest(shape, lambda i: scope.build.store(out, i, scope.build.draw(full, tuple(args), kind)))
        return out

    return handler


for _name in PARAMETERS:
    HANDLERS[getattr(np.random, _name)] = _draw(_name)
