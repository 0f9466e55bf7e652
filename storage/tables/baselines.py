"""The baselines of local days: a tenant's and the fleet's, by zone, day and part of the day.

Judging a window reads only the part that holds it. They are kept as long as standings, beside the digests.
"""

from dataclasses import dataclass
from datetime import date

from domain.baselines import HOURS, LINES, Bands
from domain.day_baselines import DayBaselines
from storage.documents import Corrupt
from storage.schema import STANDINGS
from storage.tables.digests import partition_of, zone_id
from storage.tables.rows import bodies_of, rows_of
from storage.tables.split import read_split, write_split
from storage.tables.table import Stored, Table

BASELINES_VERSION = 1

HOURS_A_PART = 4
"""The hours of a part of the day. A quarter of an hour's judging reads one."""


@dataclass(frozen=True, slots=True)
class Baselines(Table):
    """The baselines. ``tenant`` is None for the fleet, ``zone`` None for UTC."""

    async def read(self, tenant: str | None, zone: str | None, day: date, hour: int) -> DayBaselines | None:
        """Return the baselines of the part of a day that holds an hour, or None if none were learned."""
        return await self._part(tenant, zone, day, hour // HOURS_A_PART)

    async def write(self, tenant: str | None, day: date, baselines: DayBaselines) -> None:
        """Write the baselines of a whole day, in place of those that were learned before. Raises Conflict."""
        import numpy as np  # noqa: PLC0415

        for part in range(HOURS // HOURS_A_PART):
            of = baselines.part(part * HOURS_A_PART, HOURS_A_PART)
            numbers = np.concatenate([*of.bands.lines, of.bands.days[:, None]], axis=1)
            bodies = {end: {"version": BASELINES_VERSION, **body} for end, body in bodies_of(of.series, numbers)}
            prefix = _prefix(baselines.zone, day, part)
            before = await read_split(self.documents, STANDINGS, partition_of(tenant), prefix)
            etag = before.etag if before else None
            await write_split(self.documents, STANDINGS, partition_of(tenant), prefix, bodies, etag)

    async def zone(self, tenant: str | None) -> Stored[str | None] | None:
        """Return the zone of the whole tenant or fleet (None: UTC); None if nothing was learned yet."""
        document = await self.documents.read(STANDINGS, partition_of(tenant), _ZONE)
        if document is None:
            return None
        zone = document.body.get("zone")
        return Stored(zone if isinstance(zone, str) else None, document.etag)

    async def write_zone(self, tenant: str | None, zone: str | None, etag: str | None) -> None:
        """Create (etag None) or replace the zone of the whole. Raises Conflict."""
        await self._write(STANDINGS, partition_of(tenant), _ZONE, {"zone": zone}, etag)

    async def _part(self, tenant: str | None, zone: str | None, day: date, part: int) -> DayBaselines | None:
        partition = partition_of(tenant)
        stored = await read_split(self.documents, STANDINGS, partition, _prefix(zone, day, part))
        if stored is None or any(document.body.get("version") != BASELINES_VERSION for document in stored.value):
            return None
        try:
            series, numbers = rows_of([document.body for document in stored.value])
            if numbers.shape[1] != LINES * HOURS_A_PART + 1:
                raise ValueError("the baselines have another number of columns")
        except ValueError as error:  # includes msgspec's ValidationError
            raise Corrupt(STANDINGS, partition, stored.value[0], error) from error
        lines = numbers[:, :-1].reshape(len(series), LINES, HOURS_A_PART).transpose(1, 0, 2)
        bands = Bands(lines, numbers[:, -1].astype("int64"))
        return DayBaselines(zone, part * HOURS_A_PART, series, bands)


_ZONE = "zone"


def _prefix(zone: str | None, day: date, part: int) -> str:
    return f"baseline_{zone_id(zone)}_{day.isoformat()}_{part}"
