"""The histograms of minutes: a tenant's and a branch's of a window, and the fleet's by counter.

A tenant's and a branch's are kept beside their rollups, as long, in the same partition: the window's. They are split
by counters, so that no document is too large. The fleet's are kept beside the report's rows, in the counter's
partition, so that one scan reads a counter's windows.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from domain.histogram import Histograms
from domain.minute_histograms import ByCounter
from domain.names import encode_name
from domain.rollups import Node
from storage.documents import Corrupt, Document
from storage.schema import REPORT, ROLLUPS
from storage.tables.encoded import EncodedHistograms, decode_histograms, encode_histograms
from storage.tables.ids import number
from storage.tables.split import delete_split, in_parts, read_split, write_split
from storage.tables.table import Stored, Table

HISTOGRAMS_VERSION = 1

_FLEET = "histograms_"
"""Sorts after the seconds that report rows have as ids."""


@dataclass(frozen=True, slots=True)
class HistogramsTable(Table):
    """The histograms of minutes."""

    async def read(self, node: Node, window: int, keys: Collection[str] | None = None) -> Stored[ByCounter] | None:
        """Read a tenant's or a branch's histograms of a window, all or only those of some counters."""
        stored = await read_split(self.documents, ROLLUPS, number(window), _prefix(node))
        if stored is None:
            return None
        current = all(document.body.get("version") == HISTOGRAMS_VERSION for document in stored.value)
        try:
            return Stored(_by_counter(window, stored.value, keys), stored.etag, current)
        except Corrupt as corrupt:
            corrupt.etag = stored.etag  # of all documents, since all of them are written again
            raise

    async def below(self, branch: Node, window: int) -> list[ByCounter]:
        """Return the histograms that are merged into those of a branch (of its tenants) or the fleet (of branches)."""
        prefix = "hb_" if not branch.branch else f"ht_{branch.branch}"
        scan = self.documents.scan(ROLLUPS, number(window), prefix, prefix + "~")
        return [_by_counter(window, [document], None) async for document in scan]

    async def write(self, node: Node, window: int, histograms: ByCounter, etag: str | None) -> None:
        """Create (etag None) or replace a tenant's or a branch's histograms. Raises Conflict."""
        texts = {key: msgspec.json.encode(encode_histograms(histograms[key])).decode() for key in sorted(histograms)}
        parts = in_parts({key: len(key) + len(text) for key, text in texts.items()})
        bodies = {
            f"{number:04d}": {"version": HISTOGRAMS_VERSION, "minutes": {key: texts[key] for key in part}}
            for number, part in enumerate(parts)
        }
        await write_split(self.documents, ROLLUPS, number(window), _prefix(node), bodies, etag)

    async def delete(self, window: int, etag: str) -> None:
        """Remove a tenant's or a branch's histograms of a window. Raises Conflict."""
        await delete_split(self.documents, ROLLUPS, number(window), etag)

    async def of_fleet(self, key: str, window: int) -> Stored[Histograms] | None:
        """Read the fleet's histograms of a counter and a window."""
        document = await self.documents.read(REPORT, key, _fleet_id(window))
        return _of_fleet(key, document) if document else None

    async def of_fleet_between(self, key: str, first: int, last: int) -> Mapping[int, Histograms]:
        """Return the fleet's histograms of a counter from window ``first`` to ``last``, by window, oldest first."""
        scan = self.documents.scan(REPORT, key, _fleet_id(max(first, 0)), _fleet_id(last + 1))
        return {int(document.id.removeprefix(_FLEET)): _of_fleet(key, document).value async for document in scan}

    async def windows_before(self, key: str, before: int) -> AsyncIterator[Stored[int]]:
        """Yield the windows before a second of which the fleet has a counter's histograms, oldest first."""
        async for document in self.documents.scan(REPORT, key, _FLEET, _fleet_id(before)):
            yield Stored(int(document.id.removeprefix(_FLEET)), document.etag)

    async def write_fleet(self, key: str, window: int, histograms: Histograms, etag: str | None) -> None:
        """Create (etag None) or replace the fleet's histograms of a counter and a window. Raises Conflict."""
        body = {"version": HISTOGRAMS_VERSION, "minutes": msgspec.to_builtins(encode_histograms(histograms))}
        await self._write(REPORT, key, _fleet_id(window), body, etag)

    async def delete_fleet(self, key: str, window: int, etag: str) -> None:
        """Remove the fleet's histograms of a counter and a window. Raises Conflict."""
        await self.documents.delete(REPORT, key, _fleet_id(window), etag)


def _prefix(node: Node) -> str:
    return f"ht_{node.branch}_{encode_name(node.tenant)}" if node.tenant is not None else f"hb_{node.branch}"


def _fleet_id(second: int) -> str:
    return _FLEET + number(second)


class _Body(msgspec.Struct):
    minutes: dict[str, str]


class _FleetBody(msgspec.Struct):
    minutes: EncodedHistograms


_DECODER = msgspec.json.Decoder(EncodedHistograms)


def _by_counter(window: int, documents: Sequence[Document], keys: Collection[str] | None) -> dict[str, Histograms]:
    found: dict[str, Histograms] = {}
    for document in documents:
        try:
            for key, text in msgspec.convert(document.body, _Body).minutes.items():
                if keys is None or key in keys:
                    found[key] = decode_histograms(_DECODER.decode(text))
        except ValueError as error:  # includes msgspec's errors
            raise Corrupt(ROLLUPS, number(window), document, error) from error
    return found


def _of_fleet(key: str, document: Document) -> Stored[Histograms]:
    try:
        histograms = decode_histograms(msgspec.convert(document.body, _FleetBody).minutes)
    except ValueError as error:  # includes msgspec's ValidationError
        raise Corrupt(REPORT, key, document, error) from error
    return Stored(histograms, document.etag, document.body.get("version") == HISTOGRAMS_VERSION)
