"""Destinations of the tenant's collector (SPOC): an Azure Service Bus queue, or the folder queue of the local host.

The third one, the app itself over HTTPS, is edge.app.

Knows how to hand a message over and when it is safe; refuses to know its content. Raises domain.errors.Unavailable if
the queue can't take messages now. The same messages may then be sent again.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
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
"""Spare bytes in a message for the headers that the protocol adds to the body."""

BATCH_ROOM = HEADER_ROOM // 2
"""Spare bytes in a batch of messages: the SDK computes a slightly smaller size than it sends."""

SEND_SECONDS = 60
RETRIES = 2
"""The SDK's retries within a call. The SPOC retries too, after its own pauses."""


SCOPE = "https://servicebus.azure.net/.default"


def identity_in(token: str) -> str:
    """Return whose access token this is, for people. Raises ValueError if it is none.

    The claims are those of Entra ID's access tokens: ``appid``, ``oid``, ``tid``. Nothing is verified.
    """
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        who = claims.get("upn") or f"the application {claims.get('appid', '?')}"
        return f"{who} (object id {claims.get('oid', '?')}) of the directory {claims.get('tid', '?')}"
    except (IndexError, ValueError, AttributeError) as error:
        raise ValueError("this is no access token of Entra ID") from error


class Link(Protocol):
    """An open connection to a queue."""

    @property
    def limit(self) -> int:
        """The largest size of a message's body in bytes."""

    def send(self, messages: Iterable[Packed]) -> Sequence[Packed]:
        """Hand messages over. They are safe when this returns, except those returned: the queue will never take them.

        A message's id is derived from its body, so the queue recognizes the same message when it is sent again. Raises
        Unavailable; some of the messages may have been handed over then.
        """


class Destination(Protocol):
    """A destination of messages."""

    def open(self) -> AbstractContextManager[Link]:
        """Connect, and close at the end of the block. Entering it raises Unavailable."""

    def check(self) -> list[str]:
        """Connect without sending anything. Return the findings, one per line. Raises Unavailable."""


@dataclass(frozen=True, slots=True)
class FolderDestination:
    """The folder queue of the local host. A message is a file that is moved into the folder."""

    folder: Path
    limit: int = STANDARD_LIMIT - HEADER_ROOM

    def __str__(self) -> str:
        """Name the folder."""
        return f"the folder {self.folder}"

    @contextmanager
    def open(self) -> Iterator[Link]:
        """See Destination."""
        yield self

    def send(self, messages: Iterable[Packed]) -> Sequence[Packed]:
        """See Link."""
        for message in messages:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                temporary = self.folder / f".{message.message_id}.tmp"
                temporary.write_bytes(message.body)
                temporary.replace(self.folder / message.message_id)
            except OSError as error:
                raise Unavailable(f"the queue folder {self.folder} can't be written: {error}") from error
        return ()

    def check(self) -> list[str]:
        """See Destination."""
        if not self.folder.is_dir():
            raise Unavailable(f"the queue folder {self.folder} does not exist; is the local host running?")
        return [f"the folder {self.folder}: reached"]


@dataclass(frozen=True, slots=True)
class _ServiceBusLink:
    sender: "ServiceBusSender"
    limit: int

    def send(self, messages: Iterable[Packed]) -> Sequence[Packed]:
        """See Link. Small messages share a batch."""
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
        return ()

    def _batch(self) -> "ServiceBusMessageBatch":
        return self.sender.create_message_batch(max_size_in_bytes=self.limit + HEADER_ROOM - BATCH_ROOM)


@dataclass(frozen=True, slots=True)
class ServiceBusDestination:
    """A queue of Azure Service Bus.

    With a ``namespace`` (such as ``name.servicebus.windows.net``), this process's identity is used. Otherwise the
    connection string is used.
    """

    queue: str
    namespace: str | None = None
    connection: str | None = None

    def __str__(self) -> str:
        """Name the queue without any secret."""
        return f"the queue {self.queue} of {self.namespace or 'the namespace of the connection string'}"

    def _identity(self) -> str:
        """Return who sends, as far as that is known before it is refused."""
        if self.connection:
            return "the connection string, which emulators take (the namespace of infra/ does not)"
        from azure.core.exceptions import AzureError  # noqa: PLC0415
        from azure.identity import DefaultAzureCredential  # noqa: PLC0415

        try:
            return identity_in(DefaultAzureCredential().get_token(SCOPE).token)
        except (AzureError, ValueError) as error:
            return f"unknown: {str(error).splitlines()[0]}"

    def _client(self) -> "ServiceBusClient":
        from azure.servicebus import ServiceBusClient  # noqa: PLC0415  (loaded when needed)

        options: dict[str, Any] = {"retry_total": RETRIES, "retry_backoff_factor": 0.2, "retry_backoff_max": 5}
        if self.connection:
            return ServiceBusClient.from_connection_string(self.connection, **options)
        from azure.identity import DefaultAzureCredential  # noqa: PLC0415

        return ServiceBusClient(str(self.namespace), DefaultAzureCredential(), **options)

    @contextmanager
    def open(self) -> Iterator[_ServiceBusLink]:
        """See Destination. The service tells the limit. The SDK's errors inside the block become Unavailable."""
        from azure.core.exceptions import AzureError  # noqa: PLC0415

        try:
            with self._client() as client, client.get_queue_sender(self.queue) as sender:
                yield _ServiceBusLink(sender, sender.create_message_batch().max_size_in_bytes - HEADER_ROOM)
        except (AzureError, OSError, ValueError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise Unavailable(f"{self} does not take messages: {reason}") from error

    def _try_to_send(self) -> int:
        """Open a link to send by, send nothing, and return the largest message. Raises Unavailable."""
        with self.open() as link:
            # The service opens a refused link and then closes it. The SDK notices that only while it works on the link,
            # and raises an internal error. Its public calls work on the link only by sending.
            try:
                for _ in range(4):
                    link.sender._handler.do_work()  # noqa: SLF001
            except Exception as error:
                raise Unavailable(f"{self} does not take messages: {' '.join(str(error).split())}") from error
            return link.limit + HEADER_ROOM

    def check(self) -> list[str]:
        """See Destination."""
        from azure.core.exceptions import AzureError  # noqa: PLC0415

        who = self._identity()
        try:
            largest = self._try_to_send()
        except Unavailable as error:
            raise Unavailable(f"{error}; the identity is {who}") from error
        found = [f"identity: {who}", f"{self}: reached", f"largest message: {largest:,} bytes", "may send: yes"]
        try:
            with self._client() as client, client.get_queue_receiver(self.queue, prefetch_count=0) as receiver:
                receiver.peek_messages(timeout=10)  # takes no message
            found.append("may receive: yes, which a SPOC does not need; Azure Service Bus Data Sender is enough")
        except (AzureError, OSError, ValueError):
            found.append("may receive: no, as it should be")
        return found
