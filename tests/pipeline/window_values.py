"""What rankings, groups and histograms must say, worked out independently from sorted lists; and that they say it.

Knows the dict of samples (tests.pipeline.oracle) and plain Python. Of the code under test it uses only its questions.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from domain.counters import reduction_of, worse_of
from domain.minutes import window_of
from pipeline.queries.groups import OF_FLEET, GroupBy, GroupsQuestion, get_groups
from pipeline.queries.ranking import MOST_OF_FLEET, RankingQuestion, get_ranking
from pipeline.queries.windows import Windows
from storage.tables import Tables
from tests.builders import a_view
from tests.pipeline.oracle import Samples

Dimensions = Mapping[str, str | None]
DimensionsOf = Mapping[tuple[str, str], Dimensions]
"""By tenant and VM."""

Values = dict[tuple[str, str], float]
"""The window values of one counter in one window, by tenant and VM."""

OF_A_TENANT: Sequence[GroupBy] = ("Region", "vm")
"""What a tenant's VMs are grouped by here."""

BUCKET = 1 / 64
"""Values that differ by less may share a bucket, and then count as equal in a rank."""


def window_values_of(samples: Samples) -> dict[tuple[str, int], Values]:
    """By key and window: each VM's minutes, reduced by the counter's rule. Minutes are added one after the other."""
    minutes: dict[tuple[str, int], dict[tuple[str, str], list[float]]] = {}
    for (tenant, vm, key, minute), value in sorted(samples.items()):
        minutes.setdefault((key, window_of(minute)), {}).setdefault((tenant, vm), []).append(value)
    return {where: {vm: _reduced(where[0], values) for vm, values in of.items()} for where, of in minutes.items()}


def _reduced(key: str, values: Sequence[float]) -> float:
    total = 0.0
    for value in values:
        total += value
    return {"avg": total / len(values), "sum": total, "min": min(values), "max": max(values)}[reduction_of(key)]


def percentile_of(values: Sequence[float], percent: int) -> float:
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def near(value: float) -> Any:
    """What a percentile that is read from a histogram may be."""
    return pytest.approx(value, rel=0.0079, abs=1e-300)


def assert_rank(found: float | None, value: float, among: Sequence[float]) -> None:
    """The mid-rank: the share of values below, equal ones counted half. Values of one bucket count as equal."""
    below, equal = sum(each < value for each in among), sum(each == value for each in among)
    unlike = sum(0 < abs(each - value) <= BUCKET * max(abs(each), abs(value), 1e-298) for each in among)
    assert found == pytest.approx(100 * (below + equal / 2) / len(among), abs=50 * unlike / len(among) + 1e-9)


def assert_percentiles(key: str, samples: Samples, fleet: Sequence[Any], beside: Sequence[Any], tenant: str) -> None:
    """The percentiles p50 and p95 of a chart's minutes are those of the sorted values of all VMs, or of a tenant's."""
    for items, name, of in ((fleet, "percentiles", None), (beside, "tenantPercentiles", tenant)):
        values: dict[int, list[float]] = {}
        for (whose, _, counter, minute), value in samples.items():
            if counter == key and of in (None, whose):
                values.setdefault(minute, []).append(value)
        for item in items:
            found, there = getattr(item, name), values.get(item.timestamp)
            assert found == (there and {f"p{each}": near(percentile_of(there, each)) for each in (50, 95)})


async def assert_window_values(tables: Tables, samples: Samples, dimensions: DimensionsOf) -> None:
    """Every ranking and grouping of every window is that of sorted lists."""
    expected = window_values_of(samples)
    for key in {key for key, _ in expected}:
        of_key = {window: values for (of, window), values in expected.items() if of == key}
        await _assert_fleet_ranking(tables, key, of_key, dimensions)
        for of_fleet in OF_FLEET:
            await _assert_groups(tables, key, of_fleet, None, of_key, dimensions)
        tenant = min(tenant for values in of_key.values() for tenant, _ in values)
        own = {
            window: {vm: value for vm, value in values.items() if vm[0] == tenant} for window, values in of_key.items()
        }
        await _assert_tenant_ranking(tables, key, tenant, of_key, own)
        for of_tenant in OF_A_TENANT:
            await _assert_groups(tables, key, of_tenant, tenant, own, dimensions)


def _all(of: Mapping[int, object]) -> Windows:
    return Windows(start=min(of), end=max(of))


def _in_order(key: str, values: Values) -> list[tuple[tuple[str, str], float]]:
    """The worst first, ties by name."""
    sign = 1 if worse_of(key) == "low" else -1
    return sorted(values.items(), key=lambda each: (sign * each[1], each[0]))


async def _assert_fleet_ranking(
    tables: Tables, key: str, expected: Mapping[int, Values], dimensions: DimensionsOf
) -> None:
    found = await get_ranking(tables, RankingQuestion(key, _all(expected)), a_view(), str)
    by_window = {window: [row for row in found.data if row.window == window] for window in expected}
    assert sum(map(len, by_window.values())) == len(found.data)
    for window, values in expected.items():
        rows = by_window[window]
        assert [((row.tenant, row.vm), row.PerfValue) for row in rows] == _in_order(key, values)[:MOST_OF_FLEET]
        for row in rows:
            size = dimensions[row.tenant, row.vm]["MachineSize"]
            assert (row.of, row.MachineSize) == (len(values), size)
            assert_rank(row.rank, row.PerfValue, list(values.values()))
            peers = [value for vm, value in values.items() if dimensions[vm]["MachineSize"] == size]
            assert_rank(row.peerRank, row.PerfValue, peers)


async def _assert_tenant_ranking(
    tables: Tables, key: str, tenant: str, fleet: Mapping[int, Values], own: Mapping[int, Values]
) -> None:
    found = await get_ranking(tables, RankingQuestion(key, _all(fleet), tenant, limit=5_000), a_view(), str)
    expected = [(window, *each) for window in sorted(own, reverse=True) for each in _in_order(key, own[window])]
    assert [(row.window, (row.tenant, row.vm), row.PerfValue) for row in found.data] == expected
    for row in found.data:
        among = list(own[row.window].values())
        below, equal = sum(each < row.PerfValue for each in among), among.count(row.PerfValue)
        assert row.tenantRank == pytest.approx(100 * (below + equal / 2) / len(among))
        assert_rank(row.rank, row.PerfValue, list(fleet[row.window].values()))


async def _assert_groups(
    tables: Tables,
    key: str,
    by: GroupBy,
    tenant: str | None,
    expected: Mapping[int, Values],
    dimensions: DimensionsOf,
) -> None:
    answer = await get_groups(tables, GroupsQuestion(key, by, _all(expected), tenant), a_view())
    found = {(item.window, item.group): item for item in answer.data}
    groups: dict[tuple[int, str | None], Values] = {}
    for window, values in expected.items():
        for (of, vm), value in values.items():
            group = of if by == "tenant" else vm if by == "vm" else dimensions[of, vm][by]
            groups.setdefault((window, group), {})[of, vm] = value
    assert found.keys() == groups.keys()
    exact = tenant is not None or by == "tenant"
    for where, of_group in groups.items():
        item, values_of_group = found[where], list(of_group.values())
        assert (item.average, item.sum, item.count, item.tenants, item.min, item.max) == (
            statistics.fmean(values_of_group),
            math.fsum(values_of_group),
            len(values_of_group),
            len({of for of, _ in of_group}),
            min(values_of_group),
            max(values_of_group),
        )
        for percent, figure in ((50, item.p50), (95, item.p95)):
            truth = percentile_of(values_of_group, percent)
            assert figure == (truth if exact else near(truth))
