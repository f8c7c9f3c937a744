"""One measurement, in this process: `python -m benchmarks.child TASK REQUEST`; the last line printed is the answer."""

import json
import sys

from benchmarks.processes import pin


def main(task, request):
    if task != "parallel":
        pin()  # before libraries count the cores
    match task:
        case "gradients":
            from benchmarks.gradients import measure
        case "memory":
            from benchmarks.memory import measure
        case "start":
            from benchmarks.start import measure
        case "overhead":
            from benchmarks.overhead import measure
        case "eager":
            from benchmarks.eager import measure
        case "compiled":
            from benchmarks.eager import compiled as measure
        case "parallel":
            from benchmarks.parallel import measure
        case "scaling":
            from benchmarks.scaling import measure
        case "leaks":
            from benchmarks.leaks import measure
        case _:
            raise SystemExit(f"no task {task}")
    print(json.dumps(measure(**json.loads(request))))


if __name__ == "__main__":
    main(*sys.argv[1:])
