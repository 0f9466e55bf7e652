"""The history of series: their hours over the days before a day, as digests tell them. All learning starts from it.

Knows how digests of days are put together. Refuses to know what is learned.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from domain.baselines import HOURS, MOST_DAYS
from domain.digests import Digest, Series

if TYPE_CHECKING:
    from domain.buckets import Floats

TAUGHT_BY = 14
"""Of a series without a value in so many days nothing is learned any more."""


class History(NamedTuple):
    """The hours of series: by series, day (the oldest first) and hour; NaN where there is no value.

    ``series``: in the order of counters, then kinds, then names. ``weekdays``: those of the days.
    """

    series: Sequence[Series]
    hours: "Floats"
    weekdays: Sequence[int]


def history_of(day: date, digests: Mapping[date, Digest]) -> History:
    """Return the history before a day, of at most MOST_DAYS days. It begins with the first day that has a digest."""
    *_, whole = history_in_steps(day, digests)
    return whole


def history_in_steps(day: date, digests: Mapping[date, Digest]) -> Iterator[History]:
    """Yield the same after each digest, since it takes long: the last one is whole."""
    import numpy as np  # noqa: PLC0415

    before = sorted(each for each in digests if 0 < (day - each).days <= MOST_DAYS)
    taught = {
        series
        for each in before
        if (day - each).days <= TAUGHT_BY
        for series in digests[each].series
        if series.whose.kind != "peers"
    }
    series = sorted(taught, key=lambda each: (each.key, each.whose.kind, each.whose.name or ""))
    rows = {each: row for row, each in enumerate(series)}
    first = max(((day - each).days for each in before), default=0)
    hours = np.full((len(series), first, HOURS), np.nan)
    found = History(series, hours, [(day.weekday() - back) % 7 for back in range(first, 0, -1)])
    yield found
    for each in before:
        known = [(rows[one], at) for at, one in enumerate(digests[each].series) if one in rows]
        if known:
            to, at = (list(column) for column in zip(*known, strict=True))
            hours[to, first - (day - each).days] = digests[each].hours[at]
        yield found
