"""What is unusual in a window, of the fleet or of a tenant: VMs, and populations that stand for theirs.

Reads what was found when the window was judged (pipeline.judging): two documents, whatever the fleet's size. A tenant's
caller gets what follows from its own VMs alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import Any, Literal

from domain.causes import Population
from domain.disclosure import ForTenants
from domain.errors import Forbidden
from domain.findings import findings
from domain.judged import FLEET, REPORTING, TENANT, Finding, Judged
from domain.sentences import finding_sentence, service_of
from pipeline.queries.names import tenant_named
from pipeline.queries.view import View, progress_of
from pipeline.queries.windows import coverage_of, ended, newest_of_tenant
from storage.tables import Tables

Kind = Literal["fleet", "region", "size", "tenant", "pool", "vm"]
Why = Literal["unusual", "silent", "stopped", "always"]

KINDS: Mapping[str, Kind] = {
    "fleet": "fleet",
    "Region": "region",
    "MachineSize": "size",
    "tenant": "tenant",
    "pool": "pool",
}

NOTHING_THERE = "there are no data of this window"
NOT_JUDGED_YET = (
    "nothing was judged in this window: baselines need three days of data, and are learned twice a day; the fleet is "
    "judged when most of its VMs have reported"
)


@dataclass(slots=True)
class UnusualItem:
    """Something unusual: a VM, or a population that stands for its VMs."""

    window: int
    """The window's first second."""
    position: int
    """Its place in the list, from 1: the most telling first."""
    kind: Kind
    tenant: str | None
    """The tenant of a VM, a pool, or itself; null: a part of the fleet."""
    name: str | None
    """The VM, pool, region or size; null: the tenant or the fleet itself, or VMs of which it is unknown."""
    why: Why
    """unusual: far from what is normal at this hour; silent: it usually reports at this hour, and does not; stopped: a
    service that usually runs; always: as usual for the VM itself, but worse than 95 % of VMs of its size in nearly all
    hours of the last week. Then the value is the mean of that week, and high (or low) is what these others reach."""
    key: str | None
    """The counter that deviates most; null: it is silent."""
    value: float | None
    """The VM's window value, or the population's average. null: of the population nothing is known to be normal."""
    expected: float | None
    low: float | None
    high: float | None
    score: float
    """How far beyond the band it stays for most of the last hour, in widths of it; negative: below. Of a population:
    the median of its VMs."""
    peers: float | None
    """Of a VM: how far it is from the median of VMs of its size (or else of its tenant), in robust standard
    deviations."""
    notable: bool
    """Whether it is unusual by more than its own history: a VM that is far from its peers too, or silent, or has a
    stopped service; a population that is on its worse side."""
    since: int | None
    """The first window in which it was unusual; null: always."""
    vms: int
    """For how many VMs it stands; 0: only the average is unusual."""
    of: int
    """Of how many VMs."""
    also: str
    """The other counters that deviate, separated by blanks."""
    sentence: str


@dataclass(slots=True)
class OwnUnusualItem(UnusualItem, ForTenants):
    """Something unusual of a tenant, as that tenant's caller sees it: peers are the VMs of the tenant."""


@dataclass(frozen=True, slots=True)
class Unusual:
    """What is unusual in a window, the most telling first."""

    window: int | None
    """The window's first second; null: there is none yet."""
    tenant: str | None
    """The tenant; null: the fleet."""
    judged: int
    """How many VMs were judged."""
    coverage: float | None
    """How many of the expected VMs the fleet has in the window, 0 to 1; null: unknown."""
    final: bool | None
    """Whether the window is closed."""
    reason: str | None
    """Why nothing can be said; null: it can."""
    data: list[UnusualItem]


@dataclass(frozen=True, slots=True)
class OwnUnusual(ForTenants):
    """What is unusual of a tenant, as that tenant's caller sees it."""

    window: int | None
    """The window's first second; null: there is none yet."""
    tenant: str
    judged: int
    """How many VMs were judged."""
    final: bool | None
    """Whether the window is closed."""
    reason: str | None
    """Why nothing can be said; null: it can."""
    data: list[OwnUnusualItem]


_fields: Callable[[UnusualItem], tuple[Any, ...]] = attrgetter(*(each.name for each in fields(UnusualItem)))


async def get_unusual(
    tables: Tables, named: str | None, window: int | None, limit: int, view: View
) -> Unusual | OwnUnusual:
    """Return what is unusual. Raises NotFound, and Forbidden where a tenant's caller asks for the fleet."""
    if named is None and view.caller.tenant:
        raise Forbidden("what is unusual in the fleet is not for tenants: give the parameter tenant")
    tenant = None if named is None else await tenant_named(tables, named, view)
    progress = await progress_of(tables)
    if window is None:
        newest = progress.newest_summarized if tenant is None else await newest_of_tenant(tables, tenant, view.now)
        window = ended(newest, view.now)
    judged = fleet = None
    if window is not None:
        judged = await tables.judged.lasting(tenant, window)
        if tenant is not None and not view.caller.tenant:
            fleet = await tables.judged.lasting(None, window)
    found = _found(tenant, judged, fleet, own=bool(view.caller.tenant))
    items = [_item(window or 0, place, each) for place, each in enumerate(found[:limit], 1)]
    final = None if window is None else progress.is_final(window)
    reason = (NOT_JUDGED_YET if window is not None else NOTHING_THERE) if judged is None else None
    if tenant is not None and view.caller.tenant:
        own = [OwnUnusualItem(*_fields(each)) for each in items]
        return OwnUnusual(window, tenant, _number(judged), final, reason, own)
    coverage = None if window is None else coverage_of(progress, window)
    return Unusual(window, tenant, _number(judged), coverage, final, reason, items)


def _found(tenant: str | None, judged: Judged | None, fleet: Judged | None, *, own: bool) -> list[Finding]:
    if judged is None:
        return []
    if tenant is None:
        return list(judged.findings)
    if own:
        judged = replace(judged, always={})  # it tells of VMs of others
    return findings({tenant: judged}, fleet, Population("tenant", tenant))


def _number(judged: Judged | None) -> int:
    if judged is None:
        return 0
    of = judged.counts.get(TENANT) or judged.counts.get(FLEET) or {}
    return max((count.judged for count in of.values()), default=0)


def _item(window: int, position: int, of: Finding) -> UnusualItem:
    silent = of.key == REPORTING
    stopped = service_of(of.key) is not None and of.score < 0
    return UnusualItem(
        window=window,
        position=position,
        kind="vm" if of.vm is not None else KINDS[of.population.kind],
        tenant=of.population.tenant,
        name=of.vm if of.vm is not None else of.population.name,
        why="always" if of.always else "silent" if silent else "stopped" if stopped else "unusual",
        key=None if silent else of.key,
        value=None if silent else of.value,
        expected=None if silent else of.expected,
        low=None if silent else of.low,
        high=None if silent else of.high,
        score=of.score,
        peers=None if silent else of.peers,
        notable=of.notable,
        since=None if of.always else of.since,
        vms=of.vms,
        of=of.judged,
        also=" ".join(each for each in of.also if each != REPORTING),
        sentence=finding_sentence(of),
    )
