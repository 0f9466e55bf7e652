"""Omissions: data that arrived but is not in the averages. They are stored in the quarantine table by UTC day."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from domain.minutes import first_second, utc_day
from storage.documents import Conflict
from storage.schema import QUARANTINE
from storage.tables.ids import digest
from storage.tables.table import Table

NOT_TAKEN = "samples of counters that are not taken (COUNTERS)"
"""Samples that the operator does not want, by tenant and day."""

ATTEMPTS = 10
"""How often a count is written that others write at the same time. Then it is given up: it is only a count."""


@dataclass(frozen=True, slots=True)
class Omission:
    """Data that arrived but is not in the averages: what it is, whose it is, its window, and how many items it has."""

    what: str
    whose: str
    window: int
    count: int


@dataclass(frozen=True, slots=True)
class Omissions(Table):
    """The omissions."""

    async def write(self, omission: Omission, now: int) -> None:
        """Write an omission under the UTC day of ``now``. The same omission overwrites itself."""
        body = asdict(omission)
        place = digest({"what": omission.what, "whose": omission.whose, "window": omission.window})
        await self.documents.upsert(QUARANTINE, _omissions_partition(utc_day(now)), place, body)

    async def add(self, what: str, whose: str, count: int, now: int) -> None:
        """Add to the count of an omission of the UTC day of ``now``. About: a message that comes again counts again."""
        day = utc_day(now)
        place = digest({"what": what, "whose": whose, "day": day})
        for _ in range(ATTEMPTS):
            stored = await self.documents.read(QUARANTINE, _omissions_partition(day), place)
            before = msgspec.convert(stored.body, Omission).count if stored and _is_omission(stored.body) else 0
            body = asdict(Omission(what, whose, first_second(day), before + count))
            with suppress(Conflict):
                await self._write(QUARANTINE, _omissions_partition(day), place, body, stored.etag if stored else None)
                return

    async def of_day(self, day: str) -> list[Omission]:
        """Return the omissions of a UTC day."""
        found = [document.body async for document in self.documents.scan(QUARANTINE, _omissions_partition(day))]
        return [msgspec.convert(body, Omission) for body in found if _is_omission(body)]

    async def forget(self, day: str, whose: str) -> None:
        """Delete the omissions of one owner on a UTC day."""
        partition = _omissions_partition(day)
        async for document in self.documents.scan(QUARANTINE, partition):
            if document.body.get("whose") == whose:
                with suppress(Conflict):
                    await self.documents.delete(QUARANTINE, partition, document.id, document.etag)


def _omissions_partition(day: str) -> str:
    return f"{day}_omissions"


def _is_omission(body: Mapping[str, Any]) -> bool:
    try:
        msgspec.convert(body, Omission)
    except msgspec.ValidationError:
        return False
    return True
