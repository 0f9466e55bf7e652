"""The baselines of local days: a tenant's and the fleet's, by zone, day and hour.

Judging a window reads only those of its hour. They are kept as long as standings, beside the digests.
"""

from dataclasses import dataclass
from datetime import date

from domain.baselines import HOURS, LINES, Bands
from domain.day_baselines import DayBaselines
from storage.documents import Corrupt
from storage.schema import STANDINGS
from storage.tables.digests import partition_of, zone_id
from storage.tables.rows import parts_of, rows_of
from storage.tables.split import read_split, write_split
from storage.tables.table import Stored, Table

BASELINES_VERSION = 1


@dataclass(frozen=True, slots=True)
class Baselines(Table):
    """The baselines. ``tenant`` is None for the fleet, ``zone`` None for UTC."""

    async def read(self, tenant: str | None, zone: str | None, day: date, hour: int) -> DayBaselines | None:
        """Return the baselines of an hour of a day, or None if none were learned. Raises Corrupt."""
        partition = partition_of(tenant)
        stored = await read_split(self.documents, STANDINGS, partition, _prefix(zone, day, hour))
        if stored is None or any(document.body.get("version") != BASELINES_VERSION for document in stored.value):
            return None
        try:
            series, numbers = rows_of([document.body for document in stored.value])
            if numbers.shape[1] != LINES + 1:
                raise ValueError("the baselines have another number of columns")
        except ValueError as error:  # includes msgspec's ValidationError
            raise Corrupt(STANDINGS, partition, stored.value[0], error) from error
        return DayBaselines(zone, series, Bands(numbers.T[:LINES, :, None], numbers[:, LINES].astype("int64")))

    async def write(self, tenant: str | None, day: date, baselines: DayBaselines) -> None:
        """Write the baselines of a whole day, in place of those that were learned before. Raises Conflict."""
        import numpy as np  # noqa: PLC0415

        parts = list(parts_of(list(baselines.series), LINES + 1))
        for hour in range(HOURS):
            numbers = np.concatenate([baselines.bands.lines[:, :, hour], baselines.bands.days[None]]).T
            bodies = {part.end: {"version": BASELINES_VERSION, **part.body(numbers)} for part in parts}
            prefix = _prefix(baselines.zone, day, hour)
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


_ZONE = "zone"


def _prefix(zone: str | None, day: date, hour: int) -> str:
    return f"baseline_{zone_id(zone)}_{day.isoformat()}_{hour:02d}"
