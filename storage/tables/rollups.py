"""The rollups table. A partition holds a window's rollups: one document for each tenant and each branch of tenants."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import msgspec

from domain.minutes import MINUTES_PER_WINDOW
from domain.names import encode_name
from domain.partials import Partial
from domain.rollups import FLEET, Node, Placed, Rollup, Series
from storage.documents import Corrupt, Document
from storage.schema import ROLLUPS
from storage.tables.ids import number
from storage.tables.table import Stored, Table

ROLLUP_VERSION = 5
"""The version of the rollups' format. It is raised when their content or encoding changes; a rebuild then rewrites old
rollups. A rollup stores each counter's place and series as a string of JSON, so a reader of one counter does not parse
forty. Before version 5, partials did not say which samples are of enrolled tenants, so they count no such tenants."""


@dataclass(frozen=True, slots=True)
class Rollups(Table):
    """The rollups, and for each window whether any of its data have arrived."""

    async def read(self, node: Node, window: int) -> Stored[Rollup] | None:
        """Read a node's rollup of a window."""
        document = await self.documents.read(ROLLUPS, number(window), _node_id(node))
        if document is None:
            return None
        return Stored(_rollup(window, document), document.etag, document.body.get("version") == ROLLUP_VERSION)

    async def partials(self, node: Node, window: int, keys: Collection[str]) -> Mapping[str, Series]:
        """Read the series of some counters from a node's rollup of a window. Counters that it lacks are left out."""
        document = await self.documents.read(ROLLUPS, number(window), _node_id(node))
        rollup = _rollup(window, document, keys) if document else {}
        return {key: placed.series for key, placed in rollup.items()}

    async def below(self, branch: Node, window: int) -> list[Rollup]:
        """Return the rollups that are merged into the rollup of a branch or of the fleet, in the order of their ids."""
        prefix = f"{len(branch.branch) + 1}_{branch.branch}"
        scan = self.documents.scan(ROLLUPS, number(window), prefix, prefix + "~")
        return [_rollup(window, document) async for document in scan]

    async def write(self, node: Node, window: int, rollup: Rollup, etag: str | None) -> None:
        """Create (etag None) or replace a rollup. Raises Conflict."""
        texts = {key: msgspec.json.encode(placed).decode() for key, placed in rollup.items()}
        body = {"version": ROLLUP_VERSION, "series": texts}
        await self._write(ROLLUPS, number(window), _node_id(node), body, etag)

    async def delete(self, node: Node, window: int, etag: str) -> None:
        """Remove a rollup that no longer has samples. Raises Conflict."""
        await self.documents.delete(ROLLUPS, number(window), _node_id(node), etag)

    async def has_begun(self, window: int) -> bool:
        """Tell whether any data of a window have arrived (see begin)."""
        return await self.documents.read(ROLLUPS, number(window), _node_id(FLEET)) is not None

    async def begin(self, window: int) -> None:
        """Record that data of a window have arrived. The record expires with the window's rollups."""
        await self.documents.upsert(ROLLUPS, number(window), _node_id(FLEET), {})


def _node_id(node: Node) -> str:
    """Return a node's id. It begins with the level, so that the nodes below a branch are a range of ids."""
    if node.tenant is None:
        return f"{len(node.branch)}_{node.branch}"
    return f"{len(node.branch) + 1}_{node.branch}_{encode_name(node.tenant)}"


_Series = Annotated[list[Partial | None], msgspec.Meta(min_length=MINUTES_PER_WINDOW, max_length=MINUTES_PER_WINDOW)]


class _Placed(NamedTuple):
    place: int
    series: _Series


_PLACED = msgspec.json.Decoder(_Placed)
_SERIES = msgspec.json.Decoder(_Series)


class _RollupBody(msgspec.Struct):
    series: dict[str, Any]


def _rollup(window: int, document: Document, keys: Collection[str] | None = None) -> Rollup:
    """Return a rollup, or only the given counters of it. Counters that it lacks are left out."""
    try:
        series = msgspec.convert(document.body, _RollupBody).series
        return {key: _placed(series[key]) for key in (series if keys is None else keys) if key in series}
    except msgspec.MsgspecError as error:
        raise Corrupt(ROLLUPS, number(window), document, error) from error


def _placed(stored: Any) -> Placed:
    if not isinstance(stored, str):  # before version 3 it was not a string
        return Placed(0, msgspec.convert(stored, _Series))
    if not stored[1:2].isdigit():  # before version 4 it had no place
        return Placed(0, _SERIES.decode(stored))
    return Placed(*_PLACED.decode(stored))
