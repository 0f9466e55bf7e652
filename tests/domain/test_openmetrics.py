"""OpenMetrics text, as the official parser of prometheus_client reads it."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from domain.charts import FleetItem
from domain.openmetrics import exposition
from tests.builders import WINDOW_START


def an_item(**overrides: Any) -> FleetItem:
    figures = {"average": 2.5, "PerfValue": 2.5, "count": 3, "tenants": 2, "min": 1.0, "max": 4.0, "stddev": 0.5}
    values = {"timestamp": WINDOW_START + 30, "PerfType": "a", "PerfName": "b", **figures, "coverage": 1.0, **overrides}
    return FleetItem(**values)


def parsed(items: list[FleetItem]) -> dict[tuple[str, str, str], tuple[float, float]]:
    return {
        (sample.name, sample.labels["perf_type"], sample.labels["perf_name"]): (sample.value, float(sample.timestamp))
        for family in text_string_to_metric_families(exposition(items))  # type: ignore[no-untyped-call]
        for sample in family.samples
    }


def test_every_figure_stands_with_its_counter_and_its_minute() -> None:
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


def test_without_data_there_are_families_and_no_samples() -> None:
    assert parsed([]) == {}


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.floats(allow_nan=False, allow_infinity=False))
def test_any_name_and_any_value_can_be_read_back(name: str, value: float) -> None:
    assert parsed([an_item(PerfName=name, average=value)])["spot_fleet_average", "a", name][0] == value
