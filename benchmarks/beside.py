"""Compares this project with likely alternatives in one run, on the same message bytes.

Each contender runs in its own process on one core. It takes the messages of an hour (four windows) and then answers
queries. Its size on disk is measured when it can answer; this project's size includes its rollups and its report.
``BESIDE_VMS`` sets the fleet sizes. SQLite with one row per sample, the layout of the original system, takes minutes
for large fleets, so it runs only up to ``MOST_ROW_VMS``. VictoriaMetrics runs if Debian's package is installed.
"""

import asyncio
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import psutil

from benchmarks.fleet import (
    HORIZON,
    LAST_WINDOW,
    NOW,
    ONE_CORE,
    TIMES,
    VIEW,
    greatest_memory,
    in_a_process,
    keys,
    message,
    tenant_name,
    vm_name,
)
from domain.minutes import WINDOW, minutes_of
from pipeline.averaging import average
from pipeline.ingest import Message, ingest
from pipeline.queries import charts
from pipeline.queries.charts import Question
from storage.schema import schema
from storage.sqlite import SqliteDocuments
from storage.tables import Tables

SIZES = [int(size) for size in os.environ.get("BESIDE_VMS", "400,2000,10000").split(",")]
MOST_ROW_VMS = int(os.environ.get("MOST_ROW_VMS", "2000"))
VMS_A_TENANT = 100
HOUR, DAY = 4, 96
BATCH = 64
KEY = keys(1)[0]
OF_COUNTER = "FROM samples WHERE type = ? AND name = ? AND timestamp >= ?"
FLEET_SQL = f"SELECT timestamp, avg(value) {OF_COUNTER} GROUP BY timestamp"
VM_SQL = f"SELECT timestamp, value {OF_COUNTER} AND tenant = ? AND vm = ?"
NAMES = ("timestamp", "tenant", "vm", "type", "name", "value")
Row = tuple[int, str, str, str, str, float]


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
    peak_mb: float = 0


class Contender(ABC):
    """Takes messages and answers queries. ``pid`` is the measured process, if it is not this one."""

    pid: int | None = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    async def take(self, bodies: list[bytes]) -> None: ...

    async def settle(self) -> None:  # noqa: B027
        """Do what is needed before queries can be answered. It does not count as ingest."""

    @abstractmethod
    async def fleet(self, windows: int) -> int:
        """Average the counter per minute over the fleet. Return the number of minutes."""

    @abstractmethod
    async def vm(self, tenant: str, vm: str) -> int:
        """Read an hour of one VM's counter. Return the number of values."""

    async def close(self) -> None: ...  # noqa: B027

    def size(self) -> int:
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


class Ours(Contender):
    """This project on SQLite, through the pipeline's own calls. The VM's hour includes its tenant's and the fleet's."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.tables = Tables(SqliteDocuments(folder / "store.db", schema(30, 400), lambda: NOW))

    async def take(self, bodies: list[bytes]) -> None:
        await ingest(self.tables, [Message(body, "m", NOW) for body in bodies], HORIZON)

    async def settle(self) -> None:
        await average(self.tables, TIMES)

    async def fleet(self, windows: int) -> int:
        return len((await charts.get_data(self.tables, Question([KEY], minutes=windows * 15), VIEW)).data)

    async def vm(self, tenant: str, vm: str) -> int:
        return len((await charts.get_tenant_data(self.tables, Question([KEY], minutes=60), tenant, vm, VIEW)).data)

    async def close(self) -> None:
        await self.tables.documents.close()


def rows_of(bodies: list[bytes]) -> Iterator[Row]:
    for body in bodies:
        for sample in orjson.loads(body)["metrics"]:
            yield (
                sample["timestamp"],
                sample["MaskedTenantId"],
                sample["MaskedVMName"],
                sample["PerfType"],
                sample["PerfName"],
                sample["PerfValue"],
            )


class RowASample(Contender):
    """SQLite with one row per sample, as in the original system, with an index for the measured query."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.store = sqlite3.connect(folder / "rows.db", isolation_level=None)
        self.store.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "CREATE TABLE samples (timestamp INTEGER, tenant TEXT, vm TEXT, type TEXT, name TEXT, value REAL);"
            "CREATE INDEX by_key ON samples (type, name, timestamp);"
        )

    async def take(self, bodies: list[bytes]) -> None:
        self.store.execute("BEGIN")
        self.store.executemany("INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?)", rows_of(bodies))
        self.store.execute("COMMIT")

    async def fleet(self, windows: int) -> int:
        first = LAST_WINDOW - (windows - 1) * WINDOW
        asked = (*KEY.split("."), first)
        return len(self.store.execute(FLEET_SQL, asked).fetchall())

    async def vm(self, tenant: str, vm: str) -> int:
        asked = (*KEY.split("."), LAST_WINDOW - 3 * WINDOW, tenant, vm)
        return len(self.store.execute(VM_SQL, asked).fetchall())

    async def close(self) -> None:
        self.store.close()


class DuckDb(Contender):
    """DuckDB, filled in bulk from Arrow's columns (DuckDB's JSON reader and NumPy's arrays took twice as long)."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        import duckdb  # noqa: PLC0415

        self.store = duckdb.connect(str(folder / "duck.db"))
        self.store.execute("SET threads = 1")
        self.store.execute(
            "CREATE TABLE samples"
            " (timestamp BIGINT, tenant VARCHAR, vm VARCHAR, type VARCHAR, name VARCHAR, value DOUBLE)"
        )

    async def take(self, bodies: list[bytes]) -> None:
        import pyarrow as pa  # noqa: PLC0415

        columns = zip(NAMES, map(pa.array, zip(*rows_of(bodies), strict=True)), strict=True)
        self.store.register("arrived", pa.table(dict(columns)))
        self.store.execute("INSERT INTO samples SELECT * FROM arrived")
        self.store.unregister("arrived")

    async def settle(self) -> None:
        self.store.execute("CHECKPOINT")

    async def fleet(self, windows: int) -> int:
        first = LAST_WINDOW - (windows - 1) * WINDOW
        return len(self.store.execute(FLEET_SQL, [*KEY.split("."), first]).fetchall())

    async def vm(self, tenant: str, vm: str) -> int:
        asked = [*KEY.split("."), LAST_WINDOW - 3 * WINDOW, tenant, vm]
        return len(self.store.execute(VM_SQL, asked).fetchall())

    async def close(self) -> None:
        self.store.close()


class Victoria(Contender):
    """VictoriaMetrics, filled by its import of JSON lines, queried by PromQL. Its own process does most of the work."""

    PORT = 8429

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        command = [
            shutil.which("victoria-metrics") or "",
            f"-storageDataPath={folder}",
            f"-httpListenAddr=127.0.0.1:{self.PORT}",
            "-retentionPeriod=100y",
            "-search.latencyOffset=0s",
            "-search.disableCache",
        ]
        self.server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.server.pid
        end = time.monotonic() + 30
        while True:
            try:
                self._ask("/health")
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def _ask(self, path: str, body: bytes | None = None) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.PORT}{path}", body) as answer:
            content: bytes = answer.read()
            return content

    async def take(self, bodies: list[bytes]) -> None:
        series: dict[tuple[str, ...], tuple[list[float], list[int]]] = {}
        for timestamp, *who, value in rows_of(bodies):
            values, times = series.setdefault(tuple(who), ([], []))
            values.append(value)
            times.append(timestamp * 1000)
        lines = (
            orjson.dumps(
                {
                    "metric": {"__name__": f"{kind}_{name}", "tenant": tenant, "vm": vm},
                    "values": values,
                    "timestamps": times,
                }
            )
            for (tenant, vm, kind, name), (values, times) in series.items()
        )
        self._ask("/api/v1/import", b"\n".join(lines))

    async def settle(self) -> None:
        self._ask("/internal/force_flush")

    def _range(self, query: str, windows: int) -> list[Any]:
        asked = {
            "query": query,
            "start": minutes_of(LAST_WINDOW - (windows - 1) * WINDOW)[0],
            "end": minutes_of(LAST_WINDOW)[-1],
            "step": "60s",
            "nocache": "1",
        }
        answer = json.loads(self._ask(f"/api/v1/query_range?{urllib.parse.urlencode(asked)}"))
        return list(answer["data"]["result"][0]["values"]) if answer["data"]["result"] else []

    async def fleet(self, windows: int) -> int:
        return len(self._range(f"avg({KEY.replace('.', '_')})", windows))

    async def vm(self, tenant: str, vm: str) -> int:
        return len(self._range(f'{KEY.replace(".", "_")}{{tenant="{tenant}",vm="{vm}"}}', HOUR))

    async def close(self) -> None:
        self.server.terminate()
        self.server.wait()


CONTENDERS: dict[str, type[Contender]] = {
    "this project": Ours,
    "SQLite, a row a sample": RowASample,
    "DuckDB": DuckDb,
    "VictoriaMetrics": Victoria,
}


def bodies_of(vms: int, windows: int, counters: int) -> Iterator[bytes]:
    """Yield every VM's message of every window. All windows have the values of the newest."""
    for number in range(vms):
        newest = message(number // VMS_A_TENANT, number % VMS_A_TENANT, LAST_WINDOW, counters)
        for back in range(windows):
            body = newest
            for at in minutes_of(LAST_WINDOW):
                body = body.replace(b"%d" % at, b"%d" % (at - back * WINDOW)) if back else body
            yield body


async def median(work: Callable[[], Awaitable[int]], minutes: int, times: int = 15) -> float:
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        found = await work()
        spent.append(time.perf_counter() - start)
        assert found == minutes, (found, minutes)  # noqa: S101
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
        f"{'fleet 1 h':>11}{'VM 1 h':>9}{'fleet 24 h':>11}{'MB':>7}"
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
                f"{found['fleet_day'] * 1e3:>8.2f} ms{found['peak_mb']:>7.0f}",
                flush=True,
            )
    loads = statistics.median(found["loads"] for found in results)
    print(f"{'orjson.loads alone':24}{'':7}{loads:>12,.0f}")
    return {"orjson_loads": loads, "results": results}
