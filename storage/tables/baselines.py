"""The baselines of local days: a tenant's and the fleet's, by zone, day and hour.

Judging a window reads only those of its hour. They are kept as long as standings, beside the digests.
"""

from dataclasses import dataclass
from datetime import date

import msgspec

from domain.always import Always
from domain.baselines import HOURS, LINES, Bands
from domain.day_baselines import DayBaselines
from domain.digests import rounded
from domain.learning_times import LastLearned
from storage.documents import Conflict
from storage.schema import STANDINGS
from storage.tables.digests import UTC, partition_of, zone_id
from storage.tables.rows import FIRST_PART, parts_of, rows_of
from storage.tables.split import read_split, write_split
from storage.tables.table import Stored, Table

BASELINES_VERSION = 1

_NUMBERS = LINES + 1 + len(Always._fields)
"""The numbers of a row: the lines, the days, and those of Always, NaN where a VM is not unusual as always."""


@dataclass(frozen=True, slots=True)
class Baselines(Table):
    """The baselines. ``tenant`` is None for the fleet, ``zone`` None for UTC."""

    async def read(self, tenant: str | None, zone: str | None, day: date, hour: int) -> DayBaselines | None:
        """Return the baselines of an hour of a day, or None if none were learned.

        Those that can't be read count as not learned: nothing but a judgement needs them, and the next days have their
        own.
        """
        import numpy as np  # noqa: PLC0415

        prefix = _prefix(zone, day, hour)
        stored = await read_split(self.documents, STANDINGS, partition_of(tenant), prefix, FIRST_PART)
        if stored is None or any(document.body.get("version") != BASELINES_VERSION for document in stored.value):
            return None
        try:
            series, numbers = rows_of([document.body for document in stored.value])
        except ValueError:  # includes msgspec's ValidationError
            return None
        if numbers.shape[1] != _NUMBERS:
            return None
        days = np.nan_to_num(numbers[:, LINES]).astype(np.int64)
        worse = np.flatnonzero(~np.isnan(numbers[:, -1]))
        always = {series.at(at): Always(*numbers[at, LINES + 1 :].tolist()) for at in worse.tolist()}
        return DayBaselines(zone, series, Bands(numbers.T[:LINES, :, None], days), always)

    async def write(self, tenant: str | None, day: date, baselines: DayBaselines) -> None:
        """Write the baselines of a whole day, in place of those that were learned before. Raises Conflict."""
        import numpy as np  # noqa: PLC0415

        parts = list(parts_of(list(baselines.series), _NUMBERS))
        unknown = (np.nan,) * len(Always._fields)
        always = rounded(np.array([baselines.always.get(each, unknown) for each in baselines.series]).reshape(-1, 3).T)
        for hour in range(HOURS):
            numbers = np.concatenate([baselines.bands.lines[:, :, hour], baselines.bands.days[None], always]).T
            bodies = {part.end: {"version": BASELINES_VERSION, **part.body(numbers)} for part in parts}
            prefix = _prefix(baselines.zone, day, hour)
            try:
                await write_split(self.documents, STANDINGS, partition_of(tenant), prefix, bodies, None)
            except Conflict:  # it was learned before
                before = await read_split(self.documents, STANDINGS, partition_of(tenant), prefix)
                etag = before.etag if before else None
                await write_split(self.documents, STANDINGS, partition_of(tenant), prefix, bodies, etag)

    async def zone(self, tenant: str | None) -> Stored[str | None] | None:
        """Return the zone of the whole tenant or fleet (None: UTC); None if nothing was learned yet."""
        stored = await self.learned(tenant)
        return Stored(stored.value.zone, stored.etag) if stored else None

    async def learned(self, tenant: str | None) -> Stored[LastLearned] | None:
        """Return when each zone of a tenant or of the fleet was learned; None if nothing was learned yet."""
        document = await self.documents.read(STANDINGS, partition_of(tenant), ZONE)
        if document is None:
            return None
        try:
            body = msgspec.convert(document.body, _ZoneBody)
        except ValueError:  # it is not what it should be: nothing is known, and it is written again
            return Stored(LastLearned(None, {}), document.etag)
        times = {None if zone == UTC else zone: second for zone, second in body.learned.items()}
        return Stored(LastLearned(body.zone, times, body.version), document.etag)

    async def write_learned(self, tenant: str | None, last: LastLearned, etag: str | None) -> None:
        """Create (etag None) or replace it. Raises Conflict."""
        times = {zone or UTC: second for zone, second in last.times.items()}
        body = msgspec.to_builtins(_ZoneBody(last.zone, times, last.version))
        await self._write(STANDINGS, partition_of(tenant), ZONE, body, etag)


class _ZoneBody(msgspec.Struct):
    zone: str | None
    learned: dict[str, int]
    version: int = 0


ZONE = "zone"
"""The id of the document that tells when zones were learned."""


def _prefix(zone: str | None, day: date, hour: int) -> str:
    return f"baseline_{zone_id(zone)}_{day.isoformat()}_{hour:02d}"
