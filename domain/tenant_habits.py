"""A tenant's habits in one zone: when its pools and VMs were used on the last days, and how good advice was.

That is what a question about log-ons needs (domain.logons): it is made when learning runs, and is the use of the days
side by side (domain.use_days), made short. Refuses to know where it is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from domain.digests import Whose
from domain.logon_scores import Score
from domain.logons import Habits, habits
from domain.use_days import Use

if TYPE_CHECKING:
    from domain.buckets import Flags, Floats


@dataclass(frozen=True, slots=True, eq=False)
class TenantHabits:
    """The habits of a tenant's pools and VMs by the clocks of a zone (None: UTC).

    ``first``: the first day. ``whose``: of each series of the habits, pools first. ``known`` and ``tenant_used``: see
    domain.use_days.Use. ``sessions``: by pool, day and quarter; without rows if they were not asked for.
    """

    zone: str | None
    first: date
    whose: Sequence[Whose]
    habits: Habits
    known: "Flags"
    tenant_used: "Floats"
    sessions: "Floats"

    def __eq__(self, other: object) -> bool:
        """Tell whether both hold the same."""
        return (
            isinstance(other, TenantHabits)
            and (self.zone, self.first, self.whose) == (other.zone, other.first, other.whose)
            and all(map(_equal, self._arrays, other._arrays))
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def _arrays(self) -> "Sequence[Any]":
        of = self.habits
        return of.first, of.last, of.taught, of.holidays, of.weekdays, self.known, self.tenant_used, self.sessions

    @property
    def last(self) -> date:
        """The last day."""
        return self.first + timedelta(days=len(self.known) - 1)

    @property
    def pools(self) -> Sequence[Whose]:
        """Those of the series that are pools: the first ones."""
        return [each for each in self.whose if each.kind == "pool"]

    def of(self, some: Sequence[Whose]) -> Habits:
        """Return the habits of some of them."""
        places = {each: row for row, each in enumerate(self.whose)} if len(some) > 1 else {}
        rows = [places[each] for each in some] if places else list(map(self.whose.index, some))
        every = self.habits
        return Habits(every.first[rows], every.last[rows], every.taught[rows], every.holidays, every.weekdays)


def tenant_habits(zone: str | None, use: Use) -> TenantHabits | None:
    """Return the habits that days show; None: nobody is seen on them."""
    if not use.whose:
        return None
    used = use.tenant_used.round(6)
    found = habits(use.used, use.seen, use.weekdays, use.known.tolist(), used.tolist())
    return TenantHabits(zone, use.days[0], use.whose, found, use.known, used, use.sessions)


def _equal(one: Any, other: Any) -> bool:
    import numpy as np  # noqa: PLC0415

    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def joined(scores: Sequence[Score]) -> Score | None:
    """Return the score of several tenants or zones together; None: there is none.

    Shares are of all their log-ons, and minutes and Brier scores of all their days. The fixed schedule is each one's
    own. The whole is better only if each part is.
    """
    some = [each for each in scores if each.days]
    if not some:
        return None
    days, logons = [each.days for each in some], [each.logons for each in some]
    return Score(
        sum(days),
        sum(logons),
        _mean([each.served for each in some], logons),
        _mean([each.idle for each in some], days),
        _mean([each.fixed_served for each in some], logons),
        _mean([each.fixed_idle for each in some], days),
        _mean([each.brier for each in some], days),
        _mean([each.base_brier for each in some], days),
        _mean([each.first_covered for each in some], logons),
        _mean([each.last_covered for each in some], logons),
        better=all(each.better for each in some),
    )


def _mean(values: Sequence[float | None], weights: Sequence[int]) -> float | None:
    known = [(value, weight) for value, weight in zip(values, weights, strict=True) if value is not None and weight]
    return sum(value * weight for value, weight in known) / sum(weight for _, weight in known) if known else None
