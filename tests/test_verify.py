"""The verifier refuses malformed IR, naming the stage, the mistake and the user's line; legal IR it passes."""

from dataclasses import replace

import pytest

from srcgrad.errors import InternalError
from srcgrad.ir.location import Location
from srcgrad.ir.nodes import (
    ONE,
    TRUE,
    ZERO,
    Alloc,
    Assign,
    Carried,
    Const,
    For,
    Function,
    If,
    Increment,
    Load,
    Result,
    Slice,
    Store,
    Undef,
    Var,
    View,
    While,
    number,
)
from srcgrad.ir.types import BOOL, FLOAT32, FLOAT64, INT64, Array
from srcgrad.ir.verify import verify
from srcgrad.rules import RULES
from srcgrad.transform import pipeline

AT = Location("model.py", 7)
VECTOR, MATRIX = Array("float64", 1), Array("float64", 2)
TWO = number(2.0)
OPERATIONS = {op: rule.arity for op, rule in RULES.items()}


def floats(*hints):
    return tuple(Var(hint, FLOAT64) for hint in hints)


x, y, z = floats("x", "y", "z")
a, m, row = Var("a", VECTOR), Var("m", MATRIX), Var("row", VECTOR)
i, c = Var("i", INT64), Var("c", BOOL)


def function(*body, results=()):
    return Function("f", (x, a, m, c), body, results, (("x", x), ("a", a), ("m", m), ("c", c)))


def loop(*body, carried=(), exit=None):
    return For(i, ZERO, Const(9, INT64), ONE, tuple(carried), body, exit, loc=AT)


def carried(init=TWO, inside=y, following=y, result=z):
    return Carried(inside, init, following, result)


double = Assign(y, "*", (x, TWO), loc=AT)

LEGAL = {
    "straight line": function(double, results=(y,)),
    "branch": function(If(c, (double,), (), (Result(z, y, x),)), results=(z, x)),
    "missing value": function(If(c, (double,), (), (Result(z, y, Undef(FLOAT64)),)), results=(z,)),
    "loop": function(loop(Store(a, (i,), y), carried=[carried()]), results=(z,)),
    "loop with an exit": function(loop(exit=c)),
    "while": function(While(c, c, (carried(),), ()), results=(z,)),
    "view of another layout": function(
        View(row, m, "index", (ZERO, Slice())),
        If(c, (), (), (Result(Var("r", Array("float64", 1, "A")), row, a),)),
    ),
}
ILLEGAL = {
    "defined twice": (function(double, Assign(y, "neg", (x,), loc=AT)), "%y is defined twice (line 7)"),
    "parameter defined again": (function(Assign(x, "neg", (x,), loc=AT)), "%x is defined twice (line 7)"),
    "used before": (function(Assign(z, "neg", (y,), loc=AT), double), "%y is used where it is not defined, by Assign"),
    "used outside of its branch": (
        function(If(c, (double,), ()), Assign(z, "neg", (y,), loc=AT)),
        "%y is used where it is not defined",
    ),
    "used on the other side": (
        function(If(c, (double,), (Assign(z, "neg", (y,), loc=AT),))),
        "%y is used where it is not defined",
    ),
    "used outside of its loop": (function(loop(double), results=(y,)), "%y is used where it is not defined"),
    "index used after its loop": (function(loop(), results=(i,)), "%i is used where it is not defined"),
    "carried value used after its loop": (
        function(loop(carried=[carried()]), results=(y,)),
        "%y is used where it is not defined",
    ),
    "carried from inside": (
        function(loop(double, carried=[carried(init=y, inside=Var("w", FLOAT64), following=y)])),
        "%y is used where it is not defined",
    ),
    "merged from the wrong side": (
        function(If(c, (double,), (), (Result(z, x, y),), loc=AT)),
        "%y is used where it is not defined",
    ),
    "merged types": (
        function(If(c, (), (), (Result(z, ONE, x),), loc=AT)),
        "1 of type int64 flows into %z of type float64 (line 7)",
    ),
    "carried types": (
        function(loop(carried=[carried(init=number(2.0, FLOAT32))])),
        "2.0 of type float32 flows into %y of type float64",
    ),
    "carried ranks": (
        function(loop(carried=[Carried(row, a, m, Var("r", VECTOR))])),
        "%m of type float64[:, :] flows into %row of type float64[:]",
    ),
    "weak literal": (
        function(Assign(y, "*", (x, Const(2.0, FLOAT64, weak=True)), loc=AT)),
        "the literal 2.0 is still weak",
    ),
    "no atom": (function(Assign(y, "*", (x, 2.0), loc=AT)), "2.0 is not an atom"),
    "too few indices": (function(Load(y, m, (ZERO,), loc=AT)), "%m is addressed by 1 indices"),
    "index of a scalar": (function(Load(y, x, (ZERO,), loc=AT)), "%x is addressed by 1 indices"),
    "index that is a float": (function(Store(a, (TWO,), x, loc=AT)), "%a is addressed by something that is no integer"),
    "increment by a bool index": (
        function(Increment(a, (c,), x, loc=AT)),
        "%a is addressed by something that is no integer",
    ),
    "operation that defines an array": (function(Assign(row, "neg", (a,), loc=AT)), "'neg' defines float64[:]"),
    "view of a scalar": (function(View(row, x, "same", loc=AT)), "a view of something that is no array"),
    "condition": (function(If(x, (), (), loc=AT)), "a condition that is no bool (line 7)"),
    "exit condition": (function(loop(exit=x)), "an exit condition that is no bool (line 7)"),
    "condition of a while": (function(While(TRUE, x, (), (), loc=AT)), "an exit condition that is no bool"),
    "in an inner block": (function(loop(If(c, (Load(y, m, (i,), loc=AT),), ()))), "%m is addressed by 1 indices"),
}


@pytest.mark.parametrize("name", LEGAL)
def test_legal(name):
    assert verify(LEGAL[name], "this stage", OPERATIONS) is LEGAL[name]


@pytest.mark.parametrize("name", ILLEGAL)
def test_illegal(name):
    made, message = ILLEGAL[name]
    with pytest.raises(InternalError) as info:
        verify(made, "this stage", OPERATIONS)
    assert str(info.value).startswith(f"after this stage: {message}")


@pytest.mark.parametrize(
    "stmt",
    [
        While(ONE, TRUE, (), ()),
        For(i, TWO, Const(9, INT64), ONE, (), ()),
        For(i, ZERO, ONE, TWO, (), ()),
        Alloc(row, "zeros", (TWO,)),
        Alloc(row, "zeros", (ONE, ONE)),
        View(row, m, "index", (TWO, Slice())),
        Store(a, (ZERO,), m),
        Load(row, a, (ZERO,)),
        While(c, c, (carried(result=Var("z", INT64)),), ()),
        Assign(y, "nonsense", (x,)),
    ],
    ids=lambda s: type(s).__name__,
)
def test_types_of_operands(stmt):
    with pytest.raises(InternalError, match="after this stage"):
        verify(function(stmt), "this stage", OPERATIONS)


def test_stage_that_breaks_a_function_is_named(monkeypatch):
    """The pipeline verifies what each stage returns."""

    def drop_the_first(made):
        return replace(made, body=made.body[1:])

    monkeypatch.setattr(pipeline, "VERIFY", True)
    monkeypatch.setattr(pipeline, "PRIMAL", (("drop_the_first", drop_the_first),))
    with pytest.raises(InternalError, match="after drop_the_first: %y is used where it is not defined"):
        pipeline.primal(halved_square, [("x", FLOAT64)])


def halved_square(x):
    y = x * x
    return y * 0.5
