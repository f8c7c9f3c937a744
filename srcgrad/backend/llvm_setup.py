"""LLVM set up: a native function that returns the pointer that it is given, and that LLVM cannot see into; options."""

from __future__ import annotations

from llvmlite import binding, ir
from numba.core.registry import cpu_target

IDENTITY = "srcgrad_identity"


def _compiled() -> object:
    """Compile the function, and let generated code be linked against it; what is returned keeps it alive."""
    cpu_target.target_context.codegen()  # LLVM is set up
    module = ir.Module(IDENTITY)
    pointer = ir.IntType(8).as_pointer()
    function = ir.Function(module, ir.FunctionType(pointer, [pointer]), IDENTITY)
    builder = ir.IRBuilder(function.append_basic_block())
    builder.ret(function.args[0])
    machine = binding.Target.from_default_triple().create_target_machine()
    engine = binding.create_mcjit_compiler(binding.parse_assembly(str(module)), machine)
    engine.finalize_object()
    binding.add_symbol(IDENTITY, engine.get_function_address(IDENTITY))
    return engine


def _order_sums() -> None:
    """Let LLVM vectorise a loop around a sum that must be added up in order: only the sum itself is done one by one.

    An option of LLVM holds for the whole process, and can be given once. It changes no result.
    """
    if not hasattr(binding, "srcgrad_options"):
        binding.set_option("srcgrad", "-force-ordered-reductions")
        binding.srcgrad_options = True


_ENGINE = _compiled()
_order_sums()
