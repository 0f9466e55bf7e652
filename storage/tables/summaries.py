"""The summaries of windows: a branch's, which can be merged, and the fleet's, a document for each counter.

Both are kept beside the standings that they derive from, and as long. A branch's are in the partition of their window.
The fleet's are in a partition of their counter, so that one scan reads a counter's windows.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from domain.fleet_summary import FleetFigures, FleetSummary, Listed
from domain.rollups import Node
from domain.summary import CounterSummary, Entry, Figures, GroupKey, Summary, SummaryVm
from storage.documents import Corrupt, Document
from storage.schema import STANDINGS
from storage.tables.encoded import EncodedHistograms, decode_histograms, encode_histograms
from storage.tables.ids import number
from storage.tables.listed import (
    EncodedFigures,
    EncodedLists,
    EncodedVms,
    decode_figures,
    decode_lists,
    decode_vms,
    encode_figures,
    encode_lists,
    encode_vms,
)
from storage.tables.split import delete_split, in_parts, read_split, write_split
from storage.tables.table import Stored, Table

SUMMARY_VERSION = 1
VMS_A_PART = 1000


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

    async def figures_between(
        self, key: str, first: int, last: int, *, tenants: bool = True
    ) -> Mapping[int, FleetFigures]:
        """Return only the figures of a counter's summaries of the fleet, perhaps without those of tenants.

        From window ``first`` to ``last``, by window, oldest first. Much faster than of_fleet_between.
        """
        scan = self.documents.scan(STANDINGS, _fleet(key), number(max(first, 0)), number(last + 1))
        return {int(document.id): _fleet_figures(key, document, tenants=tenants) async for document in scan}

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


class _CounterBody(msgspec.Struct):
    sums: list[list[float]]
    numbers: list[int]
    histograms: EncodedHistograms
    lists: EncodedLists
    """Of the VMs at the worse end, by group, and of those at the other end."""
    tenants: EncodedFigures


class _Part(msgspec.Struct):
    """A part of a summary: some of its VMs, and some of its counters."""

    groups: list[GroupKey]
    places: list[int]
    vms: list[EncodedVms]
    counters: dict[str, _CounterBody]


def _bodies(summary: Summary) -> dict[str, Mapping[str, Any]]:
    vms = {f"{at:09d}": encode_vms(summary.vms[at : at + VMS_A_PART]) for at in range(0, len(summary.vms), VMS_A_PART)}
    counters = {key: _counter_body(summary.counters[key]) for key in sorted(summary.counters)}
    sizes = {key: len(key) + len(msgspec.json.encode(each)) for key, each in (*vms.items(), *counters.items())}
    return {
        f"{place:04d}": {
            "version": SUMMARY_VERSION,
            **msgspec.to_builtins(
                _Part(
                    list(summary.groups),
                    list(summary.places),
                    [vms[key] for key in part if key in vms],
                    {key: counters[key] for key in part if key in counters},
                )
            ),
        }
        for place, part in enumerate(in_parts(sizes))
    }


def _counter_body(of: CounterSummary) -> _CounterBody:
    return _CounterBody(
        [list(total) for total in of.sums],
        list(of.numbers),
        encode_histograms(of.histograms),
        encode_lists([*of.worst, of.best]),
        encode_figures(of.tenants),
    )


def _summary(window: int, documents: Sequence[Document]) -> Summary:
    counters: dict[str, CounterSummary] = {}
    vms: list[SummaryVm] = []
    for document in documents:
        try:
            part = msgspec.convert(document.body, _Part)
            vms += (vm for some in part.vms for vm in decode_vms(some))
            for key, body in part.counters.items():
                *worst, best = decode_lists(body.lists)
                histograms, tenants = decode_histograms(body.histograms), decode_figures(body.tenants)
                counters[key] = CounterSummary(body.sums, body.numbers, histograms, worst, best, tenants)
        except (ValueError, IndexError) as error:  # includes msgspec's ValidationError
            raise Corrupt(STANDINGS, number(window), document, error) from error
    return Summary(part.groups, part.places, counters, vms)


class _FiguresBody(msgspec.Struct):
    groups: list[GroupKey]
    figures: list[Figures]
    tenants: EncodedFigures


class _FleetBody(_FiguresBody):
    listed: EncodedVms
    lists: EncodedLists
    """Of the VMs at the worse end, by group, and of those at the other end."""
    histograms: EncodedHistograms


def _fleet_body(summary: FleetSummary) -> Mapping[str, Any]:
    positions: dict[tuple[str, str], int] = {}
    vms: list[SummaryVm] = []

    def position(of: Listed) -> int:
        at = positions.setdefault((of.tenant, of.vm), len(vms))
        if at == len(vms):
            vms.append(SummaryVm(of.tenant, of.vm, of.dimensions))
        return at

    lists = [[(position(of), of.value, of.tenant_rank) for of in each] for each in (*summary.worst, summary.best)]
    body = _FleetBody(
        list(summary.groups),
        list(summary.figures),
        encode_figures(summary.tenants),
        encode_vms(vms),
        encode_lists(lists),
        encode_histograms(summary.histograms),
    )
    return {"version": SUMMARY_VERSION, **msgspec.to_builtins(body)}


def _fleet_figures(key: str, document: Document, *, tenants: bool) -> FleetFigures:
    try:
        body = msgspec.convert(document.body, _FiguresBody)
        return FleetFigures(body.groups, body.figures, decode_figures(body.tenants) if tenants else {})
    except ValueError as error:  # includes msgspec's ValidationError
        raise Corrupt(STANDINGS, _fleet(key), document, error) from error


def _stored_fleet(key: str, document: Document) -> Stored[FleetSummary]:
    try:
        body = msgspec.convert(document.body, _FleetBody)
        vms = decode_vms(body.listed)
        *worst, best = ([_listed(entry, vms) for entry in entries] for entries in decode_lists(body.lists))
        value = FleetSummary(
            body.groups,
            body.figures,
            decode_figures(body.tenants),
            decode_histograms(body.histograms),
            worst,
            best,
        )
    except (ValueError, IndexError) as error:  # includes msgspec's ValidationError
        raise Corrupt(STANDINGS, _fleet(key), document, error) from error
    return Stored(value, document.etag, document.body.get("version") == SUMMARY_VERSION)


def _listed(entry: Entry, vms: Sequence[SummaryVm]) -> Listed:
    at, value, tenant_rank = entry
    return Listed(*vms[at], value, tenant_rank)
