"""Disclosing: what tenants are shown of the fleet, written once when a window closes.

Knows what is read for it. What may be disclosed, domain.disclosure decides.
"""

from collections.abc import Collection

from domain.coarse_histogram import CoarseHistograms
from domain.disclosure import (
    DisclosedWindow,
    contributions_of,
    disclosed_histograms,
    figures,
    may_be_ranked,
    ranked_minutes,
)
from domain.rollups import FLEET, Series, merge_rollups
from pipeline.concurrency import cooperatively, gather
from pipeline.rules import Rules
from storage.tables import Tables

AT_ONCE = 16
"""How many counters are disclosed side by side."""


async def disclose(tables: Tables, window: int, rules: Rules) -> None:
    """Write what is disclosed of a window that is about to be closed (domain.disclosure). Its summaries must be made.

    What is already written, by another run or by this one before it was cut off, stays, even if late data have come
    since: it never changes. What is not written when the window closes is suppressed. Raises Corrupt and Unavailable.
    """
    fleet = await cooperatively(merge_rollups(await tables.rollups.below(FLEET, window)))
    enrolled = (await tables.enrolments.register()).enrolled

    async def write(key: str, series: Series) -> None:
        histograms = await _disclosed_histograms(tables, key, window, series, enrolled, rules)
        disclosed = DisclosedWindow(figures(series, rules.min_tenants), histograms)
        await tables.disclosed.write(key, window, disclosed)

    await gather((write(key, placed.series) for key, placed in fleet), AT_ONCE)


async def _disclosed_histograms(
    tables: Tables, key: str, window: int, series: Series, enrolled: Collection[str], rules: Rules
) -> CoarseHistograms | None:
    """Return what is disclosed of a counter's histograms; None: nothing. Of few VMs none is read."""
    counts = ranked_minutes(series, rules.min_tenants, rules.min_vms)
    minutes = await tables.histograms.of_fleet(key, window) if counts else None
    if minutes is None:
        return None
    summary = await tables.summaries.of_fleet(key, window)
    values = None
    if summary is not None:
        vms = {tenant: of.count for tenant, of in summary.value.tenants.items()}
        if may_be_ranked(contributions_of(vms, enrolled), rules.min_tenants, rules.min_vms):
            values = summary.value.histograms
    return disclosed_histograms(minutes.value, counts, values)
