"""``python -m benchmarks.scale``: fleets of every size against the limits of the services, on paper.

It prints the tables of docs/scale.md. Knows the shape of what the code does (how many messages, items, request units
and bytes a fleet makes in a window) and what Microsoft publishes as limits. A test checks the shape against the code,
and that the page says what is worked out here (tests/benchmarks/test_scale.py).
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
"""Averaging runs every minute, so tenants' pushes of a window are averaged in so many parts."""

# Of 40 counters; measured by the test.
COUNTERS = 40
VMS_A_MESSAGE = 33
MESSAGE_BYTES = 173 * KB
VM_WINDOW_BYTES = 5.16 * KB
ROLLUP_BYTES = 47 * KB
REPORT_BYTES = 3.4 * KB

# Of one core of the machine that docs/benchmarks.md names, by `make bench`: seconds of
SECONDS_A_SAMPLE = 1.15e-6
"""ingest, decoding to durable;"""
SECONDS_A_VM_WINDOW = 0.35e-3
"""averaging, of reading a VM window and adding it up;"""
SECONDS_A_ROLLUP = 0.7e-3
"""averaging, of reading a rollup and merging it;"""
SECONDS_A_REQUEST = 2e-3
"""a request to Cosmos DB in this process (prices.toml)."""
SECONDS_AN_ENTRY = 5e-6
"""an entry of the catalogue that is read."""

BYTES_A_VALUE = 32
"""Memory that a value takes while a tenant's window is added up: a float and the list's pointer to it."""
BYTES_A_PARTIAL = 400
"""Memory of a partial: eight fields in a tuple, the terms of its sum in a list. Eight branches are merged at a time."""

MOST = 100_000_000
"""VMs: beyond them nothing is worked out."""

PEAK = 3
"""Greatest over mean of what averaging does, where a limit is one of a second (prices.toml, autoscale_peak)."""

SURGE = WINDOW / 120
"""Greatest over mean of what ingest does: agents write in the first minute after a quarter of an hour (edge.agent), and
SPOCs look every minute (edge.spoc), so a window's messages come within two minutes."""

LEAST_THROUGHPUT = 1_000
THROUGHPUT_A_GB = 10
"""RU/s: the least that autoscale can be set to, of a container, and for each GB in it (prices.toml)."""

PARTITION_THROUGHPUT = 10_000
PARTITION_BYTES = 50 * GB
"""The most of a physical partition. A container's throughput is divided evenly among those that it has."""

LIFETIME = 31 * WINDOWS_A_DAY
"""Windows that samples and rollups live."""


def partition_share(wanted: float, stored: float) -> float:
    """Return the RU/s that one physical partition of a container has, and so a logical one at most.

    ``wanted``: what autoscale is set to, in RU/s, or the least that so many bytes ask for, if that is more.
    """
    throughput = max(LEAST_THROUGHPUT, wanted, stored / GB * THROUGHPUT_A_GB)
    return throughput / max(1.0, throughput / PARTITION_THROUGHPUT, stored / PARTITION_BYTES)


WIDTH = 8
"""Branches of a branch (domain.rollups)."""


def occupied(places: int, balls: float) -> float:
    """How many of so many places are expected to hold any of the balls, each thrown into one."""
    return places * (1 - math.pow(1 - 1 / places, balls))


@dataclass(frozen=True, slots=True)
class Fleet:
    """A fleet: 100 VMs a tenant, but for the largest, which has a tenth of all (and 100 at least)."""

    vms: int

    @property
    def tenants(self) -> int:
        """How many tenants there are."""
        return max(1, (self.vms - self.largest) // 100 + 1)

    @property
    def largest(self) -> int:
        """How many VMs the largest tenant has."""
        return max(100, self.vms // 10)

    @property
    def messages(self) -> float:
        """A second."""
        return self.vms / VMS_A_MESSAGE / WINDOW

    @property
    def runs(self) -> int:
        """How many of a window's runs of averaging find anything to do."""
        return min(RUNS, self.tenants)

    def rollups(self) -> tuple[float, float]:
        """How many rollups one run reads, to merge them, and how many branches' it writes."""
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
        """Of one run of averaging, on one core."""
        windows = self.vms / self.runs
        read, written = self.rollups()
        requests = (windows + read) / PAGE_ITEMS + 4 * self.tenants / self.runs + written + 2 * COUNTERS
        return windows * SECONDS_A_VM_WINDOW + read * SECONDS_A_ROLLUP + requests * SECONDS_A_REQUEST

    @property
    def samples_units(self) -> float:
        """Request units a window for VM windows: each is written once and read once."""
        return self.vms * _WINDOW_UNITS

    @property
    def rollups_units(self) -> float:
        """Request units a window for rollups: each tenant's is written once; branches' with each run."""
        read, written = self.rollups()
        scans = written + 1
        of_runs = scans * scan_units(read / scans, read / scans * ROLLUP_BYTES)
        of_runs += written * (read_units(ROLLUP_BYTES) + write_units(ROLLUP_BYTES))
        return self.tenants * write_units(ROLLUP_BYTES) + self.runs * of_runs

    @property
    def samples_bytes(self) -> float:
        """What the samples' container holds."""
        return self.vms * LIFETIME * VM_WINDOW_BYTES

    @property
    def samples_share(self) -> float:
        """RU/s of one physical partition of the samples, with the throughput that their surge takes."""
        return partition_share(SURGE * self.samples_units / WINDOW, self.samples_bytes)

    @property
    def rollups_share(self) -> float:
        """RU/s of one physical partition of the rollups, which get a quarter (infra/modules/cosmos.bicep)."""
        branches = sum(occupied(WIDTH**level, self.tenants) for level in range(1, DEPTH + 1))
        stored = (self.tenants + branches) * LIFETIME * ROLLUP_BYTES
        return partition_share(SURGE * self.samples_units / WINDOW / 4, stored)

    @property
    def report_units(self) -> float:
        """Request units a window for the report: each run writes every counter's."""
        return self.runs * COUNTERS * _REPORT_UNITS

    @property
    def ingest_cores(self) -> float:
        """Cores that are busy with ingest."""
        return self.vms / WINDOW * (COUNTERS * MINUTES_PER_WINDOW * SECONDS_A_SAMPLE + SECONDS_A_REQUEST)


_WINDOW_UNITS = write_units(VM_WINDOW_BYTES) + scan_units(100, 100 * VM_WINDOW_BYTES) / 100
_REPORT_UNITS = write_units(REPORT_BYTES) + read_units(REPORT_BYTES)


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit: what it is of, how much there is, how much of it a fleet takes, and what to change where it breaks.

    ``there_is`` is a function of the fleet where a larger one divides what there is.
    """

    name: str
    there_is: float | Callable[[Fleet], float]
    unit: str
    taken: Callable[[Fleet], float]
    change: str

    def share(self, fleet: Fleet) -> float:
        """Which part of the limit a fleet takes; beyond 1 it breaks."""
        there_is = self.there_is(fleet) if callable(self.there_is) else self.there_is
        return self.taken(fleet) / there_is


LIMITS: Sequence[Limit] = (
    Limit(
        "Service Bus: the queue's bytes, in an outage of 8 hours",
        5 * GB,
        "bytes",
        lambda fleet: fleet.messages * MESSAGE_BYTES * 8 * 3600,
        "nothing is lost: a full queue refuses, and SPOCs keep their files until it takes them. A partitioned queue, "
        "or Premium, holds 80 GB",
    ),
    Limit(
        "Service Bus Standard: operations (credits)",
        1_000,
        "/s",
        lambda fleet: 2 * fleet.messages * SURGE,
        "Premium, or a second namespace: half of the tenants' SPOCs send there, a second function app ingests it",
    ),
    Limit(
        "Service Bus Premium: one messaging unit, in and out",
        4 * MB,
        "/s",
        lambda fleet: 2 * fleet.messages * MESSAGE_BYTES * SURGE,
        "only where Standard is not enough: there are up to 16 units",
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
        "the portal changes the account, then `cosmosMode = 'autoscale'` (docs/runbook.md): containers have no limit",
    ),
    Limit(
        "Cosmos DB serverless: request units of a container (samples)",
        5_000,
        "RU/s",
        lambda fleet: SURGE * fleet.samples_units / WINDOW,
        "`cosmosMode = 'autoscale'`, and `cosmosMaxThroughput`, which is that of the samples",
    ),
    Limit(
        "samples: bytes of the largest tenant's day (a logical partition)",
        20 * GB,
        "bytes",
        lambda fleet: fleet.largest * WINDOWS_A_DAY * VM_WINDOW_BYTES,
        "a bucket of the VM in the partition (`_samples_partition` in storage/tables); who reads a tenant's window "
        "reads its buckets one after the other",
    ),
    Limit(
        "samples: request units of the largest tenant's day (its physical partition's share)",
        lambda fleet: fleet.samples_share,
        "share",
        lambda fleet: SURGE * fleet.largest * _WINDOW_UNITS / WINDOW,
        "nothing is lost: refused requests (429) are tried again, so that tenant's minutes come later. A greater "
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
        "the first digit of the branch in the partition; `DEPTH = 3` (domain/rollups.py), and a rebuild",
    ),
    Limit(
        "report: request units of one counter's writes",
        LEAST_THROUGHPUT,
        "RU/s",
        lambda _: PEAK * _REPORT_UNITS / 60,
        "does not grow with the fleet",
    ),
    Limit(
        "report: 1,000 people who look at the same counter, asked anew every 30 s",
        LEAST_THROUGHPUT,
        "RU/s",
        lambda _: 1_000 / 30 * scan_units(9, 9 * REPORT_BYTES),
        "does not grow with the fleet; answers may be kept for 30 s (`Cache-Control`), so a cache in front serves more",
    ),
    Limit(
        "averaging: the minute between two runs",
        60,
        "s",
        lambda fleet: fleet.averaging_seconds,
        "nothing is lost: runs do not overlap, and the next does what waits; charts fall behind. A run for each of the "
        "eight greatest branches, on instances of their own, and one that merges these",
    ),
    Limit(
        "averaging: memory of an instance, for the largest tenant's window",
        2 * GB,
        "bytes",
        lambda fleet: fleet.largest * COUNTERS * MINUTES_PER_WINDOW * BYTES_A_VALUE,
        "`instanceMemoryMB = 4096`; then the buckets above, each added up by itself, since partials merge",
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
    """Return, in Markdown, which part of each limit fleets of every size take."""
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
    """Return, in Markdown, from which size on each limit is exceeded, the first one first, and what to change then."""
    lines = ["| from | limit | what to change |", "|---|---|---|"]
    for limit in sorted(LIMITS, key=lambda limit: breaks_at(limit) or MOST):
        size = breaks_at(limit)
        lines.append(f"| {f'{size:,} VMs' if size else 'never'} | {limit.name} | {limit.change} |")
    return "\n".join(lines)


def breaks_at(limit: Limit) -> int | None:
    """Return the fleet size from which on a limit is exceeded (to two digits), or None: not below MOST."""
    if limit.share(Fleet(MOST)) <= 1:
        return None
    size: int = bisect.bisect_left(range(MOST), x=True, key=lambda vms: vms > 0 and limit.share(Fleet(vms)) > 1)
    unit = int(10 ** max(0, len(str(size)) - 2))
    return -(-size // unit) * unit


if __name__ == "__main__":
    print(table(), order_of_breaking(), sep="\n\n")
