"""Put many random programs through srcgrad: `python -m tests.fuzz --count 2000 --target python --jobs 2`.

Prints every failing seed with its source and what is wrong, and a summary with the counts of programs that
were ok, refused (with a histogram of the messages), wrong, crashed, hung or not smooth enough to check.
"""

# ruff: noqa: T201  (a command-line tool prints)

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait

from tests.random_programs.generator import generate
from tests.random_programs.laws import Outcome, check
from tests.random_programs.program import Program
from tests.random_programs.shrink import shrink

BATCH = {"python": 200, "cpu": 25}  # seeds a process: compiled code is never freed


def work(connection: Connection, seeds: list[int], options: argparse.Namespace) -> None:
    """Check seeds, telling the parent which one is under way (a compiled program may kill the process)."""
    for seed in seeds:
        connection.send((seed, None))
        try:
            outcome = check(draw(seed, options), options.target, options.samples)
        except Exception as error:  # noqa: BLE001  (reported)
            outcome = Outcome("crashed", "generator", f"{type(error).__name__}: {error}")
        connection.send((seed, outcome))
    connection.close()


def draw(seed: int, options: argparse.Namespace) -> Program:
    """The program of a seed under these options."""
    return generate(seed, options.complexity, dict(options.feature), arrays=options.arrays)


class Job:
    """A process that checks a batch of seeds, with a time limit for each."""

    def __init__(self, seeds: list[int], options: argparse.Namespace):
        self.left, self.options = list(seeds), options
        self.start()

    def start(self) -> None:
        """Start a process for the seeds that are left."""
        context = multiprocessing.get_context("fork" if self.options.target == "python" else "spawn")
        self.connection, theirs = context.Pipe(duplex=False)
        self.process = context.Process(target=work, args=(theirs, self.left, self.options), daemon=True)
        self.process.start()
        theirs.close()
        self.since = time.monotonic()

    def receive(self) -> Iterator[tuple[int, Outcome]]:
        """What has been found out since the last call; starts again after a seed that killed the process."""
        try:
            while self.connection.poll():
                seed, outcome = self.connection.recv()
                self.since = time.monotonic()
                if outcome is not None:
                    self.left.remove(seed)
                    yield seed, outcome
        except EOFError:
            self.process.join()
            if self.left:
                yield self.lost(Outcome("crashed", "process died", f"exit code {self.process.exitcode}"))

    def lost(self, outcome: Outcome) -> tuple[int, Outcome]:
        """Give up the seed under way and go on with the next one."""
        seed = self.left.pop(0)
        self.process.kill()
        self.process.join()
        if self.left:
            self.start()
        return seed, outcome


def run_all(options: argparse.Namespace) -> Iterator[tuple[int, Outcome]]:
    """The outcomes of all seeds, as they come."""
    seeds = options.seeds or list(range(options.start, options.start + options.count))
    size = min(BATCH.get(options.target, 25), -(-len(seeds) // options.jobs))
    batches = [seeds[n : n + size] for n in range(0, len(seeds), size)]
    jobs: list[Job] = []
    while batches or jobs:
        while batches and len(jobs) < options.jobs:
            jobs.append(Job(batches.pop(0), options))
        wait([job.connection for job in jobs], timeout=1.0)
        for job in jobs:
            yield from job.receive()
            if job.left and time.monotonic() - job.since > options.timeout:
                yield job.lost(Outcome("hung", f"more than {options.timeout:.0f} s"))
        jobs = [job for job in jobs if job.left]


def report(seed: int, outcome: Outcome, options: argparse.Namespace) -> None:
    """Print a failure with its source, made shorter if asked."""
    program = draw(seed, options)
    if options.shrink and outcome.status != "hung" and outcome.law not in ("process died", "generator"):

        def fails(candidate: Program) -> bool:
            found = check(candidate, options.target, options.samples)
            same_place = outcome.status != "crashed" or found.detail[:40] == outcome.detail[:40]
            return (
                found.status == outcome.status and (found.law == outcome.law or found.status == "wrong") and same_place
            )

        program = shrink(program, fails)
        outcome = check(program, options.target, options.samples)
    print(f"=== seed {seed}: {outcome.status}: {outcome.law}: {outcome.detail}")
    print(program.source)
    for parameter, value in zip(program.parameters, program.arguments(), strict=True):
        print(f"#   {parameter.name} = {value!r}" + (f"  # {parameter.layout}" if parameter.layout != "C" else ""))
    sys.stdout.flush()


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("seeds", nargs="*", type=int, help="these seeds only")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--target", default="python", choices=["python", "cpu"])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--samples", type=int, default=1, help="samples of the arguments for each program")
    parser.add_argument("--complexity", type=int, help="1 to 5; default: drawn")
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds for one program")
    parser.add_argument("--shrink", action="store_true", help="make failing programs shorter")
    parser.add_argument("--most", type=int, default=20, help="print so many failures in full")
    parser.add_argument("--refused", action="store_true", help="show the seeds of each refusal")
    parser.add_argument("--source", action="store_true", help="only print the programs")
    parser.add_argument("--arrays", action=argparse.BooleanOptionalAction,
                        help="mainly statements on whole arrays, or none; default: half of the programs")  # fmt: skip
    parser.add_argument("--feature", action="append", default=[], metavar="NAME=WEIGHT", type=weight,
                        help="multiply the weight of a kind of statement, such as 'double buffer=5'")  # fmt: skip
    return parser.parse_args(arguments)


def weight(text: str) -> tuple[str, float]:
    """A NAME=WEIGHT pair."""
    name, _, number = text.partition("=")
    return name, float(number)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit status says whether something failed."""
    options = parse(arguments)
    if options.source:
        for seed in options.seeds or range(options.start, options.start + options.count):
            print(f"# seed {seed}\n{draw(seed, options).source}")
        return 0
    counts: Counter = Counter()
    refusals: dict[str, list[int]] = {}
    laws: dict[str, list[int]] = {}
    begin = time.monotonic()
    for seed, outcome in run_all(options):
        counts[outcome.status] += 1
        if outcome.status == "refused":
            refusals.setdefault(outcome.law, []).append(seed)
        if outcome.failed:
            laws.setdefault(f"{outcome.status}: {outcome.law}", []).append(seed)
            if counts["wrong"] + counts["crashed"] + counts["hung"] <= options.most:
                report(seed, outcome, options)
    for message, seeds in sorted(refusals.items(), key=lambda item: -len(item[1])):
        print(f"{len(seeds):6} refused: {message}" + (f"  {seeds[:8]}" if options.refused else ""))
    for law, seeds in sorted(laws.items(), key=lambda item: -len(item[1])):
        print(f"{len(seeds):6} {law}  {seeds[:12]}")
    kinds = ("ok", "refused", "wrong", "crashed", "hung", "unsmooth")
    print(", ".join(f"{kind} {counts[kind]}" for kind in kinds), f"in {time.monotonic() - begin:.0f} s")
    return int(bool(laws))


if __name__ == "__main__":
    sys.exit(main())
