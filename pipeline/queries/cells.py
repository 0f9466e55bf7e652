"""The cells of a matrix (pipeline.queries.matrix): a group's values by one counter, beside what is normal.

Makes a cell of what is known of it, and says why what is unknown is. Reads nothing.
"""

from dataclasses import dataclass
from typing import NamedTuple

from domain.digests import Whose
from domain.findings import BETTER, WORSE, badness
from domain.judged import TENANT, Count, Deviation, Judged
from domain.summary import Figures
from pipeline.queries.baselines import Normal, reason_of
from pipeline.queries.evidence import Usual
from pipeline.queries.groups import GroupBy
from pipeline.queries.unusual import NOT_JUDGED_YET

NOT_OF_THESE = "of a tenant, what is normal is learned for itself, its pools and its VMs, not for this kind of group"
NOT_AMONG_TENANTS = "of a tenant among others, this is known of counters that people look at first, and of services"
AS_USUAL = "it is as usual; get-baseline with this tenant says what is usual"


@dataclass(slots=True)
class MatrixItem:
    """A cell: a group of VMs, or a VM, by one counter."""

    window: int
    """The window's first second."""
    group: str | None
    """The value that the group's VMs share; null: theirs is unknown."""
    key: str
    value: float
    """The average of its VMs' window values; of a VM, its own."""
    count: int
    """How many VMs have a value."""
    sum: float
    """The sum of the values: of a service, how many VMs run it."""
    expected: float | None
    """The usual value; null: unknown."""
    low: float | None
    """The low end of a band that holds four values of five."""
    high: float | None
    """The high end of the band."""
    history: int | None
    """From how many days this was learned; null: unknown."""
    score: float | None
    """How far beyond the band the value stays for most of the last hour, in widths of it; negative: below; 0: it does
    not; null: unknown. The same measure as that of get-unusual."""
    worse: bool | None
    """Whether that is the counter's worse side; null: it has none, or score is 0 or null."""
    since: int | None
    """The first window in which it was unusual; null: it is not."""
    judged: int | None
    """How many of its VMs were judged by this counter, each by its own past; null: unknown."""
    above: int | None
    """How many of them stay above what is normal for them."""
    below: int | None
    """How many of them stay below."""
    reason: str | None
    """Why expected or score is null; null: neither is."""


class Found(NamedTuple):
    """What is known of a cell beside its values: whose they are, whether they deviate, and what is normal."""

    by: GroupBy
    tenant: str | None
    whose: Whose | None
    judged: Judged | None
    deviation: Deviation | None
    usual: Usual


def cell(window: int, group: str | None, key: str, figures: Figures, of: Found) -> MatrixItem:
    """Return a cell."""
    count = _count(of, key)
    band = of.usual[:3]
    if of.by == "tenant" and of.deviation:
        band = (of.deviation.expected, of.deviation.low, of.deviation.high)
    score = None
    if of.judged and (of.deviation or band[0] is not None or (of.by == "tenant" and count)):
        score = of.deviation.score if of.deviation else 0.0
    return MatrixItem(
        window,
        group,
        key,
        figures.average,
        figures.count,
        figures.total,
        *band,
        of.usual.days or None,
        score,
        {WORSE: True, BETTER: False}.get(badness(key, above=score > 0)) if score else None,
        of.deviation.since if of.deviation else None,
        count.judged if count else None,
        count.above if count else None,
        count.below if count else None,
        None if score is not None and band[0] is not None else _reason(of, key, score),
    )


def _count(of: Found, key: str) -> Count | None:
    """Return how many of the group's VMs were judged, and stay above and below; None: unknown, or it is one VM."""
    if of.judged is None or of.whose is None or of.by == "vm":
        return None
    return of.judged.counts.get(of.whose, {}).get(key)


def _reason(of: Found, key: str, score: float | None) -> str:
    if of.tenant is not None and of.by not in ("vm", "ResourcePoolName"):
        return NOT_OF_THESE
    if of.by == "tenant" and of.judged:
        return NOT_AMONG_TENANTS if score is None else AS_USUAL
    if of.judged is None and (of.by == "tenant" or of.usual.expected is not None):
        return NOT_JUDGED_YET
    normal = Normal(of.usual.zone, of.usual.days, {})
    return reason_of(of.whose or TENANT, key, normal) or NOT_JUDGED_YET
