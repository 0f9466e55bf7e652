"""Heartbeats: the newest one of each tenant's SPOC, one document per tenant.

They are kept in the catalogue, as long as the names there.
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from domain.heartbeat import Heartbeat
from domain.minutes import WINDOW
from domain.names import decode_name, encode_name
from storage.documents import Conflict, Document, Documents
from storage.schema import CATALOGUE

EVERY = WINDOW - 60
"""A tenant's heartbeat is written at most once in so many seconds: once in a quarter of an hour, more or less."""

MOST_REMEMBERED = 10_000
_HEARTBEATS = "heartbeats"


@dataclass(frozen=True, slots=True)
class Heard:
    """A heartbeat, and when it came, in Unix seconds of our clock."""

    beat: Heartbeat
    received: int

    @property
    def order(self) -> int:
        """What the newest of a tenant's heartbeats is chosen by: when it was sent, but never later than it came.

        So one that says it comes from the future is not kept in place of those that follow.
        """
        return min(self.beat.sent, self.received)


class Heartbeats:
    """The newest heartbeats."""

    def __init__(self, documents: Documents) -> None:
        """Start with no record of earlier writes."""
        self._documents = documents
        self._written: dict[str, int] = {}

    async def note(self, tenant: str, heard: Heard) -> None:
        """Keep a tenant's heartbeat if it is newer than the one that is kept, by EVERY seconds. Raises Unavailable."""
        if heard.order < self._written.get(tenant, -EVERY) + EVERY:
            return
        place = encode_name(tenant)
        document = await self._documents.read(CATALOGUE, _HEARTBEATS, place)
        known = _heard(document) if document else None
        if known and heard.order < known.order + EVERY:
            self._remember(tenant, known.order)
            return
        body = {"received": heard.received, "beat": msgspec.to_builtins(heard.beat)}
        with suppress(Conflict):  # another process has just written one
            if document is None:
                await self._documents.create(CATALOGUE, _HEARTBEATS, place, body)
            else:
                await self._documents.replace(CATALOGUE, _HEARTBEATS, place, body, document.etag)
        self._remember(tenant, heard.order)

    def _remember(self, tenant: str, order: int) -> None:
        if len(self._written) >= MOST_REMEMBERED:
            self._written.clear()
        self._written[tenant] = order

    async def of(self, tenant: str) -> Heard | None:
        """Return a tenant's newest heartbeat. A corrupt document counts as none."""
        document = await self._documents.read(CATALOGUE, _HEARTBEATS, encode_name(tenant))
        return _heard(document) if document else None

    async def all(self) -> AsyncIterator[tuple[str, Heard]]:
        """Yield the tenants and their newest heartbeats, in the order of their encoded names."""
        async for document in self._documents.scan(CATALOGUE, _HEARTBEATS):
            if heard := _heard(document):
                yield decode_name(document.id), heard

    async def forget(self, tenant: str) -> None:
        """Forget a tenant's heartbeat. Later ones are kept again."""
        if document := await self._documents.read(CATALOGUE, _HEARTBEATS, encode_name(tenant)):
            with suppress(Conflict):  # written again meanwhile
                await self._documents.delete(CATALOGUE, _HEARTBEATS, document.id, document.etag)
        self._written.pop(tenant, None)


class _Body(msgspec.Struct):
    received: int
    beat: Heartbeat


def _heard(document: Document) -> Heard | None:
    try:
        body = msgspec.convert(document.body, _Body)
    except msgspec.ValidationError:
        return None
    return Heard(body.beat, body.received)
