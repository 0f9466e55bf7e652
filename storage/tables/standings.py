"""The standings table: each tenant's standings of a window. A partition holds all standings and summaries of a window.

A tenant's standings are split into blocks of VMs and of counters, so that no document is too large. A document holds
the VMs of its block, its counters, and their columns, one after the other, as one text (storage.tables.arrays).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec

from domain.names import decode_name, encode_name
from domain.rollups import Node
from domain.standings import Standings, StandingVm
from domain.summary import SummaryVm
from storage.documents import Corrupt, Document
from storage.schema import STANDINGS
from storage.tables.arrays import doubles_of, text_of_doubles
from storage.tables.ids import number
from storage.tables.listed import EncodedVms, dimensions_of, encode_vms, names_of
from storage.tables.split import delete_split, read_split, write_split
from storage.tables.table import Stored, Table

if TYPE_CHECKING:
    from domain.buckets import Floats

STANDINGS_VERSION = 1
VMS_A_BLOCK = 400
COUNTERS_A_BLOCK = 100
"""A block of so many VMs and counters has at most half a megabyte of values."""


@dataclass(frozen=True, slots=True)
class StandingsTable(Table):
    """The tenants' standings."""

    async def read(self, tenant: str, window: int, keys: Collection[str] | None = None) -> Stored[Standings] | None:
        """Read a tenant's standings of a window, all or only the columns of some counters."""
        stored = await read_split(self.documents, STANDINGS, number(window), _prefix(Node.of(tenant)), "0000.000")
        if stored is None:
            return None
        current = all(document.body.get("version") == STANDINGS_VERSION for document in stored.value)
        try:
            return Stored(_standings(window, stored.value, keys), stored.etag, current)
        except Corrupt as corrupt:
            corrupt.etag = stored.etag  # of all documents, since all of them are written again
            raise

    async def below(self, branch: Node, window: int) -> dict[str, Standings]:
        """Return the standings of all tenants of a branch, by tenant."""
        found: dict[str, Standings] = {}
        prefix = f"s_{branch.branch}"
        scan = self.documents.scan(STANDINGS, number(window), prefix, prefix + "~")
        documents = [document async for document in scan]
        for tenant, blocks in groupby(documents, lambda document: decode_name(document.id.split("_")[2])):
            found[tenant] = _standings(window, list(blocks), None)
        return found

    async def tenants(self, window: int) -> list[str]:
        """Return the tenants that have standings of a window."""
        scan = self.documents.scan(STANDINGS, number(window), "s_", "s_~")
        return sorted({decode_name(document.id.split("_")[2]) async for document in scan})

    async def write(self, tenant: str, window: int, standings: Standings, etag: str | None) -> None:
        """Create (etag None) or replace a tenant's standings. Raises Conflict."""
        prefix = _prefix(Node.of(tenant))
        await write_split(self.documents, STANDINGS, number(window), prefix, _bodies(tenant, standings), etag)

    async def delete(self, window: int, etag: str) -> None:
        """Remove a tenant's standings of a window. Raises Conflict."""
        await delete_split(self.documents, STANDINGS, number(window), etag)


def _prefix(node: Node) -> str:
    return f"s_{node.branch}_{encode_name(node.tenant or '')}"


def _bodies(tenant: str, standings: Standings) -> dict[str, dict[str, Any]]:
    import numpy as np  # noqa: PLC0415

    keys = sorted(standings.columns)
    return {
        f"{block:04d}.{group:03d}": {
            "version": STANDINGS_VERSION,
            "vms": msgspec.to_builtins(vms),
            "newest": [vm.newest for vm in some_vms],
            "keys": some,
            "columns": text_of_doubles(np.array([standings.columns[key][first : first + VMS_A_BLOCK] for key in some])),
        }
        for block, first in enumerate(range(0, len(standings.vms), VMS_A_BLOCK))
        for some_vms in [standings.vms[first : first + VMS_A_BLOCK]]
        for vms in [encode_vms([SummaryVm(tenant, vm.vm, vm.dimensions) for vm in some_vms])]
        for group, at in enumerate(range(0, len(keys) or 1, COUNTERS_A_BLOCK))
        for some in [keys[at : at + COUNTERS_A_BLOCK]]
    }


class _Body(msgspec.Struct):
    vms: EncodedVms
    newest: list[int]
    keys: list[str]
    columns: str


def _standings(window: int, documents: Sequence[Document], keys: Collection[str] | None) -> Standings:
    """Return the standings of a tenant's documents. A counter that a block of VMs lacks is NaN there."""
    import numpy as np  # noqa: PLC0415

    vms: list[StandingVm] = []
    blocks: list[tuple[int, Mapping[str, Floats]]] = []
    for _, of_block in groupby(documents, lambda document: document.id.rpartition("_")[2].partition(".")[0]):
        columns: dict[str, Floats] = {}
        block: list[StandingVm] = []
        for document in of_block:
            try:
                body = msgspec.convert(document.body, _Body)
                if len(body.newest) != len(body.vms.vms):
                    raise ValueError("there is not one newest minute of each VM")
                block = list(map(StandingVm, names_of(body.vms), body.newest, dimensions_of(body.vms)))
                found = doubles_of(body.columns).reshape(len(body.keys), len(block))
                columns.update((key, found[at]) for at, key in enumerate(body.keys) if keys is None or key in keys)
            except (ValueError, IndexError) as error:  # includes msgspec's ValidationError
                raise Corrupt(STANDINGS, number(window), document, error) from error
        vms += block
        blocks.append((len(block), columns))
    names = sorted({key for _, columns in blocks for key in columns})
    return Standings(
        vms,
        {key: np.concatenate([columns.get(key, np.full(size, np.nan)) for size, columns in blocks]) for key in names},
    )
