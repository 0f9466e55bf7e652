"""The summaries of windows: a branch's, which can be merged, and the fleet's, a document for each counter.

Both are kept beside the standings that they derive from, and as long. A branch's are in the partition of their window.
The fleet's are in a partition of their counter, so that one scan reads a counter's windows.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from domain.fleet_summary import FleetSummary, Listed
from domain.rollups import Node
from domain.samples import Dimensions
from domain.summary import CounterSummary, Figures, GroupKey, Summary, SummaryVm
from storage.documents import Corrupt, Document
from storage.schema import STANDINGS
from storage.tables.encoded import EncodedHistograms, decode_histograms, encode_histograms
from storage.tables.ids import number
from storage.tables.split import delete_split, read_split, write_split
from storage.tables.table import Stored, Table

SUMMARY_VERSION = 1
COUNTERS_A_PART = 20


@dataclass(frozen=True, slots=True)
class Summaries(Table):
    """The summaries of windows."""

    async def read(self, branch: Node, window: int) -> Stored[Summary] | None:
        """Read a branch's summary of a window."""
        stored = await read_split(self.documents, STANDINGS, number(window), _prefix(branch))
        if stored is None:
            return None
        current = all(document.body.get("version") == SUMMARY_VERSION for document in stored.value)
        try:
            return Stored(_summary(window, stored.value), stored.etag, current)
        except Corrupt as corrupt:
            corrupt.etag = stored.etag  # of all documents, since all of them are written again
            raise

    async def below_fleet(self, window: int) -> list[Summary]:
        """Return the summaries of all branches of a window."""
        scan = self.documents.scan(STANDINGS, number(window), "b_", "b_~")
        branches: dict[str, list[Document]] = {}
        async for document in scan:
            branches.setdefault(document.id.split("_")[1], []).append(document)
        return [_summary(window, documents) for documents in branches.values()]

    async def write(self, branch: Node, window: int, summary: Summary, etag: str | None) -> None:
        """Create (etag None) or replace a branch's summary. Raises Conflict."""
        await write_split(self.documents, STANDINGS, number(window), _prefix(branch), _bodies(summary), etag)

    async def delete(self, window: int, etag: str) -> None:
        """Remove a branch's summary of a window. Raises Conflict."""
        await delete_split(self.documents, STANDINGS, number(window), etag)

    async def of_fleet(self, key: str, window: int) -> Stored[FleetSummary] | None:
        """Read a counter's summary of the fleet."""
        document = await self.documents.read(STANDINGS, _fleet(key), number(window))
        return _stored_fleet(key, document) if document else None

    async def of_fleet_between(self, key: str, first: int, last: int) -> Mapping[int, FleetSummary]:
        """Return a counter's summaries of the fleet from window ``first`` to ``last``, by window, oldest first."""
        scan = self.documents.scan(STANDINGS, _fleet(key), number(max(first, 0)), number(last + 1))
        return {int(document.id): _stored_fleet(key, document).value async for document in scan}

    async def windows_before(self, key: str, before: int) -> AsyncIterator[Stored[int]]:
        """Yield the windows before a second of which the fleet has a counter's summary, oldest first."""
        async for document in self.documents.scan(STANDINGS, _fleet(key), to_id=number(before)):
            yield Stored(int(document.id), document.etag)

    async def write_fleet(self, key: str, window: int, summary: FleetSummary, etag: str | None) -> None:
        """Create (etag None) or replace a counter's summary of the fleet. Raises Conflict."""
        await self._write(STANDINGS, _fleet(key), number(window), _fleet_body(summary), etag)

    async def delete_fleet(self, key: str, window: int, etag: str) -> None:
        """Remove a counter's summary of the fleet. Raises Conflict."""
        await self.documents.delete(STANDINGS, _fleet(key), number(window), etag)


def _prefix(branch: Node) -> str:
    return f"b_{branch.branch}"


def _fleet(key: str) -> str:
    return f"fleet_{key}"


_Entry = tuple[int, float, float]
"""A listed VM: its position in the document's list of VMs, its value, and its rank in its tenant."""

_Vm = tuple[str, str, str | None, str | None, str | None, str | None]
"""A VM: its tenant, its name, and its dimensions in the order of domain.samples.Dimensions."""


class _CounterBody(msgspec.Struct):
    sums: list[list[float]]
    numbers: list[int]
    histograms: EncodedHistograms
    worst: list[list[_Entry]]
    best: list[_Entry]
    tenants: dict[str, Figures]


class _Part(msgspec.Struct):
    groups: list[GroupKey]
    places: list[int]
    vms: list[_Vm]
    counters: dict[str, _CounterBody]


def _bodies(summary: Summary) -> dict[str, Mapping[str, Any]]:
    keys = sorted(summary.counters)
    return {
        f"{part:03d}": _part(summary, keys[at : at + COUNTERS_A_PART], first=not part)
        for part, at in enumerate(range(0, len(keys) or 1, COUNTERS_A_PART))
    }


def _part(summary: Summary, keys: Sequence[str], *, first: bool) -> Mapping[str, Any]:
    """Return a part's body. Only the first part holds the VMs."""
    counters = {
        key: _CounterBody(
            [list(total) for total in each.sums],
            list(each.numbers),
            encode_histograms(each.histograms),
            [list(entries) for entries in each.worst],
            list(each.best),
            dict(each.tenants),
        )
        for key in keys
        for each in [summary.counters[key]]
    }
    vms = [_vm(each.tenant, each.vm, each.dimensions) for each in summary.vms] if first else []
    part = _Part(list(summary.groups), list(summary.places), vms, counters)
    return {"version": SUMMARY_VERSION, **msgspec.to_builtins(part)}


def _vm(tenant: str, vm: str, of: Dimensions) -> _Vm:
    return tenant, vm, of.SiteName, of.ResourcePoolName, of.Region, of.MachineSize


def _summary(window: int, documents: Sequence[Document]) -> Summary:
    counters: dict[str, CounterSummary] = {}
    vms: list[SummaryVm] = []
    for document in documents:
        try:
            part = msgspec.convert(document.body, _Part)
            vms += [SummaryVm(tenant, vm, Dimensions(*of)) for tenant, vm, *of in part.vms]
            for key, body in part.counters.items():
                histograms = decode_histograms(body.histograms)
                counters[key] = CounterSummary(body.sums, body.numbers, histograms, body.worst, body.best, body.tenants)
        except ValueError as error:  # includes msgspec's ValidationError
            raise Corrupt(STANDINGS, number(window), document, error) from error
    return Summary(part.groups, part.places, counters, vms)


class _FleetBody(msgspec.Struct):
    groups: list[GroupKey]
    figures: list[Figures]
    listed: list[_Vm]
    worst: list[list[_Entry]]
    best: list[_Entry]
    tenants: dict[str, Figures]
    histograms: EncodedHistograms


class _Vms:
    """A document's listed VMs, each once."""

    def __init__(self) -> None:
        self.positions: dict[_Vm, int] = {}

    def entries(self, listed: Sequence[Listed]) -> list[_Entry]:
        return [(self._position(each), each.value, each.tenant_rank) for each in listed]

    def _position(self, listed: Listed) -> int:
        return self.positions.setdefault(_vm(listed.tenant, listed.vm, listed.dimensions), len(self.positions))


def _fleet_body(summary: FleetSummary) -> Mapping[str, Any]:
    vms = _Vms()
    worst = [vms.entries(listed) for listed in summary.worst]
    best = vms.entries(summary.best)
    body = _FleetBody(
        list(summary.groups),
        list(summary.figures),
        list(vms.positions),
        worst,
        best,
        dict(summary.tenants),
        encode_histograms(summary.histograms),
    )
    return {"version": SUMMARY_VERSION, **msgspec.to_builtins(body)}


def _stored_fleet(key: str, document: Document) -> Stored[FleetSummary]:
    try:
        body = msgspec.convert(document.body, _FleetBody)
        vms = [SummaryVm(tenant, vm, Dimensions(*of)) for tenant, vm, *of in body.listed]
        value = FleetSummary(
            body.groups,
            body.figures,
            decode_histograms(body.histograms),
            [_listed(entries, vms) for entries in body.worst],
            _listed(body.best, vms),
            body.tenants,
        )
    except (ValueError, IndexError) as error:  # includes msgspec's ValidationError
        raise Corrupt(STANDINGS, _fleet(key), document, error) from error
    return Stored(value, document.etag, document.body.get("version") == SUMMARY_VERSION)


def _listed(entries: Sequence[_Entry], vms: Sequence[SummaryVm]) -> list[Listed]:
    return [Listed(*vms[at], value, rank) for at, value, rank in entries]
