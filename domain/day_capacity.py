"""Capacity of the VMs of a tenant in one zone: from digests of days to what is known of each VM, counter by counter."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from domain.baselines import HOURS, MOST_DAYS
from domain.capacity import Growth, learn
from domain.counters import COUNTERS, FIRST, worse_of
from domain.digests import KEPT_BITS, Digest, rounded
from domain.histories import TAUGHT_BY

if TYPE_CHECKING:
    from domain.histogram import Floats, Ints

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


def day_capacity(day: date, zone: str | None, digests: Mapping[date, Digest]) -> Iterator[tuple[str, DayCapacity]]:
    """Yield what is known of each counter of LIMITED when a day begins, learned from digests of the days before it.

    At most MOST_DAYS of them count. VMs without values in the last TAUGHT_BY days are left out.
    """
    import numpy as np  # noqa: PLC0415

    before = sorted(each for each in digests if 0 < (day - each).days <= MOST_DAYS)
    number = (day - before[0]).days if before else 0
    rows: dict[str, dict[str, int]] = {key: {} for key in LIMITED}
    parts: dict[str, list[tuple[int, Ints, Floats]]] = {key: [] for key in LIMITED}
    for each in before:
        digest = digests[each]
        of: dict[str, tuple[list[int], list[int]]] = {key: ([], []) for key in LIMITED}
        for at, (whose, key) in enumerate(digest.series):
            if whose.kind == "vm" and whose.name is not None and key in of:
                to, come = of[key]
                to.append(rows[key].setdefault(whose.name, len(rows[key])))
                come.append(at)
        for key, (to, come) in of.items():
            if to:
                parts[key].append((number - (day - each).days, np.array(to), digest.hours[come]))
    for key in LIMITED:
        hours = np.full((len(rows[key]), number, HOURS), np.nan)
        for at, to_rows, values in parts[key]:
            hours[to_rows, at] = values
        taught = ~np.isnan(hours[:, -TAUGHT_BY:]).all(axis=(1, 2))
        vms = sorted(vm for vm, row in rows[key].items() if taught[row])
        growth = learn(hours[[rows[key][vm] for vm in vms]], falls=falls(key))
        yield key, DayCapacity(zone, day, vms, Growth(*(rounded(each, KEPT_BITS) for each in growth)))
