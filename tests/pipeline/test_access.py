"""What a tenant's caller gets to see of counters, tenants, VMs and the fleet."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

import msgspec
import pytest

from domain.access import MACHINE, Caller
from domain.disclosure import NEVER_DISCLOSED
from domain.errors import NotFound, Unavailable
from domain.minutes import WINDOW
from domain.rollups import Node
from pipeline import catalogue
from pipeline.averaging import average
from pipeline.catalogue import SEEN_EVERY
from pipeline.closing import close
from pipeline.queries.charts import Question, get_data, get_tenant_data
from pipeline.queries.exported import newest_export
from pipeline.queries.lists import list_counters, list_tenants, list_vms
from pipeline.queries.view import View
from storage.schema import REPORT, ROLLUPS
from storage.tables import Tables
from storage.tables.marks import Mark
from tests.builders import KEY, LATENESS, NOW, TIMES, WINDOW_START, a_message, a_record, a_view, records_of
from tests.pipeline.faults import Fault, FaultyDocuments
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.steps import close_windows, deliver, enrol, work_off

SHARED = "win_mem.percent_used"
THEIRS = "win_service.OnlyOfTheirs"
LATE = "win_disk.comes_late"
FIRST = WINDOW_START + 30


async def seven_tenants(tables: Tables, enrolled: Iterable[int] = range(7)) -> None:
    """Seven tenants of two VMs each, of which the last is late; the second has a counter that nobody else has."""
    await enrol(tables, [f"t{tenant}" for tenant in enrolled])
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


async def test_without_a_vm_a_tenant_sees_its_own_average_beside_the_fleet(tables: Tables) -> None:
    await seven_tenants(tables)
    answer = await get_tenant_data(tables, Question([KEY], minutes=1), "t2", None, view_of("t2"))
    (item,) = answer.data
    assert (answer.vm, item.PerfValue, item.tenantAverage, item.tenantCount) == (None, None, 2, 1)
    assert (item.average, item.count) == (None, None)
    with pytest.raises(NotFound):
        await get_tenant_data(tables, Question([KEY], minutes=1), "t1", None, view_of("t2"))


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
    found = await newest_export(tables, a_view())
    assert {item.PerfName: item.timestamp - FIRST for item in found.points} == {
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


async def test_a_flood_of_counters_leaves_the_newest_in_a_tenants_list(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 40
    monkeypatch.setattr(catalogue, "MOST_LISTED", most)
    for window, counters in enumerate((10, most // 2, most // 2)):
        records = (
            a_record(PerfName=f"p{window}_{number}", timestamp=WINDOW_START + window * WINDOW - 2 * WINDOW)
            for number in range(counters)
        )
        await deliver(tables, [a_message(records)])
        await work_off(tables)
    listed = await list_counters(tables, view_of(str(a_record()["MaskedTenantId"])))
    assert {item.key.split("_")[1][-1] for item in listed} == {"1", "2"}
    assert len(listed) == most


async def test_late_data_change_what_an_operator_sees_and_not_what_a_tenant_does(tables: Tables) -> None:
    await seven_tenants(tables)
    await close_windows(tables)
    question = Question([SHARED], minutes=15)
    shown = await get_data(tables, question, view_of("t0", NOW + LATENESS))
    for tenant in ("t6", "late"):
        await deliver(tables, [a_message(records_of(tenant, "v9", SHARED, [100.0] * 15))])
    await work_off(tables)
    await close_windows(tables)
    assert [item.count for item in (await get_data(tables, question, a_view())).data] == [16] * 10 + [14] * 5
    assert await get_data(tables, question, view_of("t0", NOW + LATENESS)) == shown
    later = await get_data(tables, question, view_of("t6", NOW + LATENESS))
    assert later.data == shown.data


async def test_a_counter_that_came_after_closing_stays_suppressed(tables: Tables) -> None:
    await seven_tenants(tables)
    await close_windows(tables)
    await deliver(tables, [a_message(records_of(f"t{tenant}", "v1", LATE, [1.0] * 15)) for tenant in range(7)])
    await work_off(tables)
    await close_windows(tables)
    answer = await get_data(tables, Question([LATE], minutes=15), view_of("t0", NOW + LATENESS))
    assert [(item.average, item.suppressed, item.final) for item in answer.data] == [(None, NEVER_DISCLOSED, True)] * 15


async def test_a_window_that_an_older_version_closed_is_suppressed_and_can_not_be_disclosed_later(
    tables: Tables,
) -> None:
    await seven_tenants(tables)
    await close(tables, WINDOW_START)  # and nothing else
    await tables.marks.set(Mark("t0", WINDOW_START))
    await close_windows(tables)
    answer = await get_tenant_data(tables, Question([SHARED], minutes=15), "t0", "v1", view_of("t0", NOW + LATENESS))
    assert {(item.average, item.suppressed, item.PerfValue) for item in answer.data} == {(None, NEVER_DISCLOSED, 0.0)}


async def test_rollups_of_an_older_version_count_for_nobody(tables: Tables) -> None:
    """They do not say whose samples they hold; averaged anew, they do."""
    await seven_tenants(tables)
    old = await tables.documents.read(ROLLUPS, str(WINDOW_START), f"3_{Node.of('t3').branch}_t3")
    assert old
    texts = {
        key: msgspec.json.encode([placed[0], [partial and partial[:8] for partial in placed[1]]]).decode()
        for key, text in old.body["series"].items()
        if (placed := msgspec.json.decode(text))
    }
    await tables.documents.upsert(ROLLUPS, str(WINDOW_START), old.id, {"version": 4, "series": texts})
    rollup = await tables.rollups.read(Node.of("t3"), WINDOW_START)
    assert rollup
    assert (rollup.current, rollup.value[SHARED].series[0].enrolled) == (False, 0)  # type: ignore[union-attr]
    await tables.marks.set(Mark("t3", WINDOW_START))
    await work_off(tables)
    rollup = await tables.rollups.read(Node.of("t3"), WINDOW_START)
    assert rollup
    assert (rollup.current, rollup.value[SHARED].series[0].enrolled) == (True, 1)  # type: ignore[union-attr]


async def test_a_tenant_that_is_enrolled_later_counts_from_its_next_push_on(tables: Tables) -> None:
    async def push(window: int) -> None:
        for tenant in range(6):
            await deliver(tables, [a_message(records_of(f"t{tenant}", "v1", SHARED, [1.0], window))])
        await work_off(tables)

    await enrol(tables, [f"t{tenant}" for tenant in range(5)])
    await push(WINDOW_START - WINDOW)
    await enrol(tables, ["t5"])
    await push(WINDOW_START)
    await close_windows(tables)
    answer = await get_data(tables, Question([SHARED], minutes=16), view_of("t0", NOW + LATENESS))
    assert [item.average for item in answer.data] == [None, 1.0]


@pytest.mark.parametrize("call", range(1, 20))
async def test_a_closing_that_is_cut_off_and_done_again_keeps_what_it_has_disclosed(call: int) -> None:
    faulty = FaultyDocuments(MemoryDocuments())
    tables = Tables(faulty)
    await seven_tenants(tables)
    faulty.plan([(call, Fault.DIED)])
    with suppress(Unavailable):
        await close_windows(tables)
    faulty.plan()
    before = {key: await tables.disclosed.between(key, 0, NOW) for key in (KEY, SHARED, THEIRS)}
    await deliver(tables, [a_message(records_of("t6", "v9", key, [100.0] * 15)) for key in (SHARED, KEY)])
    await work_off(tables)
    await close_windows(tables)
    after = {key: await tables.disclosed.between(key, 0, NOW) for key in (KEY, SHARED, THEIRS)}
    assert all(after.values())
    assert {key: figures for key, figures in after.items() if before[key]} == {
        key: figures for key, figures in before.items() if figures
    }


async def test_a_rollup_that_can_not_be_read_holds_up_closing_until_it_is_made_anew(tables: Tables) -> None:
    await seven_tenants(tables)
    branch = Node.of("t3").branch[:1]
    await tables.documents.upsert(ROLLUPS, str(WINDOW_START), f"1_{branch}", {})
    done = await average(tables, replace(TIMES, now=NOW + LATENESS))
    assert (len(done.corrupt), list(done.closed)) == (1, [])
    await tables.marks.set(Mark("t3", WINDOW_START))
    done = await average(tables, replace(TIMES, now=NOW + LATENESS))
    assert (list(done.corrupt), list(done.closed)) == ([], [WINDOW_START])
    answer = await get_data(tables, Question([SHARED], minutes=15), view_of("t0", NOW + LATENESS))
    assert [item.average for item in answer.data] == [3.0] * 10 + [2.5] * 5


async def test_a_corrupt_disclosed_figure_is_as_if_nothing_had_been_disclosed(tables: Tables) -> None:
    await seven_tenants(tables)
    await close_windows(tables)
    await tables.documents.upsert(REPORT, SHARED, f"disclosed_{WINDOW_START}", {"minutes": [1.0]})
    await close_windows(tables)
    answer = await get_data(tables, Question([SHARED], minutes=15), view_of("t0", NOW + LATENESS))
    assert {(item.average, item.suppressed) for item in answer.data} == {(None, NEVER_DISCLOSED)}
