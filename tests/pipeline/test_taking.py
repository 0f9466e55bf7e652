"""Counters that are not taken: counted for each tenant and day, and stored nowhere."""

import asyncio

from domain.taking import Taking
from pipeline.ingest import Message, ingest
from pipeline.quarantine import reingest
from pipeline.queries.status import status
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS
from storage.tables.omissions import NOT_TAKEN
from tests.builders import HORIZON, KEY, NOW, TENANT, VM, WINDOW_START, a_message, a_view, records_of
from tests.pipeline.steps import work_off

OTHER = "win_mem.percent_used"
TAKING = Taking(("win_cpu.*",))


def both(tenant: str = TENANT, vm: str = VM) -> list[dict[str, object]]:
    return [*records_of(tenant, vm, KEY, [1.0] * 15), *records_of(tenant, vm, OTHER, [2.0] * 10)]


async def test_what_is_not_taken_is_counted_and_not_stored(tables: Tables) -> None:
    messages = [Message(a_message(both(vm=vm)), vm, NOW) for vm in ("a", "b")]
    done = await ingest(tables, messages, HORIZON, taking=TAKING)
    assert (done.samples, done.left_out, done.refused) == (30, 20, 0)
    only_other = a_message(records_of("t2", VM, OTHER, [2.0] * 5))
    done = await ingest(tables, [Message(only_other, "c", NOW)], HORIZON, taking=TAKING)
    assert (done.samples, done.windows, done.left_out) == (0, 0, 5)
    stored = await tables.samples.read(TENANT, "a", WINDOW_START)
    assert stored
    assert stored.value.series.keys() == {KEY}
    assert await tables.samples.read("t2", VM, WINDOW_START) is None
    await work_off(tables)
    assert (await tables.catalogue.entries(COUNTERS)).keys() == {KEY}
    found = await status(tables, a_view())
    assert (found.omissions, found.quarantinedToday) == ({NOT_TAKEN: 25}, 0)


async def test_counts_of_ingests_side_by_side_add_up(tables: Tables) -> None:
    bodies = [a_message(both(vm=f"vm-{number}")) for number in range(4)]
    await asyncio.gather(*(ingest(tables, [Message(body, "m", NOW)], HORIZON, taking=TAKING) for body in bodies))
    assert (await status(tables, a_view())).omissions == {NOT_TAKEN: 40}


async def test_what_leaves_the_quarantine_is_taken_by_the_same_patterns(tables: Tables) -> None:
    future = [{**record, "timestamp": NOW + 9_000} for record in both()]
    await ingest(tables, [Message(a_message(future), "m", NOW)], HORIZON)
    (message,) = [each async for each in tables.quarantine.messages("2026-09-21")]
    later = type(HORIZON).at(NOW + 10_000, 30 * 86_400)
    assert (await reingest(tables, message, later, taking=TAKING))[1] == 0
    await work_off(tables)
    assert (await tables.catalogue.entries(COUNTERS)).keys() == {KEY}
