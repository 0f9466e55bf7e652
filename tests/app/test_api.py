"""The API over HTTP, through the local host and Microsoft's worker library."""

import csv
import gzip
import io
import json
import time
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from domain.minutes import WINDOW
from tests.app.conftest import Local, wait_for
from tests.builders import KEY, TENANT, VM, a_message, records_of

NOW = int(time.time())
WINDOW_START = NOW // WINDOW * WINDOW - WINDOW
MINUTES = 15
NEWEST = WINDOW_START + 30 + 14 * 60
MEMORY = "win_mem.percent_used"


@pytest.fixture(scope="module")
def api(shared_local: Local) -> Local:
    shared_local.put("one", a_message(records_of(TENANT, VM, KEY, [10.0] * 15, WINDOW_START)))
    shared_local.put("two", a_message(records_of("other", "x", KEY, [30.0] * 15, WINDOW_START)))
    shared_local.put("three", a_message(records_of("other", "x", MEMORY, [50.0] * 10, WINDOW_START)))
    shared_local.settled()
    wait_for(lambda: shared_local.get("/v1/status")[1]["openWindows"] == 0, "the window to close")
    return shared_local


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("path", ["/v1/get-data", "/V1/Get-Data"])
def test_get_data_gives_report_records(api: Local, path: str, slash: str) -> None:
    status, body, headers = api.get(f'{path}{slash}?key={KEY}&minutes=5&aggregationInterval=1&aggregationBy="avg"')
    assert status == 200
    assert headers["content-type"] == "application/json"
    assert {name: body[name] for name in body if name != "data"} == {
        "key": KEY,
        "start": NEWEST - 240,
        "end": NEWEST,
        "aggregationInterval": 1,
        "aggregationBy": "avg",
        "percentiles": [],
        "suppressed": None,
        "nextPage": None,
    }
    assert [item["timestamp"] for item in body["data"]] == list(range(NEWEST - 240, NEWEST + 1, 60))
    assert body["data"][-1] == {
        "timestamp": NEWEST,
        "PerfType": "win_cpu",
        "PerfName": "percent_processor_time",
        "average": 20.0,
        "PerfValue": 20.0,
        "count": 2,
        "sum": 40.0,
        "tenants": 2,
        "min": 10.0,
        "max": 30.0,
        "stddev": 10.0,
        "sampleMean": 20.0,
        "coverage": 1.0,
        "final": True,
        "suppressed": None,
        "percentiles": None,
    }


@pytest.mark.parametrize("encode", [quote, quote_plus, str], ids=["percent", "plus", "as it is"])
def test_get_tenant_data_sets_the_vm_beside_its_tenant_and_the_fleet(api: Local, encode: Any) -> None:
    status, body, _ = api.get(f"/v1/get-tenant-data?key={KEY}&minutes=50&tenant={encode(TENANT)}&vm={encode(VM)}")
    assert status == 200
    assert (body["tenant"], body["vm"], len(body["data"])) == (TENANT, VM, MINUTES)
    item = body["data"][0]
    assert (item["PerfValue"], item["tenantAverage"], item["average"]) == (10.0, 10.0, 20.0)


def test_get_tenant_data_without_a_vm_sets_the_tenant_beside_the_fleet(api: Local) -> None:
    status, body, _ = api.get(f"/v1/get-tenant-data?key={KEY}&minutes=50&tenant={quote(TENANT)}")
    assert (status, body["tenant"], body["vm"], len(body["data"])) == (200, TENANT, None, MINUTES)
    item = body["data"][0]
    assert (item["PerfValue"], item["tenantAverage"], item["tenantCount"], item["average"]) == (None, 10.0, 1, 20.0)


@pytest.mark.parametrize("by", ["avg", "min", "max", "MAX", '"min"', "'avg'", "%22Max%22"])
def test_aggregation_is_taken_in_any_case_and_in_quotes(api: Local, by: str) -> None:
    status, body, _ = api.get(f"/v1/get-data?key={KEY}&minutes=4&aggregationInterval=2&aggregationBy={by}")
    assert (status, body["aggregationBy"] in by.lower(), len(body["data"])) == (200, True, 2)


@pytest.mark.parametrize("by", ["p95", '"P95"', "'p95'"])
def test_a_percentile_stands_where_the_average_does(api: Local, by: str) -> None:
    status, body, _ = api.get(f"/v1/get-data?key={KEY}&minutes=4&aggregationInterval=2&aggregationBy={by}")
    assert (status, body["aggregationBy"]) == (200, "p95")
    assert [item["average"] for item in body["data"]] == [30.0, 30.0]


def test_percentiles_have_columns_of_their_own_in_csv(api: Local) -> None:
    query = f"key={KEY}&minutes=2&tenant={quote(TENANT)}&vm={quote(VM)}&percentiles=50,99.9"
    _, body, _ = api.get(f"/v1/get-tenant-data?{query}")
    assert body["percentiles"] == ["p50", "p99.9"]
    _, text, _ = api.get(f"/v1/get-tenant-data?{query}&format=csv")
    rows = list(csv.DictReader(io.StringIO(text.decode(), newline="")))
    assert [(row["p50"], row["p99.9"], row["tenantP50"], row["tenantP99.9"]) for row in rows] == [
        (str(item["percentiles"]["p50"]), "30.0", "10.0", "10.0") for item in body["data"]
    ]
    _, plain, _ = api.get(f"/v1/get-data?key={KEY}&minutes=2&format=csv")
    assert "p50" not in plain.decode()
    assert "ercentiles" not in plain.decode()


@pytest.mark.parametrize("form", ["{start}&end={end}", "{iso}&end={end}", "{offset}&end={end}"])
def test_a_fixed_range_is_taken_in_seconds_and_iso_8601(api: Local, form: str) -> None:
    start = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(WINDOW_START))
    text = form.format(start=WINDOW_START, iso=start + "Z", offset=start + "+00:00", end=WINDOW_START + 300)
    status, body, _ = api.get(f"/v1/get-data?key={KEY}&start={text}")
    assert (status, len(body["data"])) == (200, 5)


# All others, and without HTTP: test_parameters.py.
@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", {"key", "minutes"}),
        (f"key={KEY}&minutes=5&aggregationinterval=2&x=1", {"aggregationinterval", "x"}),
        ("key=%ff%fe.a%00&minutes=5", {"key"}),
    ],
)
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
        ("/v1/vms", {"tenant"}),
        ("/v1/samples?tenant=a&start=0&limit=0&key=x&page=%20", {"limit", "key", "page"}),
        ("/metrics?format=csv", {"format"}),
        ("/v1/openapi.json?x", {"x"}),
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
        f"/v1/get-data?key={KEY}&key=never.seen&minutes=5",
        "/v1/samples?tenant=nobody&start=NOW",
        "/v1/samples?tenant=other&vm=nobody&start=NOW",
        "/v1/samples?tenant=other&key=never.seen&start=NOW",
    ],
)
def test_what_was_never_seen_is_not_found(api: Local, path: str) -> None:
    status, body, headers = api.get(path.replace("NOW", str(NOW)))
    assert (status, headers["content-type"]) == (404, "application/problem+json")
    assert "has been seen" in body["detail"]


@pytest.mark.parametrize("path", ["/nope", "/v1", "/v1/get-data/more", "/v1/%00"])
def test_other_paths_are_not_found(api: Local, path: str) -> None:
    status, body, headers = api.get(path)
    assert (status, body["requestId"]) == (404, headers["x-request-id"])


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", [f"/v1/get-data?key={KEY}&minutes=1", "/metrics", "/v1/health"])
def test_a_wrong_method_is_told_which_are_right(api: Local, method: str, path: str) -> None:
    status, body, headers = api.get(path, method)
    assert (status, headers["allow"], body["title"]) == (405, "GET, HEAD", "Method Not Allowed")


@pytest.mark.parametrize("path", [f"/v1/get-data?key={KEY}&minutes=1", "/", "/assets/css/base.css"])
def test_head_gives_the_headers_alone(api: Local, path: str) -> None:
    status, body, headers = api.get(path, "HEAD")
    full = api.get(path)[2]
    assert (status, body) == (200, b"")
    assert {name: headers[name] for name in ("etag", "content-type")} == {
        name: full[name] for name in ("etag", "content-type")
    }


def test_a_function_key_in_the_url_is_the_hosts_matter(api: Local) -> None:
    assert api.get(f"/v1/get-data?key={KEY}&minutes=1&code=abc")[0] == 200


def test_lists_for_drop_downs(api: Local) -> None:
    counters, tenants, vms = (
        api.get(path)[1]["data"] for path in ("/v1/counters", "/v1/tenants", f"/v1/vms?tenant={quote(TENANT)}")
    )
    percent = {"unit": "%", "rule": "avg", "worse": "high"}
    assert counters == [
        {"key": KEY, "newest": NEWEST, "title": "Processor time", "group": "Processor", **percent},
        {"key": MEMORY, "newest": NEWEST - 300, "title": "Memory used", "group": "Memory", **percent},
    ]
    assert [each["tenant"] for each in tenants] == ["other", TENANT]
    assert vms == [
        {
            "vm": VM,
            "newest": NEWEST,
            "SiteName": None,
            "ResourcePoolName": "Shared-ngXXH",
            "Region": "centralindia",
            "MachineSize": "Standard_D4s_v4",
        }
    ]


def test_health_says_that_it_lives_and_no_figures(api: Local) -> None:
    status, body, headers = api.get("/v1/health")
    assert (status, body, headers["cache-control"]) == (200, {"status": "ok"}, "no-store")


def test_the_status_says_how_things_are(api: Local) -> None:
    status, body, headers = api.get("/v1/status")
    assert (status, headers["cache-control"]) == (200, "no-store")
    assert (body["dirtyMarks"], body["quarantinedToday"], body["refusals"]) == (0, 0, {})
    assert body["newestMinute"] == NEWEST


def test_the_page_and_its_files_are_served_with_a_strict_policy(api: Local) -> None:
    status, body, headers = api.get("/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"<!doctype html>" in body.lower()
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"]


@pytest.mark.parametrize("name", ["", "nope.js", "../host.json", "..%2Fhost.json", "%2e%2e/function_app.py", "%00"])
def test_nothing_but_the_pages_files_is_served(api: Local, name: str) -> None:
    assert api.get(f"/assets/{name}")[0] == 404


def test_several_counters_in_one_request_share_a_range(api: Local) -> None:
    status, body, _ = api.get(f"/v1/get-data?key={MEMORY}&key={KEY}&key={MEMORY}&minutes=7&aggregationInterval=7")
    assert (status, body["key"], body["start"], body["end"]) == (200, [MEMORY, KEY], NEWEST - 360, NEWEST)
    assert [(item["PerfType"], item["average"], item["count"]) for item in body["data"]] == [
        ("win_mem", 50.0, 2),
        ("win_cpu", 20.0, 14),
    ]
    _, beside, _ = api.get(
        f"/v1/get-tenant-data?key={MEMORY}&key={KEY}&minutes=15&tenant={quote(TENANT)}&vm={quote(VM)}"
    )
    assert {(item["PerfType"], item["PerfValue"]) for item in beside["data"]} == {("win_mem", None), ("win_cpu", 10.0)}


def test_all_counters_come_page_by_page_over_the_same_minutes(api: Local) -> None:
    everything = "/v1/get-data?key=*&minutes=15"
    status, body, headers = api.get(everything)
    assert (status, body["key"], body["nextPage"], "link" in headers) == (200, [KEY, MEMORY], None, False)
    assert body["data"] == api.get(f"/v1/get-data?key={KEY}&key={MEMORY}&minutes=15")[1]["data"]
    long = f"/v1/get-data?key=*&start={NEWEST - 44_600 * 60}&end={NEWEST}&gaps=null"
    status, body, headers = api.get(long)
    assert (status, len(body["data"])) == (200, 2 * 44_601)
    longest = f"/v1/get-data?key=*&start={NEWEST - 44_600 * 60}&end={NEWEST}&final=true"
    assert api.get(longest)[1]["nextPage"] is None


@pytest.mark.parametrize("page", ["x", "WyJhIl0", "a" * 2001])
def test_a_page_of_all_counters_that_is_no_token_is_refused(api: Local, page: str) -> None:
    status, body, _ = api.get(f"/v1/get-data?key=*&minutes=15&page={page}")
    assert (status, [each["name"] for each in body["parameters"]]) == (400, ["page"])


def test_samples_of_all_tenants_are_those_of_each(api: Local) -> None:
    status, body, _ = api.get(f"/v1/samples?start={WINDOW_START}")
    assert (status, body["tenant"]) == (200, None)
    tenants = [each["tenant"] for each in api.get("/v1/tenants")[1]["data"]]
    each_by_itself = [
        record
        for tenant in sorted(tenants)
        for record in api.get(f"/v1/samples?tenant={quote(tenant)}&start={WINDOW_START}")[1]["data"]
    ]
    assert len(tenants) > 1
    assert body["data"] == each_by_itself


SAMPLES = f"/v1/samples?tenant={quote(TENANT)}&vm={quote(VM)}&start={WINDOW_START}"


def test_samples_are_records_of_the_wire(api: Local) -> None:
    status, body, _ = api.get(f"{SAMPLES}&end={WINDOW_START + 60}")
    assert (status, body["nextPage"]) == (200, None)
    assert body["data"] == records_of(TENANT, VM, KEY, [10.0], WINDOW_START)


def test_samples_come_page_by_page(api: Local) -> None:
    found, path, pages = [], f"/v1/samples?tenant=other&start={WINDOW_START - 9 * WINDOW}&limit=1", 0
    while path:
        status, body, headers = api.get(path)
        assert status == 200
        found += body["data"]
        pages += 1
        path = f"/v1/samples{headers['link'][1:].partition('>')[0]}" if "link" in headers else ""
        assert (body["nextPage"] is None) == (not path)
        assert quote_plus(body["nextPage"] or "") in path
    assert len(found) == 15 + 10
    assert pages == 1


def test_a_day_of_windows_makes_a_page_and_the_next_is_named_without_the_key(api: Local) -> None:
    path = f"/v1/samples?tenant=other&code=secret&start={WINDOW_START - 2 * 96 * WINDOW}&format=ndjson"
    _, body, headers = api.get(path)
    assert body == b""
    assert headers["link"].endswith('>; rel="next"')
    assert "secret" not in headers["link"]
    following = f"/v1/samples{headers['link'][1:].partition('>')[0]}"
    _, again, more = api.get(following)
    _, rest, last = api.get(f"/v1/samples{more['link'][1:].partition('>')[0]}")
    assert (again, len(rest.splitlines()), "link" in last) == (b"", 25, False)


@pytest.mark.parametrize("spoil", ["x", "{token}x", "bm90IGpzb24", "W10", "WyJhIiwxLCJiIl0", "%C3%A4", "~" * 3000])
def test_a_page_that_is_no_token_of_this_question_is_refused(api: Local, spoil: str) -> None:
    far = f"/v1/samples?tenant=other&start={WINDOW_START - 3 * 96 * WINDOW}"
    token = api.get(far)[1]["nextPage"]
    assert api.get(f"{far}&page={token}")[0] == 200
    for path in (f"{far}&page={spoil.format(token=token)}", f"{SAMPLES}&page={token}"):
        status, body, _ = api.get(path)
        assert (status, [each["name"] for each in body["parameters"]]) == (400, ["page"])


CHART = f"/v1/get-data?key={KEY}&minutes=15"


@pytest.mark.parametrize(("path", "status"), [(f"{CHART}&nope=1", 400), ("/v1/vms?tenant=nobody", 404), ("/nope", 404)])
def test_a_problem_names_its_request(api: Local, path: str, status: int) -> None:
    got, body, headers = api.get(path)
    assert (got, body["requestId"]) == (status, headers["x-request-id"])


def test_every_answer_names_its_request_anew(api: Local) -> None:
    ids = {
        api.get(path)[2]["x-request-id"] for path in (CHART, CHART, "/v1/health", "/", "/assets/css/base.css", "/nope")
    }
    assert len(ids) == 6


@pytest.mark.parametrize("ask", ["format", "accept"])
@pytest.mark.parametrize(
    "path",
    [CHART, f"/v1/get-tenant-data?key={KEY}&minutes=9&tenant={TENANT}&vm={VM}", SAMPLES],
    ids=["fleet", "tenant", "samples"],
)
def test_tables_come_as_csv_and_as_ndjson(api: Local, path: str, ask: str) -> None:
    nested = {"percentiles", "tenantPercentiles"}  # have columns of their own
    points = api.get(path)[1]["data"]
    rows = [{name: item for name, item in row.items() if name not in nested} for row in points]

    def get(form: str, media_type: str) -> tuple[str, str]:
        asked = f"{path}&format={form}" if ask == "format" else path
        accept = {"Accept": f"text/html;q=0.1, {media_type}, */*;q=0.5"} if ask == "accept" else {}
        status, body, headers = api.get(asked, headers=accept)
        assert status == 200
        return body.decode(), headers["content-type"]

    text, kind = get("csv", "text/csv")
    assert kind == "text/csv; charset=utf-8"
    table = list(csv.DictReader(io.StringIO(text)))
    assert [list(row) for row in table] == [list(row) for row in rows]
    assert [[written(value) for value in row.values()] for row in rows] == [list(row.values()) for row in table]
    lines, kind = get("ndjson", "application/x-ndjson")
    assert kind == "application/x-ndjson"
    assert [json.loads(line) for line in lines.splitlines()] == points


def written(value: Any) -> str:
    """A value as a table shows it."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("accept", ["", "*/*", "image/png", "text/html,*/*;q=0.8", "nonsense;;q", "application/json"])
def test_json_is_what_comes_where_nothing_else_is_asked_for(api: Local, accept: str) -> None:
    assert api.get(CHART, headers={"Accept": accept})[2]["content-type"] == "application/json"


@pytest.mark.parametrize(
    "accept", ["text/csv; charset=utf-8", "TEXT/CSV", "text/*", "application/json;q=0.1, text/csv;q=0.2"]
)
def test_a_table_may_be_asked_for_in_many_ways(api: Local, accept: str) -> None:
    assert api.get(CHART, headers={"Accept": accept})[2]["content-type"].startswith("text/csv")


ODD_HEADERS = [
    *(("Accept-Encoding", value) for value in ("gzip;q=abc", ";;,", "\u00e4", "gzip" * 500)),
    *(("Accept", value) for value in (";;;,,/", "text/csv;q=0, application/json;q=0", "/", "a" * 3000)),
    *(("If-None-Match", value) for value in ("W/", '"' * 9, 'W/"', ",,,")),
    *(("Cookie", value) for value in ("AppServiceAuthSession=%ff;;;=", "=;=")),
    *(("Authorization", value) for value in ("Bearer", "Bearer  ", "Basic x")),
]


@pytest.mark.parametrize(("name", "value"), ODD_HEADERS)
def test_headers_that_make_no_sense_are_as_good_as_none(api: Local, name: str, value: str) -> None:
    assert api.get(CHART, headers={name: value})[:2] == api.get(CHART)[:2]


def test_a_problem_names_parameters_only_where_they_are_the_problem(api: Local) -> None:
    assert "parameters" not in api.get("/v1/vms?tenant=nobody")[1]
    assert "parameters" in api.get("/v1/vms")[1]


def test_what_a_reader_has_already_is_not_sent_again(api: Local) -> None:
    first = api.get(CHART)
    etag = first[2]["etag"]
    for condition in (etag, f'"x", {etag}', "*", etag.removeprefix("W/")):
        status, body, headers = api.get(CHART, headers={"If-None-Match": condition})
        assert (status, body, headers["etag"]) == (304, b"", etag)
        assert "vary" in headers
    for condition in ('"x"', "", "nonsense"):
        assert api.get(CHART, headers={"If-None-Match": condition})[:2] == first[:2]
    assert api.get(f"{CHART}&format=csv")[2]["etag"] != etag


def test_answers_may_be_kept_by_their_reader_for_half_a_minute(api: Local) -> None:
    _, _, headers = api.get(CHART)
    assert headers["cache-control"] == "private, max-age=30"
    assert {"Accept", "Accept-Encoding", "Authorization", "X-Functions-Key"} <= set(headers["vary"].split(", "))
    assert api.get(CHART + "&x=1")[2]["cache-control"] == "no-store"


@pytest.mark.parametrize("accept", ["gzip", "br, gzip;q=0.5", "*"])
def test_a_long_answer_is_compressed_where_that_is_accepted(api: Local, accept: str) -> None:
    plain = api.get(f"{CHART}&format=csv")[1]
    status, body, headers = api.get(f"{CHART}&format=csv", headers={"Accept-Encoding": accept})
    assert (status, headers["content-encoding"], gzip.decompress(body)) == (200, "gzip", plain)
    assert len(body) < len(plain) / 3


@pytest.mark.parametrize(("path", "accept"), [(CHART, "identity"), (CHART, "gzip;q=0, br"), ("/v1/tenants", "gzip")])
def test_else_it_is_not(api: Local, path: str, accept: str) -> None:
    assert "content-encoding" not in api.get(path, headers={"Accept-Encoding": accept})[2]


def test_a_table_that_a_spreadsheet_opens_runs_nothing(api: Local) -> None:
    names = ["=HYPERLINK(1,2)", "+ozhgAAg5f/w==1", "@SUM(1+1)*cmd|' /C calc'!A0", "-1+2", "plain"]
    for number, name in enumerate(names):
        api.put(f"f{number}", a_message(records_of("formulas", name, "odd.one", [-1.0], WINDOW_START)))
    api.settled()
    rows = list(csv.DictReader(io.StringIO(api.get("/v1/vms?tenant=formulas&format=csv")[1].decode())))
    assert {row["vm"] for row in rows} == {
        "'=HYPERLINK(1,2)", "+ozhgAAg5f/w==1", "'@SUM(1+1)*cmd|' /C calc'!A0", "'-1+2", "plain",
    }  # fmt: skip
    samples = list(
        csv.DictReader(io.StringIO(api.get(f"/v1/samples?tenant=formulas&start={WINDOW_START}&format=csv")[1].decode()))
    )
    assert {row["PerfValue"] for row in samples} == {"-1.0"}
