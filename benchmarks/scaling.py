"""Measures how averaging scales: from scratch with the fleet's size, and with the share of changed tenants."""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.fleet import HORIZON, NOW, ONE_CORE, TIMES, greatest_memory, in_a_process, message, messages
from pipeline.averaging import average
from pipeline.ingest import Message, ingest
from storage.schema import schema
from storage.sqlite import SqliteDocuments
from storage.tables import Tables

SIZES = [int(size) for size in os.environ.get("BESIDE_VMS", "400,2000,10000").split(",")]
VMS_A_TENANT = 100
CHANGED = (1, 5, 20, 50, 100)
"""The percentages of changed tenants, in the largest fleet."""

BATCH = 64


async def fill(path: Path, bodies: Iterable[bytes]) -> None:
    """Ingest messages into a store."""
    documents = SqliteDocuments(path, schema(30, 400), lambda: NOW)
    waiting = iter(bodies)
    while batch := [Message(body, "m", NOW) for body in islice(waiting, BATCH)]:
        await ingest(Tables(documents), batch, HORIZON)
    await documents.close()


def fill_fleet(path: Path, vms: int) -> None:
    """Ingest a window of a whole fleet."""
    asyncio.run(fill(path, messages(vms // VMS_A_TENANT, VMS_A_TENANT)))


def fill_anew(path: Path, tenants: int, added: int) -> None:
    """Ingest a window of some tenants with larger values, so that all of their rows change."""
    fresh = (
        message(tenant, vm).replace(b'"PerfValue":', b'"PerfValue":%d' % added)
        for tenant in range(tenants)
        for vm in range(VMS_A_TENANT)
    )
    asyncio.run(fill(path, fresh))


def run_average(path: Path) -> tuple[float, float, int]:
    """Average all marked windows. Return the seconds, the process's peak memory in MB, and the rows written."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {ONE_CORE})

    async def run() -> tuple[float, int]:
        documents = SqliteDocuments(path, schema(30, 400), lambda: NOW)
        start = time.perf_counter()
        done = await average(Tables(documents), TIMES)
        seconds = time.perf_counter() - start
        await documents.close()
        return seconds, done.rows

    seconds, rows = asyncio.run(run())
    return seconds, greatest_memory(), rows


def after_change(path: Path, tenants: int) -> tuple[float, int]:
    """Change some tenants' windows and average. Return the seconds (the least of three runs) and the rows written."""
    found = []
    for repeat in range(3):  # other work on the machine only adds time
        in_a_process(fill_anew, path, tenants, 1 + repeat + 3 * (tenants % 3))
        seconds, _, rows = in_a_process(run_average, path)
        found.append((seconds, rows))
    return min(found)


def bench_averaging() -> dict[str, Any]:
    """Run each measurement in a process of its own, so that its memory can be measured."""
    whole: list[dict[str, float]] = []
    changed: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        for vms in SIZES:
            path = Path(folder) / f"{vms}.db"
            in_a_process(fill_fleet, path, vms)
            seconds, megabytes, rows = in_a_process(run_average, path)
            limit = " (at most 10 s, 300 MB)" if vms == 10_000 else ""
            print(f"averaging           {seconds:>12.2f} s from scratch: {vms:,} VMs, {rows} rows{limit}")
            print(f"  memory            {megabytes:>12.0f} MB at most")
            one, rows = after_change(path, 1)
            limit = " (at most 0.15)" if vms == 10_000 else ""
            print(f"  one tenant changed{one:>12.3f} s ({rows} rows){limit}")
            whole.append({"vms": vms, "seconds": seconds, "mb": megabytes, "one": one})
        tenants = SIZES[-1] // VMS_A_TENANT
        for share in CHANGED:
            some = max(1, tenants * share // 100)
            seconds, _ = after_change(path, some)
            changed.append({"tenants": some, "seconds": seconds})
            print(f"  {some:>3} of {tenants} changed{seconds:>14.3f} s")
    return {"whole": whole, "tenants": tenants, "changed": changed}
