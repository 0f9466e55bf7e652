"""From the queue to the verdict: what is unusual, and which population explains it, after days that were learned."""

import random
from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pytest

from domain.access import Caller
from domain.baselines import HOURS
from domain.disclosure import DisclosedWindow
from domain.errors import NotFound
from domain.exact import LARGEST
from domain.minutes import DAY, MINUTES_PER_WINDOW, WINDOW
from domain.zones import local
from pipeline.purged_learning import purge_vm
from pipeline.queries.unusual import get_unusual
from pipeline.queries.verdicts import OwnVmVerdict, get_verdict
from storage.tables import Tables
from tests.builders import NOW, WINDOW_START, a_view
from tests.pipeline import judged_fleet
from tests.pipeline.judged_fleet import (
    CPU,
    DEFENDER,
    DELAY,
    FLEET,
    INCIDENTS,
    OPERATORS,
    OWN,
    Values,
    a_learned_store,
    as_usual,
    come,
    dimensions,
    hour,
    moved,
    settle,
    unusual,
    verdict,
)
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.steps import work_off


@pytest.fixture
async def tables() -> Tables:
    return Tables(await a_learned_store())


def without(vms: Collection[str], key: str | None = None, value: float | None = None) -> Values:
    """As usual, but of some VMs nothing comes, or of one counter another value."""
    usual = as_usual(random.Random(5))  # noqa: S311

    def found(tenant: str, vm: str, of: str) -> float | None:
        return value if vm in vms and key in (None, of) else usual(tenant, vm, of)

    return found


@pytest.mark.parametrize("cause", INCIDENTS)
async def test_the_verdict_names_the_smallest_population_that_explains_it(tables: Tables, cause: str) -> None:
    await hour(tables, moved(INCIDENTS[cause], random.Random(cause)))  # noqa: S311
    found = await verdict(tables, "t1", "v13")
    assert found.verdict == cause, found
    assert found.key == DELAY
    first = (await unusual(tables)).data[0]
    assert (first.kind, first.key, first.why, first.notable) == (cause, DELAY, "unusual", True)
    assert first.vms == len(INCIDENTS[cause])
    other = await verdict(tables, "t3", "v30") if cause in ("vm", "pool", "tenant") else None
    assert other is None or other.verdict == "none"


async def test_a_tenants_caller_is_told_of_the_fleet_what_was_disclosed(tables: Tables) -> None:
    """The fleet's disclosed averages of the days before say whether that of now is as usual."""
    for back, average in ((0, 62.0), (3, 22.3), (4, 22.4), (5, 22.5)):
        known = DisclosedWindow([average] * MINUTES_PER_WINDOW)
        await tables.disclosed.write(DELAY, WINDOW_START - back * DAY, known)
    await hour(tables, moved(INCIDENTS["fleet"], random.Random(3)))  # noqa: S311
    found = await get_verdict(tables, "t1", "v13", WINDOW_START, OWN)
    assert isinstance(found, OwnVmVerdict)
    assert found.verdict == "fleet"
    fleet = found.compared[-1]
    assert (fleet.who, fleet.value, fleet.expected, fleet.judged) == ("fleet", 62.0, 22.4, None)
    assert {each.who for each in found.compared} == {"vm", "pool", "tenant", "fleet"}
    assert "The fleet's average is unusual, too. It is the whole fleet." in found.sentence


async def test_where_nothing_is_disclosed_a_tenants_caller_hears_of_its_own_vms(tables: Tables) -> None:
    await hour(tables, moved(INCIDENTS["fleet"], random.Random(3)))  # noqa: S311
    found = await get_verdict(tables, "t1", "v13", WINDOW_START, OWN)
    assert found.verdict == "tenant"
    assert found.compared[-1].value is None


async def test_a_vm_that_usually_reports_and_does_not_is_silent(tables: Tables) -> None:
    await hour(tables, without(["v13"]))
    for tenant, view in ((None, None), ("t1", None), ("t1", OWN)):
        (found,) = (await (unusual(tables, tenant, view) if view else unusual(tables, tenant))).data
        assert (found.kind, found.name, found.tenant, found.why) == ("vm", "v13", "t1", "silent")
        assert (found.key, found.value, found.expected, found.notable) == (None, None, None, True)
        assert found.since == NOW - 4 * WINDOW
        assert found.sentence == "It does not report, though it usually does at this hour."
    told = await verdict(tables, "t1", "v13")
    assert (told.verdict, told.key, told.compared) == ("vm", None, [])
    assert told.sentence == (
        "It does not report, though it usually does at this hour. Tenant t1 is as usual. Pool t1-pool1 is as usual. "
        "Size Standard_D4s_v4 is as usual. Region northeurope is as usual. The fleet is as usual. It is this VM."
    )
    assert {each.value for each in told.data} == {None}


async def test_by_default_it_is_told_of_the_newest_window_that_has_ended(tables: Tables) -> None:
    """Of one that runs, a max or a sum is not known yet."""
    await hour(tables, moved([("t1", "v13")], random.Random(3)))  # noqa: S311
    for now, window in ((NOW, WINDOW_START), (NOW - 60, WINDOW_START - WINDOW)):
        for view in (a_view(now), a_view(now, Caller("tenant", "t1"))):
            assert (await get_unusual(tables, "t1", None, 100, view)).window == window
            assert (await get_verdict(tables, "t1", "v13", None, view)).window == window
        assert (await get_unusual(tables, None, None, 100, a_view(now))).window == window


async def test_the_largest_values_that_there_are_harm_nobody(tables: Tables) -> None:
    """If these three VMs were only summed, their average would be beyond all doubles. They are told, and others too."""
    usual = moved([("t3", "v30")], random.Random(3))  # noqa: S311
    vast = {vm: LARGEST for vm in FLEET["t1"] if dimensions("t1", vm).ResourcePoolName == "t1-pool1"}
    await hour(tables, lambda tenant, vm, key: vast.get(vm, usual(tenant, vm, key)) if key == DELAY else 1.0)
    found = (await unusual(tables)).data
    assert {("pool", "t1-pool1"), ("vm", "v30")} <= {(each.kind, each.name) for each in found}
    assert all(each.value is None or abs(each.value) <= LARGEST for each in found)
    told = await verdict(tables, "t1", "v13")
    assert told.verdict == "pool"
    assert all(each.value is None or abs(each.value) <= LARGEST for each in told.compared)


async def test_a_pool_that_is_silent_is_one_line(tables: Tables) -> None:
    silent = [vm for vm in FLEET["t1"] if dimensions("t1", vm).ResourcePoolName == "t1-pool1"]
    await hour(tables, without(silent))
    (found,) = (await unusual(tables)).data
    assert (found.kind, found.name, found.why, found.vms, found.of) == ("pool", "t1-pool1", "silent", 3, 3)
    assert found.sentence == "3 of 3 VMs do not report, though they usually do at this hour."
    assert (await verdict(tables, "t1", "v13")).verdict == "pool"
    assert (await verdict(tables, "t1", "v12")).verdict == "none"


async def test_a_service_that_usually_runs_and_is_stopped(tables: Tables) -> None:
    await hour(tables, without(["v13"], DEFENDER, 0.0))
    (found,) = (await unusual(tables)).data
    assert (found.kind, found.name, found.why, found.key, found.notable) == ("vm", "v13", "stopped", DEFENDER, True)
    assert found.sentence == "Microsoft Defender is stopped, though it usually runs at this hour."
    told = await verdict(tables, "t1", "v13")
    assert (told.verdict, told.key) == ("vm", DEFENDER)
    assert told.sentence.startswith("Microsoft Defender is stopped, though")


async def test_where_nothing_is_unusual_the_list_is_empty_and_no_reason_is_given(tables: Tables) -> None:
    await hour(tables, as_usual(random.Random(3)))  # noqa: S311
    for tenant, judged in ((None, 30), ("t1", 6)):
        found = await unusual(tables, tenant)
        assert (found.data, found.reason, found.judged, found.final) == ([], None, judged, True)
    told = await verdict(tables, "t1", "v13")
    assert (told.verdict, told.sentence, told.reason) == ("none", "All its counters are as usual at this hour.", None)
    assert told.history == 5
    assert told.timeZone == "Europe/Dublin"
    assert {each.key for each in told.data} == {CPU, DELAY, DEFENDER}
    assert all(each.score == 0 and each.since is None for each in told.data)


async def test_a_vm_without_history_is_unknown_and_the_answer_says_why(tables: Tables) -> None:
    FLEET["t1"].append("v19")
    try:
        await hour(tables, moved([("t1", "v19")], random.Random(3)))  # noqa: S311
    finally:
        FLEET["t1"].remove("v19")
    told = await verdict(tables, "t1", "v19")
    assert (told.verdict, told.history) == ("unknown", 0)
    assert told.reason is not None
    assert "needs 3 days of data" in told.reason
    assert told.sentence.endswith(f" % of VMs of its size. W{told.reason[1:]}.")
    assert [each.expected for each in told.data] == [None] * 3
    assert "v19" not in {each.name for each in (await unusual(tables)).data}


async def test_a_store_without_baselines_says_that_nothing_was_judged() -> None:
    tables = Tables(MemoryDocuments())
    assert (await unusual(tables)).reason is not None
    await hour(tables, as_usual(random.Random(3)))  # noqa: S311
    found = await unusual(tables)
    assert (found.data, found.judged) == ([], 0)
    assert found.reason is not None
    assert "three days" in found.reason
    told = await verdict(tables, "t1", "v13")
    assert (told.verdict, told.history) == ("unknown", 0)


async def test_a_vm_that_is_not_known_is_not_found_and_one_without_data_is_unknown(tables: Tables) -> None:
    await hour(tables, as_usual(random.Random(3)))  # noqa: S311
    with pytest.raises(NotFound):
        await verdict(tables, "t1", "v99")
    with pytest.raises(NotFound):
        await verdict(tables, "t9", "v13")
    told = await get_verdict(tables, "t1", "v13", WINDOW_START - 20 * WINDOW, OPERATORS)
    assert (told.verdict, told.reason) == ("unknown", "it has no data in this window")
    assert told.sentence == "Unknown: it has no data in this window."


async def test_a_vm_that_is_alone_in_its_tenant_is_judged_by_its_peers(tables: Tables) -> None:
    """Those of its tenant's callers, who see no peers, hear that it is unknown whether others are like it."""
    alone = without([vm for vm in FLEET["t1"] if vm != "v13"])

    def value(tenant: str, vm: str, key: str) -> float | None:
        found = alone(tenant, vm, key)
        return found + 80 if found is not None and (vm, key) == ("v13", DELAY) else found

    for vm in FLEET["t1"]:
        if vm != "v13":
            await purge_vm(tables, "t1", vm)  # it was always alone
    await hour(tables, value)
    told = await verdict(tables, "t1", "v13")
    assert (told.verdict, told.key) == ("vm", DELAY)
    own = await verdict(tables, "t1", "v13", OWN)
    assert (own.verdict, own.reason) == ("unknown", "too few VMs were judged")
    assert own.sentence.endswith("Whether others are like it is unknown: too few VMs were judged.")


@pytest.mark.parametrize("change", ["pool", "size", "region"])
async def test_a_vm_that_moved_is_judged_by_its_own_history_and_counted_where_it_is_now(
    tables: Tables, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dimensions("t1", "v13")
    now = {
        "pool": replace(before, ResourcePoolName="t1-pool0"),
        "size": replace(before, MachineSize="Standard_D2s_v4"),
        "region": replace(before, Region="westeurope"),
    }[change]
    monkeypatch.setattr(judged_fleet, "dimensions", lambda tenant, vm: now if vm == "v13" else dimensions(tenant, vm))
    await hour(tables, moved([("t1", "v13")], random.Random(3)))  # noqa: S311
    told = await verdict(tables, "t1", "v13")
    assert (told.verdict, told.key) == ("vm", DELAY)
    names = {each.who: each.name for each in told.compared}
    assert (names["pool"], names["size"], names["region"]) == (now.ResourcePoolName, now.MachineSize, now.Region)
    counted = {each.who: each.judged for each in told.compared}
    assert counted == {
        "vm": None,
        "pool": 4 if change == "pool" else 3,
        "tenant": 6,
        "size": 16 if change == "size" else 15,
        "region": 21 if change == "region" else 10,
        "fleet": 30,
    }


async def test_a_vm_that_is_known_by_the_clocks_of_two_zones_counts_once(tables: Tables) -> None:
    """It moved, and each zone has its baselines: those of where it is now count."""
    there, now = local(WINDOW_START, "Europe/Dublin"), local(WINDOW_START, "Europe/Amsterdam")
    old = await tables.baselines.read("t1", "Europe/Dublin", there.day, there.hour)
    assert old
    assert "v13" in {whose.name for whose in old.series.whose}
    new = replace(old, zone="Europe/Amsterdam", bands=old.bands._replace(lines=old.bands.lines + 1000))
    lines = np.repeat(new.bands.lines, HOURS, axis=2)
    await tables.baselines.write("t1", now.day, replace(new, bands=new.bands._replace(lines=lines)))
    await hour(tables, moved([("t1", "v13")], random.Random(3)))  # noqa: S311
    told = await verdict(tables, "t1", "v13")
    assert told.verdict == "vm"
    assert {each.who: each.judged for each in told.compared}["tenant"] == 2  # those that have baselines still
    assert all(each.expected is None or each.expected < 900 for each in told.data)


async def test_it_is_unusual_from_the_third_of_four_windows_on_and_says_since_when(tables: Tables) -> None:
    usual, high = (as_usual(random.Random(3)), moved([("t1", "v13")], random.Random(3)))  # noqa: S311
    told = []
    for at, value in enumerate((high, usual, high, high, usual, usual)):
        window = NOW - (6 - at) * WINDOW
        await come(tables, window, value)
        await work_off(tables)
        await settle(tables)
        found = (await get_unusual(tables, None, window, 100, OPERATORS)).data
        told.append([(each.name, each.since) for each in found])
    lasting = [("v13", NOW - 6 * WINDOW)]
    assert told == [[], [], [], lasting, [], []]
