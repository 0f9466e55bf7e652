"""Senders: who still sends what is not signed with an enrolled key. Kept in the quarantine, as long as what is refused.

A message's own word is all that is known of who sent it, so this says in whose name somebody sends, and no more.
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
    """In whose name (a masked one) a message came that proves nothing: when, to the quarter of an hour.

    ``key`` is the id of the key that it says it is signed with, which is not enrolled; empty: it is not signed.
    """

    tenant: str
    seen: int
    key: str = ""


class Senders:
    """Who still sends what is not signed with an enrolled key."""

    def __init__(self, documents: Documents) -> None:
        """Nothing is written yet."""
        self._documents = documents
        self._written: set[Sender] = set()

    async def note(self, tenant: str, second: int, key: str) -> None:
        """Write down that such a message came, unless that is known for this quarter of an hour. Raises Unavailable."""
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
        """Return who sends so in a tenant's name."""
        document = await self._documents.read(QUARANTINE, _SENDERS, encode_name(tenant))
        return _sender(document) if document else None

    async def all(self) -> AsyncIterator[Sender]:
        """Yield them, in the order of their encoded names."""
        async for document in self._documents.scan(QUARANTINE, _SENDERS):
            yield _sender(document)

    async def forget(self, tenant: str) -> None:
        """Forget who sends in a tenant's name. What comes later is written down again."""
        if document := await self._documents.read(QUARANTINE, _SENDERS, encode_name(tenant)):
            with suppress(Conflict):  # written again meanwhile
                await self._documents.delete(QUARANTINE, _SENDERS, document.id, document.etag)
        self._written = {each for each in self._written if each.tenant != tenant}


class _SenderBody(msgspec.Struct):
    seen: int
    key: str


def _sender(document: Document) -> Sender:
    """Return a sender; of a corrupt document, one that was seen long ago."""
    try:
        body = msgspec.convert(document.body, _SenderBody)
    except msgspec.ValidationError:
        body = _SenderBody(0, "")
    return Sender(decode_name(document.id), body.seen, body.key)
