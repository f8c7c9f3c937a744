"""Modules: objects that hold parameters and other modules, and compute."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from srcgrad.shim.dtypes import dtype as Dtype  # noqa: N812 - arguments have that name
from srcgrad.shim.dtypes import float16, float32, float64, numpy_dtype
from srcgrad.shim.modes import no_grad
from srcgrad.shim.nn.parameter import Buffer, Parameter
from srcgrad.shim.nn.state import WithState
from srcgrad.shim.nn.walking import WithChildren
from srcgrad.shim.tensor import Tensor, wrap


class RemovableHandle:
    """Removes a hook of a module."""

    def __init__(self, hooks: dict[int, Any], hook: Any, *, prepend: bool = False) -> None:
        self.id, self._hooks = id(self), hooks
        hooks[self.id] = hook
        if prepend:
            hooks.move_to_end(self.id, last=False)  # type: ignore[attr-defined]

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:  # noqa: PYI034 - it has no subclasses
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


_OWN = (
    "_parameters", "_buffers", "_modules", "_forward_pre_hooks", "_forward_hooks", "_backward_hooks",
    "_backward_pre_hooks", "_state_dict_hooks", "_state_dict_pre_hooks", "_load_state_dict_post_hooks",
)  # fmt: skip


class Module(WithState, WithChildren):
    """The base class of all modules: a subclass calls `super().__init__()`, sets attributes, and defines `forward`.

    Attributes that are parameters or modules are registered, in the order of assignment.
    """

    training: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        set_plainly = super().__setattr__
        set_plainly("training", True)
        set_plainly("_non_persistent_buffers_set", set())
        for name in _OWN:
            set_plainly(name, OrderedDict() if "hooks" in name else {})

    # -- computing -----------------------------------------------------------------------------------------------------

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; subclasses define it."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not (self._forward_pre_hooks or self._forward_hooks or self._backward_hooks or self._backward_pre_hooks):
            return self.forward(*args, **kwargs)
        return self._call_with_hooks(args, kwargs)

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for hook, with_kwargs in list(self._forward_pre_hooks.values()):
            if with_kwargs:
                found = hook(self, args, kwargs)
                if found is not None:
                    args, kwargs = found
            else:
                found = hook(self, args)
                if found is not None:
                    args = found if isinstance(found, tuple) else (found,)
        if self._backward_hooks or self._backward_pre_hooks:
            from srcgrad.shim.nn.backward_hooks import run_hooked  # noqa: PLC0415 - it is rare, and a cycle

            result = run_hooked(self, args, kwargs)
        else:
            result = self.forward(*args, **kwargs)
        for hook, with_kwargs in list(self._forward_hooks.values()):
            found = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
            result = result if found is None else found
        return result

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before `forward`; what it returns, if anything, replaces the arguments."""
        return RemovableHandle(self._forward_pre_hooks, (hook, with_kwargs), prepend=prepend)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after `forward`; what it returns, if anything, replaces the output."""
        return RemovableHandle(self._forward_hooks, (hook, with_kwargs), prepend=prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when gradients of the inputs were computed."""
        return RemovableHandle(self._backward_hooks, hook, prepend=prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_output)` before gradients go through the module."""
        return RemovableHandle(self._backward_pre_hooks, hook, prepend=prepend)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before the state is saved."""
        return RemovableHandle(self._state_dict_pre_hooks, hook)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after a state was loaded."""
        return RemovableHandle(self._load_state_dict_post_hooks, hook)

    # -- attributes ----------------------------------------------------------------------------------------------------

    def _check_name(self, kind: str, name: Any, known: dict[str, Any]) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {type(name).__name__}")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain "."' + (f", got: {name}" if kind == "module" else ""))
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if hasattr(self, name) and name not in known:
            raise KeyError(f"attribute '{name}' already exists")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter, or the place for one.

        Raises:
            KeyError: the name is no name, or taken.
            TypeError: something else than a parameter.
        """
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name("parameter", name, self._parameters)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{_type_name(param)}' object to parameter '{name}' (torch.nn.Parameter or None "
                "required)"
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is not learned but belongs to the module, and to its state if `persistent`.

        Raises:
            KeyError: the name is no name, or taken.
            TypeError: something else than a tensor.
        """
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name("buffer", name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{_type_name(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        self._buffers[name] = tensor
        (self._non_persistent_buffers_set.discard if persistent else self._non_persistent_buffers_set.add)(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a module, or the place for one.

        Raises:
            KeyError: the name is no name, or taken.
            TypeError: something else than a module.
        """
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{_type_name(module)} is not a Module subclass")
        self._check_name("module", name, self._modules)
        self._modules[name] = module

    register_module = add_module

    def __getattr__(self, name: str) -> Any:
        for place in ("_parameters", "_buffers", "_modules"):
            found = self.__dict__.get(place)
            if found is not None and name in found:
                return found[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        places = self.__dict__
        parameters = places.get("_parameters")
        if isinstance(value, Parameter):
            if parameters is None:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            _forget(self, name, "_buffers", "_modules")
            self.register_parameter(name, value)
        elif parameters is not None and name in parameters:
            if value is not None:
                kind = _type_name(value)
                raise TypeError(f"cannot assign '{kind}' as parameter '{name}' (torch.nn.Parameter or None expected)")
            parameters[name] = None
        elif isinstance(value, Module):
            if "_modules" not in places:
                raise AttributeError("cannot assign module before Module.__init__() call")
            _forget(self, name, "_parameters", "_buffers")
            self._modules[name] = value
        elif name in places.get("_modules", ()):
            if value is not None:
                kind = _type_name(value)
                raise TypeError(f"cannot assign '{kind}' as child module '{name}' (torch.nn.Module or None expected)")
            self._modules[name] = None
        elif isinstance(value, Buffer):
            if "_buffers" not in places:
                raise AttributeError("cannot assign buffer before Module.__init__() call")
            _forget(self, name, "_parameters", "_modules")
            self.register_buffer(name, value, value.persistent)
        elif name in places.get("_buffers", ()):
            if value is not None and not isinstance(value, Tensor):
                kind = _type_name(value)
                raise TypeError(
                    f"cannot assign '{kind}' as buffer '{name}' (torch.nn.Buffer, torch.Tensor or None expected)"
                )
            self._buffers[name] = value
        else:
            super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        for place in ("_parameters", "_buffers", "_modules"):
            if name in self.__dict__.get(place, ()):
                del self.__dict__[place][name]
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        own = [*object.__dir__(self), *self._parameters, *self._modules, *self._buffers]
        return sorted(name for name in own if not name[0].isdigit())

    # -- all parameters at once ----------------------------------------------------------------------------------------

    def apply(self, fn: Callable[[Module], None]) -> Module:
        """Call a function with each module below, then with this one; returns the module."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Module:
        """Replace the data of parameters, their gradients, and buffers."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        with no_grad():
            for parameter in self._parameters.values():
                if parameter is not None:
                    parameter._data = fn(wrap(parameter._data))._data
                    if parameter._grad is not None:
                        parameter._grad._data = fn(wrap(parameter._grad._data))._data
            for name, buffer in self._buffers.items():
                if buffer is not None:
                    self._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Module:
        """In another floating-point type; integers stay as they are. The only device is the CPU.

        Raises:
            TypeError: a type that is not floating-point.
        """
        kinds = [v.dtype if isinstance(v, Tensor) else v for v in (*args, kwargs.get("dtype"))]
        found = [v for v in kinds if isinstance(v, Dtype)]
        for kind in found:
            if not kind.is_floating_point:
                raise TypeError(
                    f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={kind}"
                )
        wrap(numpy_dtype(float32).type(0).reshape(())).to(*(v for v in args if isinstance(v, str)))  # the device
        return self._as(found[0]) if found else self

    def _as(self, kind: Dtype) -> Module:
        return self._apply(lambda t: t.to(kind) if t._data.dtype.kind == "f" else t)  # type: ignore[attr-defined]

    def float(self) -> Module:
        """In float32."""
        return self._as(float32)

    def double(self) -> Module:
        """In float64."""
        return self._as(float64)

    def half(self) -> Module:
        """In float16."""
        return self._as(float16)

    def type(self, dst_type: Dtype) -> Module:
        """In another type, all of it."""
        return self._apply(lambda t: t.to(dst_type))  # type: ignore[attr-defined]

    def cpu(self) -> Module:
        """The module itself."""
        return self

    def train(self, mode: bool = True) -> Module:
        """Set whether it is training, with all modules below.

        Raises:
            ValueError: the mode is no bool.
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Module:
        """Not training."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Set whether the parameters require gradients."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of the parameters, or set them to zero."""
        for parameter in self.parameters():
            if parameter._grad is not None:
                if set_to_none:
                    parameter._grad = None
                else:
                    parameter._grad = parameter._grad.detach()
                    parameter._grad.zero_()  # type: ignore[attr-defined]

    # -- printing ------------------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What is printed between the parentheses; subclasses define it."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): {indented(repr(module))}" for name, module in self._modules.items()]
        return f"{self._get_name()}({inside(lines, children)})"


def inside(lines: list[str], children: list[str]) -> str:
    """What is printed of a module between parentheses: on one line if there is little."""
    if not children and len(lines) <= 1:
        return "".join(lines)
    return "\n  " + "\n  ".join([*lines, *children]) + "\n"


def indented(text: str) -> str:
    """A text of several lines, the second and further ones moved by two spaces."""
    return text.replace("\n", "\n  ")


def _type_name(value: Any) -> str:
    return value.type() if type(value) is Tensor else type(value).__name__


def _forget(module: Module, name: str, *places: str) -> None:
    """Take a name away from attributes and registered ones, so that it can be registered as something else."""
    module.__dict__.pop(name, None)
    for place in places:
        module.__dict__.get(place, {}).pop(name, None)
    module.__dict__.get("_non_persistent_buffers_set", set()).discard(name)
