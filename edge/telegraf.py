"""The meaning of Telegraf's metrics, so that a fleet with Telegraf needs no second collector.

* A counter is measurement.field. The field is in lower case, and dots of the measurement become ``_``
  (``Percent_Idle_Time`` of ``win_disk`` is ``win_disk.percent_idle_time``). RENAMED maps names that differ from ours.
* ``win_services`` has a state per service: ``state`` 4 (running) becomes ``win_service.NAME`` 1, any other state 0. A
  service of one user (``NAME_3f2a1``) counts as NAME. The template with that name never runs and is left out.
* Several instances at one moment (tags such as ``instance``, ``cpu``, ``device``) become one reading. Bytes per second
  and counts are added. For a minimum or maximum (by the table: free space, queues) only the single instances count.
  For all others the total counts if there is one (``_Total``, ``cpu-total``), else the counter's reduction or
  ``--reduce`` applies.
* ``Max``, ``Average`` and ``_Total`` of ``User Input Delay`` are not sessions. They count only if there are no others.
* Errors of adapters are counted since boot (GROWING, if the tag ``objectname`` says that Windows counted them). A
  reading is the growth since the one before it.
* The VM's name is the tag that ``--host-tag`` names, else ``source`` (a computer that Telegraf reads remotely), else
  ``host``. Fields that are not numbers are ignored.

Knows Telegraf's names; refuses to know files, streams and the use of readings.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from domain.counters import COUNTERS, Reduction, reduce_readings, reduction_of
from domain.names import key_of, key_problem, name_problem
from edge.increases import LONGEST_GAP, increases
from edge.telegraf_json import NO_TIME, seconds_of

NO_NAME = "metrics have a host or a name that is not allowed"

RENAMED: Mapping[str, str] = {
    f"{measurement}.{theirs}": ours
    for measurement in ("win_disk", "win_diskio")
    for theirs, ours in {
        "disk_read_bytes_persec": "win_disk.read_bytes_persec",
        "disk_write_bytes_persec": "win_disk.write_bytes_persec",
        "avg._disk_sec/read": "win_disk.latency_read_seconds",
        "avg._disk_sec/write": "win_disk.latency_write_seconds",
    }.items()
}
"""Our names of Windows' counters of logical disks (Telegraf's ``win_disk``) and physical ones (``win_diskio``). If both
are measured, the logical disks count."""

MEANS = frozenset(theirs for theirs, ours in RENAMED.items() if "latency" in ours)
"""Mean times of reads and writes. Windows reports 0 if there were none; such a value is left out."""

GROWING: Mapping[str, Reduction] = {
    f"win_net.packets_{what}": "sum"
    for what in ("received_errors", "outbound_errors", "received_discarded", "outbound_discarded", "received_unknown")
}
"""The counters of ``Network Interface`` that count since boot, and the reduction of their growth within a minute."""

TOTALS = frozenset({"_Total", "_total", "cpu-total"})
OVER_SESSIONS = ("Max", "Average", *TOTALS)
INPUT_DELAY = "input_delay"
FREE_SPACE = "win_disk.percent_free_space"
NO_DRIVE = "HarddiskVolume"
"""The beginning of the names of volumes without a drive letter, such as the recovery volume."""

SERVICES = "win_services"
RUNNING = 4
"""Windows' number of the state SERVICE_RUNNING."""
PER_USER = re.compile(r"(.+)_[0-9a-f]{4,16}")
"""The name of one user's service: the template's name, and the number of the log-on."""

INSTANCE_TAGS = ("instance", "cpu", "device", "disk", "path", "interface", "name")
HERE = frozenset({"localhost", ".", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Moment:
    """The readings of one host (None if unknown) at one second."""

    host: str | None
    timestamp: int
    values: Mapping[str, float]


class _Place(NamedTuple):
    """The place of a measurement. ``windows`` says whether Windows' performance counters measured it."""

    measurement: str
    instance: str
    windows: bool


_Values = dict[str, dict[_Place, float]]
"""The values of one host and second, by counter and place."""


@dataclass(slots=True)
class Folding:
    """Turns metrics into readings as they arrive.

    The newest second of each host is held back until a newer one arrives or the host is quiet, because its instances
    may arrive in two pieces.
    """

    host_tags: Sequence[str] = ()
    reductions: Mapping[str, Reduction] = field(default_factory=dict)
    layout: str | None = None
    """The format of times that are texts, for strptime."""
    unread: Counter[str] = field(default_factory=Counter)
    """The number of unusable metrics, by reason."""
    _held: dict[str | None, dict[int, _Values]] = field(default_factory=dict)
    _fresh: set[str | None] = field(default_factory=set)
    _grown: dict[tuple[str | None, str], tuple[int, dict[str, float]]] = field(default_factory=dict)

    def add(self, metrics: Iterable[Mapping[str, Any]]) -> list[Moment]:
        """Add metrics. Return the complete readings in the order of time."""
        for metric in metrics:
            self._take(metric)
        return self._given({host: sorted(held)[:-1] for host, held in self._held.items()})

    def settle(self) -> list[Moment]:
        """Return the readings held back of hosts that were quiet since the last call."""
        quiet = {host: sorted(held) for host, held in self._held.items() if host not in self._fresh}
        self._fresh.clear()
        return self._given(quiet)

    def flush(self) -> list[Moment]:
        """Return all readings held back."""
        return self._given({host: sorted(held) for host, held in self._held.items()})

    def _take(self, metric: Mapping[str, Any]) -> None:
        second = seconds_of(metric["timestamp"], self.layout)
        if second is None:
            self.unread[NO_TIME] += 1
            return
        tags = metric.get("tags")
        tags = tags if isinstance(tags, dict) else {}
        host = self._host(tags)
        if host is not None and name_problem(host):
            self.unread[NO_NAME] += 1
            return
        values = self._held.setdefault(host, {}).setdefault(second, defaultdict(dict))
        self._fresh.add(host)
        for key, place, value in self._readings(str(metric.get("name")), metric["fields"], tags):
            values[key][place] = value

    def _host(self, tags: Mapping[str, Any]) -> str | None:
        for tag in (*self.host_tags, "source", "host"):
            name = str(tags.get(tag) or "").strip()
            if name and not (tag == "source" and name.casefold() in HERE):
                return name
        return None

    def _readings(
        self, name: str, fields: Mapping[str, Any], tags: Mapping[str, Any]
    ) -> Iterator[tuple[str, _Place, float]]:
        """Yield key, place and value of each field that is a number."""
        if name == SERVICES:
            service, state = str(tags.get("service_name") or ""), fields.get("state")
            user = PER_USER.fullmatch(service)
            if _number(state) is not None and self._may_be("win_service", user[1] if user else service):
                key = key_of("win_service", user[1] if user else service)
                yield key, _Place(name, service if user else "", windows=False), 1.0 if state == RUNNING else 0.0
            return
        measurement = name.replace(".", "_")
        place = _Place(name, "/".join(str(tags[tag]) for tag in INSTANCE_TAGS if tag in tags), "objectname" in tags)
        for field_name, given in fields.items():
            value = _number(given)
            if value is not None and self._may_be(measurement, field_name):
                key = key_of(measurement, field_name.lower())
                if value or key not in MEANS:
                    yield RENAMED.get(key, key), place, value

    def _may_be(self, perf_type: str, perf_name: str) -> bool:
        if problem := key_problem(perf_type, perf_name):
            self.unread[NO_NAME] += 1
        return not problem

    def _given(self, seconds: Mapping[str | None, Sequence[int]]) -> list[Moment]:
        """Return the readings held for these seconds, and release them."""
        moments = []
        for host, given in seconds.items():
            for second in given:
                values = self._held[host].pop(second)
                readings = dict(self._folded(host, second, values))
                if readings:
                    moments.append(Moment(host, second, readings))
            if not self._held[host]:
                del self._held[host]
        return sorted(moments, key=lambda moment: (moment.timestamp, moment.host or ""))

    def _folded(self, host: str | None, second: int, values: _Values) -> Iterator[tuple[str, float]]:
        for key, places in values.items():
            measurement = min(place.measurement for place in places)
            instances = {place.instance: value for place, value in places.items() if place.measurement == measurement}
            if key in GROWING and any(place.windows for place in places):
                instances = self._growth(host, second, key, instances)
            if instances:
                yield fold(key, instances, self.reductions)

    def _growth(self, host: str | None, second: int, key: str, counts: dict[str, float]) -> dict[str, float]:
        """Return the growth since the last reading by instance. Empty if there was none or it is too long ago."""
        then, before = self._grown.get((host, key), (second, {}))
        if second < then:
            return {}
        self._grown[host, key] = (second, counts)
        return increases(before, counts) if second - then <= LONGEST_GAP else {}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def fold(key: str, instances: Mapping[str, float], reductions: Mapping[str, Reduction]) -> tuple[str, float]:
    """Reduce a counter's instances (at least one) to one reading. Return its key and value.

    For a minimum or maximum, the total means something else (such as the free space of all disks together). If there is
    only the total, the key ends with ``_total``.
    """
    known = COUNTERS.get(key)
    if known and known.reduction in ("min", "max") and INPUT_DELAY not in key and instances.keys() <= TOTALS:
        return f"{key}_total", next(iter(instances.values()))
    instances = _alone(key, instances, extreme=known is not None and known.reduction in ("min", "max"))
    if total := next((instance for instance in instances if instance in TOTALS), None):
        return key, instances[total]
    added = key in GROWING or (known is not None and (known.unit == "B/s" or known.reduction == "sum"))
    return key, reduce_readings("sum" if added else reduction_of(key, reductions), list(instances.values()))


def _alone(key: str, instances: Mapping[str, float], *, extreme: bool) -> Mapping[str, float]:
    """Leave out totals and other values that are not single instances, unless nothing else is left."""
    if INPUT_DELAY in key:
        left = {name: value for name, value in instances.items() if name not in OVER_SESSIONS}
        over = next((name for name in OVER_SESSIONS if name in instances), None)
        return left or {name: instances[name] for name in (over,) if name is not None}
    if key.startswith("win_service."):
        left = {name: value for name, value in instances.items() if name}
    elif extreme:
        left = {name: value for name, value in instances.items() if name not in TOTALS}
        if key == FREE_SPACE:
            left = {name: value for name, value in left.items() if not name.startswith(NO_DRIVE)} or left
    else:
        return instances
    return left or instances
