"""The steps of random programs: templates of lines, whose arguments are drawn from the tensors at hand."""

import random
import re

import numpy as np

from tests.shim.step_tables import DTYPES, FREE, IN_PLACE, MISUSE, SHAPES


def data(seed, shape, kind="normal"):
    """An array for a program: normal numbers with two digits, small integers (with ties), or bools."""
    rng = np.random.default_rng(seed)
    if kind == "bool":
        return rng.random(shape) < 0.5
    if kind == "int":
        return rng.integers(-3, 4, shape)
    return np.asarray(np.round(rng.normal(size=shape) * 1.2, 2))


class Line(str):
    """A line of a program that knows the template it was made from."""

    __slots__ = ("template",)


class Writer:
    """Writes a program line by line, while it runs.

    Attributes:
        lines: the program so far.
        names: of its tensors.
    """

    def __init__(self, seed, live):
        self.rng, self.live = random.Random(seed), live  # noqa: S311
        self.lines, self.names, self.count, self.template = [], [], 0, ""
        self.watched = False
        for _ in range(3):
            self.create(float_=True)
        self.create()

    # -- what is at hand ---------------------------------------------------------------------------------------------

    def value(self, name):
        return self.live.names[name]

    def size(self, name):
        return tuple(self.value(name).shape)

    def is_float(self, name):
        return self.value(name).dtype.is_floating_point

    def alive(self, name):
        """Whether the tensor can be asked for its history: views of what was overwritten may raise.

        Views made under `no_grad` say that they require gradients, but are on no way to any: they are left out too.
        """
        try:
            value = self.value(name)
            return not (value.is_leaf and value.requires_grad and value._is_view())
        except RuntimeError:
            return False

    def among(self, test):
        """A tensor that passes a test, mostly one of the latest; None if there is none."""
        fitting = [n for n in self.names if self.alive(n) and test(n)]
        if not fitting:
            return None
        return self.rng.choice(fitting[-4:] if self.rng.random() < 0.6 else fitting)

    def shape(self):
        return self.rng.choice(SHAPES)

    # -- steps -------------------------------------------------------------------------------------------------------

    def emit(self, line):
        """Add a line and run it; returns whether it raised nothing."""
        self.lines.append(Line(line))
        self.lines[-1].template = self.template
        return self.live.step(line) is None

    def assign(self, expression, prefix=""):
        name = f"t{self.count}"
        self.count += 1
        if self.emit(f"{prefix}{name} = {expression}"):
            self.keep(name)

    def keep(self, name):
        """Let later steps use a result, or some of its parts."""
        value = self.value(name)
        if isinstance(value, tuple | list):
            for k in range(min(len(value), 2)):
                if hasattr(value[k], "dtype"):
                    part = f"{name}_{k}"
                    self.emit(f"{part} = {name}[{k}]")
                    self.keep(part)
        elif hasattr(value, "detach") and value.numel() < 400:
            self.names.append(name)

    def create(self, *, float_=False, shape=None):
        rng, self.template = self.rng, "create"
        kind = rng.choice(DTYPES[:4]) if float_ else rng.choice(DTYPES)
        shape = self.shape() if shape is None else shape
        source = "normal" if kind.startswith("float") and rng.random() < 0.8 else "bool" if kind == "bool" else "int"
        needs = ", requires_grad=True" if kind.startswith("float") and rng.random() < 0.75 else ""
        array = f'data({rng.randrange(1000)}, {shape}, "{source}")'
        self.assign(f"torch.tensor({array}, dtype=torch.{kind}{needs})")

    def step(self):
        """One more step, of a random kind."""
        kind = self.rng.random()
        if kind < 0.08:
            self.create()
        elif kind < 0.66:
            self.free()
        elif kind < 0.82:
            self.line(self.rng.choice(IN_PLACE))
        elif kind < 0.88:
            self.line(self.rng.choice(MISUSE))
        else:
            self.differentiate()

    def free(self):
        domain = self.rng.choices(list(FREE), weights=[len(t) for t in FREE.values()])[0]
        text = self.filled(self.rng.choice(FREE[domain]), domain)
        if text is not None:
            self.assign(text, "with torch.no_grad(): " if self.rng.random() < 0.03 else "")

    def line(self, template):
        text = self.filled(template, "any")
        if text is not None:
            self.emit(text)

    def filled(self, template, domain):
        """A template with tensors and numbers in its places; None if there is nothing that fits."""
        chosen, self.template = {}, template
        for key in dict.fromkeys(re.findall(r"\{([A-Za-z_0-9]+)\}", template)):
            text = self.argument(key, chosen, domain)
            if text is None:
                return None
            chosen[key] = text
        return re.sub(r"\{([A-Za-z_0-9]+)\}", lambda m: chosen[m[1]], template)

    def argument(self, key, chosen, domain):
        rng = self.rng
        if key in ("c", "e"):  # a number
            return rng.choice(["2", "3", "-1", "0.5", "-1.5", "2.0", "True", "1"])
        if key == "p":
            return rng.choice(["0.5", "1.25", "2.0"])
        if key == "D":
            return f"torch.{rng.choice(DTYPES)}"
        if key == "bool":
            return rng.choice(["True", "False"])
        if key == "S":
            return str(self.shape())
        if key in ("x", "x1", "x2", "m", "v", "B", "nn"):
            return self.among(lambda n: self.fits(n, key) and self.is_float(n) and self.inside(n, domain))
        if key in ("a", "a1", "a2"):
            return self.among(lambda n: self.fits(n, key.replace("a", "x")))
        if key == "i":
            return self.among(lambda n: not self.is_float(n) and str(self.value(n).dtype) != "torch.bool")
        if key == "grad":  # a tensor that a history can start from
            return self.among(lambda n: self.value(n).requires_grad)
        if key == "inner":
            return self.among(lambda n: self.value(n).requires_grad and not self.value(n).is_leaf)
        if key == "leaf":
            return self.among(lambda n: self.value(n).requires_grad and self.value(n).is_leaf)
        main = next(
            (chosen[k] for k in ("x", "x1", "x2", "m", "v", "B", "nn", "a", "a1", "a2", "i") if k in chosen), None
        )
        if main is None:
            return None
        return self.dependent(key, main)

    def fits(self, name, key):
        ndim, shape = len(self.size(name)), self.size(name)
        return {
            "x": True, "x1": ndim >= 1 and 0 not in shape, "x2": ndim >= 2 and 0 not in shape, "m": ndim == 2,
            "v": ndim == 1, "B": ndim == 3, "nn": ndim == 2 and shape[0] == shape[1] > 0,
        }[key]  # fmt: skip

    def inside(self, name, domain):
        """Whether the elements lie in the domain of a function; now and then it does not matter."""
        x = self.value(name).detach().numpy()
        if not x.size or self.rng.random() < 0.01:
            return True
        low, high = {
            "any": (-1e4, 1e4),
            "small": (-4, 4),
            "positive": (0.05, 30),
            "unit": (-0.9, 0.9),
            "above": (1.1, 30),
        }[domain]
        return bool(x.min() >= low and x.max() <= high)

    def dependent(self, key, main):
        """What depends on the tensor chosen first: dimensions, indices, tensors that go with it."""
        rng, shape = self.rng, self.size(main)
        ndim = len(shape)
        if key in ("d", "d2"):
            return str(rng.randrange(-ndim, ndim)) if ndim else rng.choice(["0", "-1"])
        if key == "ds":
            chosen = rng.sample(range(ndim), rng.randint(1, ndim)) if ndim else []
            return str(tuple(k - ndim if rng.random() < 0.5 else k for k in chosen))
        if key == "perm":
            return str(tuple(rng.sample(range(ndim), ndim)))
        if key == "k":
            return str(rng.randrange(max(min(shape), 1))) if shape else "0"
        if key == "y":  # broadcasts with it
            return self.among(lambda n: self.is_float(n) and _broadcast(self.size(n), shape))
        if key == "b":
            return self.among(lambda n: _broadcast(self.size(n), shape))
        if key == "into":  # broadcasts to it
            return self.among(lambda n: _broadcast(self.size(n), shape) and _result(self.size(n), shape) == shape)
        if key == "like":
            return self.among(lambda n: self.size(n) == shape)
        if key == "mask":
            return f'torch.tensor(data({rng.randrange(99)}, {shape}, "bool"))'
        if key == "new":
            return str(self.refactored(shape))
        if key == "wide":
            return str(
                tuple(rng.choice([3, 2, -1]) if n == 1 else n for n in shape) if rng.random() < 0.6 else (2, *shape)
            )
        if key == "index":
            return self.index(shape)
        if key == "fancy":
            return self.fancy(shape)
        if key == "rows":  # indices into the first dimension
            return str([rng.randrange(shape[0]) for _ in range(rng.randint(1, 3))])
        if key == "same0":  # an index tensor for gather along dimension 0
            rows = rng.randint(1, 3)
            values = np.random.default_rng(rng.randrange(999)).integers(0, shape[0], (rows, *shape[1:]))
            return f"torch.tensor({values.tolist()})"
        if key == "mm":  # fits after it in a product of matrices
            return self.among(lambda n: self.is_float(n) and _multiplies(shape, self.size(n), self.dtypes(main, n)))
        raise KeyError(key)

    def dtypes(self, a, b):
        return self.value(a).dtype == self.value(b).dtype

    def refactored(self, shape):
        total = int(np.prod(shape, dtype=int))
        options = [(total,), (-1,), (1, total), (total, 1), (1, -1), shape, (*shape, 1)]
        options += [(f, total // f) for f in (2, 3) if total and total % f == 0]
        options += [(2, -1)] if total and total % 2 == 0 else []
        options += [(2, 3), (5, -1)] if self.rng.random() < 0.1 else []
        return self.rng.choice(options if total else [shape, (0,), (*shape, 1)])

    def index(self, shape):
        """A basic index."""
        rng, parts = self.rng, []
        for n in shape[: rng.randint(0, len(shape))]:
            one = str(rng.randrange(-n, n)) if n else ":"
            parts += [rng.choice([one, one, f"{rng.randrange(n or 1)}:", f":{rng.randint(0, n) or 1}", "::2", ":"])]
        if rng.random() < 0.3:
            parts.insert(rng.randint(0, len(parts)), "None")
        if rng.random() < 0.25 or not parts:
            parts.insert(rng.randint(0, len(parts)), "...")
        return ", ".join(parts)

    def fancy(self, shape):
        """An index with lists, tensors or a mask."""
        rng = self.rng
        n = shape[0]
        some = [rng.randrange(-n, n) for _ in range(rng.randint(1, 3))]
        options = [f"torch.tensor({some})", f"{some}", f"torch.tensor([{some}, {some}])"]
        options += [f'torch.tensor(data({rng.randrange(99)}, {shape}, "bool"))']
        options += [f'torch.tensor(data({rng.randrange(99)}, {shape[:1]}, "bool"))']
        if len(shape) > 1:
            other = [rng.randrange(shape[1]) for _ in some]
            options += [
                f"{some}, {other}",
                f":, {other}",
                f"torch.tensor({some})[:, None], {other}",
                f"..., {some[:0] or [0]}",
            ]
            options += [
                f"{some}, {rng.randrange(shape[1])}",
                f"{some}, None",
                f"{some}, :1",
                f"0, {other}",
                f"None, {some}",
            ]
        if len(shape) > 2:
            options += [f"{some}, :, [0]", f"[0], :, {[rng.randrange(shape[2]) for _ in some]}"]
        return rng.choice(options)

    # -- gradients ---------------------------------------------------------------------------------------------------

    def differentiate(self):
        rng, self.template = self.rng, "differentiate"
        y = self.among(lambda n: self.value(n).requires_grad)
        if y is None:
            return
        inner = self.among(lambda n: self.value(n).requires_grad and not self.value(n).is_leaf)
        leaves = [n for n in self.names if self.alive(n) and self.value(n).requires_grad and self.value(n).is_leaf]
        kind = rng.random()
        if kind < 0.2 and inner:
            self.emit(f"{inner}.retain_grad()")
            self.watched = True
        elif kind < 0.3:
            hook = rng.choice(["lambda g: log.append(g)", "lambda g: g * 2", "lambda g: g.cos()"])
            self.emit(f"{y}.register_hook({hook})")
            self.watched = True
        elif kind < 0.5:
            keep = rng.choice(["", ", retain_graph=True", ", retain_graph=True"])
            self.emit(f"{y}.backward({self.seed_of(y)}{keep})")
        elif kind < 0.55:
            self.emit(f"{y}.sum().backward()")
        elif kind < 0.6 and leaves:
            leaf = rng.choice(leaves)
            self.emit(f"{leaf}.grad = None" if rng.random() < 0.5 else f"{leaf}.grad.zero_()")
        else:
            self.second(y, leaves, inner)

    def seed_of(self, y):
        value = self.value(y)
        return f"torch.ones_like({y})" if value.numel() == 1 or self.rng.random() < 0.5 else f"{y}.detach().cos()"

    def second(self, y, leaves, inner):
        """Gradients as new tensors, of first and second order."""
        wanted = self.rng.sample(leaves, min(len(leaves), self.rng.randint(1, 2)))
        wanted += [inner] if inner and self.rng.random() < 0.3 else []
        name = f"g{self.count}"
        self.count += 1
        # what a second-order pass brings to a tensor between depends on the formula of its node
        create = self.rng.random() < 0.7 and not self.watched
        options = f"create_graph={create}, allow_unused=True, retain_graph=True"
        if (
            self.emit(f"{name} = torch.autograd.grad({y}, [{', '.join(wanted)}], {self.seed_of(y)}, {options})")
            and create
        ):
            for k, g in enumerate(self.value(name)):
                if g is not None and g.requires_grad:
                    self.emit(f"{name}_{k} = ({name}[{k}] * {name}[{k}].detach().cos()).sum()")
                    self.emit(
                        f"h{name}_{k} = torch.autograd.grad({name}_{k}, [{', '.join(wanted)}], "
                        "allow_unused=True, retain_graph=True)"
                    )

    def finish(self):
        """Backward passes from the last results, which reach most of the graph."""
        self.template = "finish"
        last = [n for n in self.names[-4:] if self.alive(n) and self.value(n).requires_grad]
        for n in last:
            self.second(
                n,
                [m for m in self.names if self.alive(m) and self.value(m).requires_grad and self.value(m).is_leaf],
                None,
            )
            self.emit(f"{n}.backward({self.seed_of(n)}, retain_graph=True)")


def _result(a, b):
    return tuple(np.broadcast_shapes(a, b))


def _broadcast(a, b):
    return all(m == n or 1 in (m, n) for m, n in zip(reversed(a), reversed(b), strict=False))


def _multiplies(a, b, same):
    if not a or not b or not same:
        return False
    inner = b[0] if len(b) == 1 else b[-2]
    return a[-1] == inner and _broadcast(a[:-2], b[:-2])
