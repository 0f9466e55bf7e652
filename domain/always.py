"""VMs that are unusual as always: worse than nearly all of their peers, hour after hour, for a week.

Their own baseline calls that normal, so no deviation tells it. A VM's peers are the fleet's VMs of its size. Their end
of an hour is the mean of its windows' 95th percentile, or of the 5th where low values are worse.

Knows hours of VMs and of peers. Refuses to know how they are kept (domain.digests).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from domain.baselines import HOURS
from domain.counters import worse_of
from domain.digests import Digest, Series, Whose, kept_of_vms
from domain.exact import LARGEST
from domain.fleet_summary import FleetSummary
from domain.minutes import HOUR
from domain.zones import local_windows, windows_of_day

if TYPE_CHECKING:
    from domain.buckets import Floats

DAYS = 7
"""For so many days."""

SHARE = 0.9
"""In so many of the hours in which it has values."""

FEWEST_HOURS = 40
"""With fewer hours a week tells nothing."""

FEWEST_PEERS = 20
"""Among fewer VMs there is always one beyond the 95th percentile."""

HIGH_END, LOW_END = 95, 5
"""Percentiles."""


_PARTS = 256.0
"""More than the hours of these days, and a power of two: so no sum of parts is beyond the largest double."""


class Always(NamedTuple):
    """How much worse than nearly all of its peers a VM is, by one counter.

    ``value`` and ``end``: the means of its own hours, and of its peers' ends in these. ``share``: in which share of
    these hours it was worse than this end.
    """

    value: float
    end: float
    share: float


def has_peers_end(key: str) -> bool:
    """Tell whether peers' ends of a counter are kept: of those kept of VMs that have a worse direction."""
    return kept_of_vms(key) and worse_of(key) != "none" and not key.startswith("win_service.")


def peers_ends(summaries: Mapping[str, FleetSummary]) -> dict[Series, float]:
    """Return the ends of peers in a window, given the fleet's summaries by counter: of sizes that have enough VMs."""
    found: dict[Series, float] = {}
    for key, summary in sorted(summaries.items()):
        if not has_peers_end(key):
            continue
        ends = summary.histograms.percentiles((LOW_END if is_low_worse(key) else HIGH_END,))[:, 0].tolist()
        for group, figures, end in zip(summary.groups, summary.figures, ends, strict=True):
            if group.dimension == "MachineSize" and figures.count >= FEWEST_PEERS:
                found[Series(Whose("peers", group.value), key)] = end
    return found


def is_low_worse(key: str) -> bool:
    """Tell whether low values of a counter are the worse ones."""
    return worse_of(key) == "low"


def always(
    day: date, digests: Mapping[date, Digest], peers: Mapping[date, Digest], sizes: Mapping[str, str | None]
) -> dict[Series, Always]:
    """Return the series of VMs that are unusual as always, in the DAYS before a day.

    ``digests``: a tenant's, by day. ``peers``: the fleet's, which have the ends of peers. ``sizes``: the VMs' sizes.
    """
    ends: dict[tuple[str | None, str], dict[int, float]] = defaultdict(dict)
    for each, digest in peers.items():
        hours = _utc_hours(each, digest.zone)
        for (whose, key), row in zip(digest.series, digest.hours.tolist(), strict=True):
            if whose.kind == "peers":
                ends[whose.name, key].update(zip(hours, row, strict=True))
    sums: dict[Series, list[float]] = {}
    for each in (day - timedelta(days=back) for back in range(1, DAYS + 1)):
        if (of_day := digests.get(each)) is None:
            continue
        hours = _utc_hours(each, of_day.zone)
        known = {of: [by_hour.get(hour) for hour in hours] for of, by_hour in ends.items()}
        for series, row in zip(of_day.series, of_day.hours, strict=True):
            size = sizes.get(series.whose.name or "") if series.whose.kind == "vm" else None
            if end := known.get((size, series.key)):
                _add(sums.setdefault(series, [0.0, 0.0, 0, 0]), row, end, low=is_low_worse(series.key))
    return {
        series: Always(_mean(value, number), _mean(end, number), beyond / number)
        for series, (value, end, beyond, number) in sums.items()
        if number >= FEWEST_HOURS and beyond >= SHARE * number
    }


def _mean(parts: float, number: float) -> float:
    return min(max(parts / number * _PARTS, -LARGEST), LARGEST)


def _add(sums: list[float], row: "Floats", ends: Sequence[float | None], *, low: bool) -> None:
    for value, end in zip(row.tolist(), ends, strict=True):
        if value == value and end is not None and end == end:  # noqa: PLR0124  (NaN is unlike itself)
            sums[0] += value / _PARTS
            sums[1] += end / _PARTS
            sums[2] += value < end if low else value > end
            sums[3] += 1


def _utc_hours(day: date, zone: str | None) -> list[int]:
    """Return the UTC hour, counted from 1970, of each local hour of a day; -1 for one that the day lacks.

    Where clocks are half an hour off, that of its first window.
    """
    found = [-1] * HOURS
    windows = windows_of_day(day, zone)
    for window, local in zip(windows, local_windows(windows, zone), strict=True):
        if found[local.hour] < 0:
            found[local.hour] = window // HOUR
    return found
