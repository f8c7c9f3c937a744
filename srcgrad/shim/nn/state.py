"""Saving and loading what modules hold: state dictionaries."""

from __future__ import annotations

import itertools
from collections import OrderedDict, namedtuple
from collections.abc import Mapping
from typing import Any

from srcgrad.shim.tensor import Tensor


class IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):  # noqa: PYI024
    """What did not match when a state was loaded."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_{super().__repr__()}"

    __str__ = __repr__


class WithState:
    """The part of a module that has to do with its state."""

    _version = 1

    def state_dict(self: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Parameters and persistent buffers, detached, by their names; those of children with prefixes.

        Args:
            destination: a dictionary to fill; a new one if not given.
            prefix: of the names.
            keep_vars: the tensors themselves, not detached.
        """
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._state_dict_hooks.values():
            found = hook(self, destination, prefix, local)
            destination = destination if found is None else found
        return destination

    def _save_to_state_dict(self: Any, destination: Any, prefix: str, keep_vars: bool) -> None:
        for name, tensor in self._own_state():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()

    def _own_state(self: Any) -> list[tuple[str, Tensor]]:
        both = itertools.chain(
            self._parameters.items(),
            ((n, b) for n, b in self._buffers.items() if n not in self._non_persistent_buffers_set),
        )
        return [(name, tensor) for name, tensor in both if tensor is not None]

    def load_state_dict(self: Any, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Copy a state into the parameters and buffers.

        Args:
            state_dict: tensors by name.
            strict: raise if names are missing, or not expected.
            assign: take the tensors instead of copying them.

        Returns:
            The names that are missing and those not expected.

        Raises:
            TypeError: not a dictionary.
            RuntimeError: names or shapes that do not match.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        missing: list[str] = []
        unexpected: list[str] = []
        errors: list[str] = []
        metadata = getattr(state_dict, "_metadata", None)
        copied: Any = OrderedDict(state_dict)
        if metadata is not None:
            copied._metadata = metadata
        _load(self, copied, "", {"assign": assign, "metadata": metadata}, strict, missing, unexpected, errors)
        found = IncompatibleKeys(missing, unexpected)
        for hook in self._load_state_dict_post_hooks.values():
            hook(self, found)
        if strict:
            for names, title in ((unexpected, "Unexpected"), (missing, "Missing")):
                if names:
                    listed = ", ".join(f'"{name}"' for name in names)
                    errors.insert(0, f"{title} key(s) in state_dict: {listed}. ")
        if errors:
            listed = "\n\t".join(errors)
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{listed}")
        return found

    def _load_from_state_dict(
        self: Any, state_dict: Any, prefix: str, local_metadata: Any, strict: bool, missing_keys: list[str],
        unexpected_keys: list[str], error_msgs: list[str],
    ) -> None:  # fmt: skip
        """Load what the module itself holds, not its children; what is wrong goes to the three lists."""
        for name, tensor in self._own_state():
            key = prefix + name
            if key not in state_dict:
                if strict:
                    missing_keys.append(key)
                continue
            given = state_dict[key]
            if not isinstance(given, Tensor):
                error_msgs.append(
                    f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from '
                    f"checkpoint but received {type(given)}"
                )
            elif given.shape != tensor.shape:
                error_msgs.append(
                    f"size mismatch for {key}: copying a param with shape {given.shape!r} from checkpoint, the shape "
                    f"in current model is {tensor.shape!r}."
                )
            elif local_metadata.get("assign"):
                self._assign(name, tensor, given)
            else:
                tensor._data[...] = given._data
                tensor._counter[0] += 1
        if strict:
            for key in state_dict:
                if key.startswith(prefix):
                    name, _, rest = key[len(prefix) :].partition(".")
                    known = name in self._modules if rest else name in dict(self._own_state())
                    if not known:
                        unexpected_keys.append(key)

    def _assign(self: Any, name: str, tensor: Any, given: Tensor) -> None:
        if name in self._parameters:
            made = given if isinstance(given, type(tensor)) else type(tensor)(given, tensor.requires_grad)
            self._parameters[name] = made
        else:
            self._buffers[name] = given


def _load(
    module: Any, state: Any, prefix: str, options: dict[str, Any], strict: bool, missing: list[str],
    unexpected: list[str], errors: list[str],
) -> None:  # fmt: skip
    """Load a module and its children, each from the part of the state that is its own."""
    metadata = options["metadata"]
    local = dict(metadata.get(prefix[:-1], {})) if metadata is not None else {}
    if options["assign"]:
        local["assign"] = True
    module._load_from_state_dict(state, prefix, local, True, missing, unexpected, errors)
    for name, child in module._modules.items():
        if child is not None:
            inner = f"{prefix}{name}."
            part = OrderedDict((k, v) for k, v in state.items() if k.startswith(inner))
            _load(child, part, inner, options, strict, missing, unexpected, errors)
