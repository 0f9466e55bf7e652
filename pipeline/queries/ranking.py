"""Rankings: the VMs of the fleet or of a tenant by their window values, the worst first.

The fleet's come from its summaries, a tenant's from its standings. Never reads a VM window, and nothing whose size
grows with the fleet.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from typing import Any, Literal, NamedTuple

from domain.closing import Progress
from domain.disclosure import NOTHING_DISCLOSED, DisclosedWindow, ForTenants
from domain.errors import BadParameters, Forbidden
from domain.fleet_summary import FleetSummary, Listed
from domain.ranks import ranks
from domain.standings import DIMENSIONS, Dimension, Standings, StandingVm
from domain.summary import WHOLE, GroupKey, is_high_worse
from pipeline.concurrency import gather
from pipeline.queries.names import known_counters, tenant_named
from pipeline.queries.view import AT_ONCE, View, progress_of
from pipeline.queries.windows import Windows, coverage_of, newest_of_tenant, windows_asked
from storage.tables import Tables

Order = Literal["worst", "highest", "lowest"]
MOST_OF_FLEET = 20


class Place(NamedTuple):
    """Where a page begins: at a row, from 0, of the windows up to the one that was the newest for the first page.

    So that a window that has become the newest since does not move the rows.
    """

    row: int
    newest: int


@dataclass(frozen=True, slots=True)
class RankingQuestion:
    """What a ranking asks. ``filters``: values of dimensions. ``place``: where the page begins; None: at the start."""

    key: str
    windows: Windows
    tenant: str | None = None
    vm: str | None = None
    order: Order = "worst"
    filters: Mapping[Dimension, str] = field(default_factory=dict)
    limit: int = MOST_OF_FLEET
    place: Place | None = None


@dataclass(slots=True)
class RankedVm:
    """A VM in a ranking."""

    window: int
    """The window's first second."""
    position: int
    """Its place in the ranking, from 1."""
    tenant: str
    vm: str
    PerfValue: float
    """Its window value: its minutes reduced by the counter's own rule (avg, sum, min, max)."""
    rank: float | None
    """The share of the fleet's VMs whose value is below its own, 0 to 100, equal ones counted half; null: unknown."""
    tenantRank: float
    """The same among its tenant's VMs."""
    peerRank: float | None
    """The same among the fleet's VMs of its MachineSize."""
    Region: str | None
    MachineSize: str | None
    ResourcePoolName: str | None
    SiteName: str | None
    of: int
    """How many VMs the ranking has in this window."""
    coverage: float | None
    """How many of the expected VMs the window has, 0 to 1. Of a tenant: compared with the windows of this answer.
    null: the window is too old to say."""
    final: bool
    """Whether the window is closed."""


@dataclass(slots=True)
class OwnRankedVm(RankedVm, ForTenants):
    """A VM in a ranking of its tenant as that tenant's caller sees it."""

    rank: float | None
    """The share of the fleet's VMs whose value is below its own, as disclosed when the window closed: to 5 points, from
    10, which stands for 10 and less, to 90, for 90 and more; null: it is not disclosed (yet)."""
    peerRank: None
    """Not for tenants."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The VMs by their window values: what was asked, resolved, and the VMs, window after window, the newest first."""

    key: str
    order: Order
    """highest or lowest: what worst means for this counter."""
    tenant: str | None
    """The tenant; null: the fleet."""
    nextPage: str | None
    """The value for the parameter page; null: this is the last page."""
    data: list[RankedVm]


@dataclass(frozen=True, slots=True)
class OwnRanking(ForTenants):
    """A ranking as a tenant's caller sees it: of that tenant's VMs."""

    key: str
    order: Order
    """highest or lowest: what worst means for this counter."""
    tenant: str
    nextPage: str | None
    """The value for the parameter page; null: this is the last page."""
    data: list[OwnRankedVm]


_fields: Callable[[RankedVm], tuple[Any, ...]] = attrgetter(*(each.name for each in fields(RankedVm)))


async def get_ranking(
    tables: Tables, question: RankingQuestion, view: View, token_of: Callable[[Place], str]
) -> Ranking | OwnRanking:
    """Return a page of a ranking. ``token_of`` makes the token of the page that begins at a place.

    Raises NotFound, BadParameters, and Forbidden where a tenant's caller asks for the fleet.
    """
    (key,) = await known_counters(tables, [question.key], view)
    high = is_high_worse(key) if question.order == "worst" else question.order == "highest"
    question = replace(question, key=key, order="highest" if high else "lowest")
    progress = await progress_of(tables)
    if question.tenant is None:
        if view.caller.tenant:
            raise Forbidden("rankings of the fleet are not for tenants: give the parameter tenant")
        return Ranking(key, question.order, None, None, await _of_fleet(tables, question, progress, view))
    tenant = await tenant_named(tables, question.tenant, view)
    rows, left = await _of_tenant(tables, tenant, question, progress, view)
    token = None if left is None else token_of(left)
    if view.caller.tenant:
        return OwnRanking(key, question.order, tenant, token, [OwnRankedVm(*_fields(row)) for row in rows])
    return Ranking(key, question.order, tenant, token, rows)


async def _of_fleet(tables: Tables, question: RankingQuestion, progress: Progress, view: View) -> list[RankedVm]:
    if len(question.filters) > 1:
        raise BadParameters({"MachineSize": "can't be given together with Region for the fleet; give a tenant as well"})
    group = next((GroupKey(name, value) for name, value in question.filters.items()), WHOLE)
    windows = windows_asked(question.windows, progress.newest_summarized, view.now)
    found = await tables.summaries.of_fleet_between(question.key, windows[-1], windows[0]) if windows else {}
    rows: list[RankedVm] = []
    for window in windows:
        summary = found.get(window)
        if summary is None or group not in summary.groups:
            continue
        listed = _listed(summary, group, question)[: question.limit]
        slot = summary.groups.index(group)
        of = int(summary.histograms.totals[slot])
        seen = (coverage_of(progress, window), progress.is_final(window))
        rows += [
            _ranked(window, position, each, ranked, (of, *seen))
            for position, (each, ranked) in enumerate(
                zip(listed, _ranks(question.key, summary, listed), strict=True), 1
            )
        ]
    return rows


def _listed(summary: FleetSummary, group: GroupKey, question: RankingQuestion) -> Sequence[Listed]:
    if (question.order == "highest") == is_high_worse(question.key):
        return summary.worst[summary.groups.index(group)]
    if group != WHOLE:
        raise BadParameters({"order": "only the worse end is kept of a group of the fleet; give a tenant as well"})
    return summary.best


def _ranked(
    window: int,
    position: int,
    listed: Listed,
    ranked: tuple[float | None, float | None],
    told: tuple[int, float | None, bool],
) -> RankedVm:
    dimensions = listed.dimensions
    rank, peers = ranked
    return RankedVm(
        window,
        position,
        listed.tenant,
        listed.vm,
        listed.value,
        rank,
        listed.tenant_rank,
        peers,
        dimensions.Region,
        dimensions.MachineSize,
        dimensions.ResourcePoolName,
        dimensions.SiteName,
        *told,
    )


def _ranks(
    key: str, summary: FleetSummary | None, listed: Sequence[Listed]
) -> Sequence[tuple[float | None, float | None]]:
    """Return each VM's rank in the fleet, and among the VMs of its size; None where that is unknown."""
    if summary is None:
        return [(None, None)] * len(listed)
    sizes = {group.value: slot for slot, group in enumerate(summary.groups) if group.dimension == "MachineSize"}
    slots = [sizes.get(each.dimensions.MachineSize) for each in listed]
    values = [each.value for each in listed]
    of_fleet = summary.ranks(key, [0] * len(listed), values).tolist()
    of_peers = summary.ranks(key, [slot or 0 for slot in slots], values).tolist()
    return [
        (rank, None if slot is None else peers) for slot, rank, peers in zip(slots, of_fleet, of_peers, strict=True)
    ]


async def _of_tenant(
    tables: Tables, tenant: str, question: RankingQuestion, progress: Progress, view: View
) -> tuple[list[RankedVm], Place | None]:
    """Return a page's rows, and where the next page begins (None: this is the last page)."""
    newest = question.place.newest if question.place else await newest_of_tenant(tables, tenant, view.now)
    begin = question.place.row if question.place else 0
    windows = windows_asked(question.windows, newest, view.now)
    standings = await gather((tables.standings.read(tenant, each, [question.key]) for each in windows), AT_ONCE)
    summaries: Mapping[int, FleetSummary] = {}
    if windows and not view.caller.tenant:
        summaries = await tables.summaries.of_fleet_between(question.key, windows[-1], windows[0])
    disclosed: Mapping[int, DisclosedWindow] = {}
    if windows and view.caller.tenant:
        disclosed = await tables.disclosed.between(question.key, windows[-1], windows[0])
    most = max((len(each.value.vms) for each in standings if each), default=0)
    rows: list[RankedVm] = []
    at = 0
    for window, stored in zip(windows, standings, strict=True):
        if stored is None:
            continue
        ordered = _ordered(tenant, stored.value, question)
        told = (len(ordered), len(stored.value.vms) / most, progress.is_final(window))
        shown = disclosed.get(window, NOTHING_DISCLOSED).ranks([each.value for each in ordered])
        known = _ranks(question.key, summaries.get(window), ordered)
        for position, each in enumerate(ordered, 1):
            if question.vm not in (None, each.vm):
                continue
            if at >= begin:
                if len(rows) == question.limit:
                    return rows, Place(at, windows[0])
                ranked = (shown[position - 1], None) if view.caller.tenant else known[position - 1]
                rows.append(_ranked(window, position, each, ranked, told))
            at += 1
    return rows, None


def _ordered(tenant: str, standings: Standings, question: RankingQuestion) -> list[Listed]:
    """Return a tenant's VMs that have the counter and pass the filters, in the order asked, ties by name."""
    column = standings.columns.get(question.key)
    if column is None:
        return []
    there = [at for at, value in enumerate(column.tolist()) if value == value]  # noqa: PLR0124  (NaN is unlike itself)
    values = column[there]
    listed = [
        Listed(tenant, vm.vm, vm.dimensions, value, rank)
        for vm, value, rank in zip(
            (standings.vms[at] for at in there), values.tolist(), ranks(values).tolist(), strict=True
        )
        if passes(vm, question.filters)
    ]
    high = question.order == "highest"
    return sorted(listed, key=lambda each: (-each.value if high else each.value, each.vm))


def passes(vm: StandingVm, filters: Mapping[Dimension, str]) -> bool:
    """Tell whether a VM has these values of dimensions."""
    return all(vm.value_of(dimension) == filters[dimension] for dimension in DIMENSIONS if dimension in filters)
