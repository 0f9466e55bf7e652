"""The fleet's summary of one counter in a window, as it is read: figures, histograms, and the VMs at the worse end.

Made from the merged summary of all tenants (domain.summary). It depends on the values of its counter alone, so a change
of another counter changes nothing in it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from domain.histogram import Histograms, merge_histograms
from domain.samples import Dimensions
from domain.summary import CounterSummary, Entry, Figures, GroupKey, Summary, SummaryVm, figures_from


class Listed(NamedTuple):
    """A VM, its window value, and its rank in its tenant (domain.summary.ranks)."""

    tenant: str
    vm: str
    dimensions: Dimensions
    value: float
    tenant_rank: float


@dataclass(frozen=True, slots=True)
class FleetFigures:
    """One counter's figures of the fleet in a window: of the whole, which comes first, and of each group with values.

    ``tenants``: the figures of each tenant.
    """

    groups: Sequence[GroupKey]
    figures: Sequence[Figures]
    tenants: Mapping[str, Figures]


@dataclass(frozen=True, slots=True)
class FleetSummary(FleetFigures):
    """One counter's summary of the fleet in a window.

    ``groups``, ``figures``, the slots of ``histograms`` and ``worst`` go together. For ``worst`` and ``best`` see
    CounterSummary.
    """

    histograms: Histograms
    worst: Sequence[Sequence[Listed]]
    best: Sequence[Listed]


def fleet_summaries(fleet: Summary) -> Iterator[tuple[str, FleetSummary]]:
    """Yield the fleet's summary of each counter."""
    for key, counter in fleet.counters.items():
        yield key, _of_counter(fleet.groups, counter, fleet.vms)


def _of_counter(groups: Sequence[GroupKey], counter: CounterSummary, vms: Sequence[SummaryVm]) -> FleetSummary:
    def listed(entries: Sequence[Entry]) -> list[Listed]:
        return [Listed(*vms[at], value, rank) for at, value, rank in entries]

    totals = counter.histograms.totals.tolist()
    kept = [slot for slot, total in enumerate(totals) if total]
    moved = [0] * len(groups)
    for to, slot in enumerate(kept):
        moved[slot] = to
    of = counter.histograms if len(kept) == len(groups) else merge_histograms([(counter.histograms, moved)], len(kept))
    columns = zip(*(column.tolist() for column in (of.totals, of.mins, of.maxs, of.percentiles((50, 95)))), strict=True)
    figures = [
        figures_from(counter.sums[slot], count, counter.numbers[slot], low, high, *percentiles)
        for slot, (count, low, high, percentiles) in zip(kept, columns, strict=True)
    ]
    return FleetSummary(
        [groups[slot] for slot in kept],
        figures,
        counter.tenants,
        of,
        [listed(counter.worst[slot]) for slot in kept],
        listed(counter.best),
    )
