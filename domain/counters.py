"""The known counters: their titles and units, and how several readings in one minute become one sample.

This is the only table of counters. Other counters are accepted everywhere too; their readings are averaged. Keys follow
Telegraf's Windows plugins (win_perf_counters, win_services), like the keys of the original API.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from domain import exact

Reduction = Literal["avg", "sum", "min", "max"]
REDUCTIONS: tuple[Reduction, ...] = ("avg", "sum", "min", "max")

Worse = Literal["high", "low", "none"]
"""The direction in which a counter is bad: a high value, a low one, or neither."""


@dataclass(frozen=True, slots=True)
class Counter:
    """A known counter. ``title`` is its name for people. ``unit`` is empty for plain counts."""

    key: str
    title: str
    unit: str
    reduction: Reduction
    worse: Worse


def _table(*rows: tuple[str, str, str, Reduction, Worse]) -> dict[str, Counter]:
    return {row[0]: Counter(*row) for row in rows}


COUNTERS: Mapping[str, Counter] = _table(
    ("win_cpu.percent_processor_time", "Processor time", "%", "avg", "high"),
    ("win_cpu.percent_user_time", "Processor time, user", "%", "avg", "high"),
    ("win_cpu.percent_privileged_time", "Processor time, system", "%", "avg", "high"),
    ("win_system.processor_queue_length", "Processor queue", "", "max", "high"),
    ("win_system.processes", "Processes", "", "max", "none"),
    ("win_mem.percent_used", "Memory used", "%", "avg", "high"),
    ("win_mem.available_bytes", "Memory available", "B", "min", "low"),
    ("win_swap.percent_usage", "Page file used", "%", "avg", "high"),
    ("win_disk.percent_idle_time", "Disk idle time", "%", "avg", "low"),
    ("win_disk.percent_free_space", "Disk space free", "%", "min", "low"),
    ("win_disk.read_bytes_persec", "Disk read", "B/s", "avg", "none"),
    ("win_disk.write_bytes_persec", "Disk written", "B/s", "avg", "none"),
    ("win_disk.current_disk_queue_length", "Disk queue", "", "max", "high"),
    ("win_disk.latency_read_seconds", "Disk latency, read", "s", "avg", "high"),
    ("win_disk.latency_write_seconds", "Disk latency, write", "s", "avg", "high"),
    ("win_net.bytes_received_persec", "Network received", "B/s", "avg", "none"),
    ("win_net.bytes_sent_persec", "Network sent", "B/s", "avg", "none"),
    ("win_net.packets_received_errors", "Network errors received", "", "sum", "high"),
    ("win_session.active_sessions", "Active sessions", "", "max", "none"),
    ("win_session.disconnected_sessions", "Disconnected sessions", "", "max", "none"),
    ("win_session.logons", "Log-ons", "", "sum", "none"),
    ("win_session.logoffs", "Log-offs", "", "sum", "none"),
    ("win_session.logon_seconds", "Log-on duration", "s", "max", "high"),
    ("win_session.input_delay_ms", "Input delay", "ms", "max", "high"),
    ("win_service.WinDefend", "Microsoft Defender running", "", "min", "low"),
    ("win_service.TermService", "Remote Desktop Services running", "", "min", "low"),
)


FIRST: tuple[str, ...] = (
    "win_session.input_delay_ms",
    "win_session.logon_seconds",
    "win_session.active_sessions",
    "win_cpu.percent_processor_time",
    "win_system.processor_queue_length",
    "win_mem.percent_used",
    "win_disk.percent_idle_time",
    "win_disk.percent_free_space",
    "win_disk.current_disk_queue_length",
    "win_disk.latency_read_seconds",
)
"""The counters that people look at first. Of these, what is normal is learned for each VM."""


GROUPS: Mapping[str, str] = {
    "win_cpu": "Processor",
    "win_system": "System",
    "win_mem": "Memory",
    "win_swap": "Page file",
    "win_disk": "Disk",
    "win_net": "Network",
    "win_session": "Sessions",
    "win_service": "Services",
}
"""The titles of the types of counters."""

_INTEREST = {key: place for place, key in enumerate(COUNTERS)}


def by_interest(key: str) -> tuple[int, str]:
    """Return a sort key: known counters in the table's order (the most interesting first), then the others by key."""
    return _INTEREST.get(key, len(_INTEREST)), key


def reduction_of(key: str, overrides: Mapping[str, Reduction] | None = None) -> Reduction:
    """Return a counter's reduction: the override, else the table's, else the one for its type, else the average.

    The state of a service (``win_service.*``; 1 running, 0 not) is reduced to its minimum. If a service was down at any
    time in a minute, the minute counts as down.
    """
    if overrides and key in overrides:
        return overrides[key]
    if counter := COUNTERS.get(key):
        return counter.reduction
    return "min" if key.startswith("win_service.") else "avg"


def worse_of(key: str) -> Worse:
    """Return the direction in which a counter is bad. A stopped service is; of other unknown counters it is unknown."""
    if counter := COUNTERS.get(key):
        return counter.worse
    return "low" if key.startswith("win_service.") else "none"


def is_count(key: str) -> bool:
    """Tell whether a counter counts something, so that it moves by whole numbers. The state of a service does not."""
    counter = COUNTERS.get(key)
    return counter is not None and not counter.unit and not key.startswith("win_service.")


def _mean(values: Sequence[float]) -> float:
    return exact.mean(values, len(values))


def _sum(values: Sequence[float]) -> float:
    try:
        return math.fsum(values)
    except OverflowError:
        return math.copysign(exact.LARGEST, max(values, key=abs))


_REDUCE: Mapping[Reduction, Callable[[Sequence[float]], float]] = {"avg": _mean, "sum": _sum, "min": min, "max": max}


def reduce_readings(reduction: Reduction, readings: Sequence[float]) -> float:
    """Reduce a minute's readings (at least one, all finite) to one value. Their order does not matter.

    The result is finite: a sum is limited to the largest double.
    """
    return _REDUCE[reduction](readings)
