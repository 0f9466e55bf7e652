"""docs/data.md: its examples are documents that the code writes, and what it says of containers is the schema."""

import asyncio
import json
import re
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from domain.samples import Dimensions
from domain.standings import Standings, StandingVm
from domain.use_days import ACTIVE
from pipeline.judging import judge_marked
from pipeline.learning import learn_fleet, learn_tenant
from pipeline.summarizing import FLEET_NAME
from storage.schema import DAY, PARTITION_KEY, schema
from storage.sqlite import SqliteDocuments
from storage.tables import Tables
from storage.tables.catalogue import Entry, vms_of
from storage.tables.marks import Mark
from storage.tables.operations import OperationRecord
from tests.app.conftest import ROOT
from tests.builders import KEY, LATENESS, NOW, TENANT, VM, WINDOW_START, a_message, records_of
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.steps import close_windows, deliver, enrol, work_off

TEXT = (ROOT / "docs/data.md").read_text()
SECOND_VM = f"{VM[:-1]}5"

NOT_YET: set[str] = set()
"""Tables that the page does not describe yet. Empty: each has its section."""

SCHEMA = schema(30, 400)
SECTIONS = {
    found[1]: found[2] for found in re.finditer(r"^## `(\w+)`[^\n]*\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
}
EXAMPLES = [
    (table, json.loads(block))
    for table, section in SECTIONS.items()
    for block in re.findall(r"```json\n(.*?)```", section, re.DOTALL)
]
QUERIES = [
    (table, block)
    for table, section in SECTIONS.items()
    for block in re.findall(r"```sql\n(.*?)```", section, re.DOTALL)
]


@cache
def written() -> dict[tuple[str, str, str], dict[str, Any]]:
    """Return the last state of every document that the code writes of a small fleet, by table, partition and id."""
    return asyncio.run(_written())


async def _written() -> dict[tuple[str, str, str], dict[str, Any]]:
    documents = MemoryDocuments()
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    put = documents._put

    def note(table: str, partition: str, document_id: str, body: Any) -> None:
        stored = {"id": document_id, PARTITION_KEY[1:]: partition, **body}
        found[table, partition, document_id] = json.loads(json.dumps(stored))  # as stores do
        put(table, partition, document_id, body)

    documents._put = note  # type: ignore[method-assign]
    tables = Tables(documents)
    values = [float(minute) for minute in range(15)]
    records = [*records_of(TENANT, VM, KEY, values), *records_of(TENANT, SECOND_VM, KEY, [20.0] * 14)]
    refused = {**records[0], "timestamp": NOW + 9_000}
    await enrol(tables, ["enrolled-tenant"])
    await tables.operations.write(
        OperationRecord("5f0c", "rebuild", {"start": WINDOW_START}, "olga", NOW, None, "running", {})
    )
    await deliver(tables, [a_message([*records, refused])])
    await work_off(tables)
    await close_windows(tables, NOW + LATENESS)
    await _learn(tables)
    await _learn_log_ons(tables)
    return found


async def _learn(tables: Tables) -> None:
    """Three more days have the same standings. Then a day is learned, and the window is judged again."""
    stored = await tables.standings.read(TENANT, WINDOW_START)
    averages = await tables.fleet_averages.read(WINDOW_START)
    assert stored
    assert averages
    for back in range(1, 4):
        await tables.standings.write(TENANT, WINDOW_START - back * DAY, stored.value, None)
        await tables.fleet_averages.write(WINDOW_START - back * DAY, averages.value, None)
        await tables.days.set(Mark(TENANT, WINDOW_START - back * DAY))
        await tables.fleet_days.set(Mark(FLEET_NAME, WINDOW_START - back * DAY))
    await learn_tenant(tables, TENANT, WINDOW_START)
    await learn_fleet(tables, WINDOW_START)
    await tables.to_judge.set(Mark(TENANT, WINDOW_START))
    await judge_marked(tables, [Mark(TENANT, WINDOW_START)], NOW)


async def _learn_log_ons(tables: Tables) -> None:
    """A tenant whose one VM was used in a window of each of the last days."""
    vm = StandingVm("a", 0, Dimensions(None, "desk", "uksouth"))
    for back in range(4):
        window = WINDOW_START - back * DAY
        await tables.standings.write("people", window, Standings([vm], {ACTIVE: np.array([2.0])}), None)
        await tables.days.set(Mark("people", window - window % DAY))
    await tables.catalogue.write_entry(vms_of("people"), Entry(vm.vm, WINDOW_START, vm.dimensions), None)
    await learn_tenant(tables, "people", WINDOW_START)


def agrees(example: Any, real: Any) -> bool:
    """Tell whether an example is what was written. At the end of a list or a text, … stands for more."""
    if isinstance(example, list) and example and example[-1] == "…":
        shown = example[:-1]
        return len(real) > len(shown) and agrees(shown, real[: len(shown)])
    if isinstance(example, str) and example.endswith("…"):
        return str(real).startswith(example[:-1])
    if isinstance(example, dict) and isinstance(real, dict):
        return example.keys() == real.keys() and all(agrees(example[name], real[name]) for name in example)
    if isinstance(example, list) and isinstance(real, list):
        return len(example) == len(real) and all(map(agrees, example, real))
    return bool(example == real)


def test_every_table_has_its_section_and_an_example() -> None:
    assert SECTIONS.keys() >= SCHEMA.keys() - NOT_YET
    assert {table for table, _ in EXAMPLES} == SCHEMA.keys() - NOT_YET
    assert not NOT_YET & SECTIONS.keys()


@pytest.mark.parametrize(("table", "example"), EXAMPLES, ids=[f"{table} {each['id']}" for table, each in EXAMPLES])
def test_an_example_is_what_the_code_writes(table: str, example: dict[str, Any]) -> None:
    real = written()[table, example[PARTITION_KEY[1:]], example["id"]]
    assert agrees(example, real), real


@pytest.mark.parametrize("table", sorted(SCHEMA))
def test_the_lifetimes_are_those_of_the_schema(table: str) -> None:
    said = re.search(r"Lives for (\d+) days|Never expires", " ".join(SECTIONS[table].split()))
    assert said
    seconds = SCHEMA[table].time_to_live
    assert (None if said[1] is None else int(said[1]) * DAY) == seconds


def test_there_are_three_queries_whose_fields_exist() -> None:
    assert len(QUERIES) == 3
    for table, query in QUERIES:
        names = set(re.findall(r'\b[cr](?:\.(\w+)|\["(\w+)"\])', query))
        fields = {name for one, other in names for name in (one, other) if name}
        examples = [example for of, example in EXAMPLES if of == table]
        known = {name for example in examples for name in example}
        known |= {name for example in examples for row in example.get("rows", ()) for name in row if row != "…"}
        assert fields <= known, query
        partition = re.search(r"c\.pk = '([^']+)'", query)
        assert partition
        assert partition[1] in {example["pk"] for example in examples}


async def test_what_it_says_of_sqlite_is_so(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = SqliteDocuments(path, SCHEMA, lambda: NOW)
    await store.create("report", KEY, "1", {"rows": []})
    await store.close()
    query = re.search(r"`(SELECT [^`]*FROM documents [^`]*)`", TEXT)
    assert query
    with closing(sqlite3.connect(path)) as connection:
        assert [row[0] for row in connection.execute(query[1])] == ["1"]


def test_a_wrong_example_would_be_found() -> None:
    real = {"id": "1", "rows": [{"a": 1}, {"a": 2}]}
    assert agrees({"id": "1", "rows": [{"a": 1}, "…"]}, real)
    for wrong in ({"id": "1"}, {"id": "1", "rows": [{"a": 2}, "…"]}, {"id": "1", "rows": [{"a": 1}]}, {**real, "b": 1}):
        assert not agrees(wrong, real)
