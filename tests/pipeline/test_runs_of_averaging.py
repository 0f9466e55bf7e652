"""When averaging last ran, and what drove it: remembered at most once a minute, told, and judged."""

from dataclasses import replace

import pytest

from domain.closing import STANDS_STILL, Driver, Progress
from domain.minutes import MINUTE
from messaging.dead_letters import NoDeadLetters
from pipeline.averaging import average
from pipeline.closing import Watch
from pipeline.operations import OperationContext
from pipeline.queries.status import status
from pipeline.rebuild import CatchUp
from pipeline.rules import Rules
from storage.tables import Tables
from tests.builders import HORIZON, KEY, NOW, TIMES, WINDOW_START, a_message, a_view, records_of
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.steps import deliver

ON_THE_MINUTE = NOW // MINUTE * MINUTE


async def run_at(tables: Tables, now: int, by: Driver = "timer") -> None:
    await average(tables, replace(TIMES, now=now), by=by)


async def etag_of(tables: Tables) -> str:
    stored = await tables.progress.read()
    assert stored
    return stored.etag


async def test_a_run_is_written_down_once_a_minute_and_driver() -> None:
    tables = Tables(MemoryDocuments())
    await run_at(tables, ON_THE_MINUTE)
    written = [await etag_of(tables)]
    for after, by, writes in (
        (10, "timer", False),
        (59, "timer", False),
        (60, "timer", True),
        (61, "timer", False),
        (61, "ingest", True),
        (62, "ingest", False),
        (20, "timer", False),  # by a clock that is behind
        (125, "timer", True),
    ):
        await run_at(tables, ON_THE_MINUTE + after, by)  # type: ignore[arg-type]
        now = await etag_of(tables)
        assert (now != written[-1]) == writes, (after, by)
        written.append(now)


async def test_status_tells_what_drove_averaging_and_when() -> None:
    tables = Tables(MemoryDocuments())
    assert (await status(tables, a_view())).averagingRuns == {}
    await run_at(tables, NOW)
    await run_at(tables, NOW + 300, "ingest")
    assert (await status(tables, a_view())).averagingRuns == {"timer": NOW, "ingest": NOW + 300}


async def test_a_catch_up_is_told_of_as_well() -> None:
    tables = Tables(MemoryDocuments())
    await deliver(tables, [a_message(records_of("tenant-1", "v", KEY, [1.0], WINDOW_START))])
    context = OperationContext(tables, NoDeadLetters(), HORIZON, Rules(), NOW, TIMES)
    for step in await CatchUp().plan(context):
        await CatchUp().do(step, context)
    assert (await status(tables, a_view())).averagingRuns == {"catch-up": NOW}
    assert not await tables.marks.read()


@pytest.mark.parametrize(
    ("runs", "still"),
    [
        ({}, True),
        ({"timer": NOW - STANDS_STILL}, True),
        ({"timer": NOW - STANDS_STILL + 1}, False),
        ({"timer": 0, "ingest": NOW - STANDS_STILL + 1}, False),
        ({"timer": NOW - 86_400, "ingest": NOW - STANDS_STILL}, True),
        ({"timer": NOW - STANDS_STILL, "catch-up": NOW}, True),  # which begins with the oldest windows
        ({"timer": NOW + 30}, False),
    ],
)
async def test_it_stands_still_when_neither_timer_nor_ingest_drove_it_for_three_minutes(
    runs: dict[Driver, int], *, still: bool
) -> None:
    assert STANDS_STILL == 180
    tables = Tables(MemoryDocuments())
    await tables.progress.write(Progress(runs=runs), None)
    assert await Watch().stands_still(tables, NOW) == still


async def test_one_process_looks_once_a_minute() -> None:
    reads = 0

    async def count(call: str, table: str, document_id: str) -> None:  # noqa: ARG001
        nonlocal reads
        reads += call == "before read"

    memory = MemoryDocuments()
    memory.hook = count
    watch = Watch()
    looked = [await watch.stands_still(Tables(memory), NOW + after) for after in (0, 1, 59, 60, 119, 120)]
    assert looked == [True, False, False, True, False, True]
    assert reads == 3


async def test_what_was_remembered_before_runs_were_is_read_as_it_was() -> None:
    memory = MemoryDocuments()
    tables = Tables(memory)
    remembered = Progress({WINDOW_START: NOW}, WINDOW_START - 900, {}, 5, 7)
    await tables.progress.write(remembered, None)
    (place,) = memory._documents
    document = await memory.read(*place)
    assert document
    await memory.upsert(*place, {name: value for name, value in document.body.items() if name != "runs"})
    stored = await tables.progress.read()
    assert stored
    assert stored.value == remembered
