"""A document that can't be read hurts what needs it, says so, and nothing else."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from domain.minutes import utc_day
from domain.names import encode_name
from domain.rollups import Node
from pipeline.averaging import Averaged, average
from pipeline.quarantine import Drop, Reingest, reingest
from pipeline.queries.charts import Question, get_data, get_tenant_data
from pipeline.queries.status import status as status_of
from pipeline.rebuild import Rebuild
from pipeline.storing import CORRUPT
from storage.documents import Corrupt
from storage.schema import CATALOGUE, OPERATIONS, QUARANTINE, REPORT, ROLLUPS, SAMPLES, schema
from storage.sqlite import SqliteDocuments
from storage.tables import Tables
from storage.tables.marks import Mark
from storage.tables.operations import OperationRecord
from storage.tables.quarantine import CORRUPT_INPUTS, QuarantinedMessage
from tests.builders import HORIZON, KEY, NOW, TIMES, WINDOW_START, a_message, a_record, a_view, records_of
from tests.pipeline.oracle import report_of, samples_of
from tests.pipeline.steps import deliver, the_report, work_off
from tests.pipeline.test_operations import carry_out

TENANTS = ("a", "b", "c")
BODIES = {
    tenant: a_message(records_of(tenant, "v", KEY, [number + minute for minute in range(15)]))
    for number, tenant in enumerate(TENANTS)
}
SAMPLES_OF_A = ("a_2026-09-21", f"{WINDOW_START}_v")
NOT_WHAT_IT_SHOULD_BE: list[dict[str, Any]] = [
    {},
    {"series": {}},
    {"dimensions": {}, "series": {KEY: [1, 2, 3]}},
    {"dimensions": {}, "series": {KEY: ["1"] * 15}},
    {"dimensions": {"Region": 5}, "series": {}},
    {"dimensions": {}, "series": []},
]


async def averaged(tables: Tables) -> Averaged:
    done = await average(tables, TIMES)
    assert done.left == 0
    return done


@pytest.mark.parametrize("body", NOT_WHAT_IT_SHOULD_BE)
async def test_a_corrupt_vm_window_holds_up_its_tenant_only(tables: Tables, body: dict[str, Any]) -> None:
    await deliver(tables, BODIES.values())
    await tables.documents.upsert(SAMPLES, *SAMPLES_OF_A, body)
    done = await averaged(tables)
    (said,) = done.corrupt
    assert all(part in said for part in (SAMPLES, *SAMPLES_OF_A, "corrupt"))
    assert [mark.value for mark in await tables.marks.read()] == [Mark("a", WINDOW_START)]
    assert await the_report(tables) == report_of(samples_of([BODIES["b"], BODIES["c"]]))


async def test_what_comes_for_a_corrupt_vm_window_waits_in_quarantine(tables: Tables) -> None:
    await deliver(tables, BODIES.values())
    await tables.documents.upsert(SAMPLES, *SAMPLES_OF_A, {})
    late = a_message([*records_of("a", "v", KEY, [7.0] * 15), *records_of("b", "w", KEY, [8.0] * 15)])
    done = await deliver(tables, [late])
    assert (done.refused, done.reasons) == (15, {CORRUPT: 15})
    await averaged(tables)
    assert await the_report(tables) == report_of(
        samples_of([BODIES["b"], BODIES["c"], a_message(records_of("b", "w", KEY, [8.0] * 15))])
    )
    document = await tables.documents.read(SAMPLES, *SAMPLES_OF_A)
    assert document
    await tables.documents.delete(SAMPLES, *SAMPLES_OF_A, document.etag)  # as the runbook says
    (message,) = [each async for each in tables.quarantine.messages("2026-09-21")]
    assert await reingest(tables, message, HORIZON) == (15, 0)
    await work_off(tables)
    assert await the_report(tables) == report_of(samples_of([BODIES["b"], BODIES["c"], late]))


@pytest.mark.parametrize("series", [{KEY: "[null"}, {KEY: "[1]"}, {KEY: []}, {KEY: 5}, None])
async def test_a_corrupt_rollup_is_made_anew_from_the_samples(tables: Tables, series: object) -> None:
    await deliver(tables, BODIES.values())
    await work_off(tables)
    expected = await the_report(tables)
    node = Node.of("b")
    place = ROLLUPS, str(WINDOW_START), f"3_{node.branch}_b"
    assert await tables.documents.read(*place)
    await tables.documents.upsert(*place, {"series": series})
    question = Question([KEY], minutes=15)
    with pytest.raises(Corrupt, match=ROLLUPS):
        await get_tenant_data(tables, question, "b", "v", a_view())
    assert len((await get_data(tables, question, a_view())).data) == 15
    assert (await carry_out(tables, Rebuild(WINDOW_START)))["windows"] == 1
    assert (await get_tenant_data(tables, question, "b", "v", a_view())).data[3].tenantAverage == 4
    assert await the_report(tables) == expected


async def test_a_corrupt_rollup_of_another_tenant_holds_up_its_window_only(tables: Tables) -> None:
    await deliver(tables, BODIES.values())
    await work_off(tables)
    node = Node.of("b")
    for level in (1, 2):  # of a branch, that others' averages are made of
        await tables.documents.upsert(ROLLUPS, str(WINDOW_START), f"{level}_{node.branch[:level]}", {})
    older = a_message(records_of("a", "v", KEY, [1.0] * 15, WINDOW_START - 900))
    newer = a_message(records_of("a", "v", KEY, [2.0] * 15))
    await deliver(tables, [older, newer])
    done = await averaged(tables)
    assert len(done.corrupt) == 1
    assert done.windows == [WINDOW_START - 900]
    assert [mark.value.window for mark in await tables.marks.read()] == [WINDOW_START]
    assert "corruptDocuments" not in await carry_out(tables, Rebuild(WINDOW_START))
    assert await tables.marks.read() == []
    assert await the_report(tables) == report_of(samples_of([*BODIES.values(), older, newer]))


@pytest.mark.parametrize("body", [{}, {"rows": [{"timestamp": "x"}]}, {"rows": {}}])
async def test_a_corrupt_report_is_made_anew(tables: Tables, body: dict[str, Any]) -> None:
    await deliver(tables, BODIES.values())
    await work_off(tables)
    expected = await the_report(tables)
    await tables.documents.upsert(REPORT, KEY, str(WINDOW_START), body)
    with pytest.raises(Corrupt, match=REPORT):
        await get_data(tables, Question([KEY], minutes=15), a_view())
    await tables.marks.set(Mark("c", WINDOW_START))
    assert (await averaged(tables)).corrupt == []
    assert await the_report(tables) == expected


@pytest.mark.parametrize("body", [{}, {"newest": "x"}, {"newest": 5, "dimensions": 7}, {"counters": []}])
@pytest.mark.parametrize(
    ("kind", "name"),
    [("tenants", "a"), ("vms_a", "v"), ("counters", KEY), ("tenants' counters", "a")],
)
async def test_a_corrupt_entry_of_the_catalogue_is_made_anew(
    tables: Tables, kind: str, name: str, body: dict[str, Any]
) -> None:
    await deliver(tables, BODIES.values())
    await work_off(tables)
    place = CATALOGUE, kind, encode_name(name)
    before = await tables.documents.read(*place)
    assert before
    await tables.documents.upsert(*place, body)
    for tenant in TENANTS:
        await tables.marks.set(Mark(tenant, WINDOW_START))
    await work_off(tables)
    after = await tables.documents.read(*place)
    assert after
    assert after.body == before.body
    assert await the_report(tables) == report_of(samples_of(BODIES.values()))


async def test_a_purge_removes_corrupt_vm_windows(tables: Tables) -> None:
    from pipeline.purge import Purge  # noqa: PLC0415

    await deliver(tables, BODIES.values())
    await work_off(tables)
    await tables.documents.upsert(SAMPLES, *SAMPLES_OF_A, {"dimensions": {}, "series": {KEY: []}})
    await carry_out(tables, Purge(tenant="a"))
    assert await tables.documents.read(SAMPLES, *SAMPLES_OF_A) is None
    assert await the_report(tables) == report_of(samples_of([BODIES["b"], BODIES["c"]]))


@pytest.mark.parametrize("stored", [b"", b"{", b"\x78\x01", b"[1]", b"\xff\xfe", bytes(50), "{", 5])
async def test_what_is_no_document_in_sqlite(tmp_path: Path, stored: object) -> None:
    documents = SqliteDocuments(tmp_path / "store.db", schema(30, 400), lambda: NOW)
    tables = Tables(documents)
    await deliver(tables, BODIES.values())
    with sqlite3.connect(tmp_path / "store.db") as other:
        other.execute("UPDATE documents SET body = ? WHERE partition = ? AND id = ?", (stored, *SAMPLES_OF_A))
    other.close()
    done = await averaged(tables)
    assert len(done.corrupt) == 1
    assert len(await the_report(tables)) == 15
    await documents.close()


async def test_a_document_that_was_edited_by_hand_is_read_though_it_is_text_now(tmp_path: Path) -> None:
    documents = SqliteDocuments(tmp_path / "store.db", schema(30, 400), lambda: NOW)
    tables = Tables(documents)
    await deliver(tables, BODIES.values())
    mended = json.dumps({"dimensions": {}, "series": {KEY: [9.0] * 15}})
    with sqlite3.connect(tmp_path / "store.db") as other:
        other.execute("UPDATE documents SET body = ? WHERE partition = ? AND id = ?", (mended, *SAMPLES_OF_A))
    other.close()
    await averaged(tables)
    found = await tables.samples.read("a", "v", WINDOW_START)
    assert found
    assert found.value.series == {KEY: [9.0] * 15}
    await documents.close()


# what only operators look at ------------------------------------------------------------------------------------------

DAY = utc_day(NOW)
REFUSED = a_message([a_record(PerfType="a.b", PerfValue=1), a_record(PerfName="")])


async def the_quarantined(tables: Tables) -> QuarantinedMessage:
    (message,) = [each async for each in tables.quarantine.messages(DAY)]
    return message


async def damage_inputs(tables: Tables, body: dict[str, Any]) -> str:
    """Damage one of the two documents that hold the refused inputs; return the reason that stood in it."""
    partition = f"{DAY}_{(await the_quarantined(tables)).message}"
    documents = [each async for each in tables.documents.scan(QUARANTINE, partition)]
    assert len(documents) == 2
    await tables.documents.upsert(QUARANTINE, partition, documents[0].id, body)
    return str(documents[0].body["reason"])


@pytest.mark.parametrize("body", [{}, {"messageId": 5}, {"messageId": "m", "received": "x", "reasons": []}])
async def test_a_corrupt_summary_of_a_quarantined_message_is_made_of_its_inputs(
    tables: Tables, body: dict[str, Any]
) -> None:
    await deliver(tables, [REFUSED])
    before = await the_quarantined(tables)
    await tables.documents.upsert(QUARANTINE, DAY, before.message, body)
    found = await the_quarantined(tables)
    assert (found.message, found.day, found.reasons) == (before.message, DAY, before.reasons)
    assert (await status_of(tables, a_view())).quarantinedToday == 2
    assert await tables.quarantine.inputs(found) == await tables.quarantine.inputs(before)
    assert await carry_out(tables, Drop(DAY)) == {"dropped": 2}
    assert [each async for each in tables.quarantine.messages(DAY)] == []


@pytest.mark.parametrize(
    "body", [{}, {"reason": "r", "inputs": []}, {"reason": "r", "inputs": [{"position": "x"}]}, {"inputs": 5}]
)
async def test_corrupt_inputs_are_told_and_stay_until_they_are_dropped(tables: Tables, body: dict[str, Any]) -> None:
    await deliver(tables, [REFUSED])
    gone = await damage_inputs(tables, body)
    (other,) = {*(await the_quarantined(tables)).reasons} - {gone}
    for _ in range(2):
        assert await carry_out(tables, Reingest(DAY)) == {"accepted": 0, "stillRefused": 2}
        inputs = await tables.quarantine.inputs(await the_quarantined(tables))
        assert sorted(each.reason for each in inputs) == sorted([CORRUPT_INPUTS, other])
    assert await carry_out(tables, Drop(DAY, reason=other)) == {"dropped": 1}
    assert (await the_quarantined(tables)).reasons == {CORRUPT_INPUTS: 1}
    assert await carry_out(tables, Drop(DAY, reason=CORRUPT_INPUTS)) == {"dropped": 1}
    assert [each async for each in tables.quarantine.messages(DAY)] == []


async def test_corrupt_inputs_alone_are_dropped_and_a_message_that_comes_again_heals_them(tables: Tables) -> None:
    await deliver(tables, [REFUSED])
    before = await tables.quarantine.inputs(await the_quarantined(tables))
    await damage_inputs(tables, {})
    await deliver(tables, [REFUSED])
    assert await tables.quarantine.inputs(await the_quarantined(tables)) == before
    await damage_inputs(tables, {})
    await carry_out(tables, Reingest(DAY))  # which writes down that something of it is corrupt
    assert await carry_out(tables, Drop(DAY, reason=CORRUPT_INPUTS)) == {"dropped": 1}
    (left,) = await tables.quarantine.inputs(await the_quarantined(tables))
    assert left in before


@pytest.mark.parametrize("body", [{}, {"kind": 5}, {"kind": "purge", "figures": [], "nothing": 1}])
async def test_a_corrupt_record_of_an_operation_is_told_among_the_others(tables: Tables, body: dict[str, Any]) -> None:
    first, second = (
        OperationRecord(each, "purge", {}, "ann", NOW + n, None, "running", {}) for n, each in enumerate("12")
    )
    await tables.operations.write(first)
    await tables.operations.write(second)
    (document, _) = [each async for each in tables.documents.scan(OPERATIONS, "operations")]
    await tables.documents.upsert(OPERATIONS, "operations", document.id, body)
    corrupt, good = (each.value for each in await tables.operations.newest(5))
    assert (corrupt.instance, corrupt.started, corrupt.state) == ("2", NOW + 1, "unknown")
    assert corrupt.error
    assert good == first
