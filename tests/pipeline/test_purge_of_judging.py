"""After a purge no document names what was purged, and nothing says that it is silent."""

import json
import random
from dataclasses import replace

import pytest

from domain.minutes import HOUR, WINDOW
from domain.samples import Horizon
from pipeline.purge import Purge
from pipeline.rules import Rules
from storage.schema import STANDINGS
from storage.tables import Tables
from tests.builders import LATENESS, NOW, TIMES
from tests.pipeline.judged_fleet import (
    FLEET,
    Values,
    a_learned_store,
    as_usual,
    come,
    moved,
    settle,
    unusual,
    what_was_found,
)
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.steps import work_off
from tests.pipeline.test_operations import carry_out, context

SLOW, SILENT = "v13", "v24"
"""Of t1, and of t2."""


def value(window: int) -> Values:
    usual = moved([("t1", SLOW)], random.Random(str(window)))  # noqa: S311
    return lambda tenant, vm, key: None if vm == SILENT else usual(tenant, vm, key)


async def a_store() -> MemoryDocuments:
    """A VM is slow, and another one is silent."""
    memory = await a_learned_store()
    tables = Tables(memory)
    for window in range(NOW - 6 * WINDOW, NOW, WINDOW):
        await come(tables, window, value(window))
        await work_off(tables)
    await settle(tables)
    assert {(each.name, each.why) for each in (await unusual(tables)).data} == {(SLOW, "unusual"), (SILENT, "silent")}
    return memory


def naming(memory: MemoryDocuments, name: str) -> list[tuple[str, str, str]]:
    """The documents that name it: in their text, or in their ids."""
    return [
        place
        for place, found in memory._documents.items()
        if f'"{name}"' in json.dumps(json.loads(found[0])) or name in place[1].split("_") + place[2].split("_")
    ]


async def purge(tables: Tables, purged: Purge) -> None:
    late = replace(TIMES, now=NOW + LATENESS)
    rules, horizon = Rules(standings_days=8), Horizon.at(late.now, 12 * HOUR)  # the days before have standings only
    await carry_out(tables, purged, replace(context(tables, horizon), rules=rules, started=late.now, times=late))
    await settle(tables)


@pytest.mark.parametrize(("tenant", "vm"), [("t1", SLOW), ("t2", SILENT)])
async def test_no_document_names_a_vm_that_was_purged(tenant: str, vm: str) -> None:
    memory = await a_store()
    tables = Tables(memory)
    assert [place for place in naming(memory, vm) if place[2].startswith("j")]
    await purge(tables, Purge(tenant, vm))
    assert naming(memory, vm) == []
    assert {each.name for each in (await unusual(tables)).data} == {SLOW, SILENT} - {vm}
    await come(tables, NOW, as_usual(random.Random(1)), ["t1", "t2"])  # noqa: S311
    assert {each.name for each in (await unusual(tables, tenant)).data} <= {SLOW, SILENT} - {vm}


async def test_no_document_names_a_tenant_that_was_purged() -> None:
    memory = await a_store()
    tables = Tables(memory)
    await purge(tables, Purge("t1"))
    assert naming(memory, "t1") == []
    for vm in FLEET["t1"]:
        assert naming(memory, vm) == []
    assert {each.name for each in (await unusual(tables)).data} == {SILENT}


async def test_a_purge_before_a_time_forgets_what_was_found_before_it() -> None:
    memory = await a_store()
    tables = Tables(memory)
    first = NOW - 2 * WINDOW
    await purge(tables, Purge(before=first))
    assert {window for window, _ in await what_was_found(tables)} == {first, first + WINDOW}
    assert (await unusual(tables)).data == []  # two windows are not enough


async def test_a_dry_run_leaves_what_was_found() -> None:
    memory = await a_store()
    tables = Tables(memory)
    before = await what_was_found(tables)
    for purged in (Purge("t1", SLOW), Purge("t2", SILENT), Purge("t1"), Purge(before=NOW)):
        await purge(tables, replace(purged, dry_run=True))
    assert await what_was_found(tables) == before


async def test_a_purge_that_dies_and_is_begun_again_leaves_nothing_either() -> None:
    store = await a_store()
    for at in range(1, 400, 160):
        memory = store.as_it_was(0)
        wrote = 0

        async def dies(call: str, table: str, document_id: str, at: int = at) -> None:  # noqa: ARG001
            nonlocal wrote
            wrote += table == STANDINGS and call in ("after create", "after replace", "after delete", "after upsert")
            if wrote >= at:
                raise TimeoutError

        memory.hook = dies
        try:
            await purge(Tables(memory), Purge("t1", SLOW))
        except TimeoutError:
            memory.hook = MemoryDocuments().hook
            await purge(Tables(memory), Purge("t1", SLOW))
        memory.hook = MemoryDocuments().hook
        assert naming(memory, SLOW) == [], f"it died after {at} writes"
