"""The arithmetic of what a fleet costs, on cases worked by hand; and that volumes come from the code."""

import tomllib
from typing import Any

import pytest

from benchmarks.cost import PRICES, Month, bill, compare, operations_price, table, this_design
from benchmarks.priced import PricedDocuments, read_units, write_units
from benchmarks.volumes import Volumes, measure
from storage.charges import metered
from tests.pipeline.memory import MemoryDocuments

# Round prices, so that every figure below can be checked in the head.
ROUND: dict[str, Any] = {
    "hours_a_month": 100,
    "service_bus": {"base": 10, "tiers": [[10, 0.0], [100, 1.0], [float("inf"), 0.5]]},
    "cosmos": {
        "million_request_units": 0.25,
        "hundred_units_hour": 0.01,
        "gb_month": 0.5,
        "least_autoscale": 1000,
    },
    "functions": {
        "gb_second": 0.001,
        "million_executions": 2,
        "free_gb_seconds": 1000,
        "free_executions": 1_000_000,
    },
    "logs": {"gb": 2, "free_gb": 5},
    "assumptions": {
        "instance_gb": 2,
        "http_concurrency": 8,
        "charts_at_once": 2,
        "least_seconds": 1,
        "seconds_a_request": 0.001,
        "autoscale_peak": 2,
        "log_bytes_an_execution": 1000,
        "billed_share_of_json": 0.5,
        "samples_days": 9,
        "report_days": 100,
        "charts_a_day": 0,
    },
}


@pytest.mark.parametrize(
    ("millions", "price"),
    [(0, 0), (10, 0), (11, 1), (100, 90), (102, 91)],
)
def test_operations_are_priced_tier_by_tier(millions: int, price: float) -> None:
    assert operations_price(millions * 1e6, ROUND["service_bus"]["tiers"]) == price


def test_a_bill_worked_by_hand() -> None:
    month = Month(
        operations=12e6,  # 10 + 2 * 1
        request_units=40e6,  # serverless 40 * 0.25 = 10; autoscale 1,000 RU/s: 10 * 0.01 * 100 = 10
        stored_gb=6,  # 3
        executions=3e6,  # (3 - 1) * 2 = 4
        gb_seconds=2000,  # (2000 - 1000) * 0.001 = 1
        log_gb=7,  # (7 - 5) * 2 = 4
    )
    found = bill(month, ROUND)
    assert (found.service_bus, found.requests, found.storage, found.functions, found.logs) == (12, 10, 3, 5, 4)
    assert found.total == 34
    assert found.throughput == "serverless"


def test_what_is_cheaper_pays_for_requests() -> None:
    # 1,440 M RU in 100 h: 4,000 RU/s on average, sized for 8,000: 80 * 0.01 * 100 = 80; serverless: 360.
    found = bill(Month(0, 1440e6, 0, 0, 0, 0), ROUND)
    assert (found.requests, found.throughput) == (80, "autoscale to 8,000 RU/s")


def test_nothing_used_costs_the_base_charge() -> None:
    assert bill(Month(0, 0, 0, 0, 0, 0), ROUND).total == 10


def a_volume(**overrides: float) -> Volumes:
    names = [name for name in Volumes.__dataclass_fields__ if name != "by_operation"]
    return Volumes(**{**dict.fromkeys(names, 0.0), **overrides}, by_operation=())


def test_a_month_of_windows_worked_by_hand() -> None:
    # 100 hours: 400 windows, 6,000 averaging runs; 96 windows a day.
    volumes = a_volume(messages=10, operations=20, request_units=5, requests=1000, samples_bytes=1e6, report_bytes=1e4)
    month = this_design(volumes, ROUND)
    assert month.operations == 8000
    assert month.request_units == 2000
    assert month.executions == 10 * 400 + 6000
    assert month.gb_seconds == 10_000 * 1 * 2  # a second each is more than the 400 s of requests
    assert month.stored_gb == pytest.approx((1e6 * 96 * 10 + 1e4 * 96 * 100) / 1e9)
    assert month.log_gb == 10_000 * 1000 / 1e9


def test_charts_that_are_asked_for_together_share_an_instance_that_is_given_several_at_a_time() -> None:
    # 100 hours are 6,000 runs; 2,400 charts a day are 73,000 in 365 / 12 days.
    for at_a_time, seconds in ((1, 6_000 + 73_000), (2, 6_000 + 36_500), (8, 6_000 + 36_500)):
        assumptions = {**ROUND["assumptions"], "charts_a_day": 2_400, "http_concurrency": at_a_time}
        month = this_design(a_volume(), {**ROUND, "assumptions": assumptions})
        assert month.gb_seconds == seconds * 2


def test_an_instance_is_billed_for_no_more_than_all_the_time_unless_it_is_busier() -> None:
    assert this_design(a_volume(messages=1e6), ROUND).gb_seconds == 360_000 * 2
    assert this_design(a_volume(messages=1e6, ingest_seconds=1000), ROUND).gb_seconds == 400_000 * 2


@pytest.mark.parametrize(("size", "read", "write"), [(0, 1, 5), (1000, 1, 5), (100_000, 10, 50), (50_500, 5.5, 27.5)])
def test_charges_are_those_that_microsoft_publishes(size: int, read: float, write: float) -> None:
    assert (read_units(size), write_units(size)) == (read, write)


async def test_a_priced_store_charges_each_call() -> None:
    store = PricedDocuments(MemoryDocuments())
    with metered() as meter:
        await store.create("samples", "p", "i", {"text": "x" * 99_960})
        await store.read("samples", "p", "i")
        await store.read("samples", "p", "none")
        assert [document.id async for document in store.scan("samples", "p")] == ["i"]
    charges = {name: round(tally.units, 1) for name, tally in meter.operations.items()}
    assert charges == {"create samples": 50.0, "read samples": 11.0, "scan samples": 10.0}


async def test_a_fleets_samples_cost_little_by_the_published_charges_and_all_bills_are_shown() -> None:
    volumes = await measure(vms=200, counters=10, vms_a_tenant=20)
    assert volumes.samples == 200 * 10 * 15
    assert volumes.messages == 10
    assert 0 < volumes.message_bytes < volumes.plain_bytes / 10
    assert 0 < volumes.request_units < volumes.single_units / 40
    prices = tomllib.loads(PRICES.read_text())
    bills = compare(volumes, prices)
    text = table(bills, "USD")
    assert all(name in text for name in bills)
    assert bills["this design"].total < min(each.total for name, each in bills.items() if name != "this design")
