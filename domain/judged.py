"""What was found of a tenant, or of the fleet, in a window: which series deviate, and how many VMs of each population.

Knows these values. Refuses to know how they are found (domain.judging) and what follows from them (domain.findings).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from domain.always import Always
from domain.causes import Population
from domain.digests import Kind, Series, Whose
from domain.samples import Dimensions
from domain.standings import Dimension

if TYPE_CHECKING:
    from domain.buckets import Floats

REPORTING = "reporting"
"""Stands for a counter that is 1 if a VM reports at all, and 0 if not. No counter has this name: theirs have a dot."""

USUALLY = 0.8
"""A VM usually reports at an hour if it did on so many of the last days of this type."""

SILENT = 6.0
"""How far a silent VM deviates."""

FARTHEST = 1000.0
"""No distance is larger: a counter that was always the same has a band of no width."""

GROUPS: Sequence[tuple[Kind, Dimension]] = (
    ("pool", "ResourcePoolName"),
    ("Region", "Region"),
    ("MachineSize", "MachineSize"),
)
"""The groups of a tenant's VMs that are counted."""

TENANT = Whose("tenant")
FLEET = Whose("fleet")


def tenant_of_fleet(name: str) -> Whose:
    """Return who a tenant is among what was found of the fleet; of its own, it is TENANT."""
    return Whose("tenant", name)


class Normals(NamedTuple):
    """What is normal for series in one hour: see domain.baselines.Bands. ``lines`` has a column for each series.

    ``always``: the series of VMs that are unusual as always (domain.always).
    """

    series: Sequence[Series]
    lines: "Floats"
    always: Mapping[Series, Always] = MappingProxyType({})


class Deviation(NamedTuple):
    """A series that deviates: its value in this window, and what is normal.

    ``far``: how far the value lies beyond the band, in widths of it; negative: below; 0: less than deviates.
    ``score``: the same for most of the last windows; 0 if it did not last. ``rare``: how far beyond the band values
    become rare. ``since``: the first window of those in which it deviated. See domain.unusual.
    """

    whose: Whose
    key: str
    value: float
    expected: float
    low: float
    high: float
    far: float
    score: float
    rare: float
    since: int

    @property
    def beyond(self) -> float:
        """How far it stays beyond the rare end, on either side; 0: it does not."""
        return max(abs(self.score) - self.rare, 0.0)


class Count(NamedTuple):
    """How many VMs of a population were judged by a counter, and how many of them stay above and below."""

    judged: int
    above: int
    below: int

    def plus(self, other: "Count") -> "Count":
        """Return the sum of both."""
        return Count(self.judged + other.judged, self.above + other.above, self.below + other.below)

    def deviating(self, *, above: bool) -> int:
        """Return how many VMs deviate to one side."""
        return self.above if above else self.below


NOBODY = Count(0, 0, 0)

Counts = Mapping[Whose, Mapping[str, Count]]
"""Counts by population and counter."""

Middle = tuple[float, float]
"""The median of VMs' values, and the median of their distances from it (MAD)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something unusual: a VM (``vm`` names it), or a population that stands for its VMs.

    ``value``, ``expected``, ``low`` and ``high`` are those of a VM; of a population, its average and what is normal for
    it, None where that is unknown. ``score``: how far, in widths of a band; of a population, the median of its VMs.
    ``vms``: how many VMs it stands for, of ``judged``. ``notable``: whether it is unusual by more than its own history
    (domain.findings). ``peers``: how far a VM is from the median of its peers, in robust standard deviations.
    ``also``: the other counters by which it deviates. ``always``: if it does not deviate, but is worse than its peers
    (domain.always); then ``value`` is its mean of the last week, and ``high`` (or ``low``) that of the peers' ends.
    """

    population: Population
    vm: str | None
    key: str
    value: float | None
    expected: float | None
    low: float | None
    high: float | None
    score: float
    since: int
    vms: int
    judged: int
    notable: bool
    peers: float | None = None
    also: tuple[str, ...] = ()
    always: Always | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found in a window.

    ``vms``: the dimensions of the VMs that deviate. ``middles``: by counter, the median and MAD of the tenant's VMs;
    of the fleet, those of the VMs of each size. ``always``: the VMs that report and are unusual as always; it follows
    from other tenants' VMs, too. Of the fleet there are also: ``findings``, the first of its list; ``tenants``, what
    lasts of the deviations of whole tenants; and the counts of each tenant by its name.
    """

    deviations: Sequence[Deviation] = ()
    counts: Counts = field(default_factory=dict)
    vms: Mapping[str, Dimensions] = field(default_factory=dict)
    middles: Mapping[Whose, Mapping[str, Middle]] = field(default_factory=dict)
    always: Mapping[Series, Always] = field(default_factory=dict)
    findings: Sequence[Finding] = ()
    tenants: Sequence[Deviation] = ()

    def __bool__(self) -> bool:
        """Tell whether anything was judged."""
        return bool(self.counts)


NOT_JUDGED = Judged()
