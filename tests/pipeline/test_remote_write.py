"""Remote write over the pipeline: every final minute arrives once, whatever dies, refuses, hangs or comes late."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

import pytest

from domain.errors import Misconfigured, Unavailable
from domain.minutes import DAY, HOUR, WINDOW, minutes_of
from domain.remote_write import Cursor, request_body
from pipeline.queries.charts import Question, get_data
from pipeline.queries.groups import GroupsQuestion, get_groups
from pipeline.queries.status import status
from pipeline.queries.windows import Windows
from pipeline.remote_write import COUNTERS_A_REQUEST, send
from storage.documents import Corrupt
from storage.schema import MARKS
from storage.tables import Tables
from tests.builders import KEY, LATENESS, NOW, WINDOW_START, a_message, a_view, records_of
from tests.peers.prometheus import FakeReceiver, Samples, groups_as_samples, points_as_samples
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.steps import close_windows, deliver, work_off

LATER = NOW + LATENESS
"""When the windows of data that came by NOW have closed."""

WINDOWS = tuple(WINDOW_START - back * WINDOW for back in (3, 2, 1, 0))
OTHER = "win_mem.available"

SERIES = 7 + 3 + 2 * 4
"""The time series of a counter: gauges, quantiles, and the two groups that these VMs are in."""

A_COUNTERS = 15 * 10 + 2 * 4
"""The samples of a counter in a window."""


def a_body(windows: Iterable[int], vm: str = "v", keys: Sequence[str] = (KEY, OTHER), tenant: str = "t") -> bytes:
    """A VM's windows, each value another."""
    return a_message(
        record
        for key in keys
        for window in windows
        for record in records_of(tenant, vm, key, [len(key) + len(vm) + at / 7 for at in range(15)], window)
    )


async def pushed(tables: Tables, *bodies: bytes, closed_at: int = LATER) -> None:
    """Ingest, average, and close what is due."""
    await deliver(tables, bodies)
    await work_off(tables)
    await close_windows(tables, closed_at)


async def begun(tables: Tables) -> None:
    """Let remote write begin with the oldest of WINDOWS."""
    await tables.cursors.write_remote_write(Cursor(WINDOWS[0] - WINDOW), None)


async def the_charts(tables: Tables, keys: Sequence[str] = (KEY, OTHER)) -> Samples:
    """What get-data and get-groups say of all that is final, as remote write names it."""
    question = Question(keys, start=WINDOWS[0] - HOUR, end=NOW, final=True, percentiles=(50, 95, 99))
    items = (await get_data(tables, question, a_view())).data
    found: Samples = points_as_samples(asdict(item) for item in items)
    for key in keys:
        for by in ("Region", "MachineSize"):
            asked = GroupsQuestion(key, by, Windows(start=WINDOWS[0], end=NOW - 1))
            rows = (await get_groups(tables, asked, a_view())).data
            found = {**found, **groups_as_samples(key, by, [asdict(row) for row in rows if row.final])}
    return found


async def test_every_final_minute_arrives_and_no_other(tables: Tables) -> None:
    receiver = FakeReceiver()
    await begun(tables)
    await pushed(tables, a_body(WINDOWS), a_body(WINDOWS[:2], "w", tenant="u"))
    await deliver(tables, [a_body([NOW])])
    await work_off(tables)  # its window is open
    done = await send(tables, receiver, LATER)
    assert tuple(done.windows) == WINDOWS
    assert receiver.head.samples == await the_charts(tables)
    assert done.samples == sum(map(len, receiver.head.samples.values())) == 4 * 2 * A_COUNTERS
    assert (done.refused, done.late, done.problem) == (0, [], None)
    assert not (await send(tables, receiver, LATER)).windows
    found = (await status(tables, a_view())).remoteWrite
    assert found
    assert (found.window, found.lateRows, found.refusedSamples, found.problem) == (WINDOWS[-1], 0, 0, None)


async def test_blocks_of_15_minutes_arrive_as_they_close(memory: MemoryDocuments) -> None:
    tables, receiver = Tables(memory), FakeReceiver()
    await begun(tables)
    for window in WINDOWS:
        await pushed(tables, a_body([window]))
        assert (await send(tables, receiver, LATER)).windows == [window]
    assert receiver.head.samples == await the_charts(tables)


async def test_where_windows_have_closed_already_the_past_is_not_sent(memory: MemoryDocuments) -> None:
    tables, receiver = Tables(memory), FakeReceiver()
    await pushed(tables, a_body(WINDOWS[:3]))
    await send(tables, receiver, NOW)
    await pushed(tables, a_body(WINDOWS[3:]))
    assert (await send(tables, receiver, LATER)).windows == [WINDOWS[3]]
    assert {at // 1000 for samples in receiver.head.samples.values() for at in samples} == {*minutes_of(WINDOWS[3])}


class Died(Exception):
    """The process was killed."""


async def test_whichever_call_a_kill_comes_before_or_after_nothing_is_missing_and_nothing_differs() -> None:
    """Kills a run at each of its calls, of the store and of the receiver, and lets a next one go on."""
    expected: Samples | None = None
    kill_at = 0
    while True:
        memory = MemoryDocuments()
        tables, receiver = Tables(memory), FakeReceiver()
        await begun(tables)
        await pushed(tables, a_body(WINDOWS))
        expected = expected or await the_charts(tables)
        kill_at += 1
        calls = 0

        async def hook(call: str, table: str, document_id: str) -> None:  # noqa: ARG001
            nonlocal calls
            calls += 1
            if calls == kill_at:  # noqa: B023
                raise Died

        memory.hook = hook
        try:
            await send(tables, receiver, LATER)
        except Died:
            killed = True
        else:
            killed = False
        calls = -1_000_000
        await send(tables, receiver, LATER)
        assert receiver.head.samples == expected, f"killed at call {kill_at}"
        sent = {request_body([each]) for series in receiver.requests for each in series}
        assert len(sent) == len(WINDOWS) * len(expected), "what was sent is sent again identical"
        if not killed:
            break
    assert kill_at > 40


async def test_what_was_sent_and_not_noted_does_not_stand_in_the_way_of_what_came_since(
    memory: MemoryDocuments,
) -> None:
    """Killed after sending; then late data bring another counter and other averages to the same, closed window."""
    tables, receiver = Tables(memory), FakeReceiver()
    await begun(tables)
    await pushed(tables, a_body(WINDOWS[:1]))

    async def hook(call: str, table: str, document_id: str) -> None:  # noqa: ARG001
        if call == "before replace" and table == MARKS:
            raise Died

    memory.hook = hook
    with pytest.raises(Died):
        await send(tables, receiver, LATER)
    memory.hook = MemoryDocuments().hook
    before = {labels: dict(samples) for labels, samples in receiver.head.samples.items()}
    assert before
    await pushed(tables, a_body(WINDOWS[:1], "late", [KEY, "win_a.new"]))
    done = await send(tables, receiver, LATER)
    after = receiver.head.samples
    assert {labels: after[labels] for labels in before} == before
    assert {dict(labels)["perf_name"] for labels in after.keys() - before.keys()} == {"new"}
    assert done.refused == 2 * A_COUNTERS
    assert done.windows == [WINDOWS[0]]


async def test_counters_travel_some_at_a_time_and_the_cursor_moves_with_them(memory: MemoryDocuments) -> None:
    tables, receiver = Tables(memory), FakeReceiver()
    await begun(tables)
    keys = [f"win_x.p{number:02}" for number in range(2 * COUNTERS_A_REQUEST + 5)]
    await pushed(tables, a_body(WINDOWS[:1], keys=keys))
    await send(tables, receiver, LATER, lambda: len(receiver.requests) < 2)
    assert [len(series) for series in receiver.requests] == [COUNTERS_A_REQUEST * SERIES] * 2
    done = await send(tables, receiver, LATER)
    assert done.windows == [WINDOWS[0]]
    assert len(receiver.requests) == 3
    assert receiver.head.samples == await the_charts(tables, keys)


@pytest.mark.parametrize(
    ("error", "must_act"), [(Unavailable("busy", 90), False), (Misconfigured("the receiver answered 401"), True)]
)
async def test_a_receiver_that_can_not_take_anything_now_loses_nothing(
    memory: MemoryDocuments, error: Unavailable, must_act: bool
) -> None:
    tables, receiver = Tables(memory), FakeReceiver(fails=[error])
    await begun(tables)
    await pushed(tables, a_body(WINDOWS))
    done = await send(tables, receiver, LATER)
    assert (done.problem, done.must_act, done.windows) == (str(error), must_act, [])
    told = (await status(tables, a_view())).remoteWrite
    assert told
    assert (told.problem, told.notBefore) == (str(error), LATER + error.retry_after)
    await send(tables, receiver, LATER + int(error.retry_after) - 1)
    assert len(receiver.requests) == 1, "it was asked to be left alone"
    assert tuple((await send(tables, receiver, LATER + int(error.retry_after))).windows) == WINDOWS
    assert receiver.head.samples == await the_charts(tables)
    told = (await status(tables, a_view())).remoteWrite
    assert told
    assert (told.problem, told.notBefore) == (None, None)


async def test_one_window_is_waited_for_and_one_behind_the_cursor_is_counted(memory: MemoryDocuments) -> None:
    tables, receiver = Tables(memory), FakeReceiver()
    await begun(tables)
    await pushed(tables, a_body(WINDOWS[:1]), a_body(WINDOWS[2:3]))
    assert (await send(tables, receiver, LATER)).windows == [WINDOWS[0], WINDOWS[2]]
    await pushed(tables, a_body(WINDOWS[3:]), closed_at=LATER)
    await pushed(tables, a_body(WINDOWS[1:2]), closed_at=NOW)  # open still
    done = await send(tables, receiver, LATER)
    assert (done.windows, done.late) == ([WINDOWS[3]], [])
    await close_windows(tables, LATER)
    for late in ([WINDOWS[1]], []):
        done = await send(tables, receiver, LATER)
        assert (done.windows, done.late) == ([], late)
    told = (await status(tables, a_view())).remoteWrite
    assert told
    assert told.lateRows == 2 * 15
    assert {at // 1000 for at in next(iter(receiver.head.samples.values()))} == {
        at for window in (WINDOWS[0], *WINDOWS[2:]) for at in minutes_of(window)
    }


async def test_a_window_that_opens_while_it_is_read_is_sent_when_it_has_closed(memory: MemoryDocuments) -> None:
    tables, receiver = Tables(memory), FakeReceiver()
    await begun(tables)
    await pushed(tables, a_body(WINDOWS[1:]))
    came = False

    async def hook(call: str, table: str, document_id: str) -> None:  # noqa: ARG001
        nonlocal came
        if call == "after scan" or (call == "before scan" and table == "report"):
            first, came = not came, True
            if first:
                await deliver(tables, [a_body(WINDOWS[:1])])
                await work_off(tables)

    memory.hook = hook
    assert (await send(tables, receiver, LATER)).windows == []
    assert came
    await close_windows(tables, LATER)
    assert tuple((await send(tables, receiver, LATER)).windows) == WINDOWS
    assert receiver.head.samples == await the_charts(tables)


async def test_two_runs_at_once_come_to_the_same(memory: MemoryDocuments) -> None:
    tables, receiver = Tables(memory), FakeReceiver()
    await begun(tables)
    await pushed(tables, a_body(WINDOWS))
    inner = 0

    async def hook(call: str, table: str, document_id: str) -> None:  # noqa: ARG001
        nonlocal inner
        if call == "before replace" and table == MARKS and not inner:
            inner = 1
            await send(tables, receiver, LATER)

    memory.hook = hook
    await send(tables, receiver, LATER)
    assert inner
    await send(tables, receiver, LATER)
    assert receiver.head.samples == await the_charts(tables)
    told = (await status(tables, a_view())).remoteWrite
    assert told
    assert (told.window, told.lateRows) == (WINDOWS[-1], 0)


async def test_where_nothing_has_closed_yet_the_last_day_is_sent_and_what_is_empty_passed_over(
    memory: MemoryDocuments,
) -> None:
    tables, receiver = Tables(memory), FakeReceiver()
    await send(tables, receiver, NOW)
    old = NOW - DAY + WINDOW
    await pushed(tables, a_body([old]))
    await pushed(tables, a_body(WINDOWS[3:]))
    assert (await send(tables, receiver, LATER)).windows == [old, WINDOWS[3]]


async def test_a_corrupt_cursor_holds_up_remote_write_and_is_told(memory: MemoryDocuments) -> None:
    tables, receiver = Tables(memory), FakeReceiver()
    await begun(tables)
    await memory.upsert(MARKS, "cursors", "remote-write", {"window": "soon"})
    with pytest.raises(Corrupt, match="remote-write of the table marks"):
        await send(tables, receiver, LATER)
    told = (await status(tables, a_view())).remoteWrite
    assert told
    assert "is corrupt" in str(told.problem)
    assert receiver.requests == []
