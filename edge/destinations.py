"""Where a SPOC's messages go: an Azure Service Bus queue, or the folder queue of the local host.

Knows how a message is handed over and when it is safe; refuses to know what is in it. Raises domain.errors.Unavailable
where the queue can't take messages now; the same messages may then be sent again.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from domain.errors import Unavailable
from domain.packing import Packed

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusClient, ServiceBusMessageBatch, ServiceBusSender

STANDARD_LIMIT = 256 * 1024
HEADER_ROOM = 4 * 1024
"""Room in a message for what the protocol adds to the body."""

BATCH_ROOM = HEADER_ROOM // 2
"""Room in a transfer of several messages: the SDK reckons it some bytes smaller than it is."""

SEND_SECONDS = 60
RETRIES = 2
"""Of the SDK, within a call; the SPOC's own pauses come on top."""


class Link(Protocol):
    """An open way to a queue."""

    @property
    def limit(self) -> int:
        """The most bytes that a message's body may have."""

    def send(self, messages: Iterable[Packed]) -> None:
        """Hand messages over; they are safe when this returns.

        A message's id follows from its body, so the same message again is known to be the same. Raises Unavailable;
        some of the messages may be over then.
        """


class Destination(Protocol):
    """Where messages go."""

    def open(self) -> AbstractContextManager[Link]:
        """Connect, and close at the end of the context. Entering raises Unavailable."""

    def check(self) -> list[str]:
        """Return what is found by connecting and sending nothing, a line each. Raises Unavailable."""


@dataclass(frozen=True, slots=True)
class FolderDestination:
    """The folder queue of the local host: a message is a file, moved into it."""

    folder: Path
    limit: int = STANDARD_LIMIT - HEADER_ROOM

    @contextmanager
    def open(self) -> Iterator[Link]:
        """See Destination."""
        yield self

    def send(self, messages: Iterable[Packed]) -> None:
        """See Link."""
        for message in messages:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                temporary = self.folder / f".{message.message_id}.tmp"
                temporary.write_bytes(message.body)
                temporary.replace(self.folder / message.message_id)
            except OSError as error:
                raise Unavailable(f"the queue folder {self.folder} can't be written: {error}") from error

    def check(self) -> list[str]:
        """See Destination."""
        if not self.folder.is_dir():
            raise Unavailable(f"the queue folder {self.folder} does not exist; is the local host running?")
        return [f"the folder {self.folder}: reached"]


@dataclass(frozen=True, slots=True)
class _ServiceBusLink:
    sender: "ServiceBusSender"
    limit: int

    def send(self, messages: Iterable[Packed]) -> None:
        """See Link. Small messages share a transfer."""
        from azure.servicebus import ServiceBusMessage  # noqa: PLC0415

        batch = self._batch()
        for message in messages:
            one = ServiceBusMessage(message.body, message_id=message.message_id)
            try:
                batch.add_message(one)
            except ValueError:  # it is full
                self.sender.send_messages(batch, timeout=SEND_SECONDS)
                batch = self._batch()
                batch.add_message(one)
        if len(batch):
            self.sender.send_messages(batch, timeout=SEND_SECONDS)

    def _batch(self) -> "ServiceBusMessageBatch":
        return self.sender.create_message_batch(max_size_in_bytes=self.limit + HEADER_ROOM - BATCH_ROOM)


@dataclass(frozen=True, slots=True)
class ServiceBusDestination:
    """A queue of Azure Service Bus.

    ``namespace`` (such as ``name.servicebus.windows.net``) is reached by identity; else there is a connection string.
    """

    queue: str
    namespace: str | None = None
    connection: str | None = None

    def __str__(self) -> str:
        """Where this is, without any secret."""
        return f"the queue {self.queue} of {self.namespace or 'the namespace of the connection string'}"

    def _client(self) -> "ServiceBusClient":
        from azure.servicebus import ServiceBusClient  # noqa: PLC0415  (loaded when needed)

        options: dict[str, Any] = {"retry_total": RETRIES, "retry_backoff_factor": 0.2, "retry_backoff_max": 5}
        if self.connection:
            return ServiceBusClient.from_connection_string(self.connection, **options)
        from azure.identity import DefaultAzureCredential  # noqa: PLC0415

        return ServiceBusClient(str(self.namespace), DefaultAzureCredential(), **options)

    @contextmanager
    def open(self) -> Iterator[_ServiceBusLink]:
        """See Destination. The limit is what the link announces; what the SDK raises meanwhile is Unavailable."""
        from azure.core.exceptions import AzureError  # noqa: PLC0415

        try:
            with self._client() as client, client.get_queue_sender(self.queue) as sender:
                yield _ServiceBusLink(sender, sender.create_message_batch().max_size_in_bytes - HEADER_ROOM)
        except (AzureError, OSError, ValueError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise Unavailable(f"{self} does not take messages: {reason}") from error

    def check(self) -> list[str]:
        """See Destination."""
        from azure.core.exceptions import AzureError  # noqa: PLC0415

        with self.open() as link:
            # A link that is refused is opened and closed again; the SDK tells that only while it works on it, by an
            # error of its inside, and no public call of it does so without sending.
            try:
                for _ in range(4):
                    link.sender._handler.do_work()  # noqa: SLF001
            except Exception as error:
                raise Unavailable(f"{self} does not take messages: {' '.join(str(error).split())}") from error
            found = [f"{self}: reached", f"largest message: {link.limit + HEADER_ROOM:,} bytes", "may send: yes"]
        try:
            with self._client() as client, client.get_queue_receiver(self.queue, prefetch_count=0) as receiver:
                receiver.peek_messages(timeout=10)  # takes nothing away
            found.append("may receive: yes, which a SPOC does not need; Azure Service Bus Data Sender is enough")
        except (AzureError, OSError, ValueError):
            found.append("may receive: no, as it should be")
        return found
