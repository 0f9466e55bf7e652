"""Raw readings of this machine, with the names of Telegraf's Windows plugins.

On Windows they come from Windows' own performance counters (edge/windows.py) and its sessions (edge/sessions.py).
psutil (edge/parts.py) provides what Windows lacks, and everything on other systems. Each part is read by itself: a
failing part loses only its own readings, and is named.

Readings that are missing or implausible are left out and never reported as zero. Refuses to know minutes, files and
names of tenants.
"""

import math
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import psutil

from domain.counters import COUNTERS
from edge.parts import (
    Disks,
    Gauges,
    Network,
    Part,
    Processor,
    Readings,
    Sessions,
    memory,
    processes,
    psutil_sessions,
    space,
    swap,
)
from edge.spans import Now

ROUNDING = 1.0
"""How far a share may exceed 100 %, since its parts are not read at the same moment."""

_PER_USER = re.compile(r"_[0-9a-f]{4,16}")


class Machine:
    """The machine on which this runs. Rates and shares are computed between two calls of :meth:`read`."""

    def __init__(self, services: Sequence[str] = ()) -> None:
        """Begin to measure. ``services`` are the Windows services whose state is read (only on Windows)."""
        self.failed: dict[str, str] = {}
        """The parts and counters that can't be read now, each with the reason."""
        self._parts: dict[str, Part] = {}
        self._counters: Any = None
        self._add_windows()
        self._parts |= {
            "processor": Processor(),
            "processes": Gauges(processes, "win_system.processes"),
            "memory": Gauges(memory, "win_mem.percent_used", "win_mem.available_bytes"),
            "swap": Gauges(swap, "win_swap.percent_usage"),
            "disks": Disks(),
            "space": Gauges(space, "win_disk.percent_free_space"),
            "network": Network(),
            "sessions": Sessions(psutil_sessions),
        }
        self._services = services if sys.platform == "win32" else ()
        self.read()  # the first values to compare with

    def _add_windows(self) -> None:
        """Add the parts that Windows itself provides. They have priority over psutil."""
        if sys.platform == "win32":
            try:
                from edge.pdh import Query  # noqa: PLC0415  (on Windows only)
                from edge.sessions import windows_sessions  # noqa: PLC0415
                from edge.windows import Counters  # noqa: PLC0415
            except (ImportError, OSError, AttributeError) as error:
                self.failed["Windows"] = f"its performance counters can't be read: {error}"
                return
            self._counters = Counters(Query)
            self._parts |= {"Windows' sessions": Sessions(windows_sessions), "Windows' counters": self._counters}

    def read(self) -> Mapping[str, float]:
        """Return the readings since the last call, by counter key."""
        now = Now(time.monotonic(), time.time())
        readings: Readings = {}
        for name, part in self._parts.items():
            if part.keys and part.keys <= readings.keys():
                continue
            found = self._read(name, partial(part.read, now))
            readings = {**found, **readings}
        for name in self._services:
            readings |= self._read(f"service {name}", partial(_service, name))
        readings = {key: right for key, value in readings.items() if (right := plausible(key, value)) is not None}
        self._tell_missing(readings)
        return readings

    def _read(self, name: str, read: Callable[[], Readings]) -> Readings:
        try:
            found = read()
        except Exception as error:  # noqa: BLE001  (any error of a system's library; the other parts are still read)
            self.failed[name] = str(error) or type(error).__name__
            return {}
        self.failed.pop(name, None)
        return found

    def _tell_missing(self, readings: Readings) -> None:
        """Name the counters that neither this Windows nor psutil has."""
        for key in [name for name in self.failed if name in COUNTERS]:
            del self.failed[key]
        if self._counters:
            self.failed |= {key: why for key, why in self._counters.missing.items() if key not in readings}


def plausible(key: str, value: float) -> float | None:
    """Return a reading, or None if it is implausible."""
    known = COUNTERS.get(key)
    if not math.isfinite(value) or value < 0:
        return None
    if known and known.unit == "%":
        return min(float(value), 100.0) if value <= 100 + ROUNDING else None
    return float(value)


def _service(name: str) -> Readings:
    """Return 1 if a Windows service runs, else 0. Raises psutil.Error if it does not exist.

    If each user has an instance of the service (``NAME_3f2a1``), NAME is only a template and never runs. Then the
    instances are read.
    """
    get, each = (getattr(psutil, f"win_service_{what}", None) for what in ("get", "iter"))  # on Windows only
    running = [_runs(get(name))] if get else []
    if each and not all(running):
        running = [_runs(one) for one in each() if _PER_USER.fullmatch(one.name().removeprefix(name))] or running
    return {f"win_service.{name}": float(all(running))}


def _runs(service: Any) -> bool:
    return bool(service.status() == "running")
