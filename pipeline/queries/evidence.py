"""The evidence of a verdict: a VM's counters beside what is normal, and beside the populations that it is in.

Reads what was found when the window was judged (pipeline.judging), the tenant's standings of this window, what is
normal in its hour, and of the fleet the summary of one counter: nothing whose size grows with the fleet.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from domain.causes import Population
from domain.counters import by_interest
from domain.day_baselines import DayBaselines
from domain.digests import Series, Whose, kept_of_vms
from domain.fleet_summary import FleetSummary
from domain.judged import FLEET, NOBODY, NOT_JUDGED, TENANT, Count, Judged
from domain.judging import limited_average
from domain.ranks import ranks
from domain.samples import Dimensions
from domain.standings import NO_STANDINGS, Standings
from domain.summary import GroupKey
from domain.zones import zone_of
from pipeline.judging import hours_of
from storage.tables import Tables


class Usual(NamedTuple):
    """What is normal in an hour: the expected value, and the band's ends. ``days``: from how many days it is known."""

    expected: float | None = None
    low: float | None = None
    high: float | None = None
    days: int = 0
    zone: str | None = None


UNKNOWN = Usual()


@dataclass(frozen=True, slots=True)
class Beside:
    """A population that the VM is in, by one counter. ``average`` is None, and ``rank`` too, where it is not known."""

    population: Population
    count: Count
    average: float | None
    rank: float | None
    usual: Usual


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was read of a tenant's window, for one of its VMs.

    ``place``: the VM's, among those of the standings; None: it has no sample. ``keys``: the counters that are judged of
    VMs, of which the VM has a value or something is normal. ``of_fleet``: whether the fleet may be told. ``fleet``:
    what was found of it; None: nothing yet.
    """

    tenant: str
    vm: str
    dimensions: Dimensions
    standings: Standings
    place: int | None
    keys: Sequence[str]
    judged: Judged
    hours: Sequence[DayBaselines]
    of_fleet: bool = False
    fleet: Judged | None = None
    hours_of_fleet: Sequence[DayBaselines] = field(default=())

    @property
    def there(self) -> bool:
        """Whether the VM has any sample in the window."""
        return self.place is not None

    @property
    def known(self) -> bool:
        """Whether anything is normal for the VM."""
        return any(self.usual(key).expected is not None for key in self.keys)

    def value(self, key: str) -> float | None:
        """Return the VM's window value."""
        column = self.standings.columns.get(key)
        return None if column is None or self.place is None else _known(float(column[self.place]))

    def usual(self, key: str) -> Usual:
        """Return what is normal for the VM."""
        return _usual(self.hours, Series(Whose("vm", self.vm), key))

    def beside(self, key: str, summary: FleetSummary | None) -> Iterator[Beside]:
        """Yield the populations that the VM is in, the smaller first. ``summary``: the fleet's, of this counter."""
        of = self.dimensions
        value = self.value(key)
        for population, whose in (
            (Population("pool", self.tenant, of.ResourcePoolName), Whose("pool", of.ResourcePoolName)),
            (Population("tenant", self.tenant), TENANT),
        ):
            average, rank = self._own(key, value, population)
            count = self.judged.counts.get(whose, {}).get(key, NOBODY)
            yield Beside(population, count, average, rank, _usual(self.hours, Series(whose, key)))
        if self.fleet is None:
            return
        for population, whose, group in (
            (Population("MachineSize", None, of.MachineSize), *_group("MachineSize", of.MachineSize)),
            (Population("Region", None, of.Region), *_group("Region", of.Region)),
            (Population("fleet"), FLEET, GroupKey()),
        ):
            average = rank = None
            if summary is not None and group in summary.groups:
                slot = summary.groups.index(group)
                average = summary.figures[slot].average
                rank = None if value is None else float(summary.ranks(key, [slot], [value])[0])
            count = self.fleet.counts.get(whose, {}).get(key, NOBODY)
            yield Beside(population, count, average, rank, _usual(self.hours_of_fleet, Series(whose, key)))

    def _own(self, key: str, value: float | None, population: Population) -> tuple[float | None, float | None]:
        """Return the average of the tenant or a pool of it, and the VM's rank in it."""
        import numpy as np  # noqa: PLC0415

        column = self.standings.columns.get(key)
        if column is None:
            return None, None
        inside = [
            at
            for at, each in enumerate(self.standings.vms)
            if population.kind == "tenant" or each.dimensions.ResourcePoolName == population.name
        ]
        some = column[np.array(inside, np.int64)]
        known = some[~np.isnan(some)]
        if not len(known):
            return None, None
        rank = None if value is None else float(ranks(known)[known == value][0])
        return limited_average(known), rank


async def read_evidence(
    tables: Tables, tenant: str, vm: str, dimensions: Dimensions, window: int, *, fleet: bool
) -> Evidence:
    """Read a tenant's window for one of its VMs. ``fleet``: whether the fleet is told. Raises Corrupt."""
    stored = await tables.standings.read(tenant, window)
    standings = stored.value if stored else NO_STANDINGS
    place = next((at for at, each in enumerate(standings.vms) if each.vm == vm), None)
    dimensions = dimensions if place is None else standings.vms[place].dimensions
    hours = await hours_of(tables, tenant, window, [dimensions.Region])
    hours.sort(key=lambda each: each.zone != zone_of(dimensions.Region))  # of a VM that has moved, those of now first
    keys = sorted({*_of_window(standings, place), *_learned(hours, Whose("vm", vm))}, key=by_interest)
    judged = await tables.judged.of_vm(tenant, window, vm)
    evidence = Evidence(tenant, vm, dimensions, standings, place, keys, judged or NOT_JUDGED, hours)
    if not fleet:
        return evidence
    of_fleet = await tables.judged.of_vm(None, window, vm)
    hours_of_fleet = await hours_of(tables, None, window, [dimensions.Region])
    return replace(evidence, of_fleet=True, fleet=of_fleet, hours_of_fleet=hours_of_fleet)


def _of_window(standings: Standings, place: int | None) -> Iterator[str]:
    """Yield the counters of which a VM has a value, of those that are judged of VMs."""
    for key, column in standings.columns.items():
        if place is not None and kept_of_vms(key) and not math.isnan(column[place]):
            yield key


def _learned(hours: Sequence[DayBaselines], whose: Whose) -> Iterator[str]:
    """Yield the counters of which something is normal."""
    for each in hours:
        for key in each.series.keys:
            if Series(whose, key) in each.series:
                yield key


def _group(kind: str, name: str | None) -> tuple[Whose, GroupKey]:
    return Whose(kind, name), GroupKey(kind, name)  # type: ignore[arg-type]


def _usual(hours: Sequence[DayBaselines], series: Series) -> Usual:
    for each in hours:
        if series in each.series:
            return usual_at(each, each.series.index(series))
    return UNKNOWN


def usual_at(of: DayBaselines, row: int) -> Usual:
    """Return what is normal for the series of a row, given the baselines of one hour."""
    expected, low, high = (_known(float(line)) for line in of.bands.lines[:3, row, 0])
    return Usual(expected, low, high, int(of.bands.days[row]), of.zone)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
