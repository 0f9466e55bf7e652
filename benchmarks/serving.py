"""The local host under load: how many answers a second, and how late, while it ingests and averages.

The host has one core and the client another, where there are two. Meanwhile VMs push, as often as 2,000 of them would,
and what they push is averaged each second.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from itertools import chain, count
from pathlib import Path

import aiohttp

from benchmarks.fleet import keys, message
from domain.minutes import WINDOW

ROOT = Path(__file__).parent.parent
PORT = 7198
KEY = keys(1)[0]
DAY = f"/v1/get-data?key={KEY}&minutes=1440"
HOUR = f"/v1/get-data?key={KEY}&minutes=60"
TENANTS, VMS = 20, 100
PUSHES_A_SECOND = 3
"""Messages of one VM's window: 2,000 VMs push some two a second."""

SECONDS = 10
CLIENTS = 4


def bench_serving() -> None:
    """Fill a day of a small fleet, then ask."""
    cores = range(os.cpu_count() or 1) if hasattr(os, "sched_setaffinity") else range(1)
    window = int(time.time()) // WINDOW * WINDOW - WINDOW
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        queue = Path(folder) / "queue"
        queue.mkdir()
        for back in range(97):
            (queue / f"w{back}").write_bytes(message(0, 0, window - back * WINDOW))
        settings = {"DATA": folder, "FLEET": "0", "PORT": str(PORT), "AVERAGING_SCHEDULE": "* * * * * *"}
        command = [sys.executable, "-m", "local"]
        with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings}, stdout=subprocess.DEVNULL) as host:
            try:
                if len(cores) > 1:
                    os.sched_setaffinity(host.pid, {cores[0]})
                    os.sched_setaffinity(0, {cores[1]})
                asyncio.run(_ask(queue, window))
            finally:
                host.terminate()
                if len(cores) > 1:
                    os.sched_setaffinity(0, {cores[0]})


async def _ask(queue: Path, window: int) -> None:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{PORT}") as session:

        async def seconds(path: str) -> float:
            start = time.perf_counter()
            async with session.get(path) as response:
                response.raise_for_status()
                await response.read()
            return time.perf_counter() - start

        while not await _settled(session, queue):  # noqa: ASYNC110  (it is another process that settles)
            await asyncio.sleep(0.2)
        day = sorted([await seconds(DAY) for _ in range(60)])
        print(f"serving 24 hours    {day[30] * 1e3:>12.1f} ms (under 15), compressed; p90 {day[54] * 1e3:.1f} ms")
        async with _pushing(queue, window):
            end = time.perf_counter() + SECONDS

            async def client() -> list[float]:
                spent = []
                while time.perf_counter() < end:
                    spent.append(await seconds(HOUR))
                return spent

            hour = sorted(chain.from_iterable(await asyncio.gather(*(client() for _ in range(CLIENTS)))))
    print(f"serving 60 minutes  {len(hour) / SECONDS:>12.0f} requests/s while it ingests and averages (at least 500)")
    half, late = hour[len(hour) // 2] * 1e3, hour[len(hour) * 99 // 100] * 1e3
    print(f"  p50 and p99       {half:>6.1f}{late:>6.1f} ms (p99 under 20), {CLIENTS} at a time")


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
    """Push VMs' windows, one after the other."""

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
