"""Additions by several threads to one element of an array."""

from __future__ import annotations

from numba.core import cgutils, types
from numba.extending import intrinsic, overload


def add(array, index, value):
    """`array[index] += value`, at once: no other thread's addition to the element is lost."""
    array[index] += value


@intrinsic
def _add(typingctx, array, index, value):
    operation = "fadd" if isinstance(array.dtype, types.Float) else "add"

    def build(context, builder, signature, args):
        array_type, index_type, value_type = signature.args
        indices = cgutils.unpack_tuple(builder, args[1], index_type.count)
        indices = [context.cast(builder, i, t, types.intp) for i, t in zip(indices, index_type, strict=True)]
        view = context.make_array(array_type)(context, builder, args[0])
        at = cgutils.get_item_pointer(
            context, builder, array_type, view, indices, wraparound=True, boundscheck=context.enable_boundscheck
        )
        amount = context.cast(builder, args[2], value_type, array_type.dtype)
        builder.atomic_rmw(operation, at, amount, "monotonic")
        return context.get_dummy_value()

    return types.none(array, index, value), build


@overload(add)
def _overload_add(array, index, value):
    if isinstance(index, types.BaseTuple):
        return lambda array, index, value: _add(array, index, value)  # noqa: PLW0108 - Numba takes no intrinsic here
    return lambda array, index, value: _add(array, (index,), value)
