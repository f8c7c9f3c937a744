"""Random kernels with barriers, and whether their threads race: found out by running them, thread after thread."""

import random
from types import SimpleNamespace

BLOCKS, THREADS, LENGTH = 3, 8, 64
INDICES = [
    "t", "i", "7 - t", "t + 1", "t - 1", "2 * t", "i + 1", "t // 2", "t % 4", "(t + 3) % 8", "b * 8 + t", "b * 4 + t",
    "0", "b", "3 * t + 1", "t + k", "i * 2", "i * 2 + 1", "(t + k) % 8", "2 * (t // 2)", "min(t, 5)",
]  # fmt: skip
GUARDS = [
    "", "", "t < 4", "t == 0", "t % 2 == 0", "t > 0 and t < 7", "i < n", "t >= 4", "t == 7", "k == 1", "t < k",
    "not t < 4", "t != 3", "t == 0 or t == 1",
]  # fmt: skip
HEAD = """def f(x, out, y, k, n):
    s = cuda.shared.array(64, float64)
    r = cuda.shared.array(64, float64)
    t = cuda.threadIdx.x
    b = cuda.blockIdx.x
    i = cuda.grid(1)
"""
LAST = "    cuda.syncthreads()\n    y[i] = s[t] + r[t]\n"  # so that none of it is dead code


def random_kernel(seed):
    draw = random.Random(seed)  # noqa: S311
    arrays = draw.choice([["s"], ["s", "r"], ["s", "x"], ["out", "x"]])
    lines = []

    def statement(indent):
        guard = draw.choice(GUARDS)
        lines.extend([f"{indent}if {guard}:"] if guard else [])
        target, source = draw.choice(arrays), draw.choice(arrays)
        line = f"{target}[{draw.choice(INDICES)}] {draw.choice(['=', '+='])} {source}[{draw.choice(INDICES)}] * 0.5"
        lines.append(f"{indent}    {line}" if guard else indent + line)

    for _ in range(draw.randint(1, 3)):
        kind = draw.random()
        if kind < 0.3:
            lines.append("    cuda.syncthreads()")
        elif kind < 0.45:
            lines.append("    for q in range(2):")
            for _ in range(draw.randint(1, 2)):
                statement("        ")
                lines.extend(["        cuda.syncthreads()"] if draw.random() < 0.5 else [])
        else:
            statement("    ")
    return HEAD + "\n".join(lines) + "\n" + LAST


def races(text, k, n):
    """Whether, in some run, a thread meets what another one writes without a barrier in between."""
    seen = []
    thread = SimpleNamespace(block=0, index=0, interval=0)

    class Noted:
        def __init__(self, name, *, shared):
            self.name, self.shared = name, shared

        def note(self, index, *, writes):
            element = (self.name, index % LENGTH, thread.block if self.shared else 0)
            seen.append((element, writes, thread.block, thread.index, thread.interval))

        def __getitem__(self, index):
            self.note(index, writes=False)
            return 1.0

        def __setitem__(self, index, value):
            self.note(index, writes=True)

    def wait():
        thread.interval += 1

    for block in range(BLOCKS):
        for index in range(THREADS):
            thread.block, thread.index, thread.interval = block, index, 0
            names = iter("sr")
            cuda = SimpleNamespace(
                threadIdx=SimpleNamespace(x=index), blockIdx=SimpleNamespace(x=block), syncthreads=wait,
                grid=lambda _, at=block * THREADS + index: at,
                shared=SimpleNamespace(array=lambda *_, names=names: Noted(next(names), shared=True)),
            )  # fmt: skip
            namespace = {"cuda": cuda, "float64": None}
            exec(text, namespace)
            namespace["f"](*(Noted(name, shared=False) for name in ("x", "out", "y")), k, n)
    found = {}
    for element, *access in seen:
        found.setdefault(element, []).append(access)
    return any(
        one[0] and (one[1] != other[1] or (one[2] != other[2] and one[3] == other[3]))
        for accesses in found.values() for one in accesses for other in accesses
    )  # fmt: skip
