"""Reading and rebuilding IR: what a statement defines, uses and contains."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from srcgrad.ir.nodes import (
    Alloc,
    Assign,
    Atom,
    Block,
    Call,
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
    NewAxis,
    Reserve,
    Result,
    Slice,
    Stmt,
    Store,
    Sweep,
    Var,
    View,
    While,
    flatten,
)  # fmt: skip


def statements(block: Block) -> Iterator[Stmt]:
    """Every statement of a block, nested ones too, in textual order."""
    for stmt in block:
        yield stmt
        for inner in blocks(stmt):
            yield from statements(inner)


def blocks(stmt: Stmt) -> tuple[Block, ...]:
    """The blocks directly inside a statement."""
    match stmt:
        case If():
            return stmt.then, stmt.orelse
        case For() | While():
            return (stmt.body,)
        case _:
            return ()


def defined(stmt: Stmt) -> tuple[Var, ...]:
    """The vars that a statement defines for the statements after it."""
    match stmt:
        case Assign() | Load() | Alloc() | View() | Reserve() | ListNew() | ListGet():
            return (stmt.target,)
        case If():
            return tuple(r.var for r in stmt.results)
        case For() | While():
            return tuple(c.result for c in stmt.carried)
        case Call() | Sweep():
            return stmt.targets
        case Store() | Increment() | Effect() | ListAppend() | Custom() | Library():
            return ()
        case _:
            raise AssertionError(f"unhandled statement {type(stmt).__name__}")


def introduced(stmt: Stmt) -> tuple[Var, ...]:
    """The vars that a loop defines for its body."""
    match stmt:
        case For():
            return (stmt.index, *(c.inside for c in stmt.carried))
        case While():
            return tuple(c.inside for c in stmt.carried)
        case _:
            return ()


def arrays_written(stmt: Stmt) -> tuple[Var, ...]:
    """The handles of the arrays that a statement itself writes elements of."""
    match stmt:
        case Store() | Increment():
            return (stmt.array,)
        case Library():
            return stmt.outs
        case Call():
            return tuple(stmt.args[k] for k in stmt.writes)  # type: ignore[misc]
        case Sweep():
            return tuple(stmt.arrays[k] for k in stmt.state)
        case _:
            return ()


def operands(stmt: Stmt) -> tuple[Atom, ...]:
    """The atoms that a statement itself reads, on entry (not those read inside its blocks, nor at their ends)."""
    match stmt:
        case Assign() | Effect():
            return stmt.args
        case Call():
            return (*stmt.args, *stmt.grid)
        case Load():
            return (stmt.array, *stmt.index)
        case Store() | Increment():
            return (stmt.array, *stmt.index, stmt.value)
        case Alloc():
            return stmt.shape
        case View():
            return (stmt.base, *view_atoms(stmt.items))
        case Reserve():
            return stmt.base, stmt.size
        case ListNew():
            return stmt.items
        case ListAppend():
            return stmt.list, stmt.item
        case ListGet():
            return stmt.list, stmt.index
        case Custom():
            return (*stmt.outs, *stmt.args, *stmt.residuals)
        case Library():
            return (*stmt.ins, *stmt.outs)
        case Sweep():
            return (*stmt.bounds, *stmt.inits, *stmt.free, *stmt.arrays)
        case If():
            return (stmt.cond,)
        case For():
            return (stmt.start, stmt.stop, stmt.step, *(c.init for c in stmt.carried))
        case While():
            return (stmt.cond, *(c.init for c in stmt.carried))
        case _:
            raise AssertionError(f"unhandled statement {type(stmt).__name__}")


def yields(stmt: Stmt) -> tuple[Atom, ...]:
    """The atoms read at the ends of a statement's blocks."""
    match stmt:
        case If():
            return tuple(a for r in stmt.results for a in (r.then, r.orelse))
        case For():
            return (*(c.next for c in stmt.carried), *((stmt.exit,) if stmt.exit is not None else ()))
        case While():
            return (*(c.next for c in stmt.carried), stmt.again)
        case _:
            return ()


def view_atoms(items: tuple) -> Iterator[Atom]:
    for item in items:
        if isinstance(item, Slice):
            yield from (a for a in (item.start, item.stop, item.step) if a is not None)
        elif not isinstance(item, NewAxis):
            yield item


def uses(block: Block) -> Iterator[Var]:
    """Every use of a var in a block, with repetitions."""
    for stmt in statements(block):
        for atom in (*operands(stmt), *yields(stmt)):
            if isinstance(atom, Var):
                yield atom


def free(block: Block, results: object = ()) -> list[Var]:
    """The vars that a block (and `results` after it) reads and does not define, in order of first use."""
    inside = {v for s in statements(block) for v in (*defined(s), *introduced(s))}
    read = [*uses(block), *(a for a in flatten(results) if isinstance(a, Var))]
    return list(dict.fromkeys(v for v in read if v not in inside))


def map_tree(f: Callable, tree: object) -> object:
    """Apply `f` to the leaves of a nested tuple; None stays None."""
    if isinstance(tree, tuple):
        return tuple(map_tree(f, t) for t in tree)
    return None if tree is None else f(tree)


def final_value(atom: Atom, mapping: Mapping[Var, Atom]) -> Atom:
    """What an atom stands for, by a mapping that may lead on from one var to the next."""
    while isinstance(atom, Var) and atom in mapping:
        atom = mapping[atom]
    return atom


def with_values(function: Function, mapping: Mapping[Var, Atom]) -> Function:
    """`function` with values for vars, in its results too; what one var stands for may stand for something else."""
    values = {v: final_value(a, mapping) for v, a in mapping.items()}
    results = map_tree(lambda a: values.get(a, a) if isinstance(a, Var) else a, function.results)
    return replace(function, body=substitute(function.body, values), results=results)


def substitute(block: Block, mapping: dict[Var, Atom]) -> Block:
    """Replace uses of vars; definitions stay."""
    return tuple(_substitute(s, mapping) for s in block) if mapping else block


def _substitute(stmt: Stmt, mapping: dict[Var, Atom]) -> Stmt:
    def at(atom):
        return mapping.get(atom, atom) if isinstance(atom, Var) else atom

    def item(i):
        if isinstance(i, Slice):
            return Slice(*(at(a) for a in (i.start, i.stop, i.step)))
        return at(i)

    def many(atoms):
        return tuple(item(a) for a in atoms)

    def carried(cs):
        return tuple(replace(c, init=at(c.init), next=at(c.next)) for c in cs)

    match stmt:
        case Assign() | Effect():
            return replace(stmt, args=many(stmt.args))
        case Call():
            return replace(stmt, args=many(stmt.args), grid=many(stmt.grid))
        case Load():
            return replace(stmt, array=at(stmt.array), index=many(stmt.index))
        case Store() | Increment():
            return replace(stmt, array=at(stmt.array), index=many(stmt.index), value=at(stmt.value))
        case Alloc():
            like = at(stmt.like) if stmt.like is not None else None
            return replace(stmt, shape=many(stmt.shape), like=like)
        case View():
            return replace(stmt, base=at(stmt.base), items=many(stmt.items))
        case Reserve():
            return replace(stmt, base=at(stmt.base), size=at(stmt.size))
        case ListNew():
            return replace(stmt, items=many(stmt.items))
        case ListAppend():
            return replace(stmt, list=at(stmt.list), item=at(stmt.item))
        case ListGet():
            return replace(stmt, list=at(stmt.list), index=at(stmt.index))
        case Custom():
            return replace(stmt, outs=many(stmt.outs), args=many(stmt.args), residuals=many(stmt.residuals))
        case Library():
            return replace(stmt, outs=many(stmt.outs), ins=many(stmt.ins))
        case Sweep():
            given = {"bounds": many(stmt.bounds), "inits": many(stmt.inits), "free": many(stmt.free)}
            return replace(stmt, arrays=many(stmt.arrays), **given)
        case If():
            results = tuple(Result(r.var, at(r.then), at(r.orelse)) for r in stmt.results)
            then, orelse = substitute(stmt.then, mapping), substitute(stmt.orelse, mapping)
            return replace(stmt, cond=at(stmt.cond), then=then, orelse=orelse, results=results)
        case For():
            bounds = {"start": at(stmt.start), "stop": at(stmt.stop), "step": at(stmt.step), "exit": at(stmt.exit)}
            return replace(stmt, carried=carried(stmt.carried), body=substitute(stmt.body, mapping), **bounds)
        case While():
            conds = {"cond": at(stmt.cond), "again": at(stmt.again)}
            return replace(stmt, carried=carried(stmt.carried), body=substitute(stmt.body, mapping), **conds)
        case _:
            raise AssertionError(f"unhandled statement {type(stmt).__name__}")


def rebuilt(block: Block, change: Callable[[Stmt], Stmt | Block | None]) -> Block:
    """A block with its statements changed, those inside others first, to several or to none."""
    out: list[Stmt] = []
    for stmt in block:
        made: Stmt | Block | None = stmt
        match stmt:
            case If():
                made = replace(stmt, then=rebuilt(stmt.then, change), orelse=rebuilt(stmt.orelse, change))
            case For() | While():
                made = replace(stmt, body=rebuilt(stmt.body, change))
        made = change(made)  # type: ignore[arg-type]
        if made is not None:
            out += made if isinstance(made, tuple) else (made,)
    return tuple(out)


def without(block: Block, kind: type) -> Block:
    """A block without the statements of one kind."""
    return rebuilt(block, lambda s: None if isinstance(s, kind) else s)


def with_sharing(function: Function, label: Callable[[Increment], str]) -> Function:
    """`function` with its increments labelled, see `Increment.sharing`."""

    def change(stmt: Stmt) -> Stmt:
        return replace(stmt, sharing=label(stmt)) if isinstance(stmt, Increment) else stmt

    return replace(function, body=rebuilt(function.body, change))
