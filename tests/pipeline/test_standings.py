"""Which VM, which tenant, which region, which size: from the queue to rankings, groups and histograms."""

import json
import math
import random
from dataclasses import replace
from typing import Any

import pytest

from domain.access import Caller
from domain.errors import BadParameters, Forbidden, NotFound
from domain.minutes import WINDOW, minutes_of
from domain.rollups import Node
from pipeline.averaging import average
from pipeline.purge import Purge
from pipeline.queries.groups import GroupItem, Groups, GroupsQuestion, OwnGroups, get_groups
from pipeline.queries.histogram import HistogramAnswer, HistogramQuestion, OwnHistogramAnswer, get_histogram
from pipeline.queries.ranking import OwnRanking, Place, Ranking, RankingQuestion, get_ranking
from pipeline.queries.windows import Windows
from pipeline.rules import Rules
from storage.tables import Tables
from tests.builders import KEY, NOW, TIMES, WINDOW_START, a_message, a_record, a_view
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.steps import close_windows, deliver
from tests.pipeline.test_operations import carry_out, context

FREE = "win_disk.percent_free_space"
REGIONS, SIZES = ("uksouth", "eastus", None), ("D4", "D8")


def a_window(tenant: str, values: dict[str, float], window: int = WINDOW_START, key: str = KEY, **more: Any) -> bytes:
    """A message of a tenant whose VMs have these values in each minute of a window."""
    perf_type, perf_name = key.split(".")
    return a_message(
        [
            a_record(
                MaskedTenantId=tenant,
                MaskedVMName=vm,
                PerfType=perf_type,
                PerfName=perf_name,
                PerfValue=value,
                timestamp=at,
                **{"Region": REGIONS[number % 3], "MachineSize": SIZES[number % 2], **more},
            )
            for number, (vm, value) in enumerate(sorted(values.items()))
            for at in minutes_of(window)
        ]
    )


def a_fleet(seed: int = 1, tenants: int = 6, vms: int = 7) -> dict[str, dict[str, float]]:
    chance = random.Random(seed)  # noqa: S311
    return {
        f"t{tenant}": {f"t{tenant}-v{vm}": chance.randint(0, 800) / 8 for vm in range(vms)} for tenant in range(tenants)
    }


AT_ONCE = Rules(summaries_at_once=True)


async def fill(tables: Tables, fleet: dict[str, dict[str, float]], rules: Rules = AT_ONCE, **more: Any) -> None:
    await deliver(tables, [a_window(tenant, values, **more) for tenant, values in fleet.items()])
    await average(tables, TIMES, rules=rules)


async def ranking(tables: Tables, question: RankingQuestion, caller: Caller | None = None) -> Any:
    view = a_view(caller=caller) if caller else a_view()
    return await get_ranking(tables, question, view, json.dumps)


def after(page: Any) -> Place:
    return Place(*json.loads(page.nextPage))


def one(key: str = KEY, **more: Any) -> RankingQuestion:
    return RankingQuestion(key, Windows(), **more)


def rank_in(values: list[float], value: float) -> float:
    below, equal = sum(each < value for each in values), values.count(value)
    return 100 * (below + equal / 2) / len(values)


async def test_one_question_names_the_worst_vms_of_the_fleet_on_every_store(tables: Tables) -> None:
    fleet = a_fleet()
    await fill(tables, fleet)
    found = await ranking(tables, one())
    assert isinstance(found, Ranking)
    everybody = {vm: value for values in fleet.values() for vm, value in values.items()}
    in_order = sorted(everybody, key=lambda vm: (-everybody[vm], vm))[:20]
    assert [row.vm for row in found.data] == in_order
    assert [row.PerfValue for row in found.data] == [everybody[vm] for vm in in_order]
    for position, row in enumerate(found.data, 1):
        assert (row.position, row.of, row.window, row.coverage) == (position, len(everybody), WINDOW_START, 1.0)
        assert row.rank == pytest.approx(rank_in(list(everybody.values()), row.PerfValue), abs=2.5)
        assert row.tenantRank == pytest.approx(rank_in(list(fleet[row.tenant].values()), row.PerfValue))
        assert row.peerRank is not None
        assert (row.Region, row.MachineSize) == (REGIONS[int(row.vm[-1]) % 3], SIZES[int(row.vm[-1]) % 2])


async def test_the_worst_of_a_counter_that_is_bad_when_low_are_the_lowest() -> None:
    tables = Tables(MemoryDocuments())
    await fill(tables, a_fleet(), key=FREE)
    found = await ranking(tables, one(FREE))
    assert found.order == "lowest"
    assert [row.PerfValue for row in found.data] == sorted(row.PerfValue for row in found.data)
    assert found.data[0].PerfValue == min(value for values in a_fleet().values() for value in values.values())
    highest = await ranking(tables, one(FREE, order="highest"))
    assert highest.data[0].PerfValue == max(value for values in a_fleet().values() for value in values.values())


async def test_the_fleet_can_be_asked_by_region_or_by_size() -> None:
    tables = Tables(MemoryDocuments())
    await fill(tables, a_fleet())
    found = await ranking(tables, one(filters={"Region": "uksouth"}))
    assert {row.Region for row in found.data} == {"uksouth"}
    assert found.data[0].of == 6 * 3
    assert (await ranking(tables, one(filters={"Region": "nowhere"}))).data == []
    with pytest.raises(BadParameters, match="worse end"):
        await ranking(tables, one(filters={"Region": "uksouth"}, order="lowest"))


async def test_a_tenants_vms_come_all_page_by_page_with_any_filters(tables: Tables) -> None:
    fleet = a_fleet(vms=9)
    await fill(tables, fleet)
    first = await ranking(tables, one(tenant="t1", limit=4))
    second = await ranking(tables, one(tenant="t1", limit=4, place=after(first)))
    third = await ranking(tables, one(tenant="t1", limit=4, place=after(second)))
    assert third.nextPage is None
    rows = [*first.data, *second.data, *third.data]
    assert [row.vm for row in rows] == sorted(fleet["t1"], key=lambda vm: (-fleet["t1"][vm], vm))
    assert [row.position for row in rows] == list(range(1, 10))
    filtered = await ranking(tables, one(tenant="t1", filters={"Region": "eastus", "MachineSize": "D8"}))
    assert {(row.Region, row.MachineSize) for row in filtered.data} == {("eastus", "D8")}
    alone = await ranking(tables, one(tenant="t1", vm=rows[6].vm))
    assert [(row.vm, row.position) for row in alone.data] == [(rows[6].vm, 7)]


async def test_a_tenants_caller_ranks_its_own_vms_and_learns_nothing_of_others() -> None:
    tables = Tables(MemoryDocuments())
    await fill(tables, a_fleet())
    own = Caller("tenant", "t1")
    found = await ranking(tables, one(tenant="t1"), own)
    assert isinstance(found, OwnRanking)
    assert {(row.rank, row.peerRank) for row in found.data} == {(None, None)}
    assert len(found.data) == 7
    with pytest.raises(NotFound):
        await ranking(tables, one(tenant="t2"), own)
    for question in (
        ranking(tables, one(), own),
        get_groups(tables, GroupsQuestion(KEY, "Region", Windows()), a_view(caller=own)),
        get_histogram(tables, HistogramQuestion(KEY, 5), a_view(caller=own)),
    ):
        with pytest.raises(Forbidden):
            await question
    groups = await get_groups(tables, GroupsQuestion(KEY, "Region", Windows(), "t1"), a_view(caller=own))
    assert isinstance(groups, OwnGroups)
    histogram = await get_histogram(tables, HistogramQuestion(KEY, 5, 5, "t1"), a_view(caller=own))
    assert isinstance(histogram, OwnHistogramAnswer)
    assert [item.count for item in histogram.data] == [35]


async def groups(tables: Tables, by: Any, tenant: str | None = None, windows: Windows | None = None) -> list[GroupItem]:
    found = await get_groups(tables, GroupsQuestion(KEY, by, windows or Windows(), tenant), a_view())
    assert isinstance(found, Groups)
    return found.data


async def test_the_fleet_by_region_size_and_tenant(tables: Tables) -> None:
    fleet = a_fleet()
    await fill(tables, fleet)
    by_region = {item.group: item for item in await groups(tables, "Region")}
    assert set(by_region) == set(REGIONS)
    uksouth = [value for values in fleet.values() for vm, value in values.items() if int(vm[-1]) % 3 == 0]
    item = by_region["uksouth"]
    assert (item.count, item.tenants, item.min, item.max) == (18, 6, min(uksouth), max(uksouth))
    assert (item.sum, item.average) == pytest.approx((math.fsum(uksouth), math.fsum(uksouth) / 18))
    assert item.p50 == pytest.approx(sorted(uksouth)[8], rel=0.01)
    assert {each.group for each in await groups(tables, "MachineSize")} == set(SIZES)
    by_tenant = {each.group: each for each in await groups(tables, "tenant")}
    assert by_tenant.keys() == fleet.keys()
    assert by_tenant["t3"].sum == pytest.approx(sum(fleet["t3"].values()))
    assert [each.count for each in await groups(tables, "ResourcePoolName", "t3")] == [7]
    assert {each.group: each.average for each in await groups(tables, "vm", "t3")} == pytest.approx(fleet["t3"])
    with pytest.raises(BadParameters, match="for the fleet"):
        await groups(tables, "vm")
    with pytest.raises(BadParameters, match="for a tenant"):
        await groups(tables, "tenant", "t3")


async def test_since_when_is_one_question() -> None:
    tables = Tables(MemoryDocuments())
    for back, value in ((2, 1.0), (1, 90.0), (0, 95.0)):
        await fill(tables, {"t0": {"slow": value, "calm": 5.0}}, window=WINDOW_START - back * WINDOW)
    found = await get_ranking(tables, replace(one(tenant="t0"), windows=Windows(3)), a_view(), str)
    assert isinstance(found, Ranking)
    assert [(row.vm, row.PerfValue) for row in found.data if row.position == 1] == [
        ("slow", 95.0), ("slow", 90.0), ("calm", 5.0)
    ]  # fmt: skip
    assert [item.max for item in await groups(tables, "MachineSize", windows=Windows(3)) if item.group == "D8"] == [
        95.0, 90.0, 1.0
    ]  # fmt: skip


async def test_histograms_count_the_vms_of_each_minute(tables: Tables) -> None:
    fleet = a_fleet()
    await fill(tables, fleet)
    everybody = [value for values in fleet.values() for value in values.values()]
    found = await get_histogram(tables, HistogramQuestion(KEY, 10, 5), a_view())
    assert isinstance(found, HistogramAnswer)
    for item in found.data:
        assert (item.count, item.min, item.max) == (5 * len(everybody), min(everybody), max(everybody))
        for bucket in item.buckets:
            inside = [value for value in everybody if bucket["from"] <= value < bucket["to"] or value == bucket["from"]]
            assert bucket["count"] == 5 * len(inside)
    assert [item.timestamp for item in found.data] == [NOW - 10 * 60 + 30, NOW - 5 * 60 + 30]


async def test_the_fleet_is_summarized_when_most_vms_have_come_and_when_the_window_closes() -> None:
    tables = Tables(MemoryDocuments())
    fleet = {f"t{number}": {f"t{number}-v{vm}": 1.0 for vm in range(2)} for number in range(10)}
    await fill(tables, fleet, window=WINDOW_START - WINDOW)
    told = []
    for tenant, values in fleet.items():
        await fill(tables, {tenant: values}, Rules())
        stored = await tables.summaries.of_fleet(KEY, WINDOW_START)
        told.append(stored.value.figures[0].count if stored else 0)
    assert told == [0] * 8 + [18, 18]
    assert (await ranking(tables, one())).data[0].coverage == 0.9
    await close_windows(tables)
    stored = await tables.summaries.of_fleet(KEY, WINDOW_START)
    assert stored
    assert stored.value.figures[0].count == 20
    await fill(tables, {"late": {"late-v0": 5.0}})  # late data count at once
    assert (await ranking(tables, one())).data[0].vm == "late-v0"


async def test_where_the_store_is_free_the_fleet_is_summarized_in_every_run() -> None:
    tables = Tables(MemoryDocuments())
    await fill(tables, a_fleet(tenants=8), window=WINDOW_START - WINDOW)
    await deliver(tables, [a_window("t0", {"v": 1.0})])
    await average(tables, TIMES, rules=AT_ONCE)
    found = await get_ranking(tables, replace(one(), windows=Windows(window=WINDOW_START)), a_view(), str)
    assert [row.vm for row in found.data] == ["v"]


async def test_by_default_the_newest_window_is_asked_that_most_vms_have_reached() -> None:
    tables = Tables(MemoryDocuments())
    await fill(tables, a_fleet(), window=WINDOW_START - WINDOW)
    await fill(tables, {"t0": {"t0-v0": 1.0}}, Rules())
    assert {row.window for row in (await ranking(tables, one())).data} == {WINDOW_START - WINDOW}
    assert {row.window for row in (await ranking(tables, one(tenant="t0"))).data} == {WINDOW_START - WINDOW}


async def test_a_vm_that_changed_its_size_counts_with_the_last_one_and_a_silent_one_is_not_listed() -> None:
    tables = Tables(MemoryDocuments())
    await fill(tables, {"t0": {"v0": 1.0, "v1": 2.0}}, MachineSize="D4")
    await fill(tables, {"t0": {"v0": 1.0}}, MachineSize="D16")
    assert {(row.vm, row.MachineSize) for row in (await ranking(tables, one())).data} == {("v0", "D16"), ("v1", "D4")}
    await fill(tables, {"t0": {"v0": 1.0}}, window=WINDOW_START - WINDOW)
    earlier = await ranking(tables, replace(one(tenant="t0"), windows=Windows(window=WINDOW_START - WINDOW)))
    assert [row.vm for row in earlier.data] == ["v0"]


async def test_a_fleet_of_one_and_equal_values_rank_in_the_middle() -> None:
    tables = Tables(MemoryDocuments())
    await fill(tables, {"t0": {"only": 5.0}})
    (row,) = (await ranking(tables, one())).data
    assert (row.rank, row.tenantRank, row.peerRank) == (50.0, 50.0, 50.0)
    await fill(tables, {"t0": {f"v{number}": 5.0 for number in range(4)}})
    assert {row.rank for row in (await ranking(tables, one())).data} == {50.0}


async def test_a_counter_that_only_some_vms_have_ranks_those() -> None:
    tables = Tables(MemoryDocuments())
    await fill(tables, a_fleet())
    await fill(tables, {"t0": {"t0-v1": 3.0, "t0-v2": 4.0}}, key=FREE)
    assert [(row.vm, row.of) for row in (await ranking(tables, one(FREE))).data] == [("t0-v1", 2), ("t0-v2", 2)]
    assert len((await ranking(tables, one(FREE, tenant="t0"))).data) == 2


async def test_a_purge_makes_anew_what_was_summed_up_of_standings_whose_samples_are_gone() -> None:
    tables = Tables(MemoryDocuments())
    old = WINDOW_START - 3 * WINDOW
    await fill(tables, {"t0": {"gone": 99.0, "stays": 2.0}, "t1": {"other": 1.0}}, window=old)
    for tenant in ("t0", "t1"):  # the samples expire before the standings
        for vm in ("gone", "stays", "other"):
            if stored := await tables.samples.read(tenant, vm, old):
                await tables.samples.delete(stored.value, stored.etag)
    with_context = replace(context(tables), rules=Rules(standings_days=32))
    nearby = replace(with_context, horizon=replace(with_context.horizon, oldest=NOW))
    await carry_out(tables, Purge("t0", "gone"), nearby)
    found = await get_ranking(tables, replace(one(), windows=Windows(window=old)), a_view(), str)
    assert [row.vm for row in found.data] == ["stays", "other"]
    await carry_out(tables, Purge("t0"), nearby)
    found = await get_ranking(tables, replace(one(), windows=Windows(window=old)), a_view(), str)
    assert [row.vm for row in found.data] == ["other"]
    assert await tables.standings.read("t0", old) is None
    assert not await tables.due.read()


async def test_a_tenant_of_many_vms_and_counters_is_split_over_documents() -> None:
    memory = MemoryDocuments()
    tables = Tables(memory)
    window_of = {f"v{number:04d}": 1.0 * number for number in range(450)}
    await deliver(tables, [a_window("t0", dict(list(window_of.items())[at : at + 150])) for at in (0, 150, 300)])
    await average(tables, TIMES, rules=AT_ONCE)
    found = await ranking(tables, one(tenant="t0", limit=5000))
    assert len(found.data) == 450
    blocks = [place for place in memory._documents if place[0] == "standings" and place[2].startswith("s_")]
    assert len(blocks) == 2
    assert (await tables.histograms.read(Node.of("t0"), WINDOW_START)) is not None
