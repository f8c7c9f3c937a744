"""Forward mode: each statement of the primal followed by what it does to tangents.

Griewank & Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, section 3.1. Arrays that carry a derivative have a
tangent array of their own, allocated, viewed, swapped and carried together with them.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace

from srcgrad.errors import Problem, UnsupportedError
from srcgrad.ir.nodes import (
    STRONG,
    Alloc,
    Assign,
    Atom,
    Block,
    Call,
    Carried,
    Custom,
    Effect,
    For,
    Function,
    If,
    Increment,
    Library,
    ListAppend,
    ListGet,
    ListNew,
    Load,
    Reserve,
    Result,
    Stmt,
    Store,
    Undef,
    Var,
    View,
    While,
    flatten,
    number,
)  # fmt: skip
from srcgrad.ir.types import Array, HandleList, Scalar, Type, is_float
from srcgrad.ir.walk import map_tree
from srcgrad.rules.operators import EXTREMA
from srcgrad.transform.analysis.activity import Activity, find_activity
from srcgrad.transform.analysis.aliases import find_aliases
from srcgrad.transform.analysis.suspicion import is_singular
from srcgrad.transform.build import Builder
from srcgrad.transform.inline import inline_calls, inline_function
from srcgrad.transform.simplify import eliminate_dead_code
from srcgrad.transform.splice import instantiate, partials_of, scaled, strong_terms


def tangent(function: Function, wrt: tuple[Var, ...]) -> Function:
    """The function together with its directional derivative.

    Args:
        function: in the form that lowering gives.
        wrt: its float parameters, scalars and arrays, to differentiate with respect to.

    Returns:
        A function of the same parameters and of a tangent for each of `wrt`. It returns the results, then the tangents
        of the float results, in a nested tuple of the same form.
    """
    function = inline_calls(function, lambda c: bool(c.writes))
    aliases = find_aliases(function)
    mode = _Tangent(find_activity(function, wrt, aliases))
    taken = {p.hint for p in function.params}
    extra: list[Var] = []
    for p in wrt:
        hint = f"d{p.hint}"
        while hint in taken:
            hint += "_"
        taken.add(hint)
        own = Var(hint, p.type)  # an array of the same layout
        extra.append(own)
        if mode.carries(p):
            mode.tangents[p] = own
    for p in function.params:
        if mode.carries(p) and p not in mode.tangents and isinstance(p.type, Array):
            mode.tangents[p] = mode.zeros(p)
    mode.block(function.body)
    tangents = map_tree(mode.result, function.results)
    signature = (*function.signature, *((v.hint, v) for v in extra))
    return Function(
        f"{function.name}_tangent", (*function.params, *extra), tuple(mode.build.stack[0]),
        (function.results, tangents), signature, function.loc,
    )  # fmt: skip


@dataclass(eq=False)
class _Tangent:
    activity: Activity
    build: Builder = field(default_factory=Builder)
    tangents: dict[Var, Atom] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.build.algebra = True

    # -- lookups -------------------------------------------------------------------------------------------------

    def carries(self, atom: Atom) -> bool:
        """Whether a value has a tangent."""
        if isinstance(atom, Var) and isinstance(atom.type, HandleList):
            return is_float(atom.type.element) and not self.activity.varied.isdisjoint(
                self.activity.aliases.bases.get(atom, frozenset())
            )
        return is_float(atom.type) and self.activity.is_varied(atom)

    def of(self, atom: Atom) -> Atom:
        """The tangent of a scalar: zero where it does not depend on the inputs."""
        if isinstance(atom, Var) and atom in self.tangents:
            return self.tangents[atom]
        if isinstance(atom, Undef):
            return Undef(atom.type, atom.silent)
        return number(0.0, atom.type)

    def handle(self, array: Var) -> Var:
        out = self.tangents[array]
        assert isinstance(out, Var)
        return out

    def zeros(self, array: Var) -> Var:
        assert isinstance(array.type, Array)
        shape = self.build.shapes(array)
        return self.build.alloc("zeros", array.type.dtype, shape, tangent_name(array), like=array)

    def result(self, atom: Atom) -> Atom | None:
        """The tangent of a result; None for what is no float."""
        if not is_float(atom.type):
            return None
        if isinstance(atom.type, Array):
            assert isinstance(atom, Var)
            return self.tangents.get(atom) or self.zeros(atom)
        return self.of(atom)

    def new(self, var: Var, to: Type | None = None) -> Var:
        """A tangent for a var that is about to be defined."""
        own = Var(tangent_name(var), to or var.type)
        self.tangents[var] = own
        return own

    # -- statements ----------------------------------------------------------------------------------------------

    def block(self, block: Block) -> None:
        for stmt in block:
            self.build.loc = stmt.loc
            self.statement(stmt)

    def statement(self, stmt: Stmt) -> None:
        emit = self.build.emit
        match stmt:
            case If():
                self.branch(stmt)
                return
            case For() | While():
                self.loop(stmt)
                return
            case Call():
                self.call(stmt)
                return
            case Increment() | Store() if self.carries(stmt.array):
                # before the primal's own store: the tangent's value was computed earlier in any case
                emit(stmt)
                emit(replace(stmt, array=self.handle(stmt.array), value=self.fitted(stmt)))
                return
        emit(stmt)
        match stmt:
            case Assign() if self.carries(stmt.target):
                self.operation(stmt)
            case Load() if self.carries(stmt.target):
                own = self.new(stmt.target)
                emit(Load(own, self.handle(stmt.array), stmt.index, loc=stmt.loc))
            case Alloc() if self.carries(stmt.target):
                own = self.new(stmt.target)
                emit(Alloc(own, "zeros", stmt.shape, stmt.target if stmt.shape else None, loc=stmt.loc))
            case View() if self.carries(stmt.target):
                own = self.new(stmt.target)
                emit(replace(stmt, target=own, base=self.handle(stmt.base)))
            case Reserve() if self.carries(stmt.target):
                own = self.new(stmt.target)
                emit(Reserve(own, self.handle(stmt.base), stmt.size, loc=stmt.loc))
            case ListNew() if self.carries(stmt.target):
                own = self.new(stmt.target)
                emit(ListNew(own, tuple(self.handle(i) for i in stmt.items), loc=stmt.loc))
            case ListAppend() if self.carries(stmt.list):
                emit(ListAppend(self.handle(stmt.list), self.handle(stmt.item), loc=stmt.loc))
            case ListGet() if self.carries(stmt.target):
                own = self.new(stmt.target)
                emit(ListGet(own, self.handle(stmt.list), stmt.index, loc=stmt.loc))
            case Assign() | Load() | Alloc() | View() | Reserve() | ListNew() | ListAppend() | ListGet():
                pass
            case Custom() if any(self.carries(a) for a in stmt.args):
                message = f"'{stmt.name}' has a backward function of its own, and no derivative in forward mode"
                raise UnsupportedError(Problem(message, stmt.loc, "use reverse mode"))
            case Library():
                self.library(stmt)
            case Store() | Increment() | Effect() | Custom():
                pass
            case _:
                raise AssertionError(f"unhandled statement {type(stmt).__name__}")

    def call(self, stmt: Call) -> None:
        """A long helper: its tangent is a function of its own."""
        moving = [k for k, a in enumerate(stmt.args) if self.carries(a)]
        if not moving:
            self.build.emit(stmt)
            return
        params = tuple(stmt.function.params[k] for k in moving)
        function = tangent(stmt.function, params)
        _, tangents = function.results
        floats = [t for t in stmt.targets if is_float(t.type)]
        own = tuple(self.new(t) for t in floats)
        results = (*flatten(stmt.function.results), *flatten(tangents))
        given = (*stmt.args, *(self.side(stmt.args[k]) for k in moving))
        flat = replace(function, results=results, signature=tuple((p.hint, p) for p in function.params))
        self.build.emit(Call((*stmt.targets, *own), eliminate_dead_code(flat), given, loc=stmt.loc))

    def library(self, stmt: Library) -> None:
        """A routine: what it does to the tangent of each in, added up."""
        if not any(self.carries(out) for out in stmt.outs):
            return
        given = (*stmt.ins, *stmt.outs)
        for k, array in enumerate(stmt.ins):
            if not self.carries(array):
                continue
            moved = self.handle(array)
            rule = stmt.derivative(str(k), tuple(a.type for a in (*given, moved)))
            found = inline_function(self.build, rule, [*given, moved])
            for out, part in zip(stmt.outs, found, strict=True):
                assert isinstance(part, Var)
                if self.carries(out):
                    own = self.handle(out)
                    self.build.nest(
                        self.build.shapes(part),
                        lambda i, o=own, p=part: self.build.increment(o, i, self.build.load(p, i)),
                    )

    def fitted(self, stmt: Store | Increment) -> Atom:
        """The tangent of what is stored."""
        assert isinstance(stmt.array.type, Array)
        if not is_float(stmt.value.type):
            return number(0.0, stmt.array.type)
        return self.of(stmt.value)

    def operation(self, stmt: Assign) -> None:
        """`y = op(x, ...)`: `dy = sum of dop/dx * dx`."""
        to = stmt.target.type
        assert isinstance(to, Scalar)
        if stmt.op == "cast":
            self.tangents[stmt.target] = self.build.cast(self.of(stmt.args[0]), to)
            return
        if stmt.op == "where":
            a, b = (self.build.cast(self.of(x), to) for x in stmt.args[1:])
            self.set(stmt.target, self.build.op("where", stmt.args[0], a, b))
            return
        if stmt.op in STRONG:
            changes = zip(stmt.args, strong_terms(self.build, stmt.op, stmt.args.__getitem__), strict=True)
            parts = [term(self.of(a)) for a, term in changes if self.carries(a)]
            self.set(stmt.target, functools.reduce(lambda a, b: self.build.op("+", a, b), parts))
            return
        template = partials_of(stmt.op, stmt.args, to)
        if template is None:
            self.tangents[stmt.target] = number(0.0, to)
            return
        total: Atom | None = None
        known = dict(zip(template.args, stmt.args, strict=True)) | {template.out: stmt.target}
        for arg, partial in zip(stmt.args, template.partials, strict=True):
            if not self.carries(arg):
                continue
            values = {h: known[h] for h in partial.reads}
            if stmt.op in EXTREMA:  # what is not chosen has no share, whatever its tangent
                weight = instantiate(self.build, partial, values)
                moved = self.build.op("*", weight, self.of(arg))
                none = number(0.0, moved.type)
                term = self.build.op("where", self.build.op("==", weight, number(0.0, weight.type)), none, moved)
            else:
                term = scaled(self.build, self.of(arg), partial, values, guard=is_singular(stmt))
            total = term if total is None else self.build.op("+", total, term)
        self.set(stmt.target, number(0.0, to) if total is None else self.build.cast(total, to))

    def set(self, var: Var, value: Atom) -> None:
        self.build.name(value, tangent_name(var))
        self.tangents[var] = value

    # -- control flow --------------------------------------------------------------------------------------------

    def side(self, atom: Atom) -> Atom:
        """The tangent of what flows into a merged value."""
        if isinstance(atom, Var) and isinstance(atom.type, Array | HandleList):
            return self.handle(atom)
        return self.of(atom)

    def branch(self, stmt: If) -> None:
        sides, ends = [], []
        for k, body in enumerate((stmt.then, stmt.orelse)):
            with self.build.block() as statements:
                self.block(body)
            sides.append(tuple(statements))
            atoms = [r.orelse if k else r.then for r in stmt.results]
            pairs = zip(stmt.results, atoms, strict=True)
            ends.append([self.side(a) if self.carries(r.var) else None for r, a in pairs])
        results = list(stmt.results)
        for r, then, orelse in zip(stmt.results, *ends, strict=True):
            if then is not None and orelse is not None:
                results.append(Result(self.new(r.var), then, orelse))
        self.build.emit(replace(stmt, then=sides[0], orelse=sides[1], results=tuple(results)))

    def loop(self, stmt: For | While) -> None:
        carried = list(stmt.carried)
        mine = [c for c in stmt.carried if self.carries(c.inside) or self.carries(c.result)]
        inits = [self.side(c.init) for c in mine]
        insides = [self.new(c.inside) for c in mine]
        with self.build.block() as statements:
            self.block(stmt.body)
        for c, init, inside in zip(mine, inits, insides, strict=True):
            carried.append(Carried(inside, init, self.side(c.next), self.new(c.result)))
        self.build.emit(replace(stmt, carried=tuple(carried), body=tuple(statements)))


def tangent_name(var: Var) -> str:
    """Griewank & Walther's name for a tangent, in ASCII: `dx` for `x`."""
    return f"d{var.hint}" if var.hint else ""
