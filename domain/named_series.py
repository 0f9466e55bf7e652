"""The series of a matrix's rows, as names that stand once and their positions: thousands of rows have few names.

So reading them costs little, and a Series is made only where one is asked for. Knows nothing of what the rows hold.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from domain.digests import Series, Whose

if TYPE_CHECKING:
    from domain.buckets import Ints


class NamedSeries(Collection[Series]):
    """The series of rows, in the order of the rows. Each series has one row."""

    def __init__(self, whose: Sequence[Whose], keys: Sequence[str], of: "Ints") -> None:
        """``of``: two lines, of each row the position of whose it is, and that of its counter. Raises ValueError."""
        if of.size and (of.min() < 0 or (of.max(axis=1) >= (len(whose), len(keys))).any()):
            raise ValueError("a row is of a series that is not named")
        self.whose = whose
        self.keys = keys
        self.of = of

    @classmethod
    def from_series(cls, series: Iterable[Series]) -> "NamedSeries":
        """Return these series."""
        import numpy as np  # noqa: PLC0415

        whose: dict[Whose, int] = {}
        keys: dict[str, int] = {}
        of = [(whose.setdefault(each.whose, len(whose)), keys.setdefault(each.key, len(keys))) for each in series]
        return cls(list(whose), list(keys), np.array(of, np.int64).reshape(-1, 2).T)

    @classmethod
    def joined(cls, parts: Sequence["NamedSeries"]) -> "NamedSeries":
        """Return the series of some parts, one after the other."""
        import numpy as np  # noqa: PLC0415

        if len(parts) == 1:
            return parts[0]
        whose: dict[Whose, int] = {}
        keys: dict[str, int] = {}
        of = [np.empty((2, 0), np.int64)]
        for part in parts:
            here = np.array([whose.setdefault(each, len(whose)) for each in part.whose], np.int64)
            of_keys = np.array([keys.setdefault(each, len(keys)) for each in part.keys], np.int64)
            of.append(np.stack([here[part.of[0]], of_keys[part.of[1]]]))
        return cls(list(whose), list(keys), np.concatenate(of, axis=1))

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.of[0])

    def __iter__(self) -> Iterator[Series]:
        """Yield the series of each row."""
        for whose, key in self.of.T.tolist():
            yield Series(self.whose[whose], self.keys[key])

    def at(self, row: int) -> Series:
        """Return the series of a row."""
        whose, key = self.of[:, row].tolist()
        return Series(self.whose[whose], self.keys[key])

    def __contains__(self, series: object) -> bool:
        """Tell whether a series has a row."""
        return isinstance(series, Series) and self.rows([series.whose], series.key)[0] >= 0

    def index(self, series: Series) -> int:
        """Return the row of a series. Raises ValueError if it has none."""
        row = int(self.rows([series.whose], series.key)[0])
        if row < 0:
            raise ValueError(f"there is no row of {series}")
        return row

    def rows(self, whose: Sequence[Whose], key: str) -> "Ints":
        """Return the rows of a counter's series, in the order of ``whose``; -1 for one that has none."""
        import numpy as np  # noqa: PLC0415

        row_of = np.full(len(self.whose) + 1, -1, np.int64)  # the last place is of whoever is not named
        if key in self.keys:
            rows = np.flatnonzero(self.of[1] == self.keys.index(key))
            row_of[self.of[0, rows]] = rows
        return np.asarray(row_of[[self._places.get(each, -1) for each in whose]], np.int64)

    @cached_property
    def _places(self) -> dict[Whose, int]:
        return {each: place for place, each in enumerate(self.whose)}
