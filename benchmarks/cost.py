"""``python -m benchmarks.cost`` (``make cost VMS=10000 COUNTERS=40``): a fleet's monthly cost in Azure, by service.

It compares this design with three others: one document per sample, each VM's samples as an uncompressed message, and
the samples in Log Analytics. Volumes are measured by running the code (benchmarks.volumes). Prices and assumptions come
from ``prices.toml``.
"""

import asyncio
import math
import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.volumes import Volumes, measure
from domain.minutes import WINDOW
from storage.schema import REPORT, ROLLUPS, SAMPLES, schema

PRICES = Path(__file__).parent / "prices.toml"
Prices = Mapping[str, Any]
MILLION = 1e6
GB = 1e9
DAYS_A_MONTH = 365 / 12

OWN_AGENTS_SECONDS = 120
"""The seconds within which a window's messages arrive with the project's own agents: they write in the first minute
after a quarter of an hour (edge.agent), and the tenants' collectors (SPOCs) look every minute (edge.spoc). So a window
is averaged in OWN_AGENTS_RUNS parts."""

OWN_AGENTS_RUNS = 3


@dataclass(frozen=True, slots=True)
class Container:
    """A container of Cosmos DB: its request units in a month, and the GB that it holds.

    ``expiry_units`` are the request units of expiring documents, which a serverless account is charged for.
    """

    request_units: float
    stored_gb: float
    expiry_units: float = 0.0


@dataclass(frozen=True, slots=True)
class Month:
    """The billed quantities of a month.

    ``runs`` is the number of averaging runs; 0 means that there is no app, and no storage account for it. ``peak`` is
    the highest throughput of an hour divided by the mean.
    """

    operations: float
    containers: Mapping[str, Container]
    executions: float
    gb_seconds: float
    log_gb: float
    runs: float = 0.0
    peak: float = 1.0

    @property
    def stored_gb(self) -> float:
        """The GB that all containers hold."""
        return sum(each.stored_gb for each in self.containers.values())

    @property
    def request_units(self) -> float:
        """The request units of all containers, including expiring documents."""
        return sum(each.request_units + each.expiry_units for each in self.containers.values())


@dataclass(frozen=True, slots=True)
class Bill:
    """A month's cost by service. ``throughput`` is the cheaper way to pay for Cosmos DB's requests."""

    service_bus: float
    requests: float
    storage: float
    functions: float
    host: float
    logs: float
    throughput: str

    @property
    def total(self) -> float:
        """The total cost."""
        return self.service_bus + self.requests + self.storage + self.functions + self.host + self.logs


def operations_price(operations: float, tiers: list[list[float]]) -> float:
    """Return a month's price of so many operations. Each tier is a limit in millions and the price of a million."""
    price = below = 0.0
    for millions, each in tiers:
        price += max(0.0, min(operations / MILLION, millions) - below) * each
        below = millions
    return price


def autoscaled(month: Month, prices: Prices) -> tuple[float, float]:
    """Return autoscale's cost in a month, and the sum of the containers' highest throughputs.

    Each container has its own throughput (infra/modules/cosmos.bicep). The more it holds, the higher is the minimum.
    """
    cosmos = prices["cosmos"]
    billed = greatest = 0.0
    for each in month.containers.values():
        used = each.request_units / (prices["hours_a_month"] * 3600) * month.peak
        least = max(cosmos["least_autoscale"], each.stored_gb * cosmos["autoscale_a_gb"], used)
        most = math.ceil(least / 1000) * 1000
        billed += math.ceil(max(used, most * cosmos["least_billed"]) / 100)
        greatest += most
    return billed * cosmos["hundred_units_hour"] * prices["hours_a_month"], greatest


def host(month: Month, prices: Prices) -> float:
    """Return the cost of the host's storage account and of the alert rules. It does not depend on the fleet."""
    if not month.runs:
        return 0.0
    storage, alerts, assumed = (prices[name] for name in ("storage", "alerts", "assumptions"))
    minutes = prices["hours_a_month"] * 60
    operations = (
        minutes * assumed["queue_polls_a_minute"] * storage["queue"]
        + minutes * assumed["lease_calls_a_minute"] * storage["blob_other"]
        + month.runs * assumed["blob_writes_a_run"] * storage["blob_write"]
    )
    rules = (
        assumed["metric_alerts"] * alerts["metric"]
        + assumed["log_alerts_5_minutes"] * alerts["log_5_minutes"]
        + assumed["log_alerts_15_minutes"] * alerts["log_15_minutes"]
    )
    return float(operations / 10_000 + rules)


def bill(month: Month, prices: Prices, *, serverless: bool = False) -> Bill:
    """Return a month's bill. Cosmos DB is serverless if ``serverless`` is set, else paid in the cheaper way."""
    bus, cosmos, functions, logs = (prices[name] for name in ("service_bus", "cosmos", "functions", "logs"))
    by_request = month.request_units / MILLION * cosmos["million_request_units"]
    autoscale, greatest = autoscaled(month, prices)
    by_request_it_is = serverless or by_request <= autoscale
    return Bill(
        bus["base"] + operations_price(month.operations, bus["tiers"]),
        by_request if by_request_it_is else autoscale,
        month.stored_gb * cosmos["gb_month"],
        max(0.0, month.gb_seconds - functions["free_gb_seconds"]) * functions["gb_second"]
        + max(0.0, month.executions - functions["free_executions"]) / MILLION * functions["million_executions"],
        host(month, prices),
        max(0.0, month.log_gb - logs["free_gb"]) * logs["gb"],
        "serverless" if by_request_it_is else f"autoscale to {greatest:,.0f} RU/s",
    )


def _windows(prices: Prices) -> float:
    """Return the number of windows in a month."""
    return float(prices["hours_a_month"]) * 3600 / WINDOW


def _month(
    volumes: Volumes,
    prices: Prices,
    messages: float,
    operations: float,
    writes: float,
    samples_bytes: float,
    within: float = WINDOW,
) -> Month:
    """Return a month, given the queue's messages and operations, and the samples' bytes, in a window.

    ``writes`` is the number of additional requests to the store in a window. ``within`` is the number of seconds within
    which the messages arrive. In each of them one instance is active, however many messages arrive.
    """
    assumed = prices["assumptions"]
    windows = _windows(prices)
    runs = prices["hours_a_month"] * 60  # averaging, every minute
    charts = assumed["charts_a_day"] * DAYS_A_MONTH
    executions = messages * windows + runs + charts
    busy = (volumes.ingest_seconds + volumes.averaging_seconds) * windows + volumes.query_seconds * charts
    busy += (volumes.requests + writes) * windows * assumed["seconds_a_request"]
    # An instance is billed for the time in which any execution is active, however many run at once. So charts that are
    # requested together share this time, up to the number of requests that one instance gets at once.
    ingesting = min(messages * assumed["least_seconds"], max(within, assumed["least_seconds"]))
    others = runs + charts / min(assumed["charts_at_once"], assumed["http_concurrency"])
    least = min(ingesting * windows + others * assumed["least_seconds"], prices["hours_a_month"] * 3600)
    a_day = 86_400 / WINDOW / GB
    stored = {
        SAMPLES: samples_bytes * (assumed["samples_days"] + 1) * a_day,
        ROLLUPS: volumes.rollups_bytes * (assumed["samples_days"] + 1) * a_day,
        REPORT: volumes.report_bytes * assumed["report_days"] * a_day,
    }
    asked = {REPORT: volumes.query_units * charts}  # charts' other reads are a small part of this
    containers = {
        table: Container(
            volumes.units_of(table) * windows + asked.get(table, 0.0),
            stored.get(table, 0.0),
            volumes.expiry.get(table, 0.0) * windows,
        )
        for table in schema(assumed["samples_days"], assumed["report_days"])
    }
    return Month(
        operations * windows,
        containers,
        executions,
        max(busy, least) * assumed["instance_gb"],
        executions * assumed["log_bytes_an_execution"] / GB,
        runs,
        max(assumed["autoscale_peak"], WINDOW / within),
    )


def this_design(volumes: Volumes, prices: Prices, within: float = WINDOW) -> Month:
    """Return a month of this design. ``within`` is the number of seconds within which a window's messages arrive."""
    return _month(volumes, prices, volumes.messages, volumes.operations, 0, volumes.samples_bytes, within)


def one_document_a_sample(volumes: Volumes, prices: Prices) -> Month:
    """Return a month of this design in which every sample is also written as a document of its own."""
    month = _month(volumes, prices, volumes.messages, volumes.operations, volumes.samples, volumes.single_bytes)
    single = volumes.single_units * _windows(prices)
    before = month.containers[SAMPLES]
    samples = Container(before.request_units + single, before.stored_gb, before.expiry_units + single)
    return replace(month, containers={**month.containers, SAMPLES: samples})


def plain_messages(volumes: Volumes, prices: Prices) -> Month:
    """Return a month in which each VM's window is a message of uncompressed JSON."""
    return _month(volumes, prices, volumes.plain_messages, volumes.plain_operations, 0, volumes.samples_bytes)


def log_analytics(volumes: Volumes, prices: Prices) -> Month:
    """Return a month in which the samples go only to Log Analytics."""
    billed = volumes.plain_bytes * prices["assumptions"]["billed_share_of_json"]
    return Month(0, {}, 0, 0, billed * _windows(prices) / GB)


def compare(volumes: Volumes, prices: Prices) -> dict[str, Bill]:
    """Return the bills of all designs by name."""
    no_bus: Prices = {**prices, "service_bus": {**prices["service_bus"], "base": 0}}
    return {
        "this design": bill(this_design(volumes, prices), prices),
        "a document a sample": bill(one_document_a_sample(volumes, prices), prices),
        "plain messages": bill(plain_messages(volumes, prices), prices),
        "Log Analytics": bill(log_analytics(volumes, prices), no_bus),
    }


def table(bills: Mapping[str, Bill], currency: str) -> str:
    """Return the bills as a table for people."""
    lines = [f"{currency + ' a month':22}" + "".join(f"{name:>22}" for name in bills)]
    rows = {
        "Service Bus": "service_bus",
        "Cosmos DB, requests": "requests",
        "Cosmos DB, storage": "storage",
        "Functions": "functions",
        "Host storage, alerts": "host",
        "Logs": "logs",
        "total": "total",
    }
    for title, name in rows.items():
        lines.append(f"{title:22}" + "".join(f"{getattr(each, name):>22,.0f}" for each in bills.values()))
    lines.append(f"{'  requests paid as':22}" + "".join(f"{each.throughput:>22}" for each in bills.values()))
    return "\n".join(lines)


def _number(name: str, default: int, most: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= most:
        sys.exit(f"{name}={text} is not a whole number from 1 to {most}")
    return int(text)


def main() -> None:
    """Measure, calculate, print."""
    vms, counters = _number("VMS", 10_000, 1_000_000), _number("COUNTERS", 40, 1000)
    prices = tomllib.loads(PRICES.read_text())
    print(f"running the code on a part of a fleet of {vms:,} VMs with {counters} counters ...", flush=True)
    volumes = asyncio.run(measure(vms, counters))
    together = asyncio.run(measure(vms, counters, runs=OWN_AGENTS_RUNS))
    print(
        f"\n{volumes.samples:,.0f} samples in 15 minutes: {volumes.messages:,.0f} messages of "
        f"{volumes.message_bytes / volumes.messages / 1024:.0f} KB (plain: {volumes.plain_messages:,.0f} of "
        f"{volumes.plain_bytes / volumes.plain_messages / 1024:.0f} KB); "
        f"{volumes.request_units / volumes.samples:.4f} RU a sample by the published charges (and "
        f"{sum(volumes.expiry.values()) / volumes.samples:.4f} when they expire, if serverless), of it:"
    )
    for operation, units in volumes.by_operation[:6]:
        print(f"  {operation:24}{units / volumes.samples:.4f}")
    print(f"  {'all else':24}{sum(units for _, units in volumes.by_operation[6:]) / volumes.samples:.4f}\n")
    print(table(compare(volumes, prices), prices["currency"]))
    print(f"\n{'This design in all, by when pushes come':48}{'serverless':>12}{'cheaper':>12}{'RU a sample':>14}")
    for when, of, seconds in (
        ("at any minute", volumes, WINDOW),
        ("within two minutes of a quarter (edge.agent)", together, OWN_AGENTS_SECONDS),
    ):
        month = this_design(of, prices, seconds)
        totals = (bill(month, prices, serverless=only).total for only in (True, False))
        print(f"  {when:46}" + "".join(f"{total:>12,.0f}" for total in totals), end="")
        print(f"{of.request_units / of.samples:>14.4f}")
    print(
        f"\nPrices of {prices['date']}, {prices['region']}, from {PRICES.name}, "
        "which also lists the assumptions that are not measured."
    )


if __name__ == "__main__":
    main()
