"""The limited-memory BFGS method: Nocedal & Wright, Numerical Optimization, 2nd ed., Springer 2006, section 7.2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.shim.modes import enable_grad
from srcgrad.shim.optim.optimizer import Optimizer
from srcgrad.shim.optim.options import check_lr
from srcgrad.shim.optim.wolfe import TRIES, Point, strong_wolfe
from srcgrad.shim.tensor import Tensor, wrap


class LBFGS(Optimizer):
    """Steps along an estimate of Newton's direction, made from the last steps and changes of the gradient.

    Args:
        params: tensors, in one group.
        lr: the length of steps, in the direction; with a line search, of its first trial.
        max_iter: steps of the method for one call of `step`.
        max_eval: about how often the closure is called at most for one `step`; 5/4 `max_iter` if None.
        tolerance_grad: it ends where no element of the gradient is greater.
        tolerance_change: it ends where neither the loss nor any parameter changes more.
        history_size: how many steps are remembered.
        line_search_fn: None, or "strong_wolfe".

    Raises:
        ValueError: an option is out of range, or there is more than one group.
    """

    def __init__(
        self, params: Any, lr: Any = 1, max_iter: int = 20, max_eval: int | None = None, tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9, history_size: int = 100, line_search_fn: str | None = None,
    ) -> None:  # fmt: skip
        check_lr(lr)
        super().__init__(params, {
            "lr": lr, "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change, "history_size": history_size,
            "line_search_fn": line_search_fn,
        })  # fmt: skip
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    def step(self, closure: Callable[[], Any]) -> Any:
        """Several steps of the method.

        Args:
            closure: sets the gradients to 0, computes the loss and its gradients, and returns the loss.

        Returns:
            The loss before the first step.

        Raises:
            RuntimeError: there is no such line search.
        """
        group = self.param_groups[0]
        state = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        problem = _Loss(group["params"], closure)
        first = problem.loss()
        state["func_evals"] += 1
        grad = problem.gradient()
        if _greatest(grad) <= group["tolerance_grad"]:
            return first
        with np.errstate(all="ignore"):
            _minimize(problem, group, state, _number(first), grad)
        return first


class _Loss:
    """The loss as a function of all parameters as one vector, and their values, which move along lines.

    Args:
        params: the parameters.
        closure: computes the loss and the gradients.
    """

    def __init__(self, params: list[Tensor], closure: Callable[[], Any]) -> None:
        self.params, self.closure = params, closure

    def loss(self) -> Any:
        """What the closure returns, here."""
        with enable_grad():
            return self.closure()

    def gradient(self) -> np.ndarray:
        """The gradients as one vector; zeros where there is none."""
        grads = (np.zeros(p._data.size, p._data.dtype) if p._grad is None else p._grad._data for p in self.params)
        return np.concatenate([g.reshape(-1) for g in grads])

    def move(self, t: float, direction: np.ndarray) -> None:
        """Add `t * direction` to the parameters."""
        change, k = direction * direction.dtype.type(t), 0
        for p in self.params:
            data = p._data
            data += change[k : k + data.size].reshape(data.shape).astype(data.dtype, copy=False)
            p._counter[0] += 1
            k += data.size

    def along(self, direction: np.ndarray) -> Callable[[float], Point]:
        """The loss on a line from here; evaluating it leaves the parameters as they are."""
        here = [p._data.copy() for p in self.params]

        def phi(t: float) -> Point:
            self.move(t, direction)
            value, grad = _number(self.loss()), self.gradient()
            for p, data in zip(self.params, here, strict=True):
                p._data[...] = data
                p._counter[0] += 1
            return Point(t, value, float(grad @ direction), grad)

        return phi


def _minimize(problem: _Loss, group: dict[str, Any], state: dict[str, Any], loss: float, grad: np.ndarray) -> None:
    """The steps of one call, from a point with this loss and gradient."""
    lr, small = float(group["lr"]), group["tolerance_change"]
    most, most_calls, search = group["max_iter"], group["max_eval"], group["line_search_fn"]
    memory = _Memory(state, group["history_size"])
    d, t = state.get("d"), state.get("t")
    t = None if t is None else float(t)  # PyTorch keeps a tensor where the gradient decided it
    d, before = (None, None) if d is None else (d._data, state["prev_flat_grad"]._data)
    loss_before = state.get("prev_loss")
    calls = 1
    for n in range(1, most + 1):
        state["n_iter"] += 1
        if state["n_iter"] == 1:
            d, t = -grad, min(1.0, 1.0 / float(np.abs(grad).sum())) * lr
            memory.forget()
        else:
            memory.add(grad - before, d * d.dtype.type(t))
            d, t = memory.direction(grad), lr
        before, loss_before = grad, loss
        slope = float(grad @ d)
        if slope > -small:
            break
        if search is not None:
            if search != "strong_wolfe":
                raise RuntimeError("only 'strong_wolfe' is supported")
            start = Point(0.0, loss, slope, grad)
            found, more = strong_wolfe(
                problem.along(d), start, t, small / _greatest(d), max(min(TRIES, most_calls - calls), 0)
            )
            t, loss, grad = found.t, found.value, found.grad
            problem.move(t, d)
        else:
            problem.move(t, d)
            more = 1 if n < most else 0  # the next call of `step` begins with the loss after the last move
            if more:
                loss, grad = _number(problem.loss()), problem.gradient()
        calls += more
        state["func_evals"] += more
        if calls >= most_calls or _greatest(grad) <= group["tolerance_grad"]:
            break
        if _greatest(d) * abs(t) <= small or abs(loss - loss_before) < small:
            break
    state.update(d=_wrapped(d), t=t)
    memory.store(state)
    state.update(prev_flat_grad=_wrapped(before), prev_loss=loss_before)


class _Memory:
    """The last steps `s` and changes of the gradient `y`, oldest first, with 1 / (s y) for each pair.

    In the state they are called `old_stps`, `old_dirs` and `ro`, as in PyTorch.
    """

    def __init__(self, state: dict[str, Any], size: int) -> None:
        self.size = size
        self.s, self.y, self.rho = ([t._data for t in state.get(name) or ()] for name in ("old_stps", "old_dirs", "ro"))
        scale = state.get("H_diag")
        self.scale = scale._data if isinstance(scale, Tensor) else scale
        self.al = state.get("al")

    def forget(self) -> None:
        """Forget all; the first estimate of the inverse Hessian is the identity."""
        self.s, self.y, self.rho, self.scale = [], [], [], 1

    def add(self, y: np.ndarray, s: np.ndarray) -> None:
        """Remember a pair, unless the curvature along the step is not positive."""
        curvature = y @ s
        if not curvature > 1e-10:
            return
        if len(self.s) == self.size:
            del self.s[0], self.y[0], self.rho[0]
        self.s.append(s)
        self.y.append(y)
        self.rho.append(curvature.dtype.type(1) / curvature)  # NumPy 1 makes float64 of 1 / float32
        self.scale = curvature / (y @ y)  # (7.20)

    def direction(self, grad: np.ndarray) -> np.ndarray:
        """The estimate of the inverse Hessian times `-grad` (algorithm 7.4)."""
        q = -grad
        self.al = self.al or [None] * self.size
        for i in reversed(range(len(self.s))):
            a = (self.s[i] @ q) * self.rho[i]
            q -= a * self.y[i]
            self.al[i] = _wrapped(np.asarray(a))
        q *= self.scale
        for i in range(len(self.s)):
            q += self.s[i] * (self.al[i]._data - (self.y[i] @ q) * self.rho[i])
        return q

    def store(self, state: dict[str, Any]) -> None:
        """Keep it for the next `step`."""
        if self.al is not None:
            state["al"] = self.al
        state.update(
            old_dirs=[wrap(y) for y in self.y], old_stps=[wrap(s) for s in self.s],
            ro=[_wrapped(r) for r in self.rho],
            H_diag=self.scale if isinstance(self.scale, int | None) else _wrapped(self.scale),
        )  # fmt: skip


def _wrapped(x: Any) -> Tensor | None:
    return None if x is None else wrap(np.asarray(x))


def _number(loss: Any) -> float:
    return float(loss.item() if isinstance(loss, Tensor) else loss)


def _greatest(x: np.ndarray) -> float:
    return float(np.abs(x).max())
