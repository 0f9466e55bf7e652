"""The queue, as messages are handed over to it: a port with two adapters.

Knows when a message is safe, and which failures pass. Does not know what is in a message, or who sent it.
"""

import asyncio
import contextlib
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from domain.errors import Misconfigured, TooLong, Unavailable

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusMessage
    from azure.servicebus.aio import ServiceBusClient, ServiceBusSender

MOST_BYTES = (256 - 4) * 1024
"""The most bytes of a message's body: what the tier Standard takes, less 4 KB for the headers that AMQP adds."""

SEND_SECONDS = 20
"""How long a message may take, waiting for others included."""

RETRY_SECONDS = 10
"""After how many seconds a message that was not taken should come again."""


class Queue(Protocol):
    """The port."""

    async def send(self, body: bytes, message_id: str) -> None:
        """Hand a message over. It is safe when this returns.

        A queue that has the same id already drops the message, which is as good. Raises TooLong; and Unavailable if the
        message may or may not be in the queue: then it should be sent again, with the same id.
        """

    async def close(self) -> None:
        """Let connections go. A later message opens them again."""


@dataclass(frozen=True, slots=True)
class NoQueue:
    """The adapter that is used if the settings name no queue. Every message raises Misconfigured."""

    async def send(self, body: bytes, message_id: str) -> None:  # noqa: ARG002
        """See Queue."""
        raise Misconfigured("no queue is set: set ServiceBusConnection, or QUEUE_FOLDER for the local host")

    async def close(self) -> None:
        """See Queue."""


@dataclass(frozen=True, slots=True)
class FolderQueue:
    """The local host's queue: a message is a file that is moved into a folder."""

    folder: Path

    async def send(self, body: bytes, message_id: str) -> None:
        """See Queue."""
        _check(body)
        temporary = self.folder / f".{message_id}.tmp"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(body)
            temporary.replace(self.folder / message_id)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise Unavailable(f"the queue folder {self.folder} can't be written: {error}", RETRY_SECONDS) from error

    async def close(self) -> None:
        """See Queue."""


class ServiceBusQueue:
    """A queue in Azure Service Bus, through one client that is kept. After any failure it is made anew.

    It connects with a connection string, or to a namespace with this process's identity. It needs the right to send.
    Messages go one after the other, since the SDK's sender is not made for several tasks at once.
    """

    def __init__(self, queue: str, connection: str | None = None, namespace: str | None = None) -> None:
        """Name the queue. Nothing is opened before the first message."""
        self._queue = queue
        self._connection = connection
        self._namespace = namespace
        self._turn = asyncio.Lock()
        self._open = AsyncExitStack()
        self._sender: ServiceBusSender | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def send(self, body: bytes, message_id: str) -> None:
        """See Queue."""
        from azure.core.exceptions import AzureError  # noqa: PLC0415  (loaded when needed)
        from azure.servicebus import ServiceBusMessage  # noqa: PLC0415
        from azure.servicebus.exceptions import MessageSizeExceededError  # noqa: PLC0415

        _check(body)
        try:
            async with asyncio.timeout(SEND_SECONDS), self._turn:
                await self._send(ServiceBusMessage(body, message_id=message_id))
        except MessageSizeExceededError as error:
            raise TooLong("the queue does not take a message of this size; send it in parts") from error
        except (AzureError, OSError, ValueError) as error:  # OSError: includes TimeoutError
            reason = " ".join(str(error).split()) or type(error).__name__
            raise Unavailable(f"the queue {self._queue} does not take messages: {reason}", RETRY_SECONDS) from error

    async def _send(self, message: "ServiceBusMessage") -> None:
        try:
            if self._sender is None:
                client = await self._client()
                self._sender = await self._open.enter_async_context(client.get_queue_sender(self._queue))
            await self._sender.send_messages(message)
        except BaseException:  # also if it was cut off in the middle, by the time limit
            self._let_go()
            raise

    async def _client(self) -> "ServiceBusClient":
        from azure.servicebus.aio import ServiceBusClient  # noqa: PLC0415

        options: dict[str, Any] = {"retry_total": 2, "retry_backoff_factor": 0.2}
        if self._connection:
            made = ServiceBusClient.from_connection_string(self._connection, **options)
        else:
            from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415

            credential = await self._open.enter_async_context(DefaultAzureCredential())
            made = ServiceBusClient(str(self._namespace), credential, **options)
        return await self._open.enter_async_context(made)

    def _let_go(self) -> None:
        """Close in the background, since closing a broken connection may take long and nobody needs to wait for it."""
        broken, self._open, self._sender = self._open, AsyncExitStack(), None
        closing = asyncio.create_task(_closed(broken))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """See Queue."""
        async with self._turn:
            self._let_go()
        await asyncio.gather(*self._closing)


async def _closed(opened: AsyncExitStack) -> None:
    with contextlib.suppress(Exception):  # whatever it says: it is not used any more
        async with asyncio.timeout(SEND_SECONDS):
            await opened.aclose()


def _check(body: bytes) -> None:
    if len(body) > MOST_BYTES:
        raise TooLong(f"the message has {len(body):,} bytes; at most {MOST_BYTES:,} are taken: send it in parts")
