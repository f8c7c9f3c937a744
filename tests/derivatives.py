"""Derivatives without srcgrad, and all laws of one program in one call."""

import numpy as np

import srcgrad as sg

from . import laws


def gradient_by_differences(function, *args, argnum=0, step=4e-4):
    """The gradient of a float function of a float or an array: central differences, Richardson-extrapolated."""
    x = args[argnum]
    out = np.zeros(np.shape(x))

    def quotient(k, h):
        values = []
        for sign in (1.0, -1.0):
            moved = np.array(x, np.float64)
            moved[k] += sign * h
            own = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
            own[argnum] = moved if isinstance(x, np.ndarray) else float(moved)
            values.append(np.array(function(*own), np.float64))
        return (values[0] - values[1]) / (2.0 * h)

    if isinstance(x, np.ndarray):
        return np.array([(4.0 * quotient(k, step / 2) - quotient(k, step)) / 3.0 for k in np.ndindex(x.shape)])
    return (4.0 * quotient((), step / 2) - quotient((), step)) / 3.0 + out


def check_all_laws(function, args, rng, *, target="python"):
    """Every law but that of the back ends, for a program and its arguments."""
    f = sg.differentiable(function, target=target)
    laws.check_primal_kept(f, args)
    laws.check_adjoint_identity(f, args, rng)
    laws.check_tangent_against_differences(f, args, rng)
    laws.check_joint_equals_split(f, args)
    laws.check_pullback_twice(f, args, rng)
    laws.check_purity(f, args, rng)
