"""The reverse sweep: each statement of the primal, last first, turned into what it does to adjoints.

Griewank & Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, section 3.2 (the incremental reverse mode). It never
writes memory of the primal.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from srcgrad.errors import Problem, UnsupportedError
from srcgrad.ir.nodes import (
    ONE,
    STRONG,
    Alloc,
    Assign,
    Atom,
    Block,
    Call,
    Carried,
    Const,
    Custom,
    Effect,
    For,
    If,
    Increment,
    Library,
    ListAppend,
    ListGet,
    ListNew,
    Load,
    Loop,
    Reserve,
    Stmt,
    Store,
    Sweep,
    Var,
    View,
    While,
    flatten,
    integer,
)  # fmt: skip
from srcgrad.ir.types import INT64, Array, Scalar, is_float
from srcgrad.ir.walk import defined, uses
from srcgrad.ir.walk import statements as all_statements
from srcgrad.transform.adjoint.checkpoints import reverse_sweep
from srcgrad.transform.adjoint.iterations import NotAlone, reverse_one_by_one, stands_alone
from srcgrad.transform.adjoint.plan import Plan, count_of
from srcgrad.transform.adjoint.sums import Sums, adjoint_name, zero
from srcgrad.transform.adjoint.turns import turned_back
from srcgrad.transform.analysis.analyses import analyses_of
from srcgrad.transform.analysis.independence import is_independent
from srcgrad.transform.analysis.rotations import find_rotation
from srcgrad.transform.analysis.suspicion import Suspicion
from srcgrad.transform.analysis.zeros import Zeros
from srcgrad.transform.build import Builder
from srcgrad.transform.inline import inline_function
from srcgrad.transform.simplify import eliminate_dead_code
from srcgrad.transform.splice import partials_of, scaled, strong_terms


class Reverse:
    """Writes the reverse sweep of a function into a builder, under a plan."""

    def __init__(self, plan: Plan, objective: Any) -> None:
        self.plan = plan
        self.build: Builder = plan.build
        self.suspicion = Suspicion(plan.function, plan.aliases, Zeros(plan.function, plan.places, objective))
        self.analyses = analyses_of(plan.function, plan.aliases, plan.places)

    def is_active(self, atom: Atom) -> bool:
        return self.plan.activity.is_active(atom)

    def add(self, sums: Sums, var: Atom, term: Atom) -> None:
        """`bvar += term`."""
        if not isinstance(var, Var) or not self.is_active(var):
            return
        assert isinstance(var.type, Scalar)
        term = self.build.cast(term, var.type)
        old = sums.get(var)
        new = term if old is None else self.build.op("+", old, term)
        self.build.name(new, adjoint_name(var))
        sums.set(var, new)

    # -- blocks --------------------------------------------------------------------------------------------------

    def block(self, block: Block, sums: Sums) -> None:
        for stmt in reversed(block):
            self.build.loc = stmt.loc
            self.statement(stmt, sums)

    def statement(self, stmt: Stmt, sums: Sums) -> None:
        match stmt:
            case Assign():
                ct = sums.take(stmt.target)
                if ct is not None:
                    self.operation(stmt, ct, sums)
            case Load():
                ct = sums.take(stmt.target)
                if ct is not None and self.is_active(stmt.array):
                    self.build.increment(self.plan.adjoint(stmt.array), self.plan.values(stmt.index), ct)
            case Store() if self.is_active(stmt.array):
                self.store(stmt, sums)
            case Increment() if self.is_active(stmt.array):
                if self.is_active(stmt.value):
                    array, index = self.plan.adjoint(stmt.array), self.plan.values(stmt.index)
                    self.add(sums, stmt.value, self.build.load(array, index))
            case Call():
                self.call(stmt, sums)
            case Custom():
                self.custom(stmt, sums)
            case Library():
                self.library(stmt)
            case Sweep():
                reverse_sweep(self, stmt, sums)
            case If():
                self.branch(stmt, sums)
            case For() | While():
                self.loop(stmt, sums)
            case Reserve() | ListNew() | ListGet() | ListAppend():
                if any(self.is_active(v) for v in (getattr(stmt, "target", None), getattr(stmt, "item", None))):
                    message = "the reverse of a reverse sweep that needs a growing tape is not differentiable"
                    raise UnsupportedError(Problem(message, stmt.loc, "use jvp of the gradient (forward over reverse)"))
            case Store() | Increment() | Alloc() | View() | Effect():
                pass
            case _:
                raise AssertionError(f"unhandled statement {type(stmt).__name__}")

    def operation(self, stmt: Assign, ct: Atom, sums: Sums) -> None:
        """`y = op(x, ...)`: `bx += by * dop/dx`."""
        if stmt.op == "cast":
            self.add(sums, stmt.args[0], ct)
            return
        assert isinstance(stmt.target.type, Scalar)
        if stmt.op in STRONG:
            terms = strong_terms(self.build, stmt.op, lambda k: self.plan.value(stmt.args[k]))
            for arg, term in zip(stmt.args, terms, strict=True):
                if self.is_active(arg):
                    self.add(sums, arg, term(ct))
            return
        template = partials_of(stmt.op, stmt.args, stmt.target.type)
        if template is None:
            return
        guard = self.suspicion.needs_guard(stmt)
        for arg, partial in zip(stmt.args, template.partials, strict=True):
            if not self.is_active(arg):
                continue
            known = dict(zip(template.args, stmt.args, strict=True)) | {template.out: stmt.target}
            values = {h: self.plan.value(known[h]) for h in partial.reads}
            self.add(sums, arg, scaled(self.build, ct, partial, values, guard=guard))

    def store(self, stmt: Store, sums: Sums) -> None:
        """`a[i] = x`: the element's adjoint is taken and cleared, before anything is added to it."""
        array, index = self.plan.adjoint(stmt.array), self.plan.values(stmt.index)
        ct = self.build.load(array, index) if self.is_active(stmt.value) else None
        assert isinstance(array.type, Array)
        self.build.store(array, index, zero(array.type.item))
        if ct is not None:
            self.add(sums, stmt.value, ct)

    def call(self, stmt: Call, sums: Sums) -> None:
        """A long helper: its adjoint is a function of its own, which runs the helper again and then backwards."""
        cts = {t: sums.take(t) for t in stmt.targets}
        if all(ct is None for ct in cts.values()):
            return
        plan = self.plan
        active = [k for k, a in enumerate(stmt.args) if self.is_active(a)]
        function, writes = plan.helper_adjoint(stmt.function, tuple(active))
        arrays = [plan.adjoint(a) for k in active if isinstance(a := stmt.args[k], Var) and isinstance(a.type, Array)]
        given = [self._passed(a) for a in stmt.args]
        seeds = [cts[t] or zero(t.type) for t in stmt.targets if is_float(t.type)]
        numbers = [stmt.args[k] for k in active if not isinstance(stmt.args[k].type, Array)]
        targets = tuple(Var("", a.type) for a in numbers)
        self.build.emit(Call(targets, function, (*given, *arrays, *seeds), writes, loc=stmt.loc))
        for number, ct in zip(numbers, targets, strict=True):
            self.add(sums, number, ct)

    def _passed(self, arg: Atom) -> Atom:
        is_handle = isinstance(arg, Var) and isinstance(arg.type, Array)
        return self.plan.handle(arg) if is_handle else self.plan.value(arg)  # type: ignore[arg-type]

    def custom(self, stmt: Custom, sums: Sums) -> None:
        """The user's own pullback, in place of the reverse of what it stands for."""
        plan, build = self.plan, self.build
        if not any(self.is_active(out) for out in stmt.outs):
            return
        given: list[Atom] = []
        for atom in stmt.residuals:
            if isinstance(atom, Var) and isinstance(atom.type, Array):
                given.append(self._residual(atom, stmt))
            else:
                given.append(plan.value(atom))
        for out in stmt.outs:
            if isinstance(out.type, Array):
                given.append(plan.adjoint(out))
            else:
                given.append(sums.take(out) or zero(out.type))
        results = inline_function(build, stmt.pullback, given)
        for arg, ct in zip(stmt.args, results, strict=True):
            if not isinstance(arg, Var) or not self.is_active(arg):
                continue
            if isinstance(arg.type, Array):
                target = plan.adjoint(arg)
                assert isinstance(ct, Var)
                build.nest(build.shapes(target), lambda i, t=target, c=ct: build.increment(t, i, build.load(c, i)))
            else:
                self.add(sums, arg, ct)
        for out in stmt.outs:
            if isinstance(out.type, Array):  # the array may be overwritten and so used for something else before this
                target = plan.adjoint(out)
                build.nest(build.shapes(target), lambda i, t=target: build.store(t, i, zero(t.type.item)))

    def library(self, stmt: Library) -> None:
        """A routine: its pullback, with those of its arrays that it reads as they were."""
        plan, build = self.plan, self.build
        if not any(self.is_active(out) for out in stmt.outs):
            return
        active = [k for k, a in enumerate(stmt.ins) if self.is_active(a)]
        cts = [plan.adjoint(out) if self.is_active(out) else self._zeros(out, stmt) for out in stmt.outs]
        given = (*stmt.ins, *stmt.outs)
        pullback = stmt.derivative("pullback", tuple(a.type for a in (*given, *cts)))
        found = flatten(pullback.results)
        pullback = eliminate_dead_code(replace(pullback, results=tuple(found[k] for k in active)))
        read = set(uses(pullback.body))
        pairs = zip(given, pullback.params, strict=False)
        arrays = [plan.array(a, stmt) if p in read else cts[0] for a, p in pairs]
        results = inline_function(build, pullback, [*arrays, *cts])
        for k, ct in zip(active, results, strict=True):
            target = plan.adjoint(stmt.ins[k])
            assert isinstance(ct, Var)
            build.nest(build.shapes(ct), lambda i, t=target, c=ct: build.increment(t, i, build.load(c, i)))

    def _zeros(self, out: Var, stmt: Library) -> Var:
        """A cotangent for a result that nothing depends on."""
        assert isinstance(out.type, Array)
        home = self.plan.places.home[out]
        assert isinstance(home, Alloc)
        return self.build.alloc("zeros", out.type.dtype, self.plan.values(home.shape))

    def _residual(self, array: Var, stmt: Custom) -> Var:
        """An array that the user's pullback asks for; it must be as it was."""
        plan = self.plan
        if not plan.array_is_still_there(array, stmt):
            message = f"the backward function of '{stmt.name}' needs an array that is overwritten later"
            raise UnsupportedError(Problem(message, stmt.loc, "return a copy of it in the residuals, outside of loops"))
        return plan.handle(array)

    # -- control flow --------------------------------------------------------------------------------------------

    def branch(self, stmt: If, sums: Sums) -> None:
        cts = [(r, ct) for r in stmt.results if (ct := sums.take(r.var)) is not None]
        sides, ends = [], []
        for k, (place, body) in enumerate(zip(self.plan.places.sides[stmt], (stmt.then, stmt.orelse), strict=True)):
            inner = Sums(place, sums, sums.of)
            with self.plan.region(place) as region, self.build.block() as statements:
                for r, ct in cts:
                    self.add(inner, r.orelse if k else r.then, ct)
                self.block(body, inner)
            sides.append((*region.prologue, *statements))
            ends.append(inner)
        results = sums.merge(*ends)
        if any(sides) or results:
            cond = self.plan.value(stmt.cond)
            self.build.loc = stmt.loc
            self.build.emit(If(cond, sides[0], sides[1], tuple(results), loc=stmt.loc))

    def loop(self, stmt: Loop, sums: Sums) -> None:
        """The iterations, last first, each reversed in turn."""
        plan, build = self.plan, self.build
        (place,) = plan.places.sides[stmt]
        facts = plan.loops[place]
        active = [c for c in stmt.carried if is_float(c.inside.type) and isinstance(c.inside.type, Scalar)]
        active = [c for c in active if self.is_active(c.inside) or self.is_active(c.result)]
        cts = {c: ct for c in active if (ct := sums.take(c.result)) is not None}
        if not cts and not self._touches(stmt.body):
            return
        if place in plan.alone:
            assert isinstance(stmt, For)
            if reverse_one_by_one(self, stmt, cts, sums):
                for c, ct in cts.items():
                    self.add(sums, c.init, ct)
                return
            if stmt.index in plan.apart:
                raise NotAlone(stmt.index)
        any_order = self._in_any_order(stmt)
        loop, index, counter, trips = self._header(stmt, forwards=any_order)
        plan.reversals[stmt] = loop
        inner = Sums(place, sums, sums.of, is_loop=True)
        carried: list[tuple[Carried, Var]] = []
        with plan.region(place) as region, build.block() as statements:
            region.counter, region.rotation = counter, find_rotation(stmt)
            if isinstance(stmt, For):
                region.values[stmt.index] = index
            for c in active:
                inside = Var(adjoint_name(c.inside), c.inside.type)
                carried.append((c, inside))
                self.add(inner, c.next, inside)
            self.block(stmt.body, inner)
            nexts = [inner.take(c.inside) or zero(c.inside.type) for c, _ in carried]
            turned = turned_back(plan, region)
        if region.slot and not facts.rectangular:
            trips = trips if trips is not None else count_of(plan, stmt)
            top = sums.get(facts.top)
            assert top is not None
            build.emit(Assign(region.base, "-", (top, trips), loc=stmt.loc))
            sums.set(facts.top, region.base)
        out = list(inner.close_loop())
        out += [replace(c, init=plan.adjoint(c.init)) for c in turned]  # type: ignore[arg-type]
        for (c, inside), following in zip(carried, nexts, strict=True):
            init = cts.get(c, zero(c.inside.type))
            out.append(Carried(inside, init, following, Var(adjoint_name(c.inside), c.inside.type)))
        body = (*region.prologue, *statements)
        build.loc = stmt.loc
        build.emit(replace(loop, carried=tuple(out), body=body, loc=stmt.loc))
        for (c, _), done in zip(carried, out[len(out) - len(carried) :], strict=True):
            self.add(sums, c.init, done.result)

    def _in_any_order(self, stmt: Loop) -> bool:
        """Whether the iterations can be reversed first to last; tapes that grow in them are read last to first."""
        if not (isinstance(stmt, For) and is_independent(stmt, self.analyses)):
            return False
        inner = [self.plan.places.sides[s][0] for s in all_statements(stmt.body) if isinstance(s, For | While)]
        waiting = [place for place in inner if place in self.plan.growing]
        self.plan.waiting.extend(waiting)
        if waiting and stmt.parallel and stmt.axis in ("", "grid") and stands_alone(stmt, self.plan.aliases):
            self.plan.late[self.plan.places.sides[stmt][0]] = waiting
        if not waiting:
            self.leaves_clear(stmt)
        return not waiting

    def leaves_clear(self, loop: Loop) -> None:
        """Note that the reverse of each iteration leaves the adjoints of scratch arrays zero."""
        assert isinstance(loop, For)
        scratch = self.analyses.scratch
        self.plan.cleared.update(a for a in scratch.private if scratch.is_scratch(a, loop))

    def _touches(self, block: Block) -> bool:
        """Whether anything in a block is active."""
        for stmt in all_statements(block):
            if any(self.is_active(v) for v in defined(stmt)):
                return True
            if isinstance(stmt, Store | Increment) and self.is_active(stmt.array):
                return True
            if isinstance(stmt, Sweep) and any(self.is_active(stmt.arrays[k]) for k in stmt.state):
                return True
        return False

    def _header(self, stmt: Loop, *, forwards: bool) -> tuple[For, Var, Var | None, Atom | None]:
        """The reversed loop's header, the var that stands for the primal's index, and the iteration number if known.

        With `forwards` the iterations keep their order.
        """
        plan, op = self.plan, self.build.op
        if isinstance(stmt, While):
            trips = count_of(plan, stmt)
            index = Var("k", INT64)
            return For(index, op("-", trips, ONE), integer(-1), integer(-1), (), ()), index, index, trips
        index = Var(stmt.index.hint, INT64)
        start, stop, step = plan.value(stmt.start), plan.value(stmt.stop), plan.value(stmt.step)
        if forwards:
            mode = "reversed" if stmt.mode == "sequential" else stmt.mode
            return (
                For(index, start, stop, step, (), (), None, mode, parallel=stmt.parallel, axis=stmt.axis),
                index,
                None,
                None,
            )
        if stmt.exit is None and isinstance(step, Const) and step.value in (1, -1):
            first, last = op("-", stop, step), op("-", start, step)
            return For(index, first, last, integer(-step.value), (), ()), index, None, None
        trips = count_of(plan, stmt)
        first = op("+", start, op("*", op("-", trips, ONE), step))
        return For(index, first, op("-", start, step), op("neg", step), (), ()), index, None, trips
