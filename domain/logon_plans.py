"""Plans for VMs: when to start one before somebody comes, when to give up, and when to stop; each with a service level.

**The price of a miss.** A VM is kept up in a quarter hour if that is worth it: if the odds that somebody comes in it,
times the price of a miss (in idle minutes), are more than the minutes in which it would stand idle. So a price makes
the best plan of each day: the stretch of quarters that is worth most, or none. Days on which hardly anybody comes are
left out first, and starts are early only where log-ons are uncertain.

**The service level.** Which price serves the wanted share of first log-ons is learned from the past: each day's plan at
each price, made of the days before it, is held against what came. As far as the past is too short to tell, the odds
themselves do. The same finds which quantile of last log-offs holds the wanted share of them.

Knows odds (domain.logon_odds). Refuses to know clocks, dates, and how long a VM takes to start.
"""

from typing import TYPE_CHECKING, NamedTuple

from domain.logon_odds import BINS, FIRST_MINUTES, LAST_MINUTES, Calendar, Odds, levels_of, picked, quantiles, summed

if TYPE_CHECKING:
    from domain.buckets import Flags, Floats, Ints
    from domain.logon_odds import Small

_PRICES = 11
_CHEAPEST, _DEARER = 15.0, 1.85
"""Prices of a miss in idle minutes: the cheapest, and by what each next one is dearer. The dearest is some five days:
to serve one more log-on is worth no more."""

_LEVELS = (*(0.04 * step for step in range(1, 24)), 0.94, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995, 0.998, 0.999)
"""Levels of odds that are tried: below which one do past times lie?"""

_WITHIN = 0.8
"""The share of times that lie within a band."""

_ODDS_WEIGH, _DOUBT = 15.0, 0.1
"""How many log-ons of the past the share that the odds promise weighs, and how many more are counted as missed, since
the past may have been lucky."""

_LEVEL_WEIGHS = 4.0
"""The same of the share that lies below a level."""

_NEAR = 60.0
"""In minutes: times of neighbouring prices that lie farther apart have nothing between them."""

_HALF_LIFE = 28.0
"""After so many days a miss counts half."""

_LEARNING = 5
"""The first days' plans are not judged: they are made of next to nothing."""


class Plans(NamedTuple):
    """Plans by series and day, in minutes after the day's midnight; NaN where the VM should not be started.

    The VM is up from ``begin`` on; at ``give_up`` it is stopped if nobody has come; after ``stop`` it is stopped once
    nobody is logged on.
    """

    begin: "Floats"
    give_up: "Floats"
    stop: "Floats"


def plans(
    odds: Odds, first: "Floats", last: "Floats", known: "Flags", calendar: Calendar, of_ends: Calendar, serve: float
) -> Plans:
    """Return the plans of each day of the history, made of the days before it, and of each day ahead.

    ``first`` and ``last`` are what came, and ``known`` tells which days are known, by series and day. ``of_ends`` is
    the calendar for last log-offs. Before the first log-on of a series nothing is started.
    """
    import numpy as np  # noqa: PLC0415

    past = calendar.past
    weights = _weights(calendar)
    begins, ends, promised = _stretches(odds)
    came = (~np.isnan(first) & known)[:, :, None]
    in_time = came & (first[:, :, None] >= begins[:, :past]) & (first[:, :, None] < ends[:, :past])
    of_day = odds.come[:, :, None]
    promise = (weights @ (promised[:, :past] * known[:, :, None]) + 2 * promised) / (
        weights @ (of_day[:, :past] * known[:, :, None]) + 2 * of_day
    )
    price = _least(_share(in_time, came, promise, weights, _ODDS_WEIGH, _DOUBT), serve)
    ever = (came[:, :, 0] @ (calendar.age.T > 0))[:, :, None]
    begin, give_up = (price.between(np.where(ever, each, np.nan)) for each in (begins, ends))
    level = _level(levels_of(odds.last[:, :past], last / LAST_MINUTES), _weights(of_ends), serve)
    stop = quantiles(odds.last, level) * LAST_MINUTES
    return Plans(begin, give_up, np.where(np.isnan(begin), np.nan, stop))


class Bands(NamedTuple):
    """The median and an 80 % band of a time, by series and day, in minutes after the day's midnight."""

    expected: "Floats"
    low: "Floats"
    high: "Floats"


def bands(chances: "Small", came: "Floats", minutes: int, calendar: Calendar) -> Bands:
    """Return bands of first log-ons or last log-offs, as wide as past ones had to be. ``came``: those of the past."""
    import numpy as np  # noqa: PLC0415

    levels = levels_of(chances[:, : calendar.past], came / minutes)
    width = _level(np.abs(2 * levels - 1), _weights(calendar), _WITHIN)
    of_bins = (quantiles(chances, level) for level in (np.full_like(width, 0.5), (1 - width) / 2, (1 + width) / 2))
    return Bands(*(each * minutes for each in of_bins))


def _weights(calendar: Calendar) -> "Small":
    """Return how much each past day counts when each day is foretold."""
    import numpy as np  # noqa: PLC0415

    return np.asarray(calendar.faded(_HALF_LIFE) * (np.arange(calendar.past) >= _LEARNING), np.float32)


def _level(levels: "Floats", weights: "Small", share: float) -> "Floats":
    """Return the level below which this share of past ones lay, by series and day to foretell.

    If odds are true, it is the share itself.
    """
    import numpy as np  # noqa: PLC0415

    there = ~np.isnan(levels)[:, :, None]
    tried = np.array(_LEVELS)
    least = _least(_share(levels[:, :, None] <= tried, there, tried, weights, _LEVEL_WEIGHS, 0.0), share)
    return least.between(np.broadcast_to(tried, (*least.at.shape, len(tried))))


def _stretches(odds: Odds) -> tuple["Floats", "Floats", "Floats"]:
    """Return the best stretch at each price: its begin and end, and the odds that somebody comes within it.

    They are by series, day and price. Without a stretch, begin and end are NaN.
    """
    import numpy as np  # noqa: PLC0415

    comes: Small = odds.come.astype(np.float32)[:, :, None] * odds.first
    gone_by = summed(comes)
    # Who comes within a quarter comes in its middle.
    idle_by = summed(np.asarray(FIRST_MINUTES * (1 - gone_by[:, :, 1:] + comes / 2), np.float32))
    begins, ends = np.empty((2, *odds.come.shape, _PRICES), np.int64)
    for at in range(_PRICES):  # not side by side, since that takes more memory than is near the processor
        worth_by = np.float32(_CHEAPEST * _DEARER**at) * gone_by - idle_by
        least_by = np.minimum.accumulate(worth_by, axis=2)
        end = (worth_by - least_by).argmax(axis=2)
        begin = (worth_by <= picked(least_by, end)[:, :, None]).argmax(axis=2)
        begins[:, :, at], ends[:, :, at] = np.where(end > begin, begin, BINS), np.where(end > begin, end, 0)
    # A dearer miss never makes a stretch shorter: where the best one lies elsewhere, it is both and what is between.
    begins, ends = np.minimum.accumulate(begins, axis=2), np.maximum.accumulate(ends, axis=2)
    none = ends <= begins
    promised = np.take_along_axis(gone_by, ends, 2) - np.take_along_axis(gone_by, begins, 2)
    begin, end = (np.where(none, np.nan, each * float(FIRST_MINUTES)) for each in (begins, ends))
    return begin, end, np.where(none, 0.0, promised)


def _share(hits: "Flags", cases: "Flags", promised: "Floats", weights: "Small", odds: float, doubt: float) -> "Floats":
    """Return which share of cases is hit by series, day to foretell and choice, given those of past days.

    ``promised``: the share by the odds; it weighs ``odds`` cases. ``doubt``: how many cases more are counted as missed.
    """
    import numpy as np  # noqa: PLC0415

    number = weights @ cases.astype(np.float32)
    found = (weights @ hits.astype(np.float32) + odds * promised) / (number + odds + doubt)
    return np.asarray(found, np.float64)


class _Choice(NamedTuple):
    """The least choice that is enough, and how far beyond the one before it one has to go, as a share of the step."""

    at: "Ints"
    beyond: "Floats"

    def between(self, of_choices: "Floats") -> "Floats":
        """Return what lies between the values of the choice before and of this one; this one's if they are not near.

        Between times that are far apart, such as the begins of two shifts, nobody may come.
        """
        import numpy as np  # noqa: PLC0415

        own, before = picked(of_choices, self.at), picked(of_choices, np.maximum(self.at - 1, 0))
        near = np.abs(own - before) <= _NEAR  # false where there is none before
        return np.where(near, before + (own - before) * self.beyond, own)


def _least(shares: "Floats", serve: float) -> _Choice:
    """Return the least choice whose share is enough; the last one if none is."""
    import numpy as np  # noqa: PLC0415

    enough = shares >= serve
    at = np.where(enough.any(axis=2), enough.argmax(axis=2), shares.shape[2] - 1)
    own, before = picked(shares, at), picked(shares, np.maximum(at - 1, 0))
    step = own - before
    beyond = np.where(step > 0, np.clip((serve - before) / np.where(step > 0, step, 1), 0, 1), 1.0)
    return _Choice(at, beyond)
