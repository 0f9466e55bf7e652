"""Query windows, grouping, coverage and finality: tables of cases, and brute force."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.charts import Aggregation, fleet_items, judge, lookback, tenant_items
from domain.partials import partial_of
from domain.report import ReportRow, coverages
from domain.spans import Span
from tests.builders import WINDOW_START

FIRST = WINDOW_START + 30


def a_row(minute: int, average: float = 1.0, count: int = 4, **overrides: float) -> ReportRow:
    values = {
        "tenants": 2,
        "min": average - 1,
        "max": average + 1,
        "stddev": 0.5,
        **overrides,
    }
    return ReportRow(FIRST + 60 * minute, "a", "b", average, count, **values)  # type: ignore[arg-type]


def minute_of(timestamp: int) -> int:
    return (timestamp - FIRST) // 60


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (-30, 3570, range(60)),  # from one full hour to the next
        (0, 0, [0]),  # an identifier timestamp alone
        (1, 59, []),  # between two
        (-29, 61, [0, 1]),
    ],
)
def test_a_fixed_range_holds_the_minutes_whose_timestamp_lies_in_it(start: int, end: int, expected: list[int]) -> None:
    span = Span.fixed(FIRST + start, FIRST + end)
    assert [minute_of(at) for at in range(span.first, span.last + 1, 60)] == list(expected)


@pytest.mark.parametrize(
    ("minutes", "interval", "expected"),
    [
        (5, 1, [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)]),
        (6, 3, [(0, 2), (3, 5)]),
        (5, 3, [(0, 1), (2, 4)]),  # the last group ends at the newest minute; the first is shorter
        (2, 5, [(0, 1)]),
        (1, 1, [(0, 0)]),
    ],
)
def test_groups_end_at_the_newest_minute(minutes: int, interval: int, expected: list[tuple[int, int]]) -> None:
    groups = Span.latest(minutes, FIRST + 60 * (minutes - 1)).groups(interval)
    assert [(minute_of(group.first), minute_of(group.last)) for group in groups] == expected


@given(st.integers(1, 300), st.integers(1, 100))
def test_groups_cover_every_minute_once(minutes: int, interval: int) -> None:
    span = Span.latest(minutes, FIRST)
    covered = [at for group in span.groups(interval) for at in range(group.first, group.last + 1, 60)]
    assert covered == list(range(span.first, span.last + 1, 60))


@pytest.mark.parametrize(
    ("counts", "minute", "expected"),
    [
        ({0: 4}, 0, 1.0),
        ({0: 4, 1: 1}, 1, 0.25),
        ({0: 4, 60: 1}, 60, 1.0),  # an hour ago is no longer the hour up to it
        ({0: 4, 59: 1}, 59, 0.25),
        ({0: 1, 1: 4}, 1, 1.0),
        ({1: 4, 0: 1}, 0, 1.0),  # what comes later does not count
    ],
)
def test_coverage_is_the_share_of_the_greatest_count_of_the_hour_up_to_it(
    counts: dict[int, int], minute: int, expected: float
) -> None:
    by_time = sorted((FIRST + 60 * at, count) for at, count in counts.items())
    shares = dict(zip([at for at, _ in by_time], coverages(by_time), strict=True))
    assert shares[FIRST + 60 * minute] == expected


@given(st.dictionaries(st.integers(0, 200), st.integers(1, 9)))
def test_coverage_equals_brute_force(counts: dict[int, int]) -> None:
    found = coverages([(60 * at, counts[at]) for at in sorted(counts)])
    hours = [[count for other, count in counts.items() if at - 60 < other <= at] for at in sorted(counts)]
    assert found == [counts[at] / max(hour) for at, hour in zip(sorted(counts), hours, strict=True)]


def test_judging_looks_back_an_hour_before_the_span() -> None:
    rows = [a_row(0, count=8), a_row(59, count=4), a_row(60, count=4)]
    span = Span(FIRST + 59 * 60, FIRST + 60 * 60)
    assert lookback(span).first == FIRST
    judged = judge(rows, span, lambda at: at > FIRST + 59 * 60)
    assert [(minute_of(each.row.timestamp), each.coverage, each.final) for each in judged] == [
        (59, 0.5, False),
        (60, 1.0, True),
    ]


row_lists = st.lists(
    st.tuples(st.integers(0, 40), st.floats(0, 100), st.integers(1, 9)), unique_by=lambda row: row[0], max_size=20
).map(sorted)


@given(row_lists, st.integers(1, 41), st.integers(1, 12), st.sampled_from(["avg", "min", "max"]))
def test_grouping_equals_brute_force(
    rows: list[tuple[int, float, int]], minutes: int, interval: int, by: Aggregation
) -> None:
    span = Span.latest(minutes, FIRST + 40 * 60)
    judged = judge([a_row(*row) for row in rows], span, lambda _: True)
    items = fleet_items(judged, span, interval, by)

    expected = []
    for end in range(40, 40 - minutes, -interval):
        members = [row for row in rows if max(end - interval, 40 - minutes) < row[0] <= end]
        if not members:
            continue
        averages = [row[1] for row in members]
        average = {"avg": statistics.fmean, "min": min, "max": max}[by](averages)  # type: ignore[operator]
        count = sum(row[2] for row in members)
        mean = sum(row[1] * row[2] for row in members) / count
        expected.append(
            (max(end - interval, 40 - minutes) + 1, average, count, min(averages) - 1, max(averages) + 1, mean)
        )
    found = [
        (minute_of(each.timestamp), each.average, each.count, each.min, each.max, each.sampleMean) for each in items
    ]
    assert found == [pytest.approx(each) for each in reversed(expected)]
    assert all(each.PerfValue == each.average for each in items)


def test_a_group_is_final_when_all_its_minutes_are_and_as_covered_as_its_least() -> None:
    span = Span(FIRST, FIRST + 60)
    judged = judge([a_row(0, count=4), a_row(1, count=2)], span, lambda at: at == FIRST)
    (item,) = fleet_items(judged, span, 2, "avg")
    assert (item.coverage, item.final) == (0.5, False)


def test_a_vms_points_stand_beside_its_tenants_and_the_fleets() -> None:
    span = Span(FIRST, FIRST + 3 * 60)
    judged = judge([a_row(0, 10), a_row(1, 20), a_row(2, 30), a_row(3, 40)], span, lambda _: True)
    fleet = fleet_items(judged, span, 2, "avg")
    tenant = {FIRST: partial_of([1.0, 3.0]), FIRST + 60: partial_of([5.0])}
    items = tenant_items(fleet, {FIRST: 1.0, FIRST + 60: 5.0}, tenant, span, 2, "avg")
    assert [
        (each.average, each.PerfValue, each.tenantAverage, each.tenantMin, each.tenantMax, each.tenantCount)
        for each in items
    ] == [
        (15, 3, 3.5, 1, 5, 3),
        (35, None, None, None, None, 0),
    ]
