"""What is disclosed of the fleet: one document per counter and window, written once.

They are kept beside the report's documents, in the same partitions and for the same time, but under ids of their own.
So one scan reads both, they cost no extra container, and code that rewrites or removes report rows can't touch them.
There is no way to replace or delete one.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

import msgspec

from domain.disclosure import NEVER_DISCLOSED, Figure
from domain.minutes import MINUTES_PER_WINDOW, window_of
from storage.documents import AlreadyExists, Document
from storage.schema import REPORT
from storage.tables.ids import number
from storage.tables.table import Table

_PREFIX = "disclosed_"
"""Sorts after the seconds that report rows have as ids."""


@dataclass(frozen=True, slots=True)
class Disclosed(Table):
    """The disclosed figures."""

    async def write(self, key: str, window: int, figures: Sequence[Figure]) -> None:
        """Write what is disclosed of a counter's window, 15 figures. Figures already stored stay as they are."""
        with suppress(AlreadyExists):
            await self.documents.create(REPORT, key, _id(window), {"minutes": list(figures)})

    async def between(self, key: str, first: int, last: int) -> Mapping[int, Sequence[Figure]]:
        """Return, by window, what is disclosed of a counter, from the window of one second to that of another.

        A corrupt document counts as nothing disclosed: its figures can't be recovered.
        """
        scan = self.documents.scan(REPORT, key, _id(max(window_of(first), 0)), _id(last + 1))
        return {int(document.id.removeprefix(_PREFIX)): _figures(document) async for document in scan}


def _id(second: int) -> str:
    return _PREFIX + number(second)


class _Body(msgspec.Struct):
    minutes: Annotated[
        list[float | str | None], msgspec.Meta(min_length=MINUTES_PER_WINDOW, max_length=MINUTES_PER_WINDOW)
    ]


def _figures(document: Document) -> Sequence[Figure]:
    try:
        return msgspec.convert(document.body, _Body).minutes
    except msgspec.ValidationError:
        return [NEVER_DISCLOSED] * MINUTES_PER_WINDOW
