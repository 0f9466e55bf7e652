"""Dead letters: both adapters alike, the one of Service Bus through Microsoft's SDK against the peer on loopback."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from domain.errors import Unavailable
from messaging import dead_letters
from messaging.dead_letters import DeadLetters, FolderDeadLetters, ServiceBusDeadLetters
from tests.conftest import SDK_LEAVES_SOCKETS, a_queue
from tests.peers import Broker, needs_node

pytestmark = [*SDK_LEAVES_SOCKETS, pytest.mark.usefixtures("collected")]

NEVER = 9_999_999_999
"""A second after which nothing has come."""

MOST_AT_ONCE = 10
ONE_BATCH = 100_000
"""The bytes that surely fit into one."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take fewer at once, and wait less for the next. Safe: that nothing waits is never concluded from a time."""
    monkeypatch.setattr(dead_letters, "MOST_AT_ONCE", MOST_AT_ONCE)
    monkeypatch.setattr(dead_letters, "WAIT_SECONDS", 0.2)
    monkeypatch.setattr(dead_letters, "PAUSE_SECONDS", 0.1)


@dataclass
class Case:
    """An adapter, how to make messages dead, and what waits in the queue."""

    letters: DeadLetters
    bury: Callable[[Sequence[bytes]], None]
    waiting: Callable[[], list[bytes]]


@dataclass
class BrokerCase(Case):
    broker: Broker
    queue: str


def bury_at_broker(broker: Broker, queue: str, bodies: Sequence[bytes]) -> None:
    """Let messages die as they do: sent, received, refused."""
    # Without its thread that keeps a connection alive, for whose second of sleep each close waits.
    with ServiceBusClient.from_connection_string(broker.connection, keep_alive=None) as client:
        with client.get_queue_sender(queue) as sender:
            messages = [
                ServiceBusMessage(body, message_id=f"m{number}-{len(bodies)}") for number, body in enumerate(bodies)
            ]
            for each in messages if sum(map(len, bodies)) > ONE_BATCH else [messages]:
                sender.send_messages(each)
        with client.get_queue_receiver(queue) as receiver:
            left = len(bodies)
            while left:
                for message in receiver.receive_messages(min(left, 50), max_wait_time=10):
                    receiver.dead_letter_message(message, reason="poison", error_description="it was bad")
                    left -= 1


def broker_case(broker: Broker) -> BrokerCase:
    queue = a_queue()
    return BrokerCase(
        ServiceBusDeadLetters(queue, broker.connection),
        lambda bodies: bury_at_broker(broker, queue, bodies),
        lambda: broker.bodies(queue),
        broker,
        queue,
    )


def folder_case(folder: Path) -> Case:
    (folder / "dead").mkdir()

    def bury(bodies: Sequence[bytes]) -> None:
        for number, body in enumerate(bodies):
            path = folder / "dead" / f"m{number:05d}"
            path.write_bytes(body)
            os.utime(path, (time.time() - 100 + number / 1000,) * 2)

    return Case(
        FolderDeadLetters(folder),
        bury,
        lambda: [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()],
    )


@pytest.fixture(params=["folder", pytest.param("broker", marks=needs_node)])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    return folder_case(tmp_path) if request.param == "folder" else broker_case(request.getfixturevalue("broker"))


async def test_where_there_are_none_nothing_is_shown_and_nothing_resubmitted(case: Case) -> None:
    assert await case.letters.peek(10) == []
    assert await case.letters.resubmit(NEVER, lambda: True) == (0, False)


async def test_they_are_shown_oldest_first_and_stay(case: Case) -> None:
    case.bury([b"one", b"two", b"three"])
    for _ in range(2):
        shown = await case.letters.peek(2)
        assert [letter.body for letter in shown] == [b"one", b"two"]
    assert all(letter.reason for letter in shown)
    assert all(abs(letter.enqueued - time.time()) < 200 for letter in shown)


async def test_more_than_one_answer_holds_are_shown(case: Case) -> None:
    bodies = [f"body {number}".encode() for number in range(25)]  # an answer holds 20
    case.bury(bodies)
    assert [letter.body for letter in await case.letters.peek(100)] == bodies


async def test_they_go_back_all_of_them(case: Case) -> None:
    bodies = [f"body {number}".encode() for number in range(2 * MOST_AT_ONCE + 3)]
    case.bury(bodies)
    assert await case.letters.resubmit(NEVER, lambda: True) == (len(bodies), False)
    assert sorted(case.waiting()) == sorted(bodies)
    assert await case.letters.peek(10) == []


async def test_those_that_came_later_stay(case: Case) -> None:
    case.bury([b"one"])
    assert await case.letters.resubmit(1000, lambda: True) == (0, False)
    assert case.waiting() == []
    assert [letter.body for letter in await case.letters.peek(10)] == [b"one"]


async def test_without_time_it_says_that_there_may_be_more(case: Case) -> None:
    case.bury([b"one"])
    assert await case.letters.resubmit(NEVER, lambda: False) == (0, True)


@needs_node
class TestServiceBus:
    """What only a broker can do."""

    @pytest.fixture
    def case(self, broker: Broker) -> BrokerCase:
        return broker_case(broker)

    async def test_why_it_died_is_told(self, case: BrokerCase) -> None:
        case.bury([b"one"])
        (letter,) = await case.letters.peek(10)
        assert (letter.message_id, letter.reason) == ("m0-1", "poison")

    async def test_the_queues_detection_of_duplicates_does_not_swallow_what_comes_back(self, case: BrokerCase) -> None:
        case.bury([b"one"])
        await case.letters.resubmit(NEVER, lambda: True)
        assert case.broker.state(case.queue)["duplicates"] == 0
        assert case.waiting() == [b"one"]

    async def test_messages_as_large_as_they_may_be_go_back(self, case: BrokerCase) -> None:
        bodies = [bytes([number]) * 261_000 for number in range(3)]
        case.bury(bodies)
        assert await case.letters.resubmit(NEVER, lambda: True) == (3, False)
        assert sorted(case.waiting()) == bodies

    @pytest.mark.parametrize("fault", [{"cutBefore": 1}, {"cutAfter": 1}, {"busy": 5}, {"full": True}])
    async def test_whatever_the_queue_does_nothing_is_lost(self, case: BrokerCase, fault: dict[str, Any]) -> None:
        bodies = [b"one", b"two"]
        case.bury(bodies)
        case.broker.set(lockMs=1500, **fault)
        try:
            await case.letters.resubmit(NEVER, lambda: True)
        except Unavailable as error:
            assert case.queue in str(error)
        case.broker.set(full=False, busy=0)
        end = time.monotonic() + 40
        assert (await case.letters.resubmit(NEVER, lambda: time.monotonic() < end))[1] is False
        assert await case.letters.peek(1) == []
        assert set(case.waiting()) == set(bodies)

    async def test_without_the_right_it_is_said_so(self, case: BrokerCase) -> None:
        case.broker.set(deny=["listen"])
        with pytest.raises(Unavailable, match="can't be reached"):
            await case.letters.peek(1)

    async def test_a_namespace_that_is_none_is_said_so(self) -> None:
        with pytest.raises(Unavailable, match="the queue q can't be reached"):
            await ServiceBusDeadLetters("q", "nonsense").peek(1)


async def test_a_folder_that_is_gone_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="dead"):
        await FolderDeadLetters(tmp_path).peek(1)
