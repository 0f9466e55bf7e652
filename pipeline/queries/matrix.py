"""A matrix: groups of VMs by counters, in one window, each cell with what is normal and how far from it the value is.

Reads the figures of groups (pipeline.queries.groups), what was found when the window was judged (pipeline.judging), and
what is normal in its hour: nothing whose size grows with the fleet. A tenant's caller gets what follows from its own
VMs alone. What is normal is not learned of a tenant's regions, sizes and sites.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, NamedTuple

from domain.counters import FIRST, by_interest
from domain.day_baselines import DayBaselines
from domain.digests import Whose, kept_of_vms
from domain.disclosure import ForTenants
from domain.errors import Forbidden
from domain.findings import WORSE, badness
from domain.judged import Deviation, Judged, tenant_of_fleet
from domain.standings import NO_STANDINGS, Dimension, Standings
from domain.summary import Figures, figures_of
from domain.zones import zone_of
from pipeline.concurrency import gather
from pipeline.judging import hours_of
from pipeline.queries.cells import Found, MatrixItem, cell
from pipeline.queries.evidence import UNKNOWN, Usual, usual_at
from pipeline.queries.groups import GroupBy, check_offered, grouped, of_fleet
from pipeline.queries.names import known_counters, tenant_named
from pipeline.queries.ranking import passes
from pipeline.queries.unusual import NOT_JUDGED_YET, NOTHING_THERE
from pipeline.queries.view import AT_ONCE, View, progress_of
from pipeline.queries.windows import coverage_of, ended, newest_of_tenant
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS

MOST_KEYS = 20


@dataclass(frozen=True, slots=True)
class MatrixQuestion:
    """What a matrix asks. Without ``keys``: the counters that people look at first, and services.

    ``filters``: values of dimensions that VMs must have. ``limit``: the most groups.
    """

    by: GroupBy
    keys: Sequence[str] = ()
    tenant: str | None = None
    window: int | None = None
    filters: Mapping[Dimension, str] = field(default_factory=dict)
    limit: int = 50


@dataclass(slots=True)
class OwnMatrixItem(MatrixItem, ForTenants):
    """A cell of a tenant's VMs, as that tenant's caller sees it."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix of groups and counters: the groups by their farthest cells, worse ones first."""

    window: int | None
    """The window's first second; null: there is none yet."""
    tenant: str | None
    """The tenant; null: the fleet."""
    groupBy: GroupBy
    keys: list[str]
    """The counters, in the order of each group's cells."""
    of: int
    """How many groups there are. The data have the farthest from normal of them."""
    coverage: float | None
    """How many of the expected VMs the fleet has in the window, 0 to 1; null: unknown."""
    final: bool | None
    """Whether the window is closed."""
    reason: str | None
    """Why there are no cells, or no scores; null: there are."""
    data: list[MatrixItem]


@dataclass(frozen=True, slots=True)
class OwnMatrix(ForTenants):
    """A matrix of a tenant's VMs, as that tenant's caller sees it."""

    window: int | None
    """The window's first second; null: there is none yet."""
    tenant: str
    groupBy: GroupBy
    keys: list[str]
    """The counters, in the order of each group's cells."""
    of: int
    """How many groups there are. The data have the farthest from normal of them."""
    final: bool | None
    """Whether the window is closed."""
    reason: str | None
    """Why there are no cells, or no scores; null: there are."""
    data: list[OwnMatrixItem]


class _Known(NamedTuple):
    """What is known of a window: the values of each group, what was found, and what is normal.

    ``figures``: by counter and group; made only of the groups that are told. ``zones``: the zones by whose clocks VMs
    live now.
    """

    groups: Sequence[str | None]
    figures: Callable[[str, str | None], Figures | None]
    judged: Judged | None
    hours: Sequence[DayBaselines]
    zones: Mapping[Whose, str | None] = {}


_fields: Callable[[MatrixItem], tuple[Any, ...]] = attrgetter(*(each.name for each in fields(MatrixItem)))


async def get_matrix(tables: Tables, question: MatrixQuestion, view: View) -> Matrix | OwnMatrix:
    """Return a matrix. Raises NotFound, BadParameters, and Forbidden where a tenant's caller asks for the fleet."""
    check_offered(question.by, question.tenant)
    if question.tenant is None and view.caller.tenant:
        raise Forbidden("a matrix of the fleet is not for tenants: give the parameter tenant")
    tenant = None if question.tenant is None else await tenant_named(tables, question.tenant, view)
    keys = await _keys(tables, question.keys, tenant, view)
    progress = await progress_of(tables)
    window = question.window
    if window is None:
        newest = progress.newest_summarized if tenant is None else await newest_of_tenant(tables, tenant, view.now)
        window = ended(newest, view.now)
    known = _Known([], lambda _key, _group: None, None, [])
    if window is not None:
        known = await (
            _of_fleet(tables, question.by, keys, window)
            if tenant is None
            else _of_tenant(tables, tenant, question, keys, window)
        )
    items = _items(window or 0, question, tenant, keys, known)
    reason = NOTHING_THERE if not known.groups else NOT_JUDGED_YET if known.judged is None else None
    final = None if window is None else progress.is_final(window)
    if tenant is not None and view.caller.tenant:
        own = [OwnMatrixItem(*_fields(each)) for each in items]
        return OwnMatrix(window, tenant, question.by, keys, len(known.groups), final, reason, own)
    coverage = None if window is None else coverage_of(progress, window)
    return Matrix(window, tenant, question.by, keys, len(known.groups), coverage, final, reason, items)


async def _keys(tables: Tables, asked: Sequence[str], tenant: str | None, view: View) -> list[str]:
    if asked:
        return list(await known_counters(tables, list(dict.fromkeys(asked)), view))
    if tenant is None:
        there = {*await tables.catalogue.entries(COUNTERS)}
    else:
        stored = await tables.catalogue.counters_of(tenant)
        there = {*stored.value} if stored else set()
    first = [key for key in FIRST if key in there]
    services = sorted((key for key in there if kept_of_vms(key) and key not in FIRST), key=by_interest)
    return [*first, *services][:MOST_KEYS]


async def _of_fleet(tables: Tables, by: GroupBy, keys: Sequence[str], window: int) -> _Known:
    by_tenant = by == "tenant"
    read = await gather(
        (tables.summaries.figures_between(key, window, window, tenants=by_tenant) for key in keys), AT_ONCE
    )
    figures = {key: dict(of_fleet(found[window], by)) for key, found in zip(keys, read, strict=True) if window in found}
    groups = list(dict.fromkeys(group for of in figures.values() for group in of))
    judged = await tables.judged.lasting(None, window)
    regions = groups if by == "Region" else ()
    hours = [] if by_tenant else await hours_of(tables, None, window, regions)
    return _Known(groups, lambda key, group: figures.get(key, {}).get(group), judged, hours)


async def _of_tenant(tables: Tables, tenant: str, question: MatrixQuestion, keys: Sequence[str], window: int) -> _Known:
    stored = await tables.standings.read(tenant, window, keys)
    standings = _filtered(stored.value if stored else NO_STANDINGS, question.filters)
    values = {key: grouped(standings, key, question.by) for key in keys}
    groups = list(dict.fromkeys(group for of in values.values() for group in of))
    judged = await tables.judged.lasting(tenant, window)
    zones = {Whose("vm", each.vm): zone_of(each.dimensions.Region) for each in standings.vms}
    learned = question.by in ("vm", "ResourcePoolName")
    regions = {each.dimensions.Region for each in standings.vms} if question.by == "vm" else ()
    hours = await hours_of(tables, tenant, window, regions) if learned else []

    def figures(key: str, group: str | None) -> Figures | None:
        of = values[key].get(group)
        return figures_of(of) if of else None

    return _Known(groups, figures, judged, hours, zones)


def _filtered(standings: Standings, filters: Mapping[Dimension, str]) -> Standings:
    if not filters:
        return standings
    kept = [at for at, vm in enumerate(standings.vms) if passes(vm, filters)]
    return Standings([standings.vms[at] for at in kept], {key: of[kept] for key, of in standings.columns.items()})


def _whose(by: GroupBy, group: str | None) -> Whose | None:
    """Return who a group is in what was learned and found; None: it is nobody there."""
    if by == "SiteName":
        return None
    if by == "tenant":
        return tenant_of_fleet(group or "")
    return Whose("pool" if by == "ResourcePoolName" else by, group)


def _items(
    window: int, question: MatrixQuestion, tenant: str | None, keys: Sequence[str], known: _Known
) -> list[MatrixItem]:
    """Return the cells of the groups that are farthest from normal."""
    whose = {group: _whose(question.by, group) for group in known.groups}
    found = known.judged and (known.judged.tenants if question.by == "tenant" else known.judged.deviations)
    deviations: dict[tuple[Whose | None, str], Deviation] = {}
    far: dict[Whose | None, tuple[float, float]] = {}
    wanted = {*whose.values()}
    for each in found or ():
        if each.whose in wanted and each.key in keys and each.score:
            deviations[each.whose, each.key] = each
            worst, most = far.get(each.whose, (0.0, 0.0))
            size = abs(each.score)
            is_worse = badness(each.key, above=each.score > 0) == WORSE
            far[each.whose] = (max(worst, size) if is_worse else worst), max(most, size)

    def order(group: str | None) -> tuple[float, float, float, bool, str]:
        worst, most = far.get(whose[group], (0.0, 0.0))
        return -worst, -most, -_share(known.judged, whose[group]), group is None, group or ""

    told = sorted(known.groups, key=order)[: question.limit]
    usual = {key: _usuals([whose[group] for group in told], key, known) for key in keys}
    return [
        cell(window, group, key, figures, Found(question.by, tenant, whose[group], known.judged, deviation, normal))
        for place, group in enumerate(told)
        for key in keys
        if (figures := known.figures(key, group)) is not None
        for deviation in [deviations.get((whose[group], key))]
        for normal in [usual[key][place]]
    ]


def _share(judged: Judged | None, whose: Whose | None) -> float:
    """Return the share of a group's VMs that stay on the worse side of their normal, by its worst counter."""
    counts = judged.counts.get(whose, {}) if judged and whose else {}
    return max(
        (
            count.deviating(above=above) / count.judged
            for key, count in counts.items()
            for above in (True, False)
            if badness(key, above=above) == WORSE
        ),
        default=0.0,
    )


_NOBODY = Whose("peers")
"""Stands for groups of which no baselines are learned."""


def _usuals(whose: Sequence[Whose | None], key: str, known: _Known) -> list[Usual]:
    """Return what is normal for each. A VM that has moved may be known by two clocks: those of now count."""
    found = [UNKNOWN] * len(whose)
    asked = [each or _NOBODY for each in whose]
    for hour in known.hours:
        for place, row in enumerate(hour.series.rows(asked, key).tolist()):
            if row >= 0 and (found[place] is UNKNOWN or known.zones.get(asked[place]) == hour.zone):
                found[place] = usual_at(hour, row)
    return found
