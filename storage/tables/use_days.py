"""The use days of a tenant, by zone and day. They lie beside its digests, and are kept as long as standings.

Flags are kept as bits: four numbers of 24 of them for each kind. So a day is rows of numbers, as all that is learned.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from domain.digests import Series
from domain.logons import QUARTERS
from domain.use_days import UseDay
from storage.documents import Corrupt, Document
from storage.schema import STANDINGS
from storage.tables.arrays import array_of, bytes_of, planes_of, text_of
from storage.tables.digests import by_day, partition_of, zone_id
from storage.tables.rows import FIRST_PART, parts_of, rows_of
from storage.tables.split import delete_split, read_split, write_split
from storage.tables.table import Stored, Table

if TYPE_CHECKING:
    from domain.buckets import Flags, Floats

USE_VERSION = 1

_BITS = 24
"""As many as a float of 4 bytes holds exactly."""

_NUMBERS = QUARTERS // _BITS
_KEY = "use"
_SESSIONS = "<f4"


@dataclass(frozen=True, slots=True)
class UseDays(Table):
    """The use days. ``zone`` is None for UTC. The fleet (None) has none."""

    async def read(self, tenant: str | None, zone: str | None, day: date) -> Stored[UseDay] | None:
        """Read a use day."""
        partition = partition_of(tenant)
        stored = await read_split(self.documents, STANDINGS, partition, _prefix(zone, day), FIRST_PART)
        if stored is None:
            return None
        current = all(document.body.get("version") == USE_VERSION for document in stored.value)
        try:
            return Stored(_use_day(partition, zone, stored.value), stored.etag, current)
        except Corrupt as corrupt:
            corrupt.etag = stored.etag  # of all documents, since all of them are written again
            raise

    async def between(
        self, tenant: str | None, zone: str | None, first: date, last: date
    ) -> tuple[Mapping[date, UseDay], Mapping[date, Corrupt]]:
        """Return the use days from one day to another, both included, by day; and those that can't be read."""
        partition = partition_of(tenant)
        scan = self.documents.scan(STANDINGS, partition, _prefix(zone, first), _prefix(zone, last) + "~")
        found: dict[date, UseDay] = {}
        corrupt: dict[date, Corrupt] = {}
        async for day, documents in by_day(scan):
            try:
                found[day] = _use_day(partition, zone, documents)
            except Corrupt as error:
                corrupt[day] = error
        return found, corrupt

    async def write(self, tenant: str | None, day: date, use: UseDay, etag: str | None) -> None:
        """Create (etag None) or replace a use day. Raises Conflict."""
        import numpy as np  # noqa: PLC0415

        numbers = np.concatenate([_packed(use.used), _packed(use.seen)], axis=1)
        series = [Series(each, _KEY) for each in use.whose]
        told = {"version": USE_VERSION, "came": use.came, "there": use.there}
        sessions = text_of(planes_of(use.sessions.reshape(-1), _SESSIONS))
        bodies: dict[str, Mapping[str, Any]] = {
            part.end: {**told, **part.body(numbers)} for part in parts_of(series, 2 * _NUMBERS)
        }
        bodies = bodies or {FIRST_PART: told}
        bodies[FIRST_PART] = {**bodies[FIRST_PART], "sessions": sessions}
        await write_split(self.documents, STANDINGS, partition_of(tenant), _prefix(use.zone, day), bodies, etag)

    async def delete(self, tenant: str | None, etag: str) -> None:
        """Remove a use day. Raises Conflict."""
        await delete_split(self.documents, STANDINGS, partition_of(tenant), etag)


class _Told(msgspec.Struct):
    came: int
    there: int
    sessions: str = ""


def _prefix(zone: str | None, day: date) -> str:
    return f"use_{zone_id(zone)}_{day.isoformat()}"


def _use_day(partition: str, zone: str | None, documents: Sequence[Document]) -> UseDay:
    try:
        told = msgspec.convert(documents[0].body, _Told)
        rows = [document.body for document in documents if "whose" in document.body]
        series, numbers = rows_of(rows) if rows else ([], _no_rows())
        if numbers.shape[1] != 2 * _NUMBERS:
            raise ValueError("these are no flags")
        sessions = array_of(bytes_of(told.sessions), _SESSIONS).reshape(-1, QUARTERS)
        whose = [each.whose for each in series]
        if len(sessions) != sum(each.kind == "pool" for each in whose):
            raise ValueError("there are not one pool's sessions of each pool")
        flags = _unpacked(numbers[:, :_NUMBERS]), _unpacked(numbers[:, _NUMBERS:])
    except ValueError as error:  # includes msgspec's ValidationError
        raise Corrupt(STANDINGS, partition, documents[0], error) from error
    return UseDay(zone, whose, *flags, sessions.astype("<f8"), told.came, told.there)


def _no_rows() -> "Floats":
    import numpy as np  # noqa: PLC0415

    return np.zeros((0, 2 * _NUMBERS))


def _packed(flags: "Flags") -> "Floats":
    """Return rows of flags as numbers of 24 bits."""
    import numpy as np  # noqa: PLC0415

    weights = 2.0 ** np.arange(_BITS)
    return np.asarray(flags.reshape(len(flags), _NUMBERS, _BITS) @ weights, np.float64)


def _unpacked(numbers: "Floats") -> "Flags":
    """Return the flags of such numbers. Raises ValueError."""
    import numpy as np  # noqa: PLC0415

    if not ((numbers >= 0) & (numbers < 2.0**_BITS)).all():  # NaN are not
        raise ValueError("these are no flags")
    bits = numbers.astype(np.int64)[:, :, None] >> np.arange(_BITS)
    return np.asarray((bits & 1).reshape(len(numbers), QUARTERS), np.bool_)
