"""What a tenant's caller is told of what is unusual: it follows from its own VMs, and from what is disclosed."""

import random
from dataclasses import asdict
from typing import Any

import pytest

from domain.access import Caller
from domain.errors import Forbidden, NotFound
from pipeline.queries.unusual import OwnUnusual, Unusual, get_unusual
from pipeline.queries.verdicts import OwnVmVerdict
from storage.tables import Tables
from tests.builders import WINDOW_START, a_view
from tests.pipeline.judged_fleet import (
    DELAY,
    EVERY,
    FLEET,
    INCIDENTS,
    OWN,
    Values,
    a_learned_store,
    come,
    hour,
    moved,
    settle,
    unusual,
    verdict,
)
from tests.pipeline.steps import work_off


def own_and_others(seed: str, *, others: float | None) -> Values:
    """Of t1 the same in every world: v13 is slow, v12 is silent. Others are slower by so much; None: silent."""
    own = random.Random("own")  # noqa: S311
    chance = random.Random(seed)  # noqa: S311
    mine = moved([("t1", "v13")], own)
    theirs = moved(EVERY, chance, by=others or 0.0)

    def value(tenant: str, vm: str, key: str) -> float | None:
        if tenant != "t1":
            return None if others is None and vm[-1] in "345" else theirs(tenant, vm, key)
        return None if vm == "v12" else mine(tenant, vm, key)

    return value


async def told(others: float | None) -> list[dict[str, Any]]:
    """All that a caller of t1 is answered, in a world in which others are so."""
    tables = Tables(await a_learned_store())
    await hour(tables, own_and_others(f"{others}", others=others))
    answers: list[Any] = [await unusual(tables, "t1", OWN)]
    answers += [await get_unusual(tables, "t1", None, 100, OWN)]
    answers += [await verdict(tables, "t1", vm, OWN) for vm in FLEET["t1"]]
    return [asdict(each) for each in answers]


async def test_nothing_that_a_tenant_is_told_changes_with_others_values() -> None:
    first = await told(0.0)
    assert {each["name"] for each in first[0]["data"]} == {"v13", "v12"}
    assert {each["verdict"] for each in first[2:]} == {"vm", "none"}
    for others in (40.0, -15.0, None):
        assert await told(others) == first


async def test_an_operator_is_told_otherwise_in_those_worlds() -> None:
    """Else the test above could not fail."""
    found = []
    for others in (0.0, 40.0):
        tables = Tables(await a_learned_store())
        await hour(tables, own_and_others(f"{others}", others=others))
        found.append(await unusual(tables, "t1"))
        assert isinstance(found[-1], Unusual)
    assert {each.name: each.peers for each in found[0].data} != {each.name: each.peers for each in found[1].data}


@pytest.mark.parametrize("cause", ["size", "region"])
async def test_a_tenant_is_never_told_of_a_size_or_a_region(cause: str) -> None:
    tables = Tables(await a_learned_store())
    await hour(tables, moved(INCIDENTS[cause], random.Random(cause)))  # noqa: S311
    for vm in FLEET["t1"]:
        found = await verdict(tables, "t1", vm, OWN)
        assert isinstance(found, OwnVmVerdict)
        assert found.verdict in ("vm", "pool", "tenant", "none")
        assert {each.who for each in found.compared} == {"vm", "pool", "tenant", "fleet"}
        fleet = found.compared[-1]
        figures = (fleet.value, fleet.expected, fleet.low, fleet.high, fleet.judged, fleet.deviating, fleet.rank)
        assert figures == (None,) * 7  # nothing is disclosed
        for word in ("region", "Region", "its size", "Standard_D", "europe", "The fleet"):
            assert word not in found.sentence
    listed = await unusual(tables, "t1", OWN)
    assert isinstance(listed, OwnUnusual)
    assert {each.kind for each in listed.data} <= {"vm", "pool", "tenant"}


async def test_peers_of_a_tenants_vms_are_its_own() -> None:
    tables = Tables(await a_learned_store())
    others = [(tenant, vm) for tenant, vm in EVERY if tenant != "t1"]
    await hour(tables, moved([*others, ("t1", "v13")], random.Random(3)))  # noqa: S311
    (own,) = (await unusual(tables, "t1", OWN)).data
    assert (own.kind, own.name, own.key, own.notable) == ("vm", "v13", DELAY, True)
    assert own.peers is not None
    assert own.peers > 5  # of its tenant it is the only one
    (for_operators,) = (await unusual(tables, "t1")).data
    assert for_operators.peers is not None
    assert for_operators.peers < 2  # as others of its size


async def test_the_fleet_and_other_tenants_are_not_for_a_tenant() -> None:
    tables = Tables(await a_learned_store())
    await hour(tables, moved(INCIDENTS["fleet"], random.Random(3)))  # noqa: S311
    with pytest.raises(Forbidden, match="give the parameter tenant"):
        await unusual(tables, None, OWN)
    with pytest.raises(NotFound):
        await unusual(tables, "t2", OWN)
    for tenant, vm in (("t2", "v23"), ("t1", "v23")):
        with pytest.raises(NotFound):
            await verdict(tables, tenant, vm, OWN)


async def test_before_anything_came_nothing_is_told() -> None:
    tables = Tables(await a_learned_store())
    found = await get_unusual(tables, "t1", None, 100, a_view(caller=Caller("tenant", "t1")))
    assert (found.data, found.judged) == ([], 0)
    await come(tables, WINDOW_START, moved([], random.Random(3)), ["t2"])  # noqa: S311
    await work_off(tables)
    await settle(tables)
    told = await verdict(tables, "t1", "v13", OWN)
    assert (told.verdict, told.compared, told.window) == ("unknown", [], WINDOW_START)
    assert (await unusual(tables, "t1", OWN)).data == []
