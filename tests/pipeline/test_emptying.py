"""Emptying the store: nothing of any tenant is left, whatever happens beside it, and nothing is disclosed again."""

import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.priced import PricedDocuments
from domain.closing import Progress, Times
from domain.errors import Unavailable
from domain.minutes import WINDOW, window_of
from domain.samples import FUTURE_TOLERANCE
from messaging.dead_letters import NoDeadLetters
from pipeline import emptying
from pipeline.averaging import average
from pipeline.closing import change
from pipeline.emptying import DOLLARS_A_MILLION_UNITS, Emptying
from pipeline.ingest import Message, ingest
from pipeline.operations import Done, Figures, OperationContext, carry_out, note, record_of
from pipeline.purge import Purge
from pipeline.queries.status import status
from storage.charges import metered
from storage.schema import ENROLMENT, MARKS, SAMPLES, schema
from storage.tables import Tables
from storage.tables.marks import Mark
from tests.builders import HORIZON, KEY, LATENESS, NOW, TIMES, WINDOW_START, a_message, a_view, records_of
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.steps import close_windows, deliver, enrol, the_report, work_off

TENANTS = [f"tenant-{number}" for number in range(6)]
BY = "ann@example.com"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emptying, "SETTLE_SECONDS", 0)


def context(tables: Tables, now: int = NOW, time_left: Callable[[], bool] = lambda: True) -> OperationContext:
    return OperationContext(tables, NoDeadLetters(), HORIZON, {}, NOW, replace(TIMES, now=now), time_left)


async def filled(tables: Tables) -> None:
    """An open and a closed window, disclosed figures, quarantine, senders, marks, and records of operations."""
    await enrol(tables, TENANTS)
    for back in (1, 0):
        bodies = [
            a_message(records_of(each, f"{each}-vm", KEY, [1.0] * 15, WINDOW_START - back * WINDOW)) for each in TENANTS
        ]
        await deliver(tables, bodies)
        await work_off(tables)
    await close_windows(tables)
    await deliver(tables, [b"{", a_message(records_of("unsigned", "vm", KEY, [2.0]))])
    await note(tables, record_of(Purge("tenant-0"), BY, NOW), NOW, {})


async def left(tables: Tables) -> set[tuple[str, str, str]]:
    """Where the documents lie that are left."""
    return {
        (table, place.partition, place.id) for table in schema(1, 1) async for place in tables.documents.places(table)
    }


def named(places: set[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    """Those that are more than the state of the work and the enrolment."""
    state = {(MARKS, "progress"), (MARKS, "cursors"), *ENROLMENT}
    return {place for place in places if place[:2] not in state}


async def emptied(tables: Tables, operation: Emptying | None = None) -> Figures:
    return await carry_out(operation or Emptying(), context(tables))


async def test_nothing_is_left_on_any_store_but_the_enrolment_and_how_far_the_work_has_come(tables: Tables) -> None:
    await filled(tables)
    before = await left(tables)
    figures = await emptied(tables)
    assert named(await left(tables)) == set()
    assert figures["documents"] == len(named(before))
    assert sorted((await tables.enrolments.register()).enrolled) == TENANTS
    told = await status(tables, a_view())
    assert (told.newestMinute, told.dirtyMarks, told.openWindows, told.quarantinedToday) == (None, 0, 0, 0)
    assert await emptied(tables) == {"documents": 0}, "it may be done twice"


async def test_the_enrolment_goes_only_if_that_is_asked(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    await filled(tables)
    await emptied(tables, Emptying(enrolment=True))
    assert {place[:2] for place in await left(tables)} == {(MARKS, "progress")}


async def test_a_table_and_a_partition_that_are_added_later_are_emptied_too(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    for table in schema(1, 1):
        await memory.create(table, "of a later version", "i", {})
    await emptied(tables)
    assert named(await left(tables)) == set()


async def test_records_of_emptyings_stay_and_those_of_others_go(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    await filled(tables)
    record = record_of(Emptying(), BY, NOW)
    await note(tables, record, NOW)
    await emptied(tables)
    assert [(each.value.kind, each.value.by) for each in await tables.operations.newest(9)] == [("empty", BY)]


async def test_a_dry_run_changes_nothing_and_tells_what_it_would_cost() -> None:
    memory = MemoryDocuments()
    priced = PricedDocuments(memory)
    tables = Tables(priced)
    await filled(tables)
    before = dict(memory._documents)
    counted = await emptied(tables, Emptying(dry_run=True))
    assert memory._documents == before
    with metered() as meter:
        removed = await emptied(tables)
    assert counted["documents"] == removed["documents"]
    spent = sum(tally.units for request, tally in meter.requests.items() if request.startswith("delete "))
    assert spent / 2 <= counted["requestUnits"] <= 4 * spent
    assert counted["dollarMillionths"] >= counted["requestUnits"] * DOLLARS_A_MILLION_UNITS
    assert counted["seconds"] >= 1


async def test_a_store_that_charges_nothing_costs_nothing(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    await filled(tables)
    assert (await emptied(tables, Emptying(dry_run=True))).keys() == {"documents"}


def test_the_price_is_that_of_the_price_list() -> None:
    prices = tomllib.loads((Path(__file__).parents[2] / "benchmarks/prices.toml").read_text())
    tables = [each for each in prices.values() if isinstance(each, dict)]
    found = [each["million_request_units"] for each in tables if "million_request_units" in each]
    assert found == [DOLLARS_A_MILLION_UNITS]


async def test_windows_up_to_then_are_never_closed_or_disclosed_again_and_later_ones_are(tables: Tables) -> None:
    await filled(tables)
    shown = await tables.disclosed.between(KEY, 0, NOW + WINDOW)
    assert shown[WINDOW_START]
    await emptied(tables)
    floor = window_of(NOW + FUTURE_TOLERANCE)
    later = floor + WINDOW
    for window in (WINDOW_START - WINDOW, WINDOW_START, floor, later):
        bodies = [a_message(records_of(each, f"{each}-vm", KEY, [7.0] * 15, window)) for each in TENANTS]
        received = window + WINDOW
        horizon = replace(HORIZON, newest=received + FUTURE_TOLERANCE)
        await ingest(tables, [Message(body, "m", received) for body in bodies], horizon)
        await average(tables, replace(TIMES, now=received))
    progress = await tables.progress.read()
    assert progress
    assert set(progress.value.opened) == {later}
    await close_windows(tables, later + WINDOW + LATENESS)
    assert set(await tables.disclosed.between(KEY, 0, later + WINDOW)) == {later}
    rows = await the_report(tables)
    assert {row["average"] for row in rows.values()} == {7.0}, "what arrives later counts as new"
    assert {second for _, second in rows} >= {WINDOW_START + 30, later + 30}


async def test_averaging_between_any_two_calls_leaves_nothing() -> None:
    total = 0
    for at in range(1, 400, 7):
        store = MemoryDocuments()
        tables = Tables(store)
        await filled(tables)
        calls = 0

        async def meanwhile(call: str, table: str, document_id: str, at: int = at) -> None:  # noqa: ARG001
            nonlocal calls
            calls += 1
            if calls == at:
                hook, store.hook = store.hook, MemoryDocuments().hook  # noqa: B023  (called at once)
                await average(tables, TIMES)  # noqa: B023
                store.hook = hook  # noqa: B023

        store.hook = meanwhile
        await emptied(tables)
        store.hook = MemoryDocuments().hook
        await work_off(tables)
        assert named(await left(tables)) == set(), f"averaging at call {at}"
        total = max(total, calls)
    assert total > 100


async def test_with_a_failure_at_any_call_it_comes_to_the_same_when_asked_again() -> None:
    for at in range(1, 300, 9):
        store = MemoryDocuments()
        tables = Tables(store)
        await filled(tables)
        calls = 0

        async def fail(call: str, table: str, document_id: str, at: int = at) -> None:  # noqa: ARG001
            nonlocal calls
            calls += 1
            if calls == at:
                raise Unavailable("injected")

        store.hook = fail
        try:
            await emptied(tables)
        except Unavailable:
            await emptied(tables)
        store.hook = MemoryDocuments().hook
        assert named(await left(tables)) == set(), f"failure at call {at}"
        progress = await tables.progress.read()
        assert progress
        assert (progress.value.emptied, progress.value.paused_until) == (window_of(NOW + FUTURE_TOLERANCE), 0)


async def test_what_changes_while_it_is_removed_is_removed_as_it_is_then(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    await filled(tables)
    touched = False

    async def meanwhile(call: str, table: str, document_id: str) -> None:
        nonlocal touched
        if not touched and call == "before delete" and table == SAMPLES:
            touched = True
            memory.hook = MemoryDocuments().hook
            window, vm = int(document_id.split("_", maxsplit=1)[0]), document_id.split("_")[1]
            await deliver(tables, [a_message(records_of(vm.removesuffix("-vm"), vm, KEY, [9.0] * 15, window))])

    memory.hook = meanwhile
    await emptied(tables)
    assert touched
    assert named(await left(tables)) == set()


async def test_new_samples_that_come_after_their_table_was_swept_stay_with_their_mark(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    await filled(tables)
    operation = Emptying()
    for step in await operation.plan(context(tables)):
        assert not (await operation.do(step, context(tables))).again
    await deliver(tables, [a_message(records_of("new", "vm", KEY, [5.0] * 15))])
    await average(tables, TIMES)
    assert await the_report(tables) == {}, "averaging pauses"
    await operation.conclude(context(tables))
    assert [each.value for each in await tables.marks.read()] == [Mark("new", WINDOW_START)]
    await work_off(tables)
    assert {row["average"] for row in (await the_report(tables)).values()} == {5.0}


async def test_if_it_is_stopped_averaging_goes_on_by_itself(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    await filled(tables)
    await Emptying().plan(context(tables))
    await average(tables, TIMES)
    assert await tables.marks.read()
    late = Times(NOW + emptying.PAUSE_SECONDS, TIMES.lateness, TIMES.kept)
    await average(tables, late)
    assert not await tables.marks.read()


async def test_a_step_whose_time_runs_out_is_done_again(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    for number in range(100):
        await memory.create(SAMPLES, "p", f"{number:03d}", {})
    operation = Emptying()
    done = await operation.do({"table": SAMPLES}, context(tables, time_left=lambda: False))
    assert done == Done({"documents": emptying.AT_ONCE}, again=True)
    assert await operation.do({"table": SAMPLES}, context(tables)) == Done({"documents": 100 - emptying.AT_ONCE})


async def test_the_floor_is_never_lowered(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    await change(tables, lambda _: Progress(emptied=NOW + 99 * WINDOW))
    await emptied(tables)
    stored = await tables.progress.read()
    assert stored
    assert stored.value.emptied == NOW + 99 * WINDOW
