"""``python -m benchmarks`` (``make bench``): measures ingest, queries, averaging, memory and more, with their targets.

Everything is pinned to one core, so wall times are those of one core. Arguments name the benchmarks to run.
"""

import asyncio
import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from benchmarks.beside import bench_beside
from benchmarks.edge import bench_edge
from benchmarks.fleet import (
    HORIZON,
    LAST_WINDOW,
    NOW,
    ONE_CORE,
    TIMES,
    VIEW,
    greatest_memory,
    keys,
    message,
    messages,
    tenant_name,
    vm_name,
)
from benchmarks.forecasts import bench_forecasts
from benchmarks.normal import bench_normal
from benchmarks.operations import bench_operations
from benchmarks.page import bench_page
from benchmarks.populations import bench_populations
from benchmarks.scaling import bench_averaging
from benchmarks.serving import bench_serving
from benchmarks.volumes import measure as volumes_of
from domain import wire
from domain.minutes import WINDOW
from domain.packing import pack
from edge.destinations import HEADER_ROOM, STANDARD_LIMIT
from pipeline.averaging import average
from pipeline.ingest import Message, ingest
from pipeline.queries import charts
from pipeline.queries.charts import Question
from storage.schema import schema
from storage.sqlite import SqliteDocuments
from storage.tables import Tables
from tests.peers import INSTALLED, NODE, a_broker

BATCH = 64
"""The value of maxMessageBatchSize in host.json."""

ROOT = Path(__file__).parent.parent
OUT = Path(os.environ.get("BENCH_OUT", ".local/bench"))
STANDARD = frozenset(sys.stdlib_module_names)


@contextlib.asynccontextmanager
async def a_store() -> AsyncIterator[tuple[Tables, Path]]:
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        path = Path(folder) / "store.db"
        documents = SqliteDocuments(path, schema(30, 400), lambda: NOW)
        yield Tables(documents), path
        await documents.close()


def batches(bodies: Iterable[bytes]) -> Iterator[list[Message]]:
    waiting = iter(bodies)
    while part := list(islice(waiting, BATCH)):
        yield [Message(body, "m", NOW) for body in part]


async def fill(tables: Tables, bodies: Iterable[bytes]) -> None:
    for batch in batches(bodies):
        await ingest(tables, batch, HORIZON)


async def measure(work: Callable[[], Awaitable[object]], times: int) -> float:
    """Return the median seconds of a call."""
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        await work()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent)


async def bench_ingest() -> None:
    """Print medians of several rounds, each with an empty store, since the machine's speed varies."""
    bodies = list(messages(10, 100))
    samples = len(bodies) * 600
    loading, ingesting, size = [], [], 0
    for _ in range(5):
        async with a_store() as (tables, path):
            start = time.perf_counter()
            for body in bodies:
                orjson.loads(body)
            loading.append(samples / (time.perf_counter() - start))
            start = time.perf_counter()
            await fill(tables, bodies)
            ingesting.append(samples / (time.perf_counter() - start))
            await tables.documents.close()
            size = path.stat().st_size
    rate, loads = statistics.median(ingesting), statistics.median(loading)
    print(f"ingest              {rate:>12,.0f} samples/s into durable SQLite (at least 1,000,000)")
    print(f"  best of 5 rounds  {max(ingesting):>12,.0f}")
    print(f"  orjson.loads alone{loads:>12,.0f} samples/s; ingest is {rate / loads:.2f} of it (at least 0.40)")
    print(f"  on disk           {size / samples:>12.1f} bytes a sample (at most 9)")


async def bench_queries() -> None:
    key = keys(1)[0]
    medians = {}
    for vms in (400, 10_000):
        async with a_store() as (tables, _):
            for window in range(4):
                await fill(tables, messages(20, vms // 20, LAST_WINDOW - window * WINDOW, counters=4))
            await average(tables, TIMES)
            fleet = Question([key], minutes=60)

            async def get_data(tables: Tables = tables, fleet: Question = fleet) -> None:
                answer = await charts.get_data(tables, fleet, VIEW)
                assert len(answer.data) == 60  # noqa: S101

            async def get_tenant_data(tables: Tables = tables, fleet: Question = fleet) -> None:
                names = tenant_name(3), vm_name(3, 7)
                answer = await charts.get_tenant_data(tables, fleet, *names, VIEW)
                assert answer.data[0].PerfValue is not None  # noqa: S101

            medians[vms] = (await measure(get_data, 200), await measure(get_tenant_data, 100))
            print(f"get-data 60 min     {medians[vms][0] * 1e3:>12.2f} ms with {vms:,} VMs (under 0.5)")
            print(f"  get-tenant-data   {medians[vms][1] * 1e3:>12.2f} ms (under 1)")
    print(f"  10,000 VMs / 400  {medians[10_000][0] / medians[400][0]:>12.2f} times")


def bench_memory() -> None:
    """Measure the local host's peak memory while it ingests 1,000 waiting messages."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        data = Path(folder)
        queue = data / "queue"
        queue.mkdir()
        window = int(time.time()) // WINDOW * WINDOW - WINDOW
        for number in range(1000):
            (queue / f"m{number}").write_bytes(message(number % 10, number, window))
        environment = {**os.environ, "DATA": folder, "FLEET": "0", "PORT": "7199", "AVERAGING_SCHEDULE": "* * * * * *"}
        start = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-m", "local"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        ) as host:
            while any(each.is_file() for each in queue.iterdir()):
                time.sleep(0.05)
            seconds = time.perf_counter() - start
            time.sleep(5)  # and the averaging after it
            peak = greatest_memory(host.pid)
            host.terminate()
        print(f"memory of the host  {peak:>12.0f} MB at most, ingesting 1,000 messages (under 200)")
        print(f"  start to drained  {seconds:>12.1f} s")


async def bench_charges() -> dict[str, Any]:
    """Work out operations, bytes and request units in Cosmos DB, by Microsoft's published charges."""
    found: dict[str, Any] = {}
    for vms in (400, 1_000, 10_000):
        volumes = await volumes_of(vms, counters=40)
        stored = volumes.samples_bytes + volumes.rollups_bytes + volumes.report_bytes + volumes.standings_bytes
        units = volumes.request_units / volumes.samples
        most = {10_000: " (at most 0.023)", 1_000: " (at most 0.030)"}.get(vms, "")
        print(f"charges             {units:>12.4f} RU a sample with {vms:,} VMs{most}")
        print(f"  operations        {volumes.requests / volumes.samples:>12.4f} a sample")
        print(f"  bytes             {stored / volumes.samples:>12.1f} a sample, in items")
        found[str(vms)] = {
            "units_a_sample": units,
            "requests_a_sample": volumes.requests / volumes.samples,
            "bytes_a_sample": stored / volumes.samples,
            "units_by_operation": dict(volumes.by_operation),
        }
    print("  the most expensive with 10,000 VMs, RU a window:")
    for operation, spent in volumes.by_operation[:5]:
        print(f"    {operation:28}{spent:>12,.0f}")
    return found


def bench_cold() -> dict[str, Any]:
    """Measure the import of the app in a fresh process, on which a cold start waits, and each package's own time."""
    code = "import time, function_app; print(time.process_time())"
    spent = [float(subprocess.check_output([sys.executable, "-c", code], cwd=ROOT)) for _ in range(5)]
    print(f"cold import         {statistics.median(spent):>12.2f} s of processor time (under 0.7)")
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import function_app"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    packages: Counter[str] = Counter()
    for line in told.stderr.splitlines():
        match = re.match(r"import time: +(\d+) \| +\d+ \| +(\S+)$", line)
        if match:
            packages[_package(match[2])] += int(match[1])
    for package, microseconds in packages.most_common(8):
        print(f"    {package:28}{microseconds / 1e3:>12.0f} ms")
    return {"seconds": statistics.median(spent), "microseconds_by_package": dict(packages.most_common(20))}


def _package(module: str) -> str:
    """Return a module's package. Azure's packages share a namespace. The standard library counts as one package."""
    first, _, rest = module.partition(".")
    if first == "azure":
        return f"azure.{rest.partition('.')[0]}"
    return "(standard library)" if first.lstrip("_") in STANDARD or first in STANDARD else first


def bench_pack() -> None:
    """Measure packing and gzip, alone and together with reading the files' JSON."""
    bodies = list(messages(1, 200))
    samples = len(bodies) * 600
    start = time.perf_counter()
    batches = [wire.decode(body).samples for body in bodies]
    decoded = time.perf_counter() - start
    start = time.perf_counter()
    packed = list(pack(batches, STANDARD_LIMIT - HEADER_ROOM))
    spent = time.perf_counter() - start
    print(f"packing and gzip    {samples / spent:>12,.0f} samples/s (at least 300,000)")
    print(f"  with decoding     {samples / (spent + decoded):>12,.0f} samples/s")
    print(f"  messages          {len(packed):>12} for {len(bodies)} VMs: 1/{len(bodies) // len(packed)}")


def bench_spoc() -> None:
    """Time the program of the tenant's collector (SPOC): 1,000 VMs' files, sent to an AMQP broker on loopback."""
    if not (NODE and INSTALLED):
        print("spoc                skipped: it needs Node.js and `make peers`")
        return
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder, a_broker() as broker:
        for vm, body in enumerate(messages(1, 1000)):
            (Path(folder) / f"t_vm{vm}_0.json").write_bytes(body)
        environment = {**os.environ, "SPOT_SERVICE_BUS_CONNECTION": broker.connection}
        command = [sys.executable, "-m", "edge.spoc", "--folder", folder, "--once"]
        start = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        seconds = time.perf_counter() - start
        sent = json.loads(done.stdout)
        print(f"spoc                {seconds:>12.1f} s for 1,000 VMs' files of 40 counters (under 30)")
        print(
            f"  messages          {sent['messages']:>12} instead of 1,000: 1/{1000 // sent['messages']} (at most 1/20)"
        )


BENCHMARKS: dict[str, Callable[[], object]] = {
    "beside": bench_beside,
    "averaging": bench_averaging,
    "ingest": lambda: asyncio.run(bench_ingest()),
    "queries": lambda: asyncio.run(bench_queries()),
    "populations": bench_populations,
    "serving": bench_serving,
    "page": bench_page,
    "operations": bench_operations,
    "memory": bench_memory,
    "charges": lambda: asyncio.run(bench_charges()),
    "cold": bench_cold,
    "pack": bench_pack,
    "spoc": bench_spoc,
    "edge": bench_edge,
    "normal": bench_normal,
    "forecasts": bench_forecasts,
}


def main() -> None:
    """Run the named benchmarks, or all. Returned figures are stored in results.json and drawn."""
    unknown = [name for name in sys.argv[1:] if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"unknown benchmark {', '.join(unknown)}; choose from {', '.join(BENCHMARKS)}")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {ONE_CORE})
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / "results.json"
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for name in sys.argv[1:] or BENCHMARKS:
        figures = BENCHMARKS[name]()
        if figures is not None:
            results[name] = {
                "measured": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                **json.loads(json.dumps(figures)),
            }
            path.write_text(json.dumps(results, indent=1))
            print(f"  figures: {path}; {_drawn(results)}")


def _drawn(results: dict[str, Any]) -> str:
    """Draw the figures, where the library for it is installed: most benchmarks need nothing but what tests need."""
    try:
        from benchmarks.charts import draw  # noqa: PLC0415
    except ModuleNotFoundError as error:
        return f"not drawn, since {error.name} is not installed (requirements/bench.txt)"
    draw(results, OUT / "results.svg")
    return f"drawn: {OUT / 'results.svg'}"


if __name__ == "__main__":
    main()
