"""Percentiles of the fleet and ranks in it, as tenants' callers see them: from the queue to the answers."""

import json
import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from domain.access import Caller
from domain.charts import By
from domain.disclosed_charts import NO_PERCENTILES, NOT_FOR_TENANTS
from domain.disclosure import DisclosedWindow
from domain.minutes import DAY, WINDOW
from pipeline.purge import Purge
from pipeline.queries.charts import Question, get_data, get_tenant_data
from pipeline.queries.ranking import RankingQuestion, get_ranking
from pipeline.queries.windows import Windows
from pipeline.rebuild import Rebuild
from pipeline.summarizing import summarize_window
from storage.schema import REPORT
from storage.tables import Tables
from storage.tables.marks import Mark
from tests.builders import KEY, LATENESS, NOW, TIMES, WINDOW_START, a_message, a_view, records_of
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.steps import close_windows, deliver, enrol, work_off
from tests.pipeline.test_operations import carry_out

LATER = NOW + LATENESS
Fleet = Mapping[str, Sequence[float]]
"""The values of each tenant's VMs."""


def a_fleet(vms: int = 6, seed: int = 1) -> Fleet:
    chance = random.Random(seed)  # noqa: S311
    return {f"t{tenant}": [chance.randint(8, 800) / 8 for _ in range(vms)] for tenant in range(6)}


async def send(tables: Tables, fleet: Fleet, vms: str = "v", minutes: int = 15) -> None:
    for tenant, values in fleet.items():
        records = [
            record
            for vm, value in enumerate(values)
            for record in records_of(tenant, f"{vms}{vm}", KEY, [value] * minutes)
        ]
        await deliver(tables, [a_message(records)])
    await work_off(tables)


async def closed(tables: Tables, fleet: Fleet) -> Tables:
    await enrol(tables, fleet)
    await send(tables, fleet)
    await close_windows(tables)
    return tables


async def points(
    tables: Tables, tenant: str = "t0", interval: int = 15, asked: Sequence[float] = (10, 50, 90), by: By = "avg"
) -> list[Any]:
    question = Question([KEY], start=WINDOW_START, end=NOW - 1, interval=interval, by=by, percentiles=asked)
    return list((await get_data(tables, question, a_view(LATER, Caller("tenant", tenant)))).data)


async def ranks(tables: Tables, tenant: str = "t0") -> dict[str, float | None]:
    question = RankingQuestion(KEY, Windows(window=WINDOW_START), tenant, limit=100)
    found = await get_ranking(tables, question, a_view(LATER, Caller("tenant", tenant)), str)
    assert {row.peerRank for row in found.data} <= {None}
    return {row.vm: row.rank for row in found.data}


def rounded(value: float) -> float:
    """A positive value, rounded to five binary digits."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(math.floor(mantissa * 32 + 0.5), exponent - 5)


async def test_a_tenant_sees_three_percentiles_and_its_ranks_of_what_had_come_at_closing(tables: Tables) -> None:
    fleet = a_fleet()
    await enrol(tables, fleet)
    await send(tables, fleet)
    (point,) = await points(tables)
    assert (point.percentiles, point.average) == (None, None)
    assert set((await ranks(tables)).values()) == {None}
    await close_windows(tables)
    (point,) = await points(tables)
    everyone = sorted(value for values in fleet.values() for value in values)
    assert point.percentiles == {f"p{of}": rounded(everyone[-(-36 * of // 100) - 1]) for of in (10, 50, 90)}
    assert point.suppressed is None
    assert [item.percentiles for item in await points(tables, interval=1)] == [point.percentiles] * 15
    for tenant, values in fleet.items():
        for vm, rank in (await ranks(tables, tenant)).items():
            own = values[int(vm[1:])]
            true = 100 * (sum(each < own for each in everyone) + everyone.count(own) / 2) / 36
            assert rank is not None
            assert rank % 5 == 0
            assert 10 <= rank <= 90
            assert abs(rank - min(max(true, 10), 90)) <= 10  # a bucket may hold several VMs, which count half


async def test_a_percentile_may_stand_as_the_average(tables: Tables) -> None:
    await closed(tables, a_fleet())
    (as_average,), (beside,) = await points(tables, by=50.0, asked=()), await points(tables)
    assert (as_average.average, as_average.PerfValue, as_average.suppressed) == (*[beside.percentiles["p50"]] * 2, None)
    (other,) = await points(tables, by=95.0, asked=(95, 50))
    assert (other.average, other.suppressed) == (None, NOT_FOR_TENANTS)
    assert other.percentiles == {"p50": beside.percentiles["p50"]}


async def test_any_percentile_of_its_own_is_shown_beside_those_of_the_fleet() -> None:
    fleet = a_fleet()
    tables = await closed(Tables(MemoryDocuments()), fleet)
    view = a_view(LATER, Caller("tenant", "t0"))
    question = Question([KEY], start=WINDOW_START, end=WINDOW_START + 59, percentiles=(50, 99), by=99.0)
    (item,) = (await get_tenant_data(tables, question, "t0", None, view)).data
    assert item.percentiles
    assert list(item.percentiles) == ["p50"]
    assert item.tenantPercentiles == {
        "p50": pytest.approx(sorted(fleet["t0"])[2], rel=0.01),
        "p99": max(fleet["t0"]),
    }
    assert (item.average, item.tenantAverage, item.suppressed) == (None, max(fleet["t0"]), NOT_FOR_TENANTS)


async def test_nothing_that_comes_later_changes_what_was_disclosed() -> None:
    tables = await closed(Tables(MemoryDocuments()), a_fleet())
    before = await points(tables), await ranks(tables)
    await send(tables, a_fleet(seed=2), "late")
    await close_windows(tables, NOW + DAY)
    assert await points(tables) == before[0]
    assert {vm: rank for vm, rank in (await ranks(tables)).items() if vm in before[1]} == before[1]
    await carry_out(tables, Purge("t5"))
    await carry_out(tables, Rebuild(WINDOW_START, WINDOW_START + WINDOW))
    await close_windows(tables, NOW + DAY)
    assert await points(tables) == before[0]
    assert {vm: rank for vm, rank in (await ranks(tables)).items() if vm in before[1]} == before[1]


@pytest.mark.parametrize(
    ("sizes", "shown"),
    [
        ([6] * 6, True),
        ([6, 6, 6, 6, 6, 5], False),  # whoever has six sees 29 of others
        ([9, 6, 6, 6, 6, 6], True),
        ([9, 6, 6, 6, 6, 5], False),
        ([6] * 5, False),  # and with them no average
    ],
)
async def test_they_need_thirty_vms_of_others(sizes: Sequence[int], shown: bool) -> None:
    fleet = {f"t{number}": [40.0] * vms for number, vms in enumerate(sizes)}
    tables = await closed(Tables(MemoryDocuments()), fleet)
    (point,) = await points(tables)
    assert point.percentiles == ({"p10": 40.0, "p50": 40.0, "p90": 40.0} if shown else None)
    assert set((await ranks(tables)).values()) == ({50.0} if shown else {None})
    if not shown and point.average is not None:
        assert point.suppressed == f"in part: {NO_PERCENTILES}"


async def test_vms_of_tenants_that_are_not_enrolled_do_not_count_as_others() -> None:
    tables = Tables(MemoryDocuments())
    await send(tables, {f"made-up-{number}": [1e6] * 30 for number in range(5)})
    await closed(tables, {f"t{number}": [40.0] * 5 for number in range(6)})
    (point,) = await points(tables)
    assert (point.percentiles, set((await ranks(tables)).values())) == (None, {None})
    assert point.average is not None


async def test_ranks_are_judged_by_the_vms_of_the_whole_window() -> None:
    """A tenant that pushes for one minute brings many VMs to the window values, and none to the other minutes."""
    tables = Tables(MemoryDocuments())
    fleet = {f"t{number}": [40.0] * 6 for number in range(6)}
    await enrol(tables, fleet)
    await send(tables, fleet)
    await send(tables, {"t5": [40.0] * 40}, "short", minutes=1)
    await close_windows(tables)
    assert [bool(item.percentiles) for item in await points(tables, interval=1)] == [False] + [True] * 14
    assert set((await ranks(tables)).values()) == {None}


async def test_what_an_older_version_disclosed_has_no_percentiles() -> None:
    tables = await closed(Tables(MemoryDocuments()), a_fleet())
    document = await tables.documents.read(REPORT, KEY, f"disclosed_{WINDOW_START}")
    assert document
    await tables.documents.upsert(REPORT, KEY, document.id, {"minutes": document.body["minutes"]})
    (point,) = await points(tables)
    assert point.average is not None
    assert (point.percentiles, set((await ranks(tables)).values())) == (None, {None})


@pytest.mark.parametrize("histograms", ["nothing", "?", [1, 2], "eAFjZGJmgAEAAEwABw==", "eAFzYJzDIMDAwAAABfcA7g=="])
async def test_histograms_that_can_not_be_read_are_as_if_nothing_had_been_disclosed(histograms: object) -> None:
    tables = await closed(Tables(MemoryDocuments()), a_fleet())
    document = await tables.documents.read(REPORT, KEY, f"disclosed_{WINDOW_START}")
    assert document
    await tables.documents.upsert(REPORT, KEY, document.id, {**document.body, "histograms": histograms})
    (point,) = await points(tables)
    assert (point.percentiles, set((await ranks(tables)).values())) == (None, {None})


async def test_a_document_stays_small(tables: Tables) -> None:
    chance = random.Random(7)  # noqa: S311
    fleet = {f"t{tenant}": [chance.lognormvariate(3, 3) for _ in range(60)] for tenant in range(8)}
    await closed(tables, fleet)
    document = await tables.documents.read(REPORT, KEY, f"disclosed_{WINDOW_START}")
    assert document
    assert len(json.dumps(document.body)) < 6_000
    found = await tables.disclosed.between(KEY, WINDOW_START, WINDOW_START)
    assert isinstance(found[WINDOW_START], DisclosedWindow)
    assert found[WINDOW_START].histograms is not None


async def test_a_tenant_that_is_gone_takes_nothing_of_others_with_it() -> None:
    """At closing, what is left to sum up may be of a tenant without counters: then nothing of the fleet is made."""
    tables = Tables(MemoryDocuments())
    fleet = a_fleet()
    await enrol(tables, fleet)
    await send(tables, fleet)
    await summarize_window(tables, WINDOW_START, TIMES, at_once=True)
    await tables.due.set(Mark("gone", WINDOW_START))
    await close_windows(tables)
    (point,) = await points(tables, "t0")
    assert point.percentiles
