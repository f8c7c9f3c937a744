"""docs/coverage.md: which functions are covered, and how, from the tables of the package.

python -m tests.coverage --update     writes the page anew
"""

from __future__ import annotations

import builtins
import inspect
import math
import operator
import sys
import textwrap
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special as scipy_special

from srcgrad.numpy_lib import LIBRARY
from srcgrad.numpy_lib.special import MAPPED, REDUCING
from srcgrad.rules import PRIMITIVES, RULES
from srcgrad.rules.routines import ROUTINES
from srcgrad.rules.special import SCIPY
from srcgrad.transform.lower import function, methods  # noqa: F401  (lowering fills the table of handlers)
from srcgrad.transform.lower.builtins import HANDLERS

PAGE = Path(__file__).parent.parent / "docs" / "coverage.md"
NUMPY = "2.4"  # whose names the page has
SOURCES = "../srcgrad/"
NAMESPACES: dict[str, types.ModuleType] = {
    "np": np, "np.linalg": np.linalg, "np.random": np.random, "math": math, "scipy.special": scipy_special,
    "": builtins, "operator": operator,
}  # fmt: skip


def words(text: str) -> list[str]:
    return text.split()


# How handlers lower calls, by the module that they are in, and by function where that says too little.
HOW_MODULES = {
    "creation": "new array", "shaping": "view", "draws": "drawn once", "effects": "effect", "ufuncs": "loops",
    "einsum": "loops", "library": "LAPACK", "builtins": "rule",
}  # fmt: skip
HOW = {
    "compile time": "np.shape np.size np.ndim np.result_type np.finfo np.iinfo slice len range enumerate zip reversed "
    "tuple list np.ndindex",
    "view": "np.reshape np.ravel np.transpose np.ix_ np.asarray np.ascontiguousarray",
    "new array": "np.broadcast_to np.diagonal np.broadcast_arrays",
    "BLAS": "np.dot np.matmul np.linalg.multi_dot np.linalg.matrix_power",
    "library call": "np.argsort",
    "loops": "sum",
    "refused": "isinstance type getattr hasattr",
}
NO_DERIVATIVE = words(
    "np.argmax np.argmin np.argsort np.any np.all np.count_nonzero np.searchsorted np.digitize np.nonzero "
    "np.flatnonzero np.isclose np.allclose np.array_equal np.tril_indices np.triu_indices np.logical_and "
    "np.logical_or np.logical_xor"
)
FIRST = "of equal elements, all to the first"
HALVES = "of equal numbers, half to each"
SHARED = "a copy; neither it nor the original may be written afterwards"
LOWER = "reads the lower triangle, which alone gets a derivative"
REMARKS = {
    **dict.fromkeys(words("np.max np.min np.amax np.amin np.ptp np.nanmax np.nanmin"), FIRST),
    **dict.fromkeys(["np.maximum.reduce", "np.minimum.reduce"], FIRST),
    **dict.fromkeys(["np.maximum.accumulate", "np.minimum.accumulate"], FIRST),
    **dict.fromkeys(words("np.maximum np.minimum np.fmax np.fmin max min"), HALVES),
    "np.clip": "at a bound, half",
    "np.where": "with one argument: `np.nonzero`",
    "np.sort": "stable, whatever `kind` says",
    "np.argsort": "stable, whatever `kind` says; integers",
    "np.partition": "sorts",
    "np.unique": "of equal elements, all to the first; without inverse and counts",
    "np.quantile": "linear interpolation", "np.percentile": "linear interpolation",
    "np.average": "`weights` of the shape of `a`, or one for each place along the axis",
    "np.histogram": "counts; `weights` have a derivative", "np.bincount": "counts; `weights` have a derivative",
    "np.broadcast_to": SHARED, "np.broadcast_arrays": SHARED, "np.diagonal": "of a matrix; " + SHARED,
    "np.reshape": "what depends on strides is a copy that may not be written",
    "np.ravel": "what depends on strides is a copy that may not be written",
    "np.ascontiguousarray": "what depends on strides is a copy that may not be written",
    "np.squeeze": "lengths that the arguments do not decide need `axis`",
    "np.split": "a constant number of parts, or places", "np.array_split": "a constant number of parts, or places",
    "np.hsplit": "a constant number of parts, or places", "np.vsplit": "a constant number of parts, or places",
    "np.trace": "of a matrix", "np.cross": "of vectors of length 3, along the last axis",
    "np.vdot": "of arrays of one shape", "np.compress": "of vectors",
    "np.pad": "constant, edge, wrap, reflect, symmetric",
    "np.einsum": "constant labels, without an ellipsis",
    "np.dot": "of rank 1 and 2; vectors and integers by loops",
    "np.matmul": "vectors, stacks and integers by loops",
    "np.linalg.multi_dot": "from left to right", "np.linalg.matrix_power": "a constant exponent up to 64",
    "np.linalg.norm": "of matrices Frobenius, 1, inf; none of singular values",
    "np.linalg.lstsq": "by the pseudo-inverse; the rank has no derivative",
    "np.linalg.cholesky": LOWER + "; stacks too", "np.linalg.eigvalsh": LOWER,
    "np.linalg.eigh": LOWER + "; equal eigenvalues: see [rules.md](rules.md)",
    "np.linalg.inv": "stacks too", "np.linalg.solve": "stacks too, of one rank",
    "np.linalg.det": "singular matrices and stacks too",
    "np.linalg.qr": "reduced, of at least as many rows as columns",
    "np.linalg.svd": "reduced, or of a square matrix; `compute_uv=False` too",
    "np.linalg.pinv": "of constant rank",
    "np.nan_to_num": "0 where it replaces", "np.ldexp": "of numbers",
    **dict.fromkeys(["np.round", "np.around", "np.heaviside", "round"], "derivative 0"),
    "np.logaddexp.reduce": "shifted by the largest element",
    "sum": "of numbers and vectors", "np.ndindex": "in `for`",
    "print": "runs once, in the forward sweep",
    "zip": "without `strict`",
}  # fmt: skip

# Forms of indices: what they are in generated code, and what to know.
INDEXING = [
    ("`a[i, j]`, `a[-1]`", "element", "negative ones count from the end"),
    ("`a[1:-1]`, `a[::2]`, `a[::-1]`", "index arithmetic, or a view where an array is needed", "steps may be negative"),
    ("`a[i]`, `a[:, j]`, `a[..., 0]`", "the same", ""),
    ("`a[None, :]`, `a[:, np.newaxis]`", "the same", ""),
    ("`a[idx]`, `a[i, idx]`, `a[idx, jdx]`, `a[:, idx]`, `a[[0, 2]]`", "gather", "integers, broadcast together"),
    ("`a[a > 0]`, `a[mask, j]`, `a[mask]` of a matrix", "loop over the mask", "its length is known at run time only"),
    ("`a[1:] = v`, `a[1:] += v`", "loop", "computed first where `v` reads what is written"),
    ("`a[idx] = v`, `a[idx] += v`", "scatter", "of repeated indices the last counts, as in NumPy"),
    ("`np.add.at(a, idx, v)`", "scatter", "repeated indices add up"),
    ("`a[mask] = v`, `a[mask] *= v`", "a branch in the loop", "`v` a number, a row, or one for each true element"),
]  # fmt: skip
ATTRIBUTES = {"T": "view", "shape": "compile time", "ndim": "compile time", "size": "compile time",
              "dtype": "compile time", "real": "itself"}  # fmt: skip

# Public names of NumPy that are no functions of numbers, or belong to other tools: files, text, dtypes, dates.
ELSEWHERE = set(
    words("""
    array2string array_repr array_str asanyarray asarray_chkfinite asfortranarray asmatrix base_repr binary_repr bmat
    broadcast_shapes busday_count busday_offset can_cast common_type datetime_as_string datetime_data einsum_path
    format_float_positional format_float_scientific from_dlpack frombuffer fromfile fromregex fromstring genfromtxt
    get_include get_printoptions getbufsize geterr geterrcall info is_busday isdtype isfortran isnat isscalar
    issubdtype iterable load loadtxt may_share_memory min_scalar_type mintypecode nested_iters packbits printoptions
    promote_types save savetxt savez savez_compressed set_printoptions setbufsize seterr seterrcall shares_memory
    show_config show_runtime sort_complex test typename unpackbits frompyfunc require iscomplex iscomplexobj isreal
    isrealobj
""")
)


@dataclass
class Entry:
    """One function: its names, how calls of it are lowered, the parameters that it takes, and what to know."""

    names: list[str]
    how: str
    parameters: str
    remark: str = ""
    target: Any = None
    by_name: list[str] = field(default_factory=list)  # parameters that can be passed by name
    row: str = field(init=False, default="")

    def __post_init__(self) -> None:
        names = ", ".join(f"`{n}`" for n in self.names)
        remark = next((REMARKS[n] for n in self.names if n in REMARKS), self.remark)
        if any(n in NO_DERIVATIVE for n in self.names):
            remark = "; ".join(dict.fromkeys([*filter(None, [remark]), "no derivative"]))
        self.row = f"| {names} | {self.how} | {self.parameters} | {remark} |".replace("  ", " ")


def public_names(target: Any) -> list[str]:
    """All names that users know a function by, the usual one first."""
    owner = getattr(target, "__self__", None)
    if isinstance(owner, np.ufunc):
        return [f"np.{owner.__name__}.{target.__name__}"]
    found = []
    for prefix, module in NAMESPACES.items():
        dot = f"{prefix}." if prefix else ""
        found += [f"{dot}{n}" for n in sorted(dir(module)) if n[:1] != "_" and getattr(module, n) is target]
    usual = getattr(target, "__name__", "")
    return sorted(found, key=lambda n: (n.split(".")[-1] != usual, n))


def parameters_of(signature: inspect.Signature, skip: int = 0) -> str:
    """Parameters as in `a, axis=, *, keepdims=`: those with an equals sign can be left out.

    >>> parameters_of(inspect.signature(lambda a, axis=None, *, keepdims=False: a))
    '`a, axis=, keepdims=`'
    """
    words = []
    for p in list(signature.parameters.values())[skip:]:
        if p.kind is p.VAR_KEYWORD:
            continue
        star = "*" if p.kind is p.VAR_POSITIONAL else ""
        words.append(star + p.name + ("" if p.default is p.empty else "="))
    return f"`{', '.join(words)}`" if words else ""


def names_of(signature: inspect.Signature, skip: int = 0) -> list[str]:
    """The parameters that can be passed by name."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [p.name for p in list(signature.parameters.values())[skip:] if p.kind in kinds]


def of_primitive(target: Any, op: str, names: list[str]) -> Entry:
    rule = RULES[op]
    arrays = isinstance(target, np.ufunc)
    parameters = ["x", "y", "z"][: rule.arity] + (["out="] if arrays and names[0].startswith("np.") else [])
    remark = ""
    if rule.partials is None:
        remark = "derivative 0" if rule.result in ("float", "same") else "no derivative"
    if op in ("&", "|", "^", "<<", ">>", "~", "math.gcd"):
        remark = "integers" if op in ("<<", ">>", "math.gcd") else "integers and bools"
    return Entry(names, "rule", f"`{', '.join(parameters)}`", remark, target)


def of_handler(target: Any, handler: Callable, names: list[str]) -> Entry:
    where = handler.__module__.rpartition(".")[2]
    how = next((h for h, listed in HOW.items() if any(n in listed.split() for n in names)), HOW_MODULES[where])
    signature = inspect.signature(handler)
    return Entry(names, how, parameters_of(signature, 2), target=target, by_name=names_of(signature, 2))


def of_definition(target: Any, definition: Any, names: list[str]) -> Entry:
    file = definition.__module__.replace("srcgrad.", "").replace(".", "/") + ".py"
    signature = inspect.signature(definition)
    how = f"[loops]({SOURCES}{file})"
    return Entry(names, how, parameters_of(signature), target=target, by_name=names_of(signature))


def entries() -> Iterator[Entry]:
    """All functions of all tables."""
    seen: set[int] = set()
    for target, handler in HANDLERS.items():
        if isinstance(getattr(target, "__self__", None), np.ufunc):  # `outer` and `at` of many
            continue
        names = public_names(target)
        if names:  # srcgrad's own have a page of their own
            yield of_handler(target, handler, names)
        seen.add(id(target))
    for target, op in PRIMITIVES.items():
        names = public_names(target)
        if id(target) not in seen and names:
            yield of_primitive(target, op, names)
    for target, definition in LIBRARY.items():
        if target not in HANDLERS:
            yield of_definition(target, definition.function, public_names(target))
    for name, op in SCIPY.items():
        yield of_primitive(getattr(scipy_special, name), op, [f"scipy.special.{name}"])
    for name, definition in MAPPED.items():
        yield of_definition(getattr(scipy_special, name), definition, [f"scipy.special.{name}"])
    for name, found in REDUCING.items():
        yield of_definition(getattr(scipy_special, name), found.function, [f"scipy.special.{name}"])


def of_namespace(all_entries: list[Entry], prefix: str) -> list[Entry]:
    """The entries whose first name is in a namespace, by name."""
    return sorted(
        (e for e in all_entries if e.names[0].rpartition(".")[0] == prefix), key=lambda e: e.names[0].lower()
    )  # fmt: skip


def missing(module: types.ModuleType, all_entries: list[Entry]) -> list[str]:
    """The public functions of a module of NumPy that are not covered."""
    covered = {id(e.target) for e in all_entries}
    return sorted(
        n
        for n in dir(module)
        if n[:1] != "_" and callable(getattr(module, n)) and not isinstance(getattr(module, n), type)
        if id(getattr(module, n)) not in covered and n not in ELSEWHERE
    )  # fmt: skip


def table(rows: list[Entry], heading: str = "function") -> str:
    head = f"| {heading} | how | parameters | remark |\n| --- | --- | --- | --- |\n"
    return head + "".join(e.row + "\n" for e in rows)


def method_entries(all_entries: list[Entry]) -> list[Entry]:
    """Methods and attributes of arrays."""
    by_name = {n: e for e in all_entries for n in e.names}
    found = []
    for name in (n for n in methods.FUNCTIONS if hasattr(np.ndarray, n)):
        like = by_name[f"np.{name}"]
        _, _, rest = like.parameters.strip("`").partition(", ")
        found.append(Entry([f"a.{name}"], like.how, f"`{rest}`" if rest else "", f"as `np.{name}`"))
    for name, handler in methods._METHODS.items():
        how = {"astype": "new array", "copy": "new array", "flatten": "new array", "item": "element", "fill": "loop",
               "sort": "loops"}.get(name, "view")  # fmt: skip
        found.append(Entry([f"a.{name}"], how, parameters_of(inspect.signature(handler), 3)))
    found += [Entry([f"a.{name}"], how, "") for name, how in ATTRIBUTES.items()]
    return sorted(found, key=lambda e: e.names[0].lower())


INTRODUCTION = f"""# What is covered

Written by `python -m tests.coverage --update` from the tables of the package, with the names of NumPy {NUMPY}.
[tests/test_coverage.py](../tests/test_coverage.py) has an example of each function, in both modes.

*How* says what a call becomes in generated code:

- **rule**: the function itself, on a number or on each element of an array expression, which is one loop with the
  statement or reduction that it is part of; its derivative is a rule ([rules.md](rules.md));
- **loops**: the loops in that file, inlined and differentiated like your own code;
- **view**: index arithmetic, or a view where an array is needed; **new array**: an array that is filled;
- **BLAS**, **LAPACK**: a call of the library, whose derivative calls the library too;
- **compile time**: nothing, it is known by then.

*Parameters* are those that are supported; what ends in `=` can be left out. Options such as `axis`, `keepdims` and
`mode` are constants, as are the numbers of dimensions. Float32 stays float32. Lists and tuples of numbers are arrays
where NumPy takes them so. Integers and bools have no derivative.
"""


def page() -> str:
    """The whole text."""
    found = list(entries())
    ufunc_methods = [e for e in found if isinstance(getattr(e.target, "__self__", None), np.ufunc)]
    binary = [
        Entry(["np.add.outer", "np.multiply.outer", "..."], "loops", "`a, b`", "of each elementwise function of two"),
        Entry(["np.add.at", "np.subtract.at", "..."], "loops", "`a, indices, b`", "repeated indices count as often"),
    ]
    elementwise = [e for e in of_namespace(found, "np") if e.how == "rule"]
    whole = [e for e in of_namespace(found, "np") if e.how != "rule"]
    indexing = "| form | how | remark |\n| --- | --- | --- |\n"
    indexing += "".join(f"| {form} | {how} | {remark} |\n".replace("  ", " ") for form, how, remark in INDEXING)
    random = of_namespace(found, "np.random")
    draws = listed(e.names[0].removeprefix("np.random.") for e in random if not e.names[0].endswith(".seed"))
    routines = listed(name.removeprefix("np.") for name in ROUTINES)
    python = [e for e in of_namespace(found, "") if e.how != "refused"]
    operators = listed(e.names[0].removeprefix("operator.") for e in of_namespace(found, "operator"))
    conversions = "`float`, `int`, `bool`, `np.float64`, `np.float32`, `np.int64` and the other integers, `np.bool_`"
    sections = {
        "Functions of elements": table(elementwise),
        "Functions of arrays": table(whole),
        "Linear algebra": table(of_namespace(found, "np.linalg"))
        + "\n"
        + paragraph(f"The routines of BLAS and LAPACK that have derivatives: {routines}."),
        "Methods of elementwise functions": table(ufunc_methods + binary),
        "Methods and attributes of arrays": table(method_entries(found), "method"),
        "Indices": indexing,
        "Random numbers": paragraph(
            "Draws are made once, in the forward sweep, and are constants. Parameters go by position, `size` also by "
            f"name. `np.random.seed`, and {draws}."
        ),
        "math": "On numbers.\n\n" + table(of_namespace(found, "math")),
        "scipy.special": "Where SciPy is installed; on numbers and arrays.\n\n"
        + table(of_namespace(found, "scipy.special")),
        "Python": table(python)
        + "\n"
        + paragraph(f"Conversions: {conversions}. From `operator`: {operators}.")
        + "\n"
        + paragraph(
            "What `np.vectorize` and `numba.vectorize` make of a Python function is that function, on elements."
        ),
    }
    text = INTRODUCTION
    for title, content in sections.items():
        text += f"\n## {title}\n\n{content}"
    text += "\n## Refused\n\n" + paragraph(
        "Calls of these are refused where they stand (left out are functions of files, text, dates and dtypes)."
    )
    for prefix, module in (("np", np), ("np.linalg", np.linalg)):
        absent = missing(module, found)
        inlined = [n for n in absent if isinstance(getattr(module, n), types.FunctionType)]
        text += "\n" + paragraph(f"`{prefix}`: {listed(n for n in absent if n not in inlined)}.")
        if inlined:
            what = (
                "NumPy's own Python code of these is inlined, and refused only if it uses something that is not covered"
            )
            text += "\n" + paragraph(f"{what}: {listed(inlined)}.")
    return text


def listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{n}`" for n in names)


def paragraph(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False) + "\n"


if __name__ == "__main__":
    if "--update" in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
