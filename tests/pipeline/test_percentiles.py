"""Percentiles and sums on charts: of the fleet, of a tenant and of a VM, against sorted lists of every sample."""

import math
import random
from collections.abc import Sequence
from typing import Any

import pytest

from domain.access import Caller
from domain.minutes import MINUTE, WINDOW, minutes_of
from pipeline.averaging import average
from pipeline.queries.charts import Question, get_data, get_tenant_data
from pipeline.rules import Rules
from storage.tables import Tables
from tests.builders import KEY, TIMES, WINDOW_START, a_message, a_record, a_view
from tests.pipeline.steps import deliver

ERRORS = "win_net.packets_received_errors"  # reduced by its sum
WINDOWS = (WINDOW_START - WINDOW, WINDOW_START)
MINUTES = [at for window in WINDOWS for at in minutes_of(window)]
Fleet = dict[str, dict[str, list[float]]]
"""The values of each minute, by tenant and VM."""


def a_fleet(seed: int, tenants: int = 4, vms: int = 9) -> Fleet:
    chance = random.Random(seed)  # noqa: S311
    return {
        f"t{tenant}": {
            f"t{tenant}-v{vm}": [chance.choice((0.0, chance.lognormvariate(3, 2), -chance.random())) for _ in MINUTES]
            for vm in range(vms)
        }
        for tenant in range(tenants)
    }


async def fill(tables: Tables, fleet: Fleet, key: str = KEY, rules: Rules | None = None) -> None:
    perf_type, perf_name = key.split(".")
    for tenant, vms in fleet.items():
        records = [
            a_record(
                MaskedTenantId=tenant,
                MaskedVMName=vm,
                PerfType=perf_type,
                PerfName=perf_name,
                PerfValue=value,
                timestamp=at,
            )
            for vm, values in vms.items()
            for at, value in zip(MINUTES, values, strict=True)
        ]
        await deliver(tables, [a_message(records)])
    await average(tables, TIMES, rules=rules or Rules(summaries_at_once=True))


def samples(fleet: Fleet, minutes: Sequence[int], tenant: str | None = None, vm: str | None = None) -> list[float]:
    """All samples of these minutes, sorted."""
    return sorted(
        values[MINUTES.index(at)]
        for name, vms in fleet.items()
        if tenant in (None, name)
        for each, values in vms.items()
        if vm in (None, each)
        for at in minutes
    )


def percentile(values: Sequence[float], wanted: float) -> float:
    return values[max(1, math.ceil(len(values) * wanted / 100)) - 1]


def within_a_percent(value: float) -> Any:
    return pytest.approx(value, rel=0.01, abs=1e-300)


WANTED = (0.5, 50.0, 95.0, 99.9)


def question(**more: Any) -> Question:
    return Question([KEY], minutes=len(MINUTES), percentiles=WANTED, **more)


@pytest.mark.parametrize("interval", [1, 7, 30])
async def test_percentiles_are_those_of_all_samples_of_a_group(tables: Tables, interval: int) -> None:
    fleet = a_fleet(interval)
    await fill(tables, fleet)
    answer = await get_tenant_data(tables, question(interval=interval), "t1", "t1-v3", a_view())
    assert answer.percentiles == ["p0.5", "p50", "p95", "p99.9"]
    assert len(answer.data) == math.ceil(30 / interval)
    for item in answer.data:
        end = min(
            each for each in (*[later.timestamp for later in answer.data], MINUTES[-1] + 60) if each > item.timestamp
        )
        minutes = range(item.timestamp, end, MINUTE)
        every, own = samples(fleet, minutes), samples(fleet, minutes, "t1")
        for name, wanted in zip(answer.percentiles, WANTED, strict=True):
            assert item.percentiles
            assert item.tenantPercentiles
            assert item.percentiles[name] == within_a_percent(percentile(every, wanted))
            assert item.tenantPercentiles[name] == within_a_percent(percentile(own, wanted))


async def test_a_percentile_can_stand_in_the_average(tables: Tables) -> None:
    fleet = a_fleet(5)
    await fill(tables, fleet)
    asked = Question([KEY], minutes=30, interval=30, by=95.0)
    (whole,) = (await get_data(tables, asked, a_view())).data
    assert whole.average == whole.PerfValue == within_a_percent(percentile(samples(fleet, MINUTES), 95))
    assert whole.percentiles is None
    (item,) = (await get_tenant_data(tables, asked, "t2", "t2-v1", a_view())).data
    assert (item.average, item.tenantAverage, item.PerfValue) == (
        whole.average,
        within_a_percent(percentile(samples(fleet, MINUTES, "t2"), 95)),
        percentile(samples(fleet, MINUTES, "t2", "t2-v1"), 95),  # a VM's own minutes are all there: exactly
    )


async def test_the_ends_are_the_min_and_max(tables: Tables) -> None:
    fleet = a_fleet(6)
    await fill(tables, fleet)
    asked = Question([KEY], minutes=30, interval=5, percentiles=(0.001, 99.999))
    for item in (await get_data(tables, asked, a_view())).data:
        assert item.percentiles == {"p0.001": item.min, "p99.999": item.max}


async def test_what_has_no_histogram_yet_has_no_percentiles(tables: Tables) -> None:
    """Averages come at each run. What is above a tenant waits until 90 % of the expected VMs have come."""
    fleet = a_fleet(7)
    await fill(tables, fleet, rules=Rules())
    late = {"t9": {f"t9-v{vm}": [1.0] * 30 for vm in range(30)}}
    await fill(tables, late, rules=Rules())
    asked = Question([KEY], minutes=15, percentiles=(50.0,))
    item = (await get_tenant_data(tables, asked, "t9", None, a_view())).data[-1]
    assert (item.count, item.tenantPercentiles) == (66, {"p50": 1.0})
    assert item.percentiles
    assert item.percentiles["p50"] != 1.0  # of the 36 VMs that had come when it was made


@pytest.mark.parametrize(("key", "minutes"), [(KEY, 1), (ERRORS, 15)])
async def test_sums_stand_beside_counts(tables: Tables, key: str, minutes: int) -> None:
    """Of most counters a group has the mean of the minutes' sums. Of one that counts events it has their total."""
    fleet = {"a": {"x": [1 / 3] * 30, "y": [2 / 3] * 30}, "b": {"z": [59.0] * 30}}
    await fill(tables, fleet, key)
    asked = Question([key], minutes=30, interval=15)
    for item in (await get_tenant_data(tables, asked, "a", None, a_view())).data:
        assert (item.count, item.tenantCount) == (45, 30)
        assert item.sum == pytest.approx(60 * minutes)
        assert item.tenantSum == pytest.approx(minutes)
    single = (await get_tenant_data(tables, Question([key], minutes=1), "b", None, a_view())).data
    assert [(item.sum, item.tenantSum) for item in single] == [(60.0, 59.0)]


async def test_services_that_run_are_a_whole_number_of_all(tables: Tables) -> None:
    key = "win_service.wuauserv"
    running = {f"v{vm}": [float(vm != 17)] * 30 for vm in range(60)}
    await fill(tables, {"a": running}, key)
    (item,) = (await get_data(tables, Question([key], minutes=1), a_view())).data
    assert (item.sum, item.count) == (59.0, 60)


async def test_a_deployments_own_rule_decides_how_sums_of_a_group_are_made(tables: Tables) -> None:
    await fill(tables, {"a": {"x": [2.0] * 30}})
    view = a_view()
    as_total = type(view)(view.caller, view.now, {KEY: "sum"})
    asked = Question([KEY], minutes=30, interval=30)
    assert [item.sum for item in (await get_data(tables, asked, view)).data] == [2.0]
    assert [item.sum for item in (await get_data(tables, asked, as_total)).data] == [60.0]


async def test_a_tenants_caller_gets_the_percentiles_and_sums_of_its_own_vms_only(tables: Tables) -> None:
    fleet = a_fleet(8)
    await fill(tables, fleet)
    view = a_view(caller=Caller("tenant", "t1"))
    for item in (await get_tenant_data(tables, question(), "t1", None, view)).data:
        own = samples(fleet, [item.timestamp], "t1")
        assert item.tenantPercentiles
        assert item.tenantPercentiles["p95"] == within_a_percent(percentile(own, 95))
        assert item.tenantSum == pytest.approx(sum(own))
        assert item.sum is None
