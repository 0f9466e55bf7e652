"""Learning from standings and summaries to baselines: by each zone's clocks, once or twice, with late data."""

import math
import random
from datetime import UTC, date, datetime

import numpy as np
import pytest

from domain.access import Caller
from domain.baselines import HOURS
from domain.closing import Times
from domain.digests import Series, Whose
from domain.errors import Forbidden, NotFound
from domain.minutes import DAY, HOUR, WINDOW
from domain.samples import Dimensions
from domain.standings import Standings, StandingVm
from domain.zones import local
from pipeline.learning import Learn, learn_fleet, learn_tenant
from pipeline.queries.baselines import NOT_LEARNED, NOT_OF_VMS, OwnBaseline, get_baseline
from pipeline.queries.series import SeriesQuestion
from pipeline.summarizing import summarize_window
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS, TENANTS, Entry, vms_of
from storage.tables.marks import Mark
from tests.builders import NOW as STARTED
from tests.builders import a_view
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.test_operations import carry_out

CPU, NETWORK = "win_cpu.percent_processor_time", "win_net.bytes_sent_persec"
TOKYO, LONDON = "Asia/Tokyo", "Europe/London"
NOW = int(datetime(2026, 11, 18, 20, tzinfo=UTC).timestamp())
"""Evening in London; in Tokyo, Thursday has begun."""

VMS = {"a": "japaneast", "b": "uksouth", "c": "uksouth", "d": None}
DAYS = 6


def usual(vm: str, window: int, region: str | None) -> float:
    """A VM is busy from nine to five by its own clocks, on workdays."""
    zone = {"japaneast": TOKYO, "uksouth": LONDON, None: None}[region]
    here = local(window, zone)
    return 10.0 + ord(vm) % 7 + (50.0 if here.weekday < 5 and 9 <= here.hour < 17 else 0.0)


@pytest.fixture
def tables(memory: MemoryDocuments) -> Tables:
    """In memory only: a week has thousands of documents."""
    return Tables(memory)


async def fill(
    tables: Tables, tenant: str = "t", days: int = DAYS, factor: float = 1.0, without: str | None = None
) -> None:
    """Standings of the last days, as averaging writes them: of all VMs but one."""
    chance = random.Random(tenant)  # noqa: S311
    for window in range(NOW - days * DAY, NOW, WINDOW):
        values = [factor * usual(vm, window, region) + chance.uniform(-1, 1) for vm, region in VMS.items()]
        vms = [StandingVm(vm, window, Dimensions("s", f"pool-{region}", region, "D4")) for vm, region in VMS.items()]
        standings = Standings(vms, {CPU: np.array(values), NETWORK: np.array([1.0, 2.0, math.nan, 4.0])})
        standings = standings.without(without) if without else standings
        stored = await tables.standings.read(tenant, window)
        await tables.standings.write(tenant, window, standings, stored.etag if stored else None)
    for vm, region in VMS.items():
        if vm == without:
            continue
        entry = Entry(vm, NOW - WINDOW, Dimensions("s", f"pool-{region}", region, "D4"))
        await tables.catalogue.write_entry(vms_of(tenant), entry, None)
    await tables.catalogue.write_entry(TENANTS, Entry(tenant, NOW), None)
    for key in (CPU, NETWORK):
        await tables.catalogue.write_entry(COUNTERS, Entry(key, NOW), None)
    await tables.catalogue.write_counters_of(tenant, {CPU: NOW, NETWORK: NOW}, None)
    for day in range(NOW - NOW % DAY - days * DAY, NOW, DAY):
        await tables.days.set(Mark(tenant, day))


async def expected(
    tables: Tables, zone: str | None, day: date, series: Series, tenant: str | None = "t"
) -> list[float]:
    """The expected values of a day, hour by hour."""
    found: list[float] = []
    for hour in range(HOURS):
        of = await tables.baselines.read(tenant, zone, day, hour)
        assert of
        assert of.zone == zone
        found += of.bands.expected[of.series.index(series)].tolist()
    return found


def cpu(kind: str, name: str | None = None) -> Series:
    return Series(Whose(kind, name), CPU)  # type: ignore[arg-type]


async def test_each_vm_is_learned_by_the_clocks_of_its_region(tables: Tables) -> None:
    await fill(tables)
    assert await learn_tenant(tables, "t", NOW)
    thursday = date(2026, 11, 19)
    office = [60.0 if 9 <= hour < 17 else 10.0 for hour in range(HOURS)]
    for vm, zone in (("b", LONDON), ("d", None)):
        found = await expected(tables, zone, thursday, cpu("vm", vm))
        assert found == pytest.approx([value + ord(vm) % 7 for value in office], abs=2)
    assert await tables.days.read() == []


async def test_a_day_is_learned_when_it_begins_within_twelve_hours(tables: Tables) -> None:
    """At eight in the evening of UTC, Tokyo's Thursday runs already; it was learned twelve hours before."""
    await fill(tables)
    await learn_tenant(tables, "t", NOW - 12 * HOUR)
    found = await expected(tables, TOKYO, date(2026, 11, 19), cpu("vm", "a"))
    assert found == pytest.approx([70.0 if 9 <= hour < 17 else 20.0 for hour in range(HOURS)], abs=13)
    assert await tables.baselines.read("t", LONDON, date(2026, 11, 19), 9) is None


async def test_a_tenant_and_its_pools_are_learned_in_the_zone_of_most_vms(tables: Tables) -> None:
    await fill(tables)
    await learn_tenant(tables, "t", NOW)
    thursday = date(2026, 11, 19)
    pool = await expected(tables, LONDON, thursday, cpu("pool", "pool-uksouth"))
    assert pool == pytest.approx([(60 if 9 <= hour < 17 else 10) + 0.5 for hour in range(HOURS)], abs=2)
    whole = await expected(tables, LONDON, thursday, cpu("tenant"))
    assert whole[12] > whole[7] > whole[20]  # Japan works until eight in the morning of London
    part = await tables.baselines.read("t", LONDON, thursday, 0)
    assert part
    assert Series(Whose("tenant"), NETWORK) in part.series  # of a tenant, all counters
    assert Series(Whose("vm", "b"), NETWORK) not in part.series
    assert part.bands.days.max() >= DAYS


async def test_learning_twice_changes_nothing_and_late_data_are_learned(tables: Tables) -> None:
    await fill(tables)
    await learn_tenant(tables, "t", NOW)
    before = await expected(tables, LONDON, date(2026, 11, 19), cpu("vm", "b"))
    await learn_tenant(tables, "t", NOW)
    assert await expected(tables, LONDON, date(2026, 11, 19), cpu("vm", "b")) == before
    await fill_again(tables)
    await learn_tenant(tables, "t", NOW)
    after = await expected(tables, LONDON, date(2026, 11, 19), cpu("vm", "b"))
    assert after == pytest.approx([2 * value for value in before], abs=4)


async def fill_again(tables: Tables) -> None:
    """All that came is replaced by twice as much; those who write it mark the days."""
    for name in ("b", "c", "a", "d"):
        entry = await tables.catalogue.entry(vms_of("t"), name)
        assert entry
        await tables.catalogue.delete_entry(vms_of("t"), name, entry.etag)
    for kind, name in ((TENANTS, "t"), (COUNTERS, CPU), (COUNTERS, NETWORK)):
        entry = await tables.catalogue.entry(kind, name)
        assert entry
        await tables.catalogue.delete_entry(kind, name, entry.etag)
    counters = await tables.catalogue.counters_of("t")
    assert counters
    await tables.catalogue.delete_counters_of("t", counters.etag)
    await fill(tables, factor=2.0)


async def test_the_fleet_and_its_groups_are_learned_from_summaries(tables: Tables) -> None:
    await fill(tables, "t")
    for window in range(NOW - 4 * DAY, NOW, WINDOW):
        await tables.due.set(Mark("t", window))
        await summarize_window(tables, window, Times(NOW, 0, 40 * DAY), at_once=True)
    marked = [mark.value.window for mark in await tables.fleet_days.read()]
    assert marked == [NOW - NOW % DAY - back * DAY for back in (4, 3, 2, 1, 0)]
    await learn_fleet(tables, NOW)
    assert await tables.fleet_days.read() == []
    thursday = date(2026, 11, 19)
    found = await expected(tables, LONDON, thursday, cpu("Region", "uksouth"), None)
    assert found == pytest.approx([(60 if 9 <= hour < 17 else 10) + 0.5 for hour in range(HOURS)], abs=3)
    assert len(await expected(tables, LONDON, thursday, cpu("MachineSize", "D4"), None)) == HOURS
    assert len(await expected(tables, LONDON, thursday, cpu("fleet"), None)) == HOURS
    unknown = await expected(tables, None, thursday, cpu("Region"), None)
    assert unknown == pytest.approx([(60 if 9 <= hour < 17 else 10) + 2 for hour in range(HOURS)], abs=3)


async def test_the_operation_learns_every_tenant_and_the_fleet(tables: Tables) -> None:
    for tenant in ("t", "u"):
        await fill_tenant(tables, tenant)
    figures = await carry_out(tables, Learn())
    assert figures["baselines"] > 0
    again = await carry_out(tables, Learn())
    assert 0 < again["baselines"] < figures["baselines"]  # today is learned already
    assert await carry_out(tables, Learn()) == again


async def test_today_is_learned_if_nothing_is_learned_of_it_yet(tables: Tables) -> None:
    await fill(tables)
    await learn_tenant(tables, "t", NOW)
    for vm, zone, today in (("b", LONDON, date(2026, 11, 18)), ("a", TOKYO, date(2026, 11, 19))):
        found = await expected(tables, zone, today, cpu("vm", vm))
        assert found[12] == pytest.approx(60 + ord(vm) % 7, abs=2)


async def test_today_is_learned_again_if_an_older_day_has_changed(tables: Tables) -> None:
    await fill(tables)
    await learn_tenant(tables, "t", NOW)
    today = date(2026, 11, 18)
    before = await expected(tables, LONDON, today, cpu("vm", "b"))
    await fill_again(tables)
    await learn_tenant(tables, "t", NOW)
    assert await expected(tables, LONDON, today, cpu("vm", "b")) == pytest.approx([2 * each for each in before], abs=4)


async def fill_tenant(tables: Tables, tenant: str) -> None:
    for vm in "ab":
        await tables.catalogue.write_entry(vms_of(tenant), Entry(vm, STARTED, Dimensions(None, None, "uksouth")), None)
    await tables.catalogue.write_entry(TENANTS, Entry(tenant, STARTED), None)
    for window in range(STARTED - STARTED % WINDOW - 5 * DAY, STARTED - WINDOW, WINDOW):
        vms = [StandingVm(vm, window, Dimensions(None, None, "uksouth")) for vm in "ab"]
        await tables.standings.write(tenant, window, Standings(vms, {CPU: np.array([1.0, 2.0])}), None)
    for day in range(STARTED - STARTED % DAY - 5 * DAY, STARTED, DAY):
        await tables.days.set(Mark(tenant, day))


async def test_an_answer_says_what_is_normal_in_each_window_and_by_whose_clocks(tables: Tables) -> None:
    await fill(tables)
    await learn_tenant(tables, "t", NOW)
    view = a_view(NOW + DAY)
    asked = SeriesQuestion(CPU, 24, "t", "b")
    for at in (CPU, NETWORK):
        entry = await tables.catalogue.entry(COUNTERS, at)
        assert entry
        await tables.catalogue.write_entry(COUNTERS, Entry(at, NOW + 20 * HOUR), entry.etag)
    answer = await get_baseline(tables, asked, view)
    assert (answer.timeZone, answer.history, answer.reason) == (LONDON, DAYS + 1, None)
    assert len(answer.data) == 96
    noon = next(item for item in answer.data if local(item.window, LONDON) == (date(2026, 11, 19), 3, 12))
    assert noon.expected == pytest.approx(60, abs=2)
    assert noon.low
    assert noon.high
    assert noon.expected
    assert noon.low < noon.expected < noon.high
    assert None not in {item.expected for item in answer.data}


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (SeriesQuestion(CPU, 1), NOT_LEARNED),
        (SeriesQuestion(NETWORK, 1, "t", "b"), NOT_OF_VMS),
    ],
)
async def test_an_answer_says_why_nothing_is_known(tables: Tables, asked: SeriesQuestion, reason: str) -> None:
    await fill(tables, days=4)
    await learn_tenant(tables, "t", NOW)
    answer = await get_baseline(tables, asked, a_view(NOW))
    assert (answer.reason, answer.history) == (reason, 0)
    assert {item.expected for item in answer.data} == {None}


async def test_a_tenants_caller_gets_what_is_normal_for_itself(tables: Tables) -> None:
    await fill(tables, days=4)
    await learn_tenant(tables, "t", NOW)
    view = a_view(NOW, Caller("tenant", "t"))
    assert isinstance(await get_baseline(tables, SeriesQuestion(CPU, 1, "t"), view), OwnBaseline)
    with pytest.raises(Forbidden):
        await get_baseline(tables, SeriesQuestion(CPU, 1), view)
    with pytest.raises(NotFound):
        await get_baseline(tables, SeriesQuestion(CPU, 1, "u"), view)
