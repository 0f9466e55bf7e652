"""Side by side, in one run: this project and what people would pick instead, on the same message bytes.

Each contender runs in a process of its own, on one core: it takes the messages of an hour (four windows), then answers.
``BESIDE_VMS`` names fleet sizes. One row a sample in SQLite, the layout of the origin, takes minutes for large fleets:
it is only run up to ``MOST_ROW_VMS``. VictoriaMetrics runs where Debian's package is installed.
"""

import asyncio
import json
import multiprocessing
import os
import resource
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import psutil

from benchmarks.fleet import LAST_WINDOW, NOW, keys, message, tenant_name, vm_name
from domain.access import OPERATOR
from domain.minutes import WINDOW, minutes_of
from domain.samples import Horizon
from pipeline import queries
from pipeline.averaging import average
from pipeline.ingest import Message, ingest
from pipeline.queries import Question, View
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
Row = tuple[int, str, str, str, str, float]


@dataclass
class Measured:
    """What one contender did with one fleet. Times in seconds; a rate is samples a second."""

    contender: str
    vms: int
    samples: int = 0
    rate: float = 0
    cpu_rate: float = 0
    bytes_a_sample: float = 0
    fleet_hour: float = 0
    vm_hour: float = 0
    fleet_day: float = 0
    peak_mb: float = 0


class Contender(ABC):
    """Takes messages, and answers. ``pid`` is the process whose work counts, if it is not this one."""

    pid: int | None = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def take(self, bodies: list[bytes]) -> None: ...

    def settle(self) -> None:  # noqa: B027
        """What has to be done before questions can be answered. Not part of ingest."""

    @abstractmethod
    def fleet(self, windows: int) -> int:
        """Average the counter per minute over the fleet; return how many minutes there are."""

    @abstractmethod
    def vm(self, tenant: str, vm: str) -> int:
        """One VM's hour of the counter; return how many values there are."""

    def close(self) -> None: ...  # noqa: B027

    def size(self) -> int:
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


class Ours(Contender):
    """This project, on SQLite: the pipeline's own calls. The VM's hour comes beside its tenant and the fleet."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.runner = asyncio.Runner()
        self.tables = self.runner.run(self._open())
        self.horizon = Horizon.at(NOW, 30 * 86_400)
        self.view = View(OPERATOR, NOW, 1200, 5)

    async def _open(self) -> Tables:
        return Tables(SqliteDocuments(self.folder / "store.db", schema(30, 400), lambda: NOW))

    def take(self, bodies: list[bytes]) -> None:
        batch = [Message(body, "m", NOW) for body in bodies]
        self.runner.run(ingest(self.tables, batch, self.horizon))

    def settle(self) -> None:
        self.runner.run(average(self.tables))

    def fleet(self, windows: int) -> int:
        question = Question([KEY], minutes=windows * 15)
        return len(self.runner.run(queries.get_data(self.tables, question, self.view)).data)

    def vm(self, tenant: str, vm: str) -> int:
        question = Question([KEY], minutes=60)
        return len(self.runner.run(queries.get_tenant_data(self.tables, question, tenant, vm, self.view)).data)

    def close(self) -> None:
        self.runner.run(self.tables.documents.close())
        self.runner.close()


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
    """SQLite with one row a sample, as the origin stores it, indexed for the question that is asked."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.store = sqlite3.connect(folder / "rows.db", isolation_level=None)
        self.store.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "CREATE TABLE samples (timestamp INTEGER, tenant TEXT, vm TEXT, type TEXT, name TEXT, value REAL);"
            "CREATE INDEX by_key ON samples (type, name, timestamp);"
        )

    def take(self, bodies: list[bytes]) -> None:
        self.store.execute("BEGIN")
        self.store.executemany("INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?)", rows_of(bodies))
        self.store.execute("COMMIT")

    def fleet(self, windows: int) -> int:
        first = LAST_WINDOW - (windows - 1) * WINDOW
        asked = (*KEY.split("."), first)
        return len(self.store.execute(FLEET_SQL, asked).fetchall())

    def vm(self, tenant: str, vm: str) -> int:
        asked = (*KEY.split("."), LAST_WINDOW - 3 * WINDOW, tenant, vm)
        return len(self.store.execute(VM_SQL, asked).fetchall())

    def close(self) -> None:
        self.store.close()


class DuckDb(Contender):
    """DuckDB, appended in bulk from columns."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        import duckdb  # noqa: PLC0415

        self.store = duckdb.connect(str(folder / "duck.db"))
        self.store.execute("SET threads = 1")
        self.store.execute(
            "CREATE TABLE samples"
            " (timestamp BIGINT, tenant VARCHAR, vm VARCHAR, type VARCHAR, name VARCHAR, value DOUBLE)"
        )

    def take(self, bodies: list[bytes]) -> None:
        import numpy as np  # noqa: PLC0415

        names = ("timestamp", "tenant", "vm", "type", "name", "value")
        columns = {
            name: np.array(column) for name, column in zip(names, zip(*rows_of(bodies), strict=True), strict=True)
        }
        self.store.register("arrived", columns)
        self.store.execute("INSERT INTO samples SELECT * FROM arrived")
        self.store.unregister("arrived")

    def settle(self) -> None:
        self.store.execute("CHECKPOINT")

    def fleet(self, windows: int) -> int:
        first = LAST_WINDOW - (windows - 1) * WINDOW
        return len(self.store.execute(FLEET_SQL, [*KEY.split("."), first]).fetchall())

    def vm(self, tenant: str, vm: str) -> int:
        asked = [*KEY.split("."), LAST_WINDOW - 3 * WINDOW, tenant, vm]
        return len(self.store.execute(VM_SQL, asked).fetchall())

    def close(self) -> None:
        self.store.close()


class Victoria(Contender):
    """VictoriaMetrics, by its JSON lines import; asked by PromQL. Its own process does most of the work."""

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

    def take(self, bodies: list[bytes]) -> None:
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

    def settle(self) -> None:
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

    def fleet(self, windows: int) -> int:
        return len(self._range(f"avg({KEY.replace('.', '_')})", windows))

    def vm(self, tenant: str, vm: str) -> int:
        return len(self._range(f'{KEY.replace(".", "_")}{{tenant="{tenant}",vm="{vm}"}}', HOUR))

    def close(self) -> None:
        self.server.terminate()
        self.server.wait()


CONTENDERS: dict[str, type[Contender]] = {
    "this project": Ours,
    "SQLite, a row a sample": RowASample,
    "DuckDB": DuckDb,
    "VictoriaMetrics": Victoria,
}


def bodies_of(vms: int, windows: int, counters: int) -> Iterator[bytes]:
    """Every VM's message of every window; the older windows say the same as the newest."""
    for number in range(vms):
        newest = message(number // VMS_A_TENANT, number % VMS_A_TENANT, LAST_WINDOW, counters)
        for back in range(windows):
            body = newest
            for at in minutes_of(LAST_WINDOW):
                body = body.replace(b"%d" % at, b"%d" % (at - back * WINDOW)) if back else body
            yield body


def median(work: Callable[[], int], minutes: int, times: int = 15) -> float:
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        found = work()
        spent.append(time.perf_counter() - start)
        assert found == minutes, (found, minutes)  # noqa: S101
    return statistics.median(spent)


def run(name: str, vms: int, core: int) -> dict[str, Any]:
    """Measure one contender with one fleet; runs in a process of its own."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    measured = Measured(name, vms)
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        contender = CONTENDERS[name](Path(folder))
        seen = psutil.Process(contender.pid or os.getpid())
        wall = cpu = 0.0
        waiting = bodies_of(vms, HOUR, 40)
        while part := list(islice(waiting, BATCH)):
            before, start = sum(seen.cpu_times()[:2]), time.perf_counter()
            contender.take(part)
            wall += time.perf_counter() - start
            cpu += sum(seen.cpu_times()[:2]) - before
            measured.samples += len(part) * 600
        contender.settle()
        measured.rate, measured.cpu_rate = measured.samples / wall, measured.samples / max(cpu, 1e-9)
        measured.fleet_hour = median(lambda: contender.fleet(HOUR), HOUR * 15)
        measured.vm_hour = median(lambda: contender.vm(tenant_name(1), vm_name(1, 7)), HOUR * 15)
        measured.peak_mb = (
            seen.memory_info().rss / 1e6 if contender.pid else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        )
        contender.close()
        measured.bytes_a_sample = contender.size() / measured.samples
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        contender = CONTENDERS[name](Path(folder))
        waiting = bodies_of(min(vms, 400), DAY, 4)  # of a few VMs and counters: the question is about one
        while part := list(islice(waiting, BATCH)):
            contender.take(part)
        contender.settle()
        measured.fleet_day = median(lambda: contender.fleet(DAY), DAY * 15)
        contender.close()
    return asdict(measured)


def limit() -> float:
    """Samples a second of ``orjson.loads`` alone."""
    bodies = list(islice(bodies_of(200, 1, 40), 200))
    start = time.perf_counter()
    for body in bodies:
        orjson.loads(body)
    return len(bodies) * 600 / (time.perf_counter() - start)


def bench_beside() -> None:
    """Print one table, and write it as JSON."""
    loads = statistics.median(limit() for _ in range(5))
    results: list[dict[str, Any]] = []
    print(
        f"{'':24}{'VMs':>7}{'samples/s':>12}{'by CPU':>12}{'of loads':>9}{'B/sample':>9}"
        f"{'fleet 1 h':>11}{'VM 1 h':>9}{'fleet 24 h':>11}{'MB':>7}"
    )
    context = multiprocessing.get_context("spawn")
    core = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    for vms in SIZES:
        for name in CONTENDERS:
            if name == "VictoriaMetrics" and not shutil.which("victoria-metrics"):
                continue
            if name == "SQLite, a row a sample" and vms > MOST_ROW_VMS:
                continue
            with context.Pool(1) as pool:
                found = pool.apply(run, (name, vms, core))
            results.append(found)
            print(
                f"{name:24}{vms:>7,}{found['rate']:>12,.0f}{found['cpu_rate']:>12,.0f}{found['rate'] / loads:>9.2f}"
                f"{found['bytes_a_sample']:>9.1f}{found['fleet_hour'] * 1e3:>8.2f} ms{found['vm_hour'] * 1e3:>6.2f} ms"
                f"{found['fleet_day'] * 1e3:>8.2f} ms{found['peak_mb']:>7.0f}",
                flush=True,
            )
    print(f"{'orjson.loads alone':24}{'':7}{loads:>12,.0f}")
    out = Path(os.environ.get("BENCH_OUT", ".local/bench"))
    out.mkdir(parents=True, exist_ok=True)
    (out / "beside.json").write_text(json.dumps({"orjson_loads": loads, "results": results}, indent=1))
    print(f"as JSON: {out / 'beside.json'}")
