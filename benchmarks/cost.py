"""``python -m benchmarks.cost`` (``make cost VMS=10000 COUNTERS=40``): what a fleet costs a month in Azure, by service.

Beside this design stand: one document a sample, each VM's samples as a plain message, and the samples in Log Analytics.
Volumes are measured by running the code (benchmarks.volumes); prices and assumptions come from ``prices.toml``.
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

PRICES = Path(__file__).parent / "prices.toml"
Prices = Mapping[str, Any]
MILLION = 1e6
GB = 1e9
DAYS_A_MONTH = 365 / 12


@dataclass(frozen=True, slots=True)
class Month:
    """What is billed in a month."""

    operations: float
    request_units: float
    stored_gb: float
    executions: float
    gb_seconds: float
    log_gb: float


@dataclass(frozen=True, slots=True)
class Bill:
    """A month's cost by service. ``throughput``: what the Cosmos DB requests are paid by, whichever is cheaper."""

    service_bus: float
    requests: float
    storage: float
    functions: float
    logs: float
    throughput: str

    @property
    def total(self) -> float:
        """All of it."""
        return self.service_bus + self.requests + self.storage + self.functions + self.logs


def operations_price(operations: float, tiers: list[list[float]]) -> float:
    """Return the price of so many operations a month; ``tiers``: up to so many millions, the price of a million."""
    price = below = 0.0
    for millions, each in tiers:
        price += max(0.0, min(operations / MILLION, millions) - below) * each
        below = millions
    return price


def bill(month: Month, prices: Prices) -> Bill:
    """Return what a month costs."""
    bus, cosmos, functions, logs = (prices[name] for name in ("service_bus", "cosmos", "functions", "logs"))
    serverless = month.request_units / MILLION * cosmos["million_request_units"]
    mean = month.request_units / (prices["hours_a_month"] * 3600)
    greatest = max(cosmos["least_autoscale"], math.ceil(mean * prices["assumptions"]["autoscale_peak"] / 1000) * 1000)
    autoscale = greatest / 100 * cosmos["hundred_units_hour"] * prices["hours_a_month"]
    return Bill(
        bus["base"] + operations_price(month.operations, bus["tiers"]),
        min(serverless, autoscale),
        month.stored_gb * cosmos["gb_month"],
        max(0.0, month.gb_seconds - functions["free_gb_seconds"]) * functions["gb_second"]
        + max(0.0, month.executions - functions["free_executions"]) / MILLION * functions["million_executions"],
        max(0.0, month.log_gb - logs["free_gb"]) * logs["gb"],
        "serverless" if serverless <= autoscale else f"autoscale to {greatest:,} RU/s",
    )


def _windows(prices: Prices) -> float:
    """How many windows a month has."""
    return float(prices["hours_a_month"]) * 3600 / WINDOW


def _month(
    volumes: Volumes, prices: Prices, messages: float, operations: float, writes: float, samples_bytes: float
) -> Month:
    """Return a month with so many messages and operations of the queue and samples' bytes a window.

    ``writes``: requests to the store a window besides those that were measured.
    """
    assumed = prices["assumptions"]
    windows = _windows(prices)
    runs = prices["hours_a_month"] * 60  # averaging, every minute
    charts = assumed["charts_a_day"] * DAYS_A_MONTH
    executions = messages * windows + runs + charts
    busy = (volumes.ingest_seconds + volumes.averaging_seconds) * windows + volumes.query_seconds * charts
    busy += (volumes.requests + writes) * windows * assumed["seconds_a_request"]
    # What an instance is billed for is the time in which any execution is active, however many are at once: so charts
    # that are asked for together share it, as far as one instance is given several requests at a time.
    active = messages * windows + runs + charts / min(assumed["charts_at_once"], assumed["http_concurrency"])
    least = min(active * assumed["least_seconds"], prices["hours_a_month"] * 3600)
    stored = (samples_bytes + volumes.rollups_bytes) * (assumed["samples_days"] + 1)
    stored += volumes.report_bytes * assumed["report_days"]
    return Month(
        operations * windows,
        volumes.request_units * windows + volumes.query_units * charts,
        stored * 86_400 / WINDOW / GB,
        executions,
        max(busy, least) * assumed["instance_gb"],
        executions * assumed["log_bytes_an_execution"] / GB,
    )


def this_design(volumes: Volumes, prices: Prices) -> Month:
    """Return a month of this design."""
    return _month(volumes, prices, volumes.messages, volumes.operations, 0, volumes.samples_bytes)


def one_document_a_sample(volumes: Volumes, prices: Prices) -> Month:
    """Return a month in which every sample is written as a document of its own, besides all else that is done now."""
    month = _month(volumes, prices, volumes.messages, volumes.operations, volumes.samples, volumes.single_bytes)
    return replace(month, request_units=month.request_units + volumes.single_units * _windows(prices))


def plain_messages(volumes: Volumes, prices: Prices) -> Month:
    """Return a month in which each VM's window is a message of plain JSON."""
    return _month(volumes, prices, volumes.plain_messages, volumes.plain_operations, 0, volumes.samples_bytes)


def log_analytics(volumes: Volumes, prices: Prices) -> Month:
    """Return a month in which the samples go to Log Analytics and nowhere else."""
    billed = volumes.plain_bytes * prices["assumptions"]["billed_share_of_json"]
    return Month(0, 0, 0, 0, 0, billed * _windows(prices) / GB)


def compare(volumes: Volumes, prices: Prices) -> dict[str, Bill]:
    """Return the bills, side by side."""
    no_bus: Prices = {**prices, "service_bus": {**prices["service_bus"], "base": 0}}
    no_store: Prices = {**no_bus, "cosmos": {**prices["cosmos"], "least_autoscale": 0}}
    return {
        "this design": bill(this_design(volumes, prices), prices),
        "a document a sample": bill(one_document_a_sample(volumes, prices), prices),
        "plain messages": bill(plain_messages(volumes, prices), prices),
        "Log Analytics": bill(log_analytics(volumes, prices), no_store),
    }


def table(bills: Mapping[str, Bill], currency: str) -> str:
    """Return the bills as a table for people."""
    lines = [f"{currency + ' a month':22}" + "".join(f"{name:>22}" for name in bills)]
    rows = {
        "Service Bus": "service_bus",
        "Cosmos DB, requests": "requests",
        "Cosmos DB, storage": "storage",
        "Functions": "functions",
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
    print(
        f"\n{volumes.samples:,.0f} samples in 15 minutes: {volumes.messages:,.0f} messages of "
        f"{volumes.message_bytes / volumes.messages / 1024:.0f} KB (plain: {volumes.plain_messages:,.0f} of "
        f"{volumes.plain_bytes / volumes.plain_messages / 1024:.0f} KB); "
        f"{volumes.request_units / volumes.samples:.4f} RU a sample by the published charges, of it:"
    )
    for operation, units in volumes.by_operation[:6]:
        print(f"  {operation:24}{units / volumes.samples:.4f}")
    print(f"  {'all else':24}{sum(units for _, units in volumes.by_operation[6:]) / volumes.samples:.4f}\n")
    print(table(compare(volumes, prices), prices["currency"]))
    print(
        f"\nPrices of {prices['date']}, {prices['region']}, from {PRICES.name}, "
        "which also names what is assumed and not measured."
    )


if __name__ == "__main__":
    main()
