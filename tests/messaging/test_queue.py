"""Handing messages to the queue: both adapters alike, the one of Service Bus through Microsoft's SDK on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Misconfigured, TooLong, Unavailable
from messaging import queue as adapters
from messaging.queue import MOST_BYTES, FolderQueue, NoQueue, Queue, ServiceBusQueue
from tests.conftest import SDK_LEAVES_SOCKETS, a_queue
from tests.peers import Broker, needs_node

pytestmark = [*SDK_LEAVES_SOCKETS, pytest.mark.usefixtures("collected")]


@dataclass
class Case:
    """An adapter, and what waits in its queue."""

    queue: Queue
    waiting: Callable[[], list[bytes]]


def files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("*")) if path.is_file()]


@pytest.fixture(params=["folder", pytest.param("broker", marks=needs_node)])
async def case(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Case]:
    if request.param == "folder":
        found = Case(FolderQueue(tmp_path / "queue"), lambda: files(tmp_path / "queue"))
    else:
        broker, name = request.getfixturevalue("broker"), a_queue()
        found = Case(ServiceBusQueue(name, broker.connection), lambda: broker.bodies(name))
    yield found
    await found.queue.close()


async def test_a_message_is_in_the_queue_when_it_was_sent(case: Case) -> None:
    await case.queue.send(b"one", "1")
    assert case.waiting() == [b"one"]
    await case.queue.send(b"two", "2")
    assert case.waiting() == [b"one", b"two"]


async def test_the_same_message_again_is_one(case: Case) -> None:
    for _ in range(2):
        await case.queue.send(b"one", "1")
    assert case.waiting() == [b"one"]


async def test_many_at_once_are_all_there(case: Case) -> None:
    bodies = [bytes([number]) * 1_000 for number in range(20)]
    await asyncio.gather(*(case.queue.send(body, f"{number:02}") for number, body in enumerate(bodies)))
    assert sorted(case.waiting()) == bodies


async def test_the_largest_message_fits_and_one_more_byte_does_not(case: Case) -> None:
    await case.queue.send(bytes(MOST_BYTES), "1")
    with pytest.raises(TooLong, match="at most 258,048"):
        await case.queue.send(bytes(MOST_BYTES + 1), "2")
    assert case.waiting() == [bytes(MOST_BYTES)]


async def test_after_it_is_closed_it_can_be_used_again(case: Case) -> None:
    await case.queue.send(b"one", "1")
    await case.queue.close()
    await case.queue.send(b"two", "2")
    assert case.waiting() == [b"one", b"two"]


@needs_node
class TestServiceBus:
    """What only a broker can do."""

    @pytest.fixture
    async def case(self, broker: Broker) -> AsyncIterator[Case]:
        name = a_queue()
        found = Case(ServiceBusQueue(name, broker.connection), lambda: broker.bodies(name))
        yield found
        await found.queue.close()

    @pytest.mark.parametrize(
        "fault", [{"cutBefore": 1}, {"cutAfter": 1}, {"busy": 9}, {"full": True}, {"deny": ["send"]}]
    )
    @pytest.mark.parametrize("kept", [False, True])
    async def test_whatever_fails_the_next_message_is_sent_and_nothing_told_to_be_safe_is_lost(
        self, case: Case, broker: Broker, fault: dict[str, Any], kept: bool
    ) -> None:
        if kept:
            await case.queue.send(b"zero", "0")
        broker.set(**fault, drop=kept and "deny" in fault)  # rights are looked at when a link is opened
        with suppress(Unavailable):  # the SDK tries again by itself
            await case.queue.send(b"one", "1")
            assert b"one" in case.waiting()
        broker.set(cutBefore=0, cutAfter=0, busy=0, full=False, deny=[])
        for body, message_id in ((b"one", "1"), (b"two", "2")):
            await case.queue.send(body, message_id)
        assert case.waiting() == [*([b"zero"] if kept else []), b"one", b"two"]

    async def test_a_full_queue_is_not_available_and_says_when_to_come_again(self, case: Case, broker: Broker) -> None:
        broker.set(full=True)
        with pytest.raises(Unavailable, match="does not take messages") as refusal:
            await case.queue.send(b"one", "1")
        assert refusal.value.retry_after == adapters.RETRY_SECONDS

    async def test_a_message_that_the_queue_itself_finds_too_large_is_too_long(
        self, case: Case, broker: Broker
    ) -> None:
        broker.set(maxMessageSize=1_000)
        with pytest.raises(TooLong, match="does not take a message of this size"):
            await case.queue.send(bytes(2_000), "1")
        await case.queue.send(b"one", "2")
        assert case.waiting() == [b"one"]

    async def test_a_slow_queue_is_given_up_and_those_who_wait_with_it(
        self, case: Case, broker: Broker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await case.queue.send(b"zero", "0")
        monkeypatch.setattr(adapters, "SEND_SECONDS", 0.3)
        broker.set(slowMs=20_000)
        tries = [case.queue.send(b"%d" % number, str(number)) for number in range(1, 4)]
        found = await asyncio.gather(*tries, return_exceptions=True)
        assert [type(each) for each in found] == [Unavailable] * 3
        monkeypatch.undo()
        broker.set(slowMs=0)
        await case.queue.send(b"five", "5")
        assert case.waiting()[-1] == b"five"

    async def test_nobody_listens_there(self) -> None:
        gone = "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=a;SharedAccessKey=a;UseDevelopmentEmulator=true;"
        with pytest.raises(Unavailable, match="the queue q does not take"):
            await ServiceBusQueue("q", gone).send(b"one", "1")

    async def test_a_namespace_that_is_none_is_said_so(self) -> None:
        with pytest.raises(Unavailable, match="the queue q does not take"):
            await ServiceBusQueue("q", "nonsense").send(b"one", "1")


async def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable, match="can't be written"):
        await FolderQueue(tmp_path / "file").send(b"one", "1")


async def test_where_no_queue_is_set_that_is_said() -> None:
    with pytest.raises(Misconfigured, match="no queue is set"):
        await NoQueue().send(b"one", "1")
    await NoQueue().close()
