"""Whose samples are taken: signed messages, those that are not, and all that can be wrong with them, side by side."""

import gzip
from collections.abc import Sequence

import pytest

from domain.enrolment import Enrolment, Key, Register
from domain.minutes import utc_day
from domain.samples import MOST_COUNTERS, NO_ROOM, Horizon
from domain.signed import HEAD_BYTES, Signer
from pipeline.ingest import Message, ingest
from pipeline.ingested import Ingested
from pipeline.quarantine import reingest
from pipeline.trust import (
    FORGED,
    NOT_SIGNED_BY_IT,
    NOT_THE_SIGNERS,
    REVOKED,
    UNKNOWN_KEY,
    UNSIGNED,
    Trust,
)
from storage.tables import Tables
from storage.tables.quarantine import QuarantinedMessage
from storage.tables.senders import Sender
from tests.builders import HORIZON, NOW, WINDOW_START, a_message, a_record
from tests.pipeline.memory import MemoryDocuments

OURS, NEXT, OLD, OTHERS, STRANGERS = (Signer(bytes([each]) * 32) for each in range(1, 6))
REGISTER = Register.of(
    [
        Enrolment("ours", keys=(Key(OURS.public, 1), Key(NEXT.public, 2), Key(OLD.public, 0, revoked=3))),
        Enrolment("other", keys=(Key(OTHERS.public, 1),)),
        Enrolment("gone", keys=(Key(bytes([9]) * 32, 1, revoked=2),)),
    ]
)
OPEN, REQUIRED = Trust(REGISTER), Trust(REGISTER, required=True)
DAY = utc_day(NOW)


def body_of(*tenants: str, value: float = 1.0) -> bytes:
    """A message with a sample of each tenant."""
    return a_message([a_record(MaskedTenantId=tenant, MaskedVMName="v", PerfValue=value) for tenant in tenants])


async def deliver(tables: Tables, trust: Trust, bodies: Sequence[bytes], horizon: Horizon = HORIZON) -> Ingested:
    messages = [Message(body, f"m{number}", NOW) for number, body in enumerate(bodies)]
    return await ingest(tables, messages, horizon, trust=trust)


async def stored(tables: Tables, *tenants: str) -> dict[str, list[float]]:
    """The values that are stored of each tenant's one VM."""
    found = {}
    for tenant in tenants or ("ours", "other", "gone", "new"):
        window = await tables.samples.read(tenant, "v", WINDOW_START)
        if window:
            rows = window.value.series.values()
            found[tenant] = [value for row in rows for value in row if value is not None]
    return found


async def quarantined(tables: Tables) -> dict[str, QuarantinedMessage]:
    """What is in quarantine, by its id in the queue."""
    return {each.message_id: each async for each in tables.quarantine.messages(DAY)}


BAD: dict[str, tuple[bytes, str | tuple[str, str]]] = {
    "changed": (OURS.signed(body_of("ours"))[:-3] + b"9]}", FORGED),
    "signature of another message": (
        OURS.signed(body_of("ours", value=2))[:HEAD_BYTES] + body_of("ours", value=3),
        FORGED,
    ),
    "another's signature under our key's id": (
        OURS.signed(b"")[:24] + OTHERS.signed(body_of("ours"))[24:],
        FORGED,
    ),
    "revoked": (OLD.signed(body_of("ours")), REVOKED),
    "cut off": (OURS.signed(body_of("ours"))[: HEAD_BYTES - 1], "the message begins like a signed one but is cut off"),
    "empty": (OURS.signed(b""), "the message is empty"),
    "not readable": (OURS.signed(b"\x1f\x8bno gzip"), "the message begins like gzip but can't be unzipped"),
    "another's key": (OTHERS.signed(body_of("ours")), NOT_THE_SIGNERS),
    "not signed": (body_of("ours"), (NOT_SIGNED_BY_IT, UNSIGNED)),
    "unknown key": (STRANGERS.signed(body_of("ours")), (NOT_SIGNED_BY_IT, UNKNOWN_KEY)),
    "every key revoked": (body_of("gone"), (NOT_SIGNED_BY_IT, UNSIGNED)),
}


@pytest.mark.parametrize("trust", [OPEN, REQUIRED], ids=["open", "required"])
@pytest.mark.parametrize("name", BAD)
async def test_a_bad_message_has_its_reason_and_costs_its_neighbours_nothing(name: str, trust: Trust) -> None:
    body, said = BAD[name]
    reason = said if isinstance(said, str) else said[trust.required]
    tables = Tables(MemoryDocuments())
    done = await deliver(tables, trust, [OURS.signed(body_of("ours")), body, OTHERS.signed(body_of("other"))])
    assert await stored(tables) == {"ours": [1.0], "other": [1.0]}
    assert done.refused == 1
    found = await quarantined(tables)
    assert set(found) == {"m1"}
    (told,) = found["m1"].reasons
    assert told.startswith(reason)


@pytest.mark.parametrize("signer", [OURS, NEXT])
@pytest.mark.parametrize("trust", [OPEN, REQUIRED], ids=["open", "required"])
async def test_both_valid_keys_of_a_tenant_are_taken_zipped_or_not(signer: Signer, trust: Trust) -> None:
    for body in (body_of("ours"), gzip.compress(body_of("ours"))):
        tables = Tables(MemoryDocuments())
        assert (await deliver(tables, trust, [signer.signed(body)])).refused == 0
        assert await stored(tables) == {"ours": [1.0]}


async def test_of_two_tenants_in_a_message_the_signers_is_taken() -> None:
    for trust in (OPEN, REQUIRED):
        tables = Tables(MemoryDocuments())
        await deliver(tables, trust, [OURS.signed(body_of("other", "ours", "new"))])
        assert await stored(tables) == {"ours": [1.0]}
        (message,) = (await quarantined(tables)).values()
        assert message.reasons == {NOT_THE_SIGNERS: 2}
        assert message.proven == "ours"
        assert [each.position for each in await tables.quarantine.inputs(message)] == [0, 2]


async def test_while_enrolment_is_open_those_who_are_not_enrolled_go_on_signed_or_not() -> None:
    tables = Tables(MemoryDocuments())
    for value, body in enumerate((body_of("new", "ours", value=1), STRANGERS.signed(body_of("new", value=2))), 1):
        await deliver(tables, OPEN, [body])
        assert await stored(tables) == {"new": [value]}


async def test_where_enrolment_is_required_nothing_else_is_taken_and_it_is_kept_whole() -> None:
    tables = Tables(MemoryDocuments())
    bodies = [body_of("new"), STRANGERS.signed(body_of("new"))]
    assert (await deliver(tables, REQUIRED, bodies)).samples == 0
    assert await stored(tables) == {}
    assert (await quarantined(tables))["m0"].reasons == {UNSIGNED: 1}
    assert (await quarantined(tables))["m1"].reasons == {UNKNOWN_KEY: 1}


async def test_the_same_message_a_week_later_changes_nothing() -> None:
    memory = MemoryDocuments()
    message = OURS.signed(body_of("ours"))
    await deliver(Tables(memory), REQUIRED, [message])
    before = await stored(Tables(memory))
    week = 7 * 86_400
    done = await deliver(Tables(memory), REQUIRED, [message], Horizon(HORIZON.oldest + week, HORIZON.newest + week))
    assert (done.written, done.refused) == (0, 0)
    assert await stored(Tables(memory)) == before


# changing over ----------------------------------------------------------------------------------------------------


async def again(tables: Tables, trust: Trust, proven: str | None = None) -> list[tuple[int, int]]:
    messages = list((await quarantined(tables)).values())
    return [
        await reingest(
            tables,
            QuarantinedMessage(each.message, each.message_id, each.received, each.reasons, each.proven or proven),
            HORIZON,
            trust=trust,
        )
        for each in messages
    ]


async def test_what_came_before_the_key_was_enrolled_is_taken_from_the_quarantine_afterwards() -> None:
    tables = Tables(MemoryDocuments())
    await deliver(tables, REQUIRED, [STRANGERS.signed(body_of("new"))])
    assert await again(tables, REQUIRED) == [(0, 1)]
    enrolled = Register.of([*REGISTER.enrolments.values(), Enrolment("new", keys=(Key(STRANGERS.public, 9),))])
    assert await again(tables, Trust(enrolled, required=True)) == [(1, 0)]
    assert await stored(tables) == {"new": [1.0]}
    assert await quarantined(tables) == {}


@pytest.mark.parametrize("trust", [OPEN, REQUIRED], ids=["open", "required"])
@pytest.mark.parametrize("count", [3, 1_200])
async def test_what_is_not_signed_stays_in_quarantine_until_the_operator_vouches_for_it(
    trust: Trust, count: int
) -> None:
    tables = Tables(MemoryDocuments())
    records = [a_record(MaskedTenantId="ours", MaskedVMName="v", PerfName=f"p{each % 900}") for each in range(count)]
    await deliver(tables, trust, [a_message(records)])
    for _ in range(2):
        ((accepted, _),) = await again(tables, trust)
        assert accepted == 0
        assert await stored(tables) == {}
    await again(tables, trust, "ours")
    assert len((await stored(tables))["ours"]) == min(count, 900)
    assert await quarantined(tables) == {}


async def test_unsigned_samples_of_a_time_when_nobody_was_enrolled_are_not_lost_by_trying_them_again() -> None:
    tables = Tables(MemoryDocuments())
    early = [a_record(MaskedTenantId="ours", MaskedVMName="v", timestamp=1 + each) for each in range(3)]
    await deliver(tables, Trust(), [a_message(early)])
    for trust in (OPEN, REQUIRED):
        assert await again(tables, trust) == [(0, 3)]
        (message,) = (await quarantined(tables)).values()
        assert len(await tables.quarantine.inputs(message)) == 3


async def test_what_was_proven_once_stays_so_in_quarantine() -> None:
    """Of a verified message, by itself or as what did not fit into a VM window: no signature is beside it any more."""
    tables = Tables(MemoryDocuments())
    full = [a_record(MaskedTenantId="ours", MaskedVMName="v", PerfName=f"p{each}") for each in range(MOST_COUNTERS)]
    await deliver(tables, REQUIRED, [OURS.signed(a_message(full))])
    more = a_record(MaskedTenantId="ours", MaskedVMName="v", PerfName="more")
    late = a_record(MaskedTenantId="ours", MaskedVMName="v", PerfName="p0", timestamp=WINDOW_START - 40 * 86_400)
    await deliver(tables, REQUIRED, [OURS.signed(a_message([more, late]))])
    messages = list((await quarantined(tables)).values())
    assert [message.proven for message in messages] == ["ours", "ours"]
    assert {reason for message in messages for reason in message.reasons} == {
        NO_ROOM,
        "timestamp is older than samples are kept",
    }
    results = [await reingest(tables, message, Horizon(0, HORIZON.newest), trust=REQUIRED) for message in messages]
    assert sorted(results) == [(0, 1), (1, 0)]  # there is still no room for one; the other is taken
    (left,) = (await quarantined(tables)).values()
    assert left.reasons == {NO_ROOM: 1}
    assert left.proven == "ours"


# who still sends so -----------------------------------------------------------------------------------------------


async def senders(tables: Tables) -> list[Sender]:
    return [each async for each in tables.senders.all()]


@pytest.mark.parametrize("trust", [OPEN, REQUIRED], ids=["open", "required"])
async def test_it_is_written_down_in_whose_name_messages_come_that_prove_nothing(tables: Tables, trust: Trust) -> None:
    seen = NOW - NOW % 900
    await deliver(
        tables,
        trust,
        [
            OTHERS.signed(body_of("other")),
            body_of("ours"),
            STRANGERS.signed(body_of("new")),
            OLD.signed(body_of("third")),  # what is forged says nothing about anybody
        ],
    )
    key = Key(STRANGERS.public, 0).id
    assert await senders(tables) == [Sender("new", seen, key), Sender("ours", seen)]
    await tables.senders.forget("ours")
    assert await senders(tables) == [Sender("new", seen, key)]
    await deliver(tables, trust, [body_of("ours")])
    assert await senders(tables) == [Sender("new", seen, key), Sender("ours", seen)]


async def test_that_costs_a_write_a_quarter_of_an_hour(memory: MemoryDocuments) -> None:
    writes = []

    async def count(call: str, table: str, document_id: str) -> None:  # noqa: ARG001
        if call == "before upsert" and document_id == "new":
            writes.append(document_id)

    memory.hook = count
    for process in (Tables(memory), Tables(memory)):
        for second in (NOW, NOW + 1, NOW + 2):
            await process.senders.note("new", second, "")
    assert len(writes) == 1
    await Tables(memory).senders.note("new", NOW + 900, "")
    await Tables(memory).senders.note("new", NOW, "")
    assert await senders(Tables(memory)) == [Sender("new", NOW + 900 - NOW % 900)]
