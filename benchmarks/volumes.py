"""A fleet's messages, requests, bytes and processor seconds, measured by running the real code on a part of the fleet.

Quantities that are linear in VMs (messages, ingest, reading a tenant's VM windows) are measured on one tenant, over
several windows. All others (the tree of rollups, histograms and summaries, standings, the report) are measured on one
window of all tenants.
"""

import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from benchmarks.fleet import HORIZON, LAST_WINDOW, NOW, TIMES, VIEW, an_enrolment, keys, message, tenant_name, vm_name
from benchmarks.learned import NOTHING_LEARNED, Learned, measure_learned
from benchmarks.priced import PricedDocuments, write_units
from domain import wire
from domain.minutes import MINUTES_PER_WINDOW, WINDOW
from domain.packing import pack
from domain.taking import EVERYTHING, Taking
from edge.destinations import HEADER_ROOM, STANDARD_LIMIT
from pipeline.averaging import average
from pipeline.catalogue import SEEN_EVERY
from pipeline.closing import change
from pipeline.ingest import Message, ingest
from pipeline.queries import charts
from pipeline.queries.charts import Question
from storage.charges import Meter, Tally, metered
from storage.schema import CATALOGUE, REPORT, ROLLUPS, SAMPLES, STANDINGS, schema
from storage.sqlite import SqliteDocuments
from storage.tables import Tables

RUNS = 15
"""Averaging runs every minute. If tenants push at any minute of a window, the window is averaged in this many parts.
This is the default, since it costs the most."""

FEW_VMS = 2
"""How many VMs of each tenant have data of the window before, so that its counters are known."""

WINDOWS = SEEN_EVERY // WINDOW + 1
"""The number of windows measured on one tenant, after a first one. In this many windows, each VM's entry in the
catalogue is renewed once."""

OF_VMS = f"{CATALOGUE}:vms"
OPERATION_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Volumes:
    """A fleet's quantities in one window of 15 minutes. Those with ``query_`` are of one chart of the fleet."""

    tenants: float
    samples: float
    messages: float
    message_bytes: float
    """The total of all messages."""
    operations: float
    """Service Bus operations: each message is sent and received, and each 64 KB of it counts as one operation."""
    request_units: float
    expiry: Mapping[str, float]
    """Request units by table when the window's documents expire. Only a serverless account is charged for them."""
    requests: float
    samples_bytes: float
    rollups_bytes: float
    report_bytes: float
    standings_bytes: float
    plain_messages: float
    """The number of messages if each VM's samples were one message of uncompressed JSON."""
    plain_bytes: float
    plain_operations: float
    single_units: float
    """The request units of the writes alone if each sample were one document."""
    single_bytes: float
    ingest_seconds: float
    """The processor time of the window's ingest on one core."""
    averaging_seconds: float
    query_units: float
    query_seconds: float
    by_operation: tuple[tuple[str, float], ...]
    """Request units by operation, the most expensive first."""
    learned: Learned = NOTHING_LEARNED
    """What learning and judging take in a day. It is not in the other figures."""

    def units_of(self, table: str) -> float:
        """Return the request units of one table."""
        of = (units for name, units in self.by_operation if name.split()[1].partition(":")[0] == table)
        return sum(of)


async def measure(
    vms: int, counters: int, vms_a_tenant: int = 100, runs: int = RUNS, taken: int | None = None
) -> Volumes:
    """Measure a fleet with so many VMs and counters. Every tenant has the same number of VMs.

    ``runs`` is the number of averaging runs over which a window's data arrive. ``taken``: how many of the counters are
    taken (the setting COUNTERS); None: all.
    """
    each = min(vms, vms_a_tenant)
    tenants = -(-vms // each)
    taking = EVERYTHING if taken is None else Taking(tuple(keys(taken)))
    whole = await _one_tenant(each, counters, taking)
    tree = await _tree(tenants, each, counters, runs, taking)
    share = vms / each
    units: dict[str, float] = {}
    calls = 0.0
    for meter, times, by_vms in ((whole.meter, share / WINDOWS, True), (tree.meter, 1.0, False)):
        for operation, tally in meter.requests.items():
            if (operation.split()[1] in (SAMPLES, OF_VMS)) == by_vms:
                units[operation] = units.get(operation, 0) + tally.units * times
                calls += tally.calls * times
    async with _priced_store() as store:
        learned = await measure_learned(store, tenants, each, counters if taken is None else taken)
    samples = vms * counters * MINUTES_PER_WINDOW
    plain = [_plain(vm, counters) for vm in range(3)]
    plain_bytes = sum(map(len, plain)) / len(plain)
    single = len(plain[0]) // (counters * MINUTES_PER_WINDOW)
    return Volumes(
        tenants=tenants,
        samples=samples,
        messages=len(whole.bodies) * share,
        message_bytes=sum(map(len, whole.bodies)) * share,
        operations=2 * sum(_operations(len(body)) for body in whole.bodies) * share,
        request_units=sum(units.values()),
        expiry={
            SAMPLES: whole.store.expiry_of(SAMPLES) / WINDOWS * share,
            **{table: tree.store.expiry_of(table) for table in (ROLLUPS, REPORT, STANDINGS)},
        },
        requests=calls,
        samples_bytes=whole.store.bytes_of(SAMPLES) / WINDOWS * share,
        rollups_bytes=tree.store.bytes_of(ROLLUPS),
        report_bytes=tree.store.bytes_of(REPORT),
        standings_bytes=tree.store.bytes_of(STANDINGS),
        plain_messages=vms,
        plain_bytes=plain_bytes * vms,
        plain_operations=2 * _operations(round(plain_bytes)) * vms,
        single_units=write_units(single) * samples,
        single_bytes=single * samples,
        ingest_seconds=whole.ingest_seconds * share,
        averaging_seconds=tree.seconds,
        query_units=tree.query_units,
        query_seconds=tree.query_seconds,
        by_operation=tuple(sorted(units.items(), key=lambda unit: -unit[1])),
        learned=learned,
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


async def _one_tenant(vms: int, counters: int, taking: Taking) -> _Whole:
    """Pack, ingest and average WINDOWS windows of one tenant. Seconds are those of one window, charges of all."""
    async with _priced_store() as store:
        tables = Tables(store)
        total = Meter()
        ingesting = 0.0
        bodies: list[bytes] = []
        windows = [LAST_WINDOW - WINDOW * number for number in reversed(range(WINDOWS + 1))]
        for number, window in enumerate(windows):
            batches = [wire.decode(message(0, vm, window, counters)).samples for vm in range(vms)]
            bodies = [packed.body for packed in pack(batches, STANDARD_LIMIT - HEADER_ROOM)]
            with metered() as meter:
                start = time.process_time()
                await _deliver(tables, bodies, taking)
                end = time.process_time()
                await average(tables, TIMES)
            if number:  # the first window creates the catalogue, which happens only once
                ingesting += (end - start) / WINDOWS
                for request, tally in meter.requests.items():
                    of = total.requests.setdefault(request, Tally())
                    of.calls += tally.calls
                    of.units += tally.units
        store.sizes[SAMPLES] = dict(list(store.sizes[SAMPLES].items())[vms:])
        return _Whole(bodies, total, store, ingesting)


@dataclass(slots=True)
class _Tree:
    meter: Meter
    store: PricedDocuments
    seconds: float
    query_units: float
    query_seconds: float


async def _tree(tenants: int, vms: int, counters: int, runs: int, taking: Taking) -> _Tree:
    """Average a window of all tenants in ``runs`` parts, and close it. The window before has had as many VMs.

    Runs without work are charged too, since there is one per minute.
    """
    async with _priced_store() as store:
        tables = Tables(store)
        for tenant in range(tenants):
            await tables.enrolments.write(an_enrolment(tenant), None)
        before = LAST_WINDOW - WINDOW
        for tenant in range(tenants):
            await _deliver(tables, (message(tenant, vm, before, counters) for vm in range(FEW_VMS)), taking)
        await average(tables, replace(TIMES, now=NOW + TIMES.lateness - WINDOW))  # closes it
        await change(tables, lambda progress: progress.counting(before, [tenants * vms] * MINUTES_PER_WINDOW))
        earlier = {table: dict(sizes) for table, sizes in store.sizes.items()}
        seconds = 0.0
        with metered() as meter:
            for run in range(RUNS):
                for tenant in range(run, tenants, runs) if run < runs else ():
                    await _deliver(tables, (message(tenant, vm, LAST_WINDOW, counters) for vm in range(vms)), taking)
                start = time.process_time()
                await average(tables, TIMES)
                seconds += time.process_time() - start
            await average(tables, replace(TIMES, now=NOW + TIMES.lateness))  # closes the window
        for table, sizes in earlier.items():
            store.sizes[table] = {place: size for place, size in store.sizes[table].items() if place not in sizes}
        start = time.process_time()
        with metered() as query:
            await charts.get_data(tables, Question(keys(1), minutes=60), VIEW)
            await charts.get_tenant_data(tables, Question(keys(1), minutes=60), tenant_name(0), vm_name(0, 0), VIEW)
        query_seconds = (time.process_time() - start) / 2
        return _Tree(meter, store, seconds, query.units / 2, query_seconds)


async def _deliver(tables: Tables, bodies: Iterable[bytes], taking: Taking) -> None:
    waiting: Iterator[bytes] = iter(bodies)
    while batch := [Message(body, "m", NOW) for body in islice(waiting, 64)]:
        await ingest(tables, batch, HORIZON, taking=taking)
