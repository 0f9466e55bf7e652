"""Standings and summaries against plain sorted lists, and in any grouping."""

import math
import random
import statistics
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.counters import reduce_readings, reduction_of
from domain.exact import LARGEST
from domain.fleet_summary import FleetSummary, fleet_summaries
from domain.merged_summary import limited, merge_summaries, smaller_summary
from domain.samples import Dimensions, VmWindow
from domain.standings import Standings, standings_of
from domain.summary import (
    MOST_LISTED,
    OTHER,
    WHOLE,
    GroupKey,
    Summary,
    summarize,
)
from domain.window_matrix import blocks_of

WINDOW = 1_790_000_100 // 900 * 900
HIGH, LOW, SUM = "win_cpu.percent_processor_time", "win_mem.available_bytes", "win_session.logons"
KEYS = (HIGH, LOW, SUM)
REGIONS = (None, "uksouth", "eastus")

eighths = st.integers(0, 8000).map(lambda number: number / 8)
rows = st.lists(st.one_of(st.none(), eighths, st.sampled_from([0.0, 1.0])), min_size=15, max_size=15)
vms = st.builds(
    lambda series, region, size: (series, region, size),
    st.dictionaries(st.sampled_from(KEYS), rows, min_size=1),
    st.sampled_from(REGIONS),
    st.sampled_from((None, "D4", "D8")),
)
tenants = st.dictionaries(st.sampled_from(["t0", "t1", "t2", "t3"]), st.lists(vms, min_size=1, max_size=6), min_size=1)
Vms = Sequence[tuple[Mapping[str, Sequence[float | None]], str | None, str | None]]


def of(tenant: str, found: Vms) -> Standings:
    windows = [
        VmWindow(tenant, f"{tenant}-v{at}", WINDOW, Dimensions(None, "pool", region, size), series)
        for at, (series, region, size) in enumerate(found)
    ]
    return standings_of(windows, list(blocks_of([window.series for window in windows])))


def values_of(found: Mapping[str, Vms], key: str, group: GroupKey = WHOLE) -> dict[tuple[str, str], float]:
    """The window values by tenant and VM, worked out plainly."""
    values = {}
    for tenant, each in found.items():
        for at, (series, region, size) in enumerate(each):
            readings = [value for value in series.get(key, ()) if value is not None]
            belongs = group == WHOLE or group.value == (region if group.dimension == "Region" else size)
            if readings and belongs:
                values[tenant, f"{tenant}-v{at}"] = reduce_readings(reduction_of(key), readings)
    return values


@given(tenants)
def test_window_values_are_the_minutes_reduced_by_the_counters_own_rule(found: dict[str, Vms]) -> None:
    for tenant, each in found.items():
        standings = of(tenant, each)
        for key, column in standings.columns.items():
            told = {
                (tenant, vm.vm): value
                for vm, value in zip(standings.vms, column.tolist(), strict=True)
                if not math.isnan(value)
            }
            assert told == pytest.approx(values_of({tenant: each}, key))


@given(tenants)
def test_the_fleets_summary_is_that_of_sorted_lists(found: dict[str, Vms]) -> None:
    fleet = dict(fleet_summaries(summarize({tenant: of(tenant, each) for tenant, each in found.items()})))
    for key in KEYS:
        if not values_of(found, key):
            assert key not in fleet
            continue
        summary = fleet[key]
        groups = {group for group in all_groups() if values_of(found, key, group)}
        assert set(summary.groups) == groups
        for group, figures, worst in zip(summary.groups, summary.figures, summary.worst, strict=True):
            values = values_of(found, key, group)
            assert figures.count == len(values)
            assert figures.tenants == len({tenant for tenant, _ in values})
            assert (figures.min, figures.max) == pytest.approx((min(values.values()), max(values.values())))
            assert figures.average == pytest.approx(statistics.fmean(values.values()))
            assert figures.total == pytest.approx(math.fsum(values.values()))
            assert figures.p50 == pytest.approx(nearest(values.values(), 50), rel=0.01, abs=1e-300)
            assert [(each.tenant, each.vm) for each in worst] == in_order(values, high=key != LOW)[:MOST_LISTED]


def all_groups() -> list[GroupKey]:
    sizes = (None, "D4", "D8")
    return [WHOLE, *(GroupKey("Region", each) for each in REGIONS), *(GroupKey("MachineSize", each) for each in sizes)]


def nearest(values: Iterable[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[max(1, math.ceil(len(ordered) * percent / 100)) - 1]


def in_order(values: Mapping[tuple[str, str], float], *, high: bool) -> list[tuple[str, str]]:
    # Sums of minutes may differ from exact ones in their last bits, so ties are judged after rounding.
    return sorted(values, key=lambda vm: (-round(values[vm], 9) if high else round(values[vm], 9), vm))


@given(tenants, st.randoms())
def test_summaries_of_parts_merge_to_that_of_the_whole(found: dict[str, Vms], chance: random.Random) -> None:
    standings = {tenant: of(tenant, each) for tenant, each in found.items()}
    whole = summarize(standings)
    parts = [summarize({tenant: each}) for tenant, each in standings.items()]
    chance.shuffle(parts)
    assert merge_summaries(parts) == whole
    assert merge_summaries([merge_summaries(parts[:2]), *parts[2:]]) == whole


def a_tenant(tenant: str, regions: Sequence[str], value: float = 1.0) -> Standings:
    return of(tenant, [({HIGH: [value] * 15}, region, None) for region in regions])


def regions_of(summary: Summary) -> set[str | None]:
    return {group.value for group in summary.groups if group.dimension == "Region"}


def test_a_flood_of_made_up_regions_displaces_only_its_senders() -> None:
    flood = a_tenant("t-flood", [f"made-up-{number:04d}" for number in range(500)])
    others = {f"t{number}": a_tenant(f"t{number}", ["uksouth", "uksouth", f"own-{number}"]) for number in range(5)}
    fleet = summarize({"t-flood": flood, **others}, most_groups=100)
    fleet = limited(merge_summaries([fleet], most_groups=20), 20)
    assert {"uksouth", *(f"own-{number}" for number in range(5))} <= regions_of(fleet)
    assert OTHER in regions_of(fleet)
    assert len(regions_of(fleet)) == 21
    (summary,) = dict(fleet_summaries(fleet)).values()
    by_region = {
        group.value: figures.count
        for group, figures in zip(summary.groups, summary.figures, strict=True)
        if group.dimension == "Region"
    }
    assert sum(by_region.values()) == 515
    assert by_region["uksouth"] == 10


def test_one_tenant_has_at_most_so_many_groups() -> None:
    summary = summarize({"t": a_tenant("t", [f"r{number:03d}" for number in range(300)])}, most_groups=100)
    assert len(regions_of(summary)) == 101


def test_of_many_vms_the_worst_are_listed_with_their_rank_in_their_tenant() -> None:
    found = {"t": [({LOW: [float(at)] * 15}, "uksouth", "D4") for at in range(100)]}
    summary = only(summarize({"t": of("t", found["t"])}))
    listed = summary.worst[0]
    assert [each.value for each in listed] == [float(at) for at in range(MOST_LISTED)]
    assert [each.tenant_rank for each in listed] == [at + 0.5 for at in range(MOST_LISTED)]
    assert [each.value for each in summary.best] == [float(99 - at) for at in range(MOST_LISTED)]


def only(summary: Summary) -> FleetSummary:
    ((_, found),) = fleet_summaries(summary)
    return found


def test_a_vm_without_a_dimension_is_in_the_group_without_a_value() -> None:
    summary = only(summarize({"t": of("t", [({HIGH: [1.0] * 15}, None, "D4")])}))
    assert GroupKey("Region", None) in summary.groups


def test_a_smaller_summary_has_a_counter_less() -> None:
    summary = summarize({"t": of("t", [({HIGH: [1.0] * 15, LOW: [2.0] * 15}, None, None)])})
    assert len(smaller_summary(summary).counters) == 1


def test_a_purged_vm_is_in_no_column() -> None:
    standings = of("t", [({HIGH: [float(at)] * 15}, None, None) for at in range(3)])
    left = standings.without("t-v1")
    assert [vm.vm for vm in left.vms] == ["t-v0", "t-v2"]
    assert left.columns[HIGH].tolist() == [0.0, 2.0]
    assert left != standings
    assert standings.without("nobody") == standings


@given(st.lists(st.floats(1e307, LARGEST) | st.floats(-LARGEST, -1e307), min_size=1, max_size=15))
def test_the_mean_of_huge_minutes_is_their_mean_and_their_sum_is_limited(found: list[float]) -> None:
    row: list[float | None] = [*found, *[None] * (15 - len(found))]
    columns = of("t0", [({HIGH: row, SUM: row}, None, None)]).columns
    total = sum(map(Fraction, found), Fraction(0))
    # Each of at most 15 additions rounds by at most half of the last of 53 bits of a sum.
    assert abs(Fraction(columns[HIGH][0]) - total / len(found)) <= Fraction(LARGEST) * 15 / 2**52
    limit = Fraction(LARGEST)
    limited_total = min(max(total, -limit), limit)
    assert abs(Fraction(columns[SUM][0]) - limited_total) <= limit * 15 * 15 / 2**52
