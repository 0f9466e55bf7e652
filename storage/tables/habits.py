"""The habits of a tenant in a zone: of each pool and VM the last days side by side, so that a question reads little.

The pools have a group of documents, and so has each of BLOCKS blocks of VMs. Beside them are the pools' sessions, which
only a question about a pool reads. They lie beside the tenant's digests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any
from zlib import crc32

import msgspec

from domain.digests import Series, Whose
from domain.logons import QUARTERS, Habits
from domain.tenant_habits import TenantHabits
from storage.documents import Document
from storage.schema import STANDINGS
from storage.tables.arrays import bytes_of, text_of
from storage.tables.digests import partition_of, zone_id
from storage.tables.rows import FIRST_PART, parts_of, rows_of
from storage.tables.split import delete_split, read_split, write_split
from storage.tables.table import Stored, Table

if TYPE_CHECKING:
    from domain.buckets import Flags, Floats

HABITS_VERSION = 1

BLOCKS = 8
"""Into so many blocks VMs are divided, by their names."""

_POOLS = "00"
"""The group of pools; the blocks are 01 and on."""

_LINES = 3
"""The numbers of a row and day: the first log-on, the last log-off, and whether it is a part of the history."""


@dataclass(frozen=True, slots=True)
class HabitsTable(Table):
    """The habits. ``zone`` is None for UTC."""

    async def read(self, tenant: str, zone: str | None) -> Stored[TenantHabits | None] | None:
        """Return all of a tenant's habits; None: none were learned.

        What can't be read counts as not learned: its value is None. Learning writes it again.
        """
        read = await read_split(self.documents, STANDINGS, partition_of(tenant), _prefix("habits", zone))
        if read is None:
            return None
        return Stored(_habits(zone, read.value, await self._sessions(tenant, zone)), read.etag)

    async def of_pools(self, tenant: str, zone: str | None, *, sessions: bool) -> TenantHabits | None:
        """Return those of a tenant's pools, with or without their sessions; None: not learned."""
        found = await self._of_group(tenant, zone, _POOLS)
        return _habits(zone, found, await self._sessions(tenant, zone) if sessions else ())

    async def of_vm(self, tenant: str, zone: str | None, vm: str) -> TenantHabits | None:
        """Return those of a VM and some others; None: not learned."""
        return _habits(zone, await self._of_group(tenant, zone, _group(Whose("vm", vm))), ())

    async def _of_group(self, tenant: str, zone: str | None, group: str) -> Sequence[Document]:
        prefix = f"{_prefix('habits', zone)}_{group}"
        read = await read_split(self.documents, STANDINGS, partition_of(tenant), prefix)
        return read.value if read else ()

    async def _sessions(self, tenant: str, zone: str | None) -> Sequence[Document]:
        prefix = _prefix("sessions", zone)
        read = await read_split(self.documents, STANDINGS, partition_of(tenant), prefix, FIRST_PART)
        return read.value if read else ()

    async def write(self, tenant: str, found: TenantHabits, etag: str | None) -> None:
        """Create (etag None) or replace a tenant's habits. Raises Conflict."""
        partition, body = partition_of(tenant), _shared(found)
        # The sessions first: who finds the habits finds them.
        prefix = _prefix("sessions", found.zone)
        before = await read_split(self.documents, STANDINGS, partition, prefix)
        pools = found.sessions.reshape(len(found.pools), len(found.known) * QUARTERS)
        parts = parts_of([Series(each, "sessions") for each in found.pools], pools.shape[1])
        bodies = {part.end: {**body, **part.body(pools)} for part in parts} or {FIRST_PART: {**body}}
        await write_split(self.documents, STANDINGS, partition, prefix, bodies, before.etag if before else None)
        prefix = _prefix("habits", found.zone)
        await write_split(self.documents, STANDINGS, partition, prefix, _bodies(found, body), etag)

    async def delete(self, tenant: str, zone: str | None, etag: str) -> None:
        """Remove a tenant's habits. Raises Conflict."""
        partition = partition_of(tenant)
        if beside := await read_split(self.documents, STANDINGS, partition, _prefix("sessions", zone)):
            await delete_split(self.documents, STANDINGS, partition, beside.etag)
        await delete_split(self.documents, STANDINGS, partition, etag)


class _Shared(msgspec.Struct):
    """What each document has: of the days, what is the same for all."""

    version: int
    first: date
    known: list[bool]
    used: list[float | None]
    holidays: str


def _prefix(kind: str, zone: str | None) -> str:
    return f"{kind}_{zone_id(zone)}"


def _group(whose: Whose) -> str:
    return _POOLS if whose.kind == "pool" else f"{crc32((whose.name or '').encode()) % BLOCKS + 1:02d}"


def _shared(found: TenantHabits) -> Mapping[str, Any]:
    import numpy as np  # noqa: PLC0415

    used = [None if np.isnan(each) else each for each in found.tenant_used.tolist()]
    holidays = text_of(np.packbits(found.habits.holidays).tobytes())
    built: Mapping[str, Any] = msgspec.to_builtins(
        _Shared(HABITS_VERSION, found.first, found.known.tolist(), used, holidays)
    )
    return built


def _bodies(found: TenantHabits, shared: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """Return the bodies of all groups, by the end of their ids. That of pools is there also if there are none."""
    import numpy as np  # noqa: PLC0415

    of = found.habits
    numbers = np.concatenate([of.first, of.last, of.taught.astype(np.float64)], axis=1)
    groups: dict[str, list[int]] = {}
    for row, each in enumerate(found.whose):
        groups.setdefault(_group(each), []).append(row)
    bodies: dict[str, Mapping[str, Any]] = {} if _POOLS in groups else {f"{_POOLS}_{FIRST_PART}": shared}
    for group, rows in sorted(groups.items()):
        for part in parts_of([Series(found.whose[row], "habits") for row in rows], numbers.shape[1]):
            bodies[f"{group}_{part.end}"] = {**shared, **part.body(numbers[rows])}
    return bodies


def _habits(zone: str | None, documents: Sequence[Document], sessions: Sequence[Document]) -> TenantHabits | None:
    """Return the habits of documents; None if there are none, or they can't be read."""
    try:
        return _read(zone, documents, sessions) if documents else None
    except ValueError:  # includes msgspec's ValidationError
        return None


def _read(zone: str | None, documents: Sequence[Document], sessions: Sequence[Document]) -> TenantHabits:
    """Return the habits of documents. Raises ValueError."""
    import numpy as np  # noqa: PLC0415

    shared = msgspec.convert(documents[0].body, _Shared)
    days = len(shared.known)
    if shared.version != HABITS_VERSION or days != len(shared.used):
        raise ValueError("these are no habits")
    if any(document.body.get("first") != documents[0].body["first"] for document in documents):
        raise ValueError("these are of different days")
    whose: Sequence[Whose] = []
    numbers = np.zeros((0, _LINES * days))
    if rows := [document.body for document in documents if "whose" in document.body]:
        series, numbers = rows_of(rows)
        found = [series.whose[at] for at in series.of[0].tolist()]
        order = sorted(range(len(found)), key=lambda row: (found[row].kind, found[row].name or ""))
        whose, numbers = [found[row] for row in order], numbers[order]
    first, last, taught = numbers.reshape(len(whose), _LINES, days).transpose(1, 0, 2)
    weekdays = (shared.first.weekday() + np.arange(days)) % 7
    habits = Habits(first, last, taught > 0, _flags(shared.holidays, days + 1, days), weekdays)
    used = np.array([np.nan if each is None else each for each in shared.used])
    of_pools = _sessions(sessions, shared.first, [each for each in whose if each.kind == "pool"], days)
    return TenantHabits(zone, shared.first, whose, habits, np.array(shared.known, np.bool_), used, of_pools)


def _flags(text: str, rows: int, columns: int) -> "Flags":
    """Return a matrix of flags. Raises ValueError."""
    import numpy as np  # noqa: PLC0415

    bits = np.unpackbits(np.frombuffer(bytes_of(text), np.uint8))
    if len(bits) < rows * columns:
        raise ValueError("these are too few flags")
    return bits[: rows * columns].reshape(rows, columns).astype(np.bool_)


def _sessions(documents: Sequence[Document], first: date, of: Sequence[Whose], days: int) -> "Floats":
    """Return the sessions of these pools; none if the documents are of others. Raises ValueError."""
    import numpy as np  # noqa: PLC0415

    rows = [document.body for document in documents if "whose" in document.body]
    if rows and rows[0].get("first") == first.isoformat():
        pools, numbers = rows_of(rows)
        if [each.whose for each in pools] == of:
            return numbers.reshape(-1, days, QUARTERS)
    return np.zeros((0, days, QUARTERS))
