r"""Maps Windows' performance counters to ours, and knows what their values mean.

For ``LogicalDisk``, the mean idle time and the bytes of all disks come from Windows' own ``_Total``. The least free
space and the longest queue have no such counter, so they come from the single drives. Errors of adapters are counted
since boot. If nothing was read, there is no mean time of reads.

Pure, except for the query that it is given. Refuses to know how Windows is asked (edge/pdh.py).
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from edge.increases import increases
from edge.spans import Now, span

NO_DRIVE = "HarddiskVolume"
"""The beginning of the names of volumes without a drive letter, such as the recovery volume."""

ADDED_UP = "_Total"
RETRY_SECONDS = 300
"""Missing counters are added again after this time: a role may have been installed, or a service started."""

GAUGES: Mapping[str, str] = {
    "win_system.processor_queue_length": r"\System\Processor Queue Length",
    "win_system.processes": r"\System\Processes",
    "win_mem.available_bytes": r"\Memory\Available Bytes",
    "win_swap.percent_usage": r"\Paging File(_Total)\% Usage",
    "win_session.active_sessions": r"\Terminal Services\Active Sessions",
}
RATES: Mapping[str, str] = {
    "win_cpu.percent_processor_time": r"\Processor(_Total)\% Processor Time",
    "win_cpu.percent_user_time": r"\Processor(_Total)\% User Time",
    "win_cpu.percent_privileged_time": r"\Processor(_Total)\% Privileged Time",
    "win_disk.percent_idle_time": r"\LogicalDisk(_Total)\% Idle Time",
    "win_disk.read_bytes_persec": r"\LogicalDisk(_Total)\Disk Read Bytes/sec",
    "win_disk.write_bytes_persec": r"\LogicalDisk(_Total)\Disk Write Bytes/sec",
    "win_disk.latency_read_seconds": r"\LogicalDisk(_Total)\Avg. Disk sec/Read",
    "win_disk.latency_write_seconds": r"\LogicalDisk(_Total)\Avg. Disk sec/Write",
}
"""Rates between two readings. There is none after a gap."""

LATENCIES = frozenset({"win_disk.latency_read_seconds", "win_disk.latency_write_seconds"})

FREE, QUEUE = "win_disk.percent_free_space", "win_disk.current_disk_queue_length"
RECEIVED, SENT = "win_net.bytes_received_persec", "win_net.bytes_sent_persec"
ERRORS = "win_net.packets_received_errors"
INSTANCES: Mapping[str, str] = {
    FREE: r"\LogicalDisk(*)\% Free Space",
    QUEUE: r"\LogicalDisk(*)\Current Disk Queue Length",
    RECEIVED: r"\Network Interface(*)\Bytes Received/sec",
    SENT: r"\Network Interface(*)\Bytes Sent/sec",
    ERRORS: r"\Network Interface(*)\Packets Received Errors",
}
INPUT_DELAY = "win_session.input_delay_ms"
DELAY_PATH = r"\User Input Delay per Session(Max)\Max Input Delay"


class Query(Protocol):
    """Windows' performance counters (edge/pdh.py). Every method raises OSError."""

    def add(self, path: str) -> object:
        """Add a counter."""

    def collect(self) -> None:
        """Read all counters."""

    def value(self, counter: object) -> float | None:
        """Return a counter's value, or None if it is not valid."""

    def values(self, counter: object) -> Mapping[str, float]:
        """Return the valid values of a counter by instance."""


def drives(values: Mapping[str, float]) -> list[float]:
    """Return the values of the logical disks with a drive letter, or of all if none has one."""
    disks = {name: value for name, value in values.items() if name != ADDED_UP}
    return [value for name, value in disks.items() if not name.startswith(NO_DRIVE)] or list(disks.values())


def adapters(values: Mapping[str, float]) -> dict[str, float]:
    """Return the values of the single adapters."""
    return {name: value for name, value in values.items() if name != ADDED_UP}


class Counters:
    """Windows' counters as readings. ``missing`` has the counters that can't be read now, with the reason."""

    keys: frozenset[str] = frozenset()

    def __init__(self, open_query: Callable[[], Query]) -> None:
        self._open = open_query
        self._query: Query | None = None
        self._handles: dict[str, object] = {}
        self._tried: Now | None = None
        self._then: Now | None = None
        self._errors: dict[str, float] = {}
        self._delay: EverySecond | None = None
        self.missing: dict[str, str] = {}

    def read(self, now: Now) -> dict[str, float]:
        """Return the readings since the last call. Raises OSError if there are none at all."""
        if self._tried is None or now.steady - self._tried.steady >= RETRY_SECONDS:
            self._try(now)
        if self._query is None:
            raise OSError("Windows' performance counters can't be opened")
        seconds = span(self._then, now)
        self._then = None
        self._query.collect()
        self._then = now
        return dict(self._values(self._query, seconds))

    def _try(self, now: Now) -> None:
        """Add the counters that are still missing."""
        self._tried = now
        if self._query is None:
            self._query = self._open()
        for key, path in {**GAUGES, **RATES, **INSTANCES}.items():
            if key not in self._handles:
                try:
                    self._handles[key] = self._query.add(path)
                    self.missing.pop(key, None)
                    self._then = None  # a rate needs two collections
                except OSError as error:
                    self.missing[key] = f"{path}: {error}"
        if self._delay is None:
            try:
                self._delay = EverySecond(self._open(), DELAY_PATH)
                self.missing.pop(INPUT_DELAY, None)
            except OSError as error:
                self.missing[INPUT_DELAY] = f"{DELAY_PATH}: {error}"

    def _values(self, query: Query, seconds: float | None) -> Iterator[tuple[str, float]]:
        for key in {**GAUGES, **(RATES if seconds else {})}:
            value = query.value(self._handles[key]) if key in self._handles else None
            if value is not None and (value or key not in LATENCIES):
                yield key, value
        of = {key: query.values(self._handles[key]) for key in INSTANCES if key in self._handles}
        if free := drives(of.get(FREE, {})):
            yield FREE, min(free)
        if queues := drives(of.get(QUEUE, {})):
            yield QUEUE, max(queues)
        for key in (RECEIVED, SENT):
            if seconds and (rates := adapters(of.get(key, {}))):
                yield key, sum(rates.values())
        before, self._errors = self._errors, adapters(of.get(ERRORS, {}))
        if seconds and (grown := increases(before, self._errors)):
            yield ERRORS, sum(grown.values())
        if self._delay and (delay := self._delay.take()) is not None:
            yield INPUT_DELAY, delay


class EverySecond:
    """Reads a counter each second, and returns the largest value since it was last taken.

    Microsoft's pages disagree whether ``User Input Delay`` is the largest value since the last read or that of the last
    second. Read each second, both are the same.
    """

    def __init__(self, query: Query, path: str, every: float = 1.0) -> None:
        """Begin to read the counter. Raises OSError."""
        self._query, self._counter, self._every = query, query.add(path), every
        self._greatest: float | None = None
        self._lock = threading.Lock()
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        while True:
            try:
                self._query.collect()
                value = self._query.value(self._counter)
            except OSError:  # without a session there is no value
                value = None
            if value is not None:
                with self._lock:
                    self._greatest = value if self._greatest is None else max(self._greatest, value)
            time.sleep(self._every)

    def take(self) -> float | None:
        """Return the largest value since the last call, or None if there was none."""
        with self._lock:
            greatest, self._greatest = self._greatest, None
        return greatest
