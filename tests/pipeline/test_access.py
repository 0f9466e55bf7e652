"""What a tenant's caller gets to see of counters, tenants, VMs and the fleet."""

import pytest

from domain.access import MACHINE, Caller
from domain.errors import NotFound
from domain.minutes import WINDOW
from pipeline.catalogue import MOST_LISTED, SEEN_EVERY
from pipeline.queries.charts import Question, get_data, get_tenant_data, newest_points
from pipeline.queries.lists import list_counters, list_tenants, list_vms
from pipeline.queries.view import View
from storage.schema import REPORT
from storage.tables import Tables
from storage.tables.marks import Mark
from tests.builders import KEY, LATENESS, NOW, WINDOW_START, a_message, a_record, a_view, records_of
from tests.pipeline.steps import close_windows, deliver, work_off

SHARED = "win_mem.percent_used"
THEIRS = "win_service.OnlyOfTheirs"
FIRST = WINDOW_START + 30


async def seven_tenants(tables: Tables) -> None:
    """Seven tenants of two VMs each, of which the last is late; the second has a counter that nobody else has."""
    for tenant in range(7):
        values = [float(tenant)] * (15 if tenant < 6 else 10)
        records = [*records_of(f"t{tenant}", "v1", SHARED, values), *records_of(f"t{tenant}", "v2", SHARED, values)]
        if tenant < 3:
            records += records_of(f"t{tenant}", "v1", KEY, values)
        if tenant == 1:
            records += records_of("t1", "v1", THEIRS, values)
        await deliver(tables, [a_message(records)])
    await work_off(tables)


def view_of(tenant: str, now: int = NOW) -> View:
    return a_view(now, Caller("tenant", tenant))


async def test_a_tenant_sees_the_fleets_average_of_final_minutes(tables: Tables) -> None:
    await seven_tenants(tables)
    answer = await get_data(tables, Question([SHARED], minutes=15), view_of("t0"))
    assert answer.suppressed
    assert [(item.average, item.final) for item in answer.data] == [(None, False)] * 15
    assert {item.suppressed for item in answer.data} == {"the minute is not final yet"}
    await close_windows(tables)
    later = await get_data(tables, Question([SHARED], minutes=15), view_of("t0", NOW + LATENESS))
    assert [item.average for item in later.data] == [3.0] * 10 + [2.5] * 5


async def test_a_tenant_does_not_see_an_average_of_few(tables: Tables) -> None:
    await seven_tenants(tables)
    await close_windows(tables)
    answer = await get_data(tables, Question([KEY, SHARED], minutes=10), view_of("t0", NOW + LATENESS))
    averages = {item.PerfType: item.average for item in answer.data}
    assert averages == {"win_cpu": None, "win_mem": 2.5}


async def test_beside_the_fleet_a_tenant_sees_its_own_figures_in_full(tables: Tables) -> None:
    await seven_tenants(tables)
    answer = await get_tenant_data(tables, Question([KEY], minutes=1), "t2", "v1", view_of("t2"))
    (item,) = answer.data
    assert (item.PerfValue, item.tenantAverage, item.tenantMin, item.tenantMax, item.tenantCount) == (2, 2, 2, 2, 1)
    assert (item.average, item.count, item.min, item.max) == (None, None, None, None)


async def test_a_tenant_knows_only_its_own_counters_tenant_and_vms(tables: Tables) -> None:
    await seven_tenants(tables)
    for tenant, counters in (("t0", [KEY, SHARED]), ("t1", [KEY, SHARED, THEIRS]), ("t5", [SHARED]), ("nobody", [])):
        view = view_of(tenant)
        assert [item.key for item in await list_counters(tables, view)] == counters
        seen = [item.tenant for item in await list_tenants(tables, view)]
        assert seen == ([tenant] if counters else [])
    assert {item.newest for item in await list_counters(tables, view_of("t6"))} == {FIRST + 9 * 60}


@pytest.mark.parametrize("asked", ["t1", "nobody", "t 1", ""])
async def test_another_tenant_is_one_that_is_not_found(tables: Tables, asked: str) -> None:
    await seven_tenants(tables)
    view = view_of("t0")
    for query in (
        get_tenant_data(tables, Question([SHARED], minutes=1), asked, "v1", view),
        list_vms(tables, asked, view),
    ):
        with pytest.raises(NotFound, match=f"no tenant named {asked!r} has been seen"):
            await query


@pytest.mark.parametrize("key", [THEIRS, "a.b"])
async def test_a_counter_that_the_tenant_never_had_is_one_that_is_not_found(tables: Tables, key: str) -> None:
    await seven_tenants(tables)
    with pytest.raises(NotFound, match=f"no counter named '{key}' has been seen"):
        await get_data(tables, Question([SHARED, key], minutes=1), view_of("t0"))


async def test_a_tenant_whose_name_is_like_anothers_but_for_a_plus_gets_its_own(tables: Tables) -> None:
    for name in ("a+b", "a b"):
        await deliver(tables, [a_message(records_of(name, f"vm of {name}", KEY, [1.0]))])
    await work_off(tables)
    for own in ("a+b", "a b"):
        vms = await list_vms(tables, "a b", view_of(own))
        assert [item.vm for item in vms] == [f"vm of {own}"]


async def test_a_machine_sees_the_fleet_in_full_and_no_tenant(tables: Tables) -> None:
    await seven_tenants(tables)
    view = a_view(caller=MACHINE)
    answer = await get_data(tables, Question([KEY], minutes=1), view)
    assert (answer.suppressed, answer.data[0].count, answer.data[0].max) == (None, 3, 2.0)
    with pytest.raises(NotFound):
        await list_vms(tables, "t0", view)
    assert await list_tenants(tables, view) == []


async def test_the_newest_points_are_the_newest_final_minutes(tables: Tables) -> None:
    await seven_tenants(tables)
    await deliver(tables, [a_message([a_record(PerfName="gone", timestamp=NOW - 3 * 3600)])])
    await close_windows(tables)
    await deliver(tables, [a_message(records_of("t0", "v1", KEY, [9.0] * 15, NOW))])
    await work_off(tables)
    points = await newest_points(tables, a_view())
    assert {item.PerfName: item.timestamp - FIRST for item in points} == {
        "percent_processor_time": 14 * 60,
        "percent_used": 14 * 60,
        "OnlyOfTheirs": 14 * 60,
    }


async def test_a_tenants_counters_are_renewed_now_and_then(tables: Tables) -> None:
    async def push(window: int) -> int:
        await deliver(tables, [a_message(records_of("t", "v", KEY, [1.0] * 15, WINDOW_START + window * WINDOW))])
        await work_off(tables)
        stored = await tables.catalogue.counters_of("t")
        assert stored
        return (stored.value[KEY] - FIRST) // WINDOW

    first = -30 * 86_400 // WINDOW + 60
    steps = SEEN_EVERY // WINDOW
    assert [await push(first + window) - first for window in (0, 1, steps, steps + 1, 2)] == [0, 0, 0, 25, 25]


async def test_a_flood_of_counters_leaves_the_newest_in_a_tenants_list(tables: Tables) -> None:
    for window, counters in enumerate((10, MOST_LISTED // 2, MOST_LISTED // 2)):
        records = (
            a_record(PerfName=f"p{window}_{number}", timestamp=WINDOW_START + window * WINDOW - 2 * WINDOW)
            for number in range(counters)
        )
        await deliver(tables, [a_message(records)])
        await work_off(tables)
    listed = await list_counters(tables, view_of(str(a_record()["MaskedTenantId"])))
    assert {item.key.split("_")[1][-1] for item in listed} == {"1", "2"}
    assert len(listed) == MOST_LISTED


async def test_a_report_from_before_shares_were_kept_is_suppressed_from_tenants_until_averaged_anew(
    tables: Tables,
) -> None:
    await seven_tenants(tables)
    await close_windows(tables)
    document = await tables.documents.read(REPORT, SHARED, str(WINDOW_START))
    assert document
    before = [{name: value for name, value in row.items() if name != "shares"} for row in document.body["rows"]]
    await tables.documents.upsert(REPORT, SHARED, document.id, {"rows": before})
    question = Question([SHARED], minutes=15)
    answer = await get_data(tables, question, view_of("t0", NOW + LATENESS))
    assert {item.average for item in answer.data} == {None}
    assert [item.count for item in (await get_data(tables, question, a_view())).data] == [14] * 10 + [12] * 5
    await tables.marks.set(Mark("t0", WINDOW_START))
    await work_off(tables)
    answer = await get_data(tables, question, view_of("t0", NOW + LATENESS))
    assert {item.average for item in answer.data} == {3.0, 2.5}
