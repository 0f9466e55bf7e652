"""Queries over a small fleet, whose every figure can be worked out by hand."""

import pytest

from domain.errors import NeverSeen
from domain.minutes import WINDOW
from pipeline import queries
from pipeline.queries import Question
from storage.tables import Tables
from tests.builders import GRACE, KEY, NOW, TENANT, VM, WINDOW_START, a_message, a_view, records_of
from tests.pipeline.steps import deliver, work_off

FIRST = WINDOW_START + 30


async def three_vms(tables: Tables) -> None:
    """Two VMs of one tenant for two windows; one of another whose newest window is not pushed yet."""
    for window in (WINDOW_START - WINDOW, WINDOW_START):
        await deliver(tables, [a_message(records_of(TENANT, VM, KEY, [10.0] * 15, window))])
        await deliver(tables, [a_message(records_of(TENANT, "second", KEY, [20.0] * 15, window))])
    await deliver(tables, [a_message(records_of("other", "third", KEY, [60.0] * 15, WINDOW_START - WINDOW))])
    await work_off(tables)


async def test_the_latest_minutes_are_counted_from_the_newest_of_the_report(tables: Tables) -> None:
    await three_vms(tables)
    answer = await queries.get_data(tables, Question([KEY], minutes=17), a_view(NOW + 5 * 3600))
    assert (answer.start, answer.end) == (FIRST - 120, FIRST + 14 * 60)
    assert [item.average for item in answer.data] == [30, 30] + [15] * 15
    assert [item.count for item in answer.data] == [3, 3] + [2] * 15


async def test_a_minute_that_waits_for_a_tenant_says_its_coverage_and_that_it_is_not_final(tables: Tables) -> None:
    await three_vms(tables)
    answer = await queries.get_data(tables, Question([KEY], minutes=16), a_view())
    assert [(round(item.coverage or 0, 3), item.final) for item in answer.data] == [(1, True)] + [(0.667, False)] * 15


async def test_final_leaves_out_what_is_not_final_and_counts_from_the_newest_that_is(tables: Tables) -> None:
    await three_vms(tables)
    answer = await queries.get_data(tables, Question([KEY], minutes=3, final=True), a_view())
    assert [item.timestamp for item in answer.data] == [FIRST - 180, FIRST - 120, FIRST - 60]
    assert answer.end == FIRST - 60


async def test_minutes_become_final_as_time_passes(tables: Tables) -> None:
    await three_vms(tables)
    answer = await queries.get_data(tables, Question([KEY], minutes=3, final=True), a_view(FIRST + 30 + GRACE + 60))
    assert answer.end == FIRST + 60


async def test_a_fixed_range_ends_at_the_newest_minute_at_the_latest(tables: Tables) -> None:
    await three_vms(tables)
    answer = await queries.get_data(tables, Question([KEY], start=FIRST, end=NOW + 9999), a_view())
    assert (answer.start, answer.end, len(answer.data)) == (FIRST, FIRST + 14 * 60, 15)
    assert (await queries.get_data(tables, Question([KEY], start=FIRST), a_view())).data == answer.data


async def test_a_range_without_data_is_empty(tables: Tables) -> None:
    await three_vms(tables)
    assert (await queries.get_data(tables, Question([KEY], start=1000, end=2000), a_view())).data == []


async def test_a_final_range_without_any_final_minute_is_empty(tables: Tables) -> None:
    await three_vms(tables)
    answer = await queries.get_data(tables, Question([KEY], start=FIRST, final=True), a_view())
    assert answer.data == []


async def test_a_vm_stands_beside_its_tenant_and_the_fleet(tables: Tables) -> None:
    await three_vms(tables)
    question = Question([KEY], minutes=20, interval=5, by="max")
    answer = await queries.get_tenant_data(tables, question, TENANT, VM, a_view())
    assert [(item.PerfValue, item.tenantAverage, item.average, item.count) for item in answer.data] == [
        (10, 15, 30, 15),
        (10, 15, 15, 10),
        (10, 15, 15, 10),
        (10, 15, 15, 10),
    ]
    assert (answer.tenant, answer.vm) == (TENANT, VM)


async def test_a_vm_without_a_value_has_none(tables: Tables) -> None:
    await three_vms(tables)
    answer = await queries.get_tenant_data(tables, Question([KEY], minutes=16), "other", "third", a_view())
    assert [item.PerfValue for item in answer.data] == [60] + [None] * 15
    assert [item.tenantAverage for item in answer.data] == [60] + [None] * 15


async def test_masked_names_may_come_with_plus_signs_decoded_to_blanks(tables: Tables) -> None:
    await three_vms(tables)
    tenant, vm = TENANT.replace("+", " "), VM.replace("+", " ")
    answer = await queries.get_tenant_data(tables, Question([KEY], minutes=1), tenant, vm, a_view())
    assert (answer.tenant, answer.vm) == (TENANT, VM)
    assert [item.vm for item in await queries.list_vms(tables, tenant, a_view())] == [VM, "second"]


@pytest.mark.parametrize(("key", "tenant", "vm"), [("a.b", TENANT, VM), (KEY, "nobody", VM), (KEY, "other", VM)])
async def test_what_was_never_seen_is_said_so(tables: Tables, key: str, tenant: str, vm: str) -> None:
    await three_vms(tables)
    with pytest.raises(NeverSeen):
        await queries.get_tenant_data(tables, Question([key], minutes=1), tenant, vm, a_view())


async def test_the_status_tells_the_newest_minute_the_marks_and_the_quarantine(tables: Tables) -> None:
    empty = await queries.status(tables, a_view())
    assert (empty.newestMinute, empty.ageSeconds, empty.dirtyMarks, empty.quarantinedToday) == (None, None, 0, 0)
    await three_vms(tables)
    await deliver(tables, [b"{", a_message(records_of("new", VM, KEY, [1.0]))])
    status = await queries.status(tables, a_view(NOW + 60))
    assert (status.newestMinute, status.ageSeconds) == (NOW - 30, 60)
    assert (status.dirtyMarks, status.quarantinedToday) == (1, 1)
