"""What learning and judging ask of the store in a day, measured by running the real code on one tenant and the fleet.

The store is filled as it is after eight weeks: digests of all days, standings of the last two, and the fleet's
averages. Then a day is learned, and four windows of the next one are judged. Values are a VM's own level with a tenth
of noise, so that nearly nothing is unusual. Charges are those of benchmarks.priced.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.fleet import POOLS, REGIONS, SIZES, keys, tenant_name, vm_name
from benchmarks.priced import PricedDocuments, write_units
from domain.always import peers_ends
from domain.baselines import HOURS, MOST_DAYS
from domain.closing import Progress
from domain.counters import FIRST
from domain.digests import KEPT_BITS, Digest, Series, Whose, fleet_averages, kept_of_vms, rounded
from domain.fleet_summary import FleetSummary, fleet_summaries
from domain.learning_times import LastLearned, days_back
from domain.logons import QUARTERS
from domain.merged_summary import merge_summaries
from domain.minutes import DAY, WINDOW
from domain.samples import Dimensions
from domain.standings import Standings, StandingVm
from domain.summary import summarize
from domain.use_days import UseDay
from domain.zones import zone_of, zone_of_most
from pipeline.closing import change
from pipeline.judging import judge_the_fleet, judged_of, write_judged
from pipeline.learning import TENANTS_A_STEP, learn_fleet, learn_tenant
from storage.charges import metered
from storage.schema import STANDINGS
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS, TENANTS, Entry, vms_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

EVENING = int(datetime(2026, 11, 18, 20, tzinfo=UTC).timestamp())
TODAY = date(2026, 11, 18)
JUDGED = 4
"""How many windows are judged; the last of them counts, since it reads those before."""

WINDOWS_A_DAY = DAY // WINDOW

OTHER_EXECUTIONS = 8
"""Of a run of learning, besides its steps: the timer, the orchestrations, planning and concluding."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What learning and judging take in a day."""

    units: Mapping[str, float]
    """The request units, by what they are for."""
    expiry: float
    """The request units when what a day adds expires. Only a serverless account is charged for them."""
    bytes: float
    """The bytes that a day adds to what is stored."""
    requests: float
    seconds: float
    """The processor time on one core."""
    executions: float


NOTHING_LEARNED = Learned({}, 0.0, 0.0, 0.0, 0.0, 0.0)


def counters_of(number: int) -> list[str]:
    """Return so many counters: those that people look at first, two services, and others."""
    first = [*FIRST, "win_service.WinDefend", "win_service.TermService"]
    return [*first, *keys(max(0, number - len(first)))][:number]


class _Fleet:
    """A fleet's values."""

    def __init__(self, tenants: int, vms: int, counters: int) -> None:
        self.tenants = tenants
        self.keys = counters_of(counters)
        self.vms = vms
        self._chance = np.random.default_rng(1)
        self.levels: NDArray[np.float64] = self._chance.lognormal(3, 1, (tenants, counters, vms))

    def dimensions(self, tenant: int, vm: int) -> Dimensions:
        region = REGIONS[(tenant + vm % 2) % len(REGIONS)]
        return Dimensions(None, f"Shared-{tenant}-{vm % POOLS}", region, SIZES[vm % len(SIZES)])

    def standings(self, tenant: int, window: int) -> Standings:
        vms = [StandingVm(vm_name(tenant, vm), window, self.dimensions(tenant, vm)) for vm in range(self.vms)]
        levels = self.levels[tenant]
        values = levels * (1 + self._chance.normal(0, 0.1, levels.shape))
        return Standings(vms, dict(zip(self.keys, values, strict=True)))

    def summaries(self, window: int) -> Mapping[str, FleetSummary]:
        every = {tenant_name(tenant): self.standings(tenant, window) for tenant in range(self.tenants)}
        return dict(fleet_summaries(merge_summaries([summarize(every)])))

    def levels_by_zone(self) -> tuple[str | None, Mapping[str | None, Mapping[Series, float]]]:
        """Return the first tenant's zone, and the usual value of each of its series by zone."""
        of_vms = [self.dimensions(0, vm) for vm in range(self.vms)]
        main = zone_of_most(each.Region for each in of_vms)
        own: dict[str | None, dict[Series, float]] = {zone_of(each.Region): {} for each in of_vms}
        for key, levels in zip(self.keys, self.levels[0], strict=True):
            own[main][Series(Whose("tenant"), key)] = float(levels.mean())
            if kept_of_vms(key):
                for vm, level in enumerate(levels.tolist()):
                    own[zone_of(of_vms[vm].Region)][Series(Whose("vm", vm_name(0, vm)), key)] = level
                for pool in sorted({each.ResourcePoolName or "" for each in of_vms}):
                    of_pool = [
                        level for each, level in zip(of_vms, levels, strict=True) if each.ResourcePoolName == pool
                    ]
                    own[main][Series(Whose("pool", pool), key)] = float(np.mean(of_pool))
        return main, own

    def regions(self) -> Iterator[str | None]:
        for tenant in range(self.tenants):
            for vm in range(self.vms):
                yield self.dimensions(tenant, vm).Region


async def measure_learned(store: PricedDocuments, tenants: int, vms: int, counters: int) -> Learned:
    """Measure a fleet of tenants of so many VMs each, in an empty store."""
    fleet, tables, tenant = _Fleet(tenants, vms, counters), Tables(store), tenant_name(0)
    await _fill(tables, fleet)
    day = _Day(store)
    with day.counting("tenants' learning", tenants):
        for now in (EVENING, EVENING + DAY // 2):
            await learn_tenant(tables, tenant, now)
    with day.counting("the fleet's learning", 1):
        for now in (EVENING, EVENING + DAY // 2):
            await learn_fleet(tables, now)
    for at in range(JUDGED):
        window = EVENING + DAY // 2 + at * WINDOW
        times = WINDOWS_A_DAY if at == JUDGED - 1 else 0
        standings = fleet.standings(0, window)
        with day.counting("tenants' judging", tenants * times):
            judged = await judged_of(tables, tenant, window, standings)
            await write_judged(tables, tenant, window, judged, None, window + WINDOW)
        for number in range(1, tenants):
            await tables.judged.write(tenant_name(number), window, judged, None)
        summaries = fleet.summaries(window)
        # Twice, as summaries are made: when most VMs have come, and when the window closes.
        with day.counting("the fleet's judging", times):
            for _ in range(2):
                await judge_the_fleet(tables, window, summaries, [tenant], window + WINDOW)
        with day.counting("the fleet's averages", times):
            averages = {**fleet_averages(summaries), **peers_ends(summaries)}
            await tables.fleet_averages.write(window, averages, None)
            stored = await tables.fleet_averages.read(window)
            await tables.fleet_averages.write(window, averages, stored.etag if stored else None)
    executions = 2 * (tenants / TENANTS_A_STEP + OTHER_EXECUTIONS)
    return Learned(day.units, day.expiry, day.bytes, day.requests, day.seconds, executions)


@dataclass(slots=True)
class _Day:
    """Counts what a day asks of a store."""

    store: PricedDocuments
    units: dict[str, float] = field(default_factory=dict)
    expiry: float = 0.0
    bytes: float = 0.0
    requests: float = 0.0
    seconds: float = 0.0

    @contextmanager
    def counting(self, what: str, times: float) -> Iterator[None]:
        """Count what is done within, so many times."""
        before = dict(self.store.sizes[STANDINGS])
        start = time.process_time()
        with metered() as meter:
            yield
        self.seconds += (time.process_time() - start) * times
        new: list[float] = [size for place, size in self.store.sizes[STANDINGS].items() if place not in before]
        self.units[what] = meter.units * times + self.units.get(what, 0.0)
        self.requests += sum(tally.calls for tally in meter.requests.values()) * times
        self.bytes += sum(new) * times
        self.expiry += sum(map(write_units, new)) * times


async def _fill(tables: Tables, fleet: _Fleet) -> None:
    """Fill the store as it is in the evening, before the next day is learned."""
    tenant = tenant_name(0)
    for vm in range(fleet.vms):
        entry = Entry(vm_name(0, vm), EVENING, fleet.dimensions(0, vm))
        await tables.catalogue.write_entry(vms_of(tenant), entry, None)
    await tables.catalogue.write_entry(TENANTS, Entry(tenant, EVENING), None)
    for key in fleet.keys:
        await tables.catalogue.write_entry(COUNTERS, Entry(key, EVENING), None)
    summaries = fleet.summaries(EVENING - WINDOW)
    for key, summary in summaries.items():
        await tables.summaries.write_fleet(key, EVENING - WINDOW, summary, None)
    await change(tables, partial(Progress.summarizing, window=EVENING - WINDOW))
    averages = fleet_averages(summaries)
    for window in range(EVENING - 3 * DAY, EVENING + DAY // 2, WINDOW):
        await tables.standings.write(tenant, window, fleet.standings(0, window), None)
        noise = np.random.default_rng(window).normal(1, 0.01, len(averages)).tolist()
        varied = {each: value * by for (each, value), by in zip(averages.items(), noise, strict=True)}
        await tables.fleet_averages.write(window, varied, None)
    main, own = fleet.levels_by_zone()
    for zone, levels in own.items():
        await _digests(tables, tenant, zone, levels)
        vms = sorted({each.whose for each in levels if each.whose.kind == "vm"})
        await _use_days(tables, tenant, zone, vms, [f"Shared-0-{pool}" for pool in range(POOLS)] * (zone == main))
    zones = dict.fromkeys(map(zone_of, fleet.regions()))
    of_fleet = zone_of_most(fleet.regions())

    def whose_zone(series: Series) -> str | None:
        return zone_of(series.whose.name) if series.whose.kind == "Region" else of_fleet

    for zone in zones:
        await _digests(tables, None, zone, {each: at for each, at in averages.items() if whose_zone(each) == zone})
    for whose, whole, every in ((tenant, main, own), (None, of_fleet, zones)):
        last = LastLearned(whole, dict.fromkeys(every, EVENING - DAY))
        await tables.baselines.write_learned(whose, last, None)


async def _digests(tables: Tables, tenant: str | None, zone: str | None, levels: Mapping[Series, float]) -> None:
    chance = np.random.default_rng(2)
    usual = np.array(list(levels.values()))[:, None]
    for back in range(1, MOST_DAYS + 1):
        hours = rounded(usual * chance.normal(1, 0.05, (len(usual), HOURS)), KEPT_BITS)
        await tables.digests.write(tenant, days_back(TODAY, back), Digest(zone, list(levels), hours), None)


async def _use_days(tables: Tables, tenant: str, zone: str | None, vms: Sequence[Whose], pools: Sequence[str]) -> None:
    """People come at about nine and stay for about eight hours, nine days of ten."""
    chance = np.random.default_rng(3)
    whose = [*(Whose("pool", pool) for pool in pools), *vms]
    quarters = np.arange(QUARTERS)
    for back in range(1, MOST_DAYS + 1):
        first = np.where(chance.random(len(whose)) < 0.9, chance.integers(33, 40, len(whose)), QUARTERS)
        last = first + chance.integers(28, 36, len(whose))
        used = (quarters >= first[:, None]) & (quarters < last[:, None])
        sessions = np.where(used[: len(pools)], 10.0, 0.0)
        use = UseDay(zone, whose, used, np.ones_like(used), sessions, int(used.any(axis=1).sum()), len(whose))
        await tables.use_days.write(tenant, days_back(TODAY, back), use, None)
