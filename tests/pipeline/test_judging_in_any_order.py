"""Order never shows in what was found: late, twice, at once, after crashes. What can't be read hurts only itself."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from domain.errors import Unavailable
from domain.minutes import WINDOW
from pipeline.averaging import average, average_window
from pipeline.queries.unusual import get_unusual
from pipeline.summarizing import summarize_window
from storage.schema import STANDINGS
from storage.tables import Tables
from storage.tables.ids import number
from storage.tables.marks import Mark
from tests.builders import LATENESS, NOW, TIMES, WINDOW_START
from tests.pipeline.judged_fleet import (
    FLEET,
    OPERATORS,
    a_learned_store,
    come,
    hour,
    moved,
    settle,
    unusual,
    verdict,
    what_was_found,
)
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.steps import work_off

WINDOWS = range(NOW - 6 * WINDOW, NOW, WINDOW)
TIMES_AFTER = replace(TIMES, now=NOW + LATENESS)
SLOW = [("t1", "v13"), *(("t2", vm) for vm in FLEET["t2"])]
Found = Mapping[tuple[int, str], object]
_in_order: list[Found] = []


async def sends(tables: Tables, window: int, tenants: Iterable[str] = FLEET) -> None:
    """Each window has its own values, whenever it comes: a VM and a tenant are slow in all but one."""
    for tenant in tenants:
        slow = [] if window == WINDOWS[3] else SLOW
        await come(tables, window, moved(slow, random.Random(f"{window} {tenant}")), [tenant])  # noqa: S311


async def in_order() -> Found:
    """What is found if all comes in order."""
    if not _in_order:
        tables = Tables(await a_learned_store())
        for window in WINDOWS:
            await sends(tables, window)
            await work_off(tables)
        await settle(tables)
        _in_order.append(await what_was_found(tables))
        (vm, tenant) = sorted((await unusual(tables)).data, key=lambda each: each.kind == "tenant")
        assert (vm.name, tenant.tenant) == ("v13", "t2")
        assert (vm.since, tenant.since) == (WINDOWS[0], WINDOWS[0])
    return _in_order[0]


@pytest.mark.parametrize("seed", range(5))
async def test_windows_in_any_order_late_and_twice_give_the_same(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    tables = Tables(await a_learned_store())
    parts = [(window, tenant) for window in WINDOWS for tenant in FLEET]
    chance.shuffle(parts)
    for window, tenant in [*parts, *chance.sample(parts, 5)]:
        await sends(tables, window, [tenant])
        if chance.random() < 0.3:
            await work_off(tables)
        if chance.random() < 0.1:
            await average(tables, TIMES_AFTER)  # what has come is closed; the rest is late
    await settle(tables)
    assert await what_was_found(tables) == await in_order()


async def test_what_follows_from_the_first_window_is_judged_again_as_far_as_it_reaches() -> None:
    """That it began in the first of them is known in the last, though that looks back at three only."""
    tables = Tables(await a_learned_store())
    for window in WINDOWS[1:]:
        await sends(tables, window)
        await work_off(tables)
    await settle(tables)
    assert {each.since for each in (await unusual(tables)).data} == {WINDOWS[1]}
    await sends(tables, WINDOWS[0])
    await settle(tables)
    assert {each.since for each in (await unusual(tables)).data} == {WINDOWS[0]}
    assert await what_was_found(tables) == await in_order()


async def all_but_one(*late: int, came: Iterable[int] | None = None) -> MemoryDocuments:
    """A store in which all has come and is closed but windows of t1, which have come and were not averaged."""
    late = late or (WINDOWS[2],)
    memory = await a_learned_store()
    tables = Tables(memory)
    for each in WINDOWS:
        await sends(tables, each, [tenant for tenant in FLEET if tenant != "t1" or each not in late])
        await work_off(tables)
    await settle(tables)
    for each in late if came is None else came:
        await sends(tables, each, ["t1"])
    return memory


async def test_a_run_that_dies_after_any_write_leaves_what_the_next_one_completes() -> None:
    store = await all_but_one()
    last = wrote = 0
    while wrote == last:
        last += 3
        memory, wrote = store.as_it_was(0), 0

        async def dies(call: str, table: str, document_id: str, last: int = last) -> None:  # noqa: ARG001
            nonlocal wrote
            wrote += call in ("after create", "after replace", "after delete", "after upsert")
            if wrote >= last:
                raise Unavailable("it died")

        memory.hook = dies
        try:
            await average(Tables(memory), TIMES_AFTER)
            await average(Tables(memory), TIMES_AFTER)
        except Unavailable:
            pass
        memory.hook = MemoryDocuments().hook
        await settle(Tables(memory))
        assert await what_was_found(Tables(memory)) == await in_order(), f"it died after {last} writes"
    assert wrote > 40  # else not much was tried


@pytest.mark.parametrize(
    ("one", "other", "came"),
    [(WINDOWS[1], WINDOWS[2], [WINDOWS[1]]), (WINDOWS[2], WINDOWS[1], [WINDOWS[1], WINDOWS[2]])],
)
async def test_two_runs_that_judge_windows_that_follow_each_other_come_to_the_same(
    one: int, other: int, came: list[int]
) -> None:
    """Whenever one of them does all that it does, in the midst of the other one. It may come no sooner."""
    store = await all_but_one(one, other, came=came)
    calls = at = 0
    while calls >= at:
        at += 9
        memory, calls = store.as_it_was(0), 0

        async def meanwhile(call: str, table: str, document_id: str, at: int = at, on: Any = memory) -> None:  # noqa: ARG001
            nonlocal calls
            calls += 1
            if calls == at:
                hook, on.hook = on.hook, MemoryDocuments().hook
                await sends(Tables(on), other, ["t1"])
                await work_off_window(Tables(on), other)
                on.hook = hook

        memory.hook = meanwhile
        await work_off_window(Tables(memory), one)
        memory.hook = MemoryDocuments().hook
        await sends(Tables(memory), other, ["t1"])
        await work_off_window(Tables(memory), other)
        await settle(Tables(memory))
        assert await what_was_found(Tables(memory)) == await in_order(), f"the other ran at call {at}"
    assert calls > 50


async def work_off_window(tables: Tables, window: int) -> None:
    await average_window(tables, window, await tables.marks.read(window), TIMES_AFTER)


CORRUPT: list[Mapping[str, Any]] = [{}, {"version": 1}, {"version": 1, "counts": 5, "middles": [], "vms": "?"}]


@pytest.mark.parametrize("body", CORRUPT)
@pytest.mark.parametrize("whose", ["t1", "fleet"])
async def test_what_was_found_and_can_not_be_read_holds_up_nothing_and_is_made_anew(
    whose: str, body: Mapping[str, Any]
) -> None:
    memory = await all_but_one(WINDOWS[-1])
    tables = Tables(memory)
    window = WINDOWS[-2]
    ids = [each.id async for each in tables.documents.scan(STANDINGS, number(window)) if each.id.startswith("j")]
    (place,) = [each for each in ids if ("judged" in each if whose == "fleet" else "_t1_" in each)]
    await memory.upsert(STANDINGS, number(window), place, body)
    done = await average(tables, TIMES_AFTER)
    assert done.corrupt == []
    assert done.tenants == ["t1"]
    await settle(tables)
    assert await what_was_found(tables) == await in_order()
    assert (await get_unusual(tables, None, window, 9, OPERATORS)).data


async def test_baselines_that_can_not_be_read_count_as_not_learned() -> None:
    memory = await a_learned_store()
    partition = "days_t1"
    places = [each.id async for each in memory.scan(STANDINGS, partition) if each.id.startswith("baseline")]
    for place in places:
        await memory.upsert(STANDINGS, partition, place, {"version": 1})
    tables = Tables(memory)
    for window in WINDOWS:
        await sends(tables, window)
        await work_off(tables)
    await settle(tables)
    told = await verdict(tables, "t1", "v13")
    assert (told.verdict, told.history) == ("unknown", 0)
    assert (await get_unusual(tables, "t2", WINDOW_START, 9, OPERATORS)).data


async def test_a_due_mark_of_a_tenant_of_which_nothing_is_left_changes_nothing_of_the_fleet() -> None:
    """Another run may have made all that was due, and a purge may have removed what tells the tenant's counters."""
    tables = Tables(await a_learned_store())
    await hour(tables, moved([("t1", "v13")], random.Random(3)))  # noqa: S311
    averages, judged = await tables.fleet_averages.read(WINDOW_START), await tables.judged.read(None, WINDOW_START)
    assert averages
    assert judged
    assert judged.value.findings
    await tables.due.set(Mark("gone", WINDOW_START))
    await summarize_window(tables, WINDOW_START, TIMES, at_once=True)
    assert await tables.fleet_averages.read(WINDOW_START) == averages
    assert await tables.judged.read(None, WINDOW_START) == judged
