"""The habits of a tenant in a zone: of each pool and VM the last days side by side, so that a question reads little.

Beside them are the pools' sessions, which only a question about a pool reads. They lie beside the tenant's digests.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from domain.digests import Series, Whose
from domain.logons import QUARTERS, Habits
from domain.tenant_habits import TenantHabits
from storage.documents import Document
from storage.schema import STANDINGS
from storage.tables.arrays import bytes_of, text_of
from storage.tables.digests import partition_of, zone_id
from storage.tables.rows import FIRST_PART, Part, parts_of, rows_of
from storage.tables.split import delete_split, read_split, write_split
from storage.tables.table import Stored, Table

if TYPE_CHECKING:
    from domain.histogram import Flags, Floats

HABITS_VERSION = 1

_LINES = 3
"""The numbers of a row and day: the first log-on, the last log-off, and whether it is a part of the history."""


@dataclass(frozen=True, slots=True)
class HabitsTable(Table):
    """The habits. ``zone`` is None for UTC."""

    async def read(
        self, tenant: str, zone: str | None, *, sessions: bool = False
    ) -> Stored[TenantHabits | None] | None:
        """Return a tenant's habits, with or without its pools' sessions; None: none were learned.

        What can't be read counts as not learned: its value is None. Learning writes it again.
        """
        read = await read_split(self.documents, STANDINGS, partition_of(tenant), _prefix("habits", zone), FIRST_PART)
        if read is None:
            return None
        beside: Sequence[Document] = ()
        if sessions:
            prefix = _prefix("sessions", zone)
            found = await read_split(self.documents, STANDINGS, partition_of(tenant), prefix, FIRST_PART)
            beside = found.value if found else ()
        try:
            return Stored(_habits(zone, read.value, beside), read.etag)
        except ValueError:  # includes msgspec's ValidationError
            return Stored(None, read.etag)

    async def write(self, tenant: str, found: TenantHabits, etag: str | None) -> None:
        """Create (etag None) or replace a tenant's habits. Raises Conflict."""
        import numpy as np  # noqa: PLC0415

        body = msgspec.to_builtins(
            _Body(
                HABITS_VERSION,
                found.first,
                found.known.tolist(),
                [None if np.isnan(each) else each for each in found.tenant_used.tolist()],
                _text(found.habits.holidays),
            )
        )
        of = found.habits
        numbers = np.concatenate([of.first, of.last, of.taught.astype(np.float64)], axis=1)
        pools = np.asarray(found.sessions, np.float64).reshape(len(found.pools), len(found.known) * QUARTERS)
        partition = partition_of(tenant)
        # The sessions first: who finds the habits finds them.
        prefix = _prefix("sessions", found.zone)
        before = await read_split(self.documents, STANDINGS, partition, prefix)
        parts = parts_of([Series(each, "sessions") for each in found.pools], pools.shape[1])
        bodies = _bodies(body, parts, pools)
        await write_split(self.documents, STANDINGS, partition, prefix, bodies, before.etag if before else None)
        parts = parts_of([Series(each, "habits") for each in found.whose], numbers.shape[1])
        bodies = _bodies(body, parts, numbers)
        await write_split(self.documents, STANDINGS, partition, _prefix("habits", found.zone), bodies, etag)

    async def delete(self, tenant: str, zone: str | None, etag: str) -> None:
        """Remove a tenant's habits. Raises Conflict."""
        partition = partition_of(tenant)
        if beside := await read_split(self.documents, STANDINGS, partition, _prefix("sessions", zone)):
            await delete_split(self.documents, STANDINGS, partition, beside.etag)
        await delete_split(self.documents, STANDINGS, partition, etag)


class _Body(msgspec.Struct):
    version: int
    first: date
    known: list[bool]
    used: list[float | None]
    holidays: str


def _prefix(kind: str, zone: str | None) -> str:
    return f"{kind}_{zone_id(zone)}"


def _text(flags: "Flags") -> str:
    """Return flags as a text."""
    import numpy as np  # noqa: PLC0415

    return text_of(np.packbits(flags).tobytes())


def _bodies(body: Mapping[str, Any], parts: Iterable[Part], numbers: "Floats") -> Mapping[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {part.end: {**body, **part.body(numbers)} for part in parts}
    return found or {FIRST_PART: body}


def _habits(zone: str | None, documents: Sequence[Document], sessions: Sequence[Document]) -> TenantHabits:
    """Return the habits. Raises ValueError."""
    import numpy as np  # noqa: PLC0415

    body = msgspec.convert(documents[0].body, _Body)
    days = len(body.known)
    if body.version != HABITS_VERSION or days != len(body.used):
        raise ValueError("these are no habits")
    rows = [document.body for document in documents if "whose" in document.body]
    if not rows:
        raise ValueError("these are habits of nobody")
    series, numbers = rows_of(rows)
    first, last, taught = np.split(numbers.reshape(-1, _LINES, days), _LINES, axis=1)
    weekdays = (body.first.weekday() + np.arange(days)) % 7
    holidays = np.unpackbits(np.frombuffer(bytes_of(body.holidays), np.uint8), count=(days + 1) * days)
    known_holidays = holidays.reshape(days + 1, days).astype(np.bool_)
    habits = Habits(first[:, 0], last[:, 0], taught[:, 0] > 0, known_holidays, weekdays)
    used = np.array([np.nan if each is None else each for each in body.used])
    whose = [series.whose[at] for at in series.of[0].tolist()]
    of_pools = _sessions(sessions, body.first, [each for each in whose if each.kind == "pool"], days)
    return TenantHabits(zone, body.first, whose, habits, np.array(body.known, np.bool_), used, of_pools)


def _sessions(documents: Sequence[Document], first: date, of: Sequence[Whose], days: int) -> "Floats":
    """Return the sessions of these pools; none if the documents are of others. Raises ValueError."""
    import numpy as np  # noqa: PLC0415

    rows = [document.body for document in documents if "whose" in document.body]
    if rows and rows[0].get("first") == first.isoformat():
        pools, numbers = rows_of(rows)
        if [each.whose for each in pools] == of:
            return numbers.reshape(-1, days, QUARTERS)
    return np.zeros((0, days, QUARTERS))
