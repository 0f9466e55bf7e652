"""The catalogue table: the counters, tenants and VMs that have been averaged, and each tenant's list of counters."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from domain.names import decode_name, encode_name
from domain.samples import Dimensions
from storage.documents import Document
from storage.schema import CATALOGUE
from storage.tables.table import Stored, Table

COUNTERS = "counters"
TENANTS = "tenants"
_COUNTERS_OF = "tenants' counters"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the catalogue: a counter, tenant or VM that has been averaged, and its newest minute.

    For a VM, ``dimensions`` are set and ``newest`` may be up to six hours behind (pipeline.averaging says why).
    """

    name: str
    newest: int
    dimensions: Dimensions | None = None


@dataclass(frozen=True, slots=True)
class Catalogue(Table):
    """The catalogue."""

    async def entry(self, kind: str, name: str) -> Stored[Entry] | None:
        """Read one entry. ``kind`` is COUNTERS, TENANTS or vms_of(tenant)."""
        document = await self.documents.read(CATALOGUE, kind, encode_name(name))
        return _entry(document) if document else None

    async def entries(self, kind: str, among: Iterable[str] | None = None) -> dict[str, Stored[Entry]]:
        """Return a kind's entries by name, in the order of their ids. ``among`` limits them to a range of names.

        The range goes from the first to the last of these names and may hold other names too.
        """
        if among is None:
            scan = self.documents.scan(CATALOGUE, kind)
        elif wanted := {encode_name(name) for name in among}:
            scan = self.documents.scan(CATALOGUE, kind, min(wanted), max(wanted) + "-")
        else:
            return {}
        entries = [_entry(document) async for document in scan]
        return {entry.value.name: entry for entry in entries}

    async def counters_of(self, tenant: str) -> Stored[dict[str, int]] | None:
        """Read the counters of a tenant, each with its newest minute (up to six hours behind)."""
        document = await self.documents.read(CATALOGUE, _COUNTERS_OF, encode_name(tenant))
        return Stored(_counters(document), document.etag) if document else None

    async def write_counters_of(self, tenant: str, counters: Mapping[str, int], etag: str | None) -> None:
        """Create (etag None) or replace the counters of a tenant. Raises Conflict."""
        await self._write(CATALOGUE, _COUNTERS_OF, encode_name(tenant), {"counters": counters}, etag)

    async def write_entry(self, kind: str, entry: Entry, etag: str | None) -> None:
        """Create (etag None) or replace an entry. Raises Conflict."""
        body: dict[str, Any] = {"newest": entry.newest}
        if entry.dimensions:
            body["dimensions"] = asdict(entry.dimensions)
        await self._write(CATALOGUE, kind, encode_name(entry.name), body, etag)

    async def delete_entry(self, kind: str, name: str, etag: str) -> None:
        """Remove an entry. Raises Conflict."""
        await self.documents.delete(CATALOGUE, kind, encode_name(name), etag)

    async def delete_counters_of(self, tenant: str, etag: str) -> None:
        """Remove the counters of a tenant. Raises Conflict."""
        await self.documents.delete(CATALOGUE, _COUNTERS_OF, encode_name(tenant), etag)


def vms_of(tenant: str) -> str:
    """Return the catalogue's kind for the VMs of a tenant."""
    return f"vms_{encode_name(tenant)}"


class _EntryBody(msgspec.Struct):
    newest: int = 0
    dimensions: Dimensions | None = None


class _CountersBody(msgspec.Struct):
    counters: dict[str, int]


def _entry(document: Document) -> Stored[Entry]:
    """Return an entry. A corrupt one counts as not averaged yet, so that averaging writes it again."""
    try:
        body = msgspec.convert(document.body, _EntryBody)
    except msgspec.ValidationError:
        body = _EntryBody()
    return Stored(Entry(decode_name(document.id), body.newest, body.dimensions), document.etag)


def _counters(document: Document) -> dict[str, int]:
    """Return a tenant's counters. A corrupt list counts as empty, so that averaging writes it again."""
    try:
        return msgspec.convert(document.body, _CountersBody).counters
    except msgspec.ValidationError:
        return {}
