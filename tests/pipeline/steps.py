"""The pipeline as tests drive it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from pipeline.averaging import average
from pipeline.ingest import Message, ingest
from pipeline.ingested import Ingested
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS
from tests.builders import HORIZON, LATENESS, NOW, TIMES, an_enrolment


async def deliver(tables: Tables, bodies: Iterable[bytes]) -> Ingested:
    """Ingest one batch."""
    messages = [Message(body, f"m{number}", NOW) for number, body in enumerate(bodies)]
    return await ingest(tables, messages, HORIZON)


async def enrol(tables: Tables, tenants: Iterable[str]) -> None:
    """Enrol tenants: only these count where it is decided what is disclosed."""
    for tenant in tenants:
        await tables.enrolments.write(an_enrolment(tenant), None)


async def work_off(tables: Tables) -> None:
    """Average until no mark is left."""
    while await tables.marks.read():
        await average(tables, TIMES)


async def close_windows(tables: Tables, now: int = NOW + LATENESS) -> None:
    """Average at a later time, so that windows close whose time has come."""
    await average(tables, replace(TIMES, now=now))


async def the_report(tables: Tables) -> dict[tuple[str, int], dict[str, Any]]:
    """All report rows, in the oracle's form."""
    found = {}
    for key in await tables.catalogue.entries(COUNTERS):
        for row in await tables.report.rows(key, 0, 9_999_999_998):
            found[key, row.timestamp] = {
                name: getattr(row, name) for name in ("average", "count", "tenants", "min", "max")
            }
    return found


async def all_documents(tables: Tables, partitions: Sequence[tuple[str, str]]) -> list[Any]:
    """The bodies of whole partitions, to compare two stores bit for bit."""
    return [
        [(document.id, document.body) async for document in tables.documents.scan(table, partition)]
        for table, partition in partitions
    ]
