"""Groupings: the window values of the fleet or of a tenant by region, size, tenant, pool, site or VM.

The fleet's come from its summaries, a tenant's from its standings: nothing is read whose size grows with the fleet.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from domain.closing import Progress
from domain.disclosure import ForTenants
from domain.errors import BadParameters, Forbidden
from domain.fleet_summary import FleetFigures
from domain.standings import DIMENSIONS, Dimension, Standings
from domain.summary import GROUPED, Figures, figures_of
from pipeline.concurrency import gather
from pipeline.queries.names import known_counters, tenant_named
from pipeline.queries.view import AT_ONCE, View, progress_of
from pipeline.queries.windows import Windows, coverage_of, newest_of_tenant, windows_asked
from storage.tables import Tables

GroupBy = Literal["Region", "MachineSize", "ResourcePoolName", "SiteName", "tenant", "vm"]
OF_FLEET: tuple[GroupBy, ...] = (*GROUPED, "tenant")
OF_TENANT: tuple[GroupBy, ...] = (*DIMENSIONS, "vm")


@dataclass(frozen=True, slots=True)
class GroupsQuestion:
    """What a grouping asks."""

    key: str
    by: GroupBy
    windows: Windows
    tenant: str | None = None


@dataclass(slots=True)
class GroupItem:
    """The figures of a group of VMs in a window: of their window values."""

    window: int
    """The window's first second."""
    group: str | None
    """The value that the group's VMs share; null: theirs is unknown."""
    average: float
    count: int
    """How many VMs."""
    tenants: int
    """How many tenants they belong to."""
    sum: float
    min: float
    max: float
    p50: float
    p95: float
    coverage: float | None
    """How many of the expected VMs the whole window has, 0 to 1. Of a tenant: compared with the windows of this answer.
    null: the window is too old to say."""
    final: bool
    """Whether the window is closed."""


@dataclass(slots=True)
class OwnGroupItem(GroupItem, ForTenants):
    """The figures of a group of a tenant's VMs, as that tenant's caller sees them."""


AnItem = TypeVar("AnItem", bound=GroupItem)


@dataclass(frozen=True, slots=True)
class Groups:
    """A counter by group: what was asked, resolved, and the groups, window after window, the newest first."""

    key: str
    groupBy: GroupBy
    tenant: str | None
    """The tenant; null: the fleet."""
    data: list[GroupItem]


@dataclass(frozen=True, slots=True)
class OwnGroups(ForTenants):
    """A counter by group of a tenant's VMs, as that tenant's caller sees them."""

    key: str
    groupBy: GroupBy
    tenant: str
    data: list[OwnGroupItem]


async def get_groups(tables: Tables, question: GroupsQuestion, view: View) -> Groups | OwnGroups:
    """Return a counter by group. Raises NotFound, BadParameters, and Forbidden where a tenant asks for the fleet."""
    (key,) = await known_counters(tables, [question.key], view)
    check_offered(question.by, question.tenant)
    progress = await progress_of(tables)
    if question.tenant is None:
        if view.caller.tenant:
            raise Forbidden("groups of the fleet are not for tenants: give the parameter tenant")
        windows = windows_asked(question.windows, progress.newest_summarized, view.now)
        found: Mapping[int, FleetFigures] = {}
        if windows:
            by_tenant = question.by == "tenant"
            found = await tables.summaries.figures_between(key, windows[-1], windows[0], tenants=by_tenant)
        items = [
            GroupItem(window, group, *figures, *seen)
            for window in windows
            if window in found
            for seen in [(coverage_of(progress, window), progress.is_final(window))]
            for group, figures in of_fleet(found[window], question.by)
        ]
        return Groups(key, question.by, None, items)
    tenant = await tenant_named(tables, question.tenant, view)
    windows = windows_asked(question.windows, await newest_of_tenant(tables, tenant, view.now), view.now)
    read = await gather((tables.standings.read(tenant, each, [key]) for each in windows), AT_ONCE)
    standings = {window: stored.value for window, stored in zip(windows, read, strict=True) if stored}
    if view.caller.tenant:
        own = _of_tenant(OwnGroupItem, key, question.by, standings, progress)
        return OwnGroups(key, question.by, tenant, own)
    return Groups(key, question.by, tenant, _of_tenant(GroupItem, key, question.by, standings, progress))


def check_offered(by: GroupBy, tenant: str | None) -> None:
    """Raise BadParameters if the fleet, or a tenant, can't be grouped in this way."""
    offered = OF_FLEET if tenant is None else OF_TENANT
    if by not in offered:
        whose = "the fleet" if tenant is None else "a tenant"
        raise BadParameters({"groupBy": f"must be, for {whose}, {', '.join(offered[:-1])} or {offered[-1]}"})


def of_fleet(summary: FleetFigures, by: GroupBy) -> Iterable[tuple[str | None, Figures]]:
    """Yield the groups of the fleet's VMs, and their figures."""
    if by == "tenant":
        return summary.tenants.items()
    groups = zip(summary.groups, summary.figures, strict=True)
    return ((group.value, figures) for group, figures in groups if group.dimension == by)


def _of_tenant(
    kind: type[AnItem], key: str, by: GroupBy, standings: Mapping[int, Standings], progress: Progress
) -> list[AnItem]:
    most = max((len(each.vms) for each in standings.values()), default=0)
    return [
        kind(window, group, *figures_of(values), len(each.vms) / most, progress.is_final(window))
        for window, each in standings.items()
        for group, values in grouped(each, key, by).items()
    ]


def grouped(standings: Standings, key: str, by: GroupBy) -> Mapping[str | None, list[float]]:
    """Return a tenant's window values by group, those of unknown groups last."""
    groups: dict[str | None, list[float]] = {}
    if key in standings.columns:
        for vm, value in zip(standings.vms, standings.columns[key].tolist(), strict=True):
            if value == value:  # noqa: PLR0124  (NaN is unlike itself)
                group = vm.vm if by == "vm" else vm.value_of(_dimension(by))
                groups.setdefault(group, []).append(value)
    return dict(sorted(groups.items(), key=lambda each: (each[0] is None, each[0] or "")))


def _dimension(by: GroupBy) -> Dimension:
    return next(each for each in DIMENSIONS if each == by)
