"""Day digests: the course of a local day, hour by hour, of VMs and of populations. Baselines are learned from them.

An hour's value is the mean of its windows' values. A VM's value of a window is its window value; a population's is the
mean over its VMs. Hours are those of clocks where people are: of a VM by its region's zone (domain.zones), of a tenant
and its pools by the zone of most of its VMs, of the fleet and its groups likewise. So a tenant has a digest for each
zone of its VMs. On the day of a clock change an hour may have no windows, or more than four.

Knows how windows make a day. Refuses to know what is normal (domain.baselines), and where digests are kept.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal, NamedTuple

from domain.baselines import HOURS
from domain.counters import FIRST
from domain.fleet_summary import FleetSummary
from domain.standings import Standings
from domain.zones import local_windows, windows_of_day

if TYPE_CHECKING:
    from domain.buckets import Floats, Ints

Kind = Literal["fleet", "Region", "MachineSize", "tenant", "pool", "vm", "peers"]
"""``peers``: the end beyond which the worst VMs of a size lie (domain.always). No baselines are learned of it."""


class Whose(NamedTuple):
    """Whose values a series is of. ``name`` is None for the fleet, for a tenant, and for VMs without a value."""

    kind: Kind
    name: str | None = None


class Series(NamedTuple):
    """A series: whose, and of which counter."""

    whose: Whose
    key: str


@dataclass(frozen=True, slots=True, eq=False)
class Digest:
    """The hours of a local day: by series, in their order, and hour; NaN where there is none.

    ``zone`` is that of the whole (None: UTC, since no region is known).
    """

    zone: str | None
    series: Sequence[Series]
    hours: "Floats"

    def __eq__(self, other: object) -> bool:
        """Tell whether both hold the same."""
        import numpy as np  # noqa: PLC0415

        return (
            isinstance(other, Digest)
            and (self.zone, self.series) == (other.zone, other.series)
            and np.array_equal(self.hours, other.hours, equal_nan=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        """Tell whether there is anything."""
        return bool(self.series)


def kept_of_vms(key: str) -> bool:
    """Tell whether a counter's series of each VM are kept: those that people look at first, and services."""
    return key in FIRST or key.startswith("win_service.")


class TenantDay:
    """Makes a digest of a tenant's day in one zone from its standings, window by window, so that few are held at once.

    It has the VMs that are in this zone; and the tenant and its pools, if theirs is the zone of most of its VMs.
    """

    def __init__(self, day: date, zone: str | None, vms: Collection[str], *, whole: bool) -> None:
        """Begin a day. ``vms`` are those in the zone; ``whole``: also the tenant and its pools."""
        self._zone = zone
        self._vms = vms
        self._whole = whole
        self._hours = _hours_of(day, zone)
        self._sums = _Sums()

    def add(self, window: int, standings: Standings) -> None:
        """Add the standings of a window of the day, oldest first, each once. Other windows add nothing."""
        import numpy as np  # noqa: PLC0415

        hour = self._hours.get(window)
        if hour is None:
            return
        own = [at for at, vm in enumerate(standings.vms) if vm.vm in self._vms]
        vms = [Whose("vm", standings.vms[at].vm) for at in own]
        pools = sorted({vm.dimensions.ResourcePoolName for vm in standings.vms}, key=lambda name: name or "")
        pool_of = np.array([pools.index(vm.dimensions.ResourcePoolName) for vm in standings.vms], np.int64)
        for key, column in standings.columns.items():
            there = ~np.isnan(column)
            if self._whole:
                means = _means(column[there], np.zeros(there.sum(), np.int64), 1)
                self._sums.add(key, [Whose("tenant")], hour, means)
            if kept_of_vms(key):
                self._sums.add(key, vms, hour, column[own])
            if self._whole and kept_of_vms(key):
                means = _means(column[there], pool_of[there], len(pools))
                self._sums.add(key, [Whose("pool", pool) for pool in pools], hour, means)

    @property
    def digest(self) -> Digest:
        """The digest of what was added."""
        return self._sums.digest(self._zone)


class FleetDay:
    """Makes a digest of the fleet's day in one zone from its averages, window by window.

    It has the regions that are in this zone; and the fleet and its sizes, if theirs is the zone of most of its VMs.
    """

    def __init__(self, day: date, zone: str | None, regions: Collection[str | None], *, whole: bool) -> None:
        """Begin a day. ``regions`` are those in the zone; ``whole``: also the fleet and its sizes."""
        self._zone = zone
        self._regions = regions
        self._whole = whole
        self._hours = _hours_of(day, zone)
        self._found: defaultdict[str, list[tuple[Whose, int, float]]] = defaultdict(list)

    def add(self, window: int, averages: Mapping[Series, float]) -> None:
        """Add the averages of a window of the day, each once. Other windows add nothing."""
        hour = self._hours.get(window)
        if hour is None:
            return
        for (whose, key), average in averages.items():
            if whose.name in self._regions if whose.kind == "Region" else self._whole:
                self._found[key].append((whose, hour, average))

    @property
    def digest(self) -> Digest:
        """The digest of what was added."""
        import numpy as np  # noqa: PLC0415

        sums = _Sums()
        for key, found in self._found.items():
            whose, hours, averages = zip(*found, strict=True)
            sums.add(key, whose, np.array(hours, np.int64), np.array(averages, np.float64))
        return sums.digest(self._zone)


def fleet_averages(summaries: Mapping[str, FleetSummary]) -> dict[Series, float]:
    """Return a window's averages of the fleet and its groups, given its summaries by counter."""
    return {
        Series(Whose(group.dimension or "fleet", group.value), key): figures.average  # type: ignore[arg-type]
        for key, summary in sorted(summaries.items())
        for group, figures in zip(summary.groups, summary.figures, strict=True)
    }


def averages_kept(averages: Mapping[Series, float]) -> dict[Series, float]:
    """Return averages as they are kept: rounded."""
    import numpy as np  # noqa: PLC0415

    return dict(zip(averages, rounded(np.array(list(averages.values()), np.float64)).tolist(), strict=True))


def no_digest(zone: str | None) -> Digest:
    """Return a digest of nothing."""
    import numpy as np  # noqa: PLC0415

    return Digest(zone, [], np.empty((0, HOURS)))


class _Sums:
    """Sums and numbers of values, by series and hour."""

    def __init__(self) -> None:
        self._rows: dict[Whose, int] = {}
        self._of: dict[str, tuple[Floats, Ints]] = {}

    def add(self, key: str, whose: Sequence[Whose], hours: "Ints | int", values: "Floats") -> None:
        """Add values of a counter, each of an hour, or all of the same. NaN are left out."""
        import numpy as np  # noqa: PLC0415

        rows = np.array([self._rows.setdefault(each, len(self._rows)) for each in whose], np.int64)
        sums, numbers = self._of.get(key, (np.zeros((0, HOURS)), np.zeros((0, HOURS), np.int64)))
        if len(sums) < len(self._rows):
            missing = ((0, len(self._rows) - len(sums)), (0, 0))
            sums, numbers = np.pad(sums, missing), np.pad(numbers, missing)
            self._of[key] = sums, numbers
        used = ~np.isnan(values)
        cells = (rows * HOURS + hours)[used]
        # Parts, so that no sum of a few windows is beyond the largest double.
        np.add.at(sums.reshape(-1), cells, values[used] / _PARTS)
        np.add.at(numbers.reshape(-1), cells, 1)

    def digest(self, zone: str | None) -> Digest:
        """Return the means."""
        import numpy as np  # noqa: PLC0415

        series: list[Series] = []
        hours = [np.empty((0, HOURS))]
        names = sorted(self._rows, key=lambda whose: (whose.kind, whose.name or "", whose.name is not None))
        order = np.array([self._rows[whose] for whose in names], np.int64)
        for key, (sums, numbers) in sorted(self._of.items()):
            known = [(whose, row) for whose, row in zip(names, order.tolist(), strict=True) if row < len(sums)]
            known = [(whose, row) for whose, row in known if numbers[row].any()]
            rows = [row for _, row in known]
            series += [Series(whose, key) for whose, _ in known]
            with np.errstate(invalid="ignore", divide="ignore"):
                hours.append(sums[rows] / numbers[rows] * _PARTS)
        return Digest(zone, series, rounded(np.concatenate(hours), KEPT_BITS))


_PARTS = 64.0
"""More than the windows of a local hour, and a power of two, so that dividing by it is exact."""

KEPT_BITS = 15
"""The bits of the mantissa of what is learned: more than four digits, in three bytes."""


def rounded(values: "Floats", bits: int = 23) -> "Floats":
    """Return values with so many bits of the mantissa; the default is what a float of 4 bytes has.

    What is kept then takes fewer bytes. They are rounded to the nearest, away from zero if both are as near; the
    largest stay finite.
    """
    import numpy as np  # noqa: PLC0415

    dropped = 52 - bits
    whole = np.ascontiguousarray(values).view(np.int64)
    kept = np.where(np.abs(values) < _LARGEST_ROUNDED, whole + (1 << (dropped - 1)), whole) & ~((1 << dropped) - 1)
    return kept.view(np.float64)


_LARGEST_ROUNDED = 1e308


def _hours_of(day: date, zone: str | None) -> dict[int, int]:
    """Return the local hour of each window of a local day, oldest first."""
    windows = windows_of_day(day, zone)
    return {window: local.hour for window, local in zip(windows, local_windows(windows, zone), strict=True)}


def _means(values: "Floats", groups: "Ints", number: int) -> "Floats":
    """Return the mean of each group's values, given the group of each; NaN for a group without values."""
    import numpy as np  # noqa: PLC0415

    counts = np.bincount(groups, minlength=number)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Divided first, so that no sum is beyond the largest double.
        return np.asarray(
            np.bincount(groups, weights=values / counts[groups], minlength=number) / (counts > 0), np.float64
        )
