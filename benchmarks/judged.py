"""Times what is asked of judged windows, and judging itself, for ``python -m benchmarks populations``.

The fleet's days are as made by learning: standings of an hour of each day, and what was learned from them.
"""

import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fleet import NOW, POOLS, REGIONS, SIZES, TIMES, VIEW
from domain.closing import Progress
from domain.counters import COUNTERS as KNOWN
from domain.forecasts import RECENT_HOURS
from domain.minutes import DAY, HOUR, WINDOW
from domain.samples import Dimensions
from domain.standings import Standings, StandingVm
from pipeline.closing import change
from pipeline.judging import judged_of, write_judged
from pipeline.learning import learn_fleet, learn_tenant
from pipeline.queries.baselines import get_baseline
from pipeline.queries.forecasts import get_forecast
from pipeline.queries.matrix import MatrixQuestion, get_matrix
from pipeline.queries.series import SeriesQuestion
from pipeline.queries.unusual import get_unusual
from pipeline.queries.verdicts import get_verdict
from pipeline.summarizing import summarize_window
from storage.schema import schema
from storage.sqlite import SqliteDocuments
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS, TENANTS, Entry, vms_of
from storage.tables.marks import Mark

TENANTS_OF = [1_000, *[474] * 19]
"""How many VMs each tenant has: 10,006 together."""

DAYS = 5
TODAY = NOW - NOW % DAY
LAST = NOW - WINDOW
KEYS = [*KNOWN][:40]
MOST = 10
"""Milliseconds."""
TIMES_ASKED = 30


def _name(tenant: int) -> str:
    return f"tenant-{tenant:02}"


def _standings(tenant: int, vms: int, window: int) -> Standings:
    chance = np.random.default_rng([tenant, window])
    there = [StandingVm(f"vm-{tenant:02}-{vm:04}", window, _dimensions(tenant, vm)) for vm in range(vms)]
    # A few of all values are far off, as on real VMs.
    return Standings(there, {key: chance.normal(50, 5, vms) + 80 * (chance.random(vms) < 0.01) for key in KEYS})


def _dimensions(tenant: int, vm: int) -> Dimensions:
    size, region = SIZES[vm % len(SIZES)], REGIONS[(tenant + vm % 2) % len(REGIONS)]
    return Dimensions(None, f"pool-{vm % POOLS}", region, size)


async def _learn(tables: Tables) -> None:
    hour = NOW % DAY // HOUR * HOUR
    for key in KEYS:
        await tables.catalogue.write_entry(COUNTERS, Entry(key, NOW), None)
    for tenant, vms in enumerate(TENANTS_OF):
        name = _name(tenant)
        await tables.catalogue.write_counters_of(name, dict.fromkeys(KEYS, NOW), None)
        await tables.catalogue.write_entry(TENANTS, Entry(name, NOW), None)
        for vm in range(vms):
            entry = Entry(f"vm-{tenant:02}-{vm:04}", NOW, _dimensions(tenant, vm))
            await tables.catalogue.write_entry(vms_of(name), entry, None)
    for day in range(TODAY - DAYS * DAY, TODAY, DAY):
        for tenant, vms in enumerate(TENANTS_OF):
            await tables.standings.write(_name(tenant), day + hour, _standings(tenant, vms, day + hour), None)
            await tables.due.set(Mark(_name(tenant), day + hour))
            await tables.days.set(Mark(_name(tenant), day))
        await tables.fleet_days.set(Mark("fleet", day))
        await summarize_window(tables, day + hour, TIMES, at_once=True)
    for tenant in range(len(TENANTS_OF)):
        await learn_tenant(tables, _name(tenant), TODAY - 6 * HOUR)
    await learn_fleet(tables, TODAY - 6 * HOUR)


async def _judge(tables: Tables) -> float:
    """Judge the last hour. Return the milliseconds of judging a tenant of 474 VMs in a window."""
    spent = []
    for window in range(LAST - 3 * WINDOW, NOW, WINDOW):
        for tenant, vms in enumerate(TENANTS_OF):
            name = _name(tenant)
            standings = _standings(tenant, vms, window)
            await tables.standings.write(name, window, standings, None)
            start = time.perf_counter()
            judged = await judged_of(tables, name, window, standings)
            await write_judged(tables, name, window, judged, None, NOW)
            spent += [time.perf_counter() - start] if tenant else []
            await tables.due.set(Mark(name, window))
        await change(tables, partial(Progress.counting, window=window, vms=[sum(TENANTS_OF)] * 15))
        await summarize_window(tables, window, TIMES, at_once=True)
    for hour in range(LAST - RECENT_HOURS * HOUR, LAST - HOUR + 1, HOUR):  # which forecasts read
        if await tables.standings.read(_name(0), hour) is None:
            await tables.standings.write(_name(0), hour, _standings(0, TENANTS_OF[0], hour), None)
    return statistics.median(spent) * 1e3


def _questions() -> dict[str, Callable[[Tables], Awaitable[object]]]:
    chance = random.Random(1)
    tenant, small = _name(0), _name(1)

    def vm(of: int) -> str:
        return f"vm-{of:02}-{chance.randrange(TENANTS_OF[of]):04}"

    return {
        "get-unusual of the fleet": lambda tables: get_unusual(tables, None, LAST, 20, VIEW),
        "get-unusual of a tenant of 1,000 VMs": lambda tables: get_unusual(tables, tenant, LAST, 20, VIEW),
        "get-unusual of a tenant of 474 VMs": lambda tables: get_unusual(tables, small, LAST, 20, VIEW),
        "get-matrix of the fleet by region": lambda tables: get_matrix(tables, MatrixQuestion("Region"), VIEW),
        "get-matrix of the fleet by tenant": lambda tables: get_matrix(tables, MatrixQuestion("tenant"), VIEW),
        "get-matrix of the VMs of a tenant of 1,000": lambda tables: get_matrix(
            tables, MatrixQuestion("vm", tenant=tenant), VIEW
        ),
        "get-matrix of the pools of a tenant of 1,000": lambda tables: get_matrix(
            tables, MatrixQuestion("ResourcePoolName", tenant=tenant), VIEW
        ),
        "get-verdict in a tenant of 1,000 VMs": lambda tables: get_verdict(tables, tenant, vm(0), LAST, VIEW),
        "get-verdict in a tenant of 474 VMs": lambda tables: get_verdict(tables, small, vm(1), LAST, VIEW),
        "get-forecast of a VM, a week": lambda tables: get_forecast(
            tables, SeriesQuestion(KEYS[0], 168, tenant, "vm-00-0001"), VIEW
        ),
        "get-forecast of a tenant of 1,000 VMs": lambda tables: get_forecast(
            tables, SeriesQuestion(KEYS[0], 48, tenant), VIEW
        ),
        "get-forecast of the fleet": lambda tables: get_forecast(tables, SeriesQuestion(KEYS[0], 48), VIEW),
        "get-baseline of a VM, a day": lambda tables: get_baseline(
            tables, SeriesQuestion(KEYS[0], 24, tenant, "vm-00-0001"), VIEW
        ),
    }


async def _measure() -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        documents = SqliteDocuments(Path(folder) / "store.db", schema(30, 400), lambda: NOW)
        tables = Tables(documents)
        await _learn(tables)
        judging = await _judge(tables)
        print(f"{'judging a tenant of 474 VMs in a window':44}{judging:>8.2f} ms", flush=True)
        found: dict[str, float] = {}
        for name, ask in _questions().items():
            found[name] = await _median(ask, tables)
            print(f"{name:44}{found[name]:>8.2f} ms (at most {MOST})", flush=True)
        await documents.close()
    return {"judging": judging, "milliseconds": found}


async def _median(ask: Callable[[Tables], Awaitable[object]], tables: Tables) -> float:
    """Return the median milliseconds of a question, after a first one."""
    await ask(tables)
    spent = []
    for _ in range(TIMES_ASKED):
        start = time.perf_counter()
        await ask(tables)
        spent.append(time.perf_counter() - start)
    return statistics.median(spent) * 1e3


def bench_judged() -> dict[str, Any]:
    """Print and return the medians."""
    return asyncio.run(_measure())
