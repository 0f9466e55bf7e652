"""What was found unusual in windows, of tenants and of the fleet. It is kept as long as standings, in their partition.

The first document of a tenant's window holds the counts and the first deviations; further deviations have documents of
their own.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from domain.always import Always
from domain.digests import Series, Whose
from domain.judged import Count, Counts, Deviation, Finding, Judged, Middle
from domain.minutes import WINDOW
from domain.named_series import NamedSeries
from domain.names import decode_name, encode_name
from domain.rollups import Node
from domain.summary import SummaryVm
from storage.documents import Corrupt, Document
from storage.schema import STANDINGS
from storage.tables.arrays import array_of, bytes_of, doubles_of, planes_of, text_of, text_of_doubles
from storage.tables.ids import number
from storage.tables.listed import EncodedVms, decode_vms, encode_vms
from storage.tables.rows import parts_of, rows_of
from storage.tables.split import delete_split, read_split, write_split
from storage.tables.table import Stored, Table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from domain.buckets import Floats

JUDGED_VERSION = 1

_NUMBERS = 8
"""The numbers of a deviation: those of Deviation, and how many windows ago it began."""

_SCORE = Deviation._fields.index("score") - Deviation._fields.index("value")

_COUNTS = "<u4"
_FLEET = "judged"
_FIRST = "0000"


@dataclass(frozen=True, slots=True)
class JudgedTable(Table):
    """What was found in windows. ``tenant`` is None for the fleet."""

    async def read(self, tenant: str | None, window: int) -> Stored[Judged] | None:
        """Read what was found. Raises Corrupt."""
        return await self._read(tenant, window, _judged)

    async def lasting(self, tenant: str | None, window: int) -> Judged | None:
        """Return what was found, with those deviations only that lasted. Raises Corrupt."""
        stored = await self._read(tenant, window, partial(_judged, some=_lasting))
        return stored.value if stored else None

    async def of_vm(self, tenant: str | None, window: int, vm: str) -> Judged | None:
        """Return what was found, with the deviations of a VM only, and no other VM's dimensions. Raises Corrupt."""
        stored = await self._read(tenant, window, partial(_judged, some=partial(_of_one, Whose("vm", vm)), vm=vm))
        return stored.value if stored else None

    async def _read(
        self, tenant: str | None, window: int, judged: Callable[[int, Sequence[Document]], Judged]
    ) -> Stored[Judged] | None:
        stored = await read_split(self.documents, STANDINGS, number(window), _prefix(tenant), _FIRST)
        if stored is None:
            return None
        current = all(document.body.get("version") == JUDGED_VERSION for document in stored.value)
        try:
            return Stored(judged(window, stored.value), stored.etag, current)
        except Corrupt as corrupt:
            corrupt.etag = stored.etag  # of all documents, since all of them are written again
            raise

    async def exists(self, tenant: str | None, window: int) -> bool:
        """Tell whether anything is stored, readable or not."""
        return await self.documents.read(STANDINGS, number(window), f"{_prefix(tenant)}_{_FIRST}") is not None

    async def tenants(self, window: int) -> dict[str, Judged | None]:
        """Return what was found of all tenants, by tenant; None where it can't be read."""
        scan = self.documents.scan(STANDINGS, number(window), "j_", "j_~")
        found: dict[str, list[Document]] = {}
        async for document in scan:
            found.setdefault(decode_name(document.id.split("_")[2]), []).append(document)
        return {tenant: _readable(window, parts) for tenant, parts in found.items()}

    async def write(self, tenant: str | None, window: int, judged: Judged, etag: str | None) -> None:
        """Create (etag None) or replace what was found. Raises Conflict."""
        await write_split(self.documents, STANDINGS, number(window), _prefix(tenant), _bodies(window, judged), etag)

    async def delete(self, window: int, etag: str) -> None:
        """Remove what was found. Raises Conflict."""
        await delete_split(self.documents, STANDINGS, number(window), etag)


def _prefix(tenant: str | None) -> str:
    return _FLEET if tenant is None else f"j_{Node.of(tenant).branch}_{encode_name(tenant)}"


class _ByPopulation(msgspec.Struct, array_like=True):
    """Numbers by population and counter, as a text."""

    populations: list[Whose]
    keys: list[str]
    numbers: str


class _Head(msgspec.Struct):
    counts: _ByPopulation
    middles: _ByPopulation
    vms: EncodedVms
    always: list[tuple[Series, Always]]
    findings: list[Finding]


def _bodies(window: int, judged: Judged) -> dict[str, Mapping[str, Any]]:
    import numpy as np  # noqa: PLC0415

    head = _Head(
        _encoded_counts(judged.counts),
        _encoded_middles(judged.middles),
        encode_vms([SummaryVm("", vm, of) for vm, of in judged.vms.items()]),
        list(judged.always.items()),
        list(judged.findings),
    )
    deviations = [*judged.deviations, *judged.tenants]
    rows = np.array([[*each[2:-1], (window - each.since) // WINDOW] for each in deviations], np.float64).reshape(
        -1, _NUMBERS
    )
    parts = list(parts_of([Series(each.whose, each.key) for each in deviations], _NUMBERS))
    bodies: dict[str, dict[str, Any]] = {f"{place:04d}": {"rows": part.body(rows)} for place, part in enumerate(parts)}
    first = bodies.setdefault(_FIRST, {})
    first.update(msgspec.to_builtins(head))
    return {end: {"version": JUDGED_VERSION, **body} for end, body in bodies.items()}


def _judged(window: int, documents: Sequence[Document], some: "Some | None" = None, vm: str | None = None) -> Judged:
    """Return what documents say: all deviations, or ``some``; and the dimensions of all VMs, or of one."""
    try:
        head = msgspec.convert(documents[0].body, _Head)
        deviations = _deviations(window, [each.body["rows"] for each in documents if "rows" in each.body], some)
        vms = head.vms if vm is None else EncodedVms(head.vms.names, [each for each in head.vms.vms if each[-1] == vm])
        return Judged(
            [each for each in deviations if not _of_tenants(each)],
            _decoded_counts(head.counts),
            {each.vm: each.dimensions for each in decode_vms(vms)},
            _decoded_middles(head.middles),
            dict(head.always),
            head.findings,
            [each for each in deviations if _of_tenants(each)],
        )
    except (ValueError, IndexError, TypeError) as error:  # includes msgspec's ValidationError
        raise Corrupt(STANDINGS, number(window), documents[0], error) from error


def _of_tenants(of: Deviation) -> bool:
    """Tell whether this is of a whole tenant, among what was found of the fleet: only there a tenant has its name."""
    return of.whose.kind == "tenant" and of.whose.name is not None


def _readable(window: int, documents: Sequence[Document]) -> Judged | None:
    with suppress(Corrupt):
        return _judged(window, documents)
    return None


Some = Callable[[NamedSeries, "Floats"], "NDArray[np.bool_]"]
"""Says which of the rows are wanted."""


def _lasting(series: NamedSeries, rows: "Floats") -> "NDArray[np.bool_]":  # noqa: ARG001
    wanted: NDArray[np.bool_] = rows[:, _SCORE] != 0
    return wanted


def _of_one(whose: Whose, series: NamedSeries, rows: "Floats") -> "NDArray[np.bool_]":  # noqa: ARG001
    wanted: NDArray[np.bool_] = series.of[0] == (series.whose.index(whose) if whose in series.whose else -1)
    return wanted


def _deviations(window: int, bodies: Sequence[Mapping[str, Any]], some: Some | None) -> list[Deviation]:
    if not bodies:
        return []
    series, rows = rows_of(bodies)
    if rows.shape[1] != _NUMBERS:
        raise ValueError("the deviations have another number of columns")
    if some:
        wanted = some(series, rows)
        series, rows = NamedSeries(series.whose, series.keys, series.of[:, wanted]), rows[wanted]
    columns = rows.T.tolist()
    since = [window - WINDOW * int(ago) for ago in columns.pop()]
    return list(map(Deviation, (each.whose for each in series), (each.key for each in series), *columns, since))


def _encoded_counts(counts: Counts) -> _ByPopulation:
    import numpy as np  # noqa: PLC0415

    keys = sorted({key for of in counts.values() for key in of})
    found = [[of.get(key, (0, 0, 0)) for key in keys] for of in counts.values()]
    text = text_of(planes_of(np.array(found, np.int64).reshape(-1), _COUNTS))
    return _ByPopulation(list(counts), keys, text)


def _decoded_counts(of: _ByPopulation) -> Counts:
    numbers = array_of(bytes_of(of.numbers), _COUNTS).reshape(len(of.populations), len(of.keys), 3).tolist()
    return {
        whose: {key: Count(*each) for key, each in zip(of.keys, row, strict=True) if each[0]}
        for whose, row in zip(of.populations, numbers, strict=True)
    }


def _encoded_middles(middles: Mapping[Whose, Mapping[str, Middle]]) -> _ByPopulation:
    import numpy as np  # noqa: PLC0415

    keys = sorted({key for of in middles.values() for key in of})
    found: Floats = np.array([[of.get(key, (np.nan, np.nan)) for key in keys] for of in middles.values()], np.float64)
    return _ByPopulation(list(middles), keys, text_of_doubles(found))


def _decoded_middles(of: _ByPopulation) -> dict[Whose, dict[str, Middle]]:
    numbers = doubles_of(of.numbers).reshape(len(of.populations), len(of.keys), 2).tolist()
    return {
        whose: {key: (at, mad) for key, (at, mad) in zip(of.keys, row, strict=True) if at == at}  # noqa: PLR0124
        for whose, row in zip(of.populations, numbers, strict=True)
    }
