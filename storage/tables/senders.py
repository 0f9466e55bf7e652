"""Senders: who still sends messages that no enrolled key has signed. Kept in the quarantine, as long as refused inputs.

Such a message gives its sender's name without proof. So this shows only in whose name somebody sends.
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from domain.minutes import WINDOW
from domain.names import decode_name, encode_name
from storage.documents import Conflict, Document, Documents
from storage.schema import QUARANTINE

_SENDERS = "senders"
MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Sender:
    """The (masked) tenant that a message named without proof, and when it came, to the quarter of an hour.

    ``key`` is the id of the unenrolled key that the message names as its signer; empty: it is not signed.
    """

    tenant: str
    seen: int
    key: str = ""


class Senders:
    """Who still sends messages that no enrolled key has signed."""

    def __init__(self, documents: Documents) -> None:
        """Start with no record of earlier writes."""
        self._documents = documents
        self._written: set[Sender] = set()

    async def note(self, tenant: str, second: int, key: str) -> None:
        """Record that such a message came, unless this quarter of an hour is recorded already. Raises Unavailable."""
        sender = Sender(tenant, second - second % WINDOW, key)
        if sender in self._written:
            return
        place = encode_name(tenant)
        document = await self._documents.read(QUARANTINE, _SENDERS, place)
        if document is None or _sender(document).seen < sender.seen:
            await self._documents.upsert(QUARANTINE, _SENDERS, place, {"seen": sender.seen, "key": key})
        if len(self._written) >= MOST_REMEMBERED:
            self._written.clear()
        self._written.add(sender)

    async def of(self, tenant: str) -> Sender | None:
        """Return the sender that uses a tenant's name without proof."""
        document = await self._documents.read(QUARANTINE, _SENDERS, encode_name(tenant))
        return _sender(document) if document else None

    async def all(self) -> AsyncIterator[Sender]:
        """Yield all senders, in the order of their encoded names."""
        async for document in self._documents.scan(QUARANTINE, _SENDERS):
            yield _sender(document)

    async def forget(self, tenant: str) -> None:
        """Forget the sender in a tenant's name. Later messages are recorded again."""
        if document := await self._documents.read(QUARANTINE, _SENDERS, encode_name(tenant)):
            with suppress(Conflict):  # written again meanwhile
                await self._documents.delete(QUARANTINE, _SENDERS, document.id, document.etag)
        self._written = {each for each in self._written if each.tenant != tenant}


class _SenderBody(msgspec.Struct):
    seen: int
    key: str


def _sender(document: Document) -> Sender:
    """Return a sender. A corrupt document gives a sender that was seen long ago."""
    try:
        body = msgspec.convert(document.body, _SenderBody)
    except msgspec.ValidationError:
        body = _SenderBody(0, "")
    return Sender(decode_name(document.id), body.seen, body.key)
