"""The forecasts of a tenant and of the fleet, by zone, from the last two days on that were learned.

Two, since the day that comes is learned before the present one ends. What is learned of a day replaces what was learned
of the day two days before. A row of numbers is found by hashing its series: so asking for one reads one small document,
however many series there are. The first document says among how many others the rows are shared.
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
    from domain.buckets import Floats

FORECASTS_VERSION = 1

ROWS_A_DOCUMENT = 64
"""Of about 700 bytes each, on average."""

_BITS = 10
"""The bits of the mantissa of what is kept: three digits."""

_SHAPES = ((DAYS_AHEAD, HOURS), (2, HOURS), (len(LEADS), 2), (), (), (), (), ())
"""The shapes of a series' row in each of the arrays of Forecasts."""


class _Head(msgspec.Struct):
    version: int
    shards: int


@dataclass(frozen=True, slots=True)
class ForecastsTable(Table):
    """The forecasts. ``tenant`` is None for the fleet, ``zone`` None for UTC."""

    async def read(self, tenant: str | None, zone: str | None, day: date, series: Series) -> Forecasts | None:
        """Return a series' forecast from a day on (the only row); None: none was learned.

        One that can't be read counts as not learned.
        """
        partition, prefix = partition_of(tenant), _prefix(zone, day)
        head = await self.documents.read(STANDINGS, partition, prefix)
        try:
            shards = msgspec.convert(head.body, _Head).shards if head else 0
            if not shards:
                return None
            document = await self.documents.read(STANDINGS, partition, f"{prefix}_{_shard(series, shards):05d}")
            if document is None or (document.body["version"], document.body["day"]) != (FORECASTS_VERSION, str(day)):
                return None
            named, numbers = rows_of([document.body])
            row = int(named.rows([series.whose], series.key)[0])
            return None if row < 0 else _forecasts(numbers[row : row + 1])
        except (ValueError, KeyError, TypeError):  # includes msgspec's ValidationError
            return None

    async def write(
        self, tenant: str | None, zone: str | None, day: date, series: Sequence[Series], forecasts: Forecasts
    ) -> None:
        """Write the forecasts from a day on, in place of those before. May be done twice.

        Two runs that do this at once write the same, of digests as new.
        """
        partition, prefix = partition_of(tenant), _prefix(zone, day)
        shards = max(1, -(-len(series) // ROWS_A_DOCUMENT))
        rows: list[list[int]] = [[] for _ in range(shards)]
        for row, each in enumerate(series):
            rows[_shard(each, shards)].append(row)
        numbers = _numbers(forecasts)
        for shard, some in enumerate(rows):
            for part in parts_of([series[row] for row in some], numbers.shape[1]):
                body = {"version": FORECASTS_VERSION, "day": str(day), **part.body(numbers[some])}
                await self.documents.upsert(STANDINGS, partition, f"{prefix}_{shard:05d}", body)
        head = msgspec.to_builtins(_Head(FORECASTS_VERSION, shards))
        await self.documents.upsert(STANDINGS, partition, prefix, head)


def is_head(document_id: str) -> bool:
    """Tell whether an id is that of a zone's first document, which holds no series."""
    return document_id.startswith("forecast_") and document_id.count("_") == 2  # noqa: PLR2004


def _prefix(zone: str | None, day: date) -> str:
    return f"forecast_{zone_id(zone)}_{day.toordinal() % 2}"


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
    """Return what such a matrix says. Raises ValueError if its rows are of another length."""
    import numpy as np  # noqa: PLC0415

    ends = np.cumsum([np.prod(shape, dtype=np.int64) for shape in _SHAPES])
    if numbers.shape[1] != ends[-1]:
        raise ValueError("these are no forecasts")
    columns = np.split(numbers, ends[:-1], axis=1)
    found = Forecasts(*(each.reshape(-1, *shape) for each, shape in zip(columns, _SHAPES, strict=True)))
    return found._replace(floor=np.where(np.isnan(found.floor), -np.inf, found.floor))
