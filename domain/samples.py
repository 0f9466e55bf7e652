"""Samples and VM windows: which samples are accepted, how readings become samples, and how windows merge.

Knows the rules for one sample and the shape of a VM window; refuses to know how either is written as bytes
(domain.wire) or kept (storage).
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from domain.counters import Reduction, reduce_readings, reduction_of
from domain.minutes import MINUTE, MINUTES_PER_WINDOW, WINDOW, minutes_of, window_of
from domain.names import key_of, key_problem, name_problem, split_key
from domain.refusals import Refusals

FUTURE_TOLERANCE = 300
"""A sample more than this many seconds ahead of the clock is refused: it would move "latest" for everyone."""

MOST_COUNTERS = 1000
"""The most counters that a VM window or a rollup holds: so many still fit into a document of the store (2 MB)."""

MOST_VM_WINDOWS = 1_000
FEW_VM_WINDOWS = 200
BYTES_A_VM_WINDOW = 100
"""How many VM windows one message may belong to: FEW, and one more for each so many bytes that were sent, at the most
MOST. Each is a write, so else a few bytes could ask for any number. A message as a SPOC packs it, full, belongs to some
35, and never to more than FEW (domain.packing)."""

MOST_TENANTS = 100
"""Of how many tenants the samples of one message may be. Those of a SPOC are of one."""

NO_ROOM = f"the VM has more than {MOST_COUNTERS:,} counters in this window"
TOO_SCATTERED = "the message belongs to too many VMs, windows or tenants for its size; send it in parts"

MILLISECONDS = 100_000_000_000
"""A timestamp from here on (the year 5138 in seconds) is taken for milliseconds in the refusal's words."""


class Sample(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One value of one counter of one VM for one minute: the ten fields of the wire format, by its names.

    A msgspec struct and no dataclass, because it is decoded a million times a second; in the order of the wire, in
    which each field is found at once. Fields that a message has besides these are ignored. Types are checked when
    decoded; values by :func:`collect`.
    """

    timestamp: int
    MaskedTenantId: str
    SiteName: str | None = None
    MaskedVMName: str
    ResourcePoolName: str | None = None
    Region: str | None = None
    MachineSize: str | None = None
    PerfName: str
    PerfValue: float
    PerfType: str


@dataclass(frozen=True, slots=True)
class Dimensions:
    """What is known of a VM besides its names. Any of it may be unknown."""

    SiteName: str | None = None
    ResourcePoolName: str | None = None
    Region: str | None = None
    MachineSize: str | None = None

    def updated(self, newer: "Dimensions") -> "Dimensions":
        """Return these, with what ``newer`` knows in place of what it knows better."""
        return Dimensions(
            newer.SiteName if newer.SiteName is not None else self.SiteName,
            newer.ResourcePoolName if newer.ResourcePoolName is not None else self.ResourcePoolName,
            newer.Region if newer.Region is not None else self.Region,
            newer.MachineSize if newer.MachineSize is not None else self.MachineSize,
        )


@dataclass(frozen=True, slots=True)
class VmWindow:
    """All samples of one VM in one window.

    ``series`` maps a counter key to 15 values, one a minute, oldest first; None where there is no sample.
    """

    tenant: str
    vm: str
    window: int
    dimensions: Dimensions
    series: Mapping[str, Sequence[float | None]]

    def merged(self, newer: "VmWindow") -> "VmWindow":
        """Return this window with the samples of ``newer`` (of the same VM and window) laid over it.

        Idempotent; and commutative but where both hold the same sample with different values: then the newer wins.
        """
        series = dict(self.series)
        for key, row in newer.series.items():
            old = series.get(key)
            series[key] = (
                row
                if old is None or None not in row
                else [was if value is None else value for value, was in zip(row, old, strict=True)]
            )
        return VmWindow(self.tenant, self.vm, self.window, self.dimensions.updated(newer.dimensions), series)

    def fitting(self, known: Collection[str] = ()) -> tuple["VmWindow", "VmWindow | None"]:
        """Split off what would make more than MOST_COUNTERS, together with the counters that are known already.

        Returns what fits and the rest (None: all fits).
        """
        if len(self.series) + len(known) <= MOST_COUNTERS:
            return self, None
        new = sorted(self.series.keys() - known)
        excess = new[max(0, MOST_COUNTERS - len(known)) :]
        if not excess:
            return self, None
        fits = {key: row for key, row in self.series.items() if key not in excess}
        rest = {key: self.series[key] for key in excess}
        return replace(self, series=fits), replace(self, series=rest)

    def samples(self, keys: Collection[str] = ()) -> Iterator[Sample]:
        """Yield the samples, by counter and then by minute: of these counters, or of all if none is named."""
        dimensions = self.dimensions
        for key, row in self.series.items():
            if keys and key not in keys:
                continue
            perf_type, perf_name = split_key(key)
            for timestamp, value in zip(minutes_of(self.window), row, strict=True):
                if value is not None:
                    yield Sample(
                        timestamp=timestamp,
                        MaskedTenantId=self.tenant,
                        SiteName=dimensions.SiteName,
                        MaskedVMName=self.vm,
                        ResourcePoolName=dimensions.ResourcePoolName,
                        Region=dimensions.Region,
                        MachineSize=dimensions.MachineSize,
                        PerfName=perf_name,
                        PerfValue=value,
                        PerfType=perf_type,
                    )


@dataclass(frozen=True, slots=True)
class Horizon:
    """The timestamps that are accepted, both ends included."""

    oldest: int
    newest: int

    @classmethod
    def at(cls, now: int, retention: int, whole_from: int = 0) -> "Horizon":
        """Return the horizon at ``now``: as far back as samples are retained (seconds), a little into the future.

        Not before ``whole_from``: samples of then may have expired under a shorter retention (domain.closing).
        """
        return cls(max(now - retention, whole_from), now + FUTURE_TOLERANCE)

    def problem(self, timestamp: int) -> str | None:
        """Say why a timestamp is refused, or return None."""
        if self.oldest <= timestamp <= self.newest:
            return None
        if timestamp >= MILLISECONDS:
            return "timestamp seems to be in milliseconds; Unix seconds are expected"
        if timestamp > self.newest:
            return "timestamp lies in the future: is the VM's clock right?"
        return "timestamp is older than samples are kept"


@dataclass(frozen=True, slots=True)
class Collected:
    """What became of the samples of one message."""

    windows: tuple[VmWindow, ...]
    refused: Refusals
    samples: int
    """How many distinct samples the windows hold."""


@dataclass(slots=True)
class _Building:
    """A VM window that is being filled. ``rows`` holds the rows of ``series`` by PerfType and PerfName.

    ``again`` holds all readings of each minute that has several.
    """

    dimensions: Dimensions = Dimensions()
    series: dict[str, list[float | None]] = field(default_factory=dict)
    rows: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)
    again: dict[tuple[str, int], list[float]] = field(default_factory=dict)

    def begin(self, perf_type: str, perf_name: str) -> list[float | None]:
        """Return a new row, for a counter that has none yet."""
        row: list[float | None] = [None] * MINUTES_PER_WINDOW
        self.rows.setdefault(perf_type, {})[perf_name] = row
        self.series[key_of(perf_type, perf_name)] = row
        return row

    def reduce(self, overrides: Mapping[str, Reduction] | None) -> int:
        """Make one of each minute's readings; return how many fewer there are then."""
        for (key, minute), readings in self.again.items():
            self.series[key][minute] = reduce_readings(reduction_of(key, overrides), readings)
        return sum(len(readings) - 1 for readings in self.again.values())


def vm_windows_of(sent: int) -> int:
    """Return how many VM windows a message of so many bytes may belong to."""
    return min(MOST_VM_WINDOWS, FEW_VM_WINDOWS + sent // BYTES_A_VM_WINDOW)


def collect(
    readings: Sequence[Sample],
    horizon: Horizon,
    overrides: Mapping[str, Reduction] | None = None,
    most: int = MOST_VM_WINDOWS,
    refuses: Callable[[str], str | None] = lambda _: None,
) -> Collected:
    """Sort the readings of one message, of at ``most`` so many VM windows, into these, refusing what breaks a rule.

    ``refuses`` says of a tenant why its readings are not taken from this message, or None.
    Several readings of one counter and VM in one minute are reduced by the counter's rule. The order of the readings
    matters only for dimensions that contradict each other: the last one named wins.
    """
    building: dict[tuple[str, str, int], _Building] = {}
    refused = Refusals()
    tenants: set[str] = set()
    # This loop is the cost of ingest. One VM's readings usually stand together, so what was found for the last one is
    # kept; a reading goes the long way only where it differs. ``first`` and ``last`` bound the seconds of the window
    # that are within the horizon; none are at the beginning.
    window, first, last = 0, 0, -1
    tenant = vm = site = pool = region = size = None
    current = _Building()
    rows = current.rows
    for position, reading in enumerate(readings):
        second = reading.timestamp - window
        if (
            second < first
            or second > last
            or reading.MaskedVMName != vm
            or reading.MaskedTenantId != tenant
            or reading.ResourcePoolName != pool
            or reading.SiteName != site
            or reading.Region != region
            or reading.MachineSize != size
        ):
            problem = horizon.problem(reading.timestamp) or _vm_problem(reading) or refuses(reading.MaskedTenantId)
            if problem:
                refused.add(position, problem, reading)
                continue
            identity = (reading.MaskedTenantId, reading.MaskedVMName, window_of(reading.timestamp))
            if identity not in building:
                full = len(tenants) >= MOST_TENANTS and reading.MaskedTenantId not in tenants
                if full or len(building) >= most:
                    refused.add(position, TOO_SCATTERED, reading)
                    continue
                tenants.add(reading.MaskedTenantId)
            tenant, vm, window = identity
            first, last = max(0, horizon.oldest - window), min(WINDOW - 1, horizon.newest - window)
            second = reading.timestamp - window
            site, pool = reading.SiteName, reading.ResourcePoolName
            region, size = reading.Region, reading.MachineSize
            current = building.setdefault(identity, _Building())
            current.dimensions = current.dimensions.updated(Dimensions(site, pool, region, size))
            rows = current.rows
        try:
            row = rows[reading.PerfType][reading.PerfName]
        except KeyError:
            if problem := key_problem(reading.PerfType, reading.PerfName):
                refused.add(position, problem, reading)
                continue
            if len(current.series) >= MOST_COUNTERS:
                refused.add(position, NO_ROOM, reading)
                continue
            row = current.begin(reading.PerfType, reading.PerfName)
        minute = second // MINUTE
        there = row[minute]
        if there is None:
            row[minute] = reading.PerfValue
        else:
            key = key_of(reading.PerfType, reading.PerfName)
            current.again.setdefault((key, minute), [there]).append(reading.PerfValue)
    samples = len(readings) - refused.count - sum(built.reduce(overrides) for built in building.values())
    windows = tuple(
        VmWindow(tenant, vm, window, built.dimensions, built.series)
        for (tenant, vm, window), built in building.items()
        if built.series
    )
    return Collected(windows, refused, samples)


def _vm_problem(reading: Sample) -> str | None:
    names = {"MaskedTenantId": reading.MaskedTenantId, "MaskedVMName": reading.MaskedVMName}
    dimensions = {
        "SiteName": reading.SiteName,
        "ResourcePoolName": reading.ResourcePoolName,
        "Region": reading.Region,
        "MachineSize": reading.MachineSize,
    }
    names.update({field: value for field, value in dimensions.items() if value})
    problems = (f"{field} {problem}" for field, value in names.items() if (problem := name_problem(value)))
    return next(problems, None)
