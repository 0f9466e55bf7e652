"""The answers for charts. Each has two types: one with the full figures, one for a tenant's caller."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from domain.charts import FleetItem, TenantItem
from domain.disclosed_charts import NAMES, NEVER_SHOWN, DisclosedItem, DisclosedTenantItem
from domain.disclosure import MIN_VMS, ForTenants

CAREFULLY = (
    f"of the fleet a tenant is not shown {', '.join(NEVER_SHOWN)}; the average is shown as it was when the minute's "
    "window closed, if enough other tenants had contributed by then, none of them more than half of the others' VMs; "
    f"of percentiles {', '.join(NAMES)} are shown, rounded, if others had {MIN_VMS} VMs besides"
)
"""The note on every answer to a tenant's caller."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A chart question, as it was understood."""

    key: str | Sequence[str]
    """The counter; all of them, if several were asked for."""
    start: int
    """The first minute of the range, as its identifier timestamp (Unix seconds)."""
    end: int
    """The last minute of the range."""
    aggregationInterval: int
    aggregationBy: str
    """avg, min, max, or a percentile such as p95."""
    percentiles: Sequence[str]
    """The names of the percentiles asked for: of the columns in CSV, and of the parts of ``percentiles`` in data."""
    suppressed: str | None
    """What is hidden from a tenant's caller in every minute, and why; null: nothing is suppressed."""


@dataclass(frozen=True, slots=True)
class FleetAnswer(Resolved):
    """Counters over the fleet: what was asked, resolved, and the points."""

    data: list[FleetItem]
    """The points, counter after counter as asked, each oldest first."""
    nextPage: str | None = field(default=None, kw_only=True)
    """If all counters were asked for: the value for the parameter page; null: there is no further page."""


@dataclass(frozen=True, slots=True)
class DisclosedAnswer(Resolved, ForTenants):
    """Counters over the fleet as a tenant's caller sees them: what was asked, resolved, and the points."""

    data: list[DisclosedItem]
    """The points, counter after counter as asked, each oldest first."""
    nextPage: str | None = field(default=None, kw_only=True)
    """If all counters were asked for: the value for the parameter page; null: there is no further page."""


@dataclass(frozen=True, slots=True)
class TenantAnswer(Resolved):
    """Counters of a tenant and perhaps a VM beside the fleet: what was asked, resolved, and the points."""

    tenant: str
    vm: str | None
    """null: no VM was asked for."""
    data: list[TenantItem]
    """The points, counter after counter as asked, each oldest first."""


@dataclass(frozen=True, slots=True)
class DisclosedTenantAnswer(Resolved, ForTenants):
    """Counters of a tenant and perhaps a VM beside the fleet as the tenant's caller sees them."""

    tenant: str
    vm: str | None
    """null: no VM was asked for."""
    data: list[DisclosedTenantItem]
    """The points, counter after counter as asked, each oldest first."""
