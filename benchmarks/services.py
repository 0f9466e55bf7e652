"""Other services in place of this design's: what each would cost a month for the same fleet, keep, and lack.

Reckoned from the same measured volumes and the same prices file. A price that the file does not have is named, and no
figure is guessed. Knows how each service charges; does not know what the rest of the system would need to change.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from benchmarks.bills import MILLION, Bill, Prices
from benchmarks.volumes import Volumes

TEN_THOUSAND = 1e4
MB = 1e6
EVENT_BYTES = 65_536
"""Event Hubs bills each 64 KB of an event as one, and a message of a Storage queue holds no more."""

CALLS_A_MESSAGE = 3
"""Of a Storage queue: put, get, delete."""

LEAST_VCORES = 0.5
"""A serverless SQL database that is always asked, as this one is each minute, is billed at least so many vCores
(Microsoft: "Serverless compute tier for Azure SQL Database"). What this fleet needs was not measured."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service in place of one of this design's. ``cost`` is a month's, or the reason why it is unknown."""

    name: str
    instead_of: str
    ours: float
    """What this design pays for the service that it replaces."""
    cost: float | str
    at_least: bool
    keeps: str
    lacks: str


class _Priced:
    """The prices; a price that is missing raises KeyError with its name."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices

    def __call__(self, service: str, price: str) -> float:
        of: Mapping[str, Any] = self._prices.get(service, {})
        if price not in of:
            raise KeyError(f"{service}.{price}")
        return float(of[price])


def _cost(of: Callable[[], float]) -> float | str:
    try:
        return of()
    except KeyError as missing:
        return f"unknown: the prices file has no {missing.args[0]}"


def others(volumes: Volumes, prices: Prices, ours: Bill, stored_gb: float, windows: float) -> list[Service]:
    """Return the other services. ``stored_gb``: what this design keeps; ``windows``: how many a month has."""
    price = _Priced(prices)
    hours = float(prices["hours_a_month"])
    parts = volumes.operations / 2 * windows  # a message is sent and received; each 64 KB counts

    def event_hubs() -> float:
        # A throughput unit takes 1 MB a second. All messages of a window may come within a minute.
        units = ceil(volumes.message_bytes / 60 / MB)
        return units * hours * price("event_hubs", "unit_hour") + parts / MILLION * price(
            "event_hubs", "million_events"
        )

    def queues() -> float:
        return parts * CALLS_A_MESSAGE / TEN_THOUSAND * price("storage", "queue")

    def tables() -> float:
        calls = volumes.requests * windows / TEN_THOUSAND * price("tables", "ten_thousand_calls")
        return calls + stored_gb * price("tables", "gb_month")

    def sql() -> float:
        # A row a sample takes at least its bytes as one document; here only what this design keeps is counted.
        return LEAST_VCORES * hours * price("sql", "vcore_hour") + stored_gb * price("sql", "gb_month")

    def data_explorer() -> float:
        return hours * price("data_explorer", "least_cluster_hour") + stored_gb * price("data_explorer", "gb_month")

    def log_analytics() -> float:
        billed = volumes.plain_bytes * float(prices["assumptions"]["billed_share_of_json"]) * windows / 1e9
        return max(0.0, billed - price("logs", "free_gb")) * price("logs", "gb")

    bus, store = ours.service_bus, ours.requests + ours.storage
    return [
        Service(
            "Event Hubs", "Service Bus", bus, _cost(event_hubs), at_least=False,
            keeps="order within a partition, replay for a day or more",
            lacks="dead letters, delivery counts, duplicate detection: one bad message holds up its partition",
        ),
        Service(
            "Storage queues", "Service Bus", bus, _cost(queues), at_least=False,
            keeps="delivery counts, a poison queue by the Functions host",
            lacks="messages above 64 KB (SPOCs pack up to 256 KB), duplicate detection; polls instead of pushes",
        ),
        Service(
            "Table storage", "Cosmos DB", store, _cost(tables), at_least=False,
            keeps="partition and row key, etags",
            lacks="expiry, values above 64 KB, rows above 1 MB, more than some 2,000 rows a second in a partition",
        ),
        Service(
            "SQL database, serverless", "Cosmos DB", store, _cost(sql), at_least=True,
            keeps="SQL over all samples, transactions",
            lacks="expiry, scaling by partition; an average over the fleet reads all of its rows",
        ),
        Service(
            "Data Explorer", "Cosmos DB", store, _cost(data_explorer), at_least=True,
            keeps="queries over all samples, compression, expiry",
            lacks="changing single samples; a cluster is paid by the hour also where nobody asks",
        ),
        Service(
            "Log Analytics", "all", ours.total, _cost(log_analytics), at_least=False,
            keeps="queries over all samples, alerts",
            lacks="late data that replaces earlier, what tenants may see, purges at hand; pays for each GB that comes",
        ),
    ]  # fmt: skip


def table_of(services: list[Service], currency: str) -> str:
    """Return the services as a table for people."""
    lines = [f"{'instead of ' + currency:14}{'':>8}  {'':25}{'a month':>9}"]
    for each in services:
        cost = each.cost if isinstance(each.cost, str) else f"{each.cost:,.0f}"
        least = "at least " if each.at_least and not isinstance(each.cost, str) else ""
        lines.append(f"{each.instead_of:14}{each.ours:>8,.0f}  {each.name:25}{least}{cost}")
        lines += [f"{'':24}  keeps: {each.keeps}", f"{'':24}  lacks: {each.lacks}"]
    return "\n".join(lines)
