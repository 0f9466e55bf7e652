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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from domain import exact
from domain.counters import worse_of
from domain.exact import exact_sum
from domain.histogram import Histograms, histograms_of
from domain.ranks import ranks_of_rows
from domain.samples import Dimensions
from domain.standings import Dimension, Standings

if TYPE_CHECKING:
    from domain.buckets import Flags, Floats, Ints

GROUPED: tuple[Dimension, ...] = ("Region", "MachineSize")
"""The dimensions by which the fleet is grouped: those whose values mean the same to all tenants."""

OTHER = "other"
MOST_GROUPS = 100
"""The most values of a dimension that a tenant has in a summary, and that the fleet has."""

VALUES_AT_ONCE = 1 << 17
"""How many values of VMs and counters are worked on at once: many, since a step costs much more than a value, and few
enough for memory."""

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
    keys = sorted({key for each in standings.values() for key in each.columns}) if names else []
    size = max(1, VALUES_AT_ONCE // max(1, len(names)))
    counters = {
        key: counter
        for at in range(0, len(keys), size)
        for key, counter in _counters(keys[at : at + size], [standings[tenant] for tenant in tenants], vms)
    }
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


def _counters(keys: Sequence[str], standings: Sequence[Standings], vms: _Vms) -> Iterator[tuple[str, CounterSummary]]:
    """Yield the summaries of some counters, all worked out at once. A counter without values has none."""
    import numpy as np  # noqa: PLC0415

    values = np.concatenate(
        [[each.columns.get(key, np.full(len(each.vms), np.nan)) for key in keys] for each in standings], axis=1
    )
    there = ~np.isnan(values)
    ends = np.searchsorted(vms.tenant_of, np.arange(len(vms.tenants) + 1)).tolist()
    slices = [slice(first, end) for first, end in pairwise(ends)]
    ranks = np.concatenate([ranks_of_rows(values[:, each]) for each in slices], axis=1)
    signs = np.array([[-1.0 if is_high_worse(key) else 1.0] for key in keys])
    # Ties are broken by name: the VMs are in the order of their names, and the sort is stable. NaN come last.
    worst, best = (np.argsort(sign * values, axis=1, kind="stable") for sign in (signs, -signs))
    groups = [
        _Group(slot, np.flatnonzero(slots == slot)) for slots in vms.slots_of for slot in np.unique(slots).tolist()
    ]
    rows, positions = np.nonzero(there)
    histograms = histograms_of(
        np.concatenate([values[there]] * len(vms.slots_of)),
        np.concatenate([rows * vms.groups + slots[positions] for slots in vms.slots_of]),
        len(keys) * vms.groups,
    )
    listed = {group.slot: group.listed(worst, values, ranks, there) for group in groups}
    sums = {group.slot: group.sums(values, there) for group in groups}
    numbers = {group.slot: group.tenants(there, vms.tenant_of) for group in groups}
    best_of = _Group(0, np.arange(values.shape[1])).listed(best, values, ranks, there)
    for at, (key, of) in enumerate(zip(keys, histograms.split(vms.groups), strict=True)):
        if there[at].any():
            yield (
                key,
                CounterSummary(
                    [sums[slot][at] for slot in range(vms.groups)],
                    [numbers[slot][at] for slot in range(vms.groups)],
                    of,
                    [listed[slot][at] for slot in range(vms.groups)],
                    best_of[at],
                    {
                        tenant: figures_of(values[at, each][there[at, each]].tolist())
                        for tenant, each in zip(vms.tenants, slices, strict=True)
                        if there[at, each].any()
                    },
                ),
            )


@dataclass(frozen=True, slots=True)
class _Group:
    """The VMs of a group, by their positions. What it returns is by counter: values have a row for each."""

    slot: int
    members: "Ints"

    def listed(self, ranked: "Ints", values: "Floats", ranks: "Floats", there: "Flags") -> list[list[Entry]]:
        """Return the first MOST_LISTED that have a value, given the positions of all VMs in the order of the list."""
        import numpy as np  # noqa: PLC0415

        inside = np.zeros(values.shape[1], np.bool_)
        inside[self.members] = True
        first = ranked[inside[ranked]].reshape(len(values), -1)[:, :MOST_LISTED]
        counts = there[:, self.members].sum(axis=1).tolist()
        columns = (first, np.take_along_axis(values, first, axis=1), np.take_along_axis(ranks, first, axis=1))
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [list(zip(*row, strict=True))[:count] for row, count in zip(rows, counts, strict=True)]

    def sums(self, values: "Floats", there: "Flags") -> list[list[float]]:
        """Return the exact sums."""
        pairs = zip(values[:, self.members], there[:, self.members], strict=True)
        return [exact_sum(row[known].tolist()) for row, known in pairs]

    def tenants(self, there: "Flags", tenant_of: "Ints") -> list[int]:
        """Return how many tenants have values."""
        import numpy as np  # noqa: PLC0415

        of = tenant_of[self.members]  # in ascending order
        starts = np.flatnonzero(np.concatenate(([True], of[1:] != of[:-1])))
        found: list[int] = np.logical_or.reduceat(there[:, self.members], starts, axis=1).sum(axis=1).tolist()
        return found


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
