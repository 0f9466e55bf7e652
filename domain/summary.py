"""Summaries: what standings say of many VMs together, counter by counter, for all of them and for groups.

A *group* is the VMs that share a value of a dimension. A summary holds, for the whole and for each group, the exact sum
and the histogram of the window values and the VMs at the worse end; and the figures of each tenant. Summaries of
different tenants merge (domain.merged_summary). So the fleet's is made along the tree of branches, from standings
alone.

**If there is no room for all groups,** those with the smallest *places* stay, and the others become one group, OTHER.
Each tenant has a list of its groups, the one with most VMs first; a group's place is its position there, and in a
merged summary the smallest of its tenants' places. So each tenant keeps the same number of its own groups before
another tenant keeps more: a tenant that makes up regions or sizes displaces only its own.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from domain import exact
from domain.counters import worse_of
from domain.exact import exact_sum
from domain.histogram import Histograms, histograms_of
from domain.samples import Dimensions
from domain.standings import Dimension, Standings

if TYPE_CHECKING:
    from domain.histogram import Floats, Ints

GROUPED: tuple[Dimension, ...] = ("Region", "MachineSize")
"""The dimensions by which the fleet is grouped: those whose values mean the same to all tenants."""

OTHER = "other"
MOST_GROUPS = 100
"""The most values of a dimension that a tenant has in a summary, and that the fleet has."""

MOST_LISTED = 20
"""The most VMs that are listed of the whole and of a group."""


class GroupKey(NamedTuple):
    """A group: a dimension and a value of it (None: the VMs whose value is unknown). The whole has no dimension."""

    dimension: Dimension | None = None
    value: str | None = None


WHOLE = GroupKey()


class SummaryVm(NamedTuple):
    """A VM, with its dimensions."""

    tenant: str
    vm: str
    dimensions: Dimensions


Entry = tuple[int, float, float]
"""A listed VM: its position among the summary's VMs, its window value, and its rank in its tenant (see ranks)."""


class Figures(NamedTuple):
    """The figures of some VMs' window values. ``total`` is their sum."""

    average: float
    count: int  # type: ignore[assignment]  # hides tuple.count, which is not used
    tenants: int
    total: float
    min: float
    max: float
    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class CounterSummary:
    """One counter's summary. The positions in its sequences are those of the summary's groups, the whole first.

    ``sums``: the exact sum of the values of each group (domain.exact). ``numbers``: how many tenants have values in it.
    ``worst``: at most MOST_LISTED VMs, the worst first; of a counter
    without a worse direction, the highest first. ``best``: the same from the other end, of the whole.
    ``tenants``: the figures of each tenant.
    """

    sums: Sequence[Sequence[float]]
    numbers: Sequence[int]
    histograms: Histograms
    worst: Sequence[Sequence[Entry]]
    best: Sequence[Entry]
    tenants: Mapping[str, Figures]


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary of some tenants' standings. ``places`` are the groups' places; the whole has place 0.

    ``vms`` are the VMs, by tenant and name.
    """

    groups: Sequence[GroupKey]
    places: Sequence[int]
    counters: Mapping[str, CounterSummary]
    vms: Sequence[SummaryVm]

    def __bool__(self) -> bool:
        """Tell whether there is any VM."""
        return bool(self.vms)


NOTHING = Summary([WHOLE], [0], {}, [])


def is_high_worse(key: str) -> bool:
    """Tell whether the highest values of a counter are listed as the worst."""
    return worse_of(key) != "low"


def summarize(standings: Mapping[str, Standings], most_groups: int = MOST_GROUPS) -> Summary:
    """Return the summary of some tenants' standings, by tenant. Any order of the tenants gives the same result."""
    import numpy as np  # noqa: PLC0415

    tenants = sorted(standings)
    of_vm, places = _groups_of_vms([standings[tenant] for tenant in tenants], most_groups)
    groups = sorted(places, key=group_order)
    slots = {group: slot for slot, group in enumerate(groups)}
    names = [SummaryVm(tenant, vm.vm, vm.dimensions) for tenant in tenants for vm in standings[tenant].vms]
    vms = _Vms(
        np.repeat(np.arange(len(tenants)), [len(standings[tenant].vms) for tenant in tenants]),
        [np.array([slots[group] for group in each], np.int64) for each in zip(*of_vm, strict=True)],
        tenants,
        len(groups),
    )
    counters = {}
    for key in sorted({key for tenant in tenants for key in standings[tenant].columns}):
        columns = [
            standings[tenant].columns.get(key, np.full(len(standings[tenant].vms), np.nan)) for tenant in tenants
        ]
        if summary := _counter(key, np.concatenate(columns), vms):
            counters[key] = summary
    return Summary(groups, [places[group] for group in groups], counters, names)


@dataclass(frozen=True, slots=True)
class _Vms:
    """The VMs of some tenants, in the order of their names: which tenant's each is, and its slots by dimension."""

    tenant_of: "Ints"
    slots_of: Sequence["Ints"]
    tenants: Sequence[str]
    groups: int


def _groups_of_vms(standings: Sequence[Standings], most: int) -> tuple[list[Sequence[GroupKey]], dict[GroupKey, int]]:
    """Return each VM's groups, of all tenants in their order, and each group's place."""
    of_vm: list[Sequence[GroupKey]] = []
    places: dict[GroupKey, int] = {WHOLE: 0}
    for each in standings:
        known: list[Mapping[str | None, GroupKey]] = []
        for dimension in GROUPED:
            counted = Counter(vm.value_of(dimension) for vm in each.vms)
            ranked = sorted(counted, key=lambda value: (-counted[value], value or ""))
            named = {value: GroupKey(dimension, value if at < most else OTHER) for at, value in enumerate(ranked)}
            known.append(named)
            for place, value in enumerate(ranked[: most + 1]):
                group = named[value]
                places[group] = min(place, places.get(group, place))
        of_vm += [
            (WHOLE, *(named[vm.value_of(dimension)] for dimension, named in zip(GROUPED, known, strict=True)))
            for vm in each.vms
        ]
    return of_vm, places


def group_order(group: GroupKey) -> tuple[int, bool, str]:
    """Return a sort key: the whole first, then by dimension and value, the unknown value last."""
    at = -1 if group.dimension is None else GROUPED.index(group.dimension)
    return at, group.value is None, group.value or ""


def _counter(key: str, column: "Floats", vms: _Vms) -> CounterSummary | None:
    """Return the summary of one counter, given each VM's value (NaN: none), or None if no VM has a value."""
    import numpy as np  # noqa: PLC0415

    there = np.flatnonzero(~np.isnan(column))
    if not len(there):
        return None
    values, tenant_of = column[there], vms.tenant_of[there]
    sums: list[Sequence[float]] = [[]] * vms.groups
    numbers = [0] * vms.groups
    worst: list[Sequence[Entry]] = [[]] * vms.groups
    high = is_high_worse(key)
    by_tenant = np.split(values, np.flatnonzero(np.diff(tenant_of)) + 1)
    found_there = _There(there, values, np.concatenate([ranks(each) for each in by_tenant]))
    # Ties are broken by name: the VMs are in the order of their names, and the sort is stable.
    order = np.argsort(-values if high else values, kind="stable")
    for slots in (each[there] for each in vms.slots_of):
        ranked = order[np.argsort(slots[order], kind="stable")]
        for found in np.split(ranked, np.flatnonzero(np.diff(slots[ranked])) + 1):
            slot = int(slots[found[0]])
            sums[slot] = exact_sum(values[found].tolist())
            numbers[slot] = len(np.unique(tenant_of[found]))
            worst[slot] = found_there.listed(found)
    named = [vms.tenants[at] for at in np.unique(tenant_of).tolist()]
    return CounterSummary(
        sums,
        numbers,
        histograms_of(
            np.concatenate([values] * len(vms.slots_of)),
            np.concatenate([each[there] for each in vms.slots_of]),
            vms.groups,
        ),
        worst,
        found_there.listed(np.argsort(values if high else -values, kind="stable")),
        {tenant: figures_of(found.tolist()) for tenant, found in zip(named, by_tenant, strict=True)},
    )


@dataclass(frozen=True, slots=True)
class _There:
    """The VMs that have a value of a counter: their positions, values and ranks in their tenants."""

    there: "Ints"
    values: "Floats"
    tenant_ranks: "Floats"

    def listed(self, ranked: "Ints") -> list[Entry]:
        """Return the first MOST_LISTED of some of them."""
        first = ranked[:MOST_LISTED]
        columns = (self.there[first].tolist(), self.values[first].tolist(), self.tenant_ranks[first].tolist())
        return list(zip(*columns, strict=True))


def ranks(values: "Floats") -> "Floats":
    """Return each value's rank among them: which share lies below it, in percent, equal values counted half."""
    import numpy as np  # noqa: PLC0415

    in_order = np.sort(values)
    twice = np.searchsorted(in_order, values, "left") + np.searchsorted(in_order, values, "right")
    return np.asarray(50 * twice / len(values), np.float64)


def figures_of(values: Sequence[float]) -> Figures:
    """Return the figures of at least one window value of one tenant. Its percentiles are exact."""
    in_order = sorted(values)
    count = len(values)
    p50, p95 = (in_order[-(-count * percent // 100) - 1] for percent in (50, 95))
    return figures_from(exact_sum(values), count, 1, in_order[0], in_order[-1], p50, p95)


def figures_from(
    total: Sequence[float], count: int, tenants: int, low: float, high: float, p50: float, p95: float
) -> Figures:
    """Return the figures of values with this exact sum (domain.exact), and the rest of them as given."""
    return Figures(exact.mean(total, count), count, tenants, exact.limited_sum(total), low, high, p50, p95)
