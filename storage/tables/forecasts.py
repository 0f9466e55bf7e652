"""The forecasts of a tenant and of the fleet, by zone: those that were learned last, in place of the ones before.

A row of numbers is found by hashing its series: so asking for one reads one small document, however many series there
are. The first document of a zone says among how many the rows are shared.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import msgspec

from domain.baselines import HOURS
from domain.digests import Series, rounded
from domain.forecasts import DAYS_AHEAD, LEADS, Forecasts
from storage.schema import STANDINGS
from storage.tables.digests import partition_of, zone_id
from storage.tables.rows import parts_of, rows_of
from storage.tables.table import Table

if TYPE_CHECKING:
    from domain.histogram import Floats

FORECASTS_VERSION = 1

ROWS_A_DOCUMENT = 64
"""Of about 700 bytes each, on average."""

_BITS = 10
"""The bits of the mantissa of what is kept: three digits."""

_SHAPES = ((DAYS_AHEAD, HOURS), (2, HOURS), (len(LEADS), 2), (), (), (), (), ())
"""The shapes of a series' row in each of the arrays of Forecasts."""


@dataclass(frozen=True, slots=True)
class Learned:
    """The forecast of one series (the only row) from a local day on."""

    day: date
    forecasts: Forecasts


class _Head(msgspec.Struct):
    version: int
    shards: int


@dataclass(frozen=True, slots=True)
class ForecastsTable(Table):
    """The forecasts. ``tenant`` is None for the fleet, ``zone`` None for UTC."""

    async def read(self, tenant: str | None, zone: str | None, series: Series) -> Learned | None:
        """Return a series' forecast; None: none was learned. One that can't be read counts as not learned."""
        partition = partition_of(tenant)
        head = await self.documents.read(STANDINGS, partition, _prefix(zone))
        try:
            shards = msgspec.convert(head.body, _Head).shards if head else 0
            if not shards:
                return None
            document = await self.documents.read(STANDINGS, partition, _id(zone, _shard(series, shards)))
            if document is None or document.body["version"] != FORECASTS_VERSION:
                return None
            named, numbers = rows_of([document.body])
            row = int(named.rows([series.whose], series.key)[0])
            day = date.fromisoformat(document.body["day"])
        except (ValueError, KeyError, TypeError):  # includes msgspec's ValidationError
            return None
        return None if row < 0 else Learned(day, _forecasts(numbers[row : row + 1]))

    async def write(
        self, tenant: str | None, zone: str | None, day: date, series: Sequence[Series], forecasts: Forecasts
    ) -> None:
        """Write the forecasts from a day on, in place of those before. May be done twice.

        Two runs that do this at once write the same, of digests as new.
        """
        partition = partition_of(tenant)
        shards = max(1, -(-len(series) // ROWS_A_DOCUMENT))
        rows: list[list[int]] = [[] for _ in range(shards)]
        for row, each in enumerate(series):
            rows[_shard(each, shards)].append(row)
        numbers = _numbers(forecasts)
        for shard, some in enumerate(rows):
            for part in parts_of([series[row] for row in some], numbers.shape[1]):
                body = {"version": FORECASTS_VERSION, "day": day.isoformat(), **part.body(numbers[some])}
                await self.documents.upsert(STANDINGS, partition, _id(zone, shard), body)
        head = msgspec.to_builtins(_Head(FORECASTS_VERSION, shards))
        await self.documents.upsert(STANDINGS, partition, _prefix(zone), head)


def _prefix(zone: str | None) -> str:
    return f"forecast_{zone_id(zone)}"


def _id(zone: str | None, shard: int) -> str:
    return f"{_prefix(zone)}_{shard:05d}"


def _shard(series: Series, shards: int) -> int:
    """Return where a series' row is: the same on every machine."""
    name = "\0".join((series.key, series.whose.kind, series.whose.name or ""))
    return zlib.crc32(name.encode()) % shards


def _numbers(forecasts: Forecasts) -> "Floats":
    """Return a matrix with a row for each series."""
    import numpy as np  # noqa: PLC0415

    number = len(forecasts.days)
    columns = [np.where(np.isinf(each), np.nan, each).reshape(number, -1) for each in forecasts]
    return rounded(np.concatenate(columns, axis=1), _BITS)


def _forecasts(numbers: "Floats") -> Forecasts:
    """Return what such a matrix says. Raises ValueError if its rows are too short."""
    import numpy as np  # noqa: PLC0415

    ends = np.cumsum([np.prod(shape, dtype=np.int64) for shape in _SHAPES])
    columns = np.split(numbers, ends, axis=1)
    found = Forecasts(*(each.reshape(-1, *shape) for each, shape in zip(columns[:-1], _SHAPES, strict=True)))
    return found._replace(floor=np.where(np.isnan(found.floor), -np.inf, found.floor))
