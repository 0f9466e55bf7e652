"""Dead letters: messages that the queue gave up, since they failed too often or waited too long. A port, two adapters.

Putting one back means sending it anew and only then removing it, so whatever dies in between, it is there at least
once; ingest does not mind twice.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from domain.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusReceivedMessage
    from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver, ServiceBusSender

MOST_AT_ONCE = 100
WAIT_SECONDS = 2
"""How long the queue may take to hand out a dead letter before there is none."""

PEEK_SECONDS = 30
PAUSE_SECONDS = 1
LONGEST_ID = 128
BATCH_ROOM = 1024
"""The SDK reckons a batch some bytes smaller than it sends it."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that the queue gave up. ``enqueued``: when it came there, in Unix seconds."""

    message_id: str
    enqueued: int
    deliveries: int | None
    reason: str | None
    description: str | None
    body: bytes


class DeadLetters(Protocol):
    """The port. Every call may raise Unavailable."""

    async def peek(self, most: int) -> Sequence[DeadLetter]:
        """Return dead letters, oldest first, and take none away."""

    async def resubmit(self, until: int, time_left: Callable[[], bool]) -> tuple[int, bool]:
        """Put those that came to the queue until a second (included) back into it, while there is time.

        Returns how many, and whether there may be more.
        """


@dataclass(frozen=True, slots=True)
class NoDeadLetters:
    """Stands where no queue is named."""

    async def peek(self, most: int) -> Sequence[DeadLetter]:  # noqa: ARG002
        """See DeadLetters."""
        raise self._unknown()

    async def resubmit(self, until: int, time_left: Callable[[], bool]) -> tuple[int, bool]:  # noqa: ARG002
        """See DeadLetters."""
        raise self._unknown()

    def _unknown(self) -> Misconfigured:
        return Misconfigured("where the queue is, is not set: ServiceBusConnection, or QUEUE_FOLDER of the local host")


@dataclass(frozen=True, slots=True)
class FolderDeadLetters:
    """The local host's: files in the folder ``dead`` of its queue's."""

    queue: Path

    async def peek(self, most: int) -> Sequence[DeadLetter]:
        """See DeadLetters."""
        return [
            # A byte of the name that is no UTF-8 can't be told.
            DeadLetter(
                path.name.encode(errors="replace").decode(),
                int(came),
                None,
                "MaxDeliveryCountExceeded",
                None,
                path.read_bytes(),
            )
            for came, path in self._files()[:most]
        ]

    async def resubmit(self, until: int, time_left: Callable[[], bool]) -> tuple[int, bool]:
        """See DeadLetters. A rename can't be cut in half."""
        count = 0
        for came, path in self._files():
            if int(came) > until:
                continue
            if not time_left():
                return count, True
            try:
                path.replace(self.queue / path.name)
            except OSError as error:
                raise Unavailable(f"{path} can't be moved to {self.queue}: {error}") from error
            with suppress(FileNotFoundError):  # taken already
                os.utime(self.queue / path.name)
            count += 1
            if count % MOST_AT_ONCE == 0:
                await asyncio.sleep(0)
        return count, False

    def _files(self) -> list[tuple[float, Path]]:
        try:
            found = [(path.stat().st_mtime, path) for path in (self.queue / "dead").iterdir() if path.is_file()]
        except OSError as error:
            raise Unavailable(f"{self.queue / 'dead'} can't be read: {error}") from error
        return sorted(found)


@dataclass(frozen=True, slots=True)
class ServiceBusDeadLetters:
    """Those of a queue of Azure Service Bus, reached by a connection string, or by identity in a namespace.

    Wants the rights to receive and to send.
    """

    queue: str
    connection: str | None = None
    namespace: str | None = None

    async def peek(self, most: int) -> Sequence[DeadLetter]:
        """See DeadLetters."""
        found: list[DeadLetter] = []
        async with self._open() as (receiver, _):
            while len(found) < most:  # a page is not always full: it holds what fits into one answer
                page = await receiver.peek_messages(most - len(found), timeout=PEEK_SECONDS)  # goes on after the last
                if not page:
                    break
                found += [_dead_letter(message) for message in page]
        return found

    async def resubmit(self, until: int, time_left: Callable[[], bool]) -> tuple[int, bool]:
        """See DeadLetters. What somebody else holds, perhaps one who was killed, is waited for until it is let go."""
        count = 0
        async with self._open() as (receiver, sender):
            while time_left():
                received = await receiver.receive_messages(MOST_AT_ONCE, max_wait_time=WAIT_SECONDS)
                old = [message for message in received if _second(message) <= until]
                try:
                    await _send(sender, old)
                except BaseException:
                    await _let_go(receiver, received)
                    raise
                for message in old:
                    await receiver.complete_message(message)
                count += len(old)
                await _let_go(receiver, [message for message in received if _second(message) > until])
                if not old:
                    oldest = await receiver.peek_messages(1, sequence_number=1, timeout=PEEK_SECONDS)
                    if not oldest or _second(oldest[0]) > until:
                        return count, False
                    await asyncio.sleep(PAUSE_SECONDS)
        return count, True

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[tuple["ServiceBusReceiver", "ServiceBusSender"]]:
        from azure.core.exceptions import AzureError  # noqa: PLC0415  (loaded when needed)
        from azure.servicebus import ServiceBusSubQueue  # noqa: PLC0415

        try:
            async with AsyncExitStack() as stack:
                client = await self._client(stack)
                receiver = client.get_queue_receiver(
                    self.queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER, prefetch_count=0
                )
                yield (
                    await stack.enter_async_context(receiver),
                    await stack.enter_async_context(client.get_queue_sender(self.queue)),
                )
        except (AzureError, OSError, ValueError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise Unavailable(f"the dead letters of the queue {self.queue} can't be reached: {reason}") from error

    async def _client(self, stack: AsyncExitStack) -> "ServiceBusClient":
        from azure.servicebus.aio import ServiceBusClient  # noqa: PLC0415

        options: dict[str, Any] = {"retry_total": 2, "retry_backoff_factor": 0.2}
        if self.connection:
            return await stack.enter_async_context(ServiceBusClient.from_connection_string(self.connection, **options))
        from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415

        credential = await stack.enter_async_context(DefaultAzureCredential())
        return await stack.enter_async_context(ServiceBusClient(str(self.namespace), credential, **options))


async def _let_go(receiver: "ServiceBusReceiver", messages: Sequence["ServiceBusReceivedMessage"]) -> None:
    """Give up the locks of messages, as far as that is possible; else they expire."""
    from azure.core.exceptions import AzureError  # noqa: PLC0415

    for message in messages:
        with suppress(AzureError, OSError, ValueError):
            await receiver.abandon_message(message)


async def _send(sender: "ServiceBusSender", messages: Sequence["ServiceBusReceivedMessage"]) -> None:
    """Send messages anew, in as few transfers as they fit into."""
    from azure.servicebus import ServiceBusMessage  # noqa: PLC0415

    if not messages:
        return
    limit = (await sender.create_message_batch()).max_size_in_bytes - BATCH_ROOM
    batch = await sender.create_message_batch(max_size_in_bytes=limit)
    for message in messages:
        # An id of its own: a queue that detects duplicates would drop, in silence, what has the id of its first coming.
        message_id = f"{message.message_id}~{message.sequence_number}"[-LONGEST_ID:]
        again = ServiceBusMessage(_body(message), message_id=message_id)
        try:
            batch.add_message(again)
        except ValueError:  # it is full
            if len(batch):
                await sender.send_messages(batch)
            batch = await sender.create_message_batch(max_size_in_bytes=limit)
            try:
                batch.add_message(again)
            except ValueError:  # as large as a message may be, so it goes alone
                await sender.send_messages(again)
    if len(batch):
        await sender.send_messages(batch)


def _dead_letter(message: "ServiceBusReceivedMessage") -> DeadLetter:
    properties: Mapping[Any, Any] = message.application_properties or {}
    return DeadLetter(
        str(message.message_id or ""),
        _second(message),
        message.delivery_count,
        message.dead_letter_reason or _text(properties.get(b"DeadLetterReason")),
        message.dead_letter_error_description,
        _body(message),
    )


def _text(value: object) -> str | None:
    return value.decode(errors="replace") if isinstance(value, bytes) else None


def _second(message: "ServiceBusReceivedMessage") -> int:
    """When a message came to the queue; one of which that is not known has always been there."""
    came = message.enqueued_time_utc
    return int(came.timestamp()) if came else 0


def _body(message: "ServiceBusReceivedMessage") -> bytes:
    return b"".join(message.body) if not isinstance(message.body, bytes) else message.body
