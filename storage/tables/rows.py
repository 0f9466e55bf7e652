"""Rows of numbers of many series, in documents of limited size: of each row whose it is, and its numbers.

A document holds the names of its series once, and the numbers as one text (storage.tables.arrays).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from domain.digests import Kind, Series, Whose
from storage.tables.arrays import array_of, bytes_of, planes_of, text_of

if TYPE_CHECKING:
    from domain.histogram import Floats

ROWS_A_PART = 1_500
"""The rows of a document: of 24 hours and one number each, at most 300 KB."""

_POSITIONS, _DOUBLES = "<u4", "<f8"


class RowsBody(msgspec.Struct):
    """A document's rows. ``whose`` and ``keys`` name them, and ``of`` has the positions of both for each row.

    ``width`` is the number of columns of ``numbers``.
    """

    whose: list[tuple[Kind, str | None]]
    keys: list[str]
    of: str
    width: int
    numbers: str


def bodies_of(series: Sequence[Series], numbers: "Floats") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the bodies of the parts of a matrix with a row for each series, each with the end of its document's id."""
    import numpy as np  # noqa: PLC0415

    for part, at in enumerate(range(0, len(series), ROWS_A_PART)):
        rows = slice(at, at + ROWS_A_PART)
        whose = {each: place for place, each in enumerate(sorted({one.whose for one in series[rows]}, key=_in_order))}
        keys = {each: place for place, each in enumerate(sorted({one.key for one in series[rows]}))}
        places = np.array([[whose[one.whose], keys[one.key]] for one in series[rows]], np.int64).reshape(-1)
        body = RowsBody(
            [(each.kind, each.name) for each in whose],
            list(keys),
            text_of(planes_of(places, _POSITIONS)),
            numbers.shape[1],
            text_of(planes_of(numbers[rows].reshape(-1), _DOUBLES)),
        )
        yield f"{part:04d}", msgspec.to_builtins(body)


def rows_of(bodies: Sequence[Mapping[str, Any]]) -> "tuple[list[Series], Floats]":
    """Return the series and the matrix of parts, in their order. Raises ValueError."""
    import numpy as np  # noqa: PLC0415

    series: list[Series] = []
    parts: list[Floats] = []
    for each in bodies:
        body = msgspec.convert(each, RowsBody)
        whose = [Whose(kind, name) for kind, name in body.whose]
        places = array_of(bytes_of(body.of), _POSITIONS).reshape(-1, 2).tolist()
        try:
            series += [Series(whose[one], body.keys[key]) for one, key in places]
        except IndexError as error:
            raise ValueError("a row is of a series that is not named") from error
        parts.append(array_of(bytes_of(body.numbers), _DOUBLES).reshape(len(places), body.width))
    return series, np.concatenate(parts)


def _in_order(whose: Whose) -> tuple[str, bool, str]:
    return whose.kind, whose.name is not None, whose.name or ""
