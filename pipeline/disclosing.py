"""Disclosing: what tenants are shown of the fleet, written once when a window closes.

Knows what is read for it. What may be disclosed, domain.disclosure decides.
"""

from collections.abc import Collection, Mapping

from domain.coarse_histogram import CoarseHistograms
from domain.disclosure import (
    DisclosedWindow,
    contributions_of,
    disclosed_histograms,
    figures,
    may_be_ranked,
    ranked_minutes,
)
from domain.fleet_summary import FleetSummary
from domain.histogram import Histograms
from domain.rollups import FLEET, Series, merge_rollups
from pipeline.concurrency import cooperatively, gather
from pipeline.rules import Rules
from pipeline.summarizing import Summarized
from storage.tables import Tables

AT_ONCE = 16
"""How many counters are disclosed side by side."""


async def disclose(tables: Tables, window: int, rules: Rules, made: Summarized | None) -> None:
    """Write what is disclosed of a window that is about to be closed (domain.disclosure). Its summaries must be made.

    ``made``: what of the fleet was just made; all else is read.

    What is already written, by another run or by this one before it was cut off, stays, even if late data have come
    since: it never changes. What is not written when the window closes is suppressed. Raises Corrupt and Unavailable.
    """
    fleet = await cooperatively(merge_rollups(await tables.rollups.below(FLEET, window)))
    enrolled = (await tables.enrolments.register()).enrolled

    async def write(key: str, series: Series) -> None:
        counts = ranked_minutes(series, rules.min_tenants, rules.min_vms)
        of_fleet = await _of_fleet(tables, key, window, made) if counts else None
        histograms = of_fleet and _histograms(*of_fleet, counts, enrolled, rules)
        disclosed = DisclosedWindow(figures(series, rules.min_tenants), histograms)
        await tables.disclosed.write(key, window, disclosed)

    await gather((write(key, placed.series) for key, placed in fleet), AT_ONCE)


async def _of_fleet(
    tables: Tables, key: str, window: int, made: Summarized | None
) -> tuple[Histograms, FleetSummary | None] | None:
    """Return a counter's histograms of the minutes and its summary of the fleet; None: it has no histograms.

    What was not made just now is read.
    """
    if made and key in made.histograms:
        return made.histograms[key], made.summaries.get(key)
    minutes = await tables.histograms.of_fleet(key, window)
    summary = await tables.summaries.of_fleet(key, window) if minutes else None
    return (minutes.value, summary.value if summary else None) if minutes else None


def _histograms(
    minutes: Histograms,
    summary: FleetSummary | None,
    counts: Mapping[int, int],
    enrolled: Collection[str],
    rules: Rules,
) -> CoarseHistograms | None:
    """Return what is disclosed of a counter's histograms; None: nothing."""
    values = None
    if summary is not None:
        vms = {tenant: of.count for tenant, of in summary.tenants.items()}
        if may_be_ranked(contributions_of(vms, enrolled), rules.min_tenants, rules.min_vms):
            values = summary.histograms
    return disclosed_histograms(minutes, counts, values)
