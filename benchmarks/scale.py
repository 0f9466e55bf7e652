"""``python -m benchmarks.scale``: calculates which share of the services' limits fleets of every size use.

It prints the tables of docs/scale.md. It has a model of the code (the messages, items, request units and bytes of a
fleet in a window) and the limits that Microsoft publishes. Tests compare the model with the code, and these tables with
the page (tests/benchmarks/test_scale.py).
"""

import bisect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.priced import PAGE_ITEMS, read_units, scan_units, write_units
from domain.minutes import MINUTES_PER_WINDOW, WINDOW
from domain.rollups import DEPTH

KB, MB, GB = 1e3, 1e6, 1e9
SIZES = (1_000, 10_000, 100_000, 1_000_000)
WINDOWS_A_DAY = 96
RUNS = 15
"""Averaging runs every minute, so the tenants' pushes of a window are averaged in this many parts."""

# With 40 counters; the test measures these.
COUNTERS = 40
VMS_A_MESSAGE = 33
MESSAGE_BYTES = 173 * KB
VM_WINDOW_BYTES = 5.16 * KB
ROLLUP_BYTES = 47 * KB
REPORT_BYTES = 3.4 * KB

# Seconds of one core of the machine that docs/benchmarks.md names, measured by `make bench`.
SECONDS_A_SAMPLE = 1.15e-6
"""Ingest of a sample, from decoding to the durable write."""
SECONDS_A_VM_WINDOW = 0.35e-3
"""Averaging: reading a VM window and adding it up."""
SECONDS_A_ROLLUP = 0.7e-3
"""Averaging: reading a rollup and merging it."""
SECONDS_A_REQUEST = 2e-3
"""This process's work for a request to Cosmos DB (prices.toml)."""
SECONDS_AN_ENTRY = 5e-6
"""Reading an entry of the catalogue."""

BYTES_A_VALUE = 32
"""The memory of a value while a tenant's window is added up: a float, and the list's pointer to it."""
BYTES_A_PARTIAL = 400
"""The memory of a partial: a tuple of eight fields, and a list of its sum's terms. Eight branches merge at a time."""

MOST = 100_000_000
"""The largest fleet that is calculated, in VMs."""

PEAK = 3
"""The ratio of averaging's peak load to its mean, for limits per second (prices.toml, autoscale_peak)."""

SURGE = WINDOW / 120
"""The ratio of ingest's peak load to its mean. Agents write in the first minute of a quarter of an hour (edge.agent).
The tenants' collectors (SPOCs) look every minute (edge.spoc). So a window's messages arrive within two minutes."""

LEAST_THROUGHPUT = 1_000
THROUGHPUT_A_GB = 10
"""The lowest throughput of a container with autoscale, and for each GB in it, in RU/s (prices.toml)."""

PARTITION_THROUGHPUT = 10_000
PARTITION_BYTES = 50 * GB
"""The limits of a physical partition. A container's throughput is divided evenly among its physical partitions."""

LIFETIME = 31 * WINDOWS_A_DAY
"""The lifetime of samples and rollups in windows."""


def partition_share(wanted: float, stored: float) -> float:
    """Return the RU/s of one physical partition of a container. A logical partition can't have more.

    ``wanted`` is autoscale's setting in RU/s. If the ``stored`` bytes require a higher one, that counts.
    """
    throughput = max(LEAST_THROUGHPUT, wanted, stored / GB * THROUGHPUT_A_GB)
    return throughput / max(1.0, throughput / PARTITION_THROUGHPUT, stored / PARTITION_BYTES)


WIDTH = 8
"""The number of branches below a branch (domain.rollups)."""


def occupied(places: int, balls: float) -> float:
    """Return the expected number of non-empty places if each ball is thrown into a random one."""
    return places * (1 - math.pow(1 - 1 / places, balls))


@dataclass(frozen=True, slots=True)
class Fleet:
    """A fleet with 100 VMs per tenant, except for the largest tenant, which has a tenth of all VMs (at least 100)."""

    vms: int

    @property
    def tenants(self) -> int:
        """The number of tenants."""
        return max(1, (self.vms - self.largest) // 100 + 1)

    @property
    def largest(self) -> int:
        """The number of VMs of the largest tenant."""
        return max(100, self.vms // 10)

    @property
    def messages(self) -> float:
        """The number of messages per second."""
        return self.vms / VMS_A_MESSAGE / WINDOW

    @property
    def runs(self) -> int:
        """The number of averaging runs in a window that have work to do."""
        return min(RUNS, self.tenants)

    def rollups(self) -> tuple[float, float]:
        """Return how many rollups one run reads for merging, and how many branches' rollups it writes."""
        pushing = self.tenants / self.runs
        read, written, below = 0.0, 0.0, float(self.tenants)
        for level in range(DEPTH, -1, -1):
            touched = occupied(WIDTH**level, pushing) if level else 1.0
            there = occupied(WIDTH**level, self.tenants) if level else 1.0
            read += touched * below / there
            written += touched if level else 0
            below = there
        return read, written

    @property
    def averaging_seconds(self) -> float:
        """The seconds of one run of averaging on one core."""
        windows = self.vms / self.runs
        read, written = self.rollups()
        requests = (windows + read) / PAGE_ITEMS + 4 * self.tenants / self.runs + written + 2 * COUNTERS
        return windows * SECONDS_A_VM_WINDOW + read * SECONDS_A_ROLLUP + requests * SECONDS_A_REQUEST

    @property
    def samples_units(self) -> float:
        """The request units of VM windows in a window: each is written once and read once."""
        return self.vms * _WINDOW_UNITS

    @property
    def rollups_units(self) -> float:
        """The request units of rollups in a window: each tenant's is written once, and branches' with each run."""
        read, written = self.rollups()
        scans = written + 1
        of_runs = scans * scan_units(read / scans, read / scans * ROLLUP_BYTES)
        of_runs += written * (read_units(ROLLUP_BYTES) + write_units(ROLLUP_BYTES))
        return self.tenants * write_units(ROLLUP_BYTES) + self.runs * of_runs

    @property
    def samples_bytes(self) -> float:
        """The bytes in the samples' container."""
        return self.vms * LIFETIME * VM_WINDOW_BYTES

    @property
    def samples_share(self) -> float:
        """The RU/s of one physical partition of the samples, at the throughput that their peak needs."""
        return partition_share(SURGE * self.samples_units / WINDOW, self.samples_bytes)

    @property
    def rollups_share(self) -> float:
        """The RU/s of one physical partition of the rollups.

        They have a quarter of the samples' throughput (infra/modules/cosmos.bicep).
        """
        branches = sum(occupied(WIDTH**level, self.tenants) for level in range(1, DEPTH + 1))
        stored = (self.tenants + branches) * LIFETIME * ROLLUP_BYTES
        return partition_share(SURGE * self.samples_units / WINDOW / 4, stored)

    @property
    def report_units(self) -> float:
        """The request units of the report in a window: each run writes every counter's document."""
        return self.runs * COUNTERS * _REPORT_UNITS

    @property
    def ingest_cores(self) -> float:
        """The number of cores that ingest keeps busy."""
        return self.vms / WINDOW * (COUNTERS * MINUTES_PER_WINDOW * SECONDS_A_SAMPLE + SECONDS_A_REQUEST)


_WINDOW_UNITS = write_units(VM_WINDOW_BYTES) + scan_units(100, 100 * VM_WINDOW_BYTES) / 100
_REPORT_UNITS = write_units(REPORT_BYTES) + read_units(REPORT_BYTES)


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
        lambda fleet: SURGE * fleet.largest * _WINDOW_UNITS / WINDOW,
        "nothing is lost: refused requests (429) are retried, so that tenant's minutes come later. A higher "
        "`cosmosMaxThroughput`, of which each partition gets its share; then the same buckets",
    ),
    Limit(
        "all tables: request units of a database",
        1_000_000,
        "RU/s",
        lambda fleet: (SURGE * fleet.samples_units + PEAK * (fleet.rollups_units + fleet.report_units)) / WINDOW,
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
        "report: request units of one counter's writes",
        LEAST_THROUGHPUT,
        "RU/s",
        lambda _: PEAK * _REPORT_UNITS / 60,
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
