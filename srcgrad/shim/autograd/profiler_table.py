"""What a profile measured: events, their averages, and the table of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def _text(microseconds: float) -> str:
    """A time, as the table shows it."""
    if microseconds >= 1e6:
        return f"{microseconds / 1e6:.3f}s"
    return f"{microseconds / 1e3:.3f}ms" if microseconds >= 1e3 else f"{microseconds:.3f}us"


class _Times:
    """The times as texts, and the average; all numbers are microseconds."""

    count = 1
    cpu_time_total: float
    self_cpu_time_total: float
    device_time_total = self_device_time_total = device_time = 0.0
    cpu_memory_usage = self_cpu_memory_usage = flops = 0
    node_id = -1
    is_async = is_remote = is_legacy = is_user_annotation = False

    @property
    def cpu_time(self) -> float:
        """The average time of a call."""
        return self.cpu_time_total / self.count if self.count else 0.0

    cpu_time_str = property(lambda self: _text(self.cpu_time))
    cpu_time_total_str = property(lambda self: _text(self.cpu_time_total))
    self_cpu_time_total_str = property(lambda self: _text(self.self_cpu_time_total))


class Event(_Times):
    """One call of an operation; `start` and `end` are nanoseconds since the profile began."""

    def __init__(self, name: str, start: int, shapes: list[Any], thread: int) -> None:
        self.name = self.key = name
        self.id = 0
        self.start, self.end, self.thread = start, start, thread
        self.input_shapes = shapes
        self.cpu_parent: Event | None = None
        self.cpu_children: list[Event] = []

    @property
    def cpu_time_total(self) -> float:  # type: ignore[override]
        """The time from begin to end."""
        return (self.end - self.start) / 1e3

    @property
    def self_cpu_time_total(self) -> float:  # type: ignore[override]
        """The time less that of the calls inside."""
        return self.cpu_time_total - sum(e.cpu_time_total for e in self.cpu_children)

    def __repr__(self) -> str:
        return (
            f"<FunctionEvent id={self.id} name={self.name} cpu_time={self.cpu_time_str} "
            f"start_us={self.start / 1e3:.3f} end_us={self.end / 1e3:.3f} "
            f"cpu_children={[e.id for e in self.cpu_children]} thread={self.thread} input_shapes={self.input_shapes}>"
        )


class Average(_Times):
    """The calls of one name, and of one kind of arguments if they are told apart."""

    def __init__(self, key: str, input_shapes: Any = None) -> None:
        self.key, self.input_shapes = key, input_shapes
        self.count, self.cpu_time_total, self.self_cpu_time_total = 0, 0.0, 0.0

    def add(self, event: Event) -> None:
        """Count a call; the time of calls of the same name inside is in it already."""
        self.count += 1
        self.self_cpu_time_total += event.self_cpu_time_total
        above = event.cpu_parent
        while above is not None and above.name != event.name:
            above = above.cpu_parent
        if above is None or self.key == "Total":
            self.cpu_time_total += event.cpu_time_total
        self.is_user_annotation = event.is_user_annotation

    def __repr__(self) -> str:
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} "
            f"cpu_time={self.cpu_time_str}  self_cuda_time=0.000us cuda_time=0.000us "
            f"input_shapes={self.input_shapes or ''} cpu_memory_usage=0 cuda_memory_usage=0>"
        )


class EventList(list[Any]):
    """Events, or averages of them."""

    @property
    def self_cpu_time_total(self) -> float:
        """The time of all of them, microseconds."""
        return sum(e.self_cpu_time_total for e in self)

    def key_averages(self, group_by_input_shapes: bool = False, *_: Any) -> EventList:
        """One average for each name."""
        found: dict[Any, Average] = {}
        for event in self:
            shapes = str(event.input_shapes) if group_by_input_shapes else None
            key = event.name, shapes
            if key not in found:
                found[key] = Average(event.name, event.input_shapes if group_by_input_shapes else None)
            found[key].add(event)
        return EventList(found.values())

    def total_average(self) -> Average:
        """One average of all."""
        total = Average("Total")
        for event in self:
            total.add(event)
        return total

    def table(
        self, sort_by: str | None = None, row_limit: int = 100, max_src_column_width: int = 75,
        max_name_column_width: int = 55, max_shapes_column_width: int = 80, header: str | None = None,
        top_level_events_only: bool = False,
    ) -> str:  # fmt: skip
        """The events in lines.

        Args:
            sort_by: an attribute, the highest first: `cpu_time_total`, `self_cpu_time_total`, `cpu_time`, `count`, ...
            row_limit: at most so many lines; -1 for all.
            max_src_column_width: there is no such column.
            max_name_column_width: longer names are cut.
            max_shapes_column_width: and longer shapes.
            header: a line above.
            top_level_events_only: without those inside of others.

        Raises:
            AttributeError: there is no such attribute.
        """
        events = [e for e in self if not (top_level_events_only and getattr(e, "cpu_parent", None) is not None)]
        if sort_by is not None:
            events.sort(key=lambda e: getattr(e, sort_by), reverse=True)
        total = self.self_cpu_time_total
        shapes = any(e.input_shapes for e in events)
        wide = max([len(e.key) for e in events] + [4]) + 4
        width = min(wide, max_name_column_width)
        long = min(max([len(str(e.input_shapes)) for e in events] + [8]) + 4, max_shapes_column_width) if shapes else 0
        columns = [("Name", width)] + [
            (t, 12) for t in ("Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg", "# of Calls")
        ]
        columns += [("Input Shapes", long)] if shapes else []
        rule = "".join("-" * w + "  " for _, w in columns)
        lines = [header] if header else []
        lines += [rule, "".join(f"{t:>{w}}  " for t, w in columns), rule]
        for e in events if row_limit < 0 else events[:row_limit]:
            name = e.key if len(e.key) <= width else e.key[: width - 3] + "..."
            cells = [
                name, _percent(e.self_cpu_time_total, total), e.self_cpu_time_total_str,
                _percent(e.cpu_time_total, total), e.cpu_time_total_str, e.cpu_time_str, str(e.count),
            ]  # fmt: skip
            cells += [str(e.input_shapes)[:long]] if shapes else []
            lines.append("".join(f"{c:>{w}}  " for c, (_, w) in zip(cells, columns, strict=True)))
        return "\n".join([*lines, rule, f"Self CPU time total: {_text(total)}", ""])

    def __str__(self) -> str:
        return self.table()

    def export_chrome_trace(self, path: str) -> None:
        """Write a JSON file for chrome://tracing."""
        events = [
            {"name": e.name, "ph": "X", "ts": e.start / 1e3, "dur": e.cpu_time_total, "tid": e.thread, "pid": "CPU"}
            for e in self
        ]  # fmt: skip
        Path(path).write_text(json.dumps(events), encoding="utf-8")


def _percent(part: float, total: float) -> str:
    return f"{part * 100 / total:.2f}%" if total else "NaN"
