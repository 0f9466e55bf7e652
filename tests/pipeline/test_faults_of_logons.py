"""Log-ons and what goes wrong: purges, broken documents, and what an older version has left."""

from typing import Any

import pytest

from domain.closing import Times
from domain.minutes import DAY, HOUR
from domain.samples import Horizon
from messaging.dead_letters import NoDeadLetters
from pipeline.learning import learn_tenant
from pipeline.operations import OperationContext
from pipeline.purge import Purge
from pipeline.purged_learning import purge_tenant
from pipeline.queries.logon_answers import NOT_LEARNED
from pipeline.rules import Rules
from storage.schema import STANDINGS
from storage.tables import Tables
from storage.tables.digests import partition_of
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.office import DAYS, NOW, copied, learned_office
from tests.pipeline.test_logons import ahead, by_day
from tests.pipeline.test_operations import carry_out
from tests.pipeline.test_purge_of_learning import learned

USE = "use_Europe~2FLondon_2026-11-10_000000"


@pytest.fixture(scope="module")
def office() -> MemoryDocuments:
    """The office, when it has been learned."""
    return learned_office()


@pytest.fixture
def memory(office: MemoryDocuments) -> MemoryDocuments:
    return copied(office)


@pytest.fixture
def tables(memory: MemoryDocuments) -> Tables:
    return Tables(memory)


def context(tables: Tables) -> OperationContext:
    """No samples are left; standings are kept for six weeks."""
    rules, times = Rules(standings_days=42), Times(NOW, 0, 40 * DAY)
    return OperationContext(tables, NoDeadLetters(), Horizon.at(NOW, 0), rules, NOW, times)


def kinds(memory: MemoryDocuments, kind: str) -> dict[str, Any]:
    return {name: body for name, body in learned(memory).items() if name.split("_")[0] == kind}


async def test_after_a_purge_of_a_vm_nothing_names_it_and_learning_goes_on(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    await carry_out(tables, Purge("t", "a"), context(tables))
    named = [name for name, body in learned(memory).items() if ["vm", "a"] in body.get("whose", [])]
    assert named == []
    await learn_tenant(tables, "t", NOW)
    named = [name for name, body in learned(memory).items() if ["vm", "a"] in body.get("whose", [])]
    assert named == []
    assert by_day(await ahead(tables, vm="b"))["2026-11-23"].startBy


async def test_a_purge_of_a_tenant_leaves_nothing(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    assert [place for place in memory._documents if place[1] == "scores"]
    await purge_tenant(tables, "t")
    assert learned(memory) == {}
    assert [place for place in memory._documents if place[1] == "scores"] == []


async def test_a_purge_of_days_removes_habits_of_them_until_they_are_learned_again(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    await carry_out(tables, Purge(before=NOW - 10 * DAY), context(tables))
    days = [name.split("_")[2] for name in kinds(memory, "use")]
    assert min(days) >= "2026-11-09"
    assert kinds(memory, "habits") == kinds(memory, "sessions") == {}
    await learn_tenant(tables, "t", NOW + 12 * HOUR)
    await learn_tenant(tables, "t", NOW + DAY)
    assert by_day(await ahead(tables, NOW + DAY, vm="a"))["2026-11-23"].firstLogon


async def test_a_use_day_that_cant_be_read_is_made_anew(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    before = learned(memory)
    await tables.documents.upsert(STANDINGS, partition_of("t"), USE, {"came": "?"})
    assert "corruptDocuments" not in await learn_tenant(tables, "t", NOW)
    assert learned(memory)[USE] == before[USE]


async def test_a_use_day_that_cant_be_made_anew_is_told_and_left_out(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    await tables.documents.upsert(STANDINGS, partition_of("t"), USE, {"came": "?"})
    kept = 8 * DAY  # of the day that is broken, standings may have expired
    assert (await learn_tenant(tables, "t", NOW, kept))["corruptDocuments"] == 1
    assert by_day(await ahead(tables, vm="a"))["2026-11-23"].firstLogon
    (series,) = (await ahead(tables, vm="a")).series
    assert series.history == DAYS - 2


async def test_habits_that_cant_be_read_are_unknown_until_they_are_learned_again(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    place = STANDINGS, partition_of("t"), "habits_Europe~2FLondon_00_000000"
    await tables.documents.upsert(*place, {"version": "?"})
    answer = await ahead(tables, pool="desk")
    assert (answer.reason, answer.data) == (NOT_LEARNED, [])
    await learn_tenant(tables, "t", NOW)
    assert (await ahead(tables, pool="desk")).reason is None


async def test_what_an_older_version_has_learned_is_completed_once(memory: MemoryDocuments) -> None:
    """It knew digests and baselines only. The first run makes all days' use, writes no digest, and so does no other."""
    tables = Tables(memory)
    whole = learned(memory)
    for place in list(memory._documents):
        if place[1] == partition_of("t") and place[2].split("_")[0] in ("use", "habits", "sessions"):
            del memory._documents[place]
    zone = await tables.documents.read(STANDINGS, partition_of("t"), "zone")
    assert zone
    old = {name: value for name, value in zone.body.items() if name != "version"}
    await tables.documents.upsert(STANDINGS, partition_of("t"), "zone", old)
    digests = {place: body for place, body in memory._documents.items() if place[2].startswith("digest")}
    await learn_tenant(tables, "t", NOW)
    assert learned(memory) == whole
    assert {place: body for place, body in memory._documents.items() if place[2].startswith("digest")} == digests
    read: list[str] = []

    async def note(call: str, table: str, document_id: str) -> None:
        if call == "before read" and document_id.startswith("s_"):
            read.append(f"{table} {document_id}")

    memory.hook = note
    await learn_tenant(tables, "t", NOW)
    assert len(read) < 4 * 96 * 2
