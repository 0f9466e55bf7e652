"""The progress table: one document with what averaging remembers about windows. Queries read it too."""

from dataclasses import dataclass
from typing import Annotated

import msgspec

from domain.closing import Driver, Progress
from domain.minutes import MINUTES_PER_WINDOW
from storage.documents import Document
from storage.schema import MARKS
from storage.tables.table import Stored, Table

_PROGRESS = "progress"
_FLEET = "fleet"


@dataclass(frozen=True, slots=True)
class ProgressTable(Table):
    """What averaging remembers about windows (domain.closing)."""

    async def read(self) -> Stored[Progress] | None:
        """Read the progress. A corrupt document counts as empty."""
        document = await self.documents.read(MARKS, _PROGRESS, _FLEET)
        return Stored(_progress(document), document.etag) if document else None

    async def write(self, progress: Progress, etag: str | None) -> None:
        """Create (etag None) or replace the progress. Raises Conflict."""
        body = {
            "opened": {str(window): arrived for window, arrived in progress.opened.items()},
            "closed": progress.closed,
            "vms": {str(window): list(vms) for window, vms in progress.vms.items()},
            "kept": progress.kept,
            "wholeFrom": progress.whole_from,
            "runs": dict(progress.runs),
            "closedLate": list(progress.closed_late),
            "emptied": progress.emptied,
            "pausedUntil": progress.paused_until,
        }
        await self._write(MARKS, _PROGRESS, _FLEET, body, etag)


class _ProgressBody(msgspec.Struct):
    opened: dict[int, int]
    vms: dict[int, Annotated[list[int], msgspec.Meta(min_length=MINUTES_PER_WINDOW, max_length=MINUTES_PER_WINDOW)]]
    closed: int | None = None
    kept: int | None = None
    wholeFrom: int = 0
    runs: dict[Driver, int] = {}
    closedLate: list[int] = []
    emptied: int = -1
    pausedUntil: int = 0


def _progress(document: Document) -> Progress:
    try:
        body = msgspec.convert(document.body, _ProgressBody, str_keys=True)
    except msgspec.ValidationError:
        return Progress()
    return Progress(
        body.opened,
        body.closed,
        {at: tuple(vms) for at, vms in body.vms.items()},
        body.kept,
        body.wholeFrom,
        body.runs,
        tuple(body.closedLate),
        body.emptied,
        body.pausedUntil,
    )
