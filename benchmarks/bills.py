"""From a month's quantities to its bill. Knows how Azure charges for each service; does not know what a fleet needs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Prices = Mapping[str, Any]
MILLION = 1e6


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
