"""Measures the local host under load: answers per second, latency and memory, while it ingests and averages.

If there are two cores, the host has one and the client the other. At the same time VMs push as often as 2,000 would,
and their windows are averaged each second. The results decide how many requests an instance in Azure gets at a time
(docs/azure.md). They include neither Azure's own host nor Cosmos DB.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from itertools import chain, count
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.fleet import greatest_memory, keys, message, tenant_name, vm_name
from blueprints.http.charts import MOST_ROWS
from domain.minutes import WINDOW

ROOT = Path(__file__).parent.parent
PORT = 7198
KEY = keys(1)[0]
DAY = f"/v1/get-data?key={KEY}&minutes=1440"
HOUR = f"/v1/get-data?key={KEY}&minutes=60"
MINUTES = 1440
COUNTERS = MOST_ROWS // MINUTES
LARGEST = {"key": keys(COUNTERS), "minutes": MINUTES, "tenant": tenant_name(0), "vm": vm_name(0, 0)}
"""The query with the largest allowed answer: the most minutes and counters of a VM, its tenant and the fleet."""

TENANTS, VMS = 20, 100
PUSHES_A_SECOND = 3
"""Messages per second, each with one VM's window. 2,000 VMs push about two per second."""

SECONDS = 10
CLIENTS = 4
AT_ONCE = (1, 4, 8, 16, 32, 64)


def bench_serving() -> None:
    """Fill a day of a small fleet, then measure queries."""
    cores = range(os.cpu_count() or 1) if hasattr(os, "sched_setaffinity") else range(1)
    window = int(time.time()) // WINDOW * WINDOW - WINDOW
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        queue = Path(folder) / "queue"
        queue.mkdir()
        for back in range(97):
            (queue / f"w{back}").write_bytes(message(0, 0, window - back * WINDOW, counters=COUNTERS))
        settings = {"DATA": folder, "FLEET": "0", "PORT": str(PORT), "AVERAGING_SCHEDULE": "* * * * * *"}
        command = [sys.executable, "-m", "local"]
        with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings}, stdout=subprocess.DEVNULL) as host:
            try:
                if len(cores) > 1:
                    os.sched_setaffinity(host.pid, {cores[0]})
                    os.sched_setaffinity(0, {cores[1]})
                asyncio.run(_ask(queue, window, host.pid))
            finally:
                host.terminate()
                if len(cores) > 1:
                    os.sched_setaffinity(0, {cores[0]})


async def _ask(queue: Path, window: int, host: int) -> None:
    connector = aiohttp.TCPConnector(limit=0)  # without this the client would limit its own requests
    async with aiohttp.ClientSession(f"http://127.0.0.1:{PORT}", connector=connector) as session:

        async def seconds(path: str, parameters: Mapping[str, Any] | None = None) -> float:
            start = time.perf_counter()
            async with session.get(path, params=parameters) as response:
                response.raise_for_status()
                await response.read()
            return time.perf_counter() - start

        async def of_so_many(clients: int) -> list[float]:
            """Let so many clients query an hour, one request after the other. Return the sorted times."""
            end = time.perf_counter() + SECONDS

            async def client() -> list[float]:
                spent = []
                while time.perf_counter() < end:
                    spent.append(await seconds(HOUR))
                return spent

            return sorted(chain.from_iterable(await asyncio.gather(*(client() for _ in range(clients)))))

        while not await _settled(session, queue):  # noqa: ASYNC110  (another process settles)
            await asyncio.sleep(0.2)
        day = sorted([await seconds(DAY) for _ in range(60)])
        print(f"serving 24 hours    {day[30] * 1e3:>12.1f} ms (under 15), compressed; p90 {day[54] * 1e3:.1f} ms")
        async with _pushing(queue, window):
            hours = {clients: await of_so_many(clients) for clients in sorted({CLIENTS, *AT_ONCE})}
        hour = hours[CLIENTS]
        print(
            f"serving 60 minutes  {len(hour) / SECONDS:>12.0f} requests/s while it ingests and averages (at least 500)"
        )
        half, late = hour[len(hour) // 2] * 1e3, hour[len(hour) * 99 // 100] * 1e3
        print(f"  p50 and p99       {half:>6.1f}{late:>6.1f} ms (p99 under 20), {CLIENTS} at a time")
        print(f"  at once: requests/s and p99 of 60 minutes; so many answers of {MOST_ROWS:,} minutes: seconds, memory")
        for clients in AT_ONCE:
            hour = hours[clients]
            # Reset the peak memory, so that it is that of the following requests.
            Path(f"/proc/{host}/clear_refs").write_text("5")  # noqa: ASYNC240
            largest = await asyncio.gather(*(seconds("/v1/get-tenant-data", LARGEST) for _ in range(clients)))
            print(
                f"    {clients:>3}{len(hour) / SECONDS:>10.0f}{hour[len(hour) * 99 // 100] * 1e3:>8.1f} ms"
                f"{max(largest):>12.1f} s{greatest_memory(host):>8.0f} MB"
            )


async def _settled(session: aiohttp.ClientSession, queue: Path) -> bool:
    if any(each.is_file() for each in queue.iterdir()):  # noqa: ASYNC240
        return False
    with contextlib.suppress(aiohttp.ClientConnectionError):
        async with session.get("/v1/status") as response:
            status = await response.json()
            return bool(status["newestMinute"]) and status["dirtyMarks"] == 0
    return False


@contextlib.asynccontextmanager
async def _pushing(queue: Path, window: int) -> AsyncIterator[None]:
    """Push VMs' windows one after the other while the block runs."""

    async def push() -> None:
        for number in count():
            body = message(number % TENANTS, number // TENANTS % VMS, window)
            path = queue / f"p{number}.tmp"
            path.write_bytes(body)
            path.replace(path.with_suffix(""))
            await asyncio.sleep(1 / PUSHES_A_SECOND)

    task = asyncio.create_task(push())
    try:
        yield
    finally:
        task.cancel()
