"""What is disclosed of the fleet: one document per counter and window, written once.

They are kept beside the report's documents, in the same partitions and for the same time, but under ids of their own.
So one scan reads both, they cost no extra container, and code that rewrites or removes report rows can't touch them.
There is no way to replace or delete one.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from domain.coarse_histogram import CoarseHistograms
from domain.disclosure import NOTHING_DISCLOSED, SLOTS, DisclosedWindow
from domain.minutes import MINUTES_PER_WINDOW, window_of
from storage.documents import AlreadyExists, Document
from storage.schema import REPORT
from storage.tables.arrays import array_of, bytes_of, planes_of, text_of
from storage.tables.ids import number
from storage.tables.table import Table

_PREFIX = "disclosed_"
"""Sorts after the seconds that report rows have as ids."""

_INTS = "<u4"


@dataclass(frozen=True, slots=True)
class Disclosed(Table):
    """What is disclosed."""

    async def write(self, key: str, window: int, disclosed: DisclosedWindow) -> None:
        """Write what is disclosed of a counter's window, with 15 figures. What is already stored stays as it is."""
        body: dict[str, Any] = {"minutes": list(disclosed.figures)}
        if disclosed.histograms is not None:
            body["histograms"] = _text_of(disclosed.histograms)
        with suppress(AlreadyExists):
            await self.documents.create(REPORT, key, _id(window), body)

    async def between(
        self, key: str, first: int, last: int, *, histograms: bool = True
    ) -> Mapping[int, DisclosedWindow]:
        """Return, by window, what is disclosed of a counter, from the window of one second to that of another.

        A corrupt document counts as nothing disclosed: it can't be made anew. ``histograms``: whether they are needed.
        """
        scan = self.documents.scan(REPORT, key, _id(max(window_of(first), 0)), _id(last + 1))
        return {
            int(document.id.removeprefix(_PREFIX)): _disclosed(document, histograms=histograms)
            async for document in scan
        }


def _id(second: int) -> str:
    return _PREFIX + number(second)


class _Body(msgspec.Struct):
    minutes: Annotated[
        list[float | str | None], msgspec.Meta(min_length=MINUTES_PER_WINDOW, max_length=MINUTES_PER_WINDOW)
    ]
    histograms: str | None = None


def _disclosed(document: Document, *, histograms: bool) -> DisclosedWindow:
    try:
        body = msgspec.convert(document.body, _Body)
        of = _histograms(body.histograms) if histograms and body.histograms is not None else None
    except ValueError:  # includes msgspec's ValidationError
        return NOTHING_DISCLOSED
    return DisclosedWindow(body.minutes, of)


def _text_of(histograms: CoarseHistograms) -> str:
    """Return the arrays as one text: the codes' differences, then the counts."""
    import numpy as np  # noqa: PLC0415

    return text_of(planes_of(np.concatenate((np.diff(histograms.codes, prepend=0), histograms.counts)), _INTS))


def _histograms(text: str) -> CoarseHistograms:
    import numpy as np  # noqa: PLC0415

    differences, counts = array_of(bytes_of(text), _INTS).astype(np.int64).reshape(2, -1)
    found = CoarseHistograms(np.cumsum(differences), counts, SLOTS)
    if len(found.totals) != SLOTS:
        raise ValueError(f"there are more than {SLOTS} histograms")
    return found
