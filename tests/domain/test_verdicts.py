"""The verdict on a VM: a table of cases, and that it agrees with the list."""

import random
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.causes import WHOLE_FLEET, Population
from domain.findings import findings
from domain.judged import REPORTING, Judged
from domain.samples import Dimensions
from domain.verdicts import Verdict, verdict_on
from tests.domain.judged_cases import (
    CPU,
    FREE,
    HIGH,
    LOW,
    SESSIONS,
    USUAL,
    VERY_HIGH,
    fleet_of,
    judge,
    lasting,
    normals_of,
    some_dimensions,
)

TENANTS, VMS = 6, 12
SEEDS = st.integers(0, 2**32 - 1)


def place(tenant: int, vm: int) -> Dimensions:
    """Where a VM is: pools of a tenant are in two regions, sizes cross pools."""
    pool = vm % 3
    return some_dimensions(pool, vm // 3 % 4, (tenant + pool) % 2)


def a_fleet(values: Mapping[tuple[int, int], float], key: str = CPU, usual: float = USUAL) -> dict[str, Judged]:
    """What is found of tenants, given the values of VMs that are not as usual."""
    found = {}
    for tenant in range(TENANTS):
        dimensions = {f"vm{vm:02}": place(tenant, vm) for vm in range(VMS)}
        of = {f"vm{vm:02}": {key: values.get((tenant, vm), usual)} for vm in range(VMS)}
        found[f"t{tenant}"] = lasting(of, dimensions)
    return found


def members(kind: str) -> list[tuple[int, int]]:
    """The VMs of a population that the first VM of the first tenant is in."""
    every = [(tenant, vm) for tenant in range(TENANTS) for vm in range(VMS)]
    first = place(0, 0)
    return {
        "vm": [(0, 0)],
        "pool": [(0, vm) for vm in range(0, VMS, 3)],
        "tenant": [(0, vm) for vm in range(VMS)],
        "size": [each for each in every if place(*each).MachineSize == first.MachineSize],
        "region": [each for each in every if place(*each).Region == first.Region],
        "fleet": every,
        "none": [],
    }[kind]


def on_the_first(tenants: Mapping[str, Judged], *, fleet: bool = True, known: bool = True) -> Verdict:
    return verdict_on("t0", "vm00", place(0, 0), tenants["t0"], fleet_of(tenants) if fleet else None, known=known)


@pytest.mark.parametrize(("key", "value"), [(CPU, HIGH), (FREE, LOW), (SESSIONS, HIGH), (SESSIONS, LOW)])
@pytest.mark.parametrize("kind", ["vm", "pool", "tenant", "size", "region", "fleet", "none"])
def test_the_smallest_population_that_explains_it_is_named(kind: str, key: str, value: float) -> None:
    verdict = on_the_first(a_fleet(dict.fromkeys(members(kind), value), key))
    assert verdict.answer == kind
    assert (verdict.deviation and verdict.deviation.key) == (None if kind == "none" else key)


@pytest.mark.parametrize(
    ("kind", "answer"), [("vm", "vm"), ("pool", "pool"), ("tenant", "tenant"), ("fleet", "tenant"), ("none", "none")]
)
def test_without_the_fleet_it_follows_from_the_tenant_alone(kind: str, answer: str) -> None:
    verdict = on_the_first(a_fleet(dict.fromkeys(members(kind), HIGH)), fleet=False)
    assert verdict.answer == answer
    assert {each.population.kind for each in verdict.compared} <= {"pool", "tenant"}


@pytest.mark.parametrize(("key", "value"), [(CPU, LOW), (FREE, HIGH)])
def test_what_is_better_than_usual_needs_no_explaining(key: str, value: float) -> None:
    assert on_the_first(a_fleet({(0, 0): value}, key)).answer == "none"


def test_what_is_not_rare_for_a_vm_alone_may_still_be_its_population() -> None:
    slightly = 75.0  # three quarters of a width beyond the band, a quarter of one beyond the rare end
    assert on_the_first(a_fleet({(0, 0): slightly})).answer == "none"
    assert on_the_first(a_fleet(dict.fromkeys(members("pool"), slightly))).answer == "pool"


def test_the_counter_that_is_farthest_beyond_what_is_rare_decides() -> None:
    dimensions = {f"vm{vm}": some_dimensions() for vm in range(9)}
    values = {vm: {CPU: HIGH, FREE: -VERY_HIGH if vm == "vm0" else USUAL} for vm in dimensions}
    judged = lasting(values, dimensions)
    alone = verdict_on("t", "vm0", some_dimensions(), judged, None, known=True)
    with_others = verdict_on("t", "vm1", some_dimensions(), judged, None, known=True)
    assert (alone.answer, alone.deviation and alone.deviation.key) == ("vm", FREE)
    assert (with_others.answer, with_others.deviation and with_others.deviation.key) == ("tenant", CPU)


def test_a_counter_that_has_a_worse_side_tells_before_one_that_has_none() -> None:
    dimensions = {f"vm{vm}": some_dimensions() for vm in range(9)}
    values = {vm: {CPU: HIGH, SESSIONS: VERY_HIGH if vm == "vm0" else USUAL} for vm in dimensions}
    found = verdict_on("t", "vm0", some_dimensions(), lasting(values, dimensions), None, known=True)
    assert (found.answer, found.deviation and found.deviation.key) == ("tenant", CPU)
    values = {vm: {CPU: USUAL, SESSIONS: VERY_HIGH if vm == "vm0" else USUAL} for vm in dimensions}
    found = verdict_on("t", "vm0", some_dimensions(), lasting(values, dimensions), None, known=True)
    assert (found.answer, found.deviation and found.deviation.key) == ("vm", SESSIONS)


@pytest.mark.parametrize(("vms", "answer"), [(1, "unknown"), (2, "unknown"), (3, "vm")])
def test_without_others_it_is_unknown_whether_others_are_like_it(vms: int, answer: str) -> None:
    dimensions = {f"vm{vm}": some_dimensions() for vm in range(vms)}
    judged = lasting({vm: {CPU: HIGH if vm == "vm0" else USUAL} for vm in dimensions}, dimensions)
    assert verdict_on("t", "vm0", some_dimensions(), judged, None, known=True).answer == answer


def test_a_vm_alone_in_its_tenant_is_compared_with_the_fleet() -> None:
    tenants = a_fleet({}) | {"alone": lasting({"vm00": {CPU: HIGH}}, {"vm00": place(0, 0)})}
    assert verdict_on("alone", "vm00", place(0, 0), tenants["alone"], fleet_of(tenants), known=True).answer == "vm"


def test_a_tenant_that_is_the_whole_region_is_named_not_the_region() -> None:
    tenants = a_fleet({})
    here = some_dimensions(region=9)
    dimensions = {f"vm{vm:02}": here for vm in range(VMS)}
    tenants["t9"] = lasting({vm: {CPU: HIGH} for vm in dimensions}, dimensions)
    assert verdict_on("t9", "vm00", here, tenants["t9"], fleet_of(tenants), known=True).answer == "tenant"


def test_a_silent_vm_is_told_from_a_silent_pool() -> None:
    dimensions = {f"vm{vm:02}": place(0, vm) for vm in range(VMS)}
    values = {vm: {CPU: USUAL} for vm in dimensions}
    pool = [f"vm{vm:02}" for _, vm in members("pool")]
    for gone, answer in ((pool[:1], "vm"), (pool, "pool")):
        there = {vm: of for vm, of in values.items() if vm not in gone}
        judged = judge([values, there, there, there], dimensions, normals_of([(vm, CPU) for vm in values]))[-1]
        verdict = verdict_on("t", "vm00", place(0, 0), judged, None, known=True)
        assert (verdict.answer, verdict.deviation and verdict.deviation.key) == (answer, REPORTING)


def test_nothing_is_said_of_what_is_not_known() -> None:
    assert on_the_first(a_fleet({}), known=False) == Verdict("unknown", None)
    assert verdict_on("t", "vm", Dimensions(), Judged(), None, known=True) == Verdict("none", None)


@settings(max_examples=25)
@given(SEEDS, st.sampled_from(["vm", "pool", "tenant", "size", "region", "fleet"]))
def test_it_agrees_with_the_list(seed: int, kind: str) -> None:
    """One incident, of which each VM shows something or not, and VMs that deviate by chance."""
    chance = random.Random(seed)  # noqa: S311
    every = [(tenant, vm) for tenant in range(TENANTS) for vm in range(VMS)]
    noise = {each: HIGH for each in every if chance.random() < 0.01}
    incident = {each: HIGH for each in members(kind) if each == (0, 0) or chance.random() < 0.9}
    tenants = a_fleet(noise | incident)
    fleet = fleet_of(tenants)
    found = findings(tenants, fleet, WHOLE_FLEET)
    verdict = on_the_first(tenants)
    if verdict.answer == "vm":
        assert ("t0", "vm00") in {(each.population.tenant, each.vm) for each in found}
    else:
        names = {"size": "MachineSize", "region": "Region"}
        kinds = {each.population for each in found if each.vm is None}
        its = {
            Population("pool", "t0", "pool0"),
            Population("tenant", "t0"),
            Population("MachineSize", None, "size0"),
            Population("Region", None, place(0, 0).Region),
            WHOLE_FLEET,
        }
        assert {each.kind for each in kinds & its} == {names.get(verdict.answer, verdict.answer)}
