"""Going through modules: children, parameters and buffers, by name or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from srcgrad.shim.nn.parameter import Parameter
from srcgrad.shim.tensor import Tensor


class WithChildren:
    """The part of a module that finds what is in it."""

    def named_children(self: Any) -> Iterator[tuple[str, Any]]:
        """The modules directly in it, each once, with their names."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Any]:
        """The modules directly in it."""
        for _, module in self.named_children():
            yield module

    def named_modules(
        self: Any, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """It and all modules below, with their names."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Any]:
        """It and all modules below."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def _named_members(
        self: Any, members: Callable[[Any], Any], prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen = set()
        places = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for place, module in places:
            for name, value in members(module):
                if value is None or value in seen:
                    continue
                if remove_duplicate:
                    seen.add(value)
                yield f"{place}.{name}" if place else name, value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters, each once, with their names; of it alone if not `recurse`."""
        yield from self._named_members(lambda m: m._parameters.items(), prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers, each once, with their names."""
        yield from self._named_members(lambda m: m._buffers.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def get_submodule(self: Any, target: str) -> Any:
        """The module of a name with dots.

        Raises:
            AttributeError: there is none.
        """
        module = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, WithChildren):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def _member(self, target: str, kind: Callable[[Any, str], bool], title: str) -> Any:
        place, _, name = target.rpartition(".")
        module = self.get_submodule(place)
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
        if not kind(module, name):
            raise AttributeError(f"`{name}` is not {title}")
        return getattr(module, name)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter of a name with dots.

        Raises:
            AttributeError: there is none.
        """
        return self._member(target, lambda m, n: isinstance(getattr(m, n), Parameter), "an nn.Parameter")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer of a name with dots.

        Raises:
            AttributeError: there is none.
        """
        return self._member(target, lambda m, n: n in m._buffers, "a buffer")
