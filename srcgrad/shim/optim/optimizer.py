"""What all optimizers share: groups of parameters with their options, state for each parameter, and saving both."""

from __future__ import annotations

import functools
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from srcgrad.shim.graph import RemovableHandle
from srcgrad.shim.tensor import Tensor

_NOT_ITERABLE = "params argument given to the optimizer should be an iterable of Tensors or dicts, but got"
_UNORDERED = (
    "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets will change "
    "between runs. Please use a list instead."
)
_TWICE = (
    "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; see "
    "github.com/pytorch/pytorch/issues/40967 for more information"
)
_NAMES = "all optimizer params should be with/without names. Some param names are missing"


class _Required:
    """In place of a default: groups have to set the option."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


def type_name(x: object) -> str:
    """As in PyTorch's messages: `torch.DoubleTensor`, `int`, `numpy.ndarray`."""
    if isinstance(x, Tensor):
        return f"torch.{x.dtype.title}Tensor"
    cls = type(x)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def hooked(step: Callable[..., Any]) -> Callable[..., Any]:
    """A `step` method with the hooks around it."""

    @functools.wraps(step)
    def run(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        for hook in list(self._pre_hooks):
            changed = hook(self, (self, *args), kwargs)
            if isinstance(changed, tuple) and len(changed) == 2:
                (self, *args), kwargs = changed
            elif changed is not None:
                raise RuntimeError(f"{run} must return None or a tuple of (new_args, new_kwargs), but got {changed}.")
        out = step(self, *args, **kwargs)
        self._stepped = True
        for hook in list(self._post_hooks):
            hook(self, (self, *args), kwargs)
        return out

    return run


class Optimizer:
    """Base of the optimizers, also of users' own: they call `super().__init__` and define `step`.

    Args:
        params: the tensors; or dicts, each with "params" and options that differ from the defaults; or pairs of a name
            and a tensor.
        defaults: the options of groups that do not set them.

    Attributes:
        param_groups: dicts of "params" and options.
        state: for each parameter a dict of what steps keep between them.

    Raises:
        TypeError: something is no tensor.
        ValueError: there are no parameters, or one is not a leaf or in two groups.
    """

    late: dict[str, Any] = {}  # noqa: RUF012 - options that saved states of old versions do not have
    _watched: Any = False  # whether there are schedulers, which note here what `step` was
    _stepped = False  # whether there was a step since then

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = hooked(cls.__dict__["step"])  # type: ignore[method-assign]

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(f"{_NOT_ITERABLE} {type_name(params)}")
        self.defaults = defaults
        self.state: dict[Any, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._pre_hooks: list[Any] = []
        self._post_hooks: list[Any] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    # -- groups ------------------------------------------------------------------------------------------------------

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Optimize more parameters.

        Args:
            param_group: "params", and options that differ from the defaults. It is the group from now on.

        Raises:
            TypeError: it is no dict, or something in it is no tensor.
            ValueError: a parameter is not a leaf or already in a group.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError(_UNORDERED)
        self._set_params(param_group, [params] if isinstance(params, Tensor) else list(params))
        params = param_group["params"]
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type_name(p)}")
            if not (p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, value in self.defaults.items():
            if param_group.setdefault(name, value) is required:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
        here = {id(p) for p in params}
        if len(here) < len(params):
            warnings.warn(_TWICE, stacklevel=3)
        if any(id(p) in here for group in self.param_groups for p in group["params"]):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    def _set_params(self, group: dict[str, Any], params: list[Any]) -> None:
        """Put the tensors, and the names of pairs, into a group."""
        group["params"] = params
        if any(isinstance(p, tuple) for p in params):
            if not all(isinstance(p, tuple) for p in params):
                raise ValueError(_NAMES)
            group["params"], group["param_names"] = [p for _, p in params], [name for name, _ in params]
        if self.param_groups and ("param_names" in group) != ("param_names" in self.param_groups[0]):
            kind = "with" if "param_names" in group else "without"
            raise ValueError(
                "all optimizer param groups should be with/without names. "
                f"cannot add param group {kind} names to the optimizer"
            )

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or fill them with 0."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p._grad = None
                elif p._grad is not None:
                    p._grad.detach_()
                    p._grad._data[...] = 0
                    p._grad._counter[0] += 1

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change the parameters. Subclasses say how."""
        raise NotImplementedError

    # -- hooks -------------------------------------------------------------------------------------------------------

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step; it may return other arguments."""
        self._pre_hooks.append(hook)
        return RemovableHandle(self._pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        self._post_hooks.append(hook)
        return RemovableHandle(self._post_hooks, hook)

    # -- saving ------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The state and the options, with numbers in place of the parameters.

        Returns:
            {"state": {number: dict}, "param_groups": [dict]}; the tensors in it are those of the optimizer.
        """
        number: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                number.setdefault(id(p), len(number))
            packed = {k: v for k, v in group.items() if k != "params"}
            groups.append({**packed, "params": [number[id(p)] for p in group["params"]]})
        state = {number[id(k)] if isinstance(k, Tensor) else k: v for k, v in self.state.items()}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state and the options of another optimizer.

        Args:
            state_dict: from `state_dict`; its floating-point tensors are converted to the types of the parameters.

        Raises:
            ValueError: its groups are not of the sizes of this one's.
        """
        ours, theirs = self.param_groups, state_dict["param_groups"]
        if len(ours) != len(theirs):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(a["params"]) != len(b["params"]) for a, b in zip(ours, theirs, strict=True)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        param = {n: p for a, b in zip(ours, theirs, strict=True) for n, p in zip(b["params"], a["params"], strict=True)}
        state: dict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            state[param.get(key, key)] = _converted(value, param[key]) if key in param else value
        groups = []
        for a, b in zip(ours, theirs, strict=True):
            names = {"param_names": a["param_names"]} if "param_names" in a and "param_names" not in b else {}
            groups.append({**b, **names, "params": a["params"]})
        self.__setstate__({"state": state, "param_groups": groups})

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__dict__.setdefault("_pre_hooks", [])
        self.__dict__.setdefault("_post_hooks", [])
        for group in self.param_groups:
            for name, value in self.late.items():
                group.setdefault(name, value)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines += ["", f"Parameter Group {i}"] if i else [f"Parameter Group {i}"]
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*lines, ")"])


def _converted(value: Any, param: Tensor, name: str = "") -> Any:
    """A saved piece of state, in the type of the parameter; the count of steps keeps its own."""
    if isinstance(value, Tensor):
        return value if name == "step" or not param.dtype.is_floating_point else value.to(param.dtype)
    if isinstance(value, dict):
        return {k: _converted(v, param, k) for k, v in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return type(value)(_converted(v, param) for v in value)  # type: ignore[call-arg]
    return value
