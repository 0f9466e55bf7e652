"""A matrix of groups by counters: what its cells say of values and of what is normal, and to whom."""

import random
from collections.abc import Mapping
from dataclasses import asdict

import pytest

from domain.access import Caller
from domain.errors import BadParameters, Forbidden, NotFound
from pipeline.queries.baselines import get_baseline
from pipeline.queries.cells import AS_USUAL, NOT_OF_THESE, MatrixItem
from pipeline.queries.groups import GroupBy, GroupsQuestion, get_groups
from pipeline.queries.matrix import Matrix, MatrixQuestion, OwnMatrix, get_matrix
from pipeline.queries.series import SeriesQuestion
from pipeline.queries.unusual import NOT_JUDGED_YET, NOTHING_THERE
from pipeline.queries.windows import Windows
from storage.tables import Tables
from tests.builders import WINDOW_START, a_view
from tests.pipeline.judged_fleet import (
    CPU,
    DEFENDER,
    DELAY,
    INCIDENTS,
    KEYS,
    OPERATORS,
    OWN,
    a_learned_store,
    as_usual,
    come,
    hour,
    moved,
    unusual,
)
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.steps import close_windows, work_off


async def after(incident: str) -> Tables:
    """A learned fleet, an hour after this happened."""
    tables = Tables(await a_learned_store())
    await hour(tables, moved(INCIDENTS[incident], random.Random(incident)))  # noqa: S311
    return tables


async def matrix(tables: Tables, by: GroupBy, tenant: str | None = None, **more: object) -> Matrix | OwnMatrix:
    view = more.pop("view", OPERATORS)
    return await get_matrix(tables, MatrixQuestion(by, tenant=tenant, **more), view)  # type: ignore[arg-type]


def cells(of: Matrix | OwnMatrix) -> Mapping[tuple[str | None, str], MatrixItem]:
    return {(each.group, each.key): each for each in of.data}


@pytest.mark.parametrize(
    ("incident", "by", "tenant", "group"),
    [
        ("region", "Region", None, "northeurope"),
        ("size", "MachineSize", None, "Standard_D4s_v4"),
        ("tenant", "tenant", None, "t1"),
        ("pool", "ResourcePoolName", "t1", "t1-pool1"),
        ("vm", "vm", "t1", "v13"),
    ],
)
async def test_the_group_that_is_slow_comes_first_and_its_cell_says_how_far_it_is(
    incident: str, by: GroupBy, tenant: str | None, group: str
) -> None:
    found = await matrix(await after(incident), by, tenant)
    first = found.data[0]
    assert (first.group, found.reason, found.window) == (group, None, WINDOW_START)
    cell = cells(found)[group, DELAY]
    assert cell.worse is True
    assert cell.reason is None
    assert cell.expected is not None
    assert cell.low is not None
    assert cell.high is not None
    assert cell.score is not None
    assert cell.low <= cell.expected <= cell.high < cell.value
    assert cell.score == pytest.approx((cell.value - cell.high) / (cell.high - cell.low), rel=0.9)
    assert cell.since is not None
    others = [each for key, each in cells(found).items() if key[0] != group and each.key == CPU]
    assert others
    assert {each.score for each in others} == {0.0}
    assert {each.worse for each in others} == {None}


async def test_scores_of_vms_are_those_that_get_unusual_says() -> None:
    tables = await after("vm")
    (listed,) = (await unusual(tables)).data
    cell = cells(await matrix(tables, "vm", "t1"))["v13", DELAY]
    assert (cell.score, cell.since) == (listed.score, listed.since)
    assert cell.value == pytest.approx(listed.value, rel=1e-6)  # which is rounded there
    assert (cell.expected, cell.low, cell.high) == (listed.expected, listed.low, listed.high)


@pytest.mark.parametrize(
    ("by", "tenant"),
    [
        ("Region", None),
        ("MachineSize", None),
        ("tenant", None),
        ("ResourcePoolName", "t1"),
        ("SiteName", "t1"),
        ("vm", "t1"),
    ],
)
async def test_values_are_those_that_get_groups_says(by: GroupBy, tenant: str | None) -> None:
    tables = await after("pool")
    found = cells(await matrix(tables, by, tenant))
    for key in KEYS:
        groups = await get_groups(tables, GroupsQuestion(key, by, Windows(window=WINDOW_START), tenant), OPERATORS)
        assert {(each.group, key): (each.average, each.count, each.sum) for each in groups.data} == {
            at: (each.value, each.count, each.sum) for at, each in found.items() if at[1] == key
        }


async def test_what_is_normal_is_what_get_baseline_says() -> None:
    tables = await after("vm")
    for by, tenant, group, whose in (
        ("Region", None, "westeurope", {"region": "westeurope"}),
        ("vm", "t1", "v12", {"vm": "v12"}),
    ):
        cell = cells(await matrix(tables, by, tenant))[group, CPU]  # type: ignore[arg-type]
        question = SeriesQuestion(CPU, 1, tenant, **whose)
        (usual,) = [
            each for each in (await get_baseline(tables, question, OPERATORS)).data if each.window == WINDOW_START
        ]
        assert (cell.expected, cell.low, cell.high) == (usual.expected, usual.low, usual.high)


async def test_a_cell_counts_the_vms_that_deviate_by_their_own_past() -> None:
    tables = await after("pool")
    by_tenant = cells(await matrix(tables, "tenant"))
    assert [(by_tenant[name, DELAY].judged, by_tenant[name, DELAY].above) for name in ("t1", "t2")] == [(6, 3), (6, 0)]
    by_size = cells(await matrix(tables, "MachineSize", "t1"))
    assert {each.judged for each in by_size.values()} == {3}
    assert {each.reason for each in by_size.values()} == {NOT_OF_THESE}
    assert {each.score for each in by_size.values()} == {None}
    sites = cells(await matrix(tables, "SiteName", "t1"))
    assert {(each.judged, each.reason) for each in sites.values()} == {(None, NOT_OF_THESE)}


async def test_of_a_tenant_as_usual_the_fleets_matrix_knows_only_that() -> None:
    cell = cells(await matrix(await after("pool"), "tenant"))["t2", DELAY]
    assert (cell.score, cell.expected, cell.reason) == (0.0, None, AS_USUAL)


async def test_a_service_is_summed_and_its_stop_is_worse() -> None:
    tables = Tables(await a_learned_store())
    await hour(tables, moved([("t1", "v13")], random.Random(1), DEFENDER, -1.0))  # noqa: S311
    found = cells(await matrix(tables, "ResourcePoolName", "t1", keys=[DEFENDER]))
    assert {group: (each.sum, each.count, each.below) for (group, _), each in found.items()} == {
        "t1-pool0": (3.0, 3, 0),
        "t1-pool1": (2.0, 3, 1),
    }
    vm = (await matrix(tables, "vm", "t1")).data[0]
    assert (vm.group, cells(await matrix(tables, "vm", "t1"))["v13", DEFENDER].worse) == ("v13", True)


async def test_there_are_only_the_groups_farthest_from_normal_and_how_many_there_are() -> None:
    found = await matrix(await after("vm"), "vm", "t1", limit=2)
    assert [*dict.fromkeys(each.group for each in found.data)] == ["v13", "v10"]
    assert found.of == 6


async def test_vms_can_be_filtered() -> None:
    found = await matrix(await after("vm"), "vm", "t1", filters={"ResourcePoolName": "t1-pool0"})
    assert {each.group for each in found.data} == {"v10", "v12", "v14"}
    assert found.of == 3


async def test_counters_come_as_asked_and_by_default_those_that_people_look_at_first() -> None:
    tables = await after("vm")
    assert (await matrix(tables, "Region")).keys == [DELAY, CPU, DEFENDER]
    assert (await matrix(tables, "Region", keys=[DEFENDER, CPU, DEFENDER])).keys == [DEFENDER, CPU]
    with pytest.raises(NotFound, match="counter"):
        await matrix(tables, "Region", keys=["win_odd.thing"])


async def test_without_what_was_learned_there_are_values_and_the_reason() -> None:
    tables = Tables(MemoryDocuments())
    await come(tables, WINDOW_START, as_usual(random.Random(1)))  # noqa: S311
    await work_off(tables)
    await close_windows(tables, WINDOW_START + 3600)
    for by, tenant in (("Region", None), ("tenant", None), ("vm", "t1")):
        found = await matrix(tables, by, tenant, window=WINDOW_START)  # type: ignore[arg-type]
        assert found.data
        assert found.reason == NOT_JUDGED_YET
        assert {(each.score, each.expected, each.judged) for each in found.data} == {(None, None, None)}
        assert all(each.reason for each in found.data)


async def test_a_window_without_data_has_no_cells_and_the_reason() -> None:
    found = await matrix(await after("vm"), "Region", window=WINDOW_START - 30 * 86_400)
    assert (found.data, found.of, found.reason) == ([], 0, NOTHING_THERE)
    empty = await matrix(Tables(MemoryDocuments()), "Region")
    assert (empty.window, empty.data, empty.reason) == (None, [], NOTHING_THERE)


async def test_other_groupings_are_named() -> None:
    tables = await after("vm")
    for by, tenant in (("vm", None), ("ResourcePoolName", None), ("tenant", "t1")):
        with pytest.raises(BadParameters) as refused:
            await matrix(tables, by, tenant)  # type: ignore[arg-type]
        assert set(refused.value.problems) == {"groupBy"}


async def test_a_tenants_caller_sees_its_own_vms_and_nothing_of_the_fleet() -> None:
    tables = await after("vm")
    own = await matrix(tables, "vm", "t1", view=OWN)
    assert isinstance(own, OwnMatrix)
    assert own.data[0].group == "v13"
    operators = await matrix(tables, "vm", "t1")
    assert [asdict(each) for each in own.data] == [asdict(each) for each in operators.data]
    with pytest.raises(Forbidden):
        await matrix(tables, "Region", view=OWN)
    with pytest.raises(NotFound):
        await matrix(tables, "vm", "t1", view=a_view(caller=Caller("tenant", "t2")))


async def test_what_it_says_to_a_tenant_does_not_depend_on_others() -> None:
    told = []
    for others in ([], INCIDENTS["tenant"]):
        tables = Tables(await a_learned_store())
        chance = random.Random("own")  # noqa: S311
        mine, theirs = moved([("t2", "v23")], chance), moved(others, random.Random("others"))  # noqa: S311

        def value(tenant: str, vm: str, key: str) -> float | None:
            return mine(tenant, vm, key) if tenant == "t2" else theirs(tenant, vm, key)  # noqa: B023

        await hour(tables, value)
        view = a_view(caller=Caller("tenant", "t2"))
        told.append([asdict(await matrix(tables, by, "t2", view=view)) for by in ("vm", "ResourcePoolName", "Region")])
    assert told[0] == told[1]
