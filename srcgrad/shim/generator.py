"""The numbers that PyTorch's CPU generator draws, bit for bit, from NumPy's copy of the same Mersenne twister.

This is PyTorch 2.13 on x86-64 with AVX2, where the compiler fuses `x*y + z` into one rounding, and 16 or more float32
normals take polynomials for log, sin and cos: both are emulated. The float64 functions are the C library's, here as
there, except that NumPy has its own for AVX-512: then 16 or more float64 normals, and exponentials, may be some ulps
off. Shapes are tuples, dtypes float32 or float64. Draws fill a tensor in the order of its memory, not of its indices.
"""

from __future__ import annotations

import functools
import math
import secrets

import numpy as np

F4, F8 = np.dtype(np.float32), np.dtype(np.float64)
BLOCK = 1 << 14  # normals made at a time, so that temporaries stay in the cache
_LOG = (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
        2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)  # fmt: skip


class Generator:
    """A stream of random numbers, as `torch.Generator("cpu")`, which draws arrays where PyTorch fills tensors.

    Its words are those of mt19937 (Matsumoto & Nishimura 1998), seeded by the recurrence of their 2002 version.
    """

    def __init__(self):
        self.manual_seed(67280421310721)  # as PyTorch's

    def manual_seed(self, seed: int) -> Generator:
        """Restart the stream at a seed from -2**63 to 2**64 - 1, of which only the low 32 bits reach the twister."""
        self._seed = int(seed) % 2**64
        self._twister = np.random.RandomState(self._seed % 2**32)  # legacy, so its seeding and its words are frozen
        self._spare: float | None = None  # the second normal of a pair, kept for the next draw, of either dtype
        return self

    def seed(self) -> int:
        """Restart the stream at 64 bits from the operating system, and return them."""
        return self.manual_seed(secrets.randbits(64)).initial_seed()

    def initial_seed(self) -> int:
        """The seed that the stream was started with, from 0 to 2**64 - 1."""
        return self._seed

    def get_state(self) -> tuple:
        """All that the next draws depend on. Opaque, picklable."""
        return self._seed, self._twister.get_state(), self._spare

    def set_state(self, state: tuple) -> Generator:
        """Go back to where `get_state` was called."""
        self._seed, words, self._spare = state
        self._twister.set_state(words)
        return self

    def uniform(self, shape, dtype=F4, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        """`torch.rand`, `Tensor.uniform_` (all that `kaiming_uniform_` and `xavier_uniform_` draw): in [low, high)."""
        if low > high:
            raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}")
        x = self._unit(shape, dtype)
        if (low, high) != (0, 1):
            low, high = x.dtype.type(low), x.dtype.type(high)
            x = _fused(x, high - low, low)
            x = np.where(x == high, low, x)  # which rounding may have reached
        return x.reshape(shape)

    def normal(self, shape, dtype=F4, mean: float = 0.0, std: float = 1.0, *, contiguous: bool = True) -> np.ndarray:
        """`torch.randn`, `Tensor.normal_`, by the transform of Box & Muller (1958).

        Fewer than 16 elements, or a tensor that is not contiguous: float64 pairs, the second of which is kept for the
        next such draw. Else 16 uniforms make 8 pairs, and the last 16 elements are drawn again if no 16 end there.
        For a tensor as mean or std, `torch.normal` computes `normal(shape, dtype) * std + mean`, with two roundings.
        """
        if std < 0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
        n, kind = math.prod(shape), np.dtype(dtype).type
        if n < 16 or not contiguous:
            return _fused(np.array(self._pairs(n), F8), F8.type(std), F8.type(mean)).astype(kind).reshape(shape)
        x, std, mean = self._unit((n,), dtype), kind(std), kind(mean)
        rows = x[: n - n % 16]
        for start in range(0, n - 15, BLOCK):
            rows[start : start + BLOCK] = _box_muller(rows[start : start + BLOCK], std, mean)
        if n % 16:
            x[-16:] = _box_muller(self._unit((16,), dtype), std, mean)
        return x.reshape(shape)

    def integers(self, low: int, high: int, shape, dtype=np.int64) -> np.ndarray:
        """`torch.randint`, `Tensor.random_(low, high)`: a word modulo the range, two words from a range of 2**28 on."""
        if low >= high:
            raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
        wide = high - low >= 2**28
        words = self._words((*shape, 1 + wide)).astype(np.uint64)
        x = words[..., :1] << np.uint64(32) | words[..., 1:] if wide else words
        x = x % np.uint64(high - low) + np.uint64(int(low) % 2**64)  # a negative low wraps around, as in C
        return x.astype(np.int64).astype(dtype).reshape(shape)

    def permutation(self, n: int) -> np.ndarray:
        """`torch.randperm(n)`, int64, for n < 2**32 / 20: the shuffle of Fisher & Yates (1938), from the front."""
        order, last = list(range(n)), max(n - 1, 0)
        steps = self._words(last) % np.arange(n, 1, -1, dtype=np.uint32)
        for i, j in enumerate((steps + np.arange(last, dtype=np.uint32)).tolist()):  # each depends on those before
            order[i], order[j] = order[j], order[i]
        return np.array(order, np.int64)

    def bernoulli(self, p, shape=None, dtype=None) -> np.ndarray:
        """Ones with probability p, else zeros, by comparing uniform numbers with p.

        A number p and a shape are `Tensor.bernoulli_(p)`: float64 uniforms for any dtype (float32 if not given).
        An array p is `torch.bernoulli(p)`: its shape, and uniforms of its dtype, in which the result is by default.
        `nn.functional.dropout` (Srivastava et al. 2014) draws nothing for p = 0 and 1, and else multiplies by
        `bernoulli(1 - p, x.shape, x.dtype) / (1 - p)`.
        """
        if not np.all((np.asarray(p) >= 0) & (np.asarray(p) <= 1)):
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
        shape, drawn, kind = (p.shape, p.dtype, p.dtype) if isinstance(p, np.ndarray) else (shape, F8, F4)
        return (self._unit(shape, drawn) < p).astype(dtype or kind).reshape(shape)

    def exponential(self, shape, dtype=F4, lambd: float = 1.0) -> np.ndarray:
        """`Tensor.exponential_(lambd)`: the inverse of the distribution function (Devroye 1986, II.2), in float64."""
        if lambd <= 0:
            raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
        return (-1.0 / lambd * np.log1p(-self._unit(shape, F8))).astype(dtype).reshape(shape)

    def _words(self, shape) -> np.ndarray:
        return self._twister.randint(0, 2**32, size=shape, dtype=np.uint32)  # of the whole range: words as they come

    def _unit(self, shape, dtype) -> np.ndarray:
        """Uniform numbers in [0, 1), multiples of 2**-24 (float32) or 2**-53 (float64)."""
        if dtype == F4:
            return (self._words(shape) & np.uint32(2**24 - 1)).astype(F4) * F4.type(2.0**-24)
        if dtype != F8:
            raise TypeError(f"random numbers are float32 or float64, not {dtype}")
        words = self._words((*shape, 2))  # the high one of each pair first
        return (words[..., 0] & np.uint32(2**21 - 1)) * F8.type(2.0**-21) + words[..., 1] * F8.type(2.0**-53)

    def _pairs(self, n: int) -> list[float]:
        """Draw n standard normals: the spare one first, if there is one; one is spared if they end within a pair."""
        out = [self._spare] if n and self._spare is not None else []
        for u1, u2 in self._unit(((n - len(out) + 1) // 2, 2), F8).tolist():
            radius, angle = math.sqrt(-2.0 * math.log1p(-u2)), 2.0 * math.pi * u1
            out += [radius * math.cos(angle), radius * math.sin(angle)]
        self._spare = out.pop() if len(out) > n else None if n else self._spare
        return out


def _box_muller(u, std, mean):
    """Normals (16n,) of uniforms (16n,): of each 16, the first 8 give radii, the others angles."""
    u = u.reshape(-1, 2, 8)
    angle = u.dtype.type(2 * math.pi) * u[:, 1]
    log, sin, cos = (_log, *_sin_cos(angle)) if u.dtype == F4 else (np.log, np.sin(angle), np.cos(angle))
    radius = np.sqrt(-2 * log(1 - u[:, 0]))
    return _fused(np.stack([radius * cos, radius * sin], axis=1).ravel(), std, mean)


def _fused(x, y, z):
    """Round x * y + z once, for arrays and numbers of the dtype of x (float64: Dekker 1971, Knuth 1969)."""
    product = np.multiply(x, y, dtype=F8)
    total = product + z
    if x.dtype == F4:
        return total.astype(F4)  # rounded twice: wrong at odds below 2**-29, and for no value of _log and _sin_cos
    xh, yh = (v * 134217729.0 - (v * 134217729.0 - v) for v in (x, y))  # the upper 26 bits of each
    lost = (x - xh) * (y - yh) - (product - xh * yh - (x - xh) * yh - xh * (y - yh))  # in rounding the product
    added = total - product
    return total + ((product - (total - added)) + (z - added) + lost)  # all but the last addition are exact, or nearly


def _polynomial(coefficients, x):
    return functools.reduce(lambda y, c: _fused(x, y, c), np.array(coefficients, F4))


def _log(x):
    """Cephes' logf (Moshier 1989) for float32 in (0, 1], fused as the compiler does; log(2) comes in two parts."""
    fraction, exponent = np.frexp(x)
    small = fraction < F4.type(0.707106781186547524)
    exponent = (exponent - small).astype(F4)
    x = fraction - 1 + np.where(small, fraction, F4.type(0))
    square = x * x
    y = _fused(_polynomial(_LOG, x) * x, square, exponent * F4.type(-2.12194440e-4))
    return _fused(exponent, F4.type(0.693359375), x + _fused(square, F4.type(-0.5), y))


def _sin_cos(x):
    """Cephes' sinf and cosf for float32 in [0, 2 pi), fused likewise; pi / 4 comes in three parts."""
    octant = ((x * F4.type(4 / math.pi)).astype(np.int32) + 1) & ~1
    for part in np.array([-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8], F4):
        x = _fused(octant.astype(F4), part, x)
    square = x * x
    sin = _fused(_polynomial((-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1), square) * square, x, x)
    cos = _polynomial((2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2), square) * square
    cos = _fused(cos, square, square * F4.type(-0.5)) + 1
    sin, cos = np.where(octant & 2, [cos, sin], [sin, cos])
    return np.where(octant & 4, -sin, sin), np.where((octant + 2) & 4, -cos, cos)


default_generator = Generator()
default_generator.seed()  # at random, as PyTorch's, until it is told
