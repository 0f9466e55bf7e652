"""The Service Bus peer that tests talk to does what the service does, seen through Microsoft's SDK."""

import time
from collections.abc import Iterator

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusReceivedMessage, ServiceBusReceiver
from azure.servicebus.exceptions import MessageSizeExceededError, ServiceBusError

from tests.conftest import SDK_LEAVES_SOCKETS, a_queue
from tests.peers import Broker, needs_node

pytestmark = [needs_node, *SDK_LEAVES_SOCKETS, pytest.mark.usefixtures("collected")]


@pytest.fixture
def queue() -> str:
    return a_queue()


@pytest.fixture
def client(broker: Broker) -> Iterator[ServiceBusClient]:
    with ServiceBusClient.from_connection_string(broker.connection, retry_total=0) as opened:
        yield opened


def send(client: ServiceBusClient, queue: str, *bodies: bytes) -> None:
    with client.get_queue_sender(queue) as sender:
        sender.send_messages([ServiceBusMessage(body, message_id=body.decode()) for body in bodies])


def take(receiver: ServiceBusReceiver, most: int = 1) -> list[ServiceBusReceivedMessage]:
    return receiver.receive_messages(max_message_count=most, max_wait_time=2)


def body_of(message: ServiceBusReceivedMessage) -> bytes:
    return b"".join(message.body)


def test_a_batch_arrives_as_its_messages_in_order(client: ServiceBusClient, broker: Broker, queue: str) -> None:
    send(client, queue, b"one", b"two", b"three")
    assert broker.bodies(queue) == [b"one", b"two", b"three"]
    with client.get_queue_receiver(queue) as receiver:
        received = take(receiver, 5)
        assert [(body_of(each), each.message_id) for each in received] == [
            (b"one", "one"),
            (b"two", "two"),
            (b"three", "three"),
        ]
        for each in received:
            receiver.complete_message(each)
    assert broker.state(queue) == {"ready": [], "locked": 0, "duplicates": 0}


def test_a_message_id_that_was_seen_is_dropped(client: ServiceBusClient, broker: Broker, queue: str) -> None:
    send(client, queue, b"one")
    send(client, queue, b"one", b"two")
    assert broker.bodies(queue) == [b"one", b"two"]
    assert broker.state(queue)["duplicates"] == 1


def test_a_message_over_the_links_limit_is_refused(client: ServiceBusClient, broker: Broker, queue: str) -> None:
    with client.get_queue_sender(queue) as sender:
        assert sender.create_message_batch().max_size_in_bytes == 262_144
        with pytest.raises(MessageSizeExceededError):
            sender.send_messages(ServiceBusMessage(bytes(262_144)))
        sender.send_messages(ServiceBusMessage(bytes(262_000)))
    assert len(broker.bodies(queue)) == 1


def test_abandoned_messages_come_again_counted_and_end_among_the_dead_letters(
    client: ServiceBusClient, broker: Broker, queue: str
) -> None:
    broker.set(maxDeliveryCount=3)
    send(client, queue, b"bad", b"good")
    with client.get_queue_receiver(queue) as receiver:
        for count in range(3):
            (message,) = take(receiver)
            assert (body_of(message), message.delivery_count) == (b"bad", count)
            receiver.abandon_message(message)
        (message,) = take(receiver)
        assert body_of(message) == b"good"
        receiver.dead_letter_message(message, reason="on purpose")
    dead = broker.state(f"{queue}/$DeadLetterQueue")["ready"]
    assert [(each["id"], each["properties"]["DeadLetterReason"]) for each in dead] == [
        ("bad", "MaxDeliveryCountExceeded"),
        ("good", "on purpose"),
    ]


def test_a_lock_that_expires_gives_the_message_to_the_next(
    client: ServiceBusClient, broker: Broker, queue: str
) -> None:
    broker.set(lockMs=150)
    send(client, queue, b"one")
    with client.get_queue_receiver(queue) as slow, client.get_queue_receiver(queue) as next_one:
        (held,) = take(slow)
        (again,) = take(next_one)
        assert again.delivery_count == 1
        with pytest.raises(ServiceBusError):
            slow.complete_message(held)
        next_one.complete_message(again)
    assert broker.state(queue) == {"ready": [], "locked": 0, "duplicates": 0}


@pytest.mark.parametrize("settings", [{"full": True}, {"busy": 1}, {"deny": ["send"]}, {"cutBefore": 1}])
def test_faults_on_demand_are_errors_of_the_sdk(
    client: ServiceBusClient, broker: Broker, queue: str, settings: dict[str, object]
) -> None:
    broker.set(**settings)
    with pytest.raises(ServiceBusError):
        send(client, queue, b"one")
    broker.set(full=False, deny=[])
    send(client, queue, b"one")
    assert broker.bodies(queue) == [b"one"]


def test_a_slow_broker_is_slow(client: ServiceBusClient, broker: Broker, queue: str) -> None:
    broker.set(slowMs=300)
    start = time.monotonic()
    send(client, queue, b"one")
    assert time.monotonic() - start >= 0.3
