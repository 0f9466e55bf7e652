"""Compares this project with likely alternatives in one run, on the same message bytes.

Each contender runs in its own process on one core. It takes the messages of an hour (four windows) and then answers
queries. Its size on disk is measured when it can answer; this project's size includes its rollups and its report.
``BESIDE_VMS`` sets the fleet sizes. SQLite with one row per sample, the layout of the original system, takes minutes
for large fleets, so it runs only up to ``MOST_ROW_VMS``. VictoriaMetrics runs if Debian's package is installed.
"""

import asyncio
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import psutil

from benchmarks.contenders import DAY, HOUR, Contender, DuckDb, Ours, RowASample
from benchmarks.fleet import (
    LAST_WINDOW,
    ONE_CORE,
    REGIONS,
    greatest_memory,
    in_a_process,
    message,
    tenant_name,
    vm_name,
)
from benchmarks.victoria import Victoria
from domain.minutes import WINDOW, minutes_of

SIZES = [int(size) for size in os.environ.get("BESIDE_VMS", "400,2000,10000").split(",")]
MOST_ROW_VMS = int(os.environ.get("MOST_ROW_VMS", "2000"))
VMS_A_TENANT = 100
BATCH = 64
CONTENDERS: dict[str, type[Contender]] = {
    "this project": Ours,
    "SQLite, a row a sample": RowASample,
    "DuckDB": DuckDb,
    "VictoriaMetrics": Victoria,
}


@dataclass
class Measured:
    """One contender's results with one fleet. Times are in seconds, rates in samples per second."""

    contender: str
    vms: int
    samples: int = 0
    rate: float = 0
    cpu_rate: float = 0
    loads: float = 0
    """The rate of ``orjson.loads`` alone, measured in the same process before and after, since speed varies."""
    bytes_a_sample: float = 0
    fleet_hour: float = 0
    vm_hour: float = 0
    fleet_day: float = 0
    percentiles_hour: float | None = None
    """None: it has no percentiles."""
    worst: float = 0
    regions_hour: float = 0
    peak_mb: float = 0


def bodies_of(vms: int, windows: int, counters: int) -> Iterator[bytes]:
    """Yield every VM's message of every window. All windows have the values of the newest."""
    for number in range(vms):
        newest = message(number // VMS_A_TENANT, number % VMS_A_TENANT, LAST_WINDOW, counters)
        for back in range(windows):
            body = newest
            for at in minutes_of(LAST_WINDOW):
                body = body.replace(b"%d" % at, b"%d" % (at - back * WINDOW)) if back else body
            yield body


async def median(work: Callable[[], Awaitable[int]], rows: int, times: int = 15) -> float:
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        found = await work()
        spent.append(time.perf_counter() - start)
        assert found == rows, (found, rows)  # noqa: S101
    return statistics.median(spent)


def run(name: str, vms: int, core: int) -> dict[str, Any]:
    """Measure one contender with one fleet. This runs in a process of its own."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    return asdict(asyncio.run(measured(name, vms)))


async def measured(name: str, vms: int) -> Measured:
    found = Measured(name, vms)
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        contender = CONTENDERS[name](Path(folder))
        seen = psutil.Process(contender.pid or os.getpid())
        wall = cpu = 0.0
        loads = [limit() for _ in range(3)]
        waiting = bodies_of(vms, HOUR, 40)
        while part := list(islice(waiting, BATCH)):
            before, start = sum(seen.cpu_times()[:2]), time.perf_counter()
            await contender.take(part)
            wall += time.perf_counter() - start
            cpu += sum(seen.cpu_times()[:2]) - before
            found.samples += len(part) * 600
        found.loads = statistics.median([*loads, *(limit() for _ in range(3))])
        await contender.settle()
        found.rate, found.cpu_rate = found.samples / wall, found.samples / max(cpu, 1e-9)
        found.fleet_hour = await median(lambda: contender.fleet(HOUR), HOUR * 15)
        found.vm_hour = await median(lambda: contender.vm(tenant_name(1), vm_name(1, 7)), HOUR * 15)
        if await contender.percentiles(HOUR):
            found.percentiles_hour = await median(lambda: contender.percentiles(HOUR), HOUR * 15)
        found.worst = await median(contender.worst, 20)
        found.regions_hour = await median(
            lambda: contender.regions(HOUR), HOUR * min(len(REGIONS), vms // VMS_A_TENANT + 1)
        )
        found.peak_mb = greatest_memory(contender.pid or "self")
        await contender.close()
        found.bytes_a_sample = contender.size() / found.samples
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        contender = CONTENDERS[name](Path(folder))
        waiting = bodies_of(min(vms, 400), DAY, 4)  # a few VMs and counters suffice, since the query reads one
        while part := list(islice(waiting, BATCH)):
            await contender.take(part)
        await contender.settle()
        found.fleet_day = await median(lambda: contender.fleet(DAY), DAY * 15)
        await contender.close()
    return found


def limit() -> float:
    """Return the rate of ``orjson.loads`` alone, in samples per second."""
    bodies = list(bodies_of(50, 1, 40))
    start = time.perf_counter()
    for body in bodies:
        orjson.loads(body)
    return len(bodies) * 600 / (time.perf_counter() - start)


def bench_beside() -> dict[str, Any]:
    """Print the results as a table, and return them."""
    results: list[dict[str, Any]] = []
    print(
        f"{'':24}{'VMs':>7}{'samples/s':>12}{'by CPU':>12}{'of loads':>9}{'B/sample':>9}"
        f"{'fleet 1 h':>11}{'VM 1 h':>9}{'fleet 24 h':>11}{'p 1 h':>11}{'worst 20':>11}{'regions 1 h':>12}{'MB':>7}"
    )
    for vms in SIZES:
        for name in CONTENDERS:
            if name == "VictoriaMetrics" and not shutil.which("victoria-metrics"):
                continue
            if name == "SQLite, a row a sample" and vms > MOST_ROW_VMS:
                continue
            found = in_a_process(run, name, vms, ONE_CORE)
            results.append(found)
            print(
                f"{name:24}{vms:>7,}{found['rate']:>12,.0f}{found['cpu_rate']:>12,.0f}"
                f"{found['rate'] / found['loads']:>9.2f}"
                f"{found['bytes_a_sample']:>9.1f}{found['fleet_hour'] * 1e3:>8.2f} ms{found['vm_hour'] * 1e3:>6.2f} ms"
                f"{found['fleet_day'] * 1e3:>8.2f} ms{(found['percentiles_hour'] or float('nan')) * 1e3:>8.2f} ms"
                f"{found['worst'] * 1e3:>8.2f} ms{found['regions_hour'] * 1e3:>9.2f} ms{found['peak_mb']:>7.0f}",
                flush=True,
            )
    loads = statistics.median(found["loads"] for found in results)
    print(f"{'orjson.loads alone':24}{'':7}{loads:>12,.0f}")
    return {"orjson_loads": loads, "results": results}
