"""Odds of log-ons: how likely one is on a day, and how likely the first log-on and the last log-off are at each time.

Each day is foretold only from the days before it: those of the history, too, so that plans can be judged by what came.

**Views.** A view is a way to weigh past days: those of the same weekday, the last few, those of every second week,
and so on. Each gives odds of its own. They are mixed: a view weighs the more, the better it foretold the days so far
(the weight is the likelihood of what came, lately more than long ago: Bayesian model averaging with forgetting; Raftery
and others, "Online Prediction Under Model Uncertainty via Dynamic Model Averaging", Technometrics 2010).

**Away.** Who has stayed away on days on which they usually come may be on leave or ill. That is a hidden state with two
values, followed from day to day (a hidden Markov model, filtered). While somebody is away, days teach nothing about
when they come otherwise.

Constants were chosen on people and office VMs of benchmarks.people; other values near them do as well.

Knows days by their number and weekday. Refuses to know what to do about it (domain.logon_plans).
"""

from collections.abc import Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from domain.buckets import Flags, Floats, Ints

    Small = NDArray[np.float32]

BINS = 96
"""The number of times that odds are told for: the quarters of a day, or the half hours of two days."""

FIRST_MINUTES, LAST_MINUTES = 15, 30
"""The length of a bin of first log-ons, and of last log-offs, which may be on the day after."""

_LEAVES, _RETURNS, _COMES_AWAY = 0.015, 0.15, 0.02
"""The chance, by day, that somebody begins to be away, is back, and comes although away."""

_FORGETTING = 20.0
"""After so many days a success of a view counts half."""

_PRIOR_COMES = 0.7, 0.1
"""How likely somebody is to come on a workday and on a day of a weekend, if nothing is known. It weighs one day."""

_PRIOR_DAYS = 0.05
"""How many days the odds of first log-ons of a stranger weigh."""

_TAIL = 0.02
"""So much of what is likely lies far from what was seen."""

_SATURDAY = 5


class Odds(NamedTuple):
    """Odds of each day of the history, foretold from the days before it, and of each day ahead.

    ``come``: of a log-on, by series and day. ``first`` and ``last``: of the bins in which the first log-on and the last
    log-off lie, if there are any, by series, day and bin; of a day they add up to 1.
    """

    come: "Floats"
    first: "Small"
    last: "Small"


class Calendar:
    """The days of a history and those ahead, and how each weighs when another is foretold.

    ``weekdays`` are those of all days; ``taught``: by day to foretell and past day, whether the past day teaches it
    anything: it is before it, and, as far as was known until then, no holiday. ``known_after``: the same of each past
    day when it was over.
    """

    def __init__(self, weekdays: "Ints", weekdays_ahead: Sequence[int], holidays: "Flags", back: int = 1) -> None:
        """Take the weekdays of the history and those ahead, and the holidays as they were known before each day.

        ``back``: so many days before a day is the last one that teaches it anything: 1, or 2 for log-offs, which may be
        on the day after.
        """
        import numpy as np  # noqa: PLC0415

        past = len(weekdays)
        self.past = past
        self.weekdays = np.append(weekdays, np.asarray(weekdays_ahead, np.int64))
        day, before = np.arange(len(self.weekdays))[:, None], np.arange(past)[None]
        known = before <= np.minimum(day, past) - back
        self.age = np.where(known, day - before, 0)
        self.taught = known & ~holidays[np.minimum(day[:, 0], past)]
        self.known_after = ~holidays[np.arange(past) + 1, np.arange(past)]
        self._same = self.weekdays[:, None] == self.weekdays[None, :past]
        self._alike = (self.weekdays[:, None] >= _SATURDAY) == (self.weekdays[None, :past] >= _SATURDAY)
        week = (np.arange(len(self.weekdays)) - self.weekdays) // 7
        self._weeks = week[:, None] - week[None, :past]

    def faded(self, half_life: float) -> "Floats":
        """Return the weight of each past day when each day is foretold, half after so many days."""
        return self.taught * 0.5 ** (self.age / half_life)

    @cached_property
    def of_coming(self) -> list[tuple["Floats", float]]:
        """The views of whether somebody comes, and how many days the first of them weighs in each."""
        month, long = self.faded(28), self.faded(56)
        return [
            (month * self._alike, 1.0),
            (month * self._same, 0.7),
            (self.faded(3) * self._alike, 0.5),
            (long * (self._same & (self._weeks % 2 == 0)), 0.5),
            *((month * (self.age % cycle == 0), 0.4) for cycle in _CYCLES),
        ]

    @cached_property
    def of_times(self) -> list[tuple["Floats", float]]:
        """The views of when somebody comes or goes, and over how many bins each time is spread."""
        import numpy as np  # noqa: PLC0415

        alike = np.where(self._alike, 1.0, 0.1)
        mostly_same = self.faded(28) * np.where(self._same, 1.0, 0.4 * alike)
        others = 0.03
        return [
            (mostly_same, 0.7),
            (mostly_same, 2.0),
            (self.faded(10) * alike, 1.0),
            (self.faded(28) * np.where(self._same, 1.0, others * alike), 1.0),
            *((self.faded(56) * alike * np.where(self._weeks % weeks == 0, 1.0, others), 1.0) for weeks in (2, 3)),
        ]


_CYCLES = 6, 8
"""Rosters that are no weeks: four days on and two off, or four on and four off."""

_PRIOR_OF_COMING = 0.0, 1.0, -1.0, -2.0, -2.0, -2.0
_PRIOR_OF_TIMES = 0.0, 0.0, 0.0, 0.0, -2.0, -2.0
"""How likely each view is at first (logarithms): rare kinds of people have to show themselves."""


def odds(first: "Floats", last: "Floats", known: "Flags", calendar: Calendar, of_ends: Calendar) -> Odds:
    """Return the odds of series, given first log-ons and last log-offs, and which days are known, by series and day.

    ``of_ends`` is the calendar for last log-offs.
    """
    import numpy as np  # noqa: PLC0415

    came = ~np.isnan(first) & known
    return Odds(
        _coming(came, known, calendar),
        _times(first // FIRST_MINUTES, calendar),
        # A log-off is told as the end of its quarter.
        _times(np.minimum((last - 1) // LAST_MINUTES, BINS - 1), of_ends),
    )


def _coming(came: "Flags", known: "Flags", calendar: Calendar) -> "Floats":
    """Return the odds of a log-on. They are learned twice, the second time with little weight of days away."""
    import numpy as np  # noqa: PLC0415

    present = known.astype(np.float64)
    _, here = _followed(_usual(came, present, calendar), came, known, calendar)
    found, _ = _followed(_usual(came, present * here, calendar), came, known, calendar)
    return found


def _usual(came: "Flags", weight: "Floats", calendar: Calendar) -> "Floats":
    """Return how likely a log-on is while somebody is not away. ``weight``: of each day, by series."""
    import numpy as np  # noqa: PLC0415

    drawn_to = np.where(calendar.weekdays < _SATURDAY, *_PRIOR_COMES)[None]
    views: list[Floats] = []
    for view, days in calendar.of_coming:
        views.append(((came * weight) @ view.T + days * drawn_to) / (weight @ view.T + days))
        drawn_to = views[0]
    rates = np.clip(np.stack(views), 0.005, 0.995)
    of_past = rates[:, :, : calendar.past]
    successes = np.log(np.where(came, of_past, 1 - of_past)) * weight
    return np.asarray((_shares(successes, _PRIOR_OF_COMING, calendar) * rates).sum(axis=0))


def _followed(usual: "Floats", came: "Flags", known: "Flags", calendar: Calendar) -> tuple["Floats", "Floats"]:
    """Return the odds of a log-on by day, and how likely somebody was not away on each past day, once it was over."""
    import numpy as np  # noqa: PLC0415

    after = np.ones(came.shape)
    found = np.empty_like(usual)
    teaches = (known & calendar.known_after).tolist()
    # One series after the other, in plain numbers: faster than arrays, whose calls cost more than they compute.
    for row, (rates, comes, of_row) in enumerate(zip(usual.tolist(), came.tolist(), teaches, strict=True)):
        here = 1 - _LEAVES
        chances, heres = [], []
        for day, rate in enumerate(rates):
            here = here * (1 - _LEAVES) + (1 - here) * _RETURNS
            chances.append(here * rate + (1 - here) * _COMES_AWAY)
            if day < calendar.past:
                if of_row[day]:
                    if_here = here * (rate if comes[day] else 1 - rate)
                    if_away = (1 - here) * (_COMES_AWAY if comes[day] else 1 - _COMES_AWAY)
                    here = if_here / (if_here + if_away)
                heres.append(here)
        found[row], after[row] = chances, heres
    return found, after


def _times(bins: "Floats", calendar: Calendar) -> "Small":
    """Return the odds of the bins of a time, given those of the past by series and day, NaN where there is none."""
    import numpy as np  # noqa: PLC0415

    there = ~np.isnan(bins)
    at = np.where(there, bins, 0).astype(np.int64)
    weight = there.astype(np.float32)
    views, successes = [], []
    for view, spread in calendar.of_times:
        days = view.astype(np.float32)
        sums = _weighted(days, _spread(spread)[at] * weight[:, :, None]) + np.float32(_PRIOR_DAYS / BINS)
        found = sums / ((days @ weight[:, :, None])[:, :, 0] + np.float32(_PRIOR_DAYS))[:, :, None]
        views.append(found)
        successes.append(np.log(picked(found[:, : calendar.past], at)) * weight)
    shares = _shares(np.stack(successes), _PRIOR_OF_TIMES, calendar).astype(np.float32)
    return np.asarray(sum(share[:, :, None] * view for share, view in zip(shares, views, strict=True)))


def _weighted(weights: "Small", values: "Small") -> "Small":
    """Return weighted sums of past days, by series, day and bin.

    Products are made in halves: of larger ones numpy's library makes several threads, which here cost more than they
    bring.
    """
    import numpy as np  # noqa: PLC0415

    halves = 2, BINS // 2
    found = np.empty((len(values), len(weights), *halves), np.float32)
    parts = values.reshape(*values.shape[:2], *halves).transpose(0, 2, 1, 3)
    np.matmul(weights, parts, out=found.transpose(0, 2, 1, 3))
    return found.reshape(*found.shape[:2], BINS)


@cache
def _spread(bins: float) -> "Small":
    """Return how a time of each bin is spread over the bins: most of it over so many on each side."""
    import numpy as np  # noqa: PLC0415

    apart = np.abs(np.arange(BINS)[:, None] - np.arange(BINS)[None])
    near, far = (each / each.sum(axis=1, keepdims=True) for each in (np.exp(-apart / bins), np.exp(-apart / 12)))
    return np.asarray((1 - _TAIL) * near + _TAIL * (0.7 * far + 0.3 / BINS), np.float32)


def _shares(successes: "Floats", prior: Sequence[float], calendar: Calendar) -> "Floats":
    """Return the share of each view, by view, series and day.

    ``successes``: the logarithms of how likely each view held what came, by view, series and past day.
    """
    import numpy as np  # noqa: PLC0415

    sums = successes @ calendar.faded(_FORGETTING).T + np.array(prior)[:, None, None]
    # Not less than a trace: numbers that are next to nothing are slow.
    shares = np.exp(np.maximum(sums - sums.max(axis=0), -30.0))
    return np.asarray(shares / shares.sum(axis=0))


def picked(values: "Floats | Small", at: "Ints") -> "Floats":
    """Return one value of each series and day, given its place on the last axis. numpy's take_along_axis is slower."""
    import numpy as np  # noqa: PLC0415

    rows = np.arange(at.size)
    return np.asarray(values.reshape(at.size, values.shape[-1])[rows, at.reshape(-1)].reshape(at.shape), np.float64)


def summed(values: "Small") -> "Small":
    """Return the sums of the values before each bin, and of all."""
    import numpy as np  # noqa: PLC0415

    found = np.zeros((*values.shape[:2], BINS + 1), np.float32)
    np.cumsum(values, axis=2, out=found[:, :, 1:])
    return found


def quantiles(chances: "Small", levels: "Floats") -> "Floats":
    """Return the bins below which time lies with these odds, by series and day. Within a bin all is as likely."""
    import numpy as np  # noqa: PLC0415

    by = summed(chances)
    at = np.clip((by < levels[..., None]).sum(axis=2) - 1, 0, BINS - 1)
    return np.asarray(np.clip(at + (levels - picked(by, at)) / picked(chances, at), 0, BINS))


def levels_of(chances: "Small", bins: "Floats") -> "Floats":
    """Return how likely an earlier time than each of these was, by series and day; NaN where there is none."""
    import numpy as np  # noqa: PLC0415

    there = ~np.isnan(bins)
    whole = np.where(there, np.clip(bins, 0, BINS), 0)
    at = np.minimum(whole.astype(np.int64), BINS - 1)
    return np.where(there, picked(summed(chances), at) + picked(chances, at) * (whole - at), np.nan)
