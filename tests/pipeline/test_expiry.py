"""What outlives its sources is never derived anew from what is left of them: rows stay as they were."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.closing import Times
from domain.minutes import WINDOW, window_of
from domain.rollups import Node
from domain.samples import Horizon
from messaging.dead_letters import NoDeadLetters
from pipeline.averaging import EXPIRED, average
from pipeline.ingest import Message, ingest
from pipeline.operations import Operation, OperationContext
from pipeline.purge import Purge
from pipeline.queries.status import status as status_of
from pipeline.rebuild import Rebuild
from pipeline.rules import DEFAULTS, Rules
from storage.schema import DAY, lifetime_of_samples, schema
from storage.tables import Tables
from storage.tables.marks import Mark
from tests.builders import KEY, NOW, TIMES, WINDOW_START, a_message, a_view, records_of
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.oracle import Samples, report_of, samples_of
from tests.pipeline.steps import the_report


class Store:
    """A store whose clock is set by hand, and whose retention may be changed, as a deployment does."""

    def __init__(self, days: int = 30) -> None:
        self.now = NOW
        self.days = days
        self.memory = MemoryDocuments(schema(days, 400), lambda: self.now)
        self.tables = Tables(self.memory)

    def pass_time(self, seconds: int) -> None:
        self.now += seconds
        self.memory.sweep()

    def keep(self, days: int) -> None:
        self.days = days
        self.memory._tables = dict(schema(days, 400))
        self.memory.sweep()

    async def horizon(self) -> Horizon:
        stored = await self.tables.progress.read()
        return Horizon.at(self.now, self.days * DAY, stored.value.whole_from if stored else 0)

    async def push(self, tenant: str, vm: str, value: float, window: int = WINDOW_START) -> bytes:
        body = a_message(records_of(tenant, vm, KEY, [value] * 15, window))
        await ingest(self.tables, [Message(body, f"{tenant}{vm}", self.now)], await self.horizon())
        return body

    @property
    def times(self) -> Times:
        return replace(TIMES, now=self.now, kept=lifetime_of_samples(self.days))

    async def average(self, rules: Rules = DEFAULTS) -> Any:
        return await average(self.tables, self.times, rules=rules)

    async def carry_out(self, operation: Operation) -> None:
        context = OperationContext(self.tables, NoDeadLetters(), await self.horizon(), Rules(), self.now, self.times)
        for step in await operation.plan(context):
            await operation.do(step, context)

    async def rebuild(self) -> None:
        await self.carry_out(Rebuild(0))


async def test_a_mark_that_waited_for_longer_than_its_samples_lived_is_dropped_and_told() -> None:
    store = Store()
    for tenant in range(6):
        await store.push(f"t{tenant}", "v", float(tenant))
    await store.average()
    before = await the_report(store.tables)
    await store.tables.marks.set(Mark("t0", WINDOW_START))  # as where a corrupt document held it up
    store.pass_time(31 * DAY + 60)
    done = await store.average()
    assert await the_report(store.tables) == before
    assert [(each.what, each.whose, each.window) for each in done.omitted] == [(EXPIRED, "t0", WINDOW_START)]
    assert await store.tables.marks.read() == []
    status = await status_of(store.tables, a_view(store.now))
    assert status.omissions == {EXPIRED: 1}


async def test_a_raised_retention_brings_nothing_back_and_lets_nobody_replace_what_is_gone() -> None:
    store = Store(days=7)
    for tenant in range(6):
        await store.push(f"t{tenant}", "v", float(tenant))
    await store.average()
    before = await the_report(store.tables)
    store.pass_time(15 * DAY)
    await store.average()
    store.keep(30)
    body = a_message(records_of("t5", "late", KEY, [99.0]))
    accepted = Horizon.at(store.now, 30 * DAY)  # by an app that has not heard of it yet
    await ingest(store.tables, [Message(body, "late", store.now)], accepted)
    await store.average()
    assert await the_report(store.tables) == before
    await store.rebuild()
    assert await the_report(store.tables) == before
    done = await ingest(store.tables, [Message(body, "late", store.now)], await store.horizon())
    assert list(done.reasons) == ["timestamp is older than samples are kept"]


async def a_store_of_old_data(age: int) -> Store:
    store = Store()
    for tenant in range(3):
        for vm in ("v", "w"):
            await store.push(f"t{tenant}", vm, float(tenant))
    await store.average(Rules(summaries_at_once=True))
    store.pass_time(age)
    return store


@pytest.mark.parametrize("vm", ["v", None])
async def test_a_purge_leaves_the_fleets_histograms_of_windows_whose_rollups_are_gone(vm: str | None) -> None:
    store = await a_store_of_old_data(40 * DAY)
    before = await store.tables.histograms.of_fleet(KEY, WINDOW_START)
    await store.carry_out(Purge("t0", vm))
    summary = await store.tables.summaries.of_fleet(KEY, WINDOW_START)
    assert summary
    assert summary.value.figures[0].count == (5 if vm else 4)  # standings still tell
    assert before
    assert await store.tables.histograms.of_fleet(KEY, WINDOW_START) == before


async def test_a_purge_removes_what_derives_from_samples_of_which_some_may_have_expired() -> None:
    store = await a_store_of_old_data(0)
    tables, node = store.tables, Node.of("t0")
    store.keep(7)
    await store.average()
    store.pass_time(8 * DAY - 1800)
    store.keep(30)  # so the window is not averaged again, and what is stored lives on
    await store.average()
    assert await tables.histograms.read(node, WINDOW_START)
    await store.carry_out(Purge("t0"))
    assert await tables.rollups.read(node, WINDOW_START) is None
    assert await tables.histograms.read(node, WINDOW_START) is None
    assert await tables.standings.read("t0", WINDOW_START) is None


actions = st.one_of(
    st.tuples(st.just("push"), st.integers(0, 2), st.integers(0, 12)),
    st.tuples(st.just("average"), st.just(0), st.just(0)),
    st.tuples(st.just("rebuild"), st.just(0), st.just(0)),
    st.tuples(st.just("mark"), st.integers(0, 2), st.integers(0, 12)),
    st.tuples(st.just("pass"), st.integers(1, 30), st.just(0)),
    st.tuples(st.just("keep"), st.sampled_from([1, 2, 4]), st.just(0)),
)


@given(st.lists(actions, max_size=25))
@settings(max_examples=150, deadline=None)
def test_every_row_is_what_all_samples_of_some_moment_made(script: list[tuple[str, int, int]]) -> None:
    asyncio.run(follow(script))


async def follow(script: list[tuple[str, int, int]]) -> None:
    """Time passes in steps of five hours; samples are of the last twelve such steps; retention is changed at times."""
    store = Store(days=2)
    accepted: Samples = {}
    possible: dict[tuple[str, int], list[dict[str, Any]]] = {}
    """What a row may be: what the samples of any moment made."""
    for number, (action, first, second) in enumerate(script):
        match action:
            case "push":
                window = window_of(store.now - second * 5 * 3600) - WINDOW
                horizon = await store.horizon()
                body = await store.push(f"t{first}", f"v{number % 2}", float(number), window)
                accepted |= {
                    place: value for place, value in samples_of([body]).items() if horizon.problem(place[3]) is None
                }
                for place, row in report_of(accepted).items():
                    possible.setdefault(place, []).append(row)
            case "mark":
                await store.tables.marks.set(Mark(f"t{first}", window_of(store.now - second * 5 * 3600) - WINDOW))
            case "average":
                await store.average()
            case "rebuild":
                await store.rebuild()
            case "pass":
                store.pass_time(first * 5 * 3600)
            case "keep":
                await store.average()  # the timer runs every minute, so it has seen the retention of before
                store.keep(first)
        report = await the_report(store.tables)
        assert all(row in possible[place] for place, row in report.items())
        if action == "average":
            young = store.now - store.days * DAY
            whole = max(young, (await store.horizon()).oldest) + WINDOW
            expected = {place: row for place, row in report_of(accepted).items() if place[1] >= whole}
            assert {place: row for place, row in report.items() if place[1] >= whole} == expected
