"""From standings to get-forecast: by each zone's clocks, corrected by the last hours, with late data and purges."""

from datetime import date

import numpy as np
import pytest

from domain.access import Caller
from domain.digests import Series, Whose
from domain.errors import Forbidden, NotFound
from domain.minutes import DAY, HOUR, WINDOW
from domain.samples import Dimensions, VmWindow
from domain.standings import Standings, StandingVm
from pipeline.learning import learn_tenant
from pipeline.purged_learning import purge_tenant, purge_vm
from pipeline.queries.forecasts import (
    NO_BAND,
    NOT_LEARNED,
    NOT_OF_VMS,
    TOO_SHORT,
    Forecast,
    OwnForecast,
    get_forecast,
)
from pipeline.queries.series import SeriesQuestion
from storage.schema import STANDINGS
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS, Entry
from storage.tables.digests import partition_of
from storage.tables.rows import parts_of
from tests.builders import a_view
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.test_learning import CPU, LONDON, NETWORK, NOW, TOKYO, VMS, fill, usual

TENANT = "t"
DAYS = 16


@pytest.fixture
def tables(memory: MemoryDocuments) -> Tables:
    """In memory only: weeks have thousands of documents."""
    return Tables(memory)


async def learned(tables: Tables, days: int = DAYS) -> Tables:
    await fill(tables, TENANT, days)
    await learn_tenant(tables, TENANT, NOW)
    return tables


async def asked(
    tables: Tables,
    hours: int = 24,
    at: int = NOW,
    *,
    key: str = CPU,
    tenant: str = TENANT,
    vm: str | None = None,
    pool: str | None = None,
    caller: Caller | None = None,
) -> Forecast | OwnForecast:
    """Ask when the newest minute of the counter is that before ``at``."""
    entry = await tables.catalogue.entry(COUNTERS, key)
    await tables.catalogue.write_entry(COUNTERS, Entry(key, at - 30), entry.etag if entry else None)
    view = a_view(at, caller) if caller else a_view(at)
    return await get_forecast(tables, SeriesQuestion(key, hours, tenant, vm, pool), view)


@pytest.mark.parametrize(("vm", "zone"), [("a", TOKYO), ("b", LONDON), ("d", None)])
async def test_a_vms_days_come_by_its_own_clocks(tables: Tables, vm: str, zone: str | None) -> None:
    await learned(tables)
    answer = await asked(tables, 48, vm=vm)
    assert (answer.timeZone, answer.reason, answer.vm) == (zone or "UTC", None, vm)
    assert answer.history == DAYS
    assert [item.window for item in answer.data] == list(range(NOW, NOW + 48 * HOUR, WINDOW))
    for item in answer.data:
        assert item.expected == pytest.approx(usual(vm, item.window, VMS[vm]), abs=3)
        low, high = item.low, item.high
        assert low is not None
        assert high is not None
        assert low <= (item.expected or 0) <= high


async def test_what_is_learned_for_tomorrow_leaves_today_as_it_was(tables: Tables) -> None:
    """At eight in the evening London's tomorrow is learned; the hours until midnight are still told."""
    await learned(tables)
    before = [item.expected for item in (await asked(tables, 4, vm="b")).data]
    await learn_tenant(tables, TENANT, NOW + 12 * HOUR)
    assert [item.expected for item in (await asked(tables, 4, vm="b")).data] == before
    tomorrow = await asked(tables, 24, NOW + 12 * HOUR, vm="b")
    assert None not in [item.expected for item in tomorrow.data]


async def test_a_week_from_any_hour_of_the_day_is_told(tables: Tables) -> None:
    await learned(tables)
    answer = await asked(tables, 168, NOW + 27 * HOUR, vm="b")
    assert None not in [item.expected for item in answer.data]


async def test_the_last_hours_correct_the_next_ones(tables: Tables) -> None:
    """Since the evening, VM b is 20 above what is usual."""
    await learned(tables)
    plain = await asked(tables, 12, NOW + 8 * HOUR, vm="b")
    for window in range(NOW + 4 * HOUR, NOW + 8 * HOUR, WINDOW):
        value = usual("b", window, VMS["b"]) + 20
        dimensions = Dimensions("s", "pool-uksouth", "uksouth", "D4")
        await tables.samples.write(VmWindow(TENANT, "b", window, dimensions, {CPU: [value] * 15}), None)
    higher = await asked(tables, 12, NOW + 8 * HOUR, vm="b")
    moved = [(one.expected or 0) - (other.expected or 0) for one, other in zip(higher.data, plain.data, strict=True)]
    assert 8 < moved[0] <= 20
    assert moved[0] >= moved[-1] > 0


async def test_a_tenant_and_its_pools_are_corrected_by_their_vms(tables: Tables) -> None:
    await learned(tables)
    at = NOW + 8 * HOUR
    plain = [await asked(tables, 4, at), await asked(tables, 4, at, pool="pool-uksouth")]
    for window in range(NOW + 4 * HOUR, at, WINDOW):
        vms = [StandingVm(vm, window, Dimensions("s", f"pool-{region}", region, "D4")) for vm, region in VMS.items()]
        values = [usual(vm, window, region) + (40 if region == "uksouth" else 0) for vm, region in VMS.items()]
        await tables.standings.write(TENANT, window, Standings(vms, {CPU: np.array(values)}), None)
    higher = [await asked(tables, 4, at), await asked(tables, 4, at, pool="pool-uksouth")]
    of_tenant, of_pool = (
        (one.data[0].expected or 0) - (other.data[0].expected or 0) for one, other in zip(higher, plain, strict=True)
    )
    assert 0 < of_tenant < of_pool <= 40


@pytest.mark.parametrize(
    ("days", "key", "pool", "reason"),
    [(2, CPU, None, TOO_SHORT), (7, CPU, None, NO_BAND), (7, NETWORK, None, NOT_OF_VMS), (7, CPU, "?", NOT_LEARNED)],
)
async def test_too_little_history_is_said(tables: Tables, days: int, key: str, pool: str | None, reason: str) -> None:
    await learned(tables, days - 1)
    answer = await asked(tables, 1, key=key, vm=None if pool else "b", pool=pool)
    assert answer.reason == reason
    assert answer.mase is None
    assert {item.low for item in answer.data} == {None}
    assert {item.expected is None for item in answer.data} == {reason != NO_BAND}


async def test_what_was_learned_long_ago_is_no_forecast(tables: Tables) -> None:
    await learned(tables)
    assert (await asked(tables, 1, NOW + 28 * HOUR - WINDOW, vm="b")).reason is None
    late = await asked(tables, 1, NOW + 3 * DAY, vm="b")
    assert (late.reason, late.history) == (NOT_LEARNED, 0)


async def test_a_purged_vm_has_no_forecast_and_its_neighbours_have(tables: Tables) -> None:
    await learned(tables)
    await purge_vm(tables, TENANT, "b")
    series = Series(Whose("vm", "b"), CPU)
    comes = date(2026, 11, 19)
    assert await tables.forecasts.read(TENANT, LONDON, comes, series) is None
    assert await tables.forecasts.read(TENANT, LONDON, comes, Series(Whose("vm", "c"), CPU))
    await purge_tenant(tables, TENANT)
    left = [each.id async for each in tables.documents.scan(STANDINGS, partition_of(TENANT))]
    assert left == []


async def test_a_forecast_that_cant_be_read_counts_as_not_learned(tables: Tables, memory: MemoryDocuments) -> None:
    await learned(tables)
    partition = partition_of(TENANT)
    async for document in memory.scan(STANDINGS, partition, "forecast_", "forecast_~"):
        await memory.upsert(STANDINGS, partition, document.id, {**document.body, "numbers": "?", "shards": 1})
    assert (await asked(tables, 1, vm="b")).reason == NOT_LEARNED
    await learn_tenant(tables, TENANT, NOW)  # tomorrow has its own
    assert (await asked(tables, 1, NOW + 5 * HOUR, vm="b")).reason is None


@pytest.mark.parametrize("width", [1, 252])
async def test_rows_of_another_length_are_no_forecast(tables: Tables, memory: MemoryDocuments, width: int) -> None:
    await learned(tables, 4)
    partition, known = partition_of(TENANT), [Series(Whose("vm", "b"), CPU)]
    (part,) = parts_of(known, width)
    async for document in memory.scan(STANDINGS, partition, "forecast_", "forecast_~"):
        body = {**document.body, **part.body(np.ones((1, width))), "shards": 1}
        await memory.upsert(STANDINGS, partition, document.id, body)
    assert (await asked(tables, 1, vm="b")).reason == NOT_LEARNED


async def test_a_tenants_caller_gets_its_own_forecast(tables: Tables) -> None:
    await learned(tables, 4)
    caller = Caller("tenant", TENANT)
    assert isinstance(await asked(tables, 1, caller=caller), OwnForecast)
    with pytest.raises(Forbidden):
        await get_forecast(tables, SeriesQuestion(CPU, 1), a_view(NOW, caller))
    with pytest.raises(NotFound):
        await asked(tables, 1, caller=caller, tenant="u")
