"""Enrolments in the store: read anew when they may have changed, and a key is one tenant's."""

from domain.enrolment import Enrolment
from storage.schema import OPERATIONS
from storage.tables import Tables
from storage.tables.enrolment import REMEMBERED, Enrolments
from tests.pipeline.memory import MemoryDocuments

ENROLMENT = Enrolment("a/b==1", "Contoso", "ann", (), ("d-1",), 5).with_key(bytes(32), 6)


async def test_what_is_written_is_read(tables: Tables) -> None:
    await tables.enrolments.write(ENROLMENT, None)
    stored = await tables.enrolments.read(ENROLMENT.tenant)
    assert stored
    assert stored.value == ENROLMENT
    revoked = ENROLMENT.without_key(ENROLMENT.keys[0].id, 7)
    await tables.enrolments.write(revoked, stored.etag)
    assert (await tables.enrolments.register()).enrolments == {ENROLMENT.tenant: revoked}
    assert await tables.enrolments.read("another") is None


async def test_a_key_is_claimed_once_for_good(tables: Tables) -> None:
    assert await tables.enrolments.claim("aa", "t-1") == "t-1"
    assert await tables.enrolments.claim("aa", "t-2") == "t-1"
    assert await tables.enrolments.claim("aa", "t-1") == "t-1"


async def test_another_process_reads_anew_after_half_a_minute_and_this_one_at_once(memory: MemoryDocuments) -> None:
    now = 100.0
    here, there = Enrolments(memory, lambda: now), Enrolments(memory, lambda: now)
    assert not (await here.register()).enrolled
    assert not (await there.register()).enrolled
    await here.write(ENROLMENT, None)
    assert (await here.register()).enrolled == {ENROLMENT.tenant}
    now += REMEMBERED - 1
    assert not (await there.register()).enrolled
    now += 1
    assert (await there.register()).enrolled == {ENROLMENT.tenant}


async def test_a_corrupt_enrolment_admits_nobody_for_its_tenant_and_harms_no_other(memory: MemoryDocuments) -> None:
    enrolments = Enrolments(memory)
    await enrolments.write(ENROLMENT, None)
    other = Enrolment("other").with_key(bytes([1]) * 32, 6)
    await enrolments.write(other, None)
    await memory.upsert(OPERATIONS, "enrolled tenants", "other", {"keys": [{"public": "?", "added": 1}]})
    register = await Enrolments(memory).register()
    assert register.enrolled == {ENROLMENT.tenant}
    assert register.enrolments["other"] == Enrolment("other", corrupt=True)
