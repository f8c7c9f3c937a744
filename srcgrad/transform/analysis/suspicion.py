"""Products whose reverse could meet `0 * inf`: those with a factor that may be infinite."""

from __future__ import annotations

import math

from srcgrad.ir.nodes import (
    Assign,
    Atom,
    Call,
    Const,
    For,
    Function,
    If,
    Increment,
    Library,
    Load,
    Store,
    Sweep,
    Var,
    While,
)
from srcgrad.ir.types import Array, is_float
from srcgrad.ir.walk import statements
from srcgrad.rules import RULES
from srcgrad.transform.analysis.aliases import Aliases
from srcgrad.transform.analysis.zeros import Zeros

# operations that are finite where a partial derivative is not; any other is infinite or undefined there itself
_FINITE = {
    "np.sqrt", "np.cbrt", "**", "%", "np.fmod", "np.arcsin", "np.arccos", "np.arccosh", "np.arctan2", "np.hypot",
    "special.xlogy", "special.xlog1py", "polygamma",
}  # fmt: skip


def is_singular(stmt: Assign) -> bool:
    """Whether a partial derivative of an operation can be infinite or undefined."""
    if stmt.op in ("**", "/", "%") and isinstance(stmt.args[1], Const):
        exponent = stmt.args[1].value
        return exponent < 1 if stmt.op == "**" else exponent == 0
    return RULES[stmt.op].singular


class Suspicion:
    """Which values may be infinite, so that a product with them needs a strong zero.

    The adjoint of a value that a branch, `max` or an unread element leaves unused is zero, and so is its share in the
    adjoints of what it was computed from. Where it was computed as `x * log(x)` at 0, plain arithmetic would make that
    share `0 * -inf`, not a number. A value is suspicious if it comes from an operation that can overflow or has a
    singularity, or from a constant that is not finite, through arithmetic, arrays, branches and loops.

    So is what comes from arguments, where a choice leaves it out: data have holes, as in `where(isfinite(x), x, 0)`.
    """

    def __init__(self, function: Function, aliases: Aliases, zeros: Zeros) -> None:
        self.zeros = zeros
        self.wild: set[Var] = set()
        flows: dict[Var, list[Var]] = {}

        def flow(source: Atom, target: Var) -> None:
            if isinstance(source, Var):
                flows.setdefault(source, []).append(target)
            elif isinstance(source, Const) and not math.isfinite(source.value):
                self.wild.add(target)

        for stmt in statements(function.body):
            match stmt:
                case Assign() if stmt.op in RULES:
                    if RULES[stmt.op].result in ("float", "same"):
                        if is_singular(stmt):
                            self.wild.add(stmt.target)
                        for a in stmt.args:
                            flow(a, stmt.target)
                case Call():
                    self.wild.update(stmt.targets)
                case Library():
                    self.wild.update(b for out in stmt.outs for b in aliases.bases[out])
                case Sweep():
                    self.wild.update(stmt.targets)
                    self.wild.update(b for k in stmt.state for b in aliases.bases[stmt.arrays[k]])
                case Load():
                    for base in aliases.bases[stmt.array]:
                        flow(base, stmt.target)
                case Store() | Increment():
                    for base in aliases.bases[stmt.array]:
                        flow(stmt.value, base)
                case If():
                    for r in stmt.results:
                        flow(r.then, r.var)
                        flow(r.orelse, r.var)
                case For() | While():
                    for c in stmt.carried:
                        for a, b in ((c.init, c.inside), (c.next, c.inside), (c.next, c.result), (c.init, c.result)):
                            flow(a, b)
        self.wild = _reached(self.wild, flows)
        self.data = _reached({p for p in function.params if _is_float(p)}, flows)

    def needs_guard(self, stmt: Assign) -> bool:
        """Whether the reverse of an operation could multiply a zero adjoint by something infinite or undefined."""
        if is_singular(stmt) and stmt.op in _FINITE:
            return True
        if not self.zeros.may_be_zero(stmt.target):
            return False
        if is_singular(stmt) or any(self._is_wild(a) for a in stmt.args):
            return True
        return stmt.target in self.zeros.chosen and not self.data.isdisjoint(stmt.args)

    def _is_wild(self, atom: Atom) -> bool:
        return atom in self.wild or (isinstance(atom, Const) and not math.isfinite(atom.value))


def _reached(sources: set[Var], flows: dict[Var, list[Var]]) -> set[Var]:
    found, work = set(sources), list(sources)
    while work:
        for target in flows.get(work.pop(), ()):
            if target not in found:
                found.add(target)
                work.append(target)
    return found


def _is_float(param: Var) -> bool:
    return is_float(param.type.item if isinstance(param.type, Array) else param.type)
