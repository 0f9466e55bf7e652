"""Rankings and groups of fleets and windows that are out of the ordinary. The rest: tests.pipeline.test_standings."""

from dataclasses import replace

import pytest

from domain.fleet_summary import FleetFigures
from domain.minutes import DAY, WINDOW
from pipeline.purge import Purge
from pipeline.queries.groups import GroupsQuestion, get_groups
from pipeline.queries.ranking import RankingQuestion
from pipeline.queries.windows import Windows
from storage.documents import Corrupt
from storage.schema import STANDINGS
from storage.tables import Tables
from tests.builders import KEY, WINDOW_START, a_view
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.test_operations import carry_out, context
from tests.pipeline.test_standings import FREE, a_fleet, after, fill, groups, one, rank_in, ranking


async def test_a_vm_that_moved_to_another_tenant_counts_for_both_in_that_window_and_then_for_the_new_one(
    tables: Tables,
) -> None:
    await fill(tables, {"t0": {"moved": 5.0, "stays": 1.0}}, window=WINDOW_START - WINDOW)
    await fill(tables, {"t1": {"moved": 7.0, "other": 2.0}}, window=WINDOW_START - WINDOW)
    await fill(tables, {"t0": {"stays": 1.0}, "t1": {"moved": 7.0, "other": 2.0}})
    found = await ranking(tables, replace(one(), windows=Windows(start=WINDOW_START - WINDOW, end=WINDOW_START)))
    assert [(row.window, row.tenant, row.vm) for row in found.data if row.vm == "moved"] == [
        (WINDOW_START, "t1", "moved"),
        (WINDOW_START - WINDOW, "t1", "moved"),
        (WINDOW_START - WINDOW, "t0", "moved"),
    ]
    assert [(row.of, row.window) for row in found.data if row.position == 1] == [
        (3, WINDOW_START), (4, WINDOW_START - WINDOW)
    ]  # fmt: skip


async def test_vms_of_unknown_regions_are_a_group_and_a_counter_that_half_of_them_have_counts_those(
    tables: Tables,
) -> None:
    fleet = a_fleet(tenants=2, vms=6)
    odd, even = (
        {of: {vm: each[vm] for vm in each if int(vm[-1]) % 2 == rest} for of, each in fleet.items()} for rest in (1, 0)
    )
    await fill(tables, odd)
    await fill(tables, even, key=FREE, Region=None, MachineSize=None)
    for tenant, count in ((None, 6), ("t0", 3)):
        for by in ("Region", "MachineSize"):
            (item,) = (await get_groups(tables, GroupsQuestion(FREE, by, Windows(), tenant), a_view())).data
            assert (item.group, item.count) == (None, count)
            assert sum(each.count for each in await groups(tables, by, tenant)) == count
    rows = (await ranking(tables, one(FREE))).data
    assert {(row.Region, row.MachineSize, row.of) for row in rows} == {(None, None, 6)}
    assert [row.peerRank for row in rows] == [row.rank for row in rows]


@pytest.mark.parametrize("window", [0, WINDOW_START - 400 * DAY, WINDOW_START + WINDOW])
async def test_a_window_of_which_nothing_is_known_has_no_rows(tables: Tables, window: int) -> None:
    await fill(tables, a_fleet(tenants=2))
    for tenant in (None, "t0"):
        question = RankingQuestion(KEY, Windows(window=window), tenant)
        assert (await ranking(tables, question)).data == []
        assert await groups(tables, "Region", tenant, Windows(window=window)) == []
    assert await groups(tables, "Region", None, Windows(start=0, end=5)) == []


async def test_the_figures_of_summaries_can_be_read_alone(tables: Tables) -> None:
    for back in (1, 0):
        await fill(tables, a_fleet(seed=back), window=WINDOW_START - back * WINDOW)
    between = (KEY, WINDOW_START - WINDOW, WINDOW_START)
    whole = await tables.summaries.of_fleet_between(*between)
    alone = await tables.summaries.figures_between(*between)
    without = await tables.summaries.figures_between(*between, tenants=False)
    assert alone == {window: FleetFigures(each.groups, each.figures, each.tenants) for window, each in whole.items()}
    assert without == {window: FleetFigures(each.groups, each.figures, {}) for window, each in whole.items()}
    assert len(alone) == 2
    for document in [each async for each in tables.documents.scan(STANDINGS, f"fleet_{KEY}")]:
        await tables.documents.replace(STANDINGS, f"fleet_{KEY}", document.id, {"figures": "x"}, document.etag)
    with pytest.raises(Corrupt):
        await tables.summaries.figures_between(*between)


async def test_pages_stay_with_the_window_that_was_the_newest_for_the_first_one() -> None:
    tables = Tables(MemoryDocuments())
    fleet = a_fleet(tenants=1)
    await fill(tables, fleet, window=WINDOW_START - WINDOW)
    first = await ranking(tables, one(tenant="t0", limit=4))
    await fill(tables, {"t0": dict.fromkeys(fleet["t0"], 1.0)})
    second = await ranking(tables, one(tenant="t0", limit=4, place=after(first)))
    assert {row.window for row in (*first.data, *second.data)} == {WINDOW_START - WINDOW}
    assert sorted(row.vm for row in (*first.data, *second.data)) == sorted(fleet["t0"])


@pytest.mark.parametrize("key", [KEY, FREE])
async def test_listed_vms_have_exact_ranks_however_close_all_values_are(key: str) -> None:
    tables = Tables(MemoryDocuments())
    fleet = {
        f"t{tenant}": {f"t{tenant}-v{vm}": 97 + (7 * tenant + vm) % 50 / 64 for vm in range(14)} for tenant in range(6)
    }
    await fill(tables, fleet, key=key)
    values = [value for of in fleet.values() for value in of.values()]
    for order in ("highest", "lowest"):
        rows = (await ranking(tables, one(key, order=order))).data
        last = rows[-1].PerfValue  # whether further VMs share it is not known
        for row in rows:
            if row.PerfValue != last:
                assert row.rank == pytest.approx(rank_in(values, row.PerfValue))
    worst = (await ranking(tables, one(key))).data
    everybody = [row for tenant in fleet for row in (await ranking(tables, one(key, tenant=tenant, limit=99))).data]
    in_order = sorted(everybody, key=lambda row: row.PerfValue)
    assert [row.rank for row in in_order] == sorted(row.rank for row in in_order)
    for size in {row.MachineSize for row in everybody}:
        peers = [row.PerfValue for row in everybody if row.MachineSize == size]
        for row in worst:
            if row.MachineSize == size and row.PerfValue != worst[-1].PerfValue:
                assert row.peerRank == pytest.approx(rank_in(peers, row.PerfValue))


async def test_a_purged_vm_whose_clock_was_ahead_does_not_hide_its_tenants_other_vms() -> None:
    tables = Tables(MemoryDocuments())
    await fill(tables, {"t0": {"a": 1.0, "b": 2.0}}, window=WINDOW_START - WINDOW)
    await fill(tables, {"t0": {"ahead": 3.0}})
    await carry_out(tables, Purge("t0", "ahead"), context(tables))
    assert {(row.window, row.vm) for row in (await ranking(tables, one(tenant="t0"))).data} == {
        (WINDOW_START - WINDOW, "a"),
        (WINDOW_START - WINDOW, "b"),
    }
