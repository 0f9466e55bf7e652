"""The list of what is unusual: one cause, one line; a table of cases, and properties."""

import random
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.causes import WHOLE_FLEET, Population
from domain.digests import Whose
from domain.findings import findings
from domain.judged import REPORTING, TENANT, Finding, Judged
from domain.samples import Dimensions
from domain.unusual import LISTED
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

SEEDS = st.integers(0, 2**32 - 1)
KEYS = (CPU, FREE, SESSIONS)
SERVICE = "win_service.Spooler"


def of_tenant(values: Mapping[str, Mapping[str, float]], dimensions: Mapping[str, Dimensions]) -> list[Finding]:
    return findings({"t": lasting(values, dimensions)}, None, Population("tenant", "t"))


def a_tenant(vms: int = 12, pools: int = 3) -> dict[str, Dimensions]:
    return {f"vm{vm:02}": some_dimensions(vm % pools, vm // pools % 2) for vm in range(vms)}


def lines(found: Sequence[Finding]) -> list[tuple[str, str | None, str]]:
    return [
        (each.population.kind if each.vm is None else "vm", each.vm or each.population.name, each.key) for each in found
    ]


def test_a_usual_hour_has_no_lines() -> None:
    assert of_tenant({vm: dict.fromkeys(KEYS, USUAL) for vm in a_tenant()}, a_tenant()) == []


def test_a_pool_stands_for_its_vms_and_its_counters() -> None:
    dimensions = a_tenant()
    values = {
        vm: {CPU: HIGH, SESSIONS: VERY_HIGH} if of.ResourcePoolName == "pool1" else {CPU: USUAL, SESSIONS: USUAL}
        for vm, of in dimensions.items()
    }
    (found,) = of_tenant(values, dimensions)
    assert (found.population, found.vm, found.vms, found.judged) == (Population("pool", "t", "pool1"), None, 4, 4)
    assert (found.key, found.also) == (CPU, (SESSIONS,))  # a counter that has a worse side comes first


def test_a_vm_alone_is_a_line_with_its_figures() -> None:
    dimensions = a_tenant()
    (found,) = of_tenant({vm: {CPU: VERY_HIGH if vm == "vm05" else USUAL} for vm in dimensions}, dimensions)
    assert (found.population, found.vm, found.vms, found.judged) == (Population("tenant", "t"), "vm05", 1, 1)
    assert (found.value, found.expected, found.low, found.high) == (VERY_HIGH, USUAL, 40, 60)
    assert (found.score, found.since, found.notable) == (17, 0, True)


@pytest.mark.parametrize(
    ("key", "value", "spread", "notable"),
    [
        (CPU, VERY_HIGH, 1.0, True),
        (CPU, HIGH, 1.0, False),  # not far enough
        (CPU, -VERY_HIGH, 1.0, False),  # the better side
        (FREE, -VERY_HIGH, 1.0, True),
        (FREE, VERY_HIGH, 1.0, False),
        (SESSIONS, VERY_HIGH, 1.0, False),  # neither side is worse
        (SESSIONS, -VERY_HIGH, 1.0, False),
        (CPU, VERY_HIGH, 100.0, False),  # its peers are as far apart
    ],
)
def test_notable_is_what_is_far_from_its_past_and_its_peers(
    key: str,
    value: float,
    spread: float,
    notable: bool,
) -> None:
    dimensions = {f"vm{vm}": some_dimensions() for vm in range(9)}
    usual = {vm: USUAL + spread * (at - 4) for at, vm in enumerate(dimensions)}
    normals = normals_of([("vm4", key)])  # of the others nothing is known
    judged = lasting({vm: {key: value if vm == "vm4" else usual[vm]} for vm in dimensions}, dimensions, normals)
    (found,) = findings({"t": judged}, None, Population("tenant", "t"))
    assert (found.vm, found.notable) == ("vm4", notable)


def test_a_counter_that_never_changed_is_listed_but_not_notable() -> None:
    dimensions = a_tenant()
    normals = normals_of([(vm, CPU) for vm in dimensions], [0.0] * 5 + [1.0])
    values = {vm: {CPU: 30.0 if vm == "vm05" else 0.0} for vm in dimensions}
    (found,) = findings({"t": lasting(values, dimensions, normals)}, None, Population("tenant", "t"))
    assert (found.vm, found.notable) == ("vm05", False)


@pytest.mark.parametrize(("before", "now", "notable"), [(1.0, 0.0, True), (0.0, 1.0, False)])
def test_a_service_that_stopped_is_notable(before: float, now: float, notable: bool) -> None:
    dimensions = a_tenant()
    normals = normals_of([(vm, SERVICE) for vm in dimensions], [before] * 5 + [1.0])
    values = {vm: {SERVICE: now if vm == "vm05" else before} for vm in dimensions}
    (found,) = findings({"t": lasting(values, dimensions, normals)}, None, Population("tenant", "t"))
    assert (found.vm, found.key, found.notable) == ("vm05", SERVICE, notable)


def test_a_silent_vm_is_notable_and_silent_vms_of_a_pool_are_one_line() -> None:
    dimensions = a_tenant()
    normals = normals_of([(vm, CPU) for vm in dimensions])
    values = {vm: {CPU: USUAL} for vm in dimensions}
    pool = [vm for vm, of in dimensions.items() if of.ResourcePoolName == "pool0"]
    for gone, line in ((pool[1:2], ("vm", pool[1])), (pool, ("pool", "pool0"))):
        there = {vm: of for vm, of in values.items() if vm not in gone}
        judged = judge([values, there, there, there], dimensions, normals)[-1]
        found = findings({"t": judged}, None, Population("tenant", "t"))
        assert lines(found) == [(*line, REPORTING)]
        assert found[0].notable


def test_the_most_telling_comes_first() -> None:
    dimensions = a_tenant()
    values = {vm: dict.fromkeys(KEYS, USUAL) for vm in dimensions}
    for vm, of in dimensions.items():
        if of.ResourcePoolName == "pool2":
            values[vm][CPU] = HIGH
    values["vm00"][SESSIONS] = VERY_HIGH
    values["vm01"][FREE] = HIGH
    values["vm04"][SESSIONS] = HIGH
    assert lines(of_tenant(values, dimensions)) == [
        ("pool", "pool2", CPU),
        ("vm", "vm00", SESSIONS),
        ("vm", "vm04", SESSIONS),
        ("vm", "vm01", FREE),
    ]


def random_tenants(
    chance: random.Random,
) -> tuple[dict[str, dict[str, Dimensions]], dict[str, dict[str, dict[str, float]]]]:
    """Dimensions and values of tenants, with incidents in populations and VMs that deviate by chance."""
    dimensions = {
        f"t{tenant}": {
            f"vm{vm:02}": some_dimensions(chance.randrange(3), chance.randrange(3), chance.randrange(3))
            for vm in range(chance.randrange(1, 15))
        }
        for tenant in range(chance.randrange(1, 5))
    }
    kinds = ("ResourcePoolName", "MachineSize", "Region")
    incidents = [(chance.choice(KEYS), chance.choice(kinds), chance.randrange(3)) for _ in range(chance.randrange(3))]

    def value(of: Dimensions, key: str) -> float:
        met = any(
            key == which and getattr(of, kind).endswith(str(name)) and chance.random() < 0.9
            for which, kind, name in incidents
        )
        return chance.choice((HIGH, VERY_HIGH)) if met else chance.choice((*[USUAL] * 20, HIGH, LOW, 75.0))

    values = {
        tenant: {vm: {key: value(of, key) for key in KEYS} for vm, of in vms.items()}
        for tenant, vms in dimensions.items()
    }
    return dimensions, values


def is_in(of: Dimensions, tenant: str, population: Population) -> bool:
    its = {
        "fleet": True,
        "tenant": population.tenant == tenant,
        "pool": (population.tenant, population.name) == (tenant, of.ResourcePoolName),
        "MachineSize": population.name == of.MachineSize,
        "Region": population.name == of.Region,
    }
    return its[population.kind]


def listed(tenants: Mapping[str, Judged]) -> list[tuple[str, str, str]]:
    return [
        (tenant, each.whose.name or "", each.key)
        for tenant, judged in tenants.items()
        for each in judged.deviations
        if each.whose.kind == "vm" and each.beyond >= LISTED
    ]


@settings(max_examples=60)
@given(SEEDS)
def test_one_cause_one_line(seed: int) -> None:
    """Whatever stays far beyond its rare end is a line of its own, or some population stands for it."""
    dimensions, values = random_tenants(random.Random(seed))  # noqa: S311
    tenants = {tenant: lasting(values[tenant], dimensions[tenant]) for tenant in values}
    found = findings(tenants, fleet_of(tenants), WHOLE_FLEET)
    assert len({(each.population, each.vm) for each in found}) == len(found)
    for tenant, vm, key in listed(tenants):
        of = dimensions[tenant][vm]
        own = [each for each in found if each.vm == vm and each.population.tenant == tenant]
        above = [each for each in found if each.vm is None and is_in(of, tenant, each.population)]
        told = [each for each in own if key in (each.key, *each.also)]
        covered = [each for each in above if key in (each.key, *each.also)]
        assert told or covered
    for each in found:
        if each.vm is None:
            inside = [
                (tenant, vm)
                for tenant, vms in dimensions.items()
                for vm, of in vms.items()
                if is_in(of, tenant, each.population)
            ]
            assert len(inside) == each.judged >= each.vms >= 2


@settings(max_examples=40)
@given(SEEDS)
def test_the_vms_of_a_line_and_the_lines_of_vms_add_up(seed: int) -> None:
    """By one counter and side, each VM that deviates stands under one population at most, and no listed one is lost."""
    chance = random.Random(seed)  # noqa: S311
    dimensions, values = random_tenants(chance)
    only = {t: {vm: {CPU: max(of[CPU], USUAL)} for vm, of in vms.items()} for t, vms in values.items()}
    tenants = {tenant: lasting(only[tenant], dimensions[tenant]) for tenant in only}
    found = findings(tenants, fleet_of(tenants), WHOLE_FLEET)
    deviating = sum(each.score > 0 for judged in tenants.values() for each in judged.deviations)
    alone = [each for each in found if each.vm is not None]
    covered = sum(each.vms for each in found if each.vm is None)
    assert covered + len(alone) <= deviating
    weak = sum(0 < each.beyond < LISTED for judged in tenants.values() for each in judged.deviations)
    assert covered + len(alone) >= deviating - weak


@settings(max_examples=40)
@given(SEEDS)
def test_the_order_of_vms_and_tenants_never_shows(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    dimensions, values = random_tenants(chance)
    tenants = {tenant: lasting(values[tenant], dimensions[tenant]) for tenant in values}
    shuffled = {}
    for tenant in chance.sample(sorted(values), len(values)):
        series = [(vm, key) for vm in values[tenant] for key in KEYS]
        chance.shuffle(series)
        shuffled[tenant] = lasting(values[tenant], dimensions[tenant], normals_of(series))
    assert findings(shuffled, fleet_of(shuffled), WHOLE_FLEET) == findings(tenants, fleet_of(tenants), WHOLE_FLEET)


def test_peers_of_its_size_come_before_those_of_its_tenant() -> None:
    dimensions = a_tenant()
    judged = lasting({vm: {CPU: VERY_HIGH if vm == "vm05" else USUAL} for vm in dimensions}, dimensions)
    size = Whose("MachineSize", dimensions["vm05"].MachineSize)
    as_far = Judged(middles={size: {CPU: (USUAL, 500.0)}})
    far = Judged(middles={size: {CPU: (USUAL, 1.0)}, TENANT: {CPU: (USUAL, 500.0)}})
    for fleet, notable in ((as_far, False), (far, True), (Judged(), True)):
        (found,) = findings({"t": judged}, fleet, Population("tenant", "t"))
        assert found.notable == notable
