"""Elementary functions that LLVM can vectorise: calls of glibc's libmvec, through names of our own.

LLVM knows no vector versions of `exp` and its kin, and takes a call of a function that it knows for something to
expand or to leave alone. A call of a function that it does not know is vectorised where the function says which
vector versions it has (the Vector Function ABI, which LLVM reads from the attribute "vector-function-abi-variant").
Errors stay below 4 units in the last place, as in libmvec.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import config

# per function: its name in LLVM modules that Numba makes, and how many arguments it takes
_UNARY = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "sinh",
    "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "cbrt",
)  # fmt: skip
_BINARY = ("pow", "atan2", "hypot")
_INTRINSICS = ("exp", "exp2", "log", "log2", "log10", "sin", "cos", "pow")
_LANES = {"double": {"b": 2, "d": 4, "e": 8}, "float": {"b": 4, "d": 8, "e": 16}}
_NEEDS = {"b": "sse2", "d": "avx2", "e": "avx512f"}


@dataclass(frozen=True)
class Variant:
    """A scalar function of libm under a name of ours, and its vector versions as (ABI mapping, symbol, lanes)."""

    symbol: str
    arity: int
    vectors: tuple[tuple[str, str, int], ...]


def _load() -> dict[tuple[str, str], Variant]:
    """For names that Numba calls, and an element type, what to call instead; empty where there is no libmvec."""
    if platform.system() != "Linux" or platform.machine() != "x86_64" or config.USING_SVML:
        return {}
    try:
        llvm.load_library_permanently("libmvec.so.1")
    except RuntimeError:
        return {}
    features = llvm.get_host_cpu_features()
    found: dict[tuple[str, str], Variant] = {}
    for name in (*_UNARY, *_BINARY):
        arity = 1 if name in _UNARY else 2
        for kind, suffix in (("double", ""), ("float", "f")):
            variant = _variant(name + suffix, kind, arity, features)
            if variant is None:
                continue
            found[name + suffix, kind] = variant
            if name in _INTRINSICS:
                found[f"llvm.{name}", kind] = found[f"llvm.{name}.f{'64' if kind == 'double' else '32'}", kind] = (
                    variant
                )
    return found


def _variant(name: str, kind: str, arity: int, features: dict[str, bool]) -> Variant | None:
    address = llvm.address_of_symbol(name)
    if not address:
        return None
    symbol = f"srcgrad_{name}"
    vectors = []
    for isa, lanes in _LANES[kind].items():
        vector = f"_ZGV{isa}N{lanes}{'v' * arity}_{name}"
        if features.get(_NEEDS[isa], False) and llvm.address_of_symbol(vector):
            vectors.append((f"_ZGV_LLVM_N{lanes}{'v' * arity}_{symbol}({vector})", vector, lanes))
    if not vectors:
        return None
    llvm.add_symbol(symbol, address)
    return Variant(symbol, arity, tuple(vectors))


VARIANTS = _load()


def use_vector_math(module: ir.Module) -> None:
    """Let a module of Numba's call the functions that have vector versions, before it is optimised."""
    used: dict[Variant, ir.Function] = {}
    calls = [
        s for f in module.functions for block in f.blocks for s in block.instructions
        if isinstance(s, ir.CallInstr) and isinstance(s.callee, ir.Function)
    ]  # fmt: skip
    for call in calls:
        of = call.callee.function_type.return_type
        variant = VARIANTS.get((call.callee.name, str(of)))
        if variant is None or (variant.symbol.startswith("srcgrad_pow") and _expands(call.args[1])):
            continue
        if variant not in used:
            used[variant] = _declared(module, variant, of)
        call.callee = used[variant]
    vectors = [f for f in module.functions if f.name.startswith("_ZGV")]
    if vectors:  # LLVM must not drop them before it needs them
        pointer = ir.IntType(8).as_pointer()
        kept = ir.GlobalVariable(module, ir.ArrayType(pointer, len(vectors)), "llvm.compiler.used")
        kept.linkage, kept.section = "appending", "llvm.metadata"
        kept.initializer = ir.Constant(kept.value_type, [v.bitcast(pointer) for v in vectors])


def _expands(exponent: ir.Value) -> bool:
    """Whether LLVM turns a power into something simpler."""
    return isinstance(exponent, ir.Constant) and exponent.constant in (-1.0, 0.0, 0.5, 1.0, 2.0)


def _declared(module: ir.Module, variant: Variant, of: ir.Type) -> ir.Function:
    function = ir.Function(module, ir.FunctionType(of, [of] * variant.arity), variant.symbol)
    mappings = ",".join(mapping for mapping, _, _ in variant.vectors)
    attributes = ("nounwind", "readnone", "willreturn", "speculatable", f'"vector-function-abi-variant"="{mappings}"')
    for attribute in attributes:
        set.add(function.attributes, attribute)  # llvmlite's own check knows only some names
    for _, name, lanes in variant.vectors:
        many = ir.VectorType(of, lanes)
        vector = ir.Function(module, ir.FunctionType(many, [many] * variant.arity), name)
        vector.attributes.add("nounwind")
        vector.attributes.add("readnone")
    return function
