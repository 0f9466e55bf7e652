"""Use days: in which quarters of an hour of a local day a tenant's VMs were used. Log-ons are learned from them.

A VM is used in a quarter if anybody was logged on, or logged on, in that window; it is seen if it told. Quarters are
those of local clocks, as the hours of day digests are (domain.digests): a quarter that clocks skip is empty, and one
that comes twice joins both. A pool is used while any of its VMs is.

Knows how windows make a day. Refuses to know what follows (domain.logons), and where use days are kept.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from domain.digests import KEPT_BITS, Whose, rounded
from domain.logons import QUARTERS
from domain.standings import Standings
from domain.zones import local_quarters, windows_of_day

if TYPE_CHECKING:
    from domain.buckets import Flags, Floats

ACTIVE, LOGONS = "win_session.active_sessions", "win_session.logons"

MOST_SESSIONS = 1e6
"""More sessions of a pool count as so many."""

_FEWEST_ALIKE, _MOSTLY_STOPPED = 2, 0.5
"""Of so many days of a weekday, VMs are seen on at most this share: an outage does not keep to weekdays."""


@dataclass(frozen=True, slots=True, eq=False)
class UseDay:
    """When a tenant's VMs and pools were used on a local day.

    ``whose``: the pools, and then the VMs that are in the zone, each by name; pools only if theirs is this zone.
    ``used``, ``seen``: by these, and quarter. ``sessions``: by pool and quarter, the sum of its VMs' active sessions.
    ``came`` and ``there``: how many of all the tenant's VMs were used, and how many were seen.
    """

    zone: str | None
    whose: Sequence[Whose]
    used: "Flags"
    seen: "Flags"
    sessions: "Floats"
    came: int
    there: int

    def __eq__(self, other: object) -> bool:
        """Tell whether both hold the same."""
        import numpy as np  # noqa: PLC0415

        return (
            isinstance(other, UseDay)
            and (self.zone, self.whose, self.came, self.there) == (other.zone, other.whose, other.came, other.there)
            and np.array_equal(self.used, other.used)
            and np.array_equal(self.seen, other.seen)
            and np.array_equal(self.sessions, other.sessions)
        )

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        """Tell whether any VM of the tenant was seen."""
        return self.there > 0


def no_use(zone: str | None) -> UseDay:
    """Return a day on which no VM was seen."""
    import numpy as np  # noqa: PLC0415

    none = np.zeros((0, QUARTERS), np.bool_)
    return UseDay(zone, [], none, none, np.zeros((0, QUARTERS)), 0, 0)


class TenantUse:
    """Makes a use day of a tenant in one zone from its standings, window by window, so that few are held at once."""

    def __init__(self, day: date, zone: str | None, vms: Collection[str], *, whole: bool) -> None:
        """Begin a day. ``vms`` are those in the zone; ``whole``: also the tenant's pools."""
        windows = windows_of_day(day, zone)
        self._zone = zone
        self._vms = vms
        self._whole = whole
        self._quarters = dict(zip(windows, local_quarters(windows, zone), strict=True))
        self._of_vms, self._of_pools = _Rows(), _Rows()

    def add(self, window: int, standings: Standings) -> None:
        """Add the standings of a window of the day, each once. Other windows add nothing."""
        import numpy as np  # noqa: PLC0415

        quarter = self._quarters.get(window)
        columns = [standings.columns[key] for key in (ACTIVE, LOGONS) if key in standings.columns]
        if quarter is None or not columns:
            return
        seen = np.flatnonzero(~np.isnan(columns).all(axis=0))
        vms = [standings.vms[at] for at in seen.tolist()]
        used = np.asarray((np.nan_to_num(columns)[:, seen] > 0).any(axis=0))
        active = np.nan_to_num(standings.columns[ACTIVE][seen]) if ACTIVE in standings.columns else np.zeros(len(seen))
        self._of_vms.add(quarter, [each.vm for each in vms], used, active)
        if self._whole:
            self._of_pools.add(quarter, [each.dimensions.ResourcePoolName for each in vms], used, active)

    @property
    def use_day(self) -> UseDay:
        """The use day of what was added."""
        import numpy as np  # noqa: PLC0415

        pools, used_pools, seen_pools, sessions = self._of_pools.of(None)
        vms, used, seen, _ = self._of_vms.of(self._vms)
        _, every, _, _ = self._of_vms.of(None)
        return UseDay(
            self._zone,
            [*(Whose("pool", pool) for pool in pools), *(Whose("vm", vm) for vm in vms)],
            np.concatenate([used_pools, used]),
            np.concatenate([seen_pools, seen]),
            rounded(sessions, KEPT_BITS),
            int(every.any(axis=1).sum()),
            len(every),
        )


class _Rows:
    """When those of some names were used and seen, and their sessions, by quarter."""

    def __init__(self) -> None:
        import numpy as np  # noqa: PLC0415

        self._rows: dict[str, int] = {}
        self._used = self._seen = np.zeros((0, QUARTERS), np.bool_)
        self._sessions = np.zeros((0, QUARTERS))

    def add(self, quarter: int, names: Sequence[str | None], used: "Flags", active: "Floats") -> None:
        """Add what was seen in a window, given the name that each is of; None: of nobody."""
        import numpy as np  # noqa: PLC0415

        rows = np.array(
            [-1 if name is None else self._rows.setdefault(name, len(self._rows)) for name in names], np.int64
        )
        if more := len(self._rows) - len(self._used):
            missing = ((0, more), (0, 0))
            self._used, self._seen = np.pad(self._used, missing), np.pad(self._seen, missing)
            self._sessions = np.pad(self._sessions, missing)
        of_somebody = rows >= 0
        self._seen[rows[of_somebody], quarter] = True
        self._used[rows[of_somebody & used], quarter] = True
        active = np.clip(active[of_somebody], 0, MOST_SESSIONS)
        sums = np.bincount(rows[of_somebody], weights=active, minlength=len(self._rows))
        self._sessions[:, quarter] = np.maximum(self._sessions[:, quarter], np.minimum(sums, MOST_SESSIONS))

    def of(self, some: Collection[str] | None) -> tuple[Sequence[str], "Flags", "Flags", "Floats"]:
        """Return names in their order, and when they were used and seen, and their sessions. None: of all."""
        names = sorted(name for name in self._rows if some is None or name in some)
        rows = [self._rows[name] for name in names]
        return names, self._used[rows], self._seen[rows], self._sessions[rows]


class Use(NamedTuple):
    """The use of many days side by side, the oldest day first: what domain.logons takes.

    ``used``, ``seen``: by whose, day and quarter. ``sessions``: by pool (the first of ``whose``), day and quarter.
    ``known``: whether any VM of the tenant was seen that day, or mostly none is on such a weekday: they are all stopped
    then, which is no outage. ``tenant_used``: which share of its VMs was used, of the
    most that were seen on any of the days; NaN where that is unknown.
    """

    days: Sequence[date]
    whose: Sequence[Whose]
    used: "Flags"
    seen: "Flags"
    sessions: "Floats"
    known: "Flags"
    tenant_used: "Floats"

    @property
    def weekdays(self) -> list[int]:
        """The days' weekdays, 0: Monday."""
        return [day.weekday() for day in self.days]


def side_by_side(use_days: Mapping[date, UseDay], last: date, most: int) -> Use:
    """Return the days up to the last one, at most so many; the first of them is the first on which a VM was seen."""
    import numpy as np  # noqa: PLC0415

    there = {day: of for day, of in use_days.items() if 0 <= (last - day).days < most and of}
    number = max(((last - day).days + 1 for day in there), default=0)
    days = [last - timedelta(days=back) for back in range(number - 1, -1, -1)]
    whose = sorted({each for of in there.values() for each in of.whose}, key=lambda each: (each.kind, each.name or ""))
    rows = {each: row for row, each in enumerate(whose)}
    used, seen = np.zeros((2, len(whose), number, QUARTERS), np.bool_)
    sessions = np.zeros((sum(each.kind == "pool" for each in whose), number, QUARTERS))
    known = np.array([day in there for day in days], np.bool_)
    weekdays = np.array([day.weekday() for day in days])
    for weekday in range(7):
        same = weekdays == weekday
        known[same] |= same.sum() >= _FEWEST_ALIKE and known[same].mean() <= _MOSTLY_STOPPED
    came = np.where(known, 0.0, np.nan)
    for at, day in enumerate(days):
        if of := there.get(day):
            to = [rows[each] for each in of.whose]
            used[to, at], seen[to, at] = of.used, of.seen
            sessions[to[: len(of.sessions)], at] = of.sessions
            came[at] = of.came
    most_seen = max((of.there for of in there.values()), default=1)
    return Use(days, whose, used, seen, sessions, known, came / most_seen)
