"""Omissions: what came and was left out of the averages. They are kept in the quarantine, by UTC day."""

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
    """Something that came and is not in the averages: what, of whom, of which window, and how many there are."""

    what: str
    whose: str
    window: int
    count: int


@dataclass(frozen=True, slots=True)
class Omissions(Table):
    """What was left out."""

    async def write(self, omission: Omission, now: int) -> None:
        """Write down, on the UTC day of a second, that something is left out. The same again overwrites itself."""
        body = asdict(omission)
        place = digest({"what": omission.what, "whose": omission.whose, "window": omission.window})
        await self.documents.upsert(QUARANTINE, _omissions_partition(utc_day(now)), place, body)

    async def of_day(self, day: str) -> list[Omission]:
        """Return what was left out on a UTC day."""
        found = [document.body async for document in self.documents.scan(QUARANTINE, _omissions_partition(day))]
        return [msgspec.convert(body, Omission) for body in found if _is_omission(body)]

    async def forget(self, day: str, whose: str) -> None:
        """Forget what was left out of somebody on a UTC day."""
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
