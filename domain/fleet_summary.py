"""The fleet's summary of one counter in a window, as it is read: figures, histograms, and the VMs at the worse end.

Made from the merged summary of all tenants (domain.summary). It depends on the values of its counter alone, so a change
of another counter changes nothing in it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from domain.histogram import Histograms, merge_histograms
from domain.samples import Dimensions
from domain.summary import CounterSummary, Entry, Figures, GroupKey, Summary, SummaryVm, figures_from, is_high_worse

if TYPE_CHECKING:
    from domain.buckets import Floats


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

    def ranks(self, key: str, slots: Sequence[int], values: Sequence[float]) -> "Floats":
        """Return the rank of each value among those of its slot, which has values. ``key``: the counter.

        It is read from the histogram (Histograms.ranks). A value that only listed VMs pass has its exact rank.
        """
        import numpy as np  # noqa: PLC0415

        found = self.histograms.ranks(slots, values)
        where, asked, high = np.asarray(slots), np.asarray(values, np.float64), is_high_worse(key)
        for slot in set(slots):
            there = where == slot
            count = self.figures[slot].count
            for listed, highest in ((self.worst[slot], high), (() if slot else self.best, not high)):
                if listed:
                    ends = [each.value for each in listed]
                    found[there] = _sharpened(found[there], asked[there], ends, count, highest=highest)
        return found


def _sharpened(ranks: "Floats", values: "Floats", ends: Sequence[float], count: int, *, highest: bool) -> "Floats":
    """Return the ranks of values among ``count`` VMs, given the ``highest`` (or lowest) of their values in order.

    Whatever lies beyond the last of these is among them, so its rank is known. Others come after them.
    """
    import numpy as np  # noqa: PLC0415

    sign = -1 if highest else 1
    in_order, asked = sign * np.array(ends), sign * values
    before, upto = np.searchsorted(in_order, asked, "left"), np.searchsorted(in_order, asked, "right")
    known = (asked < in_order[-1]) | (len(ends) == count)
    if highest:
        exact, most = (100 * (count - each) / count for each in ((before + upto) / 2, before + 0.5))
        return np.where(known, exact, np.minimum(ranks, most))
    exact, least = (100 * each / count for each in ((before + upto) / 2, before + 0.5))
    return np.where(known, exact, np.maximum(ranks, least))


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
