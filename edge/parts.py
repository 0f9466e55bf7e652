"""The parts of a machine's readings that psutil provides. Each part may fail by itself.

Unreliable readings are left out: rates over a gap (sleep), rates of an adapter or disk that has appeared or
disappeared, and rates of a counter that fell. Refuses to know which part has priority (edge/readings.py).
"""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import psutil

from edge.increases import increases
from edge.sessions import Session, changes, states
from edge.spans import Now, span

Readings = dict[str, float]

_PARTITION = re.compile(r"(.*\d)p\d+$|(.*\D)\d+$")
"""A partition's name is its disk's name and a number. If the disk's name ends with a digit, a p stands between."""

_LOOPBACK = re.compile(r"lo\d*$|loopback", re.IGNORECASE)


class Part(Protocol):
    """A part of the machine's readings."""

    keys: frozenset[str]
    """The counters that this part may return."""

    def read(self, now: Now) -> Readings:
        """Return the readings since the last call. Raises the errors of its source."""


class Gauges:
    """Values of the present moment."""

    def __init__(self, read: Callable[[], Readings], *keys: str) -> None:
        self._read = read
        self.keys = frozenset(keys)

    def read(self, _: Now) -> Readings:
        """See Part."""
        return self._read()


class Processor:
    """The shares of processor time since the last reading."""

    keys = frozenset(f"win_cpu.percent_{kind}_time" for kind in ("processor", "user", "privileged"))

    def __init__(self) -> None:
        self._before: Mapping[str, float] = {}
        self._then: Now | None = None

    def read(self, now: Now) -> Readings:
        """See Part."""
        before, then = self._before, self._then
        self._before, self._then = psutil.cpu_times()._asdict(), now
        return processor_shares(before, self._before) if span(then, now) else {}


IN_OTHERS = frozenset({"guest", "guest_nice", "interrupt", "dpc"})
"""Times that other times include: user time includes guests' (Linux); system time includes interrupts and DPCs
(Windows)."""


def processor_shares(before: Mapping[str, float], after: Mapping[str, float]) -> Readings:
    """Return the shares of processor time between two readings of psutil's ``cpu_times``. Nothing if a time fell."""
    spent = {name: after[name] - before.get(name, 0.0) for name in after if name not in IN_OTHERS}
    if any(spent[name] < 0 for name in ("user", "system", "idle")):
        return {}
    spent = {name: max(0.0, value) for name, value in spent.items()}  # iowait may fall (Linux: proc(5))
    total = sum(spent.values())
    if not total:
        return {}
    idle = spent["idle"] + spent.get("iowait", 0.0)  # waiting for a disk counts as idle
    return {
        "win_cpu.percent_processor_time": 100 * (total - idle) / total,
        "win_cpu.percent_user_time": 100 * spent["user"] / total,
        "win_cpu.percent_privileged_time": 100 * spent["system"] / total,
    }


def processes() -> Readings:
    """Return the number of processes."""
    return {"win_system.processes": len(psutil.pids())}


def swap() -> Readings:
    """Return the used share of the page file."""
    return {"win_swap.percent_usage": psutil.swap_memory().percent}


def memory() -> Readings:
    """Return the used share of memory, and the available bytes."""
    found = psutil.virtual_memory()
    return {"win_mem.percent_used": found.percent, "win_mem.available_bytes": found.available}


class Growing:
    """Counters of psutil that count since boot, by disk or adapter. A reading is a counter's growth."""

    keys: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._before: Mapping[str, Any] = {}
        self._then: Now | None = None

    def read(self, now: Now) -> Readings:
        """See Part."""
        before, then = self._before, self._then
        self._before, self._then = self.counts(), now
        seconds = span(then, now)
        return self.rates(before, self._before, seconds) if seconds else {}

    def counts(self) -> Mapping[str, Any]:
        """Return psutil's counters by name."""
        raise NotImplementedError

    def rates(self, before: Mapping[str, Any], after: Mapping[str, Any], seconds: float) -> Readings:
        """Return the readings for the growth in so many seconds."""
        raise NotImplementedError


def grown(before: Mapping[str, Any], after: Mapping[str, Any], name: str) -> list[float]:
    """Return a counter's growth for each disk or adapter where it is known (edge/increases.py)."""
    then, now = ({key: float(getattr(each, name)) for key, each in counts.items()} for counts in (before, after))
    return list(increases(then, now).values())


class Disks(Growing):
    """The bytes of all disks, and the disks' mean idle time."""

    keys = frozenset(f"win_disk.{what}" for what in ("read_bytes_persec", "write_bytes_persec", "percent_idle_time"))

    def counts(self) -> Mapping[str, Any]:
        """See Growing. Partitions, which Linux lists too (sda1, nvme0n1p1), are left out."""
        found = psutil.disk_io_counters(perdisk=True) or {}
        return {
            name: each for name, each in found.items() if _PARTITION.sub(r"\1\2", name) not in found.keys() - {name}
        }

    def rates(self, before: Mapping[str, Any], after: Mapping[str, Any], seconds: float) -> Readings:
        """See Growing."""
        readings: Readings = {}
        for what in ("read", "write"):
            if bytes_ := grown(before, after, f"{what}_bytes"):
                readings[f"win_disk.{what}_bytes_persec"] = sum(bytes_) / seconds
        busy = increases(*({name: busy_seconds(each) for name, each in counts.items()} for counts in (before, after)))
        if busy:
            shares = [100 * (1 - min(each / seconds, 1.0)) for each in busy.values()]
            readings["win_disk.percent_idle_time"] = sum(shares) / len(shares)
        return readings


def busy_seconds(disk: Any) -> float:
    """Return how many seconds a disk was busy since boot.

    On Linux, psutil has this time in milliseconds. On Windows it does not; the sum of the times of reads and writes is
    close, which psutil has in whole seconds there (psutil 3002).
    """
    if hasattr(disk, "busy_time"):
        return float(disk.busy_time) / 1000
    return float(disk.read_time + disk.write_time) / (1 if sys.platform == "win32" else 1000)


class Network(Growing):
    """The bytes and errors of all adapters except the loopback."""

    keys = frozenset(
        f"win_net.{what}" for what in ("bytes_received_persec", "bytes_sent_persec", "packets_received_errors")
    )

    def counts(self) -> Mapping[str, Any]:
        """See Growing."""
        found = psutil.net_io_counters(pernic=True) or {}
        return {name: each for name, each in found.items() if not _LOOPBACK.match(name)}

    def rates(self, before: Mapping[str, Any], after: Mapping[str, Any], seconds: float) -> Readings:
        """See Growing."""
        readings: Readings = {}
        for what, name in (("received", "bytes_recv"), ("sent", "bytes_sent")):
            if bytes_ := grown(before, after, name):
                readings[f"win_net.bytes_{what}_persec"] = sum(bytes_) / seconds
        if errors := grown(before, after, "errin"):
            readings["win_net.packets_received_errors"] = sum(errors)
        return readings


def space() -> Readings:
    """Return the free space of the logical disk with the least."""
    free = []
    for partition in psutil.disk_partitions(all=False):
        if partition.fstype and "cdrom" not in partition.opts:
            try:
                free.append(100 - psutil.disk_usage(partition.mountpoint).percent)
            except OSError:  # a drive without a medium, or no permission
                continue
    return {"win_disk.percent_free_space": min(free)} if free else {}


class Sessions:
    """The users' sessions, and the numbers of log-ons and log-offs since the last reading."""

    keys = frozenset(
        f"win_session.{what}" for what in ("active_sessions", "disconnected_sessions", "logons", "logoffs")
    )

    def __init__(self, look: Callable[[], Sequence[Session]]) -> None:
        self._look = look
        self._before: Sequence[Session] = ()
        self._then: Now | None = None

    def read(self, now: Now) -> Readings:
        """See Part."""
        before, then = self._before, self._then
        self._before, self._then = self._look(), now
        return states(self._before) | (changes(before, self._before) if span(then, now) else {})


def psutil_sessions() -> Sequence[Session]:
    """Return the sessions that psutil reports.

    On Windows, psutil tells neither the state nor the time of log-on (``started`` is the time of the last connection).
    There, a session with an address counts as active.
    """
    if sys.platform == "win32":
        return [Session(user.name, user.host is not None) for user in psutil.users()]
    return [Session((user.name, user.terminal, user.started), active=True) for user in psutil.users()]
