"""What a workload consists of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Workload:
    """One objective in all its versions. Each version takes the same arguments and returns the same number.

    Attributes:
        primal: the objective as a Numba user writes it.
        argnums: positions of the arguments to differentiate.
        sizes: dimensions by the name of the size; XS is for tests.
        make: arguments from a generator and the dimensions.
        jax, torch: objectives as experts in those write them; of several formulations the fastest counts.
        jax_gradients: JAX functions that return (value, gradients), where more than the objective is restructured.
        variants: other formulations of the primal.
        static: positions of the arguments that are compile-time constants for JAX.
        by_hand: adjoints written by hand, compiled by Numba, which return (value, gradients). "" does the arithmetic of
            the primal and reverses it; another name says how the computation was restructured.
        for_arrays: the arguments in the layout that array libraries want.
    """

    primal: Callable[..., float]
    argnums: tuple[int, ...]
    sizes: Mapping[str, Mapping[str, Any]]
    make: Callable[..., tuple]
    jax: Mapping[str, Callable]
    torch: Mapping[str, Callable]
    jax_gradients: Mapping[str, Callable] = field(default_factory=dict)
    variants: Mapping[str, Callable[..., float]] = field(default_factory=dict)
    static: tuple[int, ...] = ()
    by_hand: Mapping[str, Callable[..., tuple[float, tuple]]] = field(default_factory=dict)
    for_arrays: Callable[[tuple], tuple] = tuple

    def arguments(self, size, seed=0):
        """The arguments of a named size, the same for the same seed."""
        return self.make(np.random.default_rng(seed), **self.sizes[size])

    @property
    def primals(self):
        """All formulations by name; "" is the one that a user writes first."""
        return {"": self.primal, **self.variants}
