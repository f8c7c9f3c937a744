"""Random draws: made once, in the forward sweep, and constants for differentiation."""

from __future__ import annotations

import ast
from collections.abc import Callable

import numpy as np

from srcgrad.ir.nodes import Effect
from srcgrad.ir.types import FLOAT64, INT64
from srcgrad.transform.lower import arrays
from srcgrad.transform.lower.builtins import HANDLERS, handles, no_keywords
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.values import Static, Tuple, Value, is_scalar


@handles(np.random.seed)
def _seed(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    no_keywords(scope, kwargs, node)
    scope.build.emit(Effect("np.random.seed({0})", tuple(args), loc=scope.at(node)))
    return Static(None)


def _draw(name: str) -> Callable[..., Value]:
    whole = name in ("randint", "poisson", "binomial", "geometric")

    def handler(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
        if "size" in kwargs or not all(is_scalar(a) for a in args):
            return _filled_by_draws(scope, args, kwargs, node)
        if kwargs:
            raise scope.problem("keyword arguments of random draws are not supported", node, "pass by position")
        if name in ("rand", "randn", "random_sample", "random") and args:
            return _filled_by_draws(scope, [], {"size": Tuple(tuple(args))}, node)
        return scope.build.draw(f"np.random.{name}", tuple(args), INT64 if whole else FLOAT64)

    def _filled_by_draws(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
        size = kwargs.get("size")
        shape = size.items if isinstance(size, Tuple) else (size,)
        if len(kwargs) != 1 or not all(is_scalar(s) for s in shape) or not all(is_scalar(a) for a in args):
            raise scope.problem(f"this call of np.random.{name} is not supported", node, "draw numbers in a loop")
        out = arrays.allocate(scope, "empty", "int64" if whole else "float64", shape)
        scope.build.nest(shape, lambda i: scope.build.store(out, i, handler(scope, args, {}, node)))
        return out

    return handler


for _name in (
    "rand", "randn", "random", "random_sample", "normal", "standard_normal", "uniform", "exponential",
    "standard_exponential", "gamma", "standard_gamma", "beta", "lognormal", "laplace", "logistic", "gumbel",
    "weibull", "rayleigh", "triangular", "chisquare", "poisson", "binomial", "geometric", "randint", "standard_t",
    "standard_cauchy", "pareto", "power", "vonmises", "wald", "f",
):  # fmt: skip
    HANDLERS[getattr(np.random, _name)] = _draw(_name)
