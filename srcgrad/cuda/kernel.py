"""What `srcgrad.cuda.kernel` returns, and its derivatives."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from copy import copy
from types import FunctionType
from typing import Any

import numpy as np

from srcgrad import structure
from srcgrad.backend import Options, adopt, any_on_device, download, duplicate, moved, numba_cuda
from srcgrad.cuda.program import LAUNCH, AdjointOf, KernelProgram
from srcgrad.differentiable import run_jvp, run_vjp
from srcgrad.dispatch import Callee
from srcgrad.errors import ArgumentError, Problem
from srcgrad.ir.arguments import BlockShape

THREADS = 1024  # that a block may have


class Kernel:
    """A kernel with derivatives; `srcgrad.cuda.kernel` makes it.

    `k[grid, block](*args)` launches the function itself, as `numba.cuda.jit` compiles it.

    Attributes:
        py_func: the Python function, what one thread does.
        vjp: `k.vjp[grid, block](*args, *adjoints)` runs the adjoint, see `Configured.vjp`.
    """

    def __init__(self, function: FunctionType, options: Options, jit_options: dict[str, Any]) -> None:
        self.py_func, self.options, self.jit_options = function, options, jit_options
        self.program = KernelProgram(function, options)
        self.callee = Callee(self.program)
        self._adjoints: dict[tuple[str, ...], Callee] = {}
        self._compiled: Any = None
        functools.update_wrapper(self, function, updated=())

    def __repr__(self) -> str:
        return f"<srcgrad.cuda.kernel {self.py_func.__qualname__}>"

    def __getitem__(self, launch: Any) -> Configured:
        return Configured(self, launch)

    def __call__(self, *_: Any, **__: Any) -> None:
        """Kernels are launched."""
        name = self.py_func.__name__
        raise ArgumentError(Problem(f"'{name}' is a kernel", hint=f"launch it: {name}[grid, block](...)"))

    @property
    def vjp(self) -> _Adjoint:
        """The adjoint, to be launched like the kernel."""
        return _Adjoint(self)

    @property
    def compiled(self) -> Any:
        """The kernel itself, as Numba compiles it."""
        if self._compiled is None:
            self._compiled = numba_cuda().jit(**self.jit_options)(self.py_func)
        return self._compiled

    def adjoint(self, wanted: tuple[str, ...]) -> Callee:
        """The adjoint with respect to some arguments; the same one each time. See `AdjointOf`."""
        if wanted not in self._adjoints:
            self._adjoints[wanted] = Callee(AdjointOf(self.program, wanted))
        return self._adjoints[wanted]

    def source(self, kind: str, grid: Any, block: Any, *args: Any) -> str:
        """The generated text of the "primal", "adjoint" or "tangent", as plain Python over the whole grid.

        Args:
            kind: which one.
            grid: the number of blocks, or a tuple of up to three.
            block: the number of threads of a block, or a tuple of up to three.
            *args: arguments of the types to generate it for.

        Raises:
            ArgumentError: another kind, or a launch that cannot be.
            UnsupportedError: the kernel cannot be differentiated.
        """
        if kind not in ("primal", "adjoint", "tangent"):
            raise ArgumentError(Problem(f"there is no source of kind {kind!r}", hint="use primal, adjoint or tangent"))
        one = self[grid, block]
        values = one.values(args)
        version = self.callee.version(values)
        kinds = version.kinds[: len(one.names)]
        wanted = tuple(n for n, k in zip(one.names, kinds, strict=True) if _has_adjoint(k))
        if kind == "adjoint":
            made = [_blank(v, k) for v, k in zip(args, kinds, strict=True) if _has_adjoint(k)]
            version, kind = self.adjoint(wanted).version((*values, *made)), "primal"
        text: str = version.derivation.source(kind, wanted)
        return text


def _has_adjoint(kind: Any) -> bool:
    return isinstance(kind, structure.Array | structure.Scalar) and structure.has_float(kind)


def _blank(value: Any, kind: Any) -> np.ndarray:
    """An adjoint of zeros."""
    return np.zeros_like(value) if isinstance(kind, structure.Array) else np.zeros(1, kind.dtype)


class _Adjoint:
    """`k.vjp`, to be given a grid and a block."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel

    def __getitem__(self, launch: Any) -> Callable[..., None]:
        return self.kernel[launch].vjp


class Configured:
    """A kernel with a grid and a block: `k[grid, block]`, or `k[grid, block, stream, shared]` as for Numba.

    Attributes:
        grid: the number of blocks along x, y and z.
        block: the number of threads of a block along x, y and z.
    """

    def __init__(self, kernel: Kernel, launch: Any) -> None:
        if not isinstance(launch, tuple) or not 2 <= len(launch) <= 4:
            name = kernel.py_func.__name__
            message = f"'{name}' is launched with a grid and a block"
            raise ArgumentError(Problem(message, hint=f"write {name}[blocks, threads](...)"))
        self.kernel, self.launch = kernel, launch
        self.grid, self.block = _extents("grid", launch[0]), _extents("block", launch[1])
        if np.prod(self.block) > THREADS:
            message = f"a block has at most {THREADS} threads, but got {self.block}"
            raise ArgumentError(Problem(message, hint="launch more blocks of fewer threads"))
        self.names = kernel.callee.parameters[: -len(LAUNCH)]

    def __call__(self, *args: Any) -> None:
        self.kernel.compiled[self.launch](*args)

    def values(self, args: Sequence[Any]) -> tuple[Any, ...]:
        """The arguments of the kernel and of the launch, as the program takes them."""
        if len(args) != len(self.names):
            message = f"'{self.kernel.py_func.__name__}' takes {len(self.names)} arguments, but got {len(args)}"
            raise ArgumentError(Problem(message, hint=f"pass {', '.join(self.names)}"))
        given = adopt(tuple(args)) if self.kernel.callee.on_device else args
        return (*given, *(n if n > 1 else None for n in self.grid), BlockShape(*self.block))

    def vjp(self, *arguments: Any) -> None:
        """Run the kernel forwards and then backwards, in memory that is given.

        Args:
            *arguments: the arguments of the kernel as they are before the launch, then an array for each of them: of
                the shape of an array of floats, of one element for a float, None for anything else. On entry it holds
                the cotangent of the contents after the launch, on exit that of the contents before it. None also
                stands for an array whose cotangent is zero after the launch, and not wanted before it. The arguments
                stay as they are.

        Raises:
            ArgumentError: an array does not fit.
            UnsupportedError: the kernel cannot be differentiated.
        """
        own = len(self.names)
        if len(arguments) != 2 * own:
            name = self.kernel.py_func.__name__
            message = f"the adjoint of '{name}' takes {2 * own} arguments, but got {len(arguments)}"
            raise ArgumentError(Problem(message, hint="pass the arguments, and then an array or None for each of them"))
        values, adjoints = self.values(arguments[:own]), adopt(tuple(arguments[own:]))
        _, kinds, _ = self._callee(values)
        for name, kind, value, adjoint in zip(self.names, kinds, values, adjoints, strict=False):
            if adjoint is not None:
                _check_adjoint(name, kind, value, adjoint)
        given = {n: a for n, a in zip(self.names, adjoints, strict=True) if a is not None}
        everything = (*values, *given.values())
        version = self.kernel.adjoint(tuple(given)).version(everything)
        adjoint_kernel = version.kernel("primal")
        flat = version.flat(everything)
        for k in adjoint_kernel.written:
            if all(flat[k] is not a for a in given.values()):
                flat[k] = duplicate(flat[k]) if structure.is_device_array(flat[k]) else flat[k].copy(order="K")
        adjoint_kernel(flat)

    def _callee(self, values: tuple[Any, ...]) -> tuple[Callee, list[Any], list[bool]]:
        """The program, the types of the kernel's arguments, and which of them are arrays that it writes."""
        callee = self.kernel.callee
        version = callee.version(values)
        version.kernel("primal").check_overlap(version.flat(values))
        written = [not isinstance(kind, structure.Constant) for kind in version.plan.result.items]
        return callee, version.kinds[: len(self.names)], written


def _extents(what: str, given: Any) -> tuple[int, int, int]:
    """A grid or a block along x, y and z."""
    items = tuple(given) if isinstance(given, tuple | list) else (given,)
    counts = [n for n in items if isinstance(n, int | np.integer) and not isinstance(n, bool) and n > 0]
    if not 1 <= len(items) == len(counts) <= 3:
        message = f"a {what} is a positive int or a tuple of up to three, but got {given!r}"
        raise ArgumentError(Problem(message, hint=f"{what}=(16, 16)"))
    x, y, z = (*(int(n) for n in items), 1, 1)[:3]
    return x, y, z


def _check_adjoint(name: str, kind: Any, value: Any, adjoint: Any) -> None:
    if not _has_adjoint(kind):
        message = f"the adjoint of '{name}' must be None, because it has no derivative"
        raise ArgumentError(Problem(message, hint="pass None in its place"))
    shape = tuple(value.shape) if isinstance(kind, structure.Array) else (1,)
    is_array = isinstance(adjoint, np.ndarray) or structure.is_device_array(adjoint)
    fits = is_array and tuple(adjoint.shape) == shape and adjoint.dtype == kind.dtype
    if not fits:
        message = f"the adjoint of '{name}' must be an array of {kind.dtype} of shape {shape}, but got {adjoint!r}"
        raise ArgumentError(Problem(message, hint="use np.zeros_like"))


def kernel(
    function: Callable[..., Any] | None = None, /, *, target: str = "cuda", fastmath: bool = False, cache: bool = True,
    deterministic: bool = False, **jit_options: Any,
) -> Any:  # fmt: skip
    """Give a kernel derivatives. A decorator, with or without parentheses, in the place of `numba.cuda.jit`.

    Args:
        function: what one thread does: a plain function, or what `numba.cuda.jit` has made of one.
        target: where the adjoint runs: "cuda"; "cpu" or "python" for the whole grid in one thread of the CPU.
        fastmath: as for `numba.cuda.jit`.
        cache: keep compiled adjoints on disk.
        deterministic: let no two threads of an adjoint add to one element, so that results are the same to the last bit
            in every run; much slower where atomic additions would be made. The kernel itself is not changed.
        **jit_options: other options of `numba.cuda.jit`, for the kernel itself.

    Returns:
        A `Kernel`, which is launched like the kernel.

    Raises:
        ArgumentError: a target that there is not, or something that is no function.

    Shared memory, barriers and atomic sums are those of Numba. Threads must not race: what one thread writes, no other
    may read or write without a barrier in between, and no other block at all, unless by `cuda.atomic.add`. A kernel for
    which that cannot be shown is refused.
    """

    def wrap(target_function: Any) -> Kernel:
        plain = getattr(target_function, "py_func", target_function)
        if not isinstance(plain, FunctionType):
            message = f"expected a kernel, but got {target_function!r}"
            raise ArgumentError(Problem(message, hint="decorate a function"))
        options = Options(target=target, fastmath=fastmath, cache=cache, deterministic=deterministic)  # type: ignore[arg-type]
        return Kernel(plain, options, {"fastmath": fastmath, **jit_options})

    if target not in ("cuda", "cpu", "python"):
        raise ArgumentError(Problem(f"there is no target {target!r}", hint='use "cuda", "cpu" or "python"'))
    return wrap if function is None else wrap(function)


def vjp(configured: Configured, *args: Any) -> tuple[tuple[Any, ...], Callable[..., tuple[Any, ...]]]:
    """The final contents of the arrays that a kernel writes, and its pullback.

    Args:
        configured: a kernel with its grid and block, `k[grid, block]`.
        *args: the arguments of the launch. They stay as they are.

    Returns:
        A tuple of new arrays, and a function that takes a tuple of one cotangent for each of them (None for arrays of
        ints), and returns a tuple of one for each argument (None where there is no derivative).

    Raises:
        ArgumentError: a cotangent does not fit.
        UnsupportedError: the kernel cannot be differentiated.
    """
    values = configured.values(args)
    callee, kinds, written = configured._callee(values)
    _check_written(configured, written)
    if callee.on_device:
        contents, whole = _run_again(configured, values, kinds, written)
    else:
        contents, whole = run_vjp(callee, values)

    def pullback(cotangents: Sequence[Any]) -> tuple[Any, ...]:
        """The cotangents of the arguments. It can be called any number of times."""
        return whole(_spread(cotangents, written))[: len(args)]

    return _chosen(contents, written), pullback


def _run_again(
    configured: Configured, values: tuple[Any, ...], kinds: list[Any], written: list[bool]
) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:  # fmt: skip
    """As `run_vjp`, by the adjoint, which runs the kernel again: a tape of a whole grid can be large."""
    version = configured.kernel.callee.version(values)
    kept = [duplicate(v) if structure.is_device_array(v) else copy(v) for v in values[: len(kinds)]]
    contents = version.result(version.kernel("primal").pure(version.flat(values)))
    there = any_on_device(values)

    def run(cotangents: tuple[Any, ...]) -> tuple[Any, ...]:
        adjoints: list[Any] = []
        for kind, value, cotangent, is_written in zip(kinds, kept, cotangents, written, strict=True):
            if not _has_adjoint(kind):
                adjoints.append(None)
            elif is_written:
                (seed,) = structure.differentiable_leaves(kind, adopt(cotangent), "a cotangent")
                if tuple(seed.shape) != tuple(value.shape):
                    message = f"a cotangent has shape {tuple(seed.shape)}, but the array has shape {tuple(value.shape)}"
                    raise ArgumentError(Problem(message, hint="give it the shape of the array"))
                adjoints.append(duplicate(seed) if structure.is_device_array(seed) else seed.copy())
            else:
                shape = tuple(value.shape) if isinstance(kind, structure.Array) else (1,)
                adjoints.append(np.zeros(shape, kind.dtype))
        if there:
            adjoints = [None if a is None else moved(a) for a in adjoints]
        configured.vjp(*kept, *adjoints)
        scalars = [isinstance(k, structure.Scalar) for k in kinds]
        return tuple(
            structure.plain(k, download(a)[0]) if s and a is not None else a
            for k, s, a in zip(kinds, scalars, adjoints, strict=True)
        )

    return contents, run


def jvp(configured: Configured, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[tuple[Any, ...], Any]:
    """The final contents of the arrays that a kernel writes, and their tangents.

    Args:
        configured: a kernel with its grid and block, `k[grid, block]`.
        primals: the arguments of the launch. They stay as they are.
        tangents: one for each of them, None where there is no derivative.

    Returns:
        Two tuples, in the order of the arguments that are written.

    Raises:
        ArgumentError: a tangent does not fit its argument.
        UnsupportedError: the kernel cannot be differentiated.
    """
    values = configured.values(primals)
    callee, _, written = configured._callee(values)
    _check_written(configured, written)
    contents, changes = run_jvp(callee, values, (*tangents, *(None for _ in LAUNCH)))
    return _chosen(contents, written), _chosen(changes, written)


def _check_written(configured: Configured, written: list[bool]) -> None:
    if not any(written):
        name = configured.kernel.py_func.__name__
        message = f"'{name}' writes no array for these arguments, so there is nothing to differentiate"
        raise ArgumentError(Problem(message, hint="let it store its results in an array"))


def _chosen(items: Sequence[Any], written: Sequence[bool]) -> tuple[Any, ...]:
    return tuple(v for v, w in zip(items, written, strict=True) if w)


def _spread(items: Sequence[Any], written: Sequence[bool]) -> tuple[Any, ...]:
    count = sum(written)
    if not isinstance(items, tuple | list) or len(items) != count:
        message = f"the pullback takes a tuple of {count}, one cotangent for each array that is written"
        raise ArgumentError(Problem(message, hint="pass None for an array of ints"))
    left = list(items)
    return tuple(left.pop(0) if w else None for w in written)
