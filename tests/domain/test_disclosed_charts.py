"""Charts for tenants: points of disclosed figures and percentiles, and what they never hold."""

from collections.abc import Sequence
from dataclasses import fields

from domain.charts import By, FleetItem, TenantItem
from domain.disclosed_charts import (
    NEVER_SHOWN,
    NO_PERCENTILES,
    NOT_FOR_TENANTS,
    DisclosedItem,
    DisclosedMinute,
    DisclosedTenantItem,
    disclosed_items,
    disclosed_minutes,
)
from domain.disclosure import DOMINATED, NOT_FINAL, DisclosedWindow, disclosed_histograms
from domain.histogram import histograms_of
from domain.minutes import MINUTES_PER_WINDOW
from domain.spans import Span
from tests.builders import WINDOW_START

FIRST = WINDOW_START + 30
FEW = "fewer than 5 other tenants took part"


def test_a_minute_has_an_average_a_reason_or_is_not_there() -> None:
    disclosed = DisclosedWindow([0.0, 7.5, FEW, *[None] * 12])
    assert list(disclosed_minutes(WINDOW_START, disclosed)) == [
        DisclosedMinute(FIRST, 0.0, None),
        DisclosedMinute(FIRST + 60, 7.5, None),
        DisclosedMinute(FIRST + 120, None, FEW),
    ]


def test_points_for_tenants_have_the_fields_of_the_operators_and_those_that_are_not_disclosed_can_only_be_null() -> (
    None
):
    for shown, whole in ((DisclosedItem, FleetItem), (DisclosedTenantItem, TenantItem)):
        assert [each.name for each in fields(shown)] == [each.name for each in fields(whole)]
    assert NEVER_SHOWN == ("count", "sum", "tenants", "min", "max", "stddev", "sampleMean", "coverage")


def chart(minutes: Sequence[float | str | None], interval: int, by: By = "avg") -> list[DisclosedItem]:
    """The chart of these figures, one a minute."""
    disclosed = list(disclosed_minutes(WINDOW_START, DisclosedWindow([*minutes, *[None] * (15 - len(minutes))])))
    return disclosed_items("a.b", disclosed, Span.latest(len(minutes), FIRST + 60 * (len(minutes) - 1)), interval, by)


def test_a_suppressed_minute_takes_no_part_in_its_group() -> None:
    items = chart([1.0, FEW, 3.0, FEW, DOMINATED, FEW], 3)
    assert [(item.average, item.PerfValue, item.suppressed) for item in items] == [
        (2.0, 2.0, f"in part: {FEW}"),
        (None, None, f"{FEW}; {DOMINATED}"),
    ]


def test_a_point_is_made_as_asked() -> None:
    items = chart([1.0, 2.0, None, 9.0, None, None], 2, "max")
    assert [(item.timestamp, item.average, item.suppressed, item.final) for item in items] == [
        (FIRST, 2, None, True),
        (FIRST + 120, 9, None, True),
    ]


def test_a_minute_of_an_open_window_makes_its_group_one_that_is_not_final() -> None:
    minutes = [DisclosedMinute(FIRST, 1.0, None), DisclosedMinute(FIRST + 60, None, NOT_FINAL, final=False)]
    (item,) = disclosed_items("a.b", minutes, Span(FIRST, FIRST + 60), 2, "avg")
    assert (item.average, item.suppressed, item.final) == (1.0, f"in part: {NOT_FINAL}", False)


def a_window(minutes: Sequence[Sequence[float]], *, without: Sequence[int] = ()) -> DisclosedWindow:
    """What is disclosed of a window whose minutes have these values; percentiles not of some of them."""
    slots = [minute for minute, values in enumerate(minutes) for _ in values]
    every = histograms_of([value for values in minutes for value in values], slots, MINUTES_PER_WINDOW)
    counts = {minute: len(values) for minute, values in enumerate(minutes) if minute not in without}
    averages = [sum(values) / len(values) if values else None for values in minutes]
    return DisclosedWindow(
        [*averages, *[None] * (MINUTES_PER_WINDOW - len(minutes))], disclosed_histograms(every, counts, None)
    )


def percentiles(
    windows: Sequence[DisclosedWindow],
    minutes: int,
    interval: int,
    by: By = "avg",
    asked: Sequence[float] = (10, 50, 90),
) -> list[DisclosedItem]:
    every = [
        minute
        for number, window in enumerate(windows)
        for minute in disclosed_minutes(WINDOW_START + 900 * number, window)
    ]
    return disclosed_items("a.b", every, Span.latest(minutes, FIRST + 60 * (minutes - 1)), interval, by, asked)


def test_a_point_has_the_percentiles_of_its_minutes_samples_together_rounded() -> None:
    window = a_window([[1.0] * 9 + [17.3], [100.0] * 10, [17.3] * 30])
    assert [item.percentiles for item in percentiles([window], 3, 1)] == [
        {"p10": 1.0, "p50": 1.0, "p90": 1.0},
        {"p10": 100.0, "p50": 100.0, "p90": 100.0},
        {"p10": 17.0, "p50": 17.0, "p90": 17.0},
    ]
    (item,) = percentiles([window], 3, 3)
    assert item.percentiles == {"p10": 1.0, "p50": 17.0, "p90": 100.0}


def test_a_group_goes_over_windows() -> None:
    first, second = a_window([[1.0] * 10] * 15), a_window([[3.0] * 10] * 15)
    items = percentiles([first, second], 30, 20)
    assert [item.percentiles for item in items] == [
        {"p10": 1.0, "p50": 1.0, "p90": 1.0},
        {"p10": 1.0, "p50": 3.0, "p90": 3.0},
    ]


def test_only_what_is_asked_for_and_may_be_seen_is_shown() -> None:
    window = a_window([[1.0] * 10])
    assert percentiles([window], 1, 1, asked=(50, 95))[0].percentiles == {"p50": 1.0}
    for asked in ((), (95,), (90.5, 99.9)):
        (item,) = percentiles([window], 1, 1, asked=asked)
        assert (item.average, item.percentiles, item.suppressed) == (1.0, None, None)


def test_minutes_without_percentiles_take_no_part_in_those_of_a_group_and_it_says_so() -> None:
    window = a_window([[1.0] * 10, [9.0] * 90], without=[1])
    (item,) = percentiles([window], 2, 2)
    assert (item.average, item.percentiles) == (5.0, {"p10": 1.0, "p50": 1.0, "p90": 1.0})
    assert item.suppressed == f"in part: {NO_PERCENTILES}"
    (item,) = percentiles([window], 2, 2, asked=())
    assert item.suppressed is None


def test_a_percentile_stands_as_the_average_where_it_is_asked_to() -> None:
    window = a_window([[1.0] * 8 + [17.3] * 2, [2.0] * 10], without=[1])
    first, second = percentiles([window], 2, 1, by=90.0, asked=())
    assert (first.average, first.PerfValue, first.percentiles, first.suppressed) == (17.0, 17.0, None, None)
    assert (second.average, second.PerfValue, second.suppressed) == (None, None, NO_PERCENTILES)
    for item in percentiles([window], 2, 1, by=95.0, asked=(50,)):
        assert (item.average, item.PerfValue, item.suppressed) == (None, None, NOT_FOR_TENANTS)
