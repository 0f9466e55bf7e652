"""Parts of a machine's readings, by psutil. What their raw values mean is pure; each part may fail by itself.

What can't be right is left out: rates over a gap (sleep), of an adapter or disk that came or went, of what counts from
the start and fell. Refuses to know which part goes before which (edge/readings.py).
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
"""What follows the disk's name in a partition's: a number, after a p where the disk's name ends with a digit."""

_LOOPBACK = re.compile(r"lo\d*$|loopback", re.IGNORECASE)


class Part(Protocol):
    """A part of the machine's readings."""

    keys: frozenset[str]
    """What it may read."""

    def read(self, now: Now) -> Readings:
        """Return the readings since the last call. Raises what its source raises."""


class Gauges:
    """What is so at the moment."""

    def __init__(self, read: Callable[[], Readings], *keys: str) -> None:
        self._read = read
        self.keys = frozenset(keys)

    def read(self, _: Now) -> Readings:
        """See Part."""
        return self._read()


class Processor:
    """Processor time, by what was spent on it since the last reading."""

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
"""Times that are part of others: a guest's of user's (Linux), interrupts' and DPCs' of system's (Windows)."""


def processor_shares(before: Mapping[str, float], after: Mapping[str, float]) -> Readings:
    """Return the shares of processor time between two readings of psutil's ``cpu_times``; nothing where it fell."""
    spent = {name: after[name] - before.get(name, 0.0) for name in after if name not in IN_OTHERS}
    if any(spent[name] < 0 for name in ("user", "system", "idle")):
        return {}
    spent = {name: max(0.0, value) for name, value in spent.items()}  # waiting for a disk may fall (Linux: proc(5))
    total = sum(spent.values())
    if not total:
        return {}
    idle = spent["idle"] + spent.get("iowait", 0.0)  # waiting for a disk is idling
    return {
        "win_cpu.percent_processor_time": 100 * (total - idle) / total,
        "win_cpu.percent_user_time": 100 * spent["user"] / total,
        "win_cpu.percent_privileged_time": 100 * spent["system"] / total,
    }


def processes() -> Readings:
    """Return how many processes there are."""
    return {"win_system.processes": len(psutil.pids())}


def swap() -> Readings:
    """Return how much of the page file is used."""
    return {"win_swap.percent_usage": psutil.swap_memory().percent}


def memory() -> Readings:
    """Return what is used and available of the memory."""
    found = psutil.virtual_memory()
    return {"win_mem.percent_used": found.percent, "win_mem.available_bytes": found.available}


class Growing:
    """What psutil counts since the start, by disk or adapter; a reading is what it grew by."""

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
        """Return the readings of what has grown in so many seconds."""
        raise NotImplementedError


def grown(before: Mapping[str, Any], after: Mapping[str, Any], name: str) -> list[float]:
    """Return how much a counter grew, of those that have it and of which that can be told."""
    then, now = ({key: float(getattr(each, name)) for key, each in counts.items()} for counts in (before, after))
    return list(increases(then, now).values())


class Disks(Growing):
    """Bytes of all disks, and the disks' mean idle time."""

    keys = frozenset(f"win_disk.{what}" for what in ("read_bytes_persec", "write_bytes_persec", "percent_idle_time"))

    def counts(self) -> Mapping[str, Any]:
        """See Growing: without partitions, which Linux lists too (sda1, nvme0n1p1)."""
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
    """Return for how long a disk was busy since the start.

    psutil gives that in milliseconds (Linux) or not at all. On Windows, what reading and writing took comes near, which
    psutil gives in whole seconds there (psutil 3002).
    """
    if hasattr(disk, "busy_time"):
        return float(disk.busy_time) / 1000
    return float(disk.read_time + disk.write_time) / (1 if sys.platform == "win32" else 1000)


class Network(Growing):
    """Bytes of all adapters but the loopback, and errors."""

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
    """Return the least free space of the logical disks."""
    free = []
    for partition in psutil.disk_partitions(all=False):
        if partition.fstype and "cdrom" not in partition.opts:
            try:
                free.append(100 - psutil.disk_usage(partition.mountpoint).percent)
            except OSError:  # a drive without a medium, or not ours to see
                continue
    return {"win_disk.percent_free_space": min(free)} if free else {}


class Sessions:
    """People's sessions, and how many came and went since the last look."""

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
    """Return sessions as psutil knows them.

    On Windows it tells neither the state nor when somebody logged on (``started`` is the last connecting): who has an
    address is connected.
    """
    if sys.platform == "win32":
        return [Session(user.name, user.host is not None) for user in psutil.users()]
    return [Session((user.name, user.terminal, user.started), active=True) for user in psutil.users()]
