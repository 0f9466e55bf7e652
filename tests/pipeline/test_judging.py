"""From the queue to the verdict: what is unusual, and which population explains it, after days that were learned."""

import random
from collections.abc import Callable, Collection, Mapping

import numpy as np
import pytest

from domain.access import Caller
from domain.disclosure import DisclosedWindow
from domain.minutes import DAY, HOUR, MINUTES_PER_WINDOW, WINDOW
from domain.samples import Dimensions
from domain.standings import Standings, StandingVm
from pipeline.learning import learn_fleet, learn_tenant
from pipeline.queries.unusual import Unusual, get_unusual
from pipeline.queries.verdicts import OwnVmVerdict, VmVerdict, get_verdict
from pipeline.summarizing import summarize_window
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS, TENANTS, Entry, vms_of
from storage.tables.marks import Mark
from tests.builders import LATENESS, NOW, TIMES, WINDOW_START, a_message, a_record, a_view
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.steps import close_windows, deliver, work_off

CPU, DELAY, DEFENDER = "win_cpu.percent_processor_time", "win_session.input_delay_ms", "win_service.WinDefend"
FLEET = {f"t{tenant}": [f"v{tenant}{number}" for number in range(6)] for tenant in range(5)}
DAYS = 5
TODAY = NOW - NOW % DAY

OWN = a_view(caller=Caller("tenant", "t1"))

Values = Callable[[str, str, str], float | None]
"""By tenant, VM and counter; None: no sample."""


def dimensions(tenant: str, vm: str) -> Dimensions:
    """Pools are of a tenant; sizes and regions cross all of them."""
    number = int(vm[-1])
    size = "Standard_D2s_v4" if number < 3 else "Standard_D4s_v4"
    return Dimensions("s", f"{tenant}-pool{number % 2}", "westeurope" if number % 3 else "northeurope", size)


def as_usual(chance: random.Random) -> Values:
    def value(_tenant: str, vm: str, key: str) -> float | None:
        if key == DEFENDER:
            return 1.0
        return (30.0 if key == CPU else 20.0) + int(vm[-1]) + chance.uniform(-2, 2)

    return value


def moved(vms: Collection[tuple[str, str]], chance: random.Random, key: str = DELAY, by: float = 80.0) -> Values:
    usual = as_usual(chance)

    def value(tenant: str, vm: str, of: str) -> float | None:
        found = usual(tenant, vm, of)
        return found + by if found is not None and of == key and (tenant, vm) in vms else found

    return value


_learned: list[MemoryDocuments] = []


@pytest.fixture
async def tables(memory: MemoryDocuments) -> Tables:
    """A store in which today's baselines were learned from the days before. They are learned once for all tests."""
    if not _learned:
        await learn_days(Tables(memory))
        _learned.append(memory)
    return Tables(_learned[0].as_it_was(0))


async def learn_days(tables: Tables) -> None:
    """Days with a window each hour, and what is learned from them: today's baselines."""
    value = as_usual(random.Random(7))  # noqa: S311
    keys = (CPU, DELAY, DEFENDER)
    for window in range(TODAY - DAYS * DAY, TODAY, HOUR):
        for tenant, vms in FLEET.items():
            columns = {key: np.array([value(tenant, vm, key) for vm in vms], np.float64) for key in keys}
            there = [StandingVm(vm, window, dimensions(tenant, vm)) for vm in vms]
            await tables.standings.write(tenant, window, Standings(there, columns), None)
            await tables.due.set(Mark(tenant, window))
        await summarize_window(tables, window, TIMES, at_once=True)
    for key in keys:
        await tables.catalogue.write_entry(COUNTERS, Entry(key, TODAY), None)
    for day in range(TODAY - DAYS * DAY, TODAY, DAY):
        await tables.fleet_days.set(Mark("fleet", day))
    for tenant, vms in FLEET.items():
        await tables.catalogue.write_counters_of(tenant, dict.fromkeys(keys, TODAY), None)
        await tables.catalogue.write_entry(TENANTS, Entry(tenant, TODAY), None)
        for vm in vms:
            await tables.catalogue.write_entry(vms_of(tenant), Entry(vm, TODAY, dimensions(tenant, vm)), None)
        for day in range(TODAY - DAYS * DAY, TODAY, DAY):
            await tables.days.set(Mark(tenant, day))
        assert await learn_tenant(tables, tenant, TODAY - 6 * HOUR)
    assert await learn_fleet(tables, TODAY - 6 * HOUR)


async def come(tables: Tables, window: int, value: Values) -> None:
    """A window comes by the queue and is averaged."""
    for tenant, vms in FLEET.items():
        records = []
        for vm in vms:
            of = dimensions(tenant, vm)
            for key in (CPU, DELAY, DEFENDER):
                found = value(tenant, vm, key)
                if found is None:
                    continue
                perf_type, _, perf_name = key.partition(".")
                records.append(
                    a_record(
                        timestamp=window + 450,
                        MaskedTenantId=tenant,
                        MaskedVMName=vm,
                        SiteName=of.SiteName,
                        ResourcePoolName=of.ResourcePoolName,
                        Region=of.Region,
                        MachineSize=of.MachineSize,
                        PerfType=perf_type,
                        PerfName=perf_name,
                        PerfValue=found,
                    )
                )
        await deliver(tables, [a_message(records)])
    await work_off(tables)


async def hour(tables: Tables, value: Values) -> None:
    """The newest four windows come, and close."""
    for window in range(WINDOW_START - 3 * WINDOW, NOW, WINDOW):
        await come(tables, window, value)
    await close_windows(tables, NOW + LATENESS)


async def unusual(tables: Tables, tenant: str | None = None) -> Unusual:
    found = await get_unusual(tables, tenant, WINDOW_START, 100, a_view())
    assert isinstance(found, Unusual)
    return found


async def verdict(tables: Tables, tenant: str, vm: str) -> VmVerdict:
    return await get_verdict(tables, tenant, vm, WINDOW_START, a_view())


EVERY = [(tenant, vm) for tenant, vms in FLEET.items() for vm in vms]
INCIDENTS: Mapping[str, list[tuple[str, str]]] = {
    "vm": [("t1", "v13")],
    "pool": [(tenant, vm) for tenant, vm in EVERY if dimensions(tenant, vm).ResourcePoolName == "t1-pool1"],
    "tenant": [(tenant, vm) for tenant, vm in EVERY if tenant == "t1"],
    "size": [(tenant, vm) for tenant, vm in EVERY if dimensions(tenant, vm).MachineSize == "Standard_D4s_v4"],
    "region": [(tenant, vm) for tenant, vm in EVERY if dimensions(tenant, vm).Region == "northeurope"],
    "fleet": EVERY,
}


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
