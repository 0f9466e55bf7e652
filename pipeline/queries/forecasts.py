"""Forecasts as answers: what a counter will be in each window of the hours that come.

Reads what was learned (pipeline.learning) and the values of the last hours: one window of each hour, and the last four.
So it reads as few documents for a large fleet as for a small one. A tenant's caller gets forecasts of its own tenant.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from domain.baselines import FEWEST_DAYS, HOURS
from domain.counters import COUNTERS, Reduction, reduce_readings, reduction_of
from domain.digests import Series
from domain.disclosure import ForTenants
from domain.exact import LARGEST, mean
from domain.forecasting import BAND_FROM
from domain.forecasts import DAYS_AHEAD, RECENT_HOURS, Forecasts, course, is_forecast
from domain.minutes import HOUR, WINDOW, window_of
from domain.zones import local, local_windows
from pipeline.concurrency import gather
from pipeline.queries.series import SeriesQuestion, series_asked, zone_of_series
from pipeline.queries.view import AT_ONCE, View
from pipeline.queries.windows import ended
from storage.documents import Corrupt
from storage.tables import Tables

if TYPE_CHECKING:
    from domain.buckets import Floats

NOT_LEARNED = (
    "nothing is learned of it since yesterday: forecasts are learned twice a day, for the day that begins next"
)
TOO_SHORT = f"it has values of fewer than {FEWEST_DAYS} days"
NO_BAND = f"it has values of fewer than {BAND_FROM} days, so there is no band yet"
NOT_OF_VMS = "of VMs and pools, only counters that people look at first are forecast"
NOT_AT_THESE_HOURS = "it never had values at these hours of the day"

_LAST_WINDOWS = 4
"""So many windows are the last hour, whenever it ends."""


@dataclass(slots=True)
class ForecastItem:
    """What is expected in a window."""

    window: int
    """The window's first second."""
    expected: float | None
    """The expected mean of its hour; null: unknown."""
    low: float | None
    """The low end of a band that holds four of five such means; null: unknown."""
    high: float | None
    """The high end of the band."""


@dataclass(slots=True)
class OwnForecastItem(ForecastItem, ForTenants):
    """What is expected in a window for a tenant or its VM, as that tenant's caller sees it."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a forecast: what was asked, resolved, and how good the forecast is."""

    key: str
    vm: str | None
    history: int
    """The days from which it was learned; 0: nothing was learned."""
    timeZone: str
    """The clocks by which it was learned: of a VM those of its region, of others those of most VMs. UTC, if no region
    is known."""
    mase: float | None
    """How the same method did on the last four weeks, two days ahead: its mean error as a part of that of "same time
    yesterday". Below 1, it is better. null: there is too little history."""
    coverage: float | None
    """The share of these weeks' hours that were within the bands that were known before. null: too little history."""
    reason: str | None
    """Why nothing is known, or no band; null: both are."""
    rule: Reduction
    """How a window's value follows from its 15 minutes: their mean, sum, least or greatest."""


@dataclass(frozen=True, slots=True)
class Forecast(Told):
    """What is expected in each window, oldest first."""

    tenant: str | None
    """The tenant; null: the fleet, or a group of it."""
    data: list[ForecastItem]


@dataclass(frozen=True, slots=True)
class OwnForecast(Told, ForTenants):
    """What is expected of a tenant or its VM in each window, oldest first, as that tenant's caller sees it."""

    tenant: str
    data: list[OwnForecastItem]


async def get_forecast(tables: Tables, question: SeriesQuestion, view: View) -> Forecast | OwnForecast:
    """Return what is expected from the newest window that has ended on.

    Raises NotFound, and Forbidden where a tenant's caller asks for the fleet.
    """
    asked = await series_asked(tables, question, view)
    zone = await zone_of_series(tables, asked.tenant, asked.whose)
    series = Series(asked.whose, asked.key)
    first = (ended(window_of(asked.newest), view.now) or 0) + WINDOW
    windows = range(first, first + question.hours * HOUR, WINDOW)
    learned = await _learned(tables, asked.tenant, zone, local(first, zone).day, series)
    expected = await _expected(tables, asked.tenant, series, learned, windows, view) if learned else {}
    days, mase, coverage = learned.told if learned else (0, None, None)
    reason = _reason(series, days, list(expected.values()))
    rule = reduction_of(asked.key, view.reductions)
    told = (asked.key, asked.vm, days, zone or "UTC", mase, coverage, reason, rule)
    lines = [(window, *expected.get(window, (None, None, None))) for window in windows]
    if asked.tenant is not None and view.caller.tenant:
        return OwnForecast(*told, asked.tenant, [OwnForecastItem(*line) for line in lines])
    return Forecast(*told, asked.tenant, [ForecastItem(*line) for line in lines])


@dataclass(frozen=True, slots=True)
class _Learned:
    """The forecast of one series (the only row) from a local day on, by the clocks of a zone."""

    zone: str | None
    day: date
    forecasts: Forecasts

    @property
    def told(self) -> tuple[int, float | None, float | None]:
        """What is told of it: the days that it was learned from, and its score."""
        of = self.forecasts
        return int(of.days[0]), _known(of.mase[0]), _known(of.coverage[0])

    def hours(self, windows: Sequence[int]) -> list[int]:
        """Return the places of windows' hours, counted from the day's first one."""
        return [(at.day - self.day).days * HOURS + at.hour for at in local_windows(windows, self.zone)]


async def _learned(
    tables: Tables, tenant: str | None, zone: str | None, today: date, series: Series
) -> _Learned | None:
    """Return what was learned for today, or else for yesterday."""
    for day in (today, today - timedelta(days=1)):
        if found := await tables.forecasts.read(tenant, zone, day, series):
            return _Learned(zone, day, found)
    return None


_Line = tuple[float | None, float | None, float | None]


async def _expected(
    tables: Tables, tenant: str | None, series: Series, learned: _Learned, windows: range, view: View
) -> Mapping[int, _Line]:
    """Return what is expected in windows, and the band's ends."""
    counter = COUNTERS.get(series.key)
    highest = _MOST_PERCENT if counter and counter.unit == "%" else LARGEST
    came = await _came(tables, tenant, series, learned, windows[0], view)
    lines = course(learned.forecasts, 0, learned.day.weekday(), came, highest)
    places = learned.hours(windows)
    return {
        window: (_known(lines.expected[at]), _known(lines.low[at]), _known(lines.high[at]))
        for window, at in zip(windows, places, strict=True)
        if at < len(lines.expected) and not math.isnan(lines.expected[at])
    }


async def _came(
    tables: Tables, tenant: str | None, series: Series, learned: _Learned, before: int, view: View
) -> "Floats":
    """Return the values of the last hours before a window, by hour since the forecast's first day began."""
    import numpy as np  # noqa: PLC0415

    last = range(before - _LAST_WINDOWS * WINDOW, before, WINDOW)
    windows = [*range(last[0] - (RECENT_HOURS - 1) * HOUR + WINDOW, last[0], HOUR), *last]
    read = await gather((_value(tables, tenant, series, window, view) for window in windows), AT_ONCE)
    places = learned.hours(windows)
    places[-_LAST_WINDOWS:] = [places[-1]] * _LAST_WINDOWS
    of_hours: dict[int, list[float]] = {}
    for place, value in zip(places, read, strict=True):
        if place >= 0 and not math.isnan(value):
            of_hours.setdefault(place, []).append(value)
    came = np.full(DAYS_AHEAD * HOURS, np.nan)
    for place, values in of_hours.items():
        came[place] = mean(values, len(values))
    return came


async def _value(tables: Tables, tenant: str | None, series: Series, window: int, view: View) -> float:
    """Return a series' value of a window; NaN: there is none, or it can't be read."""
    import numpy as np  # noqa: PLC0415

    (kind, name), key = series
    try:
        if tenant is None:
            averages = await tables.fleet_averages.read(window)
            return averages.value.get(series, math.nan) if averages else math.nan
        if kind == "vm":
            of_vm = await tables.samples.read(tenant, name or "", window, [key])
            readings = [each for each in (of_vm.value.series.get(key, ()) if of_vm else ()) if each is not None]
            return reduce_readings(reduction_of(key, view.reductions), readings) if readings else math.nan
        standings = await tables.standings.read(tenant, window, [key])
        if standings is None or key not in standings.value.columns:
            return math.nan
    except Corrupt:
        return math.nan
    column = standings.value.columns[key]
    inside = [kind == "tenant" or vm.dimensions.ResourcePoolName == name for vm in standings.value.vms]
    values = column[np.array(inside) & ~np.isnan(column)].tolist()
    return mean(values, len(values)) if values else math.nan


def _reason(series: Series, days: int, expected: Sequence[_Line]) -> str | None:
    """Return why nothing is known, or no band; None: both are."""
    if expected:
        return NO_BAND if all(low is None for _, low, _ in expected) else None
    if not is_forecast(series):
        return NOT_OF_VMS
    if not days:
        return NOT_LEARNED
    return TOO_SHORT if days < FEWEST_DAYS else NOT_AT_THESE_HOURS


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


_MOST_PERCENT = 100.0
