"""Baselines of a local day: of many series in one zone, as they are learned for all hours and kept by the hour."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from domain.always import Always
from domain.baselines import Bands, learn
from domain.digests import KEPT_BITS, Series, rounded
from domain.histories import History
from domain.named_series import NamedSeries

if TYPE_CHECKING:
    from domain.buckets import Floats


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


def day_baselines(day: date, zone: str | None, history: History) -> DayBaselines:
    """Return the baselines of a day, learned from the history before it."""
    return as_kept(zone, history, learn(history.hours, history.weekdays, day.weekday()))


def as_kept(zone: str | None, history: History, bands: Bands) -> DayBaselines:
    """Return the baselines that were learned from a history, rounded."""
    return DayBaselines(zone, NamedSeries.from_series(history.series), Bands(_kept(bands.lines), bands.days))


def _kept(lines: "Floats") -> "Floats":
    """Return the lines of Bands, rounded. Ends are rounded outwards, so that a constant lies within its own band."""
    import numpy as np  # noqa: PLC0415

    kept = rounded(lines, KEPT_BITS)
    step = 2.0**-KEPT_BITS * np.abs(kept)
    for line, side in ((1, -1), (2, 1), (3, -1), (4, 1)):
        inside = side * (lines[line] - kept[line]) > 0
        kept[line] = np.where(inside, rounded(kept[line] + side * step[line], KEPT_BITS), kept[line])
    return kept
