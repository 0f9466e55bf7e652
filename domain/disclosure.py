"""Disclosure control: which fleet figures a tenant's caller may see, and which answer types they may get.

A figure over the fleet can reveal a single tenant's data. A minimum is one VM's value. The average times the count,
before and after a tenant arrived, gives that tenant's sum. So a counter has only one figure for each minute: its
average, or the reason why the average is suppressed. The figure is decided once, when the minute's window closes, by
two rules that statistical offices use: the minimum frequency rule and the dominance rule (Hundepool and others,
"Handbook on Statistical Disclosure Control"). It is the same for every tenant and never changes.

Where there are enough VMs besides, coarse histograms (domain.coarse_histogram) are disclosed with it: of the minutes,
for p10, p50 and p90, and of the window values, for the ranks of the caller's own VMs. Whoever asks may have chosen the
values of its own VMs, and so which of the others' values a percentile or a rank speaks of. It learns in which coarse
bucket that value is, and no more.

Knows the rules, and what is disclosed of a window. Does not know where that is kept, what charts are made of it
(domain.disclosed_charts), or any other figure.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from domain.coarse_histogram import LEFT_OUT, CoarseHistograms, coarsened, merge_coarse
from domain.minutes import MINUTES_PER_WINDOW
from domain.rollups import Series

if TYPE_CHECKING:
    from domain.histogram import Histograms

MIN_TENANTS = 5
"""How many enrolled tenants besides the caller's must contribute to an average, if no setting says otherwise."""

MIN_VMS = 30
"""How many VMs of enrolled tenants besides the caller's must contribute to a percentile or a rank."""

PERCENTILES = (10, 50, 90)
"""The percentiles of the fleet that a tenant's caller may see."""

LOWEST_RANK, HIGHEST_RANK, RANKS_APART = 10, 90, 5
"""The ranks that a tenant's caller may see. Beyond the lowest and the highest it is a few VMs that are spoken of."""

VALUES = MINUTES_PER_WINDOW
"""The slot of the window values in what is disclosed of a window. The slots before it are the minutes."""

SLOTS = MINUTES_PER_WINDOW + 1

DOMINATED = "one tenant brought more than half of the others' VMs"
NOT_FINAL = "the minute is not final yet"
NEVER_DISCLOSED = "nothing was disclosed of this counter when the minute's window closed"

Figure = float | str | None
"""What is disclosed of a counter and a minute: its average over all VMs, or why it is suppressed. None: no VM had a
sample."""


class ForTenants:
    """An answer that a tenant's caller may get: its only figures of others' VMs are disclosed ones.

    Answers of any other type are refused to tenants' callers (blueprints.http.endpoints). Where an answer is made,
    domain.access decides which names and samples it contains.
    """

    __slots__ = ()


class Contributed(Protocol):
    """Whose VMs contributed to a figure: the last four fields of domain.partials.Partial."""

    @property
    def enrolled(self) -> int:
        """See Partial."""

    @property
    def proven(self) -> int:
        """See Partial."""

    @property
    def largest(self) -> int:
        """See Partial."""

    @property
    def second(self) -> int:
        """See Partial."""


class Contributions(NamedTuple):
    """Whose VMs contributed to a figure (Contributed)."""

    enrolled: int
    proven: int
    largest: int
    second: int


def contributions_of(vms: Mapping[str, int], enrolled: Collection[str]) -> Contributions:
    """Return whose VMs contributed, given how many each tenant had, and which tenants are enrolled."""
    counts = sorted((count for tenant, count in vms.items() if tenant in enrolled), reverse=True)
    return Contributions(len(counts), sum(counts), *[*counts, 0, 0][:2])


def reason_to_suppress(of: Contributed, min_tenants: int) -> str | None:
    """Return why a minute's average over the fleet is suppressed, or None: every tenant's caller may see it.

    Only enrolled tenants count, since others can be made up. A caller knows their own part and can subtract it. So
    ``min_tenants`` must remain without the caller's tenant, and no tenant may hold more than half of the rest. If the
    largest tenant asks, the second is the greatest of the others. If the second or any other asks, the largest is.
    """
    if of.enrolled - 1 < min_tenants:
        return f"fewer than {min_tenants} other tenants took part"
    largest, second, proven = of.largest, of.second, of.proven
    if 2 * second > proven - largest or 2 * largest > proven - second:
        return DOMINATED
    return None


def may_be_ranked(of: Contributed, min_tenants: int, min_vms: int) -> bool:
    """Tell whether every tenant's caller may see percentiles and ranks, besides the average.

    Of the VMs of others, enough must be there for whoever asks: fewest are left where the largest tenant does.
    """
    return reason_to_suppress(of, min_tenants) is None and of.proven - of.largest >= min_vms


def figures(series: Series, min_tenants: int) -> list[Figure]:
    """Return what is disclosed of a counter's window, minute by minute, computed from the fleet's partials."""
    return [part and (reason_to_suppress(part, min_tenants) or part.mean) for part in series]


def ranked_minutes(series: Series, min_tenants: int, min_vms: int) -> Mapping[int, int]:
    """Return the minutes of a window, from 0, whose percentiles may be disclosed, and how many VMs they have."""
    return {
        minute: part.count for minute, part in enumerate(series) if part and may_be_ranked(part, min_tenants, min_vms)
    }


def disclosed_histograms(
    minutes: "Histograms", counts: Mapping[int, int], values: "Histograms | None"
) -> CoarseHistograms:
    """Return what is disclosed of a window's histograms.

    Of the ``minutes`` those in ``counts``, which says how many VMs they have. A minute whose histogram is not of so
    many is left out: it was made of other samples than the average. ``values``: the histogram of the window values, in
    the first slot; None: these are not disclosed.
    """
    totals = minutes.totals.tolist()
    kept = [at if counts.get(at) == total else LEFT_OUT for at, total in enumerate(totals)]
    parts = [(coarsened(minutes), kept)]
    if values is not None:
        parts.append((coarsened(values), [VALUES, *[LEFT_OUT] * (values.slots - 1)]))
    return merge_coarse(parts, SLOTS)


@dataclass(frozen=True, slots=True)
class DisclosedWindow:
    """What is disclosed of a counter's window: a figure for each minute, and its histograms (SLOTS); None: none."""

    figures: Sequence[Figure]
    histograms: CoarseHistograms | None = None

    def ranks(self, values: Sequence[float]) -> list[float | None]:
        """Return the rank of each of these window values among the fleet's; None: it is not disclosed.

        To RANKS_APART points. The lowest stands for all ranks up to it, and the highest for all from it on.
        """
        if self.histograms is None:
            return [None] * len(values)
        ranks = self.histograms.ranks(VALUES, values).tolist()
        return [None if rank != rank else _shown_rank(rank) for rank in ranks]  # noqa: PLR0124  (NaN is unlike itself)


NOTHING_DISCLOSED = DisclosedWindow([NEVER_DISCLOSED] * MINUTES_PER_WINDOW)


def _shown_rank(rank: float) -> float:
    return float(min(max(RANKS_APART * round(rank / RANKS_APART), LOWEST_RANK), HIGHEST_RANK))
