"""The arithmetic of what a fleet costs, on cases worked by hand; and that volumes come from the code."""

import re
import tomllib
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.bills import Container, Month, autoscaled, bill, operations_price
from benchmarks.cost import PRICES, PUSH_SECONDS, STRAIGHT, compare, log_analytics, table, this_design
from benchmarks.learned import Learned
from benchmarks.priced import PricedDocuments, read_units, scan_units, write_units
from benchmarks.services import others, table_of
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
        "autoscale_a_gb": 10,
        "least_billed": 0.1,
    },
    "functions": {
        "gb_second": 0.001,
        "million_executions": 2,
        "free_gb_seconds": 1000,
        "free_executions": 1_000_000,
    },
    "storage": {"queue": 0.1, "blob_write": 1, "blob_other": 0.2},
    "alerts": {"metric": 0.1, "log_5_minutes": 2, "log_15_minutes": 0.5},
    "logs": {"gb": 2, "free_gb": 5},
    "assumptions": {
        "instance_gb": 2,
        "http_concurrency": 8,
        "charts_at_once": 2,
        "least_seconds": 1,
        "seconds_a_request": 0.001,
        "seconds_a_push": 0.5,
        "autoscale_peak": 2,
        "queue_polls_a_minute": 10,
        "lease_calls_a_minute": 5,
        "blob_writes_a_run": 1,
        "metric_alerts": 5,
        "log_alerts_5_minutes": 1,
        "log_alerts_15_minutes": 3,
        "log_bytes_an_execution": 1000,
        "billed_share_of_json": 0.5,
        "samples_days": 9,
        "report_days": 100,
        "standings_days": 50,
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
        containers={"a": Container(30e6, 4, expiry_units=6e6), "b": Container(4e6, 2)},  # 40 * 0.25 = 10; 6 * 0.5 = 3
        executions=3e6,  # (3 - 1) * 2 = 4
        gb_seconds=2000,  # (2000 - 1000) * 0.001 = 1
        log_gb=7,  # (7 - 5) * 2 = 4
        runs=20_000,  # 6,000 minutes: 6 * 0.1 + 3 * 0.2 + 2 * 1 = 3.2; rules: 0.5 + 2 + 1.5 = 4
    )
    found = bill(month, ROUND, serverless=True)
    assert (found.service_bus, found.requests, found.storage, found.functions, found.logs) == (12, 10, 3, 5, 4)
    assert found.host == pytest.approx(7.2)
    assert found.total == pytest.approx(41.2)
    assert found.throughput == "serverless"


def a_month(*containers: Container, peak: float = 1) -> Month:
    return Month(0, {str(number): each for number, each in enumerate(containers)}, 0, 0, 0, peak=peak)


@pytest.mark.parametrize(
    ("container", "peak", "price", "greatest"),
    [
        # 1 RU/s for 100 hours are 0.36 M RU; 100 RU/s cost 0.01 an hour, so 1 in these 100.
        (Container(36e6, 0), 1, 1, 1000),  # 100 RU/s: a tenth of the least that can be set
        (Container(36e6, 0), 9, 9, 1000),  # of an hour, the greatest is billed
        (Container(36e6, 0), 11, 11, 2000),
        (Container(36e6, 500), 1, 5, 5000),  # 10 RU/s a GB, of which a tenth is billed
        (Container(36e6, 500), 7, 7, 5000),
        (Container(36e6, 0, expiry_units=360e6), 1, 1, 1000),  # expiry takes what is left over
    ],
)
def test_autoscale_worked_by_hand(container: Container, peak: float, price: float, greatest: float) -> None:
    assert autoscaled(a_month(container, peak=peak), ROUND) == pytest.approx((price, greatest))
    # Each container has its own.
    assert autoscaled(a_month(container, container, peak=peak), ROUND) == pytest.approx((2 * price, 2 * greatest))


def test_what_is_cheaper_pays_for_requests() -> None:
    # 144 M RU in 100 hours: 400 RU/s, at most 800: autoscale 8; serverless 36, and 18 for what expires.
    month = a_month(Container(144e6, 0, expiry_units=72e6), peak=2)
    assert (bill(month, ROUND).requests, bill(month, ROUND).throughput) == (8, "autoscale to 1,000 RU/s")
    assert bill(month, ROUND, serverless=True).requests == 54
    assert bill(a_month(Container(3e6, 0)), ROUND).throughput == "serverless"


def test_nothing_used_costs_the_base_charge() -> None:
    assert bill(a_month(), ROUND).total == 10


def test_alert_rules_are_those_of_the_templates() -> None:
    template = (PRICES.parents[1] / "infra" / "modules" / "alerts.bicep").read_text()
    rules = Counter(
        (kind, minutes)
        for kind, minutes in re.findall(
            r"resource \w+ 'Microsoft\.Insights/(metricAlerts|scheduledQueryRules)@.*?evaluationFrequency: 'PT(\d+)M'",
            template,
            re.DOTALL,
        )
    )
    assumed = tomllib.loads(PRICES.read_text())["assumptions"]
    assert rules == {
        ("metricAlerts", "5"): assumed["metric_alerts"],
        ("scheduledQueryRules", "5"): assumed["log_alerts_5_minutes"],
        ("scheduledQueryRules", "15"): assumed["log_alerts_15_minutes"],
    }


def a_volume(**overrides: float) -> Volumes:
    names = [name for name in Volumes.__dataclass_fields__ if name not in ("by_operation", "expiry", "learned")]
    of_samples = overrides.get("request_units", 0.0)
    by_operation = (("create samples", of_samples - 1), ("scan catalogue:vms", 1.0)) if of_samples else ()
    figures: dict[str, Any] = {**dict.fromkeys(names, 0.0), **overrides}
    return Volumes(**figures, by_operation=by_operation, expiry={"samples": 3.0})


def test_a_month_of_windows_worked_by_hand() -> None:
    # 100 hours: 400 windows, 6,000 runs of averaging and as many of remote write; 96 windows a day.
    volumes = a_volume(messages=10, operations=20, request_units=5, requests=1000, samples_bytes=1e6, report_bytes=1e4)
    volumes = replace(volumes, standings_bytes=1e5)
    month = this_design(volumes, ROUND, pushed=STRAIGHT)
    assert month.operations == 8000
    assert month.request_units == (5 + 3) * 400  # what is asked, and what expires
    assert month.containers["catalogue"] == Container(400, 0)
    assert month.executions == 10 * 400 + 12_000
    assert month.gb_seconds == 16_000 * 1 * 2  # a second each is more than the 400 s of requests
    assert month.stored_gb == pytest.approx((1e6 * 96 * 10 + 1e4 * 96 * 100 + 1e5 * 96 * 50) / 1e9)
    assert month.log_gb == 16_000 * 1000 / 1e9


def test_what_a_day_of_learning_takes_is_paid_every_day() -> None:
    learned = Learned(
        {"learning": 60.0, "judging": 12.0}, expiry=24.0, bytes=1e6, requests=480, seconds=2, executions=6
    )
    without, month = this_design(a_volume(), ROUND), this_design(replace(a_volume(), learned=learned), ROUND)
    days = 100 / 24
    before, after = without.containers["standings"], month.containers["standings"]
    assert after.request_units - before.request_units == pytest.approx(72 * days)
    assert after.expiry_units - before.expiry_units == pytest.approx(24 * days)
    assert after.stored_gb - before.stored_gb == pytest.approx(1e6 * 50 / 1e9)
    assert month.executions - without.executions == pytest.approx(6 * days)


async def test_learning_and_judging_are_measured_and_cost_little() -> None:
    volumes = await measure(100, 20, 50)
    a_day = sum(volumes.learned.units.values())
    assert all(units > 0 for units in volumes.learned.units.values())
    assert a_day < 0.1 * volumes.request_units * 96  # so few counters of few VMs: a small tenant costs more
    assert volumes.learned.bytes > 0


def test_pushes_are_executions_and_keep_an_instance_that_answers_http_active() -> None:
    # 400 windows. A second a push at least, but no more than the time over which they are spread; or half a second of
    # work for each.
    cases = ((10, 60, 10), (100, 60, 60), (100, 900, 100), (1_000, 60, 500), (10, STRAIGHT, 0))
    for messages, pushed, seconds in cases:
        straight = this_design(a_volume(messages=messages), ROUND, pushed=STRAIGHT)
        month = this_design(a_volume(messages=messages), ROUND, pushed=pushed)
        assert month.executions - straight.executions == (messages * 400 if pushed else 0)
        assert month.gb_seconds - straight.gb_seconds == seconds * 400 * 2


def test_each_tenants_heartbeat_is_read_and_written_once_in_a_window() -> None:
    month = this_design(a_volume(tenants=3), ROUND)
    assert month.containers["catalogue"].request_units == 3 * (2 + 5) * 400


def test_a_hundred_customers_push_for_less_than_fifteen_dollars_a_month() -> None:
    prices = tomllib.loads(PRICES.read_text())
    volumes = a_volume(tenants=100, messages=300)  # of 100 VMs with 40 counters each, as make cost measures them
    pushed, straight = (bill(this_design(volumes, prices, pushed=each), prices) for each in (PUSH_SECONDS, STRAIGHT))
    assert 5 < pushed.total - straight.total < 15


def test_charts_that_are_asked_for_together_share_an_instance_that_is_given_several_at_a_time() -> None:
    # 100 hours are 12,000 runs of timers; 2,400 charts a day are 73,000 in 365 / 12 days.
    for at_a_time, seconds in ((1, 12_000 + 73_000), (2, 12_000 + 36_500), (8, 12_000 + 36_500)):
        assumptions = {**ROUND["assumptions"], "charts_a_day": 2_400, "http_concurrency": at_a_time}
        month = this_design(a_volume(), {**ROUND, "assumptions": assumptions})
        assert month.gb_seconds == seconds * 2


def test_messages_that_come_together_share_an_instance() -> None:
    # 400 windows, 12,000 runs of timers. A second a message at least, but no more than the time in which they come.
    for within, seconds in ((900, 300), (120, 120), (300, 300)):
        month = this_design(a_volume(messages=300), ROUND, within, STRAIGHT)
        assert month.gb_seconds == (400 * seconds + 12_000) * 2
    month = this_design(a_volume(messages=300, ingest_seconds=200), ROUND, 120, STRAIGHT)
    assert month.gb_seconds == 80_000 * 2  # but for its work
    assert [this_design(a_volume(), ROUND, within).peak for within in (900, 120)] == [2, 7.5]


def test_an_instance_is_billed_for_no_more_than_all_the_time_unless_it_is_busier() -> None:
    assert this_design(a_volume(messages=1e6), ROUND, pushed=STRAIGHT).gb_seconds == 360_000 * 2
    busy = a_volume(messages=1e6, ingest_seconds=1000)
    assert this_design(busy, ROUND, pushed=STRAIGHT).gb_seconds == 400_000 * 2


@pytest.mark.parametrize(("size", "read", "write"), [(0, 1, 5), (1000, 1, 5), (100_000, 10, 50), (50_500, 5.5, 27.5)])
def test_charges_are_those_that_microsoft_publishes(size: int, read: float, write: float) -> None:
    assert (read_units(size), write_units(size)) == (2 * read, write)  # at Strong, reads cost double


def test_each_page_of_a_scan_has_its_charge() -> None:
    # At Session, a query of one item of 1 KB is 2.3 RU. 201 items are two pages, and so are 4,000,001 bytes.
    assert scan_units(1, 1000) == pytest.approx(2 * 2.3)
    assert scan_units(0, 0) == pytest.approx(2 * 2.3)
    assert scan_units(201, 100_000) == pytest.approx(2 * (10 + 2.6))
    assert scan_units(2, 4_000_001) == pytest.approx(read_units(4_000_001) + 2 * 2.6)


async def test_a_priced_store_charges_each_call() -> None:
    store = PricedDocuments(MemoryDocuments())
    with metered() as meter:
        await store.create("samples", "p", "i", {"text": "x" * 99_960})
        await store.read("samples", "p", "i")
        await store.read("samples", "p", "none")
        assert [document.id async for document in store.scan("samples", "p")] == ["i"]
    assert store.expiry_of("samples") == pytest.approx(50, rel=0.001)
    charges = {name: round(tally.units, 1) for name, tally in meter.requests.items()}
    assert charges == {"create samples": 50.0, "read samples": 22.0, "scan samples": 22.6}


async def test_a_fleets_samples_cost_little_by_the_published_charges_and_all_bills_are_shown() -> None:
    volumes = await measure(vms=200, counters=10, vms_a_tenant=20)
    assert volumes.samples == 200 * 10 * 15
    assert volumes.messages == 10
    assert 0 < volumes.message_bytes < volumes.plain_bytes / 10
    assert 0 < volumes.request_units < volumes.single_units / 30
    prices = tomllib.loads(PRICES.read_text())
    bills = compare(volumes, prices)
    text = table(bills, "USD")
    assert all(name in text for name in bills)
    longest = replace(bills["this design"], throughput="autoscale to 999,000 RU/s")
    last = table({"one": longest, "other": longest}, "USD").splitlines()[-1]
    assert last.count(f" {longest.throughput}") == 2  # not glued to its neighbour
    assert bills["this design"].total < min(each.total for name, each in bills.items() if name != "this design")


async def test_counters_that_are_not_taken_cost_no_storage() -> None:
    whole = await measure(vms=40, counters=10, vms_a_tenant=20)
    fewer = await measure(vms=40, counters=10, vms_a_tenant=20, taken=2)
    alone = await measure(vms=40, counters=2, vms_a_tenant=20)
    assert fewer.samples_bytes == pytest.approx(alone.samples_bytes, rel=0.02)  # the values are others
    assert fewer.report_bytes == pytest.approx(alone.report_bytes, rel=0.02)
    assert fewer.samples_bytes < whole.samples_bytes / 3
    assert fewer.messages == whole.messages
    assert fewer.request_units < whole.request_units


async def test_other_services_are_reckoned_from_the_same_prices_and_unknown_ones_are_named() -> None:
    prices = tomllib.loads(PRICES.read_text())
    volumes = await measure(vms=40, counters=10, vms_a_tenant=20)
    month = this_design(volumes, prices)
    ours = bill(month, prices)
    windows = 730 * 4
    found = {each.name: each for each in others(volumes, prices, ours, month.stored_gb, windows)}
    assert list(found) == [
        "Event Hubs", "Storage queues", "Table storage", "SQL database, serverless", "Data Explorer", "Log Analytics",
    ]  # fmt: skip
    parts = volumes.messages * windows  # each under 64 KB
    assert found["Event Hubs"].cost == pytest.approx(730 * 0.03 + parts / 1e6 * 0.03)
    assert found["Storage queues"].cost == pytest.approx(parts * 3 / 1e4 * prices["storage"]["queue"])
    table_calls = volumes.requests * windows / 1e4 * 0.00036
    assert found["Table storage"].cost == pytest.approx(table_calls + month.stored_gb * 0.045)
    assert found["SQL database, serverless"].cost == pytest.approx(730 * 0.26 + month.stored_gb * 0.115)
    assert found["Data Explorer"].cost == "unknown: the prices file has no data_explorer.least_cluster_hour"
    assert found["Log Analytics"].cost == bill(log_analytics(volumes, prices), prices).logs
    assert (found["Event Hubs"].ours, found["Table storage"].ours) == (ours.service_bus, ours.requests + ours.storage)
    told = table_of(list(found.values()), "USD")
    assert "unknown: the prices file has no data_explorer.least_cluster_hour" in told
    assert all(each.keeps in told and each.lacks in told for each in found.values())


async def test_a_price_that_is_put_into_the_file_is_no_longer_unknown() -> None:
    prices = tomllib.loads(PRICES.read_text())
    volumes = await measure(vms=20, counters=5, vms_a_tenant=20)
    ours = bill(this_design(volumes, prices), prices)
    known = {**prices, "data_explorer": {"least_cluster_hour": 0.5, "gb_month": 0.1}}
    services = {each.name: each.cost for each in others(volumes, known, ours, 10.0, 2920.0)}
    assert services["Data Explorer"] == 730 * 0.5 + 1
    without = {name: part for name, part in prices.items() if name != "event_hubs"}
    assert "event_hubs.unit_hour" in str(others(volumes, without, ours, 10.0, 2920.0)[0].cost)
