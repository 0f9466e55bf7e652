"""A purge removes what was learned of a tenant, of a VM, or of days before a date, and nothing else."""

import json
from typing import Any

import pytest

from domain.closing import Times
from domain.minutes import DAY
from domain.samples import Horizon
from messaging.dead_letters import NoDeadLetters
from pipeline.learning import learn_fleet, learn_tenant
from pipeline.operations import OperationContext
from pipeline.purge import Purge
from pipeline.purged_learning import purge_tenant, purge_vm
from pipeline.rules import Rules
from storage.schema import STANDINGS
from storage.tables import Tables
from storage.tables.digests import partition_of
from storage.tables.forecasts import is_head
from storage.tables.marks import Mark
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.test_learning import NOW, fill
from tests.pipeline.test_operations import carry_out

FEW = 3


def learned(memory: MemoryDocuments, tenant: str | None = "t") -> dict[str, Any]:
    """The documents of a tenant's days, without their etags, but for those that say only how many others there are."""
    partition = partition_of(tenant)
    found = {place[2]: json.loads(body) for place, (body, *_) in memory._documents.items() if place[1] == partition}
    return {document_id: body for document_id, body in found.items() if not is_head(document_id)}


def context(tables: Tables) -> OperationContext:
    """Standings are kept for as many days as there are."""
    rules = Rules(standings_days=FEW + 1)
    horizon = Horizon.at(NOW, 0)  # no samples are left
    return OperationContext(tables, NoDeadLetters(), horizon, rules, NOW, Times(NOW, 0, 40 * DAY))


async def a_store(*tenants: str, without: str | None = None) -> MemoryDocuments:
    memory = MemoryDocuments()
    for tenant in tenants:
        await fill_one(memory, tenant, without)
        await learn_tenant(Tables(memory), tenant, NOW)
    return memory


async def fill_one(memory: MemoryDocuments, tenant: str, without: str | None = None) -> None:
    tables = Tables(memory)
    for kind, name in (("tenants", tenant), *(("counters", key) for key in await tables.catalogue.entries("counters"))):
        if entry := await tables.catalogue.entry(kind, name):
            await tables.catalogue.delete_entry(kind, name, entry.etag)
    await fill(tables, tenant, FEW, without=without)


@pytest.mark.parametrize(("vm", "zone"), [("a", "Asia~2FTokyo"), ("d", "UTC")])
async def test_after_a_purge_of_a_vm_learning_is_as_if_it_had_never_been(vm: str, zone: str) -> None:
    memory = await a_store("t")
    tables = Tables(memory)
    before = learned(memory)
    await carry_out(tables, Purge("t", vm), context(tables))
    after = learned(memory)
    assert [each for each in before.values() if ["vm", vm] in each.get("whose", [])]
    assert not [each for each in after.values() if ["vm", vm] in each.get("whose", [])]
    assert all(zone in name.split("_") for name in before.keys() - after.keys())  # no other VM is there
    await learn_tenant(tables, "t", NOW)
    assert learned(memory) == learned(await a_store("t", without=vm))


async def test_after_a_purge_of_a_tenant_nothing_that_was_learned_of_it_is_left() -> None:
    memory = await a_store("t", "u")
    tables = Tables(memory)
    others = learned(memory, "u")
    await tables.days.set(Mark("t", NOW - NOW % DAY - 2 * DAY))
    await carry_out(tables, Purge("t"), context(tables))
    assert learned(memory) == {}
    assert [mark.value.tenant for mark in await tables.days.read()] == []
    assert others == learned(memory, "u") != {}


async def test_a_dry_run_leaves_what_was_learned() -> None:
    memory = await a_store("t")
    before = learned(memory)
    for purge in (Purge("t", dry_run=True), Purge("t", "b", dry_run=True), Purge(before=NOW, dry_run=True)):
        await carry_out(Tables(memory), purge, context(Tables(memory)))
    assert learned(memory) == before


async def test_a_purge_before_a_time_removes_days_that_were_over_by_their_own_clocks() -> None:
    memory = await a_store("t")
    tables = Tables(memory)
    await carry_out(tables, Purge(before=NOW - 2 * DAY), context(tables))  # the 16th, at 20:00 UTC
    left = {tuple(name.split("_")[1:3]) for name in learned(memory) if name.startswith("digest")}
    assert min(day for zone, day in left if zone == "Asia~2FTokyo") == "2026-11-17"
    assert min(day for zone, day in left if zone == "Europe~2FLondon") == "2026-11-16"
    days = {name.split("_")[2] for name in learned(memory) if name.startswith("baseline")}
    assert days == {"2026-11-18", "2026-11-19"}


async def test_what_was_learned_of_the_fleet_before_a_time_goes_too() -> None:
    memory = await a_store("t")
    tables = Tables(memory)
    place = STANDINGS, partition_of(None), "digest_UTC_2026-11-14_000000"
    await tables.documents.upsert(*place, {})
    await learn_fleet(tables, NOW)
    await carry_out(tables, Purge(before=NOW - 2 * DAY), context(tables))
    assert await tables.documents.read(*place) is None


@pytest.mark.parametrize("body", [{}, {"whose": []}, {"whose": [["vm", "b"]], "keys": [], "of": "?"}])
async def test_what_nobody_can_read_is_removed_with_a_vm(body: dict[str, Any], memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    place = STANDINGS, partition_of("t"), "digest_UTC_2026-10-01_000000"
    await tables.documents.upsert(*place, body)
    await purge_vm(tables, "t", "b")
    assert await tables.documents.read(*place) is None


async def test_what_is_written_while_it_is_removed_is_removed_as_well() -> None:
    memory = await a_store("t")
    tables = Tables(memory)
    wrote = 0

    async def meanwhile(call: str, table: str, document_id: str) -> None:
        nonlocal wrote
        if call == "before delete" and table == STANDINGS and wrote < 3:
            wrote += 1
            await tables.documents.upsert(STANDINGS, partition_of("t"), document_id, {})

    memory.hook = meanwhile
    await purge_tenant(tables, "t")
    assert learned(memory) == {}
    assert wrote == 3
