"""The averages of the fleet and its groups, of all counters of a window in one small document.

The fleet's digests are made of them: reading the summaries, which have them too, costs a hundred times as much. They
live as long as summaries, in a partition of their own, so that one scan reads a day.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from domain.digests import Series
from storage.documents import Corrupt, Document
from storage.schema import STANDINGS
from storage.tables.ids import number
from storage.tables.rows import parts_of, rows_of
from storage.tables.split import delete_split, read_split, write_split
from storage.tables.table import Stored, Table

_PARTITION = "averages"


@dataclass(frozen=True, slots=True)
class FleetAverages(Table):
    """The averages of windows, by series."""

    async def read(self, window: int) -> Stored[Mapping[Series, float]] | None:
        """Read those of a window. Raises Corrupt."""
        stored = await read_split(self.documents, STANDINGS, _PARTITION, number(window))
        if stored is None:
            return None
        try:
            return Stored(_averages(list(stored.value)), stored.etag)
        except Corrupt as corrupt:
            corrupt.etag = stored.etag  # of all documents, since all of them are written again
            raise

    async def between(self, first: int, last: int) -> AsyncIterator[tuple[int, Mapping[Series, float] | Corrupt]]:
        """Yield the windows from ``first`` to ``last`` that have any, oldest first."""
        scan = self.documents.scan(STANDINGS, _PARTITION, number(max(first, 0)), number(last + 1))
        documents = [document async for document in scan]
        for window, of in groupby(documents, lambda document: int(document.id.partition("_")[0])):
            try:
                yield window, _averages(list(of))
            except Corrupt as error:
                yield window, error

    async def write(self, window: int, averages: Mapping[Series, float], etag: str | None) -> None:
        """Create (etag None) or replace those of a window. Raises Conflict."""
        import numpy as np  # noqa: PLC0415

        numbers = np.array([list(averages.values())], np.float64).T
        bodies = {part.end: part.body(numbers) for part in parts_of(list(averages), 1)}
        await write_split(self.documents, STANDINGS, _PARTITION, number(window), bodies, etag)

    async def delete(self, etag: str) -> None:
        """Remove those of a window. Raises Conflict."""
        await delete_split(self.documents, STANDINGS, _PARTITION, etag)

    async def windows_before(self, before: int) -> AsyncIterator[int]:
        """Yield the windows before a second that have any, oldest first."""
        documents = [each async for each in self.documents.scan(STANDINGS, _PARTITION, to_id=number(before))]
        for window, _ in groupby(documents, lambda document: int(document.id.partition("_")[0])):
            yield window


def _averages(documents: list[Document]) -> Mapping[Series, float]:
    try:
        series, numbers = rows_of([document.body for document in documents])
        return dict(zip(series, numbers[:, 0].tolist(), strict=True))
    except (ValueError, IndexError) as error:  # includes msgspec's ValidationError
        raise Corrupt(STANDINGS, _PARTITION, documents[0], error) from error
