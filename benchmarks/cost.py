"""``python -m benchmarks.cost`` (``make cost VMS=10000 COUNTERS=40``): a fleet's monthly cost in Azure, by service.

It compares this design with three others: one document per sample, each VM's samples as an uncompressed message, and
the samples in Log Analytics. Volumes are measured by running the code (benchmarks.volumes). Prices and assumptions come
from ``prices.toml``. ``TAKEN=20`` adds what it costs if only so many of the counters are taken.
"""

import asyncio
import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks.bills import Bill, Container, Month, Prices, bill
from benchmarks.priced import KB, read_units, write_units
from benchmarks.services import others, table_of
from benchmarks.volumes import Volumes, measure
from domain.minutes import DAY, WINDOW
from storage.schema import CATALOGUE, REPORT, ROLLUPS, SAMPLES, STANDINGS, schema

PRICES = Path(__file__).parent / "prices.toml"
GB = 1e9
DAYS_A_MONTH = 365 / 12

OWN_AGENTS_SECONDS = 120
"""The seconds within which a window's messages arrive with the project's own agents: they write in the first minute
after a quarter of an hour (edge.agent), and the tenants' collectors (SPOCs) look every minute (edge.spoc). So a window
is averaged in OWN_AGENTS_RUNS parts."""

OWN_AGENTS_RUNS = 3

PUSH_SECONDS = 60
"""The seconds over which the SPOCs spread a window's pushes (POST /v1/push). In all of them an instance is active that
answers HTTP: it is another one than those that take messages from the queue or fire timers."""

STRAIGHT = 0
"""The messages go straight to the queue."""


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
    pushed: float = STRAIGHT,
) -> Month:
    """Return a month, given the queue's messages and operations, and the samples' bytes, in a window.

    ``writes`` is the number of additional requests to the store in a window. ``within`` is the number of seconds within
    which the messages arrive. In each of them one instance is active, however many messages arrive. ``pushed`` is the
    number of seconds over which they are pushed to the app, which hands them to the queue.
    """
    assumed = prices["assumptions"]
    windows = _windows(prices)
    runs = prices["hours_a_month"] * 60  # averaging, every minute; and remote write, which fires even if it is not set
    charts = assumed["charts_a_day"] * DAYS_A_MONTH
    pushes = messages * windows if pushed else 0.0
    learned, days = volumes.learned, prices["hours_a_month"] / 24
    executions = messages * windows + pushes + 2 * runs + charts + learned.executions * days
    busy = (volumes.ingest_seconds + volumes.averaging_seconds) * windows + volumes.query_seconds * charts
    busy += (volumes.requests + writes) * windows * assumed["seconds_a_request"]
    busy += (learned.seconds + learned.requests * assumed["seconds_a_request"]) * days
    # An instance is billed for the time in which any execution is active, however many run at once. So charts that are
    # requested together share this time, up to the number of requests that one instance gets at once.
    ingesting = min(messages * assumed["least_seconds"], max(within, assumed["least_seconds"]))
    others = 2 * runs + charts / min(assumed["charts_at_once"], assumed["http_concurrency"])
    month = prices["hours_a_month"] * 3600
    least = min(ingesting * windows + others * assumed["least_seconds"], month)
    pushing = max(
        pushes * assumed["seconds_a_push"],
        min(messages * assumed["least_seconds"], max(pushed, assumed["least_seconds"])) * windows if pushed else 0.0,
    )
    a_day = 86_400 / WINDOW / GB
    stored = {
        SAMPLES: samples_bytes * (assumed["samples_days"] + 1) * a_day,
        ROLLUPS: volumes.rollups_bytes * (assumed["samples_days"] + 1) * a_day,
        REPORT: volumes.report_bytes * assumed["report_days"] * a_day,
        STANDINGS: (volumes.standings_bytes * a_day + learned.bytes / GB) * assumed["standings_days"],
    }
    asked = {
        REPORT: volumes.query_units * charts,  # charts' other reads are a small part of this
        STANDINGS: sum(learned.units.values()) * days,  # some is the catalogue's
        CATALOGUE: (read_units(KB) + write_units(KB)) * volumes.tenants * windows,  # a heartbeat a tenant and window
    }
    containers = {
        table: Container(
            volumes.units_of(table) * windows + asked.get(table, 0.0),
            stored.get(table, 0.0),
            volumes.expiry.get(table, 0.0) * windows + (learned.expiry * days if table == STANDINGS else 0.0),
        )
        for table in schema(assumed["samples_days"], assumed["report_days"], assumed["standings_days"])
    }
    return Month(
        operations * windows,
        containers,
        executions,
        (max(busy, least) + pushing) * assumed["instance_gb"],
        executions * assumed["log_bytes_an_execution"] / GB,
        runs,
        max(assumed["autoscale_peak"], WINDOW / within),
    )


def this_design(volumes: Volumes, prices: Prices, within: float = WINDOW, pushed: float = PUSH_SECONDS) -> Month:
    """Return a month of this design. ``within`` is the number of seconds within which a window's messages arrive.

    ``pushed`` is the number of seconds over which they are pushed; STRAIGHT: they are sent to the queue.
    """
    return _month(volumes, prices, volumes.messages, volumes.operations, 0, volumes.samples_bytes, within, pushed)


def one_document_a_sample(volumes: Volumes, prices: Prices) -> Month:
    """Return a month of this design in which every sample is also written as a document of its own."""
    sent = (volumes.messages, volumes.operations, volumes.samples, volumes.single_bytes)
    month = _month(volumes, prices, *sent, pushed=PUSH_SECONDS)
    single = volumes.single_units * _windows(prices)
    before = month.containers[SAMPLES]
    samples = Container(before.request_units + single, before.stored_gb, before.expiry_units + single)
    return replace(month, containers={**month.containers, SAMPLES: samples})


def plain_messages(volumes: Volumes, prices: Prices) -> Month:
    """Return a month in which each VM's window is a message of uncompressed JSON, sent straight to the queue."""
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


WIDE = 26
"""How wide a column of the table is: its longest text, an autoscale's throughput, and a gap."""


def table(bills: Mapping[str, Bill], currency: str) -> str:
    """Return the bills as a table for people."""
    lines = [f"{currency + ' a month':22}" + "".join(f"{name:>{WIDE}}" for name in bills)]
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
        lines.append(f"{title:22}" + "".join(f"{getattr(each, name):>{WIDE},.0f}" for each in bills.values()))
    lines.append(f"{'  requests paid as':22}" + "".join(f"{each.throughput:>{WIDE}}" for each in bills.values()))
    return "\n".join(lines)


def _number(name: str, default: int, most: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= most:
        sys.exit(f"{name}={text} is not a whole number from 1 to {most}")
    return int(text)


def main() -> None:
    """Measure, calculate, print."""
    vms, counters = _number("VMS", 10_000, 1_000_000), _number("COUNTERS", 40, 1000)
    taken = _number("TAKEN", counters, counters)
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
    learned = {what: units * WINDOW / DAY for what, units in volumes.learned.units.items()}
    whole = volumes.request_units + sum(learned.values())
    print(f"of all request units, learning and judging take {sum(learned.values()) / whole:.1%}; of it:")
    for what, units in learned.items():
        print(f"  {what:24}{units / whole:.1%}")
    print()
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
    print(f"\n{'Of it Functions, by how the messages come':48}{'executions':>12}{prices['currency']:>12}")
    for how, pushed in (
        ("straight to the queue", STRAIGHT),
        (f"pushed over HTTPS, within {PUSH_SECONDS} s", PUSH_SECONDS),
        ("pushed over HTTPS, evenly over 15 minutes", WINDOW),
    ):
        month = this_design(volumes, prices, pushed=pushed)
        print(f"  {how:46}{month.executions:>12,.0f}{bill(month, prices).functions:>12,.0f}")
    month = this_design(volumes, prices)
    services = others(volumes, prices, bill(month, prices), month.stored_gb, _windows(prices))
    print(f"\nOther services, for the same fleet:\n{table_of(services, prices['currency'])}")
    if taken < counters:
        fewer = asyncio.run(measure(vms, counters, taken=taken))
        total = bill(this_design(fewer, prices), prices).total
        print(f"\nThis design, if of {counters} counters that are sent {taken} are taken (COUNTERS): {total:,.0f}")
    print(
        f"\nPrices of {prices['date']}, {prices['region']}, from {PRICES.name}, "
        "which also lists the assumptions that are not measured."
    )


if __name__ == "__main__":
    main()
