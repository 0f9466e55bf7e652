"""Dead letters: messages that the queue gave up because they failed too often or waited too long.

This is a port with two adapters. To resubmit a message, an adapter first sends it again and then removes the dead
letter. So a crash in between loses nothing; ingest accepts the same message twice.
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
"""If the queue returns no dead letter within this time, there is none."""

PEEK_SECONDS = 30
PAUSE_SECONDS = 1
LONGEST_ID = 128
BATCH_ROOM = 1024
"""Spare bytes in a batch: the SDK computes a slightly smaller size than it sends."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that the queue gave up. ``enqueued`` is the Unix second at which it arrived in the queue."""

    message_id: str
    enqueued: int
    deliveries: int | None
    reason: str | None
    description: str | None
    body: bytes


class DeadLetters(Protocol):
    """The port. Every call may raise Unavailable."""

    async def peek(self, most: int) -> Sequence[DeadLetter]:
        """Return at most so many dead letters, oldest first, and leave them in the queue."""

    async def resubmit(self, until: int, time_left: Callable[[], bool]) -> tuple[int, bool]:
        """Resubmit the dead letters enqueued at or before the second ``until``, while ``time_left`` returns true.

        Returns how many were resubmitted, and whether there may be more.
        """


@dataclass(frozen=True, slots=True)
class NoDeadLetters:
    """The adapter that is used if the settings name no queue. Every call raises Misconfigured."""

    async def peek(self, most: int) -> Sequence[DeadLetter]:  # noqa: ARG002
        """See DeadLetters."""
        raise self._unknown()

    async def resubmit(self, until: int, time_left: Callable[[], bool]) -> tuple[int, bool]:  # noqa: ARG002
        """See DeadLetters."""
        raise self._unknown()

    def _unknown(self) -> Misconfigured:
        return Misconfigured("no queue is set: set ServiceBusConnection, or QUEUE_FOLDER for the local host")


@dataclass(frozen=True, slots=True)
class FolderDeadLetters:
    """The local host's dead letters: the files in the folder ``dead`` of its queue."""

    queue: Path

    async def peek(self, most: int) -> Sequence[DeadLetter]:
        """See DeadLetters."""
        return [
            # Bytes of a file name that are not UTF-8 become question marks.
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
        """See DeadLetters. A rename is atomic, so a crash loses nothing."""
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
            with suppress(FileNotFoundError):  # the queue has taken it already
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
    """The dead letters of a queue in Azure Service Bus.

    It connects with a connection string, or to a namespace with this process's identity. It needs the rights to receive
    and to send.
    """

    queue: str
    connection: str | None = None
    namespace: str | None = None

    async def peek(self, most: int) -> Sequence[DeadLetter]:
        """See DeadLetters."""
        found: list[DeadLetter] = []
        async with self._open() as (receiver, _):
            while len(found) < most:  # a page may be short: it holds what fits into one answer
                page = await receiver.peek_messages(most - len(found), timeout=PEEK_SECONDS)  # continues
                if not page:
                    break
                found += [_dead_letter(message) for message in page]
        return found

    async def resubmit(self, until: int, time_left: Callable[[], bool]) -> tuple[int, bool]:
        """See DeadLetters. Waits for messages that another receiver (perhaps a killed one) has locked."""
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
    """Release the locks of messages. A lock that can't be released expires by itself."""
    from azure.core.exceptions import AzureError  # noqa: PLC0415

    for message in messages:
        with suppress(AzureError, OSError, ValueError):
            await receiver.abandon_message(message)


async def _send(sender: "ServiceBusSender", messages: Sequence["ServiceBusReceivedMessage"]) -> None:
    """Send messages again, in as few batches as possible."""
    from azure.servicebus import ServiceBusMessage  # noqa: PLC0415

    if not messages:
        return
    limit = (await sender.create_message_batch()).max_size_in_bytes - BATCH_ROOM
    batch = await sender.create_message_batch(max_size_in_bytes=limit)
    for message in messages:
        # A new id: with the original one, a queue with duplicate detection would silently drop the message.
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
            except ValueError:  # it has the largest size of a message, so it is sent alone
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
    """Return the second at which a message was enqueued, or 0 if that is unknown."""
    came = message.enqueued_time_utc
    return int(came.timestamp()) if came else 0


def _body(message: "ServiceBusReceivedMessage") -> bytes:
    return b"".join(message.body) if not isinstance(message.body, bytes) else message.body
