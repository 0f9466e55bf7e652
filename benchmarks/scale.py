"""``python -m benchmarks.scale``: calculates which share of the services' limits fleets of every size use.

It prints the tables of docs/scale.md. It has a model of the code (the messages, items, request units and bytes of a
fleet in a window) and the limits that Microsoft publishes. Tests compare the model with the code, and these tables with
the page (tests/benchmarks/test_scale.py).
"""

import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.modelled import (
    BYTES_A_PARTIAL,
    BYTES_A_TENANTS_HISTOGRAMS,
    BYTES_A_VALUE,
    COUNTERS,
    GB,
    LEAST_THROUGHPUT,
    MB,
    MESSAGE_BYTES,
    MOST_DOCUMENT_BYTES,
    PEAK,
    REPORT_BYTES,
    REPORT_UNITS,
    SECONDS_A_REQUEST,
    SECONDS_AN_ENTRY,
    SURGE,
    VM_WINDOW_BYTES,
    VM_WINDOW_UNITS,
    WIDTH,
    WINDOWS_A_DAY,
    Fleet,
)
from benchmarks.priced import PAGE_ITEMS, scan_units
from domain.minutes import MINUTES_PER_WINDOW, WINDOW
from domain.rollups import DEPTH

SIZES = (1_000, 10_000, 100_000, 1_000_000)

MOST = 100_000_000
"""The largest fleet that is calculated, in VMs."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit: its name, its amount, how much of it a fleet takes, and what to change if a fleet exceeds it.

    ``there_is``, the amount, is a function of the fleet if a larger fleet divides it.
    """

    name: str
    there_is: float | Callable[[Fleet], float]
    unit: str
    taken: Callable[[Fleet], float]
    change: str

    def share(self, fleet: Fleet) -> float:
        """Return the share of the limit that a fleet takes. Above 1 the fleet exceeds it."""
        there_is = self.there_is(fleet) if callable(self.there_is) else self.there_is
        return self.taken(fleet) / there_is


LIMITS: Sequence[Limit] = (
    Limit(
        "Service Bus: the queue's bytes, in an outage of 8 hours",
        5 * GB,
        "bytes",
        lambda fleet: fleet.messages * MESSAGE_BYTES * 8 * 3600,
        "nothing is lost: a full queue refuses messages, and SPOCs keep their files until it accepts them. A "
        "partitioned queue, or Premium, holds 80 GB",
    ),
    Limit(
        "Service Bus Standard: operations (credits)",
        1_000,
        "/s",
        lambda fleet: 2 * fleet.messages * SURGE,
        "Premium; or a second namespace, to which half of the tenants' SPOCs send, with a second function app",
    ),
    Limit(
        "Service Bus Premium: one messaging unit, in and out",
        4 * MB,
        "/s",
        lambda fleet: 2 * fleet.messages * MESSAGE_BYTES * SURGE,
        "more units (up to 16); needed only if Standard is not enough",
    ),
    Limit(
        "ingest: 40 instances of one core",
        40,
        "cores",
        lambda fleet: SURGE * fleet.ingest_cores,
        "`maximumInstanceCount` (infra/main.bicep), up to 1,000",
    ),
    Limit(
        "Cosmos DB serverless: bytes of a container (samples of 31 days)",
        1_000 * GB,
        "bytes",
        lambda fleet: fleet.samples_bytes,
        "change the account in the portal and set `cosmosMode = 'autoscale'` (docs/runbook.md): it has no such limit",
    ),
    Limit(
        "Cosmos DB serverless: request units of a container (samples)",
        5_000,
        "RU/s",
        lambda fleet: SURGE * fleet.samples_units / WINDOW,
        "`cosmosMode = 'autoscale'`, and `cosmosMaxThroughput`, which sets the samples' throughput",
    ),
    Limit(
        "samples: bytes of the largest tenant's day (a logical partition)",
        20 * GB,
        "bytes",
        lambda fleet: fleet.largest * WINDOWS_A_DAY * VM_WINDOW_BYTES,
        "buckets of VMs: the VM's bucket becomes part of the partition (`_samples_partition` in storage/tables); "
        "readers of a tenant's window then read its buckets one after the other",
    ),
    Limit(
        "samples: request units of the largest tenant's day (its physical partition's share)",
        lambda fleet: fleet.samples_share,
        "share",
        lambda fleet: SURGE * fleet.largest * VM_WINDOW_UNITS / WINDOW,
        "nothing is lost: refused requests (429) are retried, so that tenant's minutes come later. A higher "
        "`cosmosMaxThroughput`, of which each partition gets its share; then the same buckets",
    ),
    Limit(
        "all tables: request units of a database",
        1_000_000,
        "RU/s",
        lambda fleet: (SURGE * fleet.samples_units + PEAK * fleet.merged_units) / WINDOW,
        "a ticket to Microsoft",
    ),
    Limit(
        "rollups: request units of one window (its physical partition's share)",
        lambda fleet: fleet.rollups_share,
        "share",
        lambda fleet: PEAK * fleet.rollups_units / WINDOW,
        "make the branch's first digit part of the partition; `DEPTH = 3` (domain/rollups.py), and a rebuild",
    ),
    Limit(
        "standings: request units of one window (its physical partition's share)",
        lambda fleet: fleet.standings_share,
        "share",
        lambda fleet: PEAK * fleet.standings_units / WINDOW,
        "nothing is lost: rankings and groups come later. Make the branch's first digit part of the partition",
    ),
    Limit(
        "standings: bytes of a counter's summary of the fleet (a document)",
        MOST_DOCUMENT_BYTES,
        "bytes",
        lambda fleet: fleet.fleet_summary_bytes,
        "split it as those of branches are (storage/tables/split.py)",
    ),
    Limit(
        "report: request units of one counter's writes",
        LEAST_THROUGHPUT,
        "RU/s",
        lambda _: PEAK * REPORT_UNITS / 60,
        "does not grow with the fleet",
    ),
    Limit(
        "report: 1,000 people who view the same counter, refreshed every 30 s",
        LEAST_THROUGHPUT,
        "RU/s",
        lambda _: 1_000 / 30 * scan_units(9, 9 * REPORT_BYTES),
        "does not grow with the fleet; answers may be cached for 30 s (`Cache-Control`), so a cache in front helps",
    ),
    Limit(
        "averaging: the minute between two runs",
        60,
        "s",
        lambda fleet: fleet.averaging_seconds,
        "nothing is lost: runs do not overlap, and the next run does the waiting work; charts fall behind. A run for "
        "each of the eight top branches on its own instance, and one run that merges these",
    ),
    Limit(
        "averaging: memory of an instance, for the largest tenant's window",
        2 * GB,
        "bytes",
        lambda fleet: fleet.largest * COUNTERS * MINUTES_PER_WINDOW * BYTES_A_VALUE,
        "`instanceMemoryMB = 4096`; then the buckets above; each is added up by itself, since partials merge",
    ),
    Limit(
        "averaging: memory of an instance, for the histograms of two branches",
        2 * GB,
        "bytes",
        lambda fleet: 2 * fleet.tenants / WIDTH * BYTES_A_TENANTS_HISTOGRAMS,
        "merge each of the lower branches by itself first, as rollups are",
    ),
    Limit(
        "averaging: memory of an instance, for a branch's rollups",
        2 * GB,
        "bytes",
        lambda fleet: 8 * fleet.tenants / WIDTH**DEPTH * COUNTERS * MINUTES_PER_WINDOW * BYTES_A_PARTIAL,
        "`DEPTH = 3`, and a rebuild",
    ),
    Limit(
        "catalogue: seconds to read the largest tenant's VMs, of a minute",
        60,
        "s",
        lambda fleet: fleet.largest * (SECONDS_AN_ENTRY + SECONDS_A_REQUEST / PAGE_ITEMS),
        "the same buckets",
    ),
)


def table() -> str:
    """Return a Markdown table with the share of each limit that fleets of every size take."""
    lines = [
        "| limit | there is | " + " | ".join(f"{size:,} VMs" for size in SIZES) + " |",
        "|---|---|" + "---|" * len(SIZES),
    ]
    for limit in LIMITS:
        shares = (limit.share(Fleet(size)) for size in SIZES)
        lines.append(f"| {limit.name} | {_amount(limit)} | " + " | ".join(map(_percent, shares)) + " |")
    return "\n".join(lines)


def _percent(share: float) -> str:
    text = f"{share:.0%}" if share >= 0.095 else f"{share:.1%}" if share >= 0.00095 else "0 %"
    text = text.replace("%", " %").replace("  ", " ")
    return f"**{text}**" if share > 1 else text


def _amount(limit: Limit) -> str:
    if callable(limit.there_is):
        return " to ".join(f"{limit.there_is(Fleet(size)):,.0f}" for size in (SIZES[-1], SIZES[0])) + " RU/s"
    for factor, prefix in ((GB, "GB"), (MB, "MB")):
        if limit.there_is >= factor and limit.unit in ("bytes", "/s"):
            return f"{limit.there_is / factor:g} {prefix}{'/s' if limit.unit == '/s' else ''}"
    return f"{limit.there_is:,} {limit.unit}".replace(" /s", "/s")


def order_of_breaking() -> str:
    """Return a Markdown table of limits with the fleet size that exceeds each, smallest first, and what to change."""
    lines = ["| from | limit | what to change |", "|---|---|---|"]
    for limit in sorted(LIMITS, key=lambda limit: breaks_at(limit) or MOST):
        size = breaks_at(limit)
        lines.append(f"| {f'{size:,} VMs' if size else 'never'} | {limit.name} | {limit.change} |")
    return "\n".join(lines)


def breaks_at(limit: Limit) -> int | None:
    """Return the smallest fleet size that exceeds a limit (to two digits), or None if there is none below MOST."""
    if limit.share(Fleet(MOST)) <= 1:
        return None
    size: int = bisect.bisect_left(range(MOST), x=True, key=lambda vms: vms > 0 and limit.share(Fleet(vms)) > 1)
    unit = int(10 ** max(0, len(str(size)) - 2))
    return -(-size // unit) * unit


if __name__ == "__main__":
    print(table(), order_of_breaking(), sep="\n\n")
