"""A corpus of user functions, run through every law, mode and back end. `PROGRAMS` is the list of them."""

from . import (
    argument_types,
    branches,
    buffers,
    functions,
    helpers,
    language,
    likelihoods,
    linear_algebra,
    loops,
    mutation,
    physics,
    scalars,
    views,
    while_loops,
)
from .registry import PROGRAMS, Program

__all__ = [
    "PROGRAMS",
    "Program",
    "argument_types",
    "branches",
    "buffers",
    "functions",
    "helpers",
    "language",
    "likelihoods",
    "linear_algebra",
    "loops",
    "mutation",
    "physics",
    "scalars",
    "views",
    "while_loops",
]
