"""Enrolling tenants and revoking keys, and what operators are told of it."""

import pytest

from domain.access import Caller
from domain.enrolment import Enrolment, Key
from domain.errors import NotFound, StateConflict
from domain.minutes import WINDOW
from pipeline.enrolling import Admission, confirm, enrol, revoke
from pipeline.queries.enrolments import list_enrolments
from pipeline.queries.lists import list_tenants
from pipeline.queries.status import status
from storage.schema import OPERATIONS
from storage.tables import Tables
from storage.tables.catalogue import TENANTS, Entry
from tests.builders import NOW, a_view
from tests.pipeline.memory import MemoryDocuments

FIRST, SECOND, THIRD = (bytes([each]) * 32 for each in (1, 2, 3))


async def enrolled(tables: Tables, asked: Admission, now: int) -> Enrolment:
    """Enrol a tenant by a key: no code is drawn."""
    enrolment, code = await enrol(tables, asked, now)
    assert code is None
    return enrolment


def id_of(public: bytes) -> str:
    return Key(public, 0).id


async def test_a_tenant_is_enrolled_and_changed_and_what_is_left_out_stays(tables: Tables) -> None:
    await enrol(tables, Admission("t", FIRST, "Contoso", "ann", ("d",)), 5)
    assert await enrolled(tables, Admission("t", contact="bob"), 6) == Enrolment(
        "t", "Contoso", "bob", (Key(FIRST, 5),), ("d",), 5
    )
    followed = await enrolled(tables, Admission("t", SECOND, label=""), 7)
    assert followed == Enrolment("t", "", "bob", (Key(FIRST, 5), Key(SECOND, 7)), ("d",), 5)
    stored = await tables.enrolments.read("t")
    assert stored
    assert stored.value == followed


async def test_a_third_valid_key_waits_until_one_is_revoked(tables: Tables) -> None:
    for key in (FIRST, SECOND):
        await enrol(tables, Admission("t", key), 5)
    with pytest.raises(StateConflict, match="revoke one first"):
        await enrol(tables, Admission("t", THIRD), 6)
    await revoke(tables, "t", id_of(FIRST), 7)
    await enrol(tables, Admission("t", THIRD), 8)
    keys = (await tables.enrolments.register()).enrolments["t"].keys
    assert [key.valid for key in keys] == [False, True, True]


async def test_a_key_enrolled_twice_is_that_of_the_first_tenant(tables: Tables) -> None:
    once = await enrolled(tables, Admission("t1", FIRST), 5)
    assert await enrolled(tables, Admission("t1", FIRST), 6) == once
    with pytest.raises(StateConflict, match="is another tenant's"):
        await enrol(tables, Admission("t2", FIRST), 7)
    await revoke(tables, "t1", id_of(FIRST), 8)
    with pytest.raises(StateConflict, match="is another tenant's"):
        await enrol(tables, Admission("t2", FIRST), 9)
    assert await tables.enrolments.read("t2") is None


async def test_a_key_is_not_revoked_or_confirmed_of_who_is_not_enrolled(tables: Tables) -> None:
    with pytest.raises(NotFound, match="no tenant named 't' is enrolled"):
        await confirm(tables, "t", id_of(FIRST))
    with pytest.raises(NotFound, match="no tenant named 't' is enrolled"):
        await revoke(tables, "t", id_of(FIRST), 5)


async def test_two_operators_at_once_lose_nothing(memory: MemoryDocuments) -> None:
    tables, other = Tables(memory), Tables(memory)
    await enrol(tables, Admission("t", FIRST), 5)

    async def meanwhile(call: str, table: str, document_id: str) -> None:
        if (call, table, document_id) == ("before replace", OPERATIONS, "t"):
            memory.hook = MemoryDocuments().hook
            await enrol(other, Admission("t", contact="ann"), 6)

    memory.hook = meanwhile
    await enrol(tables, Admission("t", SECOND), 7)
    assert await tables.enrolments.all() == [Enrolment("t", "", "ann", (Key(FIRST, 5), Key(SECOND, 7)), (), 5)]


async def test_a_crash_between_the_claim_and_the_enrolment_is_made_good_by_asking_again(
    memory: MemoryDocuments,
) -> None:
    async def crash(call: str, table: str, document_id: str) -> None:
        if (call, table, document_id) == ("before create", OPERATIONS, "t"):
            raise ConnectionError

    memory.hook = crash
    with pytest.raises(ConnectionError):
        await enrol(Tables(memory), Admission("t", FIRST), 5)
    memory.hook = MemoryDocuments().hook
    assert (await enrolled(Tables(memory), Admission("t", FIRST), 6)).valid


async def test_a_corrupt_enrolment_is_enrolled_anew(memory: MemoryDocuments) -> None:
    await memory.create(OPERATIONS, "enrolled tenants", "t", {"keys": 7})
    items, _ = await list_enrolments(Tables(memory), a_view(), "", 9)
    assert [(each.tenant, each.enrolled, each.corrupt) for each in items] == [("t", False, True)]
    assert await enrolled(Tables(memory), Admission("t", FIRST), 6) == Enrolment("t", keys=(Key(FIRST, 6),), since=6)


async def test_operators_are_told_who_is_enrolled_silent_and_unsigned(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    await enrol(tables, Admission("b", FIRST, "Contoso", "ann"), 5)
    await tables.catalogue.write_entry(TENANTS, Entry("b", NOW - 3_600 - 30), None)
    await tables.catalogue.write_entry(TENANTS, Entry("a", NOW - 30), None)
    await tables.senders.note("a", NOW - WINDOW, "")
    await tables.senders.note("c", NOW, "ff")
    await tables.senders.note("d", NOW - 9 * WINDOW, "")
    items, left = await list_enrolments(tables, a_view(), "", 3)
    assert left == "d"
    told = [
        (each.tenant, each.enrolled, each.label, each.newest, each.silentSeconds, each.unsignedSeen, each.unsignedKey)
        for each in items
    ]
    assert told == [
        ("a", False, "", NOW - 30, 0, NOW - WINDOW, None),
        ("b", True, "Contoso", NOW - 3_630, 3_600, None, None),
        ("c", False, "", None, None, NOW, "ff"),
    ]
    (last,), left = await list_enrolments(tables, a_view(), "d", 3)
    assert (last.tenant, left) == ("d", None)
    found = await status(tables, a_view())
    assert (found.enrolledTenants, found.unsignedSenders) == (1, ["a", "c"])


async def test_a_label_is_for_operators_only(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    for tenant, key in (("a", FIRST), ("b", SECOND)):
        await enrol(tables, Admission(tenant, key, f"Label {tenant}", "ann"), 5)
        await tables.catalogue.write_entry(TENANTS, Entry(tenant, NOW - 30), None)
    seen = await list_tenants(tables, a_view())
    assert [(each.tenant, each.label) for each in seen] == [("a", "Label a"), ("b", "Label b")]
    own = await list_tenants(tables, a_view(caller=Caller("tenant", "a")))
    assert [(each.tenant, each.label) for each in own] == [("a", None)]
