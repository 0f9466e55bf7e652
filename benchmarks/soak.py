"""``make soak`` (``MINUTES=30``): runs the local host under a fleet of 1,000 VMs at 15 times real speed.

Every minute each VM pushes a window of 15 minutes, tenant after tenant, packed as the tenants' collectors (SPOCs) do.
At the same time clients query charts. A report shows memory, open files, the time until pushed data are in an average
(lag) and the time of answers. The soak fails if one of these grows, if an answer is wrong, or if a sample is missing at
the end.
"""

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import psutil

from benchmarks.fleet import keys, message, tenant_name, vm_name
from domain import wire
from domain.minutes import MINUTES_PER_WINDOW, WINDOW, iso, minutes_of
from domain.packing import pack
from edge.destinations import HEADER_ROOM, STANDARD_LIMIT

ROOT = Path(__file__).parent.parent
OUT = Path(os.environ.get("BENCH_OUT", ".local/bench"))
PORT = 7195
TENANTS, VMS, COUNTERS = 20, 50, 40
REAL_SECONDS = 60
"""The seconds in which a window is pushed, for 15 times real speed."""

HISTORY = 5
"""The number of windows stored before the start, so that charts have a full hour from the beginning."""

CLIENTS = 2
PAUSE = 0.02
"""The seconds between a client's queries."""

WARM = 0.2
"""The share of the time that is not judged, while caches fill."""

PATIENCE = 120.0
PARTS = 120
"""The number of time intervals in the report's charts."""

MOST_MINUTES = 24 * 60
OK, NOT_FOUND = 200, 404


@dataclass(frozen=True, slots=True)
class Series:
    """A measurement over time. Its value may grow to at most ``times`` the first value plus ``more``."""

    title: str
    unit: str
    times: float
    more: float
    points: list[tuple[float, float]] = field(default_factory=list)

    def add(self, at: float, value: float) -> None:
        """Add a value, measured at so many seconds after the start."""
        self.points.append((at, value))

    def thirds(self, seconds: float) -> tuple[float, float]:
        """Return the medians of the first and last third of the judged time."""
        begin = seconds * WARM
        third = (seconds - begin) / 3
        early = [value for at, value in self.points if begin <= at < begin + third]
        late = [value for at, value in self.points if at >= seconds - third]
        return statistics.median(early), statistics.median(late)

    @property
    def name(self) -> str:
        """The title and the unit."""
        return f"{self.title}, {self.unit}" if self.unit else self.title

    def verdict(self, seconds: float) -> str:
        """Return a sentence with the values at the beginning and at the end."""
        early, late = self.thirds(seconds)
        return f"{self.name}: {early:.1f} in the first third, {late:.1f} in the last"

    def problem(self, seconds: float) -> str | None:
        """Return a sentence about its growth, or None if it stayed flat."""
        early, late = self.thirds(seconds)
        if late <= early * self.times + self.more:
            return None
        return f"{self.name}: it grew from {early:.1f} to {late:.1f}"


@dataclass(frozen=True, slots=True)
class Measured:
    """All measurements."""

    memory: Series = field(default_factory=lambda: Series("memory", "MB", 1.15, 12))
    files: Series = field(default_factory=lambda: Series("open files", "", 1, 4))
    waiting: Series = field(default_factory=lambda: Series("messages that wait", "", 1.5, 5))
    lag: Series = field(default_factory=lambda: Series("lag", "s", 1.5, 1))
    answers: Series = field(default_factory=lambda: Series("answers", "ms", 1.5, 5))

    def all(self) -> Sequence[Series]:
        """Return all series."""
        return (self.memory, self.files, self.waiting, self.lag, self.answers)


class Soak:
    """One run. ``problems`` holds what went wrong so far."""

    def __init__(self, folder: Path, minutes: float) -> None:
        self.folder = folder
        self.seconds = minutes * REAL_SECONDS
        self.windows = max(1, round(minutes))
        self.first = int(time.time()) // WINDOW * WINDOW - self.windows * WINDOW
        self.measured = Measured()
        self.problems: list[str] = []
        self.pushed = 0
        self.asked = 0
        self.began = 0.0

    @property
    def now(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.began

    def push(self, tenant: int, window: int) -> None:
        """Put a tenant's window into the queue, packed into messages like a SPOC's."""
        batches = (wire.decode(message(tenant, vm, window, COUNTERS)).samples for vm in range(VMS))
        for packed in pack(batches, STANDARD_LIMIT - HEADER_ROOM):
            self.pushed += 1
            path = self.folder / f"{self.pushed}.tmp"
            path.write_bytes(packed.body)
            path.replace(self.folder / "queue" / str(self.pushed))

    async def run(self, host: psutil.Process) -> None:
        """Run for the given time, then check that no sample is missing."""
        async with aiohttp.ClientSession(f"http://127.0.0.1:{PORT}") as session:
            await self._settled(session)
            self.began = time.perf_counter()
            clients = [self._look(session) for _ in range(CLIENTS)]
            await asyncio.gather(self._push_all(session), self._watch(session, host), *clients)
            await self._settled(session)
            await self._nothing_missing(session)

    async def _push_all(self, session: aiohttp.ClientSession) -> None:
        probes = []
        for number in range(self.windows * TENANTS):
            window, tenant = self.first + number // TENANTS * WINDOW, number % TENANTS
            await asyncio.sleep(max(0.0, number * REAL_SECONDS / TENANTS - self.now))
            await asyncio.to_thread(self.push, tenant, window)
            probes.append(asyncio.create_task(self._lag(session, tenant, window)))
        await asyncio.gather(*probes)

    async def _lag(self, session: aiohttp.ClientSession, tenant: int, window: int) -> None:
        """Wait until the tenant's average includes the pushed data, and record the lag."""
        pushed, last = self.now, minutes_of(window)[-1]
        asked = {"key": keys(1)[0], "tenant": tenant_name(tenant), "vm": vm_name(tenant, 0), "start": last, "end": last}
        while self.now < pushed + PATIENCE:
            answer = await self._get(session, f"/v1/get-tenant-data?{urlencode(asked)}")
            if answer and answer["data"] and answer["data"][0]["tenantCount"] == VMS:
                self.measured.lag.add(pushed, self.now - pushed)
                return
            await asyncio.sleep(0.1)
        self.problems.append(
            f"tenant {tenant}'s window {iso(window)} was in no average {PATIENCE:.0f} s after the push"
        )

    async def _look(self, session: aiohttp.ClientSession) -> None:
        key, tenant = keys(COUNTERS)[7], tenant_name(3)
        names = urlencode({"key": key, "tenant": tenant, "vm": vm_name(3, 1)})
        paths = (
            f"/v1/get-data?key={key}&minutes=60",
            f"/v1/get-tenant-data?{names}&minutes=60",
            f"/v1/get-data?key={key}&minutes=60&aggregationInterval=15&aggregationBy=max",
            f"/v1/vms?{urlencode({'tenant': tenant})}",
            "/v1/counters",
        )
        for path in cycle(paths):
            if self.now > self.seconds:
                return
            start = self.now
            if await self._get(session, path) is None:
                self.problems.append(f"{path} was not found")
            self.measured.answers.add(start, (self.now - start) * 1e3)
            self.asked += 1
            await asyncio.sleep(PAUSE)

    async def _watch(self, session: aiohttp.ClientSession, host: psutil.Process) -> None:
        told = 0.0
        while self.now < self.seconds:
            at = self.now
            self.measured.memory.add(at, host.memory_info().rss / 1e6)
            self.measured.files.add(at, host.num_fds())
            self.measured.waiting.add(at, len(_waiting(self.folder)))
            if at >= told:
                told += REAL_SECONDS
                self._tell(await self._get(session, "/v1/status"))
            await asyncio.sleep(1)

    def _tell(self, status: Any) -> None:
        newest = [f"{series.name} {series.points[-1][1]:.1f}" for series in self.measured.all() if series.points]
        told = f"{self.now / 60:5.1f} of {self.seconds / 60:.0f} minutes"
        print(f"{told}: {'; '.join(newest)}; marks {status['dirtyMarks']}", flush=True)

    async def _get(self, session: aiohttp.ClientSession, path: str) -> Any:
        """Return an answer; None: not found (yet)."""
        async with session.get(path) as response:
            if response.status not in (OK, NOT_FOUND):
                self.problems.append(f"{path} answered {response.status}: {(await response.text())[:200]}")
            return await response.json() if response.status == 200 else None

    async def _settled(self, session: aiohttp.ClientSession) -> None:
        end = time.perf_counter() + PATIENCE
        while time.perf_counter() < end:
            with contextlib.suppress(aiohttp.ClientConnectionError):
                status = await self._get(session, "/v1/status")
                if status and not _waiting(self.folder) and status["newestMinute"] and not status["dirtyMarks"]:
                    return
            await asyncio.sleep(0.2)
        raise TimeoutError(f"the host has not processed all waiting messages and marks within {PATIENCE:.0f} s")

    async def _nothing_missing(self, session: aiohttp.ClientSession) -> None:
        """Check that every pushed minute of every counter has every VM of every tenant."""
        first, last = minutes_of(self.first)[0], minutes_of(self.first + (self.windows - 1) * WINDOW)[-1]
        for key in keys(COUNTERS):
            answer = await self._get(session, f"/v1/get-data?key={key}&start={first}&end={last}")
            counts = [(item["count"], item["tenants"]) for item in answer["data"]]
            if counts != [(TENANTS * VMS, TENANTS)] * (self.windows * MINUTES_PER_WINDOW):
                self.problems.append(f"{key}: samples are missing, or counted twice")


def _waiting(folder: Path) -> list[Path]:
    return [path for path in (folder / "queue").iterdir() if path.is_file()]


@contextlib.contextmanager
def a_host(folder: Path) -> Iterator[psutil.Process]:
    """Run the local host. If there are two cores, it gets one and this process the other."""
    settings = {"DATA": str(folder), "FLEET": "0", "PORT": str(PORT), "AVERAGING_SCHEDULE": "* * * * * *"}
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-m", "local"], cwd=ROOT, env={**os.environ, **settings}, stdout=log, stderr=log
        ) as host,
    ):
        try:
            if len(cores) > 1:
                os.sched_setaffinity(host.pid, {cores[0]})
                os.sched_setaffinity(0, {cores[1]})
            yield psutil.Process(host.pid)
        finally:
            host.terminate()


def over_time(points: Iterable[tuple[float, float]], seconds: float, share: float) -> list[float | None]:
    """Return a quantile (``share``) of the values in each interval. None means that the interval has no value."""
    parts: list[list[float]] = [[] for _ in range(PARTS)]
    for at, value in points:
        parts[min(PARTS - 1, int(at / seconds * PARTS))].append(value)
    return [sorted(values)[int(share * (len(values) - 1))] if values else None for values in parts]


def report(soak: Soak, verdict: Sequence[str]) -> str:
    """Return a self-contained HTML page with a chart of each series."""
    minutes = [round(soak.seconds / 60 * (part + 0.5) / PARTS, 3) for part in range(PARTS)]
    content = {
        "title": f"Soak: {soak.seconds / 60:g} minutes of {TENANTS * VMS:,} VMs at 15 times real speed",
        "verdict": verdict,
        "problems": soak.problems,
        "charts": [
            {
                "title": series.name,
                "data": [minutes, *(over_time(series.points, soak.seconds, share) for share in (0.5, 0.99))],
            }
            for series in soak.measured.all()
        ],
    }
    page = Path(__file__).with_suffix(".html").read_text()
    for name in ("uPlot.min.css", "uPlot.iife.min.js"):
        page = page.replace(f"/*{name}*/", (ROOT / "web" / "vendor" / "uplot-1.6.32" / name).read_text())
    return page.replace("/*report*/", json.dumps(content).replace("</", "<\\/"))


def run(minutes: float) -> Soak:
    """Run a host for so many minutes, and judge the measurements."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        soak = Soak(Path(folder), minutes)
        (soak.folder / "queue").mkdir()
        for back in range(HISTORY):
            for tenant in range(TENANTS):
                soak.push(tenant, soak.first - (back + 1) * WINDOW)
        with a_host(soak.folder) as host:
            try:
                asyncio.run(soak.run(host))
            except (aiohttp.ClientError, TimeoutError) as error:
                log = (soak.folder / "log").read_text()
                raise SystemExit(f"FAILED: the host: {error!r}; the end of its log:\n{log[-2000:]}") from error
        log = (soak.folder / "log").read_text()
    if "Traceback" in log:
        soak.problems.append(f"the host's log holds a traceback: …{log[log.index('Traceback') :][:1000]}")
    soak.problems += filter(None, (series.problem(soak.seconds) for series in soak.measured.all()))
    return soak


def main() -> None:
    """Run the soak, print the results, and write the report. Fail if anything went wrong."""
    asked = os.environ.get("MINUTES") or "30"
    if not asked.isdecimal() or not 1 <= int(asked) <= MOST_MINUTES:
        sys.exit(f"MINUTES={asked} is not a whole number from 1 to {MOST_MINUTES}")
    print(f"soak: {TENANTS * VMS:,} VMs at 15 times real speed, {asked} minutes; first {HISTORY} windows of history")
    soak = run(int(asked))
    samples = soak.windows * TENANTS * VMS * COUNTERS * MINUTES_PER_WINDOW
    verdict = [
        f"{samples:,} samples in {soak.pushed:,} messages, {soak.asked:,} questions",
        *(series.verdict(soak.seconds) for series in soak.measured.all()),
    ]
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / "soak.html"
    path.write_text(report(soak, verdict))
    print(*verdict, f"report: {path}", sep="\n")
    if soak.problems:
        sys.exit("FAILED:\n" + "\n".join(dict.fromkeys(soak.problems)))
    print("flat, and nothing is missing")


if __name__ == "__main__":
    main()
