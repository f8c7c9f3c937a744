"""`torch.profiler`: profiles with a schedule of steps."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from typing import Any

from srcgrad.shim.autograd.profiler import profile as _measure
from srcgrad.shim.autograd.profiler import record_function
from srcgrad.shim.autograd.profiler_table import EventList

__all__ = ["ProfilerAction", "ProfilerActivity", "profile", "record_function", "schedule"]


class ProfilerActivity(enum.Enum):
    """What is measured; here always the CPU."""

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3


class ProfilerAction(enum.Enum):
    """What is done in a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


_MEASURED = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable[[int], ProfilerAction]:
    """A function from the number of a step to what is done in it.

    Args:
        wait: so many steps without,
        warmup: then so many that are thrown away,
        active: then so many that are measured;
        repeat: so often; 0 for always.
        skip_first: so many steps before all that.
        skip_first_wait: not 0: the first time without waiting.
    """

    def action(step: int) -> ProfilerAction:
        step -= skip_first
        if step < 0:
            return ProfilerAction.NONE
        if skip_first_wait:
            step += wait
        turn, at = divmod(step, wait + warmup + active)
        if (repeat and turn >= repeat) or at < wait:
            return ProfilerAction.NONE
        if at < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if at < wait + warmup + active - 1 else ProfilerAction.RECORD_AND_SAVE

    return action


class profile:  # noqa: N801 - PyTorch's name
    """Measures the operations inside of a `with`, or between `start` and `stop`.

    Args:
        activities: makes no difference.
        schedule: which steps are measured (`step` ends one); all by default.
        on_trace_ready: called with the profile after the last of some measured steps, and at the end.
        record_shapes: note the shapes of arguments.
        options: PyTorch's others make no difference.
    """

    def __init__(
        self, *, activities: Iterable[Any] | None = None, schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[..., Any] | None = None, record_shapes: bool = False, profile_memory: bool = False,
        with_stack: bool = False, with_flops: bool = False, with_modules: bool = False, **options: Any,
    ) -> None:  # fmt: skip
        self.activities, self.schedule, self.on_trace_ready = activities, schedule, on_trace_ready
        self.record_shapes, self.step_num = record_shapes, 0
        self.profiler: Any = None
        self._running = False

    def _action(self) -> ProfilerAction:
        return self.schedule(self.step_num) if self.schedule is not None else ProfilerAction.RECORD

    def __enter__(self) -> profile:  # noqa: PYI034 - Python 3.10 has no typing.Self
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin."""
        if self._action() in _MEASURED and not self._running:
            self.profiler = _measure(record_shapes=self.record_shapes)
            self.profiler.__enter__()
            self._running = True

    def stop(self) -> None:
        """End."""
        if self._running:
            self.profiler.__exit__(None, None, None)
            self._running = False
            if self.on_trace_ready is not None:
                self.on_trace_ready(self)

    def step(self) -> None:
        """End a step, and begin the next."""
        if self._action() is ProfilerAction.RECORD_AND_SAVE:
            self.stop()
        self.step_num += 1
        self.start()

    # -- what was measured -------------------------------------------------------------------------------------------

    def events(self) -> EventList:
        """All calls.

        Raises:
            AssertionError: nothing was measured.
        """
        if self.profiler is None:
            raise AssertionError("Profiler must be initialized before retrieving events")
        return self.profiler.function_events  # type: ignore[no-any-return]

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, **_: Any) -> EventList:
        """The calls of one name together; see `EventList.table`."""
        return self.events().key_averages(group_by_input_shape)

    def export_chrome_trace(self, path: str) -> None:
        """Write a JSON file for chrome://tracing."""
        self.events().export_chrome_trace(path)

    def add_metadata(self, key: str, value: str) -> None:
        """Has no use here."""
