"""What a fleet makes of messages, requests, bytes and seconds: measured by running the real code on a part of it.

What is linear in VMs (messages, ingest, reading a tenant's VM windows) is measured on one whole tenant. What depends on
how many tenants there are (the tree of rollups, the report) is measured with all of them, each with a few VMs.
"""

import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from benchmarks.fleet import HORIZON, LAST_WINDOW, NOW, TIMES, VIEW, keys, message, tenant_name, vm_name
from benchmarks.priced import PricedDocuments, write_units
from domain import wire
from domain.minutes import MINUTES_PER_WINDOW, WINDOW
from domain.packing import pack
from edge.destinations import HEADER_ROOM, STANDARD_LIMIT
from pipeline.averaging import average
from pipeline.catalogue import SEEN_EVERY
from pipeline.ingest import Message, ingest
from pipeline.queries import charts
from pipeline.queries.charts import Question
from storage.charges import Meter, Tally, metered
from storage.schema import CATALOGUE, REPORT, ROLLUPS, SAMPLES, schema
from storage.sqlite import SqliteDocuments
from storage.tables import Tables

RUNS = 15
"""Averaging runs every minute. Where tenants push at any minute of a window, it is averaged in so many parts; so it is
measured unless told otherwise, since it is the dearest."""

FEW_VMS = 2
WINDOWS = SEEN_EVERY // WINDOW + 1
"""Measured of the one tenant, after a first: in so many, each VM's entry in the catalogue is renewed once."""

OF_VMS = f"{CATALOGUE}:vms"
OPERATION_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Volumes:
    """What a fleet makes in one window of 15 minutes, but for ``query_*``, which are of one chart of the fleet."""

    samples: float
    messages: float
    message_bytes: float
    """Of all messages together."""
    operations: float
    """Of Service Bus: each message sent and received, 64 KB at a time."""
    request_units: float
    expiry: Mapping[str, float]
    """Request units by table, of the window's documents when they expire: charged where the account is serverless."""
    requests: float
    samples_bytes: float
    rollups_bytes: float
    report_bytes: float
    plain_messages: float
    """Were each VM's samples one message of plain JSON."""
    plain_bytes: float
    plain_operations: float
    single_units: float
    """Were each sample one document: for its write alone."""
    single_bytes: float
    ingest_seconds: float
    """Processor time of all ingest of the window on one core."""
    averaging_seconds: float
    query_units: float
    query_seconds: float
    by_operation: tuple[tuple[str, float], ...]
    """Request units by operation, dearest first."""

    def units_of(self, table: str) -> float:
        """Return the request units of one table."""
        of = (units for name, units in self.by_operation if name.split()[1].partition(":")[0] == table)
        return sum(of)


async def measure(vms: int, counters: int, vms_a_tenant: int = 100, runs: int = RUNS) -> Volumes:
    """Measure a fleet of so many VMs and counters; every tenant has the same number of VMs.

    ``runs``: in how many runs of averaging a window comes in.
    """
    each = min(vms, vms_a_tenant)
    tenants = -(-vms // each)
    whole = await _one_tenant(each, counters)
    tree = await _tree(tenants, counters, runs)
    share = vms / each
    units: dict[str, float] = {}
    calls = 0.0
    for meter, times, by_vms in ((whole.meter, share / WINDOWS, True), (tree.meter, 1.0, False)):
        for operation, tally in meter.requests.items():
            if (operation.split()[1] in (SAMPLES, OF_VMS)) == by_vms:
                units[operation] = units.get(operation, 0) + tally.units * times
                calls += tally.calls * times
    samples = vms * counters * MINUTES_PER_WINDOW
    plain = [_plain(vm, counters) for vm in range(3)]
    plain_bytes = sum(map(len, plain)) / len(plain)
    single = len(plain[0]) // (counters * MINUTES_PER_WINDOW)
    return Volumes(
        samples=samples,
        messages=len(whole.bodies) * share,
        message_bytes=sum(map(len, whole.bodies)) * share,
        operations=2 * sum(_operations(len(body)) for body in whole.bodies) * share,
        request_units=sum(units.values()),
        expiry={
            SAMPLES: whole.store.expiry_of(SAMPLES) / WINDOWS * share,
            **{table: tree.store.expiry_of(table) for table in (ROLLUPS, REPORT)},
        },
        requests=calls,
        samples_bytes=whole.store.bytes_of(SAMPLES) / WINDOWS * share,
        rollups_bytes=tree.store.bytes_of(ROLLUPS),
        report_bytes=tree.store.bytes_of(REPORT),
        plain_messages=vms,
        plain_bytes=plain_bytes * vms,
        plain_operations=2 * _operations(round(plain_bytes)) * vms,
        single_units=write_units(single) * samples,
        single_bytes=single * samples,
        ingest_seconds=whole.ingest_seconds * share,
        averaging_seconds=whole.averaging_seconds * share + tree.seconds,
        query_units=tree.query_units,
        query_seconds=tree.query_seconds,
        by_operation=tuple(sorted(units.items(), key=lambda unit: -unit[1])),
    )


def _operations(size: int) -> int:
    return -(-size // OPERATION_BYTES)


def _plain(vm: int, counters: int) -> bytes:
    return message(0, vm, LAST_WINDOW, counters)


@asynccontextmanager
async def _priced_store() -> AsyncIterator[PricedDocuments]:
    with tempfile.TemporaryDirectory() as folder:
        store = PricedDocuments(SqliteDocuments(Path(folder) / "store.db", schema(30, 400), lambda: NOW))
        yield store
        await store.close()


@dataclass(slots=True)
class _Whole:
    bodies: list[bytes]
    meter: Meter
    store: PricedDocuments
    ingest_seconds: float
    averaging_seconds: float


async def _one_tenant(vms: int, counters: int) -> _Whole:
    """Pack, ingest and average WINDOWS windows of one tenant; seconds are of one window, charges of all."""
    async with _priced_store() as store:
        tables = Tables(store)
        total = Meter()
        ingesting = averaging = 0.0
        bodies: list[bytes] = []
        windows = [LAST_WINDOW - WINDOW * number for number in reversed(range(WINDOWS + 1))]
        for number, window in enumerate(windows):
            batches = [wire.decode(message(0, vm, window, counters)).samples for vm in range(vms)]
            bodies = [packed.body for packed in pack(batches, STANDARD_LIMIT - HEADER_ROOM)]
            with metered() as meter:
                start = time.process_time()
                await _deliver(tables, bodies)
                middle = time.process_time()
                await average(tables, TIMES)
                end = time.process_time()
            if number:  # the first window makes the catalogue, once for ever
                ingesting += (middle - start) / WINDOWS
                averaging += (end - middle) / WINDOWS
                for request, tally in meter.requests.items():
                    of = total.requests.setdefault(request, Tally())
                    of.calls += tally.calls
                    of.units += tally.units
        store.sizes[SAMPLES] = dict(list(store.sizes[SAMPLES].items())[vms:])
        return _Whole(bodies, total, store, ingesting, averaging)


@dataclass(slots=True)
class _Tree:
    meter: Meter
    store: PricedDocuments
    seconds: float
    query_units: float
    query_seconds: float


async def _tree(tenants: int, counters: int, runs: int) -> _Tree:
    """Average a window of all tenants in so many parts, as they push, and close it; each tenant with a few VMs.

    Runs that find nothing to do are charged too: there is one a minute.
    """
    async with _priced_store() as store:
        tables = Tables(store)
        seconds = 0.0
        with metered() as meter:
            for run in range(RUNS):
                pushing = range(run, tenants, runs) if run < runs else ()
                bodies = [message(tenant, vm, LAST_WINDOW, counters) for tenant in pushing for vm in range(FEW_VMS)]
                await _deliver(tables, bodies)
                start = time.process_time()
                await average(tables, TIMES)
                seconds += time.process_time() - start
            await average(tables, replace(TIMES, now=NOW + TIMES.lateness))  # closes the window
        start = time.process_time()
        with metered() as query:
            await charts.get_data(tables, Question(keys(1), minutes=60), VIEW)
            await charts.get_tenant_data(tables, Question(keys(1), minutes=60), tenant_name(0), vm_name(0, 0), VIEW)
        query_seconds = (time.process_time() - start) / 2
        return _Tree(meter, store, seconds, query.units / 2, query_seconds)


async def _deliver(tables: Tables, bodies: Iterable[bytes]) -> None:
    waiting: Iterator[bytes] = iter(bodies)
    while batch := [Message(body, "m", NOW) for body in islice(waiting, 64)]:
        await ingest(tables, batch, HORIZON)
