"""What is normal beside the points of a chart: only where both mean the same, and of the windows that a point is of."""

from collections.abc import Sequence

import pytest

from domain.banded_charts import Band, BandedFleetItem, scale_of, with_bands
from domain.charts import Aggregation, FleetItem, aggregate
from domain.counters import REDUCTIONS, Reduction, reduce_readings
from domain.minutes import MINUTE, MINUTES_PER_WINDOW, WINDOW, minutes_of
from domain.names import split_key
from domain.spans import Span
from tests.builders import KEY, WINDOW_START

ONE = [4.0, 8.0, 1.0, 0.0, 9.0, 16.0, 2.0, 7.0, 3.0, 5.0, 6.0, 10.0, 11.0, 12.0, 14.0]
OTHER = [30.0, 2.0, 5.0, 8.0, 9.0, 1.0, 0.0, 4.0, 40.0, 7.0, 3.0, 6.0, 20.0, 2.0, 13.0]


def points(minutes: Sequence[float], by: Aggregation, interval: int) -> list[float]:
    return [aggregate(by, minutes[at : at + interval]) for at in range(0, MINUTES_PER_WINDOW, interval)]


@pytest.mark.parametrize("of_vm", [True, False])
@pytest.mark.parametrize("interval", [1, 5, 15])
@pytest.mark.parametrize("by", ["avg", "min", "max"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_what_is_compared_means_the_same(reduction: Reduction, by: Aggregation, interval: int, of_vm: bool) -> None:
    """A window value, scaled, is the mean of the window's points; and where nothing is compared, it would not be."""
    vms = [ONE] if of_vm else [ONE, OTHER]
    averages = [sum(values) / len(vms) for values in zip(*vms, strict=True)]
    shown = points(averages, by, interval)
    value = sum(reduce_readings(reduction, vm) for vm in vms) / len(vms)
    scale = scale_of(reduction, by, interval, of_vm=of_vm)
    usual = value * (scale or 1)
    assert (usual == pytest.approx(sum(shown) / len(shown))) == (scale is not None)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("interval", [1, 15])
def test_percentiles_are_never_compared(reduction: Reduction, interval: int) -> None:
    assert scale_of(reduction, "p95", interval, of_vm=True) is None


def a_point(timestamp: int) -> FleetItem:
    return FleetItem(timestamp, *split_key(KEY), 1.0, 1.0, count=7)


BANDS = {KEY: {WINDOW_START: Band(10.0, 4.0, 20.0), WINDOW_START + WINDOW: Band(20.0, 8.0, 40.0)}}


def banded(span: Span, interval: int) -> list[BandedFleetItem]:
    return with_bands([a_point(group.first) for group in span.groups(interval)], BandedFleetItem, span, interval, BANDS)


def test_each_minute_has_the_band_of_its_window() -> None:
    first, last = minutes_of(WINDOW_START)[-1], minutes_of(WINDOW_START + WINDOW)[0]
    items = banded(Span(first, last), 1)
    assert [(item.timestamp, item.expected, item.low, item.high) for item in items] == [
        (first, 10.0, 4.0, 20.0),
        (last, 20.0, 8.0, 40.0),
    ]
    assert {(item.average, item.count) for item in items} == {(1.0, 7)}


def test_a_point_of_several_windows_has_their_mean() -> None:
    (item,) = banded(Span(WINDOW_START + 30, WINDOW_START + 2 * WINDOW - 30), 30)
    assert (item.expected, item.low, item.high) == (15.0, 6.0, 30.0)
    half, rest = banded(Span(WINDOW_START + 30, WINDOW_START + 2 * WINDOW - 30), 20)
    assert (half.expected, rest.expected) == (10.0, 15.0)


def test_a_point_with_minutes_of_which_nothing_is_known_has_no_band() -> None:
    first = WINDOW_START - MINUTE + 30
    (item,) = banded(Span(first, first + MINUTE), 2)
    assert (item.expected, item.low, item.high) == (None, None, None)


def test_the_mean_of_the_largest_numbers_is_no_infinity() -> None:
    span = Span(WINDOW_START + 30, WINDOW_START + 2 * WINDOW - 30)
    bands = {KEY: dict.fromkeys((WINDOW_START, WINDOW_START + WINDOW), Band(1.7e308, -1.7e308, 1.7e308))}
    (item,) = with_bands([a_point(span.first)], BandedFleetItem, span, 30, bands)
    assert (item.expected, item.low, item.high) == (1.7e308, -1.7e308, 1.7e308)
