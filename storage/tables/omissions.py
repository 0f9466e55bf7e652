"""Omissions: data that arrived but is not in the averages. They are stored in the quarantine table by UTC day."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from domain.minutes import utc_day
from storage.documents import Conflict
from storage.schema import QUARANTINE
from storage.tables.ids import digest
from storage.tables.table import Table


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
