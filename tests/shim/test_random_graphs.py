"""Random programs give the same with PyTorch and with srcgrad.shim, but for what is listed here."""

import pytest

from tests.shim import random_graphs

torch = pytest.importorskip("torch")

COUNT = 300


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, COUNT, 50))
def test_random_programs_do_what_pytorch_does(start):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for seed in range(start, start + 50):
            lines = random_graphs.program(seed, torch)
            _, at, what = random_graphs.compare(lines, torch)
            if at is not None and not random_graphs.expected(lines[: at + 1], what):
                text = "\n".join(random_graphs.shrunk(lines, at, torch))
                pytest.fail(f"seed {seed}: {what}\n{text}")
    finally:
        torch.set_num_threads(threads)
