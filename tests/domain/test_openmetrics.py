"""OpenMetrics and the older text format, as the official parsers of prometheus_client read them."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics_parser

from domain.charts import FleetItem
from domain.openmetrics import FAMILIES, NEWEST_ONLY, exposition, plain_exposition
from tests.builders import WINDOW_START


def an_item(**overrides: Any) -> FleetItem:
    figures = {"average": 2.5, "PerfValue": 2.5, "count": 3, "tenants": 2, "min": 1.0, "max": 4.0, "stddev": 0.5}
    values = {"timestamp": WINDOW_START + 30, "PerfType": "a", "PerfName": "b", **figures, "coverage": 1.0, **overrides}
    return FleetItem(**values)


Parsed = Callable[[list[FleetItem]], dict[tuple[str, str, str], tuple[float, float]]]


def as_openmetrics(items: list[FleetItem]) -> dict[tuple[str, str, str], tuple[float, float]]:
    return by_labels(openmetrics_parser.text_string_to_metric_families(exposition(items)))  # type: ignore[no-untyped-call]


def as_plain(items: list[FleetItem]) -> dict[tuple[str, str, str], tuple[float, float]]:
    return by_labels(parser.text_string_to_metric_families(plain_exposition(items)))


def by_labels(families: Any) -> dict[tuple[str, str, str], tuple[float, float]]:
    return {
        (sample.name, sample.labels["perf_type"], sample.labels["perf_name"]): (sample.value, float(sample.timestamp))
        for family in families
        for sample in family.samples
    }


@pytest.fixture(params=[as_openmetrics, as_plain])
def parsed(request: pytest.FixtureRequest) -> Parsed:
    """What a parser makes of items: values and timestamps in seconds, by metric, PerfType and PerfName."""
    return request.param  # type: ignore[no-any-return]


def test_every_figure_stands_with_its_counter_and_its_minute(parsed: Parsed) -> None:
    found = parsed([an_item(), an_item(PerfName="c", average=7.0, timestamp=WINDOW_START + 90)])
    assert found["spot_fleet_average", "a", "b"] == (2.5, WINDOW_START + 30)
    assert found["spot_fleet_average", "a", "c"] == (7.0, WINDOW_START + 90)
    assert {name: value for (name, _, counter), (value, _) in found.items() if counter == "b"} == {
        "spot_fleet_average": 2.5,
        "spot_fleet_min": 1.0,
        "spot_fleet_max": 4.0,
        "spot_fleet_stddev": 0.5,
        "spot_fleet_vms": 3.0,
        "spot_fleet_tenants": 2.0,
        "spot_fleet_coverage": 1.0,
    }


def test_without_data_there_are_families_and_no_samples(parsed: Parsed) -> None:
    assert parsed([]) == {}


def test_what_is_null_is_left_out(parsed: Parsed) -> None:
    assert set(parsed([an_item(stddev=None, min=None, max=None, count=None, tenants=None, coverage=None)])) == {
        ("spot_fleet_average", "a", "b")
    }


def test_the_help_of_what_is_scraped_says_what_it_is_not() -> None:
    for read, text in (
        (openmetrics_parser.text_string_to_metric_families, exposition([an_item()], NEWEST_ONLY)),
        (parser.text_string_to_metric_families, plain_exposition([an_item()], NEWEST_ONLY)),
    ):
        families = list(read(text))
        assert len(families) == len(FAMILIES)
        assert all(family.documentation.endswith(NEWEST_ONLY) for family in families)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.floats(allow_nan=False, allow_infinity=False))
def test_any_name_and_any_value_can_be_read_back(name: str, value: float) -> None:
    assert as_openmetrics([an_item(PerfName=name, average=value)])["spot_fleet_average", "a", name][0] == value


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1), st.floats(-1e300, 1e300))
def test_any_name_that_is_accepted_can_be_read_back_of_the_older_format(name: str, value: float) -> None:
    assert as_plain([an_item(PerfName=name, average=value)])["spot_fleet_average", "a", name][0] == value
