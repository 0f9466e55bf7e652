"""A model of a fleet on paper: its messages, items, request units and bytes in a window, and averaging's seconds.

Knows what the code does; tests compare it with that (tests/benchmarks/test_scale.py). Of the services' limits it knows
only how Cosmos DB divides its throughput.
"""

import math
from dataclasses import dataclass

from benchmarks.priced import PAGE_ITEMS, read_units, scan_units, write_units
from domain.minutes import MINUTES_PER_WINDOW, WINDOW
from domain.rollups import DEPTH

KB, MB, GB = 1e3, 1e6, 1e9
WINDOWS_A_DAY = 96
RUNS = 15
"""Averaging runs every minute, so the tenants' pushes of a window are averaged in this many parts."""

# With 40 counters; the test measures these.
COUNTERS = 40
VMS_A_MESSAGE = 33
MESSAGE_BYTES = 173 * KB
VM_WINDOW_BYTES = 5.65 * KB
ROLLUP_BYTES = 44 * KB
REPORT_BYTES = 3.1 * KB
DISCLOSED_BYTES = 1.5 * KB
HISTOGRAMS_BYTES = 47 * KB
"""The histograms of minutes of a tenant of 100 VMs."""
BRANCH_HISTOGRAMS_BYTES = 60 * KB
"""Those of a branch. More VMs fill few more buckets."""
FLEET_HISTOGRAMS_BYTES = 3 * KB
"""Those of one counter of the fleet."""
STANDINGS_BYTES = 34.5 * KB
"""The standings of a tenant of 100 VMs."""
SUMMARY_BYTES = 110 * KB
"""A branch's summary, but for what grows with its VMs and tenants."""
FLEET_SUMMARY_BYTES = 16 * KB
"""A counter's summary of the fleet, but for what grows with the tenants."""
BYTES_A_SUMMARY_VM = 55
BYTES_A_TENANTS_FIGURES = 110
"""The bytes of a tenant's name and figures, in each counter's summary."""

# Seconds of one core of the machine that docs/benchmarks.md names, measured by `make bench`.
SECONDS_A_SAMPLE = 1.15e-6
"""Ingest of a sample, from decoding to the durable write."""
SECONDS_A_VM_WINDOW = 0.35e-3
"""Averaging: reading a VM window and adding it up."""
SECONDS_A_ROLLUP = 0.7e-3
"""Averaging: reading a rollup and merging it."""
SECONDS_TO_SUMMARIZE = 12e-3
"""Averaging: reading a tenant's standings and histograms and merging them, with the branches' part of it."""
SECONDS_A_REQUEST = 2e-3
"""This process's work for a request to Cosmos DB (prices.toml)."""
SECONDS_AN_ENTRY = 5e-6
"""Reading an entry of the catalogue."""

BYTES_A_VALUE = 40
"""The memory of a value while a tenant's window is added up: a float, the list's pointer to it, and its place in an
array."""
BYTES_A_TENANTS_HISTOGRAMS = 0.5 * MB
"""The memory of a tenant's histograms of minutes. Those of the tenants of two of the eight branches are merged at a
time."""
BYTES_A_PARTIAL = 400
"""The memory of a partial: a tuple of eight fields, and a list of its sum's terms. Eight branches merge at a time."""

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

STANDINGS_LIFETIME = 70 * WINDOWS_A_DAY
"""The lifetime of standings and summaries."""

MOST_DOCUMENT_BYTES = 2 * MB


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
        """The seconds on one core of the run of averaging that also summarizes the window."""
        windows = self.vms / self.runs
        read, written = self.rollups()
        requests = (windows + read) / PAGE_ITEMS + 4 * self.tenants / self.runs + written + 2 * COUNTERS
        requests += 4 * COUNTERS  # reading and writing the fleet's summaries and histograms
        summarizing = self.tenants * SECONDS_TO_SUMMARIZE
        return windows * SECONDS_A_VM_WINDOW + read * SECONDS_A_ROLLUP + requests * SECONDS_A_REQUEST + summarizing

    @property
    def samples_units(self) -> float:
        """The request units of VM windows in a window: each is written once and read once."""
        return self.vms * VM_WINDOW_UNITS

    @property
    def rollups_units(self) -> float:
        """The request units of rollups in a window: each tenant's is written once, and branches' with each run.

        With them those of histograms: each tenant's is written once and read once, and branches' twice.
        """
        read, written = self.rollups()
        scans = written + 1
        of_runs = scans * scan_units(read / scans, read / scans * ROLLUP_BYTES)
        of_runs += written * (read_units(ROLLUP_BYTES) + write_units(ROLLUP_BYTES))
        histograms = self.tenants * (write_units(HISTOGRAMS_BYTES) + read_units(HISTOGRAMS_BYTES))
        of_branches = write_units(BRANCH_HISTOGRAMS_BYTES) + 2 * read_units(BRANCH_HISTOGRAMS_BYTES)
        histograms += self.made * of_branches
        return self.tenants * write_units(ROLLUP_BYTES) + self.runs * of_runs + histograms

    @property
    def branches(self) -> float:
        """The number of greatest branches, of which summaries are made."""
        return occupied(WIDTH, self.tenants)

    @property
    def made(self) -> float:
        """How many branches' summaries are made in a window: all, and at its closing those that changed since then.

        (When 90 % of the VMs have come, the last tenth of the tenants has not.)
        """
        return self.branches + occupied(WIDTH, self.tenants / 10)

    @property
    def fleet_summary_bytes(self) -> float:
        """The bytes of a counter's summary of the fleet."""
        return FLEET_SUMMARY_BYTES + self.tenants * BYTES_A_TENANTS_FIGURES

    @property
    def standings_units(self) -> float:
        """The request units of standings and summaries: each tenant's is written once and read once, others twice."""
        of_tenants = self.vms / 100 * (write_units(STANDINGS_BYTES) + read_units(STANDINGS_BYTES))
        vms, tenants = self.vms / self.branches, self.tenants / self.branches
        summary = SUMMARY_BYTES + vms * BYTES_A_SUMMARY_VM + COUNTERS * tenants * BYTES_A_TENANTS_FIGURES
        of_branches = self.made * (write_units(summary) + 2 * read_units(summary))
        of_fleet = 2 * write_units(self.fleet_summary_bytes) + read_units(self.fleet_summary_bytes)
        return of_tenants + of_branches + COUNTERS * of_fleet

    @property
    def standings_share(self) -> float:
        """The RU/s of one physical partition of the standings. They have as much throughput as the rollups."""
        stored = (self.vms / 100 * STANDINGS_BYTES + self.branches * SUMMARY_BYTES) * STANDINGS_LIFETIME
        stored += COUNTERS * self.fleet_summary_bytes * STANDINGS_LIFETIME
        return partition_share(SURGE * self.samples_units / WINDOW / 4, stored)

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
        stored = (self.tenants + branches) * LIFETIME * (ROLLUP_BYTES + HISTOGRAMS_BYTES)
        return partition_share(SURGE * self.samples_units / WINDOW / 4, stored)

    @property
    def report_units(self) -> float:
        """The request units of the report in a window: each run writes every counter's document.

        With it those of what is disclosed, and of the fleet's histograms, which are written twice.
        """
        histograms = 2 * write_units(FLEET_HISTOGRAMS_BYTES) + read_units(FLEET_HISTOGRAMS_BYTES)
        disclosed = write_units(DISCLOSED_BYTES) + read_units(DISCLOSED_BYTES)
        return COUNTERS * (self.runs * REPORT_UNITS + histograms + disclosed)

    @property
    def merged_units(self) -> float:
        """The request units of all that averaging writes in a window."""
        return self.rollups_units + self.report_units + self.standings_units

    @property
    def ingest_cores(self) -> float:
        """The number of cores that ingest keeps busy."""
        return self.vms / WINDOW * (COUNTERS * MINUTES_PER_WINDOW * SECONDS_A_SAMPLE + SECONDS_A_REQUEST)


VM_WINDOW_UNITS = write_units(VM_WINDOW_BYTES) + scan_units(100, 100 * VM_WINDOW_BYTES) / 100
REPORT_UNITS = write_units(REPORT_BYTES) + read_units(REPORT_BYTES)
