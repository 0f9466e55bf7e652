"""Heartbeats: whose are believed, which one is kept, what that costs, and what a purge leaves."""

import json
from typing import Any

import pytest

from domain.enrolment import Enrolment, Key, Register
from domain.heartbeat import Heartbeat
from domain.minutes import WINDOW
from domain.signed import Signer
from pipeline.ingest import Message, ingest
from pipeline.ingested import Ingested
from pipeline.purge import Purge
from pipeline.queries.enrolments import list_enrolments
from pipeline.queries.status import status
from pipeline.trust import Trust
from storage.schema import CATALOGUE
from storage.tables import Tables
from storage.tables.catalogue import TENANTS, Entry
from storage.tables.heartbeats import EVERY, Heard
from tests.builders import HORIZON, NOW, a_record, a_view
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.test_operations import carry_out, nearby

OURS, WAITING, STRANGERS = (Signer(bytes([each]) * 32) for each in (1, 2, 3))
OLD = Signer(bytes([4]) * 32)
ENROLMENTS = (
    Enrolment("ours", "Contoso", "Ann", (Key(OURS.public, 1), Key(OLD.public, 1, revoked=2))),
    Enrolment("new", keys=(Key(WAITING.public, 1, confirmed=False),)),
)
TRUST = Trust(Register.of(ENROLMENTS))
VM, OTHER = "v-" + "a" * 24, "v-" + "b" * 24


def a_beat(sent: int = NOW, **fields: Any) -> dict[str, Any]:
    return {"sent": sent, "version": "1.0", "vms": 3, **fields}


def heard_at(second: int) -> Heard:
    return Heard(Heartbeat(sent=second, version="1", vms=1), second)


def body_of(beat: object, *records: dict[str, Any]) -> bytes:
    return json.dumps({"metrics": records, "heartbeat": beat}).encode()


async def deliver(tables: Tables, *bodies: bytes, now: int = NOW, trust: Trust = TRUST) -> Ingested:
    messages = [Message(body, f"m{number}", now) for number, body in enumerate(bodies)]
    return await ingest(tables, messages, HORIZON, trust=trust)


async def kept(tables: Tables) -> dict[str, tuple[int, int]]:
    """When the kept heartbeats were sent, and came."""
    return {tenant: (heard.beat.sent, heard.received) async for tenant, heard in tables.heartbeats.all()}


async def test_it_is_kept_with_samples_or_without(tables: Tables) -> None:
    done = await deliver(tables, OURS.signed(body_of(a_beat(NOW - 5))))
    assert (done.samples, done.refused) == (0, 0)
    assert await kept(tables) == {"ours": (NOW - 5, NOW)}
    later = NOW + WINDOW
    done = await deliver(tables, OURS.signed(body_of(a_beat(later), a_record(MaskedTenantId="ours"))), now=later)
    assert (done.samples, done.refused) == (1, 0)
    assert await kept(tables) == {"ours": (later, later)}


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize("signer", [WAITING, STRANGERS, OLD, None], ids=["unconfirmed", "unknown", "revoked", "none"])
async def test_it_is_believed_only_if_a_confirmed_key_has_signed_it(signer: Signer | None, required: bool) -> None:
    tables = Tables(MemoryDocuments())
    body = body_of(a_beat(), a_record(MaskedTenantId="ours"))
    await deliver(tables, signer.signed(body) if signer else body, trust=Trust(TRUST.register, required))
    assert await kept(tables) == {}


async def test_the_newest_by_when_it_was_sent_is_kept_in_any_order(tables: Tables) -> None:
    sent = [NOW - 5 * WINDOW, NOW - 2 * WINDOW, NOW - 4 * WINDOW]
    await deliver(tables, *(OURS.signed(body_of(a_beat(second))) for second in sent))
    await deliver(tables, OURS.signed(body_of(a_beat(NOW - 3 * WINDOW))))
    assert await kept(tables) == {"ours": (NOW - 2 * WINDOW, NOW)}


async def test_one_from_the_future_hurts_only_itself(tables: Tables) -> None:
    await deliver(tables, OURS.signed(body_of(a_beat(NOW + 10**8))))
    later = NOW + WINDOW
    await deliver(tables, OURS.signed(body_of(a_beat(later))), now=later)
    assert await kept(tables) == {"ours": (later, later)}


async def test_a_bad_one_is_counted_and_costs_the_samples_and_the_good_one_nothing(tables: Tables) -> None:
    await deliver(tables, OURS.signed(body_of(a_beat())))
    records = [a_record(MaskedTenantId="ours"), {"no": "sample"}]
    later = NOW + WINDOW
    done = await deliver(tables, OURS.signed(body_of(a_beat(later, twice=["PC-001"]), *records)), now=later)
    assert (done.samples, done.refused) == (1, 2)
    assert "the heartbeat names a VM whose name is not masked" in done.reasons
    assert await kept(tables) == {"ours": (NOW, NOW)}


async def test_however_many_come_one_is_written_in_a_quarter_of_an_hour() -> None:
    memory = MemoryDocuments()
    calls: list[str] = []

    async def count(call: str, table: str, document_id: str) -> None:  # noqa: ARG001
        if table == CATALOGUE and call.startswith("before"):
            calls.append(call)

    memory.hook = count
    tables, seconds = Tables(memory), 4 * WINDOW
    for second in range(0, seconds, 20):
        await deliver(tables, OURS.signed(body_of(a_beat(NOW + second))), now=NOW + second)
    writes = [call for call in calls if call != "before read"]
    assert len(writes) == -(-seconds // EVERY)
    assert len(calls) == 2 * len(writes)


async def test_two_processes_keep_the_newest(memory: MemoryDocuments) -> None:
    one, other = Tables(memory), Tables(memory)
    await one.heartbeats.note("t", heard_at(NOW))
    await other.heartbeats.note("t", heard_at(NOW - 100))
    assert await kept(one) == {"t": (NOW, NOW)}

    async def meanwhile(call: str, table: str, document_id: str) -> None:
        if (call, table, document_id) == ("before replace", CATALOGUE, "t"):
            memory.hook = MemoryDocuments().hook
            await one.heartbeats.note("t", heard_at(NOW + 2 * WINDOW))

    memory.hook = meanwhile
    await other.heartbeats.note("t", heard_at(NOW + WINDOW))
    assert await kept(one) == {"t": (NOW + 2 * WINDOW, NOW + 2 * WINDOW)}


async def test_a_corrupt_one_counts_as_none_and_is_replaced(memory: MemoryDocuments) -> None:
    await memory.create(CATALOGUE, "heartbeats", "ours", {"received": "x"})
    tables = Tables(memory)
    assert (await tables.heartbeats.of("ours"), await kept(tables)) == (None, {})
    await deliver(tables, OURS.signed(body_of(a_beat())))
    assert await kept(tables) == {"ours": (NOW, NOW)}


CLOCKS: dict[str, Any] = {"clocksOff": 1, "clocks": [{"vm": VM, "offset": 95.0}]}


@pytest.mark.parametrize(
    ("purge", "stays"),
    [
        (Purge("ours"), False),
        (Purge("ours", dry_run=True), True),
        (Purge("ours", VM), False),
        (Purge("ours", OTHER), True),
        (Purge("other"), True),
        (Purge(before=NOW), True),
        (Purge(before=NOW + 1), False),
    ],
)
async def test_a_purge_forgets_what_it_names(tables: Tables, purge: Purge, stays: bool) -> None:
    await deliver(tables, OURS.signed(body_of(a_beat(**CLOCKS))))
    await carry_out(tables, purge, nearby(tables))
    assert bool(await kept(tables)) is stays
    await deliver(tables, OURS.signed(body_of(a_beat(NOW + WINDOW))), now=NOW + WINDOW)
    assert await kept(tables) == {"ours": (NOW + WINDOW, NOW + WINDOW)}


async def test_operators_read_it_in_words_and_in_full(tables: Tables) -> None:
    for enrolment in ENROLMENTS:
        await tables.enrolments.write(enrolment, None)
    await deliver(tables, OURS.signed(body_of(a_beat(twice=[VM], twiceCount=1, offset=-1.5, **CLOCKS))))
    await tables.catalogue.write_entry(TENANTS, Entry("ours", NOW - 30), None)
    items, _ = await list_enrolments(tables, a_view(), "", 9)
    assert [(each.tenant, each.state) for each in items] == [
        ("new", "awaits confirmation"),
        ("ours", "3 VMs sending (1 clock off, 1 name twice)"),
    ]
    beat = items[1].heartbeat
    assert beat
    assert (beat.received, beat.version, beat.vms, beat.offset, beat.twice) == (NOW, "1.0", 3, -1.5, [VM])
    assert [(each.vm, each.offset) for each in beat.clocks] == [(VM, 95.0)]
    silent = a_view(NOW + 40 * 60)
    items, _ = await list_enrolments(tables, silent, "ours", 9)
    assert [each.state for each in items] == ["silent for 40 minutes, call Ann"]
    told = (await status(tables, silent)).tenantsToLookAfter
    assert [(each.tenant, each.label) for each in told] == [("new", ""), ("ours", "Contoso")]
