"""From IR statements to the statements of a program text: single-use values become parts of expressions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from srcgrad.ir.location import Location
from srcgrad.ir.nodes import (
    STRONG,
    Alloc,
    Assign,
    Atom,
    Block,
    Call,
    Carried,
    Const,
    Effect,
    For,
    If,
    Increment,
    Library,
    ListAppend,
    ListGet,
    ListNew,
    Load,
    NewAxis,
    Reserve,
    Slice,
    Stmt,
    Store,
    Undef,
    Var,
    View,
    While,
)  # fmt: skip
from srcgrad.ir.types import Array, is_integer
from srcgrad.ir.walk import blocks, operands, statements, uses

LARGEST = 10  # operations in one expression


@dataclass(frozen=True, eq=False)
class Expr:
    """An expression: an operation on expressions, down to atoms. `detail` is what the operation needs besides."""

    op: str
    args: tuple[Node, ...]
    detail: object = None


Node = Expr | Var | Const | Undef


@dataclass(eq=False)
class Line:
    """One line of text; `target` is what it binds. `kind`: assign, store, increment, effect, append, call.

    For a call, `detail` holds the vars that it binds.
    """

    kind: str
    target: Var | Expr | None
    value: Node | None
    loc: Location
    detail: object = None


@dataclass(eq=False)
class Branch:
    cond: Node
    then: list[Item]
    orelse: list[Item]
    loc: Location
    copies_then: list[tuple[Var, Node]] = field(default_factory=list)
    copies_else: list[tuple[Var, Node]] = field(default_factory=list)


@dataclass(eq=False)
class Repeat:
    """A loop. For a `while`, `index` is None and `bounds` holds the test."""

    index: Var | None
    bounds: tuple[Node, ...]
    carried: tuple[Carried, ...]
    body: list[Item]
    loc: Location
    init: list[tuple[Var, Node]] = field(default_factory=list)
    copies: list[tuple[Var, Node]] = field(default_factory=list)
    exit: Node | None = None
    parallel: bool = False


Item = Line | Branch | Repeat


def variables(node: Node | Expr | None) -> Iterator[Var]:
    """The vars that an expression reads."""
    if isinstance(node, Var):
        yield node
    elif isinstance(node, Expr):
        for arg in node.args:
            yield from variables(arg)


def weight(node: Node) -> int:
    return 1 + sum(weight(a) for a in node.args) if isinstance(node, Expr) else 0


def build_tree(
    block: Block, results: tuple[Atom, ...], direct: frozenset[Stmt] = frozenset()
) -> tuple[list[Item], list[Node]]:
    """The statements of `block` with temporaries folded, and the expressions for `results`.

    The `detail` of a load, or of the element that is stored to, says whether the access is one of `direct`.
    """
    count = Counter(uses(block))
    count.update(r for r in results if isinstance(r, Var))
    count.update(s.args[0] for s in statements(block) if isinstance(s, Assign) and s.op in STRONG)  # written twice
    return _Folder(count, direct).block(block, list(results))


class _Folder:
    def __init__(self, count: Counter, direct: frozenset[Stmt]) -> None:
        self.count, self.direct = count, direct
        self.expr: dict[Var, Node] = {}

    def at(self, atom: Atom | None) -> Node:
        if isinstance(atom, Var):
            return self.expr.get(atom, atom)
        assert atom is not None
        return atom

    def many(self, atoms: tuple) -> tuple[Node, ...]:
        return tuple(self.at(a) for a in atoms)

    def block(self, block: Block, ends: list[Atom]) -> tuple[list[Item], list[Node]]:
        """Lines for a block, and expressions for the atoms read at its end."""
        last_read = self._final_positions(block, ends)
        items: list[Item] = []
        for k, stmt in enumerate(block):
            node = self.expression(stmt)
            if node is not None:
                var = stmt.results[0].var if isinstance(stmt, If) else stmt.target  # type: ignore[attr-defined]
                if self._folds(stmt, var, node, block, k, last_read):
                    self.expr[var] = node
                    continue
                items.append(Line("assign", var, node, stmt.loc))
            else:
                items.append(self.item(stmt))
        return items, [self.at(a) for a in ends]

    def _final_positions(self, block: Block, ends: list[Atom]) -> dict[Var, int]:
        """Where in the block each var is read for the last time, following values folded into later lines."""
        where: dict[Var, int] = {a: len(block) for a in ends if isinstance(a, Var)}
        for k in reversed(range(len(block))):
            stmt = block[k]
            target = getattr(stmt, "target", None)
            simple = isinstance(stmt, Assign | Load) and target is not None
            folded = simple and not target.hint and self.count[target] == 1 and target in where
            position = where[target] if folded else k
            for atom in operands(stmt):
                if isinstance(atom, Var):
                    where[atom] = max(where.get(atom, -1), position)
        return where

    def _folds(self, stmt: Stmt, var: Var, node: Node, block: Block, k: int, last_read: dict[Var, int]) -> bool:
        if isinstance(stmt, Assign) and not var.hint and _is_cheap(stmt) and not _loads(node):
            return True  # however often it is read
        if var.hint or self.count[var] != 1 or weight(node) > LARGEST or var not in last_read:
            return False
        if isinstance(stmt, Assign):
            return not stmt.op.startswith("np.random.") or last_read[var] == k + 1
        return not any(_writes(s) for s in block[k + 1 : last_read[var]])

    def expression(self, stmt: Stmt) -> Node | None:
        """The value of a statement that only computes one, as an expression."""
        match stmt:
            case Assign(op="cast"):
                return Expr("cast", self.many(stmt.args), (stmt.args[0].type, stmt.target.type))
            case Assign(op="strong*" | "strong/", args=(a, _)):
                to = stmt.target.type
                zero, product = Const(0.0, to), Expr(stmt.op[-1], self.many(stmt.args))
                return Expr("where", (Expr("==", (self.at(a), Const(0.0, a.type))), zero, product))
            case Assign():
                return Expr(stmt.op, self.many(stmt.args), "loose" if stmt.loose else None)
            case Load():
                return Expr("load", self.many((stmt.array, *stmt.index)), stmt in self.direct)
            case If(results=(only,)) if not isinstance(only.var.type, Array):
                return self._conditional(stmt)
            case _:
                return None

    def _conditional(self, stmt: If) -> Node | None:
        """`a if c else b`, where both blocks come down to one expression each."""
        (only,) = stmt.results
        if any(isinstance(a, Undef) for a in (only.then, only.orelse)):
            return None
        inside = [*statements(stmt.then), *statements(stmt.orelse)]
        if len(inside) > LARGEST or not all(isinstance(s, Assign | Load) for s in inside):
            return None
        saved = dict(self.expr)
        first, (then,) = self.block(stmt.then, [only.then])
        second, (orelse,) = self.block(stmt.orelse, [only.orelse])
        if first or second or weight(then) + weight(orelse) > LARGEST:
            self.expr = saved
            return None
        return Expr("if", (self.at(stmt.cond), then, orelse))

    def item(self, stmt: Stmt) -> Item:
        match stmt:
            case Store():
                target = Expr("load", self.many((stmt.array, *stmt.index)), stmt in self.direct)
                return Line("store", target, self.at(stmt.value), stmt.loc)
            case Increment():
                target = Expr("load", self.many((stmt.array, *stmt.index)), stmt in self.direct)
                kind = stmt.sharing if stmt.sharing in ("atomic", "warp") else "increment"
                return Line(kind, target, self.at(stmt.value), stmt.loc, stmt.loose)
            case Alloc():
                like = (stmt.like,) if stmt.like is not None else ()
                detail = (stmt.fill, bool(like), stmt.target.type, stmt.space, stmt.tape)
                value = Expr("alloc", (*like, *self.many(stmt.shape)), detail)
                return Line("assign", stmt.target, value, stmt.loc)
            case View():
                return Line("assign", stmt.target, self._view(stmt), stmt.loc)
            case Reserve():
                return Line("assign", stmt.target, Expr("reserve", self.many((stmt.base, stmt.size))), stmt.loc)
            case ListNew():
                return Line("assign", stmt.target, Expr("list", self.many(stmt.items)), stmt.loc)
            case ListGet():
                return Line("assign", stmt.target, Expr("load", self.many((stmt.list, stmt.index))), stmt.loc)
            case ListAppend():
                return Line("append", None, Expr("append", self.many((stmt.list, stmt.item))), stmt.loc)
            case Effect():
                return Line("effect", None, Expr("effect", self.many(stmt.args), stmt.imports), stmt.loc, stmt.text)
            case Call():
                detail = (stmt.function, len(stmt.args), stmt.threads)
                value = Expr("call", self.many((*stmt.args, *stmt.grid)), detail)
                return Line("call", None, value, stmt.loc, stmt.targets)
            case Library():
                value = Expr("library", self.many((*stmt.ins, *stmt.outs)), stmt.name)
                return Line("library", None, value, stmt.loc)
            case If():
                return self._branch(stmt)
            case For():
                return self._for(stmt)
            case While():
                return self._while(stmt)
            case _:
                raise AssertionError(f"unhandled statement {type(stmt).__name__}")

    def _view(self, stmt: View) -> Expr:
        if stmt.how != "index":
            return Expr(stmt.how, self.many((stmt.base, *stmt.items)))
        parts: list[Node] = []
        items = list(stmt.items)
        while len(items) > 1 and items[-1] == Slice():  # to Numba a[i] is contiguous, a[i, :, :] is not
            items.pop()
        for item in items:
            if isinstance(item, NewAxis):
                parts.append(Expr("newaxis", ()))
            elif isinstance(item, Slice):
                given = tuple(a for a in (item.start, item.stop, item.step) if a is not None)
                present = tuple(a is not None for a in (item.start, item.stop, item.step))
                parts.append(Expr("slice", self.many(given), present))
            else:
                parts.append(self.at(item))
        return Expr("load", (self.at(stmt.base), *parts))

    def _branch(self, stmt: If) -> Branch:
        cond = self.at(stmt.cond)
        then, then_ends = self.block(stmt.then, [r.then for r in stmt.results])
        orelse, else_ends = self.block(stmt.orelse, [r.orelse for r in stmt.results])
        vars_ = [r.var for r in stmt.results]
        return Branch(
            cond, then, orelse, stmt.loc, list(zip(vars_, then_ends, strict=True)),
            list(zip(vars_, else_ends, strict=True)),
        )  # fmt: skip

    def _for(self, stmt: For) -> Repeat:
        bounds = self.many((stmt.start, stmt.stop, stmt.step))
        inits = [(c.inside, self.at(c.init)) for c in stmt.carried]
        ends = [c.next for c in stmt.carried] + ([stmt.exit] if stmt.exit is not None else [])
        body, finals = self.block(stmt.body, ends)
        exit_node = finals.pop() if stmt.exit is not None else None
        copies = [(c.inside, f) for c, f in zip(stmt.carried, finals, strict=True)]
        if exit_node is not None:  # it is read after the copies
            exit_node = _replace(exit_node, {f: p for p, f in copies if isinstance(f, Var)})
        threads = stmt.mode == "threads"
        return Repeat(stmt.index, bounds, stmt.carried, body, stmt.loc, inits, copies, exit_node, threads)

    def _while(self, stmt: While) -> Repeat:
        inits = [(c.inside, self.at(c.init)) for c in stmt.carried]
        body, finals = self.block(stmt.body, [*(c.next for c in stmt.carried), stmt.again])
        again, entry = finals.pop(), self.at(stmt.cond)
        copies = [(c.inside, f) for c, f in zip(stmt.carried, finals, strict=True)]
        triples = [(i, f, c.inside) for (_, i), (_, f), c in zip(inits, copies, stmt.carried, strict=True)]
        test = same_test(entry, again, triples)
        if test is None and isinstance(entry, Const) and entry.value is True and _starts_true(again, triples):
            test = _replace(again, {f: p for _, f, p in triples if isinstance(f, Var)})
        if test is not None:
            return Repeat(None, (test,), stmt.carried, body, stmt.loc, inits, copies)
        going = Var("going", stmt.cond.type)
        carried = (*stmt.carried, Carried(going, stmt.cond, stmt.again, Var("going", stmt.cond.type)))
        return Repeat(
            None, (going,), carried, body, stmt.loc, [*inits, (going, entry)], [*copies, (going, again)]
        )  # fmt: skip


def same_test(entry: Node, again: Node, triples: list[tuple[Node, Node, Var]]) -> Node | None:
    """The condition of a `while` in terms of what it carries, where it reads the same at entry and at the end."""
    for init, final, inside in triples:
        if again is final and (entry is init or (isinstance(entry, Const) and entry == init)):
            return inside
    if isinstance(entry, Expr) and isinstance(again, Expr):
        if entry.op != again.op or len(entry.args) != len(again.args):
            return None
        detail = entry.detail
        if entry.op in ("load", "+", "-"):  # what is true of both
            detail = entry.detail if entry.detail == again.detail else None
        elif entry.detail != again.detail:
            return None
        parts = [same_test(a, b, triples) for a, b in zip(entry.args, again.args, strict=True)]
        return None if any(p is None for p in parts) else Expr(entry.op, tuple(p for p in parts if p), detail)
    return entry if entry is again or (isinstance(entry, Const) and entry == again) else None


def _starts_true(again: Node, triples: list[tuple[Node, Node, Var]]) -> bool:
    """Whether a condition made of flags is true at entry, where the flags are constants."""
    inits = {f: i for i, f, _ in triples if isinstance(f, Var)}

    def value(node: Node) -> object:
        if isinstance(node, Expr) and node.op == "not":
            inner = value(node.args[0])
            return None if inner is None else not inner
        if isinstance(node, Expr) and node.op in ("|", "&"):
            a, b = (value(x) for x in node.args)
            return None if a is None or b is None else (a or b) if node.op == "|" else (a and b)
        start = inits.get(node) if isinstance(node, Var) else node
        return start.value if isinstance(start, Const) else None

    return value(again) is True


def _loads(node: Node) -> bool:
    """Whether an expression reads memory, so that it must not move past a write."""
    return isinstance(node, Expr) and (node.op == "load" or any(_loads(a) for a in node.args))


def _is_cheap(stmt: Assign) -> bool:
    """A size, or an index next to another: as quick to write again as a name for it."""
    if stmt.op == "shape":
        return True
    return stmt.op in ("+", "-") and is_integer(stmt.target.type) and isinstance(stmt.args[1], Const)


def _replace(node: Node, mapping: dict[Var, Var]) -> Node:
    if isinstance(node, Expr):
        return Expr(node.op, tuple(_replace(a, mapping) for a in node.args), node.detail)
    return mapping.get(node, node) if isinstance(node, Var) else node


def _writes(stmt: Stmt) -> bool:
    if isinstance(stmt, Store | Increment | Effect | Call | Library):
        return True
    return any(isinstance(s, Store | Increment | Effect | Call | Library) for b in blocks(stmt) for s in statements(b))
