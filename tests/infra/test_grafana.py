"""The dashboards ask for what there is: metrics, endpoints, parameters and fields. Grafana itself is not at hand."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

import blueprints.features  # noqa: F401  (which registers them)
from blueprints.http.endpoints import ENDPOINTS
from blueprints.http.formats import row_type
from blueprints.http.reading import read
from domain.openmetrics import FAMILIES, GROUP_FAMILIES
from domain.remote_write import TimeSeries
from messaging.remote_write import HttpReceiver
from tests.app.conftest import a_free_port
from tests.peers.prometheus import a_prometheus, needs_prometheus

FOLDER = Path(__file__).parents[2] / "docs/grafana"
PROMETHEUS, API = (json.loads((FOLDER / name).read_text()) for name in ("prometheus.json", "api.json"))


def each(value: Any, name: str) -> Iterator[Any]:
    """Every value that has this name, at any depth."""
    if isinstance(value, dict):
        if name in value:
            yield value[name]
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from each(inner, name)


def test_the_metrics_of_the_dashboard_are_those_of_the_app() -> None:
    there = {each.name for each in FAMILIES} | {each.name for each in GROUP_FAMILIES}
    asked = set(re.findall(r"spot_\w+", json.dumps(PROMETHEUS)))
    assert asked - {"spot_pc_fleet"} <= there
    assert len(asked) >= 5


GIVEN = {
    "${key}": "a.b", "${tenant}": "t", "${vm}": "v", "${interval}": "1", "${by}": "avg",
    "${__from:date:seconds}": "1789990000", "${__to:date:seconds}": "1789999000",
}  # fmt: skip
"""What Grafana puts in place of variables."""


def values_of(request: Any) -> dict[str, str]:
    return {each["key"]: GIVEN.get(each["value"], each["value"]) for each in request["url_options"]["params"]}


def test_charts_of_the_api_are_of_final_minutes_and_show_gaps() -> None:
    charts = [target for panel in API["panels"] if panel["type"] == "timeseries" for target in panel["targets"]]
    assert len(charts) == 3
    for chart in charts:
        assert {"final": "true", "gaps": "null"}.items() <= values_of(chart).items()


@pytest.mark.parametrize("dashboard", [PROMETHEUS, API], ids=["prometheus", "api"])
def test_no_line_is_drawn_over_a_null(dashboard: Any) -> None:
    drawn = [panel["fieldConfig"]["defaults"]["custom"] for panel in dashboard["panels"] if "fieldConfig" in panel]
    assert len(drawn) >= 2
    assert all(custom["spanNulls"] is False for custom in drawn)


@needs_prometheus
@pytest.mark.parametrize("step", [60, 300])
async def test_prometheus_has_points_for_the_dashboards_lines_where_there_are_minutes_and_nowhere_else(
    tmp_path: Path, step: int
) -> None:
    """A quarter of an hour without any minute, which Prometheus alone would bridge for five minutes."""
    last = int(time.time()) // 900 * 900
    minutes = [at for at in range(last - 2670, last, 60) if not last - 1800 <= at < last - 900]
    labels = {"perf_type": "a", "perf_name": "b"}
    windows = [at for at in minutes if at % 900 == 870]
    series = [
        TimeSeries({"__name__": family.name, **labels, **own}, [(at, at % 7.0) for at in minutes])
        for family in FAMILIES
        for own, _ in family.figures
    ] + [
        TimeSeries(
            {"__name__": family.name, **labels, "dimension": by, "group": "x", **own}, [(at, 1.0) for at in windows]
        )
        for family in GROUP_FAMILIES
        for own, _ in family.figures
        for by in ("Region", "MachineSize")
    ]
    lines = [
        (target["expr"], panel["interval"])
        for panel in PROMETHEUS["panels"]
        if panel["type"] == "timeseries"
        for target in panel["targets"]
    ]
    assert len(lines) >= 10
    assert {interval for _, interval in lines} == {"1m", "15m"}
    with a_prometheus(tmp_path, a_free_port()) as prometheus:
        assert await HttpReceiver(prometheus.url).write(series)
        for line, interval in lines:
            every = step if interval == "1m" else 900
            given = line.replace("$perf_type", "a").replace("$perf_name", "b").replace("$__interval", f"{every}s")
            points = set(prometheus.line(given, last - 2700 + every, last, every))
            assert points == {at - at % -every for at in (minutes if interval == "1m" else windows)}, line


def test_the_requests_of_the_dashboard_are_those_of_the_api() -> None:
    endpoints = {f"/{endpoint.route}": endpoint for endpoint in ENDPOINTS}
    requests = [*each(API["panels"], "targets"), *([query] for query in each(API["templating"], "infinityQuery"))]
    asked = [request for group in requests for request in group]
    assert len(asked) >= 5
    for request in asked:
        endpoint = endpoints[request["url"]]
        parameters = {parameter["key"] for parameter in request["url_options"]["params"]}
        assert parameters <= endpoint.parameters.model_fields.keys()
        read(endpoint.parameters, f"https://app/?{urlencode(values_of(request))}", 1_790_000_000)
        needed = {name for name, field in endpoint.parameters.model_fields.items() if field.is_required()}
        assert needed <= parameters
        known = {field.name for field in fields(row_type(endpoint.answers[0]))}
        assert {column["selector"].partition(".")[0] for column in request["columns"]} <= known


@pytest.mark.parametrize("dashboard", [PROMETHEUS, API], ids=["prometheus", "api"])
def test_every_variable_that_is_used_is_defined(dashboard: Any) -> None:
    defined = {variable["name"] for variable in dashboard["templating"]["list"]}
    defined |= {source["name"] for source in dashboard["__inputs"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard)))
    assert {name for name in used if not name.startswith("__")} <= defined
