"""What Prometheus reads of the API: metrics that are scraped, and a range of minutes that is imported."""

import csv
import io
import json
import math
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics_parser

from blueprints.http.charts import ChartParameters
from blueprints.http.formats import negotiated
from blueprints.http.metrics import MOST_EXPORTED
from blueprints.http.reading import read
from domain.errors import BadParameters
from domain.minutes import WINDOW, minutes_of
from domain.openmetrics import FAMILIES, GROUP_FAMILIES, OPENMETRICS, PLAIN
from tests.app.conftest import Local, a_free_port, enrol, wait_for
from tests.builders import a_message, a_signer, records_of
from tests.peers.entra import a_token_endpoint
from tests.peers.prometheus import Labels, a_prometheus, groups_as_samples, needs_prometheus, points_as_samples

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")

NEWEST = int(time.time()) // WINDOW * WINDOW - WINDOW
WINDOWS = (NEWEST - 2 * WINDOW, NEWEST - WINDOW, NEWEST)
CPU, MEMORY, OWN = "win_cpu.blk", "win_mem.available", 'win_x.own"name'
CALLERS = {
    "operator": {"roles": "operator"},
    "scraper": {"roles": "machine", "azp": "scraper"},
    "tenant": {"tenant": "t0"},
}
TENANTS = 8
PROMETHEUS_ASKS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
"""As version 2.42 does."""


def as_caller(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}"}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """45 minutes of a fleet of eight tenants, one of which has a counter for itself."""
    settings = {"PRINCIPALS": json.dumps(CALLERS), "TENANT_CLAIM": "tenant", "TENANT_IDS": '{"t0": "t0"}'}
    data = tmp_path_factory.mktemp("metrics") / "data"
    enrol(data, [f"t{number}" for number in range(TENANTS)])
    local = Local(data, settings=settings, operator=as_caller("operator")).start()
    for number in range(TENANTS):
        keys = (CPU, MEMORY, OWN) if number == 0 else (CPU, MEMORY)
        records = [
            record
            for window in WINDOWS
            for key in keys
            for record in records_of(f"t{number}", "v", key, [len(key) + number / 3 + at for at in range(15)], window)
            if key != MEMORY or window != WINDOWS[1]
        ]
        local.put(f"m{number}", a_signer(f"t{number}").signed(a_message(records)))
    local.settled()
    wait_for(lambda: local.get("/v1/status", headers=local.operator)[1]["openWindows"] == 0, "the windows to close")
    yield local
    local.stop()


def charts(host: Local, caller: str = "operator", *keys: str) -> list[dict[str, Any]]:
    query = "&".join(f"key={key}" for key in keys or (CPU, MEMORY, OWN)).replace('"', "%22")
    status, body, _ = host.get(
        f"/v1/get-data?{query}&start={WINDOWS[0]}&end={NEWEST + WINDOW}&final=true&percentiles=50,95,99",
        headers=as_caller(caller),
    )
    assert status == 200, body
    rows: list[dict[str, Any]] = body["data"]
    return rows


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (PROMETHEUS_ASKS, OPENMETRICS),
        ("application/openmetrics-text", OPENMETRICS),
        ("text/plain, application/openmetrics-text", OPENMETRICS),
        ("", PLAIN),
        ("*/*", PLAIN),
        ("application/*", PLAIN),
        ("text/plain", PLAIN),
        ("text/plain;version=0.0.4", PLAIN),
        ("application/openmetrics-text;q=0.4, text/plain;q=0.5", PLAIN),
        ("application/openmetrics-text;q=0.5, text/plain;q=0.4", OPENMETRICS),
        ("application/openmetrics-text;q=0.4, text/*;q=0.5", PLAIN),
        ("application/openmetrics-text;q=0.4, text/plain;q=0.2, text/*;q=0.5", OPENMETRICS),
        ("application/openmetrics-text;q=0", PLAIN),
        ("application/openmetrics-text;version=2.0.0", PLAIN),
        ("application/json", PLAIN),
        ("text/html,application/xhtml+xml,*/*;q=0.8", PLAIN),
    ],
)
def test_the_format_is_the_one_that_is_accepted_best(accept: str, expected: str) -> None:
    assert negotiated(accept, (OPENMETRICS, PLAIN)) == expected


@pytest.mark.parametrize(
    ("accept", "media_type", "parse"),
    [
        ("application/openmetrics-text", OPENMETRICS, openmetrics_parser.text_string_to_metric_families),
        ("text/plain", PLAIN, parser.text_string_to_metric_families),
    ],
)
def test_metrics_are_each_counters_newest_minute_as_the_official_parsers_read_them(
    host: Local, accept: str, media_type: str, parse: Any
) -> None:
    status, body, headers = host.get("/metrics", headers={**as_caller("scraper"), "Accept": accept})
    assert (status, headers["content-type"]) == (200, media_type)
    families = {family.name: family for family in parse(body.decode())}
    assert set(families) == {each.name for each in FAMILIES} | {each.name for each in GROUP_FAMILIES}
    found = {tuple(sample.labels.values()): sample for sample in families["spot_fleet_average"].samples}
    newest = {(row["PerfType"], row["PerfName"]): row for row in charts(host)}
    assert {key: (sample.value, float(sample.timestamp)) for key, sample in found.items()} == {
        key: (row["average"], row["timestamp"]) for key, row in newest.items()
    }
    assert "newest final minute only" in families["spot_fleet_average"].documentation


@needs_prometheus
def test_prometheus_scrapes_it_with_a_token_that_it_asks_for(host: Local, tmp_path: Path) -> None:
    asked: list[dict[str, str]] = []
    (tmp_path / "secret").write_text("x")
    with ExitStack() as running:
        token_url = running.enter_context(a_token_endpoint("scraper", asked))
        scrape = {
            "job_name": "spot",
            "scrape_interval": "1s",
            "scrape_timeout": "1s",
            "oauth2": {
                "client_id": "me",
                "client_secret_file": str(tmp_path / "secret"),
                "scopes": ["api://app/.default"],
                "token_url": token_url,
            },
            "static_configs": [{"targets": [f"127.0.0.1:{host.port}"]}],
        }
        prometheus = running.enter_context(
            a_prometheus(tmp_path, a_free_port(), json.dumps({"scrape_configs": [scrape]}))
        )
        held = wait_for(lambda: prometheus.holds(WINDOWS[0], NEWEST + WINDOW, "spot_fleet_average"), "a scrape")
    assert (asked[0]["grant_type"], asked[0]["scope"]) == ("client_credentials", "api://app/.default")
    assert {
        (labels["perf_type"], labels["perf_name"]): samples
        for found, samples in held.items()
        for labels in [dict(found)]
    } == {
        (row["PerfType"], row["PerfName"]): {row["timestamp"] * 1000: row["average"]}
        for row in charts(host)
        if row["timestamp"] == NEWEST + WINDOW - 30
    }


@needs_promtool
def test_prometheus_own_parser_has_nothing_to_say_of_the_older_format(host: Local) -> None:
    text = host.get("/metrics", headers={**as_caller("scraper"), "Accept": "text/plain"})[1]
    for given, code in ((text, 0), (text + b"spot_fleet_average{ 1\n", 1)):
        done = subprocess.run([PROMTOOL or "", "check", "metrics"], input=given, capture_output=True, check=False)
        assert done.returncode == code, done.stderr


def exported(host: Local, caller: str = "operator", query: str = "") -> str:
    path = f"/v1/get-openmetrics?start={WINDOWS[0]}&end={NEWEST + WINDOW}{query}"
    status, body, headers = host.get(path, headers=as_caller(caller))
    assert (status, headers["content-type"]) == (200, OPENMETRICS), body
    return str(body.decode())


def samples_in(text: str) -> dict[Labels, dict[int, float]]:
    """The samples of an export by labels and Unix milliseconds, in the order of the text."""
    found: dict[Labels, dict[int, float]] = {}
    for family in openmetrics_parser.text_string_to_metric_families(text):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            labels = frozenset({"__name__": sample.name, **sample.labels}.items())
            found.setdefault(labels, {})[int(float(sample.timestamp) * 1000)] = sample.value
    return found


def of_counter(found: dict[Labels, dict[int, float]], metric: str, key: str) -> list[int]:
    """The Unix seconds of a counter's metric of the fleet, in their order."""
    perf_type, perf_name = key.split(".")
    labels = frozenset({"__name__": metric, "perf_type": perf_type, "perf_name": perf_name}.items())
    return [at // 1000 for at in found[labels]]


def expected(host: Local, *keys: str) -> dict[Labels, dict[int, float]]:
    """What the fleet's charts and groups say to an operator."""
    found = points_as_samples(charts(host, "operator", *keys))
    for key, by in product(keys or (CPU, MEMORY, OWN), ("Region", "MachineSize")):
        asked = f"/v1/get-groups?key={quote(key)}&groupBy={by}&start={WINDOWS[0]}&end={NEWEST}"
        status, body, _ = host.get(asked, headers=as_caller("operator"))
        assert status == 200
        found |= groups_as_samples(key, by, body["data"])
    return found


@pytest.mark.parametrize("caller", ["operator", "scraper"])
def test_an_export_has_every_final_minute_of_every_counter(host: Local, caller: str) -> None:
    found = samples_in(exported(host, caller))
    assert found == expected(host)
    assert all(list(samples) == sorted(samples) for samples in found.values())
    assert len(of_counter(found, "spot_fleet_average", MEMORY)) == 30
    assert of_counter(found, "spot_fleet_average", CPU) == [at for each in WINDOWS for at in minutes_of(each)]


def test_an_export_of_some_counters_has_these(host: Local) -> None:
    found = samples_in(exported(host, query=f"&key={MEMORY}&key={MEMORY}"))
    assert found == expected(host, MEMORY)


def test_a_tenants_caller_exports_what_a_tenants_chart_shows(host: Local) -> None:
    found = samples_in(exported(host, "tenant"))
    rows = charts(host, "tenant")
    assert found == points_as_samples({**row, "percentiles": None} for row in rows)
    named = [dict(labels) for labels in found]
    assert {labels["__name__"] for labels in named} == {"spot_fleet_average"}
    assert any(row["suppressed"] for row in rows)  # that counter of one tenant
    assert {labels["perf_name"] for labels in named} == {"blk", "available"}


def test_what_is_too_much_for_one_answer_is_told_with_what_is_not(host: Local) -> None:
    most = MOST_EXPORTED // 3
    path = f"/v1/get-openmetrics?start={WINDOWS[0] - most * 60}&end={NEWEST}"
    status, problem, _ = host.get(path, headers=as_caller("operator"))
    assert status == 400
    assert f"times 3 counters, more than {MOST_EXPORTED} minutes: ask for {most} minutes" in json.dumps(problem)
    status, *_ = host.get(f"{path}&key={CPU}", headers=as_caller("operator"))
    assert status == 200


def test_a_counter_that_is_not_known_is_not_found(host: Local) -> None:
    assert host.get(f"/v1/get-openmetrics?start={NEWEST}&key=a.b", headers=as_caller("operator"))[0] == 404


@needs_prometheus
@needs_promtool
def test_promtool_makes_blocks_of_an_export_and_prometheus_has_its_figures(host: Local, tmp_path: Path) -> None:
    (tmp_path / "export.om").write_text(exported(host))
    command = [PROMTOOL or "", "tsdb", "create-blocks-from", "openmetrics", "export.om", "tsdb"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with a_prometheus(tmp_path, a_free_port()) as prometheus:
        held = prometheus.holds(WINDOWS[0], NEWEST + WINDOW)
    assert held == expected(host)
    assert all(math.isfinite(value) for samples in held.values() for value in samples.values())


@pytest.mark.parametrize("interval", [1, 15])
@pytest.mark.parametrize("caller", ["operator", "tenant"])
@pytest.mark.parametrize("path", ["get-data", "get-tenant-data"])
def test_gaps_are_rows_of_nulls_where_that_is_asked_for(host: Local, path: str, caller: str, interval: int) -> None:
    """Of one counter the middle window has no data; of the other every one has."""
    beside = "&tenant=t0&vm=v" if path == "get-tenant-data" else ""
    query = f"/v1/{path}?key={CPU}&key={MEMORY}&start={WINDOWS[0]}&end={NEWEST + WINDOW - 1}&final=true{beside}"
    asked = f"{query}&aggregationInterval={interval}"
    _, plain, _ = host.get(asked, headers=as_caller(caller))
    _, body, _ = host.get(f"{asked}&gaps=null", headers=as_caller(caller))
    assert body | {"data": []} == plain | {"data": []}
    assert [row["timestamp"] for row in body["data"]] == 2 * [
        at for window in WINDOWS for at in minutes_of(window)[::interval]
    ]
    gaps = [row for row in body["data"] if row["average"] is None]
    assert [row for row in body["data"] if row["average"] is not None] == plain["data"]
    assert [row["timestamp"] for row in gaps] == list(minutes_of(WINDOWS[1])[::interval])
    for row in gaps:
        assert {name for name, value in row.items() if value not in (None, False, 0)} == {
            "timestamp", "PerfType", "PerfName",
        }  # fmt: skip
    _, text, _ = host.get(f"{asked}&gaps=null&format=csv", headers=as_caller(caller))
    rows = list(csv.DictReader(io.StringIO(text.decode())))
    assert [row["average"] == "" for row in rows] == [row["average"] is None for row in body["data"]]
    _, text, _ = host.get(f"{asked}&gaps=null&format=ndjson", headers=as_caller(caller))
    assert [json.loads(line) for line in text.splitlines()] == body["data"]


def test_gaps_in_another_way_are_told() -> None:
    with pytest.raises(BadParameters, match="gaps: must be 'null'"):
        read(ChartParameters, f"https://a/?key={CPU}&minutes=1&gaps=zero", NEWEST)
