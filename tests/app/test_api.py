"""The API over HTTP, through the local host and Microsoft's worker library."""

import time
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from domain.minutes import WINDOW
from tests.app.conftest import Local
from tests.builders import KEY, TENANT, VM, a_message, records_of

NOW = int(time.time())
WINDOW_START = NOW // WINDOW * WINDOW - WINDOW
MINUTES = 15


@pytest.fixture(scope="module")
def api(shared_local: Local) -> Local:
    shared_local.put("one", a_message(records_of(TENANT, VM, KEY, [10.0] * 15, WINDOW_START)))
    shared_local.put("two", a_message(records_of("other", "x", KEY, [30.0] * 15, WINDOW_START)))
    shared_local.settled()
    return shared_local


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("path", ["/v1/get-data", "/V1/Get-Data"])
def test_get_data_gives_report_records(api: Local, path: str, slash: str) -> None:
    status, body, headers = api.get(f'{path}{slash}?key={KEY}&minutes=5&aggregationInterval=1&aggregationBy="avg"')
    assert status == 200
    assert headers["content-type"] == "application/json"
    newest = WINDOW_START + 30 + 14 * 60
    assert {name: body[name] for name in body if name != "data"} == {
        "key": KEY,
        "start": newest - 240,
        "end": newest,
        "aggregationInterval": 1,
        "aggregationBy": "avg",
    }
    assert [item["timestamp"] for item in body["data"]] == list(range(newest - 240, newest + 1, 60))
    assert body["data"][-1] == {
        "timestamp": newest,
        "PerfType": "win_cpu",
        "PerfName": "percent_processor_time",
        "average": 20.0,
        "PerfValue": 20.0,
        "count": 2,
        "tenants": 2,
        "min": 10.0,
        "max": 30.0,
        "stddev": 10.0,
        "sampleMean": 20.0,
        "coverage": 1.0,
        "final": True,
    }


@pytest.mark.parametrize("encode", [quote, quote_plus, str], ids=["percent", "plus", "as it is"])
def test_get_tenant_data_sets_the_vm_beside_its_tenant_and_the_fleet(api: Local, encode: Any) -> None:
    status, body, _ = api.get(f"/v1/get-tenant-data?key={KEY}&minutes=50&tenant={encode(TENANT)}&vm={encode(VM)}")
    assert status == 200
    assert (body["tenant"], body["vm"], len(body["data"])) == (TENANT, VM, MINUTES)
    item = body["data"][0]
    assert (item["PerfValue"], item["tenantAverage"], item["average"]) == (10.0, 10.0, 20.0)


@pytest.mark.parametrize("by", ["avg", "min", "max", "MAX", '"min"', "'avg'", "%22Max%22"])
def test_aggregation_is_taken_in_any_case_and_in_quotes(api: Local, by: str) -> None:
    status, body, _ = api.get(f"/v1/get-data?key={KEY}&minutes=4&aggregationInterval=2&aggregationBy={by}")
    assert (status, body["aggregationBy"] in by.lower(), len(body["data"])) == (200, True, 2)


@pytest.mark.parametrize("form", ["{start}&end={end}", "{iso}&end={end}", "{offset}&end={end}"])
def test_a_fixed_range_is_taken_in_seconds_and_iso_8601(api: Local, form: str) -> None:
    start = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(WINDOW_START))
    text = form.format(start=WINDOW_START, iso=start + "Z", offset=start + "+00:00", end=WINDOW_START + 300)
    status, body, _ = api.get(f"/v1/get-data?key={KEY}&start={text}")
    assert (status, len(body["data"])) == (200, 5)


GOOD = {"key": KEY, "minutes": "5"}
BAD: list[tuple[str, set[str]]] = [
    ("", {"key", "minutes"}),
    ("key=&minutes=", {"key", "minutes"}),
    (
        "key=nodot&minutes=-1&aggregationInterval=0&aggregationBy=median&final=maybe",
        {"key", "minutes", "aggregationInterval", "aggregationBy", "final"},
    ),
    (f"key={KEY}&minutes=0", {"minutes"}),
    (f"key={KEY}&minutes=1.5", {"minutes"}),
    (f"key={KEY}&minutes=ten", {"minutes"}),
    (f"key={KEY}&minutes=44641", {"minutes"}),
    (f"key={KEY}&minutes={'9' * 5000}", {"minutes"}),
    (f"key={KEY}&minutes=5&minutes=5", {"minutes"}),
    (f"key={KEY}&key=a.b&minutes=5&aggregationInterval=99999999", {"key", "aggregationInterval"}),
    (f"key={KEY}&minutes=5&aggregationinterval=2&x=1", {"aggregationinterval", "x"}),
    (f"key={KEY}&minutes=5&start=1", {"minutes"}),
    (f"key={KEY}&end=1", {"minutes", "start"}),
    (f"key={KEY}&start=5&end=1", {"start"}),
    (f"key={KEY}&start=0&end=9999999999", {"end"}),
    (f"key={KEY}&start=1790000000000&end=yesterday", {"start", "end"}),
    (f"key={KEY}&start=-1", {"start"}),
    (f"key={'x.' + 'y' * 300}&minutes=%00", {"key", "minutes"}),
    ("key=%ff%fe.a%00&minutes=5", {"key"}),
]


@pytest.mark.parametrize(("query", "names"), BAD)
def test_bad_parameters_are_named_all_at_once(api: Local, query: str, names: set[str]) -> None:
    status, body, headers = api.get(f"/v1/get-data?{query}")
    assert status == 400
    assert headers["content-type"] == "application/problem+json"
    assert {each["name"] for each in body["parameters"]} == names
    assert (body["status"], body["title"]) == (400, "Bad Request")
    assert all(each["problem"] and each["name"] in body["detail"] for each in body["parameters"])


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/v1/get-tenant-data", {"key", "minutes", "tenant", "vm"}),
        (f"/v1/get-tenant-data?key={KEY}&minutes=1&tenant=a&tenant=b&vm=", {"tenant", "vm"}),
        ("/v1/vms", {"tenant"}),
        ("/v1/vms?tenant=" + "x" * 200, {"tenant"}),
        ("/v1/counters?x=1", {"x"}),
    ],
)
def test_bad_parameters_of_the_other_endpoints_are_named(api: Local, path: str, names: set[str]) -> None:
    status, body, _ = api.get(path)
    assert (status, {each["name"] for each in body["parameters"]}) == (400, names)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/get-data?key=never.seen&minutes=5",
        f"/v1/get-tenant-data?key={KEY}&minutes=5&tenant=nobody&vm=x",
        f"/v1/get-tenant-data?key={KEY}&minutes=5&tenant=other&vm={quote(VM)}",
        "/v1/vms?tenant=nobody",
    ],
)
def test_what_was_never_seen_is_not_found(api: Local, path: str) -> None:
    status, body, headers = api.get(path)
    assert (status, headers["content-type"]) == (404, "application/problem+json")
    assert "has been seen" in body["detail"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nope"), ("POST", f"/v1/get-data?key={KEY}&minutes=1"), ("GET", "/v1")]
)
def test_other_paths_and_methods_are_not_found(api: Local, method: str, path: str) -> None:
    assert api.get(path, method)[0] == 404


def test_a_function_key_in_the_url_is_the_hosts_matter(api: Local) -> None:
    assert api.get(f"/v1/get-data?key={KEY}&minutes=1&code=abc")[0] == 200


def test_lists_for_drop_downs(api: Local) -> None:
    counters, tenants, vms = (
        api.get(path)[1]["data"] for path in ("/v1/counters", "/v1/tenants", f"/v1/vms?tenant={quote(TENANT)}")
    )
    newest = WINDOW_START + 30 + 14 * 60
    assert counters == [{"key": KEY, "newest": newest, "title": "Processor time", "unit": "%"}]
    assert [each["tenant"] for each in tenants] == ["other", TENANT]
    assert vms == [
        {
            "vm": VM,
            "newest": newest,
            "SiteName": None,
            "ResourcePoolName": "Shared-ngXXH",
            "Region": "centralindia",
            "MachineSize": "Standard_D4s_v4",
        }
    ]


def test_health_says_how_things_are(api: Local) -> None:
    status, body, _ = api.get("/v1/health")
    assert status == 200
    assert (body["status"], body["store"], body["dirtyMarks"]) == ("ok", "reachable", 0)
    assert body["newestMinute"] == WINDOW_START + 30 + 14 * 60


def test_the_page_and_its_files_are_served_with_a_strict_policy(api: Local) -> None:
    status, body, headers = api.get("/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"<!doctype html>" in body.lower()
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"]


@pytest.mark.parametrize("name", ["", "nope.js", "../host.json", "..%2Fhost.json", "%2e%2e/function_app.py", "%00"])
def test_nothing_but_the_pages_files_is_served(api: Local, name: str) -> None:
    assert api.get(f"/assets/{name}")[0] == 404
