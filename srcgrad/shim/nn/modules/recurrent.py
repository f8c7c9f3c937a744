"""Recurrent layers: each step a cell, made of other operations."""

from __future__ import annotations

import math
from typing import Any

from srcgrad.shim.creation import empty, zeros
from srcgrad.shim.nn import functional as F  # noqa: N812 - its usual name
from srcgrad.shim.nn import init
from srcgrad.shim.nn.module import Module
from srcgrad.shim.nn.parameter import Parameter
from srcgrad.shim.ops.joining import cat, stack
from srcgrad.shim.tensor import Tensor

State = tuple[Any, ...]


def _step(kind: str, x: Any, state: State, weight: Tensor, bias: Any) -> State:
    """The next state (N, H), or two of them, from the input's part of the gates (N, gates * H)."""
    h = F.linear(state[0], weight, bias)
    if kind in ("tanh", "relu"):
        return (getattr(x + h, kind)(),)  # type: ignore[operator]
    if kind == "lstm":
        i, f, g, o = (x + h).chunk(4, -1)  # type: ignore[operator]
        c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c
    (xr, xz, xn), (hr, hz, hn) = x.chunk(3, -1), h.chunk(3, -1)  # type: ignore[attr-defined]
    r, z = (xr + hr).sigmoid(), (xz + hz).sigmoid()
    n = (xn + r * hn).tanh()
    return (n + z * (state[0] - n),)


GATES = {"tanh": 1, "relu": 1, "lstm": 4, "gru": 3}


class _Weights(Module):
    """Something with weights and biases that start uniform, within 1 / sqrt(hidden_size)."""

    def _add(self, kind: str, inner: int, hidden: int, bias: bool, suffix: str, dtype: Any) -> None:
        rows = GATES[kind] * hidden
        shapes = {"weight_ih": (rows, inner), "weight_hh": (rows, hidden), "bias_ih": (rows,), "bias_hh": (rows,)}
        for name, shape in shapes.items():
            given = bias or name.startswith("weight")
            self.register_parameter(name + suffix, Parameter(empty(shape, dtype=dtype)) if given else None)

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)


class _Recurrent(_Weights):
    """Layers of cells over a sequence: (L, N, I), (N, L, I) if `batch_first`, or (L, I)."""

    def __init__(
        self, kind: str, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._kind, self.input_size, self.hidden_size, self.num_layers = kind, input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, float(dropout), bidirectional
        for k in range(num_layers):
            inner = hidden_size * (1 + bidirectional) if k else input_size
            for suffix in self._suffixes(k):
                self._add(kind, inner, hidden_size, bias, suffix, dtype)
        self.reset_parameters()

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: 1 + self.bidirectional]

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        """The outputs of all steps (..., directions * H), and the last states (layers * directions, N, H)."""
        x: Any = input
        if x.dim() not in (2, 3):
            raise ValueError(f"{type(self).__name__}: Expected input to be 2D or 3D, got {x.dim()}D instead")
        batched = x.dim() == 3
        x = x.unsqueeze(1) if not batched else x.transpose(0, 1) if self.batch_first else x
        if x.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {x.shape[-1]}"
            )
        count = self.num_layers * (1 + self.bidirectional)
        states = self._start(hx, (count, x.shape[1], self.hidden_size), x.dtype, batched)
        last = []
        for k in range(self.num_layers):
            if k and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            outs = []
            for d, suffix in enumerate(self._suffixes(k)):
                row = k * (1 + self.bidirectional) + d
                out, state = self._run(x, tuple(s[row] for s in states), suffix, backwards=d == 1)
                outs.append(out)
                last.append(state)
            x = outs[0] if len(outs) == 1 else cat(outs, -1)
        ends = [stack([s[j] for s in last]) for j in range(len(states))]
        if not batched:
            x, ends = x.squeeze(1), [e.squeeze(1) for e in ends]  # type: ignore[attr-defined]
        elif self.batch_first:
            x = x.transpose(0, 1)
        return x, tuple(ends) if self._kind == "lstm" else ends[0]

    def _start(self, hx: Any, shape: tuple[int, ...], dtype: Any, batched: bool) -> State:
        if hx is None:
            return tuple(zeros(shape, dtype=dtype) for _ in range(1 + (self._kind == "lstm")))
        given = hx if isinstance(hx, tuple) else (hx,)
        given = given if batched else tuple(h.unsqueeze(1) for h in given)
        for k, h in enumerate(given):
            if tuple(h.shape) != shape:
                name = "hidden" if len(given) == 1 else f"hidden[{k}]"
                raise RuntimeError(f"Expected {name} size {shape}, got {list(h.shape)}")
        return given

    def _run(self, x: Any, state: State, suffix: str, *, backwards: bool) -> tuple[Any, State]:
        inner, outer = (getattr(self, f"weight_{n}{suffix}") for n in ("ih", "hh"))
        first, second = (getattr(self, f"bias_{n}{suffix}") for n in ("ih", "hh"))
        gates = F.linear(x, inner, first)
        outs: list[Any] = [None] * x.shape[0]
        for t in reversed(range(x.shape[0])) if backwards else range(x.shape[0]):
            state = _step(self._kind, gates[t], state, outer, second)  # type: ignore[index]
            outs[t] = state[0]
        return stack(outs), state

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        for name, usual in (
            ("num_layers", 1), ("bias", True), ("batch_first", False), ("dropout", 0), ("bidirectional", False),
        ):  # fmt: skip
            if getattr(self, name) != usual:
                parts.append(f"{name}={getattr(self, name)}")
        return ", ".join(parts)


class RNN(_Recurrent):
    """`h = tanh(W x + b + U h + c)` for each step; or "relu" as nonlinearity.

    Raises:
        ValueError: another nonlinearity.
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", *args: Any,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(nonlinearity, input_size, hidden_size, num_layers, *args, **kwargs)
        self.nonlinearity = nonlinearity


class LSTM(_Recurrent):
    """Long short-term memory (Hochreiter & Schmidhuber 1997), with forget gates."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("lstm", *args, **kwargs)


class GRU(_Recurrent):
    """Gated recurrent units (Cho et al. 2014)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("gru", *args, **kwargs)


class _Cell(_Weights):
    """One step: (N, I) or (I), and the state (N, H) or (H)."""

    def __init__(
        self, kind: str, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self._kind, self.input_size, self.hidden_size, self.bias = kind, input_size, hidden_size, bias
        self._add(kind, input_size, hidden_size, bias, "", dtype)
        self.reset_parameters()

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        """The next state, or two of them."""
        if hx is None:
            shape = (*input._data.shape[:-1], self.hidden_size)
            hx = tuple(zeros(shape, dtype=input.dtype) for _ in range(1 + (self._kind == "lstm")))
        state = hx if isinstance(hx, tuple) else (hx,)
        gates = F.linear(input, self.weight_ih, self.bias_ih)
        found = _step(self._kind, gates, state, self.weight_hh, self.bias_hh)
        return found if self._kind == "lstm" else found[0]

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else f", bias={self.bias}")
        return text + (", nonlinearity=relu" if self._kind == "relu" else "")


class RNNCell(_Cell):
    """One step of `RNN`."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", **more: Any
    ) -> None:
        super().__init__(nonlinearity, input_size, hidden_size, bias, **more)
        self.nonlinearity = nonlinearity


class LSTMCell(_Cell):
    """One step of `LSTM`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("lstm", *args, **kwargs)


class GRUCell(_Cell):
    """One step of `GRU`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("gru", *args, **kwargs)
