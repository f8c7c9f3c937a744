"""Structured exits: no `return` but the last statement, no `continue`, `break` only at the end of a `for` body."""

from __future__ import annotations

import ast
from dataclasses import dataclass


@dataclass
class _Loop:
    """The exits of the loop being rewritten: names of its flags, and which of them its body sets."""

    broken: str
    skipped: str
    breaks: bool = False
    continues: bool = False


def structure_exits(node: ast.FunctionDef | ast.Lambda) -> list[ast.stmt]:
    '''The body of a function with its exits turned into flags; the result is in the name that `return` returns.

    >>> source = """
    ... def f(x, n):
    ...     for i in range(n):
    ...         if x > 3.0:
    ...             return x
    ...         x = x * 2.0
    ...     return 0.0
    ... """
    >>> print("\\n".join(ast.unparse(s) for s in structure_exits(ast.parse(source).body[0])))
    returned = False
    for i in range(n):
        if x > 3.0:
            result = x
            returned = True
        else:
            x = x * 2.0
        if returned:
            break
    if not returned:
        result = 0.0
        returned = True
    return result
    '''
    if isinstance(node, ast.Lambda):
        return [ast.copy_location(ast.Return(node.body), node.body)]
    return _Exits(node).rewrite()


class _Exits:
    def __init__(self, node: ast.FunctionDef) -> None:
        self.node = node
        used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        self.taken = used | {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
        self.result = self._fresh("result")
        self.returned = self._fresh("returned")
        self.flag_read = False

    def _fresh(self, name: str) -> str:
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def rewrite(self) -> list[ast.stmt]:
        *before, last = self.node.body
        if isinstance(last, ast.Return) and not any(_returns(s) for s in before):  # nothing to do but its loops
            return [*self._block(before, None)[0], last]
        body, _ = self._block(self.node.body, None)
        head = [self._set(self.returned, value=False, at=self.node)] if self.flag_read else []
        if not any(isinstance(n, ast.Name) and n.id == self.result for s in body for n in ast.walk(s)):
            return [*head, *body]
        read = ast.Name(self.result, ast.Load())
        read.always_bound = True  # type: ignore[attr-defined]  # whatever path led here has set it
        return [*head, *body, self._at(ast.Return(read), self.node.body[-1])]

    @staticmethod
    def _at(node, like):
        return ast.fix_missing_locations(ast.copy_location(node, like))

    def _set(self, name: str, *, value: bool, at: ast.AST) -> ast.stmt:
        return self._at(ast.Assign([ast.Name(name, ast.Store())], ast.Constant(value)), at)

    def _not_any(self, flags: list[str], at: ast.AST) -> ast.expr:
        reads: list[ast.expr] = [ast.Name(f, ast.Load()) for f in flags]
        test = reads[0] if len(reads) == 1 else ast.BoolOp(ast.Or(), reads)
        self.flag_read |= self.returned in flags
        return self._at(ast.UnaryOp(ast.Not(), test), at)

    def _block(self, stmts: list[ast.stmt], loop: _Loop | None) -> tuple[list[ast.stmt], bool]:
        """Rewrite a list of statements; also say whether its end is never reached."""
        out: list[ast.stmt] = []
        for k, stmt in enumerate(stmts):
            rest = stmts[k + 1 :]
            match stmt:
                case ast.Return():
                    value = stmt.value if stmt.value is not None else self._at(ast.Constant(None), stmt)
                    out.append(self._at(ast.Assign([ast.Name(self.result, ast.Store())], value), stmt))
                    out.append(self._set(self.returned, value=True, at=stmt))
                    return out, True
                case ast.Break():
                    assert loop is not None
                    loop.breaks = True
                    out.append(self._set(loop.broken, value=True, at=stmt))
                    return out, True
                case ast.Continue():
                    assert loop is not None
                    loop.continues = True
                    out.append(self._set(loop.skipped, value=True, at=stmt))
                    return out, True
                case ast.Raise():
                    return [*out, stmt], True
                case ast.If() if _exits(stmt):
                    return self._if(stmt, rest, loop, out)
                case ast.If():
                    then, orelse = self._block(stmt.body, loop)[0], self._block(stmt.orelse, loop)[0]
                    out.append(self._at(ast.If(stmt.test, then, orelse), stmt))
                case ast.For() | ast.While():
                    new = self._loop(stmt, loop)
                    out += new
                    if _exits(stmt):
                        more, ended = self._block(rest, loop)
                        flags = [f for f in self._flags(loop) if any(_sets(s, f) for s in new)]
                        if more and flags:
                            out.append(self._at(ast.If(self._not_any(flags, stmt), more, []), stmt))
                        else:  # it only leaves by raising
                            out += more
                        return out, ended
                case _:
                    out.append(stmt)
        return out, False

    def _if(self, stmt: ast.If, rest: list[ast.stmt], loop: _Loop | None, out: list[ast.stmt]):
        then, then_ends = self._block(stmt.body, loop)
        orelse, orelse_ends = self._block(stmt.orelse, loop)
        more, more_ends = self._block(rest, loop)
        if then_ends and orelse_ends:
            more = []
        elif then_ends:
            orelse, more = self._followed(orelse, more, loop, stmt), []
            orelse_ends = more_ends
        elif orelse_ends:
            then, more = self._followed(then, more, loop, stmt), []
            then_ends = more_ends
        new = self._at(ast.If(stmt.test, then, orelse), stmt)
        out.append(new)
        if more:
            flags = [f for f in self._flags(loop) if _sets(new, f)]
            if not flags:  # it only leaves by raising
                return out + more, more_ends
            out.append(self._at(ast.If(self._not_any(flags, stmt), more, []), more[0]))
        return out, then_ends and orelse_ends

    def _followed(self, block: list[ast.stmt], more: list[ast.stmt], loop: _Loop | None, at: ast.AST) -> list[ast.stmt]:
        """A block with what runs after it, unless it was left early."""
        flags = [f for f in self._flags(loop) if any(_sets(s, f) for s in block)]
        if not (more and flags):
            return block + more
        return [*block, self._at(ast.If(self._not_any(flags, at), more, []), more[0])]

    def _flags(self, loop: _Loop | None) -> list[str]:
        return [self.returned] if loop is None else [self.returned, loop.broken, loop.skipped]

    def _loop(self, stmt: ast.For | ast.While, outer: _Loop | None) -> list[ast.stmt]:
        loop = _Loop(self._fresh("broken"), self._fresh("skipped"))
        body, _ = self._block(stmt.body, loop)
        returns = any(_sets(s, self.returned) for s in body)
        stops = [f for f, used in ((loop.broken, loop.breaks), (self.returned, returns)) if used]
        before = [self._set(loop.broken, value=False, at=stmt)] if loop.breaks else []
        if loop.continues:
            body.insert(0, self._set(loop.skipped, value=False, at=stmt))
        new: ast.stmt
        if isinstance(stmt, ast.For):
            if stops:
                test = self._not_any(stops, stmt).operand  # type: ignore[attr-defined]
                body.append(self._at(ast.If(test, [ast.Break()], []), stmt))
            new = ast.For(stmt.target, stmt.iter, body, [])
        else:
            test = ast.BoolOp(ast.And(), [self._not_any(stops, stmt), stmt.test]) if stops else stmt.test
            if stops and isinstance(stmt.test, ast.Constant) and stmt.test.value:  # while True
                test = self._not_any(stops, stmt)
            new = ast.While(test, body, [])
        after: list[ast.stmt] = []
        if stmt.orelse:
            after, _ = self._block(stmt.orelse, outer)
            if stops:
                after = [self._at(ast.If(self._not_any(stops, stmt), after, []), stmt.orelse[0])]
        return [*before, self._at(new, stmt), *after]


def _exits(stmt: ast.stmt) -> bool:
    """Whether control can leave `stmt` other than at its end: by return, or by break or continue of an outer loop."""
    if isinstance(stmt, ast.Return | ast.Break | ast.Continue | ast.Raise):
        return True
    if isinstance(stmt, ast.If) and not stmt.orelse and len(stmt.body) == 1 and isinstance(stmt.body[0], ast.Raise):
        return False  # a check: what follows it runs only if it passes
    if isinstance(stmt, ast.If):
        return any(_exits(s) for s in (*stmt.body, *stmt.orelse))
    if isinstance(stmt, ast.For | ast.While):
        return any(_returns(s) for s in stmt.body) or any(_exits(s) for s in stmt.orelse)
    return False


def _returns(stmt: ast.stmt) -> bool:
    if isinstance(stmt, ast.If | ast.For | ast.While):
        return any(_returns(s) for s in (*stmt.body, *stmt.orelse))
    return isinstance(stmt, ast.Return)


def _sets(stmt: ast.stmt, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store) for n in ast.walk(stmt))
