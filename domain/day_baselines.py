"""Baselines of a local day: of many series in one zone, as they are learned for all hours and kept by the hour."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from domain.always import Always
from domain.baselines import HOURS, MOST_DAYS, Bands, learn
from domain.digests import KEPT_BITS, Digest, Series, rounded
from domain.named_series import NamedSeries

if TYPE_CHECKING:
    from domain.histogram import Floats

TAUGHT_BY = 14
"""A series without a value in so many days has no baseline any more."""


@dataclass(frozen=True, slots=True, eq=False)
class DayBaselines:
    """What is normal for series in each hour of a local day, or in one hour: see domain.baselines.Bands.

    ``zone`` is that of the day (None: UTC). ``always``: the series of VMs that are unusual as always.
    """

    zone: str | None
    series: NamedSeries
    bands: Bands
    always: Mapping[Series, Always] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Tell whether there is any series."""
        return bool(self.series)


def day_baselines(day: date, zone: str | None, digests: Mapping[date, Digest]) -> DayBaselines:
    """Return the baselines of a day, learned from digests of the days before it (at most MOST_DAYS of them)."""
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
    first = min(((day - each).days for each in before[:1]), default=0)
    hours = np.full((len(series), first, HOURS), np.nan)
    for each in before:
        known = [(rows[one], at) for at, one in enumerate(digests[each].series) if one in rows]
        if known:
            to, at = (list(column) for column in zip(*known, strict=True))
            hours[to, first - (day - each).days] = digests[each].hours[at]
    weekdays = [(day.weekday() - back) % 7 for back in range(first, 0, -1)]
    bands = learn(hours, weekdays, day.weekday())
    return DayBaselines(zone, NamedSeries.from_series(series), Bands(_kept(bands.lines), bands.days))


def _kept(lines: "Floats") -> "Floats":
    """Return the lines of Bands, rounded. Ends are rounded outwards, so that a constant lies within its own band."""
    import numpy as np  # noqa: PLC0415

    kept = rounded(lines, KEPT_BITS)
    step = 2.0**-KEPT_BITS * np.abs(kept)
    for line, side in ((1, -1), (2, 1), (3, -1), (4, 1)):
        inside = side * (lines[line] - kept[line]) > 0
        kept[line] = np.where(inside, rounded(kept[line] + side * step[line], KEPT_BITS), kept[line])
    return kept
