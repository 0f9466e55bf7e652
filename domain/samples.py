"""Samples and VM windows: which samples are accepted, how readings become samples, and how windows merge.

Knows the rules for a sample and the shape of a VM window; refuses to know their encoding (domain.wire) and storage.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from domain.counters import Reduction, reduce_readings, reduction_of
from domain.minutes import MINUTE, MINUTES_PER_WINDOW, WINDOW, minutes_of, window_of
from domain.names import key_of, key_problem, name_problem, split_key
from domain.refusals import Refusals

FUTURE_TOLERANCE = 300
"""A sample that is more than this many seconds ahead of the clock is refused. It would move "latest" for everyone."""

MOST_COUNTERS = 1000
"""The most counters in a VM window or a rollup. This many still fit into a document of the store (2 MB)."""

MOST_VM_WINDOWS = 1_000
FEW_VM_WINDOWS = 200
BYTES_A_VM_WINDOW = 100
"""The limit of VM windows in one message: FEW_VM_WINDOWS, and one more for every BYTES_A_VM_WINDOW bytes sent, up to
MOST_VM_WINDOWS. Each VM window is a write, so without a limit a few bytes could cause any number of writes. A full
message from a tenant's collector (SPOC) has about 35, and never more than FEW_VM_WINDOWS (domain.packing)."""

MOST_TENANTS = 100
"""The most tenants whose samples one message may hold. A SPOC's message holds those of one."""

NO_ROOM = f"the VM has more than {MOST_COUNTERS:,} counters in this window"
TOO_OLD = "timestamp is older than samples are kept"
IN_FUTURE = "timestamp lies in the future: is the VM's clock right?"
IN_MILLISECONDS = "timestamp seems to be in milliseconds; Unix seconds are expected"
TOO_SCATTERED = "the message belongs to too many VMs, windows or tenants for its size; send it in parts"

MILLISECONDS = 100_000_000_000
"""A timestamp from here on (the year 5138 in seconds) is refused as one that seems to be in milliseconds."""


class Sample(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One value of one counter of one VM for one minute. The ten fields have the names of the wire format.

    A msgspec struct, since a million samples are decoded per second. The fields are in the order of the wire format,
    which decodes fastest. Other fields are ignored. The decoder checks types; :func:`collect` checks values.
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
    """The properties of a VM besides its name and tenant. Each may be unknown (None)."""

    SiteName: str | None = None
    ResourcePoolName: str | None = None
    Region: str | None = None
    MachineSize: str | None = None

    def updated(self, newer: "Dimensions") -> "Dimensions":
        """Return these dimensions, replaced by those of ``newer`` that are known."""
        return Dimensions(
            newer.SiteName if newer.SiteName is not None else self.SiteName,
            newer.ResourcePoolName if newer.ResourcePoolName is not None else self.ResourcePoolName,
            newer.Region if newer.Region is not None else self.Region,
            newer.MachineSize if newer.MachineSize is not None else self.MachineSize,
        )


@dataclass(frozen=True, slots=True)
class VmWindow:
    """All samples of one VM in one window.

    ``series`` maps a counter key to 15 values, one per minute, oldest first. None means that there is no sample.
    """

    tenant: str
    vm: str
    window: int
    dimensions: Dimensions
    series: Mapping[str, Sequence[float | None]]

    def merged(self, newer: "VmWindow") -> "VmWindow":
        """Return this window with the samples of ``newer``, which is of the same VM and window, added or replaced.

        Merging is idempotent. It is commutative unless both hold different values of the same sample; then the newer
        value wins.
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
        """Split off the counters that would exceed MOST_COUNTERS together with the counters that are ``known`` already.

        Returns the window with the counters that fit, and one with the rest (None if all fit).
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
        """Yield the samples by counter and then by minute, of the given counters, or of all if none is given."""
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
        """Return the horizon at ``now``: back to the retention in seconds, and FUTURE_TOLERANCE into the future.

        It never begins before ``whole_from``: older samples may have expired under a shorter lifetime (domain.closing).
        """
        return cls(max(now - retention, whole_from), now + FUTURE_TOLERANCE)

    def problem(self, timestamp: int) -> str | None:
        """Return why a timestamp is refused, or None."""
        if self.oldest <= timestamp <= self.newest:
            return None
        if timestamp >= MILLISECONDS:
            return IN_MILLISECONDS
        if timestamp > self.newest:
            return IN_FUTURE
        return TOO_OLD


@dataclass(frozen=True, slots=True)
class Collected:
    """The samples of one message, as VM windows, and its refused inputs."""

    windows: tuple[VmWindow, ...]
    refused: Refusals
    samples: int
    """The number of distinct samples in the windows."""


@dataclass(slots=True)
class _Building:
    """A VM window that is being filled. ``rows`` holds the rows of ``series`` by PerfType and PerfName.

    ``again`` holds all readings of each minute with more than one reading.
    """

    dimensions: Dimensions = Dimensions()
    series: dict[str, list[float | None]] = field(default_factory=dict)
    rows: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)
    again: dict[tuple[str, int], list[float]] = field(default_factory=dict)

    def begin(self, perf_type: str, perf_name: str) -> list[float | None]:
        """Add and return a new row for a counter without one."""
        row: list[float | None] = [None] * MINUTES_PER_WINDOW
        self.rows.setdefault(perf_type, {})[perf_name] = row
        self.series[key_of(perf_type, perf_name)] = row
        return row

    def reduce(self, overrides: Mapping[str, Reduction] | None) -> int:
        """Reduce each minute's readings to one value. Return by how much the number of readings falls."""
        for (key, minute), readings in self.again.items():
            self.series[key][minute] = reduce_readings(reduction_of(key, overrides), readings)
        return sum(len(readings) - 1 for readings in self.again.values())


def vm_windows_of(sent: int) -> int:
    """Return how many VM windows a message may have, given the number of bytes sent."""
    return min(MOST_VM_WINDOWS, FEW_VM_WINDOWS + sent // BYTES_A_VM_WINDOW)


def collect(
    readings: Sequence[Sample],
    horizon: Horizon,
    overrides: Mapping[str, Reduction] | None = None,
    most: int = MOST_VM_WINDOWS,
    refuses: Callable[[str], str | None] = lambda _: None,
) -> Collected:
    """Sort the readings of one message into at ``most`` this many VM windows, and refuse readings that break a rule.

    ``refuses`` returns why a tenant's readings are not accepted from this message, or None. Several readings of one
    counter and VM in one minute are reduced by the counter's rule. For contradicting dimensions the last reading wins.
    """
    building: dict[tuple[str, str, int], _Building] = {}
    refused = Refusals()
    tenants: set[str] = set()
    # This loop is most of the cost of ingest. A VM's readings usually follow each other, so the last reading's VM and
    # window are kept, and only a reading with others takes the long way. ``first`` and ``last`` limit the seconds of
    # the window to the horizon. The initial limits exclude every second.
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
    for name in ("SiteName", "ResourcePoolName", "Region", "MachineSize"):
        if value := getattr(reading, name):
            names[name] = value
    problems = (f"{field} {problem}" for field, value in names.items() if (problem := name_problem(value)))
    return next(problems, None)
