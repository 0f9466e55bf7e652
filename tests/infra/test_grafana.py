"""The dashboards ask for what there is: metrics, endpoints, parameters and fields. Grafana itself is not at hand."""

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import blueprints.features  # noqa: F401  (which registers them)
from blueprints.http.endpoints import ENDPOINTS
from blueprints.http.formats import row_type
from domain.openmetrics import exposition

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
    there = set(re.findall(r"# TYPE (\w+)", exposition([])))
    asked = set(re.findall(r"spot_\w+", json.dumps(PROMETHEUS)))
    assert asked - {"spot_pc_fleet"} <= there
    assert len(asked) >= 5


def test_the_requests_of_the_dashboard_are_those_of_the_api() -> None:
    endpoints = {f"/{endpoint.route}": endpoint for endpoint in ENDPOINTS}
    requests = [*each(API["panels"], "targets"), *([query] for query in each(API["templating"], "infinityQuery"))]
    asked = [request for group in requests for request in group]
    assert len(asked) >= 5
    for request in asked:
        endpoint = endpoints[request["url"]]
        parameters = {parameter["key"] for parameter in request["url_options"]["params"]}
        assert parameters <= endpoint.parameters.model_fields.keys()
        needed = {name for name, field in endpoint.parameters.model_fields.items() if field.is_required()}
        assert needed <= parameters
        known = {field.name for field in fields(row_type(endpoint.answer))}
        assert {column["selector"] for column in request["columns"]} <= known


@pytest.mark.parametrize("dashboard", [PROMETHEUS, API], ids=["prometheus", "api"])
def test_every_variable_that_is_used_is_defined(dashboard: Any) -> None:
    defined = {variable["name"] for variable in dashboard["templating"]["list"]}
    defined |= {source["name"] for source in dashboard["__inputs"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard)))
    assert {name for name in used if not name.startswith("__")} <= defined
