"""Pushing a signed message: who may, what everybody else is told, and what that costs."""

import asyncio
import hashlib
from dataclasses import dataclass, field

import pytest

from domain.enrolment import Enrolment, Key, Register
from domain.errors import Forbidden, TooLong, TooMany, Unauthenticated, Unavailable
from domain.limits import TokenBuckets
from domain.signed import HEAD_BYTES, Signer
from messaging.queue import MOST_BYTES
from pipeline.pushing import A_SECOND, AT_ONCE, push
from storage.tables import Tables
from storage.tables.enrolment import FAILURE_REMEMBERED, REMEMBERED, Enrolments
from tests.pipeline.memory import MemoryDocuments

OURS, OLD, WAITING, REFUSED, STRANGERS = (Signer(bytes([each]) * 32) for each in range(1, 6))
REGISTER = Register.of(
    [
        Enrolment("ours", keys=(Key(OURS.public, 1), Key(OLD.public, 1, revoked=2))),
        Enrolment(
            "new", keys=(Key(WAITING.public, 1, confirmed=False), Key(REFUSED.public, 1, revoked=2, confirmed=False))
        ),
    ]
)
BODY = b'{"metrics": []}'


@dataclass
class KeptMessages:
    """A queue that keeps messages in memory, or is down."""

    messages: dict[str, bytes] = field(default_factory=dict)
    down: bool = False

    async def send(self, body: bytes, message_id: str) -> None:
        if self.down:
            raise Unavailable("down", 7)
        self.messages[message_id] = body

    async def close(self) -> None:
        pass


@pytest.fixture
def queue() -> KeptMessages:
    return KeptMessages()


async def pushed(queue: KeptMessages, body: bytes, bound: TokenBuckets | None = None, now: float = 0.0) -> str:
    return await push(REGISTER, queue, bound or TokenBuckets(A_SECOND, AT_ONCE), body, now)


async def test_a_signed_message_is_in_the_queue_as_it_came_under_an_id_of_its_bytes(queue: KeptMessages) -> None:
    body = OURS.signed(BODY)
    assert await pushed(queue, body) == await pushed(queue, body) == hashlib.sha256(body).hexdigest()[:32]
    assert list(queue.messages.values()) == [body]


BAD = {
    "empty": b"",
    "not signed": BODY,
    "zipped": b"\x1f\x8b" + BODY,
    "cut off": OURS.signed(BODY)[: HEAD_BYTES - 1],
    "nothing is signed": OURS.signed(b"")[:HEAD_BYTES] + BODY,
    "changed": OURS.signed(BODY) + b" ",
    "another's signature": OURS.signed(BODY)[:24] + STRANGERS.signed(BODY)[24:],
    "unknown key": STRANGERS.signed(BODY),
    "revoked": OLD.signed(BODY),
    "never confirmed, and revoked": REFUSED.signed(BODY),
    "a key that awaits confirmation, not signed with it": WAITING.signed(BODY)[:24] + OURS.signed(BODY)[24:],
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
async def test_everybody_whose_signature_does_not_count_is_told_the_same(queue: KeptMessages, body: bytes) -> None:
    with pytest.raises(Unauthenticated) as refusal:
        await pushed(queue, body)
    assert str(refusal.value) == "the body is not a message that is signed with a known key"
    assert queue.messages == {}


async def test_who_joined_and_is_not_confirmed_is_told_so(queue: KeptMessages) -> None:
    with pytest.raises(Forbidden, match=r"^awaits confirmation"):
        await pushed(queue, WAITING.signed(BODY))
    assert queue.messages == {}


async def test_the_largest_message_is_taken_and_a_larger_one_is_not_even_looked_at(queue: KeptMessages) -> None:
    largest = OURS.signed(bytes(MOST_BYTES - HEAD_BYTES))
    await pushed(queue, largest)
    for body in (largest + b" ", bytes(MOST_BYTES + 1)):  # whoever signed it, or not
        with pytest.raises(TooLong):
            await pushed(queue, body)


async def test_a_queue_that_is_down_says_when_to_come_again(queue: KeptMessages) -> None:
    queue.down = True
    with pytest.raises(Unavailable) as refusal:
        await pushed(queue, OURS.signed(BODY))
    assert refusal.value.retry_after == 7


async def test_a_key_may_push_so_much_and_bad_signatures_under_its_name_take_none_of_it(queue: KeptMessages) -> None:
    bound = TokenBuckets(A_SECOND, AT_ONCE)
    for number in range(AT_ONCE):
        with pytest.raises(Unauthenticated):
            await pushed(queue, OURS.signed(b"")[:HEAD_BYTES] + b"%d" % number, bound)
    for number in range(AT_ONCE):
        await pushed(queue, OURS.signed(b"%d" % number), bound)
    with pytest.raises(TooMany) as refusal:
        await pushed(queue, OURS.signed(b"more"), bound)
    await pushed(queue, OURS.signed(b"more"), bound, refusal.value.retry_after)
    assert len(queue.messages) == AT_ONCE + 1


@dataclass
class Reads:
    """Counts what the store is asked for."""

    count: int = 0
    down: bool = False

    async def __call__(self, call: str, table: str, document_id: str) -> None:  # noqa: ARG002
        if call.startswith("before"):
            self.count += 1
            if self.down:
                raise Unavailable("the store is down")


@pytest.mark.parametrize("down", [False, True])
async def test_ten_thousand_bad_signatures_read_nothing_but_the_register_every_thirty_seconds(down: bool) -> None:
    memory, now = MemoryDocuments(), [0.0]
    reads = Reads(down=down)
    memory.hook = reads
    enrolments = Enrolments(memory, lambda: now[0])
    queue, bound = KeptMessages(), TokenBuckets(A_SECOND, AT_ONCE)
    bodies = list(BAD.values())
    seconds = 90
    for number in range(10_000):
        now[0] = number * seconds / 10_000
        with pytest.raises(Unavailable if down else Unauthenticated):
            await push(await enrolments.register_for_strangers(), queue, bound, bodies[number % len(bodies)], now[0])
    assert reads.count == seconds / (FAILURE_REMEMBERED if down else REMEMBERED)


@pytest.mark.parametrize("down", [False, True])
async def test_of_many_who_ask_at_once_one_reads(memory: MemoryDocuments, down: bool) -> None:
    reads, gate = Reads(), asyncio.Event()

    async def slow(call: str, table: str, document_id: str) -> None:
        await gate.wait()
        await reads(call, table, document_id)

    memory.hook = slow
    enrolments = Enrolments(memory)
    reads.down = down
    asked = [asyncio.create_task(enrolments.register_for_strangers()) for _ in range(100)]
    await asyncio.sleep(0)
    gate.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(each) for each in answers} == {Unavailable if down else Register}
    assert reads.count == 1


async def test_a_change_while_the_register_is_read_is_seen_by_the_next_who_asks(memory: MemoryDocuments) -> None:
    tables = Tables(memory)

    async def meanwhile(call: str, table: str, document_id: str) -> None:  # noqa: ARG001
        if call == "after scan":
            memory.hook = MemoryDocuments().hook
            await tables.enrolments.write(Enrolment("t", keys=(Key(OURS.public, 1),)), None)

    memory.hook = meanwhile
    assert (await tables.enrolments.register()).enrolled == frozenset()
    assert (await tables.enrolments.register()).enrolled == {"t"}


async def test_a_key_that_is_revoked_between_two_pushes_is_refused_from_then_on(memory: MemoryDocuments) -> None:
    tables, queue, bound = Tables(memory), KeptMessages(), TokenBuckets(A_SECOND, AT_ONCE)
    enrolment = Enrolment("t").with_key(OURS.public, 1)
    await tables.enrolments.write(enrolment, None)
    await push(await tables.enrolments.register(), queue, bound, OURS.signed(b"one"), 0)
    stored = await tables.enrolments.read("t")
    assert stored
    await tables.enrolments.write(enrolment.without_key(Key(OURS.public, 1).id, 5), stored.etag)
    with pytest.raises(Unauthenticated):
        await push(await tables.enrolments.register(), queue, bound, OURS.signed(b"two"), 0)
    assert list(queue.messages.values()) == [OURS.signed(b"one")]


async def test_a_failure_that_strangers_are_spared_is_no_failure_for_ingest(memory: MemoryDocuments) -> None:
    reads = Reads(down=True)
    memory.hook = reads
    enrolments = Enrolments(memory, lambda: 0.0)
    for _ in range(9):
        with pytest.raises(Unavailable):
            await enrolments.register_for_strangers()
    assert reads.count == 1
    reads.down = False
    assert (await enrolments.register()).enrolled == frozenset()
    await enrolments.register_for_strangers()
    assert reads.count == 2
