"""Ingest and averaging together: what must always hold (DESIGN, section 6), against an independent calculation."""

import dataclasses
import gzip
import json
import random
from itertools import chain, repeat
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import wire
from domain.errors import Unavailable
from domain.minutes import WINDOW, minutes_of
from domain.refusals import MOST_KEPT
from domain.samples import MOST_COUNTERS
from pipeline.averaging import average
from pipeline.ingest import Message, ingest
from pipeline.quarantine import reingest
from pipeline.queries.status import status as status_of
from pipeline.refusals import KEPT_WHOLE, whole_of
from storage.schema import REPORT, ROLLUPS
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS, TENANTS, vms_of
from storage.tables.marks import Mark
from tests.builders import HORIZON, KEY, NOW, TENANT, TIMES, VM, WINDOW_START, a_message, a_record, a_view, records_of
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.oracle import report_of, samples_of
from tests.pipeline.steps import deliver, the_report, work_off


def a_fleet(seed: int = 1, tenants: int = 3, vms: int = 4, windows: int = 2) -> list[bytes]:
    """Messages of a small fleet, one per VM and window, with gaps and awkward fractions."""
    chance = random.Random(seed)  # noqa: S311
    messages = []
    for tenant in range(tenants):
        for vm in range(vms):
            for window in range(windows):
                start = WINDOW_START - window * WINDOW
                records = []
                for key in (KEY, "win_mem.available_bytes", "win_service.WinDefend"):
                    values = {at: chance.uniform(0, 100) for at in minutes_of(start) if chance.random() < 0.8}
                    records += records_of(f"t/{tenant}+==1", f"v/{vm}", key, values)
                messages.append(a_message(records, zipped=chance.random() < 0.5))
    return messages


def plain(bodies: list[bytes]) -> list[bytes]:
    import gzip  # noqa: PLC0415

    return [gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body for body in bodies]


async def test_the_report_is_exactly_that_of_an_independent_calculation(tables: Tables) -> None:
    bodies = a_fleet()
    await deliver(tables, bodies)
    await work_off(tables)
    assert await the_report(tables) == report_of(samples_of(plain(bodies)))


async def test_order_grouping_and_duplicates_make_no_difference_not_even_of_a_bit(tables: Tables) -> None:
    bodies = a_fleet()
    chance = random.Random(7)  # noqa: S311
    deliveries = bodies * 3
    chance.shuffle(deliveries)
    while deliveries:
        size = chance.randint(1, 9)
        await deliver(tables, deliveries[:size])
        deliveries = deliveries[size:]
        if chance.random() < 0.5:
            await average(tables, TIMES)
    await work_off(tables)

    straight = Tables(MemoryDocuments())
    await deliver(straight, bodies)
    await work_off(straight)

    for key in await straight.catalogue.entries(COUNTERS):
        assert await tables.report.rows(key, 0, NOW) == await straight.report.rows(key, 0, NOW)
    assert await the_report(tables) == report_of(samples_of(plain(bodies)))


async def test_the_same_message_five_times_counts_once(tables: Tables) -> None:
    body = a_message(records_of(TENANT, VM, KEY, [5] * 15))
    first = await deliver(tables, [body])
    for _ in range(4):
        again = await deliver(tables, [body])
        assert again.written == 0
    await work_off(tables)
    assert first.written == 1
    assert {row["count"] for row in (await the_report(tables)).values()} == {1}


async def test_late_data_counts(tables: Tables) -> None:
    on_time = a_message(records_of("t1", "v", KEY, [10] * 15))
    late = a_message(records_of("t2", "v", KEY, [20] * 15))
    await deliver(tables, [on_time])
    await work_off(tables)
    newer = a_message(records_of("t1", "v", KEY, [1] * 15, WINDOW_START - WINDOW))
    await deliver(tables, [newer])
    await work_off(tables)
    await deliver(tables, [late])
    await work_off(tables)
    report = await the_report(tables)
    assert {report[KEY, at]["average"] for at in minutes_of(WINDOW_START)} == {15}


async def test_where_two_messages_contradict_each_other_the_later_wins(tables: Tables) -> None:
    await deliver(tables, [a_message(records_of(TENANT, VM, KEY, [1, 1]))])
    await deliver(tables, [a_message(records_of(TENANT, VM, KEY, [9]))])
    await work_off(tables)
    report = await the_report(tables)
    assert [report[KEY, at]["average"] for at in list(minutes_of(WINDOW_START))[:2]] == [9, 1]


@pytest.mark.parametrize("apart", [True, False], ids=["in two batches", "in one batch"])
async def test_two_halves_of_a_vms_window_make_one(tables: Tables, apart: bool) -> None:
    early: dict[int, float] = {}
    late: dict[int, float] = {}
    for index, at in enumerate(minutes_of(WINDOW_START)):
        (early if index < 7 else late)[at] = float(index)
    halves = [a_message(records_of(TENANT, VM, KEY, half)) for half in (late, early)]
    for batch in [[half] for half in halves] if apart else [halves]:
        await deliver(tables, batch)
    stored = await tables.samples.read(TENANT, VM, WINDOW_START)
    assert stored
    assert stored.value.series[KEY] == [float(index) for index in range(15)]


async def test_two_halves_of_a_vms_window_at_the_same_moment_make_one(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    minutes = list(minutes_of(WINDOW_START))
    halves = [a_message(records_of(TENANT, VM, KEY, dict.fromkeys(half, 1.0))) for half in (minutes[:7], minutes[7:])]
    second = [halves[1]]

    async def meanwhile(call: str, table: str, document_id: str) -> None:  # noqa: ARG001
        if call == "after read" and table == "samples" and second:
            await deliver(tables, [second.pop()])

    await deliver(tables, [a_message(records_of(TENANT, VM, KEY, {minutes[0]: 1.0}))])
    memory.hook = meanwhile
    await deliver(tables, [halves[0]])
    assert not second
    stored = await tables.samples.read(TENANT, VM, WINDOW_START)
    assert stored
    assert stored.value.series[KEY] == [1.0] * 15


BAD_RECORDS: list[dict[str, Any]] = [
    a_record(PerfValue="1"),
    a_record(PerfType="win.disk"),
    a_record(timestamp=NOW * 1000),
    a_record(timestamp=NOW + 3600),
    a_record(timestamp=NOW - 2 * 365 * 86_400),
]


@pytest.mark.parametrize("bad", BAD_RECORDS, ids=["type", "dot", "milliseconds", "future", "old"])
async def test_a_bad_sample_is_quarantined_and_its_neighbours_are_stored(tables: Tables, bad: dict[str, Any]) -> None:
    good = records_of(TENANT, VM, KEY, [1.0] * 15)
    done = await deliver(tables, [a_message([*good[:7], bad, *good[7:]])])
    assert (done.samples, done.refused) == (15, 1)
    (message,) = [each async for each in tables.quarantine.messages("2026-09-21")]
    assert (message.message_id, list(message.reasons.values())) == ("m0", [1])
    (kept,) = await tables.quarantine.inputs(message)
    assert kept.reason in message.reasons
    value = bad["PerfValue"] if isinstance(bad["PerfValue"], str) else float(bad["PerfValue"])
    assert (kept.position, json.loads(kept.input)) == (7, {**bad, "PerfValue": value})
    await work_off(tables)
    assert len(await the_report(tables)) == 15


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"metrics": 1}'])
async def test_an_unreadable_message_is_quarantined_whole_and_the_others_are_stored(
    tables: Tables, body: bytes
) -> None:
    done = await deliver(tables, [body, a_message(records_of(TENANT, VM, KEY, [1.0]))])
    assert (done.messages, done.samples, done.refused) == (2, 1, 1)
    assert len([each async for each in tables.quarantine.messages("2026-09-21")]) == 1


async def test_of_many_refusals_of_one_message_all_are_counted_and_the_first_are_kept_beside_the_message(
    tables: Tables,
) -> None:
    future = [a_record(timestamp=NOW + 9999 + n, PerfName="x" * 20) for n in range(3000)]
    body = a_message([*future, a_record(PerfType="a.b")])
    for _ in range(2):
        done = await deliver(tables, [body])
        assert done.refused == 3001
        (message,) = [each async for each in tables.quarantine.messages("2026-09-21")]
        assert sorted(message.reasons.values()) == [1, 3000]
        whole, *kept = await tables.quarantine.inputs(message)
        assert whole.reason == KEPT_WHOLE
        assert wire.unpack(whole_of(whole) or b"") == body
        assert [each.position for each in kept] == list(range(len(kept)))
        assert 500 < len(kept) <= MOST_KEPT


async def test_seventy_thousand_tiny_refusals_in_two_hundred_bytes_harm_nobody(tables: Tables) -> None:
    bomb = gzip.compress(b'{"metrics":[0' + b",0" * 70_000 + b"]}")
    done = await deliver(tables, [a_message(records_of(TENANT, VM, KEY, [1.0])), bomb])
    assert (done.samples, done.refused) == (1, 70_001)
    await work_off(tables)
    assert (KEY, WINDOW_START + 30) in await the_report(tables)


async def test_where_our_code_fails_on_a_message_it_alone_goes_into_quarantine(
    memory: MemoryDocuments, caplog: pytest.LogCaptureFixture
) -> None:
    bodies = [a_message(records_of(TENANT, f"v{number}", KEY, [1.0])) for number in range(3)]

    async def fail(call: str, table: str, document_id: str) -> None:
        if call == "before create" and table == "samples" and document_id.endswith("_v1") and fails:
            fails.pop()
            raise ValueError("a fault of ours")

    fails = [1, 2]  # once with the others, once alone
    memory.hook = fail
    tables = Tables(memory)
    done = await deliver(tables, bodies)
    assert (done.messages, done.samples, done.refused) == (3, 2, 1)
    assert list(done.reasons) == ["ingest fails on it: ValueError (the log says where)"]
    assert "a fault of ours" in caplog.text
    (message,) = [each async for each in tables.quarantine.messages("2026-09-21")]
    assert await reingest(tables, message, HORIZON) == (1, 0)
    await work_off(tables)
    assert (await the_report(tables))[KEY, WINDOW_START + 30]["count"] == 3


async def test_what_is_tried_again_does_not_replace_what_came_in_the_meantime(tables: Tables) -> None:
    first = [a_record(PerfValue=1.0), *[a_record(timestamp=NOW + 9999, PerfName="p" * n) for n in range(1, 250)] * 6]
    await deliver(tables, [a_message(first)])
    await deliver(tables, [a_message([a_record(PerfValue=2.0)])])
    (message,) = [each async for each in tables.quarantine.messages("2026-09-21")]
    await reingest(tables, message, HORIZON)
    stored = await tables.samples.read(TENANT, VM, WINDOW_START)
    assert stored
    assert stored.value.series[KEY][0] == 2.0


async def test_a_store_that_refuses_one_messages_tenant_lets_the_others_be_done(memory: MemoryDocuments) -> None:
    bodies = [a_message(records_of(f"t{number}", VM, KEY, [1.0])) for number in range(5)]

    async def refuse(call: str, table: str, document_id: str) -> None:
        if call == "before upsert" and table == "marks" and document_id.endswith("_t1"):
            raise Unavailable("injected")

    memory.hook = refuse
    with pytest.raises(Unavailable):
        await deliver(Tables(memory), bodies)
    assert [mark.value.tenant for mark in await Tables(memory).marks.read()] == ["t0", "t2", "t3", "t4"]


@pytest.mark.parametrize("size", [249_000, 256_000, 262_144, 999_000, 3_000_000])
async def test_an_unreadable_message_of_any_size_is_kept_whole_and_can_be_tried_again(
    tables: Tables, size: int
) -> None:
    record = a_record(timestamp=NOW + 3600, PerfName="p")
    good = a_message([record] * (size // 250))
    body = good[:-2] + b"!" * 3
    await deliver(tables, [body])
    (message,) = [each async for each in tables.quarantine.messages("2026-09-21")]
    (kept,) = await tables.quarantine.inputs(message)
    assert wire.unpack(whole_of(kept) or b"") == body
    assert await reingest(tables, message, HORIZON) == (0, 1)


async def test_a_redelivered_bad_message_is_quarantined_once(tables: Tables) -> None:
    for _ in range(3):
        await deliver(tables, [b"{"])
    assert len([each async for each in tables.quarantine.messages("2026-09-21")]) == 1


async def test_a_vm_with_too_many_counters_keeps_those_that_fit_and_harms_nobody(memory: MemoryDocuments) -> None:
    tables = Tables(memory)

    def counters(first: int) -> bytes:
        records = (a_record(PerfName=f"p{number}") for number in range(first, first + MOST_COUNTERS))
        return a_message(records)

    await deliver(tables, [counters(0)])
    others = [a_message(records_of("t", vm, KEY, [1.0])) for vm in ("v", "w")]
    done = await deliver(tables, [counters(10), *others])
    assert (done.written, done.refused) == (2, 10)
    stored = await tables.samples.read(TENANT, VM, WINDOW_START)
    assert stored
    assert set(stored.value.series) == {f"win_cpu.p{number}" for number in range(MOST_COUNTERS)}
    (message,) = [each async for each in tables.quarantine.messages("2026-09-21")]
    assert list(message.reasons) == ["the VM has more than 1,000 counters in this window"]
    await work_off(tables)
    assert (KEY, WINDOW_START + 30) in await the_report(tables)


async def test_sums_that_outgrow_a_document_cost_only_the_rarest_counters(memory: MemoryDocuments) -> None:
    """Values of wildly different magnitudes, in every counter that there is room for: a sum of them has many terms."""
    tables = Tables(memory)

    def wild(vm: int) -> bytes:
        return a_message(
            record
            for counter in range(MOST_COUNTERS)
            for record in records_of("wild", f"v{vm}", f"a.p{counter:04d}", [10.0 ** (17 * vm)] * 15)
        )

    for vm in range(10):
        await deliver(tables, [wild(vm)])
    tame = [a_message(records_of(f"t{number}", "v", KEY, [1.0])) for number in range(12)]
    await deliver(tables, tame)
    await work_off(tables)
    report = await the_report(tables)
    assert report[KEY, WINDOW_START + 30]["count"] == 12
    kept = {key for key, _ in report} - {KEY}
    assert MOST_COUNTERS / 4 <= len(kept) < MOST_COUNTERS
    assert {row["count"] for (key, _), row in report.items() if key in kept} == {10}
    await tables.marks.set(Mark("wild", WINDOW_START))
    assert (await average(tables, TIMES)).rows == 0  # and it is settled


async def test_averaging_writes_only_rows_that_changed(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    await deliver(tables, a_fleet())
    await work_off(tables)
    written = []

    async def watch(call: str, table: str, document_id: str) -> None:
        if call in ("before create", "before replace") and table == REPORT:
            written.append(document_id)

    memory.hook = watch
    await deliver(tables, a_fleet())
    await work_off(tables)
    assert written == []
    at = minutes_of(WINDOW_START)[3]
    await deliver(tables, [a_message(records_of("new", "v", KEY, {at: 1000.0}))])
    await work_off(tables)
    assert written == [str(WINDOW_START)]
    assert (await the_report(tables))[KEY, at]["max"] == 1000


async def test_averaging_without_time_works_newest_first_and_leaves_the_rest(tables: Tables) -> None:
    windows = [WINDOW_START - back * WINDOW for back in range(5)]
    await deliver(tables, [a_message(records_of("t", "v", KEY, [1.0], window)) for window in windows])
    turns = chain([1, 2], repeat(0))
    done = await average(tables, TIMES, lambda: bool(next(turns)))
    assert (done.marks, done.left, done.windows, done.tenants) == (2, 3, windows[:2], ["t"])
    assert {at for _, at in await the_report(tables)} == {window + 30 for window in windows[:2]}
    assert (await average(tables, TIMES, lambda: False)).left == 3
    assert (await average(tables, TIMES)).left == 0
    assert {at for _, at in await the_report(tables)} == {window + 30 for window in windows}


async def test_averaging_reads_the_samples_of_dirty_tenants_only(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    await deliver(tables, a_fleet())
    await work_off(tables)
    scanned = []

    async def watch(call: str, table: str, document_id: str) -> None:
        if call == "before scan" and table == "samples":
            scanned.append(document_id)

    memory.hook = watch
    await deliver(tables, [a_message(records_of("t/1+==1", "v/0", KEY, [1.0]))])
    await average(tables, TIMES)
    assert len(scanned) == 1


async def test_the_rows_of_samples_that_are_gone_go_too(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    await deliver(tables, [a_message(records_of(TENANT, VM, KEY, [1.0])), a_message(records_of("t", VM, "a.b", [2.0]))])
    await work_off(tables)
    stored = await tables.samples.read(TENANT, VM, WINDOW_START)
    assert stored
    await tables.samples.write(dataclasses.replace(stored.value, series={"a.c": [3.0] * 15}), stored.etag)
    await tables.marks.set(Mark(TENANT, WINDOW_START))
    await work_off(tables)
    assert {key for key, _ in await the_report(tables)} == {"a.b", "a.c"}


async def test_averaging_reads_each_changed_vm_window_once(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    read = []

    async def watch(call: str, table: str, document_id: str) -> None:
        if call in ("document", "after read") and table == "samples":
            read.append(document_id)

    await deliver(tables, a_fleet(tenants=3, vms=4, windows=2))
    memory.hook = watch
    await average(tables, TIMES)
    assert len(read) == 3 * 4 * 2


async def test_merging_touches_only_the_branches_of_dirty_tenants(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    await deliver(tables, a_fleet(tenants=40, vms=1, windows=1))
    await work_off(tables)
    read = []

    async def watch(call: str, table: str, document_id: str) -> None:
        if call == "document" and table == ROLLUPS:
            read.append(document_id)

    memory.hook = watch
    await deliver(tables, [a_message(records_of("t/1+==1", "v/0", KEY, [1.0]))])
    await average(tables, TIMES)
    tenants = [document_id for document_id in read if document_id.startswith("3_")]
    assert 1 <= len(tenants) <= 4  # of 40
    assert len(read) <= len(tenants) + 8 + 8


async def test_a_mark_that_is_set_while_averaging_survives_it(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    late = [a_message(records_of(TENANT, "late", KEY, [100.0]))]

    async def meanwhile(call: str, table: str, document_id: str) -> None:  # noqa: ARG001
        if call == "after scan" and table == "samples" and late:
            await deliver(tables, [late.pop()])

    await deliver(tables, [a_message(records_of(TENANT, VM, KEY, [0.0]))])
    memory.hook = meanwhile
    await average(tables, TIMES)
    assert len(await tables.marks.read()) == 1
    await work_off(tables)
    assert (await the_report(tables))[KEY, WINDOW_START + 30]["average"] == 50


async def test_an_old_result_never_stays_over_a_new_one(memory: MemoryDocuments) -> None:
    """While one run has read the rollups and not yet written the report, another tenant arrives and is averaged."""
    tables = Tables(memory)
    late = [a_message(records_of("other", VM, KEY, [100.0]))]

    async def meanwhile(call: str, table: str, document_id: str) -> None:  # noqa: ARG001
        if call == "after scan" and table == "rollups" and late:
            await deliver(tables, [late.pop()])
            await average(tables, TIMES)

    await deliver(tables, [a_message(records_of(TENANT, VM, KEY, [0.0]))])
    memory.hook = meanwhile
    await average(tables, TIMES)
    await work_off(tables)
    assert not late
    row = (await the_report(tables))[KEY, WINDOW_START + 30]
    assert (row["average"], row["count"], row["tenants"]) == (50, 2, 2)


async def test_a_run_that_finds_its_mark_gone_sets_it_again(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    once = [True]

    async def meanwhile(call: str, table: str, document_id: str) -> None:  # noqa: ARG001
        if call == "before delete" and table == "marks" and once:
            once.pop()
            await average(tables, TIMES)

    await deliver(tables, [a_message(records_of(TENANT, VM, KEY, [0.0]))])
    memory.hook = meanwhile
    await average(tables, TIMES)
    assert len(await tables.marks.read()) == 1


async def _interrupted(memory: MemoryDocuments, at: int, work: Any) -> bool:
    """Do the work with a failure at the given call of the store; tell whether it made so many calls."""
    calls = 0

    async def fail(call: str, table: str, document_id: str) -> None:  # noqa: ARG001
        nonlocal calls
        calls += 1
        if calls == at:
            raise Unavailable("injected")

    memory.hook = fail
    try:
        await work()
    except Unavailable:
        pass
    finally:
        memory.hook = MemoryDocuments().hook
    return calls >= at


async def test_a_failure_at_any_call_loses_nothing_and_counts_nothing_twice() -> None:
    bodies = [*a_fleet(tenants=2, vms=2, windows=1), b"{"]
    expected = report_of(samples_of(plain(bodies[:-1])))
    position, interrupted = 0, True
    while interrupted:
        position += 1
        memory = MemoryDocuments()
        tables = Tables(memory)

        async def attempt(tables: Tables = tables) -> None:
            await deliver(tables, bodies)
            await average(tables, TIMES)

        interrupted = await _interrupted(memory, position, attempt)
        # The queue delivers again, the timer fires again.
        await deliver(tables, bodies)
        await work_off(tables)
        assert await the_report(tables) == expected, f"after a failure at call {position}"
        assert len([each async for each in tables.quarantine.messages("2026-09-21")]) == 1
        assert len(await tables.catalogue.entries(TENANTS)) == 2
    assert position > 50


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(0, 14), st.floats(0, 9)), max_size=12))
@settings(max_examples=40, deadline=None)
async def test_any_samples_in_any_batches_give_the_oracles_report(samples: list[tuple[int, int, int, float]]) -> None:
    bodies = [
        a_message(records_of(f"t{tenant}", f"v{vm}", KEY, {WINDOW_START + 60 * minute: value}))
        for tenant, vm, minute, value in samples
    ]
    tables = Tables(MemoryDocuments())
    for body in bodies:
        await deliver(tables, [body])
        await average(tables, TIMES)
    await work_off(tables)
    assert await the_report(tables) == report_of(samples_of(bodies))


async def test_the_catalogue_lists_counters_tenants_and_vms_with_their_newest_minutes(tables: Tables) -> None:
    await deliver(tables, [a_message(records_of(TENANT, VM, KEY, [1.0] * 3))])
    await work_off(tables)
    newest = WINDOW_START + 30 + 120
    for kind, name in ((COUNTERS, KEY), (TENANTS, TENANT), (vms_of(TENANT), VM)):
        entries = await tables.catalogue.entries(kind)
        assert {found: entry.value.newest for found, entry in entries.items()} == {name: newest}


async def test_ingesting_one_new_vm_window_is_one_write(memory: MemoryDocuments) -> None:
    calls = []

    async def watch(call: str, table: str, document_id: str) -> None:  # noqa: ARG001
        if call.startswith("before"):
            calls.append((call, table))

    tables = Tables(memory)
    await deliver(tables, [a_message(records_of(TENANT, "another", KEY, [1.0]))])  # who sends is known by then
    memory.hook = watch
    messages = [Message(a_message(records_of(TENANT, VM, KEY, [1.0] * 15)), "m", NOW)]
    await ingest(tables, messages, HORIZON)
    assert calls == [("before create", "samples"), ("before upsert", "marks")]


async def test_counters_for_which_the_fleet_has_no_room_are_told_and_have_no_rows_whoever_came_first(
    memory: MemoryDocuments,
) -> None:
    def brought_by(tenant: str) -> bytes:
        return a_message(record for n in range(700) for record in records_of(tenant, "v", f"{tenant}.{n:03}", [1.0]))

    other = MemoryDocuments()
    for documents, tenants in ((memory, ("t0", "t1")), (other, ("t1", "t0"))):
        tables = Tables(documents)
        for tenant in tenants:
            await deliver(tables, [brought_by(tenant)])
            done = await average(tables, TIMES)
        assert sum(each.count for each in done.omitted) == 2 * 700 - MOST_COUNTERS
        assert sum((await status_of(tables, a_view())).omissions.values()) == 2 * 700 - MOST_COUNTERS
    report = await the_report(Tables(memory))
    assert len(report) == MOST_COUNTERS
    assert report == await the_report(Tables(other))
