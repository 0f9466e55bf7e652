"""Rows of numbers of many series, in documents of limited size: of each row whose it is, and its numbers.

A document holds the names of its series once, and the numbers as one text (storage.tables.arrays): as floats of 4 bytes
if these hold each of them exactly (domain.digests.rounded), or else, since one is too large or too small, of 8 bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from domain.digests import Series, Whose
from domain.named_series import NamedSeries
from storage.tables.arrays import array_of, bytes_of, planes_of, text_of

if TYPE_CHECKING:
    from domain.buckets import Floats

PART_BYTES = 1_200_000
"""The bytes of a document, at most: two thirds of what it may have. A tenant's baselines of an hour mostly have one."""

_NUMBER, _ROW, _NAME = 7, 11, 30
"""The bytes of text, at most, of a rounded number (5 of its 8 bytes are not zero), a row's positions, and a name's
surroundings."""

FIRST_PART = "000000"
"""The end of the first document's id."""

_POSITIONS = "<u4"
_SHORT: Literal["<f4"] = "<f4"
_LONG: Literal["<f8"] = "<f8"


class RowsBody(msgspec.Struct):
    """A document's rows, of names that stand once.

    ``of`` has the positions among ``whose`` and ``keys``: of each row the one, then of each row the other. ``width`` is
    the number of columns of ``numbers``, and ``float`` the kind of each.
    """

    whose: list[Whose]
    keys: list[str]
    of: str
    width: int
    float: Literal["<f4", "<f8"]
    numbers: str


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of a document: the end of its id, which rows of all they are, and how it names them."""

    end: str
    rows: slice
    series: NamedSeries
    of: str

    def body(self, numbers: "Floats") -> Mapping[str, Any]:
        """Return the document's body, given the matrix of all rows."""
        rows = numbers[self.rows]
        kind = _SHORT if _fits(rows) else _LONG
        text = text_of(planes_of(rows.reshape(-1), kind))
        body = RowsBody(list(self.series.whose), list(self.series.keys), self.of, numbers.shape[1], kind, text)
        built: Mapping[str, Any] = msgspec.to_builtins(body)
        return built


def parts_of(series: Sequence[Series], width: int) -> Iterator[Part]:
    """Split rows of so many numbers into documents of at most PART_BYTES. Numbers are rounded (domain.digests)."""
    first, taken = 0, 0
    named: set[Whose] = set()
    for at, each in enumerate(series):
        size = width * _NUMBER + _ROW + (0 if each.whose in named else len((each.whose.name or "").encode()) + _NAME)
        if taken + size > PART_BYTES and at > first:
            yield _part(first, series[first:at])
            first, taken = at, 0
            named.clear()
        named.add(each.whose)
        taken += size
    if first < len(series):
        yield _part(first, series[first:])


def _part(first: int, series: Sequence[Series]) -> Part:
    named = NamedSeries.from_series(series)
    of = text_of(planes_of(named.of.reshape(-1), _POSITIONS))
    return Part(f"{first:06d}", slice(first, first + len(series)), named, of)


def rows_of(bodies: Sequence[Mapping[str, Any]]) -> "tuple[NamedSeries, Floats]":
    """Return the series and the matrix of parts, in their order. Raises ValueError."""
    import numpy as np  # noqa: PLC0415

    series: list[NamedSeries] = []
    parts: list[Floats] = []
    for each in bodies:
        body = msgspec.convert(each, RowsBody)
        of = array_of(bytes_of(body.of), _POSITIONS).reshape(2, -1).astype(np.int64)
        series.append(NamedSeries(body.whose, body.keys, of))
        parts.append(array_of(bytes_of(body.numbers), body.float).reshape(of.shape[1], body.width).astype(np.float64))
    return NamedSeries.joined(series), np.concatenate(parts)


def without(stored: Mapping[str, Any], whose: Whose) -> Mapping[str, Any] | None:
    """Return a stored body without the rows of one; None if it has no others. Raises ValueError."""
    body = msgspec.convert(stored, RowsBody)
    if whose not in body.whose:
        return stored
    named, numbers = rows_of([stored])
    stays = named.of[0] != body.whose.index(whose)
    series = [each for each, kept in zip(named, stays.tolist(), strict=True) if kept]
    return _part(0, series).body(numbers[stays]) if series else None


def _fits(numbers: "Floats") -> bool:
    """Tell whether floats of 4 bytes hold these numbers exactly."""
    import numpy as np  # noqa: PLC0415

    with np.errstate(over="ignore", under="ignore"):
        return np.array_equal(numbers.astype(np.float32), numbers, equal_nan=True)
