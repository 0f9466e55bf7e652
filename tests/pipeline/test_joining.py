"""Joining with a code: what it takes, and what neither a guess nor a crash can do."""

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from domain.enrolment import Key
from domain.errors import Forbidden, NotFound, StateConflict
from domain.invitation import CODE_CHARACTERS, new_code
from domain.masking import drawn_tenant, is_masked
from pipeline.enrolling import CODE_SECONDS, NO_SUCH_CODE, Admission, confirm, enrol, join, revoke
from pipeline.queries.enrolments import enrolment_item
from pipeline.queries.status import status
from storage.schema import OPERATIONS
from storage.tables import Tables
from tests.builders import NOW, a_view
from tests.pipeline.memory import MemoryDocuments

FIRST, SECOND, THIRD = (bytes([each]) * 32 for each in (1, 2, 3))


def id_of(public: bytes) -> str:
    return Key(public, 0).id


async def invited(tables: Tables, tenant: str = "t", now: int = NOW, *, code: bool = False) -> str:
    """The code of a tenant."""
    _, drawn = await enrol(tables, Admission(tenant, label="Contoso", contact="Ann", code=code), now)
    assert drawn
    return drawn


async def refused(tables: Tables, code: str, public: bytes = FIRST, now: int = NOW) -> bool:
    with pytest.raises(Forbidden) as refusal:
        await join(tables, code, public, now)
    return str(refusal.value) == NO_SUCH_CODE


async def words_of(tables: Tables, tenant: str, now: int = NOW) -> str:
    stored = await tables.enrolments.read(tenant)
    assert stored
    return (await enrolment_item(tables, stored.value, a_view(now))).state


async def test_from_a_code_to_a_tenant_that_may_send(tables: Tables) -> None:
    tenant = drawn_tenant()
    assert is_masked(tenant)
    code = await invited(tables, tenant)
    assert await words_of(tables, tenant) == "code unused"
    enrolment, key = await join(tables, code, FIRST, NOW + 5)
    assert (enrolment.tenant, key) == (tenant, enrolment.keys[0])
    assert (key.public, key.pending, key.added) == (FIRST, True, NOW + 5)
    assert await words_of(tables, tenant) == "awaits confirmation"
    assert (await tables.enrolments.register()).enrolled == set()
    for _ in range(2):  # confirming twice is as good as once
        assert (await confirm(tables, tenant, key.id)).valid
    assert await words_of(tables, tenant) == "waits for first files"
    assert (await tables.enrolments.register()).enrolled == {tenant}


async def test_the_same_code_and_key_get_the_same_answer_for_ever(tables: Tables) -> None:
    code = await invited(tables)
    first = await join(tables, code, FIRST, NOW)
    for later in (NOW + 1, NOW + CODE_SECONDS, NOW + 10 * CODE_SECONDS):
        assert await join(tables, code, FIRST, later) == first
    await confirm(tables, "t", first[1].id)
    await enrol(tables, Admission("t", code=True), NOW)  # whatever else is drawn
    assert (await join(tables, code, FIRST, NOW + 9))[1].valid


async def test_a_code_counts_once(tables: Tables) -> None:
    code = await invited(tables)
    await join(tables, code, FIRST, NOW)
    assert await refused(tables, code, SECOND)
    await revoke(tables, "t", id_of(FIRST), NOW)
    assert await refused(tables, code, SECOND)


async def test_a_code_expires_after_a_day(tables: Tables) -> None:
    code = await invited(tables)
    assert await refused(tables, code, now=NOW + CODE_SECONDS)
    assert await words_of(tables, "t", NOW + CODE_SECONDS) == "code expired"
    assert (await join(tables, code, FIRST, NOW + CODE_SECONDS - 1))[1].pending


async def test_codes_that_were_never_given_tell_nothing_and_change_nothing(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    code = await invited(tables)
    before = dict(memory._documents)
    near = [code[:-1] + each for each in "0123456789ABCDEFGHJKMNPQRSTVWXYZ" if each != code[-1]]
    for guess in (*near, *(new_code() for _ in range(100))):
        assert await refused(tables, guess)
    assert memory._documents == before


async def test_what_is_stored_does_not_hold_the_code(memory: MemoryDocuments) -> None:
    code = await invited(Tables(memory))
    assert len(code) == CODE_CHARACTERS
    assert code not in str(memory._documents)


async def test_a_new_code_takes_the_place_of_the_earlier_one(tables: Tables) -> None:
    first = await invited(tables)
    second = await invited(tables, code=True)
    assert await refused(tables, first)
    assert (await join(tables, second, FIRST, NOW))[1].pending


async def test_a_code_is_drawn_where_nothing_else_lets_the_tenant_join(tables: Tables) -> None:
    async def draws(now: int = NOW, *, code: bool = False) -> bool:
        return (await enrol(tables, Admission("t", contact="Bob", code=code), now))[1] is not None

    code = await invited(tables)
    assert not await draws()  # to change the contact does not spoil the code that is under way
    assert await draws(NOW + CODE_SECONDS)
    code = await invited(tables, code=True)
    await join(tables, code, FIRST, NOW)
    assert not await draws()
    await revoke(tables, "t", id_of(FIRST), NOW)
    assert await draws()
    await enrol(tables, Admission("t", SECOND), NOW)
    assert not await draws()
    assert await draws(code=True)


async def test_one_key_in_two_tenants_is_that_of_the_first(tables: Tables) -> None:
    ours, theirs = await invited(tables, "t1"), await invited(tables, "t2")
    await join(tables, ours, FIRST, NOW)
    with pytest.raises(StateConflict, match="is another tenant's: let each SPOC make a key of its own"):
        await join(tables, theirs, FIRST, NOW)
    enrolment, _ = await join(tables, theirs, SECOND, NOW)  # the code is not spent
    assert enrolment.tenant == "t2"
    await confirm(tables, "t2", id_of(SECOND))
    with pytest.raises(NotFound):
        await confirm(tables, "t2", id_of(FIRST))
    assert (await tables.enrolments.register()).enrolled == {"t2"}


async def test_nobody_claims_a_key_without_a_code_that_counts(tables: Tables) -> None:
    code = await invited(tables)
    assert await refused(tables, new_code(), SECOND)
    await enrol(tables, Admission("other", SECOND), NOW)
    await join(tables, code, FIRST, NOW)


async def test_a_manager_machine_that_is_replaced_joins_again(tables: Tables) -> None:
    await enrol(tables, Admission("t", FIRST), NOW)
    code = await invited(tables, code=True)
    assert await words_of(tables, "t") == "waits for first files; a new key: code unused"
    enrolment, key = await join(tables, code, SECOND, NOW)
    assert [each.valid for each in enrolment.keys] == [True, False]  # the old one sends until it is revoked
    await confirm(tables, "t", key.id)
    enrolment = await revoke(tables, "t", id_of(FIRST), NOW)
    assert [each.valid for each in enrolment.keys] == [False, True]


async def test_a_key_that_awaits_confirmation_can_be_refused_and_then_neither_counts_nor_comes_back(
    tables: Tables,
) -> None:
    code = await invited(tables)
    await join(tables, code, FIRST, NOW)
    enrolment = await revoke(tables, "t", id_of(FIRST), NOW + 1)
    assert (enrolment.keys[0].revoked, enrolment.valid) == (NOW + 1, False)
    with pytest.raises(StateConflict, match="is revoked"):
        await confirm(tables, "t", id_of(FIRST))
    with pytest.raises(StateConflict, match="is revoked"):
        await join(tables, await invited(tables, code=True), FIRST, NOW)


async def test_what_was_stored_before_keys_were_confirmed_counts_as_confirmed(memory: MemoryDocuments) -> None:
    tables = Tables(memory)
    await enrol(tables, Admission("t", FIRST), NOW)
    document = await memory.read(OPERATIONS, "enrolled tenants", "t")
    assert document
    (key,) = document.body["keys"]
    old = {name: key[name] for name in ("public", "added", "revoked")}
    await memory.upsert(OPERATIONS, "enrolled tenants", "t", {**document.body, "keys": [old]})
    assert (await Tables(memory).enrolments.register()).enrolled == {"t"}


@pytest.mark.parametrize("call", ["after create", "after replace", "after upsert", "before create", "before upsert"])
async def test_an_operator_who_gets_no_answer_asks_again(memory: MemoryDocuments, call: str) -> None:
    await crashing(memory, call, lambda: enrol(Tables(memory), Admission("t", label="C", code=True), NOW))
    tables = Tables(memory)
    code = await invited(tables, code=True)
    assert (await join(tables, code, FIRST, NOW))[1].pending


@pytest.mark.parametrize("call", ["before create", "after create", "before replace", "after replace"])
async def test_a_spoc_that_gets_no_answer_asks_again(memory: MemoryDocuments, call: str) -> None:
    code = await invited(Tables(memory))
    await crashing(memory, call, lambda: join(Tables(memory), code, FIRST, NOW))
    enrolment, key = await join(Tables(memory), code, FIRST, NOW + 7)
    assert [each.public for each in enrolment.keys] == [FIRST]
    assert key.pending
    assert await refused(Tables(memory), code, SECOND)


async def crashing(memory: MemoryDocuments, at: str, work: Callable[[], Awaitable[object]]) -> None:
    """Do work that dies at the first call of this kind, if there is one."""

    async def crash(call: str, table: str, document_id: str) -> None:  # noqa: ARG001
        if call == at:
            raise ConnectionError

    memory.hook = crash
    with suppress(ConnectionError):
        await work()
    memory.hook = MemoryDocuments().hook


async def test_two_spocs_at_once_with_one_code_are_one(memory: MemoryDocuments) -> None:
    code = await invited(Tables(memory))

    async def meanwhile(call: str, table: str, document_id: str) -> None:
        if (call, table, document_id) == ("before replace", OPERATIONS, "t"):
            memory.hook = MemoryDocuments().hook
            await join(Tables(memory), code, SECOND, NOW)

    memory.hook = meanwhile
    assert await refused(Tables(memory), code, FIRST)
    stored = await Tables(memory).enrolments.read("t")
    assert stored
    assert [key.public for key in stored.value.keys] == [SECOND]


async def test_the_status_says_who_has_to_be_looked_after(tables: Tables) -> None:
    await invited(tables, "t1")
    await enrol(tables, Admission("t2", SECOND, "Fabrikam", "Bob"), NOW)
    found = await status(tables, a_view())
    assert [(each.tenant, each.label, each.state) for each in found.tenantsToLookAfter] == [
        ("t1", "Contoso", "code unused"),
        ("t2", "Fabrikam", "waits for first files"),
    ]
    assert found.enrolledTenants == 1


def test_a_drawn_name_has_the_form_of_a_masked_one() -> None:
    names = {drawn_tenant() for _ in range(100)}
    assert len(names) == 100
    assert all(re.fullmatch(r"t-[A-Za-z0-9_-]{24}", name) for name in names)
