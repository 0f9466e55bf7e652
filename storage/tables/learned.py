"""All that was learned of a tenant: its digests, baselines, forecasts, habits and so on. For who removes them."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from domain.digests import Whose
from domain.names import decode_name
from storage.documents import Document
from storage.schema import STANDINGS
from storage.tables.baselines import ZONE
from storage.tables.digests import UTC, partition_of
from storage.tables.forecasts import is_head
from storage.tables.rows import without
from storage.tables.table import Table


@dataclass(frozen=True, slots=True)
class LearnedDocument:
    """A document, and the local day that it is of, or the first of its days: None if it is of no day."""

    document: Document
    zone: str | None
    day: date | None

    def without(self, vm: str) -> Mapping[str, Any] | None:
        """Return its body without a VM; None: it holds nothing else, or can't be read, so that nobody knows."""
        if self.document.id == ZONE or is_head(self.document.id):
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
            day = next((day for text in (*rest[1:2], document.body.get("first")) if (day := _day(text))), None)
            yield LearnedDocument(document, None if zone == UTC else zone, day)

    async def write(self, tenant: str | None, learned: LearnedDocument, body: Mapping[str, Any]) -> None:
        """Replace a document. Raises Conflict."""
        await self._write(STANDINGS, partition_of(tenant), learned.document.id, body, learned.document.etag)

    async def delete(self, tenant: str | None, learned: LearnedDocument) -> None:
        """Remove a document. Raises Conflict."""
        document = learned.document
        await self.documents.delete(STANDINGS, partition_of(tenant), document.id, document.etag)


def _day(text: object) -> date | None:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        return None
