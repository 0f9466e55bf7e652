"""A fleet whose days were learned, so that its windows can be judged: how they come, and what is asked then."""

import random
from collections.abc import Callable, Collection, Iterable, Mapping

import numpy as np

from domain.access import Caller
from domain.minutes import DAY, HOUR, WINDOW
from domain.samples import Dimensions
from domain.standings import Standings, StandingVm
from pipeline.learning import learn_fleet, learn_tenant
from pipeline.queries.unusual import OwnUnusual, Unusual, get_unusual
from pipeline.queries.verdicts import OwnVmVerdict, VmVerdict, get_verdict
from pipeline.queries.view import View
from pipeline.summarizing import summarize_window
from storage.schema import STANDINGS
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS, TENANTS, Entry, vms_of
from storage.tables.ids import number
from storage.tables.marks import Mark
from tests.builders import LATENESS, NOW, TIMES, WINDOW_START, a_message, a_record, a_view
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.steps import close_windows, deliver, work_off

CPU, DELAY, DEFENDER = "win_cpu.percent_processor_time", "win_session.input_delay_ms", "win_service.WinDefend"
KEYS = (CPU, DELAY, DEFENDER)
FLEET = {f"t{tenant}": [f"v{tenant}{number}" for number in range(6)] for tenant in range(5)}
DAYS = 5
TODAY = NOW - NOW % DAY

OPERATORS, OWN = a_view(), a_view(caller=Caller("tenant", "t1"))

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


async def a_learned_store() -> MemoryDocuments:
    """Return a store in which today's baselines were learned from the days before. They are learned once."""
    if not _learned:
        memory = MemoryDocuments()
        await learn_days(Tables(memory))
        _learned.append(memory)
    return _learned[0].as_it_was(0)


async def learn_days(tables: Tables) -> None:
    """Days with a window each hour, and what is learned from them: today's baselines."""
    value = as_usual(random.Random(7))  # noqa: S311
    for window in range(TODAY - DAYS * DAY, TODAY, HOUR):
        for tenant, vms in FLEET.items():
            columns = {key: np.array([value(tenant, vm, key) for vm in vms], np.float64) for key in KEYS}
            there = [StandingVm(vm, window, dimensions(tenant, vm)) for vm in vms]
            await tables.standings.write(tenant, window, Standings(there, columns), None)
            await tables.due.set(Mark(tenant, window))
        await summarize_window(tables, window, TIMES, at_once=True)
    for key in KEYS:
        await tables.catalogue.write_entry(COUNTERS, Entry(key, TODAY), None)
    for day in range(TODAY - DAYS * DAY, TODAY, DAY):
        await tables.fleet_days.set(Mark("fleet", day))
    for tenant, vms in FLEET.items():
        await tables.catalogue.write_counters_of(tenant, dict.fromkeys(KEYS, TODAY), None)
        await tables.catalogue.write_entry(TENANTS, Entry(tenant, TODAY), None)
        for vm in vms:
            await tables.catalogue.write_entry(vms_of(tenant), Entry(vm, TODAY, dimensions(tenant, vm)), None)
        for day in range(TODAY - DAYS * DAY, TODAY, DAY):
            await tables.days.set(Mark(tenant, day))
        assert await learn_tenant(tables, tenant, TODAY - 6 * HOUR)
    assert await learn_fleet(tables, TODAY - 6 * HOUR)


async def come(tables: Tables, window: int, value: Values, tenants: Iterable[str] = FLEET) -> None:
    """A window of tenants comes by the queue."""
    for tenant in tenants:
        records = []
        for vm in FLEET[tenant]:
            of = dimensions(tenant, vm)
            for key in KEYS:
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
        if records:
            await deliver(tables, [a_message(records)])


async def hour(tables: Tables, value: Values, windows: int = 4) -> None:
    """The newest windows come, are averaged, and close."""
    for window in range(NOW - windows * WINDOW, NOW, WINDOW):
        await come(tables, window, value)
        await work_off(tables)
    await close_windows(tables, NOW + LATENESS)


async def settle(tables: Tables) -> None:
    """Close all windows, and average until nothing is left to do."""
    left: list[object] = [True]
    while left:
        await close_windows(tables, NOW + LATENESS)
        left = [mark for kind in (tables.marks, tables.due, tables.to_judge) for mark in await kind.read()]


async def what_was_found(tables: Tables) -> Mapping[tuple[int, str], object]:
    """The documents of what was found in the newest windows, by window and id."""
    found = {}
    for window in range(NOW - 8 * WINDOW, NOW, WINDOW):
        async for document in tables.documents.scan(STANDINGS, number(window)):
            if document.id.startswith("j"):
                found[window, document.id] = document.body
    return found


async def unusual(tables: Tables, tenant: str | None = None, view: View = OPERATORS) -> Unusual | OwnUnusual:
    return await get_unusual(tables, tenant, WINDOW_START, 100, view)


async def verdict(tables: Tables, tenant: str, vm: str, view: View = OPERATORS) -> VmVerdict | OwnVmVerdict:
    return await get_verdict(tables, tenant, vm, WINDOW_START, view)


EVERY = [(tenant, vm) for tenant, vms in FLEET.items() for vm in vms]
INCIDENTS: Mapping[str, list[tuple[str, str]]] = {
    "vm": [("t1", "v13")],
    "pool": [(tenant, vm) for tenant, vm in EVERY if dimensions(tenant, vm).ResourcePoolName == "t1-pool1"],
    "tenant": [(tenant, vm) for tenant, vm in EVERY if tenant == "t1"],
    "size": [(tenant, vm) for tenant, vm in EVERY if dimensions(tenant, vm).MachineSize == "Standard_D4s_v4"],
    "region": [(tenant, vm) for tenant, vm in EVERY if dimensions(tenant, vm).Region == "northeurope"],
    "fleet": EVERY,
}
