"""Charts with what is normal: points that have a baseline's expected value and band beside their figure.

A baseline speaks of window values: of a VM, its minutes in a window of 15 minutes, reduced by the counter's own rule;
of a population, the mean of these over its VMs. Knows which points can be compared with that, and which windows are a
point's. Does not know how baselines are learned (domain.baselines) or kept.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from domain import exact
from domain.charts import FleetItem, TenantItem
from domain.counters import Reduction
from domain.disclosed_charts import DisclosedTenantItem
from domain.minutes import MINUTES_PER_WINDOW, windows_between
from domain.spans import Span


class Band(NamedTuple):
    """What is normal in a window, or for a point: the expected value, and the low and high end of the band."""

    expected: float
    low: float
    high: float


# The classes below are not frozen, for the same reason as domain.charts.FleetItem.


@dataclass(slots=True)
class BandedFleetItem(FleetItem):
    """A point of a fleet chart, with what is normal for its average."""

    expected: float | None = None
    """The usual value of average at this hour; null: unknown (the answer's ``baselines`` may say why)."""
    low: float | None = None
    """The low end of a band that holds the windows of four days of five."""
    high: float | None = None
    """The high end of the band."""


@dataclass(slots=True)
class BandedTenantItem(TenantItem):
    """A point of a tenant's chart, with what is normal for the VM, or for the tenant if no VM was asked for."""

    expected: float | None = None
    """The usual value, at this hour, of PerfValue, or of tenantAverage if no VM was asked for; null: unknown."""
    low: float | None = None
    """The low end of a band that holds the windows of four days of five."""
    high: float | None = None
    """The high end of the band."""


@dataclass(slots=True)
class BandedDisclosedTenantItem(DisclosedTenantItem):
    """A point of a tenant's chart as its caller sees it, with what is normal for its VM, or for itself."""

    expected: float | None = None
    """The usual value, at this hour, of PerfValue, or of tenantAverage if no VM was asked for; null: unknown."""
    low: float | None = None
    """The low end of a band that holds the windows of four days of five."""
    high: float | None = None
    """The high end of the band."""


Banded = TypeVar("Banded", BandedFleetItem, BandedTenantItem, BandedDisclosedTenantItem)


def scale_of(reduction: Reduction, by: str, interval: int, *, of_vm: bool) -> float | None:
    """Return what a window value is multiplied by to mean what a chart's points show; None: they can't be compared.

    ``reduction``: the counter's rule. ``by``: how minutes make a point (of a single minute it does not matter, unless
    it is a percentile). Counters that are averaged: the mean of minutes, over whatever time. Counters that are summed:
    a window value is the sum of MINUTES_PER_WINDOW minutes, and a point their mean. Others: only a VM's points that are
    the max (or min) of as many minutes as a window has. Of a population, such a point would be the max of the minutes'
    means, and its baseline is the mean of the VMs' maxima.
    """
    if by == "avg" or (interval == 1 and by in ("min", "max")):
        return {"avg": 1.0, "sum": 1 / MINUTES_PER_WINDOW}.get(reduction)
    return 1.0 if of_vm and by == reduction and interval == MINUTES_PER_WINDOW else None


def with_bands(
    points: Iterable[Any], kind: type[Banded], span: Span, interval: int, bands: Mapping[str, Mapping[int, Band]]
) -> list[Banded]:
    """Return points as points with bands. ``bands``: by counter and window; what is not there is unknown.

    A point that has minutes of several windows gets the mean of theirs, if they are all known.
    """
    parts = attrgetter(*(each.name for each in fields(kind) if each.name not in Band._fields))
    lasts = {} if interval == 1 else {group.first: group.last for group in span.groups(interval)}
    items = []
    for point in points:
        known = bands[f"{point.PerfType}.{point.PerfName}"]
        windows = windows_between(point.timestamp, lasts.get(point.timestamp, point.timestamp))
        found = [known[window] for window in windows if window in known]
        items.append(kind(*parts(point), *(_mean(found) if len(found) == len(windows) else ())))
    return items


def _mean(bands: list[Band]) -> Band:
    if len(bands) == 1:  # the usual case
        return bands[0]
    return Band(*(exact.mean(line, len(bands)) for line in zip(*bands, strict=True)))
