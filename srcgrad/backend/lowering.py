"""What the IR knows and Numba does not, handed to LLVM: indices that need no wrap-around, arrays that share no memory,
sums whose order is free, and functions that have vector versions.

It is done where Numba makes LLVM instructions from a line of generated text, so that the text stays plain.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from llvmlite import ir as llvm
from numba.core import cgutils, ir, types
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.lowering import Lower
from numba.core.typed_passes import NativeLowering
from numba.np.arrayobj import make_array

from srcgrad.backend.large_pages import use_large_pages
from srcgrad.backend.llvm_setup import IDENTITY
from srcgrad.backend.vector_math import use_vector_math
from srcgrad.ir.printed import Printed

TEXTS: dict[str, Printed] = {}  # the generated texts, by the name of the file that they are compiled as
_DATA = 4  # which field of an array points to its elements, in Numba's argument lists
_MAKE = {np.empty, np.zeros, np.ones, np.empty_like, np.zeros_like, np.ones_like}


class _Lower(Lower):
    """Numba's lowering, with more facts for LLVM."""

    def lower(self) -> None:
        self.printed = TEXTS.get(self.func_ir.loc.filename)
        self.is_main = self.printed is not None and self.func_ir.func_id.func_name == self.printed.name
        self.written = None  # the parameters that are overwritten; None for a function that nothing is known of
        if self.printed is not None:
            name = self.func_ir.func_id.func_name
            self.written = self.printed.written if self.is_main else self.printed.writes.get(name)
        super().lower()

    def setup_function(self, fndesc: Any) -> None:
        super().setup_function(fndesc)
        if self.printed is not None and self.func_ir.func_id.func_name in self.printed.chunks:
            self.function.attributes.add("noinline")
            data = {f"arg.{name}.{_DATA}" for name in self.written}
            for arg in self.function.args:
                if arg.name in data:
                    arg.add_attribute("noalias")

    def post_lower(self) -> None:
        super().post_lower()
        use_vector_math(self.module)

    def lower_inst(self, inst: Any) -> None:
        if self.printed is None:
            super().lower_inst(inst)
            return
        line = inst.loc.line
        with self._made() as made:
            super().lower_inst(inst)
        if line in self.printed.direct:
            _drop_wrap_around(made)
        loose = line in self.printed.loose
        if _is_sum(inst):
            self._prepare_sum(made, loose=loose)
        if loose:
            for s in made:
                if s.opname in ("fadd", "fsub", "fmul") and "contract" not in s.flags:
                    s.flags.append("contract")

    @contextmanager
    def _made(self) -> Iterator[list[llvm.Instruction]]:
        """The instructions that are made in the block."""
        made: list[llvm.Instruction] = []
        block, blocks = self.builder.block, len(self.function.blocks)
        before = len(block.instructions)
        yield made
        made += block.instructions[before:]
        for later in self.function.blocks[blocks:]:
            made += later.instructions

    def _prepare_sum(self, made: list[llvm.Instruction], *, loose: bool) -> None:
        """Let LLVM vectorise a loop around a sum: in the order of its terms, or in any order where it is `loose`."""
        for s in made:
            if s.opname == "fsub":  # s - x is s + (-x), bit by bit, and LLVM knows only the latter as a sum
                self.builder.position_before(s)
                s.operands = [s.operands[0], self.builder.fneg(s.operands[1])]
                s.opname = "fadd"
                self.builder.position_at_end(self.builder.block)
            if s.opname == "fadd" and loose and "reassoc" not in s.flags:
                s.flags.append("reassoc")  # but not "nsz": with it s + (0 if c else x) becomes a branch

    def lower_assign(self, ty: Any, inst: Any) -> Any:
        value = super().lower_assign(ty, inst)
        if self.written is not None and isinstance(ty, types.Array) and self._is_new(inst.value):
            named = self.is_main and isinstance(inst.value, ir.Arg)
            sizes = self.printed.sizes.get(inst.value.name, ()) if named else ()
            if not isinstance(inst.value, ir.Arg):
                array = make_array(ty)(self.context, self.builder, value)
                use_large_pages(
                    self.builder, array.data, array.nitems, self.context.get_abi_sizeof(array.data.type.pointee)
                )
            return self._alone(ty, value, sizes)
        return value

    def _is_new(self, value: Any) -> bool:
        """Whether an array shares no memory that is written with others: a parameter that is only read, or made here.

        Callers make sure that a parameter that is written overlaps with no other. One that is written is the caller's:
        LLVM would leave out what is stored to memory that it takes to end with the function.
        """
        if isinstance(value, ir.Arg):
            return value.name not in self.written
        is_call = isinstance(value, ir.Expr) and value.op == "call"
        return is_call and getattr(self.typeof(value.func.name), "typing_key", None) in _MAKE

    def _alone(self, ty: Any, value: Any, sizes: tuple[int | None, ...]) -> Any:
        """The same array through a pointer that LLVM takes to be the only one to its memory, with `sizes` as constants.

        LLVM does not see into the call that returns it, so what was written before is there after it.
        """
        array = make_array(ty)(self.context, self.builder, value)
        pointer = llvm.IntType(8).as_pointer()
        same = self.module.globals.get(IDENTITY)
        if same is None:
            same = llvm.Function(self.module, llvm.FunctionType(pointer, [pointer]), IDENTITY)
            same.return_value.add_attribute("noalias")
            same.attributes.add("nounwind")
        data = self.builder.call(same, [self.builder.bitcast(array.data, pointer)])
        array.data = self.builder.bitcast(data, array.data.type)
        if sizes:
            found = cgutils.unpack_tuple(self.builder, array.shape)
            known = [n if size is None else n.type(size) for n, size in zip(found, sizes, strict=True)]
            array.shape = cgutils.pack_array(self.builder, known)
        return array._getvalue()


def _is_sum(inst: Any) -> bool:
    value = getattr(inst, "value", None)
    return isinstance(value, ir.Expr) and value.op == "inplace_binop"


def _drop_wrap_around(made: list[llvm.Instruction]) -> None:
    """Take `index < 0` in `index + n if index < 0 else index` for false."""
    for s in made:
        if s.opname == "select":
            cond, wrapped, index = s.operands
            is_negative = getattr(cond, "opname", "") == "icmp" and cond.op == "slt" and cond.operands[0] is index
            if is_negative and getattr(wrapped, "opname", "") == "add" and wrapped.operands[0] is index:
                s.operands = [llvm.Constant(llvm.IntType(1), 0), wrapped, index]


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(NativeLowering):
    _name = "srcgrad_lowering"

    @property
    def lowering_class(self) -> type:
        return _Lower


class Compiler(CompilerBase):
    """Numba's pipeline with the lowering of this module."""

    def define_pipelines(self) -> list[Any]:
        usual = DefaultPassBuilder.define_nopython_pipeline(self.state).passes
        manager = PassManager("srcgrad")
        manager.passes = [(_Lowering if step is NativeLowering else step, reason) for step, reason in usual]
        manager.finalize()
        return [manager]
