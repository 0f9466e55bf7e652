"""Raw readings of this machine, by psutil, under the names that Telegraf's Windows plugins give them.

Knows psutil; refuses to know minutes, files and names of tenants. A reading that this machine can't give is left out,
never given as zero. Names, units and reductions stand in domain/counters.py.
"""

import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psutil

Readings = dict[str, float]

_PARTITION = re.compile(r"(.*\d)p\d+$|(.*\D)\d+$")
"""What follows the disk's name in a partition's: a number, after a p where the disk's name ends with a digit."""


class Machine:
    """The machine that this runs on. Rates and shares are taken between one call of :meth:`read` and the next."""

    def __init__(self, services: Sequence[str] = ()) -> None:
        """Begin to measure; ``services`` are the Windows services whose state is read (elsewhere there are none)."""
        self._services = services
        self._then = time.monotonic()
        self._cpu = psutil.cpu_times()
        self._disk = psutil.disk_io_counters()
        self._disks = _disks()
        self._net = psutil.net_io_counters()
        self._logged_on = time.time()
        self.failed: dict[str, str] = {}
        """What can't be read now, by group, with the reason."""

    def read(self) -> Mapping[str, float]:
        """Return the readings since the last call, by counter key."""
        now = time.monotonic()
        seconds = max(now - self._then, 0.001)
        self._then = now
        readings: Readings = {}
        groups: tuple[Callable[[float], Readings], ...] = (
            self._processor,
            self._memory,
            self._io,
            self._idle,
            self._space,
            self._network,
            self._sessions,
            self._states,
        )
        for group in groups:
            name = group.__name__.strip("_")
            try:
                readings.update(group(seconds))
                self.failed.pop(name, None)
            except (psutil.Error, OSError, RuntimeError, NotImplementedError) as error:
                self.failed[name] = str(error)  # and the others are read all the same
        return {key: float(value) for key, value in readings.items() if value >= 0}

    def _processor(self, _: float) -> Readings:
        before, self._cpu = self._cpu, psutil.cpu_times()
        spent = {name: max(0.0, getattr(self._cpu, name) - getattr(before, name)) for name in self._cpu._fields}
        # A guest's time is in user's already (Linux); waiting for a disk is idling.
        total = sum(value for name, value in spent.items() if name not in ("guest", "guest_nice"))
        readings: Readings = {"win_system.processes": len(psutil.pids())}
        if total:
            idle = spent["idle"] + spent.get("iowait", 0.0)
            readings["win_cpu.percent_processor_time"] = 100 * (total - idle) / total
            readings["win_cpu.percent_user_time"] = 100 * spent["user"] / total
            readings["win_cpu.percent_privileged_time"] = 100 * spent["system"] / total
        return readings

    def _memory(self, _: float) -> Readings:
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        return {
            "win_mem.percent_used": memory.percent,
            "win_mem.available_bytes": memory.available,
            "win_swap.percent_usage": swap.percent,
        }

    def _io(self, seconds: float) -> Readings:
        before, self._disk = self._disk, psutil.disk_io_counters()
        keys = {"read_bytes": "win_disk.read_bytes_persec", "write_bytes": "win_disk.write_bytes_persec"}
        return _grown(before, self._disk, keys, seconds)

    def _idle(self, seconds: float) -> Readings:
        """The mean idle time of the disks."""
        before, self._disks = self._disks, _disks()
        shares = []
        for name, busy in self._disks.items():
            if name in before:
                shares.append(100 * (1 - min(max((busy - before[name]) / (seconds * 1000), 0.0), 1.0)))
        return {"win_disk.percent_idle_time": sum(shares) / len(shares)} if shares else {}

    def _space(self, _: float) -> Readings:
        """The least free space of the logical disks."""
        free = []
        for partition in psutil.disk_partitions(all=False):
            if partition.fstype and "cdrom" not in partition.opts:
                try:
                    free.append(100 - psutil.disk_usage(partition.mountpoint).percent)
                except OSError:  # a drive without a medium, or not ours to see
                    continue
        return {"win_disk.percent_free_space": min(free)} if free else {}

    def _network(self, seconds: float) -> Readings:
        before, self._net = self._net, psutil.net_io_counters()
        rates = {"bytes_recv": "win_net.bytes_received_persec", "bytes_sent": "win_net.bytes_sent_persec"}
        counts = {"errin": "win_net.packets_received_errors"}
        return _grown(before, self._net, rates, seconds) | _grown(before, self._net, counts)

    def _sessions(self, _: float) -> Readings:
        users = psutil.users()
        before, self._logged_on = self._logged_on, time.time()
        return {
            "win_session.active_sessions": len(users),
            "win_session.logons": sum(1 for user in users if before <= user.started < self._logged_on),
        }

    def _states(self, _: float) -> Readings:
        """1 for each service that runs, 0 for one that does not; one that is not installed is left out."""
        readings: Readings = {}
        if sys.platform == "win32":
            for name in self._services:
                try:
                    readings[f"win_service.{name}"] = float(psutil.win_service_get(name).status() == "running")
                except psutil.NoSuchProcess:
                    continue
        return readings


def _grown(before: Any, after: Any, keys: Mapping[str, str], seconds: float = 1.0) -> Readings:
    """How much counters (by psutil's names, with their keys) grew, a second; without those that began anew."""
    if not before or not after:
        return {}
    grown = {key: getattr(after, name) - getattr(before, name) for name, key in keys.items()}
    return {key: value / seconds for key, value in grown.items() if value >= 0}


def _disks() -> dict[str, float]:
    """By disk, the milliseconds that it was busy; without partitions, which Linux lists too (sda1, nvme0n1p1)."""
    counters = psutil.disk_io_counters(perdisk=True) or {}
    return {
        # Windows tells no busy time; what reading and writing took comes near.
        name: float(getattr(each, "busy_time", each.read_time + each.write_time))
        for name, each in counters.items()
        if _PARTITION.sub(r"\1\2", name) not in counters.keys() - {name}
    }
