"""Emptying the store: removes what it holds of all tenants, table by table, as storage.schema names them.

So a table that is added later is emptied too. This stays: the enrolment (unless asked), how far averaging and remote
write have come, and the records of emptyings. Averaging pauses meanwhile, so that no run writes again what it read
before. All windows up to the end of it never open again: so none is closed or disclosed a second time. Samples that
arrive later for them count as new; what arrives meanwhile may be removed. Knows neither what documents mean nor which
store holds them.
"""

import asyncio
import itertools
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import ClassVar

from domain.closing import Progress
from domain.minutes import window_of
from domain.samples import FUTURE_TOLERANCE
from pipeline.closing import change
from pipeline.concurrency import gather
from pipeline.operations import Done, Figures, OperationContext, Step, instance_of
from storage.charges import metered
from storage.documents import Changed, Corrupt, Gone, Place
from storage.schema import ENROLMENT, MARKS, OPERATIONS, QUARANTINE, SAMPLES, STATE, schema
from storage.tables import Tables
from storage.tables.marks import DIRTY

AT_ONCE = 32
PAUSE_SECONDS = 600
"""How long averaging pauses after each step. If the operation is stopped, averaging goes on after this time."""

SETTLE_SECONDS = 10
"""The time that a run of averaging gets to end its window before the first document is removed."""

LOOKED_AT = 100
"""A dry run reads one of so many documents, to learn what they cost."""

DELETE_BY_READ = 5
"""A delete is charged as a write, which is five times as much as a read of the same document (Microsoft, "Optimize
request cost in Azure Cosmos DB": 1 KB costs 1 and 5, 100 KB cost 10 and 50)."""

DOLLARS_A_MILLION_UNITS = 0.25
"""The price of a million request units on a serverless account (benchmarks/prices.toml; a test compares them)."""

UNITS_A_SECOND = 5000
"""The most request units a second that a serverless container gives."""


@dataclass(frozen=True, slots=True)
class Emptying:
    """Remove everything of all tenants; ``enrolment``: also the tenants' enrolment, keys and codes.

    ``dry_run`` only counts the documents and estimates what removing them costs at most: the request units, their price
    on a serverless account (in millionths of a dollar), and the seconds that such an account takes. A store that
    charges nothing, such as SQLite, has no such figures.
    """

    kind: ClassVar[str] = "empty"
    enrolment: bool = False
    dry_run: bool = False

    async def plan(self, context: OperationContext) -> Sequence[Step]:
        """See Operation. Pauses averaging, and waits until runs that have begun have ended their windows."""
        if not self.dry_run:
            await hold(context, PAUSE_SECONDS)
            await asyncio.sleep(SETTLE_SECONDS)
        return [{"table": name} for name in schema(1, 1)]

    async def do(self, step: Step, context: OperationContext) -> Done:
        """See Operation."""
        table = str(step["table"])
        if self.dry_run:
            return Done(await self._estimated(context.tables, table))
        await hold(context, PAUSE_SECONDS)
        return await self._swept(context, table)

    async def conclude(self, context: OperationContext) -> Figures:
        """See Operation. Sweeps what a run of averaging may have written late, and lets averaging go on."""
        if self.dry_run:
            return {}
        removed = 0
        for table in schema(1, 1):
            if table not in (SAMPLES, QUARANTINE, OPERATIONS):  # these hold nothing that is derived
                again = True
                while again:
                    done = await self._swept(context, table)
                    removed += done.figures["documents"]
                    again = done.again and context.time_left()
        # A mark of what was removed goes. A mark of what has come since stays, so it is looked at one by one.
        for mark in await context.tables.marks.read():
            if not await _has_samples(context.tables, mark.value.tenant, mark.value.window):
                with suppress(Changed, Gone):  # it has new samples
                    await context.tables.marks.clear(mark)
                    removed += 1
        await hold(context, 0)
        return {"documents": removed}

    def _stays(self, table: str, place: Place) -> bool:
        partition = (table, place.partition)
        if partition in STATE or (partition in ENROLMENT and not self.enrolment):
            return True
        return table == OPERATIONS and any(place.id.endswith(f"_{instance}") for instance in _INSTANCES)

    async def _swept(self, context: OperationContext, table: str) -> Done:
        documents = context.tables.documents
        removed = 0
        some: list[Place] = []

        async def remove() -> None:
            nonlocal removed
            removed += sum(await gather((_remove(context.tables, table, each) for each in some), AT_ONCE))
            some.clear()

        async for place in documents.places(table):
            if not self._stays(table, place) and (table, place.partition) != (MARKS, DIRTY):
                some.append(place)
            if len(some) >= AT_ONCE:
                await remove()
                if not context.time_left():
                    return Done({"documents": removed}, again=True)
        await remove()
        return Done({"documents": removed})

    async def _estimated(self, tables: Tables, table: str) -> Figures:
        found, looked_at = 0, 0
        with metered() as meter:
            async for place in tables.documents.places(table):
                if self._stays(table, place):
                    continue
                if found % LOOKED_AT == 0:
                    looked_at += 1
                    await tables.documents.read(table, place.partition, place.id)
                found += 1
        reading = sum(tally.units for request, tally in meter.requests.items() if request.startswith("read "))
        if not reading:
            return {"documents": found}
        units = math.ceil(DELETE_BY_READ * reading * found / looked_at + meter.units - reading)
        return {
            "documents": found,
            "requestUnits": units,
            "dollarMillionths": math.ceil(units * DOLLARS_A_MILLION_UNITS),
            "seconds": math.ceil(units / UNITS_A_SECOND),
        }


_INSTANCES = tuple(
    instance_of(Emptying(enrolment, dry_run)) for enrolment, dry_run in itertools.product((False, True), repeat=2)
)
"""The instances of all emptyings: their records say who emptied the store, and name no tenant."""


async def hold(context: OperationContext, seconds: int) -> None:
    """Pause averaging for some seconds (0: let it go on), and keep all windows up to now from ever opening again."""
    floor = window_of(context.now + FUTURE_TOLERANCE)

    def held(before: Progress) -> Progress:
        return replace(before.emptied_up_to(floor), paused_until=context.now + seconds if seconds else 0)

    await change(context.tables, held)


async def _remove(tables: Tables, table: str, place: Place) -> int:
    """Remove a document as it is by now; return how many were removed."""
    etag = place.etag
    while True:
        try:
            await tables.documents.delete(table, place.partition, place.id, etag)
        except Gone:
            return 0
        except Changed:
            document = await tables.documents.read(table, place.partition, place.id)
            if document is None:
                return 0
            etag = document.etag
        else:
            return 1


async def _has_samples(tables: Tables, tenant: str, window: int) -> bool:
    try:
        async for _ in tables.samples.between(tenant, window, window):
            return True
    except Corrupt:
        return True
    return False
