"""Operations at the level of their steps: what they leave behind, whatever fails and whatever happens beside them."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Misconfigured, Unavailable
from domain.minutes import WINDOW, minutes_of, utc_day
from domain.rollups import Node
from domain.samples import Horizon
from messaging.dead_letters import FolderDeadLetters, NoDeadLetters
from pipeline import operations
from pipeline.averaging import average
from pipeline.ingest import Message, ingest
from pipeline.operations import Figures, Operation, OperationContext, instance_of
from pipeline.purge import Purge
from pipeline.quarantine import Drop, Reingest
from pipeline.rebuild import CatchUp, Rebuild
from pipeline.resubmit import Resubmit
from pipeline.rules import Rules
from storage.schema import CATALOGUE, QUARANTINE, REPORT, ROLLUPS, SAMPLES, STANDINGS
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS, TENANTS, vms_of
from storage.tables.marks import Mark
from storage.tables.quarantine import QuarantinedMessage, RefusedInput
from tests.builders import HORIZON, KEY, NOW, TIMES, WINDOW_START, a_message, a_record, records_of
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.oracle import report_of, samples_of
from tests.pipeline.steps import deliver, the_report, work_off

DAY = utc_day(NOW)
OWN = "win_own.of_t0"
"""A counter that only the tenant t0 has."""


RULES = Rules(standings_days=31)
"""Standings that live no longer than samples: else a purge looks into 3,840 more windows."""


def context(
    tables: Tables, horizon: Horizon = HORIZON, time_left: Callable[[], bool] = lambda: True
) -> OperationContext:
    return OperationContext(tables, NoDeadLetters(), horizon, RULES, NOW, TIMES, time_left)


async def carry_out(tables: Tables, operation: Operation, with_context: OperationContext | None = None) -> Figures:
    """Do an operation, by default with these tables."""
    return await operations.carry_out(operation, with_context or context(tables))


def a_fleet(tenants: Sequence[str] = ("t0", "t1", "t2"), vms: int = 2, windows: int = 3) -> list[bytes]:
    bodies = []
    for tenant in tenants:
        for vm in range(vms):
            for back in range(windows):
                start = WINDOW_START - back * WINDOW
                values = [float(int(tenant[1:]) * 10 + vm + minute / 8) for minute in range(15)]
                records = records_of(tenant, f"{tenant}-v{vm}", KEY, values, start)
                if tenant == "t0":
                    records += records_of(tenant, f"{tenant}-v{vm}", OWN, {start + 30: 1.0})
                bodies.append(a_message(records))
    return bodies


def bad_of(tenant: str, vm: str) -> bytes:
    """A message of which everything is refused, as what it says is in the future."""
    return a_message([a_record(MaskedTenantId=tenant, MaskedVMName=vm, timestamp=NOW + 9999 + n) for n in range(3)])


def everything(memory: MemoryDocuments, *tables: str) -> dict[Any, Any]:
    """All documents of these tables (default: all that hold data), without their etags.

    That a window has begun is left out: it is remembered when its data are forgotten.
    """
    wanted = tables or (SAMPLES, ROLLUPS, STANDINGS, REPORT, CATALOGUE, QUARANTINE)
    return {
        place: json.loads(found[0])
        for place, found in memory._documents.items()
        if place[0] in wanted and not (place[0] == ROLLUPS and place[2].startswith("0"))
    }


async def a_store(bodies: Sequence[bytes]) -> MemoryDocuments:
    memory = MemoryDocuments()
    tables = Tables(memory)
    for body in bodies:  # each a batch, so that it is quarantined under the same message id
        await ingest(tables, [Message(body, "m", NOW)], HORIZON)
    await work_off(tables)
    return memory


async def with_failures(
    make: Callable[[], Awaitable[MemoryDocuments]], work: Callable[[Tables], Awaitable[Any]]
) -> list[dict[Any, Any]]:
    """Do work with a failure at its first call of the store, then anew at its second, and so on, each time done again.

    Returns what every store holds in the end.
    """
    outcomes = []
    position, failed = 0, True
    while failed:
        position += 1
        memory = await make()
        calls, failed = 0, False

        async def fail(call: str, table: str, document_id: str, at: int = position) -> None:  # noqa: ARG001
            nonlocal calls, failed
            calls += 1
            if calls == at:
                failed = True
                raise Unavailable("injected")

        memory.hook = fail
        tables = Tables(memory)
        try:
            await work(tables)
        except Unavailable:
            await work(tables)
        memory.hook = MemoryDocuments().hook
        await work_off(tables)
        outcomes.append(everything(memory))
    assert position > 10
    return outcomes


# rebuild ---------------------------------------------------------------------------------------------------------


async def spoil(tables: Tables, windows: int = 3) -> None:
    """Make rollups and report rows of all windows wrong, as an error in the code would have."""
    for back in range(windows):
        window = WINDOW_START - back * WINDOW
        rows = await tables.report.read(KEY, window)
        assert rows
        wrong = [
            type(row)(**{name: getattr(row, name) for name in row.__struct_fields__} | {"average": -1.0})
            for row in rows.value
        ]
        await tables.report.write(KEY, window, wrong, rows.etag)
        for node in (Node.of("t1"), Node.of("t2").parent):
            rollup = await tables.rollups.read(node, window)
            assert rollup
            await tables.rollups.write(node, window, {"a.b": rollup.value[KEY]}, rollup.etag)


async def test_a_rebuild_mends_rollups_and_rows_from_the_samples(tables: Tables) -> None:
    bodies = a_fleet()
    await deliver(tables, bodies)
    await work_off(tables)
    await spoil(tables)
    figures = await carry_out(tables, Rebuild(WINDOW_START - 2 * WINDOW, NOW))
    assert figures == {"windows": 3, "rows": 45}
    assert await the_report(tables) == report_of(samples_of(bodies))
    assert await tables.marks.read() == []
    assert (await carry_out(tables, Rebuild(WINDOW_START - 2 * WINDOW, NOW)))["rows"] == 0


async def test_a_rebuild_covers_the_range_and_nothing_else(tables: Tables) -> None:
    await deliver(tables, a_fleet())
    await work_off(tables)
    await spoil(tables)
    await carry_out(tables, Rebuild(WINDOW_START - WINDOW, WINDOW_START))
    wrong = {at for (key, at), row in (await the_report(tables)).items() if row["average"] == -1 and key == KEY}
    assert wrong == {*minutes_of(WINDOW_START - 2 * WINDOW), *minutes_of(WINDOW_START)}


async def test_a_rebuild_brings_rollups_of_an_older_format_up_to_the_present_one() -> None:
    memory = await a_store(a_fleet())
    expected = everything(memory)
    for place, (text, *rest) in list(memory._documents.items()):
        body = json.loads(text)
        if place[0] == ROLLUPS and "series" in body:  # as before version 4, and as before version 3
            series = {key: json.loads(text)[1] for key, text in body["series"].items()}
            texts = {key: json.dumps(each) for key, each in series.items()}
            body = {"version": 3, "series": texts} if place[2].startswith("3") else {"series": series}
            memory._documents[place] = (json.dumps(body), *rest)  # type: ignore[assignment]
    assert everything(memory) != expected
    await carry_out(Tables(memory), Rebuild(WINDOW_START - 2 * WINDOW))
    assert everything(memory) == expected


async def test_a_rebuild_leaves_windows_alone_whose_samples_have_expired() -> None:
    memory = await a_store(a_fleet())
    expected = everything(memory, REPORT)
    for place in [place for place in memory._documents if place[0] == SAMPLES]:
        del memory._documents[place]
    late = replace(HORIZON, oldest=NOW + 1)
    assert await carry_out(Tables(memory), Rebuild(0), context(Tables(memory), late)) == {}
    assert everything(memory, REPORT) == expected


async def test_a_rebuild_with_a_failure_at_any_call_comes_to_the_same() -> None:
    async def make() -> MemoryDocuments:
        memory = await a_store(a_fleet(windows=1, vms=1))
        await spoil(Tables(memory), windows=1)
        return memory

    expected = everything(await a_store(a_fleet(windows=1, vms=1)))
    rebuild = Rebuild(WINDOW_START)
    outcomes = await with_failures(make, lambda tables: carry_out(tables, rebuild))
    assert all(outcome == expected for outcome in outcomes)


async def test_ingest_and_averaging_in_the_middle_of_a_rebuild_lose_nothing() -> None:
    first, late = a_fleet(("t0", "t1"), windows=1), a_fleet(("t2",), windows=1)
    expected = report_of(samples_of([*first, *late]))
    for at in range(1, 200, 7):
        memory = await a_store(first)
        tables = Tables(memory)
        calls = 0

        async def meanwhile(call: str, table: str, document_id: str, at: int = at) -> None:  # noqa: ARG001
            nonlocal calls
            calls += 1
            if calls == at:
                memory.hook = MemoryDocuments().hook  # noqa: B023  (called at once)
                await deliver(tables, late)  # noqa: B023
                await average(tables, TIMES)  # noqa: B023

        memory.hook = meanwhile
        await carry_out(tables, Rebuild(WINDOW_START))
        memory.hook = MemoryDocuments().hook
        await deliver(tables, late)  # where the rebuild was over before
        await work_off(tables)
        assert await the_report(tables) == expected


# catch-up --------------------------------------------------------------------------------------------------------


async def test_a_catch_up_works_off_all_marks(tables: Tables) -> None:
    bodies = a_fleet()
    await deliver(tables, bodies)
    figures = await carry_out(tables, CatchUp())
    assert figures == {"windows": 3, "rows": 48}
    assert await tables.marks.read() == []
    assert await the_report(tables) == report_of(samples_of(bodies))
    assert await carry_out(tables, CatchUp()) == {}


async def test_windows_that_somebody_else_worked_off_meanwhile_are_not_done_again(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    await deliver(tables, a_fleet())
    steps = await CatchUp().plan(context(tables))
    done = iter([True])

    def interrupted() -> bool:
        return next(done, False)

    await average(tables, TIMES, interrupted)
    await work_off(tables)
    scanned: list[str] = []

    async def watch(call: str, table: str, document_id: str) -> None:  # noqa: ARG001
        if call == "before scan" and table == SAMPLES:
            scanned.append(table)

    memory.hook = watch
    for step in steps:
        assert (await CatchUp().do(step, context(tables))).figures == {"windows": 0, "rows": 0}
    assert scanned == []


# purge -----------------------------------------------------------------------------------------------------------


async def test_after_a_purge_the_store_is_as_if_the_tenant_had_never_been() -> None:
    others = a_fleet(("t1", "t2"))
    memory = await a_store([*a_fleet(), bad_of("t0", "x"), bad_of("t1", "x")])
    figures = await carry_out(Tables(memory), Purge("t0"))
    # A tenant's list of counters is counted with the tenant.
    assert figures == {
        "vmWindows": 6,
        "samples": 6 * 16,
        "rows": 45 + 3,
        "quarantined": 3,
        "catalogueEntries": 2 + 1 + 1,
        "standings": 0,
    }
    assert everything(memory) == everything(await a_store([*others, bad_of("t1", "x")]))
    assert await carry_out(Tables(memory), Purge("t0")) == dict.fromkeys(
        ("vmWindows", "samples", "catalogueEntries"), 0
    ) | {"quarantined": 0, "standings": 0}


async def test_after_a_purge_of_a_vm_its_tenant_is_as_if_it_had_never_been() -> None:
    bodies = a_fleet()
    memory = await a_store([*bodies, bad_of("t1", "t1-v0"), bad_of("t1", "t1-v1")])
    await carry_out(Tables(memory), Purge("t1", "t1-v0"))
    rest = [body for body in bodies if b"t1-v0" not in body]
    assert len(rest) == len(bodies) - 3
    assert everything(memory) == everything(await a_store([*rest, bad_of("t1", "t1-v1")]))


async def test_the_last_vm_of_a_tenant_takes_the_tenant_with_it() -> None:
    memory = await a_store(a_fleet(vms=1))
    await carry_out(Tables(memory), Purge("t0", "t0-v0"))
    assert everything(memory) == everything(await a_store(a_fleet(("t1", "t2"), vms=1)))


async def test_a_purge_on_every_store(tables: Tables) -> None:
    bodies = a_fleet()
    await deliver(tables, [*bodies, bad_of("t0", "x")])
    await work_off(tables)
    await carry_out(tables, Purge("t0"))
    rest = [body for body in bodies if b"t0-v" not in body]
    assert await the_report(tables) == report_of(samples_of(rest))
    assert list(await tables.catalogue.entries(TENANTS)) == ["t1", "t2"]
    assert list(await tables.catalogue.entries(COUNTERS)) == [KEY]
    assert await tables.catalogue.entries(vms_of("t0")) == {}
    assert await tables.catalogue.counters_of("t0") is None
    assert [each async for each in tables.samples.of_window("t0", WINDOW_START)] == []
    assert [each async for each in tables.quarantine.messages(DAY)] == []
    assert await tables.marks.read() == []


async def test_a_purge_before_a_time_removes_all_that_is_older_and_nothing_else() -> None:
    memory = await a_store([*a_fleet(), bad_of("t1", "x")])
    tables = Tables(memory)
    stored = await tables.report.read(KEY, WINDOW_START)
    assert stored
    old = WINDOW_START - 100 * 86_400  # of which no sample is left
    await tables.report.write(KEY, old, stored.value, None)
    figures = await carry_out(tables, Purge(before=WINDOW_START + 500))
    assert figures["reportWindows"] == 1
    assert everything(memory) == everything(await a_store([*a_fleet(windows=1), bad_of("t1", "x")]))


async def test_a_purge_before_a_time_forgets_what_was_not_seen_since() -> None:
    old = [a_message(records_of("t9", "v", "a.b", {NOW - 9 * 86_400: 1.0}))]
    bad = Message(bad_of("t1", "x"), "m", NOW - 9 * 86_400)
    memory = await a_store([*a_fleet(), *old])
    await ingest(Tables(memory), [bad], HORIZON)
    await carry_out(Tables(memory), Purge(before=NOW - 86_400))
    assert everything(memory) == everything(await a_store(a_fleet()))


async def test_samples_that_outlive_their_acceptance_are_forgotten_too(memory: MemoryDocuments) -> None:
    """They are kept a day longer than they are accepted."""
    tables = Tables(memory)
    old = [a_message(records_of(tenant, "v", KEY, {NOW - 30 * 86_400 - 40_000: 1.0})) for tenant in ("t0", "t1")]
    await ingest(tables, [Message(body, "m", NOW) for body in old], Horizon.at(NOW, 31 * 86_400))
    await work_off(tables)
    await carry_out(tables, Purge("t0"))
    assert everything(memory) == everything(await a_store_of(old[1:]))


async def a_store_of(bodies: Sequence[bytes]) -> MemoryDocuments:
    memory = MemoryDocuments()
    await ingest(Tables(memory), [Message(body, "m", NOW) for body in bodies], Horizon.at(NOW, 31 * 86_400))
    await work_off(Tables(memory))
    return memory


async def test_a_dry_run_that_takes_long_counts_once_and_ends(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    await deliver(tables, a_fleet())
    await work_off(tables)
    asked = context(tables, time_left=lambda: False)
    figures = await carry_out(tables, Purge(before=WINDOW_START, dry_run=True), asked)
    assert (figures["vmWindows"], figures["reportWindows"]) == (12, 4)


@pytest.mark.parametrize("purge", [Purge("t0"), Purge("t0", "t0-v1"), Purge(before=NOW)])
async def test_a_dry_run_counts_what_a_purge_removes_and_changes_nothing(purge: Purge) -> None:
    memory = await a_store([*a_fleet(), bad_of("t0", "t0-v1")])
    before = dict(memory._documents)
    counted = await carry_out(Tables(memory), replace(purge, dry_run=True))
    assert memory._documents == before
    removed = await carry_out(Tables(memory), purge)
    shared = {"vmWindows", "samples", "quarantined"} & counted.keys()
    assert {name: counted[name] for name in shared} == {name: removed[name] for name in shared}
    assert counted["samples"] > 0


@pytest.mark.parametrize("purge", [Purge("t0"), Purge("t0", "t0-v0")])
async def test_a_purge_with_a_failure_at_any_call_comes_to_the_same(purge: Purge) -> None:
    bodies = [*a_fleet(("t0", "t1"), windows=1), bad_of("t0", "t0-v0")]

    async def make() -> MemoryDocuments:
        return await a_store(bodies)

    undisturbed = await make()
    await carry_out(Tables(undisturbed), purge)
    outcomes = await with_failures(make, lambda tables: carry_out(tables, purge, nearby(tables)))
    assert all(outcome == everything(undisturbed) for outcome in outcomes)


def nearby(tables: Tables) -> OperationContext:
    """As ``context``, with so short a retention that a purge has few steps."""
    return replace(context(tables, Horizon.at(NOW, 7200)), rules=Rules(standings_days=0))


async def test_averaging_between_any_two_calls_of_a_purge_leaves_nothing_of_the_tenant() -> None:
    bodies = a_fleet(("t0", "t1"), windows=1)
    expected = everything(await a_store(a_fleet(("t1",), windows=1)))
    for at in range(1, 300, 3):
        memory = await a_store(bodies)
        tables = Tables(memory)
        await tables.marks.set(Mark("t0", WINDOW_START))
        calls = 0

        async def meanwhile(call: str, table: str, document_id: str, at: int = at) -> None:  # noqa: ARG001
            nonlocal calls
            calls += 1
            if calls == at:
                hook, memory.hook = memory.hook, MemoryDocuments().hook  # noqa: B023  (called at once)
                await average(tables, TIMES)  # noqa: B023
                memory.hook = hook  # noqa: B023

        memory.hook = meanwhile
        await carry_out(tables, Purge("t0"), nearby(tables))
        memory.hook = MemoryDocuments().hook
        await work_off(tables)
        assert everything(memory) == expected, f"averaging at call {at}"


async def test_what_comes_while_a_purge_runs_stays() -> None:
    memory = await a_store(a_fleet())
    tables = Tables(memory)
    new = a_message(records_of("t0", "t0-v0", KEY, {WINDOW_START + 30: 5.0}))
    came = False

    async def meanwhile(call: str, table: str, document_id: str) -> None:
        nonlocal came
        if not came and call == "before delete" and table == SAMPLES and document_id.startswith(str(WINDOW_START)):
            came = True
            memory.hook = MemoryDocuments().hook
            await deliver(tables, [new])

    memory.hook = meanwhile
    await carry_out(tables, Purge("t0"))
    await work_off(tables)
    assert came
    rest = [body for body in a_fleet() if b"t0-v" not in body]
    assert await the_report(tables) == report_of(samples_of([*rest, new]))


async def test_of_unreadable_messages_a_purge_forgets_those_that_name_the_tenant() -> None:
    memory = await a_store([b'{"metrics": [{"MaskedTenantId": "t0", ', b'{"metrics": [{"MaskedTenantId": "t1", '])
    figures = await carry_out(Tables(memory), Purge("t0"))
    assert figures["quarantined"] == 1
    assert len([each async for each in Tables(memory).quarantine.messages(DAY)]) == 1


# quarantine ------------------------------------------------------------------------------------------------------

LATER = Horizon.at(NOW + 20_000, 30 * 86_400)
"""The horizon after the clocks were set right: what was in the future is not any more."""


def mixed() -> bytes:
    """A message with a good sample, two in the future, and two that stay wrong."""
    future = records_of("t1", "v", KEY, {NOW + 9990: 1.5, NOW + 10_050: 2.5})
    good = records_of("t1", "v", KEY, {WINDOW_START + 30: 1.0})
    return a_message([*good, *future, a_record(PerfType="a.b"), {**a_record(), "PerfValue": "x", "extra": [1]}])


async def quarantined(tables: Tables) -> list[tuple[QuarantinedMessage, list[RefusedInput]]]:
    return [(each, await tables.quarantine.inputs(each)) async for each in tables.quarantine.messages(DAY)]


async def test_what_was_refused_is_accepted_after_a_fix_and_the_rest_stays(tables: Tables) -> None:
    await ingest(tables, [Message(mixed(), "m", NOW)], HORIZON)
    ((message, inputs),) = await quarantined(tables)
    assert [each.position for each in inputs] == [1, 2, 3, 4]
    figures = await carry_out(tables, Reingest(DAY), context(tables, LATER))
    assert figures == {"accepted": 2, "stillRefused": 2}
    ((after, left),) = await quarantined(tables)
    assert (after.message, after.message_id, sum(after.reasons.values())) == (message.message, "m", 2)
    assert left == inputs[2:]  # as they came, to the last character
    assert {mark.value.tenant for mark in await tables.marks.read()} == {"t1"}
    await work_off(tables)
    assert {at for _, at in await the_report(tables)} == {WINDOW_START + 30, NOW + 9990, NOW + 10_050}
    assert await carry_out(tables, Reingest(DAY), context(tables, LATER)) == {"accepted": 0, "stillRefused": 2}


async def test_a_message_that_was_unreadable_as_a_whole_is_tried_as_it_came() -> None:
    memory = MemoryDocuments()
    tables = Tables(memory)
    good = a_message(records_of("t", "v", KEY, [1.0] * 15), zipped=True)
    await ingest(tables, [Message(b"{", "m", NOW)], HORIZON)
    ((message, inputs),) = await quarantined(tables)
    as_kept = json.loads(inputs[0].input)
    assert as_kept == {"bytes": 1, "base64": "ew=="}
    import base64  # noqa: PLC0415

    now_good = json.dumps({"bytes": len(good), "base64": base64.b64encode(good).decode()})
    await tables.quarantine.keep(message, [replace(inputs[0], input=now_good)])
    assert await carry_out(tables, Reingest(DAY)) == {"accepted": 1, "stillRefused": 0}
    assert await quarantined(tables) == []
    await work_off(tables)
    assert len(await the_report(tables)) == 15


async def test_inputs_that_were_cut_off_stay_in_quarantine() -> None:
    tables = Tables(MemoryDocuments())
    await ingest(tables, [Message(a_message([a_record(PerfType="a.b", PerfName="x" * 600_000)]), "m", NOW)], HORIZON)
    await ingest(tables, [Message(b"\x1f\x8b" + bytes(600_000), "n", NOW)], HORIZON)
    before = await quarantined(tables)
    assert await carry_out(tables, Reingest(DAY)) == {"accepted": 0, "stillRefused": 2}
    assert await quarantined(tables) == before


async def test_re_ingesting_with_a_failure_at_any_call_comes_to_the_same() -> None:
    async def make() -> MemoryDocuments:
        return await a_store([mixed()])

    async def work(tables: Tables) -> None:
        await carry_out(tables, Reingest(DAY), context(tables, LATER))

    undisturbed = await make()
    await work(Tables(undisturbed))
    await work_off(Tables(undisturbed))
    outcomes = await with_failures(make, work)
    assert all(outcome == everything(undisturbed) for outcome in outcomes)


async def test_a_vms_surplus_that_there_is_still_no_room_for_stays() -> None:
    tables = Tables(MemoryDocuments())
    for first in (0, 10):
        records = [a_record(PerfName=f"p{number}") for number in range(first, first + 1000)]
        await ingest(tables, [Message(a_message(records), "m", NOW)], HORIZON)
    before = await quarantined(tables)
    assert len(before[0][1]) == 10
    assert await carry_out(tables, Reingest(DAY)) == {"accepted": 0, "stillRefused": 10}
    assert [[each.input for each in inputs] for _, inputs in await quarantined(tables)] == [
        [each.input for each in inputs] for _, inputs in before
    ]


async def test_refused_inputs_are_dropped_all_or_those_with_a_reason_or_of_a_message(tables: Tables) -> None:
    for name in ("m", "n"):
        await ingest(tables, [Message(mixed() + b" " * (name == "n"), name, NOW)], HORIZON)
    (first, inputs), (second, _) = await quarantined(tables)
    wrong = inputs[-1].reason
    assert await carry_out(tables, Drop(DAY, reason=wrong)) == {"dropped": 2}
    assert all(wrong not in message.reasons for message, _ in await quarantined(tables))
    assert await carry_out(tables, Drop(DAY, first.message)) == {"dropped": 3}
    assert [message.message for message, _ in await quarantined(tables)] == [second.message]
    assert await carry_out(tables, Drop(DAY)) == {"dropped": 3}
    assert await quarantined(tables) == []


# dead letters ----------------------------------------------------------------------------------------------------


def folder_context(tables: Tables, folder: Path, time_left: Callable[[], bool] = lambda: True) -> OperationContext:
    return replace(context(tables, time_left=time_left), dead_letters=FolderDeadLetters(folder))


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


async def test_dead_letters_go_back_but_not_those_that_came_after_it_was_asked(tmp_path: Path) -> None:
    import os  # noqa: PLC0415

    dead = tmp_path / "dead"
    dead.mkdir()
    for name, came in (("a", NOW - 9), ("b", NOW - 8), ("late", NOW + 1)):
        (dead / name).write_bytes(name.encode())
        os.utime(dead / name, (came, came))
    tables = Tables(MemoryDocuments())
    turns = iter([True])
    asked = folder_context(tables, tmp_path, lambda: next(turns, False) or True)
    assert await carry_out(tables, Resubmit(), asked) == {"messages": 2}
    assert files(dead) == {"late": b"late"}
    assert files(tmp_path) == {"a": b"a", "b": b"b"}


async def test_a_resubmission_without_time_goes_on_later(tmp_path: Path) -> None:
    (tmp_path / "dead").mkdir()
    for name in "abc":
        (tmp_path / "dead" / name).write_bytes(b"x")
    tables = Tables(MemoryDocuments())
    turns = iter([True, False])
    asked = replace(folder_context(tables, tmp_path, lambda: next(turns)), started=9_999_999_999)
    done = await Resubmit().do({}, asked)
    assert (done.figures, done.again) == ({"messages": 1}, True)


async def test_without_a_queue_it_is_said_which_setting_is_missing() -> None:
    with pytest.raises(Misconfigured, match="QUEUE_FOLDER"):
        await carry_out(Tables(MemoryDocuments()), Resubmit())


# names -----------------------------------------------------------------------------------------------------------


def test_the_same_question_has_the_same_name_and_every_other_has_another() -> None:
    asked: list[Operation] = [
        Rebuild(0),
        Rebuild(0, 900),
        Rebuild(0, 900, "t"),
        Purge("t"),
        Purge("t", dry_run=True),
        Purge("t", "v"),
        Purge(before=5),
        Reingest(DAY),
        Drop(DAY),
        CatchUp(),
        Resubmit(),
    ]
    names = [instance_of(each) for each in asked]
    assert len(set(names)) == len(asked)
    assert names == [instance_of(replace(each)) for each in asked]  # type: ignore[type-var]
