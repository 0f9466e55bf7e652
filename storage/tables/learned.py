"""All that was learned of a tenant: digests, use days, baselines, forecasts, habits, the zone. For who removes it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from domain.digests import Whose
from domain.names import decode_name
from storage.documents import Document
from storage.schema import STANDINGS
from storage.tables.digests import UTC, partition_of
from storage.tables.rows import without
from storage.tables.table import Table


@dataclass(frozen=True, slots=True)
class LearnedDocument:
    """A document, and the local day that it is of, or the first of its days; None: it holds nothing of past days.

    ``rows``: whether it has rows of VMs, or should have.
    """

    document: Document
    zone: str | None
    day: date | None
    rows: bool

    def without(self, vm: str) -> Mapping[str, Any] | None:
        """Return its body without a VM; None: it holds nothing else, or can't be read, so that nobody knows."""
        if not self.rows:
            return self.document.body
        try:
            left = without(self.document.body, Whose("vm", vm))
        except ValueError:  # includes msgspec's ValidationError
            return None
        return left and {**self.document.body, **left}


@dataclass(frozen=True, slots=True)
class Learned(Table):
    """What was learned. ``tenant`` is None for the fleet."""

    async def of(self, tenant: str | None) -> AsyncIterator[LearnedDocument]:
        """Yield all documents."""
        async for document in self.documents.scan(STANDINGS, partition_of(tenant)):
            _, *rest = document.id.split("_")
            zone = decode_name(rest[0]) if rest else UTC
            of = _day(*rest[1:2])
            day, rows = of or _day(document.body.get("first")), of is not None or "of" in document.body
            yield LearnedDocument(document, None if zone == UTC else zone, day, rows)

    async def write(self, tenant: str | None, learned: LearnedDocument, body: Mapping[str, Any]) -> None:
        """Replace a document. Raises Conflict."""
        await self._write(STANDINGS, partition_of(tenant), learned.document.id, body, learned.document.etag)

    async def delete(self, tenant: str | None, learned: LearnedDocument) -> None:
        """Remove a document. Raises Conflict."""
        document = learned.document
        await self.documents.delete(STANDINGS, partition_of(tenant), document.id, document.etag)


def _day(text: object = None) -> date | None:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        return None
