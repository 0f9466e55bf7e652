"""Queries over a small fleet, whose every figure can be worked out by hand."""

import pytest

from domain.errors import NotFound
from domain.minutes import WINDOW
from pipeline.ingest import Message, ingest
from pipeline.queries.charts import Question, get_data, get_tenant_data
from pipeline.queries.lists import list_counters, list_vms
from pipeline.queries.status import status as status_of
from storage.schema import MARKS
from storage.tables import Tables
from storage.tables.cursors import Filling
from tests.builders import (
    HORIZON,
    KEY,
    LATENESS,
    NOW,
    TENANT,
    VM,
    WINDOW_START,
    a_message,
    a_record,
    a_view,
    records_of,
)
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.steps import close_windows, deliver, work_off

FIRST = WINDOW_START + 30


async def _passing(call: str, table: str, document: str) -> None:
    """A hook that does nothing."""


async def three_vms(tables: Tables) -> None:
    """Two VMs of one tenant for two windows; one of another whose newest window is not pushed yet."""
    await deliver(tables, [a_message(records_of("other", "third", KEY, [60.0] * 15, WINDOW_START - WINDOW))])
    for window in (WINDOW_START - WINDOW, WINDOW_START):
        await deliver(tables, [a_message(records_of(TENANT, VM, KEY, [10.0] * 15, window))])
        await deliver(tables, [a_message(records_of(TENANT, "second", KEY, [20.0] * 15, window))])
        await close_windows(tables, window + WINDOW)


async def test_the_latest_minutes_are_counted_from_the_newest_of_the_report(tables: Tables) -> None:
    await three_vms(tables)
    answer = await get_data(tables, Question([KEY], minutes=17), a_view(NOW + 5 * 3600))
    assert (answer.start, answer.end) == (FIRST - 120, FIRST + 14 * 60)
    assert [item.average for item in answer.data] == [30, 30] + [15] * 15
    assert [item.count for item in answer.data] == [3, 3] + [2] * 15


async def test_a_minute_that_waits_for_a_tenant_says_its_coverage_and_that_it_is_not_final(tables: Tables) -> None:
    await three_vms(tables)
    await close_windows(tables, WINDOW_START + LATENESS)
    answer = await get_data(tables, Question([KEY], minutes=16), a_view())
    assert [(round(item.coverage or 0, 3), item.final) for item in answer.data] == [(1, True)] + [(0.667, False)] * 15


async def test_final_leaves_out_what_is_not_final_and_counts_from_the_newest_that_is(tables: Tables) -> None:
    await three_vms(tables)
    await close_windows(tables, WINDOW_START + LATENESS)
    answer = await get_data(tables, Question([KEY], minutes=3, final=True), a_view())
    assert [item.timestamp for item in answer.data] == [FIRST - 180, FIRST - 120, FIRST - 60]
    assert answer.end == FIRST - 60


@pytest.mark.parametrize(("closing", "final"), [(-1, False), (0, True)])
async def test_a_window_is_final_when_it_closes_however_many_vms_are_missing(
    tables: Tables, closing: int, final: bool
) -> None:
    await three_vms(tables)
    await close_windows(tables, NOW + LATENESS + closing)
    answer = await get_data(tables, Question([KEY], minutes=15), a_view(NOW + 9999))
    assert {item.final for item in answer.data} == {final}
    status = await status_of(tables, a_view())
    assert status.openWindows == (0 if final else 1)


async def test_a_window_that_opens_while_a_query_reads_is_not_final(memory: MemoryDocuments) -> None:
    """As in a backlog, which is averaged from its newest window to its oldest."""
    tables = Tables(memory)
    await three_vms(tables)
    older = WINDOW_START - 8 * WINDOW
    await deliver(tables, [a_message(records_of(TENANT, VM, KEY, [10.0] * 15, older))])

    async def average_once(call: str, table: str, document: str) -> None:
        if (call, table, document) == ("after read", MARKS, "fleet"):
            memory.hook = _passing
            await close_windows(tables, NOW)

    memory.hook = average_once
    answer = await get_data(tables, Question([KEY], start=older, end=older + WINDOW), a_view())
    assert [item.final for item in answer.data] == [False] * 15


async def test_a_ramp_up_is_not_final_while_half_of_the_fleet_is_missing(tables: Tables) -> None:
    """A hundred VMs at night; two hundred in the morning, of which the first hundred have pushed."""
    for window in (WINDOW_START - WINDOW, WINDOW_START):
        night = [record for n in range(100) for record in records_of(f"t{n % 7}", f"v{n}", KEY, [10.0] * 15, window)]
        await deliver(tables, [a_message(night)])
        await close_windows(tables, window + WINDOW)
    answer = await get_data(tables, Question([KEY], minutes=1), a_view())
    assert [(item.average, item.coverage, item.final) for item in answer.data] == [(10, 1, False)]
    late = [record for n in range(100, 200) for record in records_of(f"t{n % 7}", f"v{n}", KEY, [90.0] * 15)]
    await deliver(tables, [a_message(late)])
    await close_windows(tables)
    (item,) = (await get_data(tables, Question([KEY], minutes=1), a_view())).data
    assert (item.average, item.count, item.final) == (50, 200, True)


async def test_an_outages_backlog_is_final_only_when_the_time_for_it_is_over(tables: Tables) -> None:
    back = NOW + 8 * 3600
    await deliver(tables, [a_message(records_of(TENANT, VM, KEY, [10.0] * 15))])
    await close_windows(tables, back)
    await close_windows(tables, back + LATENESS - 1)
    question = Question([KEY], minutes=1)
    assert [item.final for item in (await get_data(tables, question, a_view())).data] == [False]
    await deliver(tables, [a_message(records_of("other", "third", KEY, [30.0] * 15))])
    await close_windows(tables, back + LATENESS)
    assert [(i.average, i.final) for i in (await get_data(tables, question, a_view())).data] == [(20, True)]


async def test_late_data_count_and_leave_a_closed_window_closed(tables: Tables) -> None:
    await three_vms(tables)
    await close_windows(tables)
    await deliver(tables, [a_message(records_of("other", "third", KEY, [60.0] * 15))])
    await work_off(tables)
    (item,) = (await get_data(tables, Question([KEY], minutes=1), a_view())).data
    assert (item.average, item.count, item.final) == (30, 3, True)


async def test_one_vm_whose_clock_is_ahead_moves_nothing_for_others(tables: Tables) -> None:
    fleet = [record for n in range(20) for record in records_of(TENANT, f"v{n}", KEY, [10.0] * 12)]
    ahead = records_of("other", "third", KEY, {FIRST + minute * 60: 99.0 for minute in range(17)})
    await deliver(tables, [a_message(fleet), a_message(ahead)])
    await work_off(tables)
    now = FIRST + 12 * 60
    answer = await get_data(tables, Question([KEY], minutes=1), a_view(now))
    assert [(item.timestamp, item.count) for item in answer.data] == [(FIRST + 11 * 60, 21)]
    status = await status_of(tables, a_view(now))
    assert (status.newestMinute, status.ageSeconds) == (FIRST + 11 * 60, 30)
    (counter,) = await list_counters(tables, a_view(now))
    assert counter.newest == FIRST + 11 * 60
    asked = await get_data(tables, Question([KEY], start=FIRST, end=now + 3600), a_view(now))
    assert asked.end == FIRST + 16 * 60  # who asks for these minutes gets them


async def test_a_fixed_range_ends_at_the_newest_minute_at_the_latest(tables: Tables) -> None:
    await three_vms(tables)
    answer = await get_data(tables, Question([KEY], start=FIRST, end=NOW + 9999), a_view())
    assert (answer.start, answer.end, len(answer.data)) == (FIRST, FIRST + 14 * 60, 15)
    assert (await get_data(tables, Question([KEY], start=FIRST), a_view())).data == answer.data


async def test_a_range_without_data_is_empty(tables: Tables) -> None:
    await three_vms(tables)
    assert (await get_data(tables, Question([KEY], start=1000, end=2000), a_view())).data == []


async def test_a_final_range_without_any_final_minute_is_empty(tables: Tables) -> None:
    await three_vms(tables)
    answer = await get_data(tables, Question([KEY], start=FIRST, final=True), a_view())
    assert answer.data == []


async def test_a_vm_stands_beside_its_tenant_and_the_fleet(tables: Tables) -> None:
    await three_vms(tables)
    question = Question([KEY], minutes=20, interval=5, by="max")
    answer = await get_tenant_data(tables, question, TENANT, VM, a_view())
    assert [(item.PerfValue, item.tenantAverage, item.average, item.count) for item in answer.data] == [
        (10, 15, 30, 15),
        (10, 15, 15, 10),
        (10, 15, 15, 10),
        (10, 15, 15, 10),
    ]
    assert (answer.tenant, answer.vm) == (TENANT, VM)


async def test_a_vm_without_a_value_has_none(tables: Tables) -> None:
    await three_vms(tables)
    answer = await get_tenant_data(tables, Question([KEY], minutes=16), "other", "third", a_view())
    assert [item.PerfValue for item in answer.data] == [60] + [None] * 15
    assert [item.tenantAverage for item in answer.data] == [60] + [None] * 15


async def test_masked_names_may_come_with_plus_signs_decoded_to_blanks(tables: Tables) -> None:
    await three_vms(tables)
    tenant, vm = TENANT.replace("+", " "), VM.replace("+", " ")
    answer = await get_tenant_data(tables, Question([KEY], minutes=1), tenant, vm, a_view())
    assert (answer.tenant, answer.vm) == (TENANT, VM)
    assert [item.vm for item in await list_vms(tables, tenant, a_view())] == [VM, "second"]


@pytest.mark.parametrize(("key", "tenant", "vm"), [("a.b", TENANT, VM), (KEY, "nobody", VM), (KEY, "other", VM)])
async def test_what_was_never_seen_is_said_so(tables: Tables, key: str, tenant: str, vm: str) -> None:
    await three_vms(tables)
    with pytest.raises(NotFound):
        await get_tenant_data(tables, Question([key], minutes=1), tenant, vm, a_view())


async def test_the_status_tells_the_newest_minute_the_marks_and_the_quarantine(tables: Tables) -> None:
    empty = await status_of(tables, a_view())
    assert (empty.newestMinute, empty.ageSeconds, empty.dirtyMarks, empty.quarantinedToday) == (None, None, 0, 0)
    await three_vms(tables)
    await deliver(tables, [b"{", a_message(records_of("new", VM, KEY, [1.0]))])
    status = await status_of(tables, a_view(NOW + 60))
    assert (status.newestMinute, status.ageSeconds) == (NOW - 30, 60)
    assert (status.dirtyMarks, status.quarantinedToday) == (1, 1)


async def test_if_all_that_came_was_refused_the_status_says_why_and_what_to_do(tables: Tables) -> None:
    assert (await status_of(tables, a_view())).onlyRefused is None
    old = a_message([a_record(timestamp=1_648_637_647)])
    await deliver(tables, [old, b"{"])
    said = (await status_of(tables, a_view())).onlyRefused
    assert said
    assert (said.since, said.inputs) == (None, 2)
    advice = {each.reason: (each.count, each.advice) for each in said.reasons}
    assert advice["timestamp is older than samples are kept"][0] == 1
    assert "present time" in advice["timestamp is older than samples are kept"][1]
    (other,) = set(advice) - {"timestamp is older than samples are kept"}
    assert "quarantine" in advice[other][1]
    later = a_view(NOW + 24 * 3600)
    assert (await status_of(tables, later)).onlyRefused == said, "midnight makes no difference"


async def test_what_was_refused_among_accepted_samples_is_not_all_that_came(tables: Tables) -> None:
    await deliver(tables, [b"{", a_message(records_of("t", VM, KEY, [1.0] * 15))])
    assert (await status_of(tables, a_view())).onlyRefused is None, "the samples wait for averaging"
    await work_off(tables)
    assert (await status_of(tables, a_view(NOW + 1200))).onlyRefused is None
    await ingest(tables, [Message(b"{", "later", NOW + 60)], HORIZON)
    said = (await status_of(tables, a_view(NOW + 1201))).onlyRefused
    assert said
    assert (said.since, said.inputs) == (NOW, 1), "what was refused before the newest minute was not all"


@pytest.mark.parametrize(
    ("share", "seconds_ago", "told"), [(0.4, 0, 0.4), (0.4, 59, 0.4), (0.4, 60, None), (1.0, 0, None)]
)
async def test_the_status_tells_how_far_a_sample_fleet_is_filled_while_something_fills_it(
    tables: Tables, share: float, seconds_ago: int, told: float | None
) -> None:
    assert (await status_of(tables, a_view())).sampleFleetFilled is None
    await tables.cursors.write_filling(Filling(share, NOW - seconds_ago))
    assert (await status_of(tables, a_view(NOW))).sampleFleetFilled == told


async def test_a_status_without_a_readable_filling_is_a_status(tables: Tables) -> None:
    await tables.cursors.documents.upsert(MARKS, "cursors", "filling", {"share": "much"})
    assert (await status_of(tables, a_view())).sampleFleetFilled is None
