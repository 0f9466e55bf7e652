"""Measures operations on the local host: it averages a backlog of a day, then rebuilds that day. Time and memory.

The day has 57.6 million samples: 1,000 VMs of 10 tenants, 40 counters, 24 hours. The host has one core.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import psutil

from benchmarks.fleet import message
from domain import wire
from domain.minutes import WINDOW
from domain.samples import Horizon, collect
from pipeline.concurrency import gather
from storage.schema import schema
from storage.sqlite import SqliteDocuments
from storage.tables import Tables
from storage.tables.marks import Mark

ROOT = Path(__file__).parent.parent
PORT = 7197
TENANTS, VMS, WINDOWS = 10, 100, 96
SETTINGS = {"FLEET": "0", "PORT": str(PORT), "AVERAGING_SCHEDULE": "* * * * * *"}


def bench_operations() -> None:
    newest = int(time.time()) // WINDOW * WINDOW - WINDOW
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        asyncio.run(_fill(Path(folder) / "store.db", newest))
        command = [sys.executable, "-m", "local"]
        with subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **SETTINGS, "DATA": folder}, stdout=subprocess.DEVNULL
        ) as host:
            try:
                if hasattr(os, "sched_setaffinity"):
                    os.sched_setaffinity(host.pid, {0})
                asyncio.run(_measure(psutil.Process(host.pid), newest))
            finally:
                host.terminate()


async def _fill(path: Path, newest: int) -> None:
    """Store the day as ingest would, with marks. Every window has the values of the newest."""
    documents = SqliteDocuments(path, schema(30, 400))
    tables = Tables(documents)
    horizon = Horizon.at(newest + WINDOW, 30 * 86_400)
    for tenant in range(TENANTS):
        for vm in range(VMS):
            decoded = wire.decode(message(tenant, vm, newest))
            (window,) = collect(decoded.samples, horizon).windows
            shifted = (
                type(window)(window.tenant, window.vm, newest - back * WINDOW, window.dimensions, window.series)
                for back in range(WINDOWS)
            )
            await gather(tables.samples.write(each, None) for each in shifted)
        await gather(tables.marks.set(Mark(window.tenant, newest - back * WINDOW)) for back in range(WINDOWS))
    await documents.close()


async def _measure(host: psutil.Process, newest: int) -> None:
    start = time.perf_counter()
    peak = 0
    current = 0.0
    async with aiohttp.ClientSession(f"http://127.0.0.1:{PORT}") as session:
        while True:
            peak = max(peak, host.memory_info().rss)
            status = await _get(session, "/v1/status")
            if status.get("newestMinute") and not current:
                current = time.perf_counter() - start
            if status.get("dirtyMarks") == 0:
                break
            await asyncio.sleep(0.2)
        backlog = time.perf_counter() - start
        print(f"  backlog of a day: charts current after {current:.1f} s, all of it averaged after {backlog:.1f} s")
        start = time.perf_counter()
        begin = newest - (WINDOWS - 1) * WINDOW
        async with session.post(f"/v1/admin/rebuild?start={begin}&end={newest + WINDOW}") as answer:
            started = await answer.json()
        while (ended := await _get(session, started["statusUrl"]))["state"] == "running":
            peak = max(peak, host.memory_info().rss)
            await asyncio.sleep(0.2)
        rebuild = time.perf_counter() - start
    print(f"  rebuild of the day: {rebuild:.1f} s, {rebuild / backlog:.2f} of the backlog's; {ended['figures']}")
    print(f"  memory of the host at most {peak / 1e6:.0f} MB")


async def _get(session: aiohttp.ClientSession, path: str) -> dict[str, object]:
    while True:
        try:
            async with session.get(path) as answer:
                content: dict[str, object] = await answer.json()
                return content
        except aiohttp.ClientConnectionError:
            await asyncio.sleep(0.1)
