"""Capacity of the VMs of a tenant in one zone: from the history to what is known of each VM, counter by counter."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from domain.capacity import Growth, learn
from domain.counters import COUNTERS, FIRST, worse_of
from domain.digests import KEPT_BITS, rounded
from domain.histories import History

LIMITED: tuple[str, ...] = FIRST
"""The counters of which it is learned how they grow: those whose course is kept of each VM, but for services."""

_FULL, _EMPTY = 95.0, 5.0


@dataclass(frozen=True, slots=True, eq=False)
class DayCapacity:
    """What was known of a counter's VMs when a local day of a zone (None: UTC) began.

    ``vms``: their names, in order. ``growth``: by VM; its day 0 (domain.capacity.Dates) is ``day``.
    """

    zone: str | None
    day: date
    vms: Sequence[str]
    growth: Growth

    def __bool__(self) -> bool:
        """Tell whether there is any VM."""
        return bool(self.vms)


def falls(key: str) -> bool:
    """Tell whether a counter reaches its limit from above. One that is bad in neither direction reaches it rising."""
    return worse_of(key) == "low"


def limit_of(key: str) -> float | None:
    """Return the limit of a counter in percent: 95, or 5 if it is bad when low; None: it has none of its own.

    It is not 100, or 0: a disk that has nothing left has stopped its VM before.
    """
    counter = COUNTERS.get(key)
    if counter is None or counter.unit != "%":
        return None
    return _EMPTY if falls(key) else _FULL


def day_capacity(day: date, zone: str | None, history: History) -> Iterator[tuple[str, DayCapacity]]:
    """Yield what is known of each counter of LIMITED when a day begins, learned from the history before it."""
    import numpy as np  # noqa: PLC0415

    rows: dict[str, list[int]] = {key: [] for key in LIMITED}
    for row, (whose, key) in enumerate(history.series):
        if whose.kind == "vm" and key in rows:
            rows[key].append(row)
    for key, of in rows.items():
        growth = learn(history.hours[of], falls=falls(key))
        known = np.flatnonzero(~np.isnan(growth.value))
        vms = [history.series[of[at]].whose.name or "" for at in known.tolist()]
        yield key, DayCapacity(zone, day, vms, Growth(*(rounded(each[known], KEPT_BITS) for each in growth)))
