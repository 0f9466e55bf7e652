"""Reading parameters: whatever stands in a URL is read or refused by name, and nothing else happens."""

import json
import time
from urllib.parse import quote, urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import blueprints.features  # noqa: F401  (which registers them)
from blueprints.http.charts import MOST_ROWS, ChartParameters, FleetChartParameters
from blueprints.http.endpoints import ENDPOINTS, Endpoint
from blueprints.http.fields import MOST_MINUTES
from blueprints.http.problems import problem_of
from blueprints.http.reading import read
from blueprints.http.samples import SamplesParameters, position_of, token_of
from blueprints.settings import load
from domain.errors import BadParameters
from domain.minutes import DAY, WINDOW
from pipeline.queries.samples import Position
from tests.app.conftest import Local
from tests.builders import KEY, TENANT, VM

NOW = int(time.time())
WINDOW_START = NOW // WINDOW * WINDOW
NAMES = sorted({name for endpoint in ENDPOINTS for name in endpoint.parameters.model_fields})
VALUES = st.one_of(
    st.sampled_from(
        [KEY, TENANT, VM, "5", "avg", "csv", str(NOW), str(NOW - 3600), "2026-11-25T00:00:00+05:30", "true"]
    ),
    st.text(max_size=300),
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes().map(str),
)
PAIRS = st.lists(st.tuples(st.one_of(st.sampled_from(NAMES), st.text(max_size=20)), VALUES), max_size=8)
ANY_ENDPOINT = st.sampled_from(ENDPOINTS)

LOGONS = "v1/get-logons"
CHART, TENANT_CHART, RANKING, BASELINE = "v1/get-data", "v1/get-tenant-data", "v1/get-ranking", "v1/get-baseline"
UNUSUAL, VERDICT, CAPACITY = "v1/get-unusual", "v1/get-verdict", "v1/get-capacity"
MATRIX = "v1/get-matrix"
BAD: list[tuple[str, list[str]]] = [
    (CHART, ["key", "minutes"]),
    (f"{CHART}?key=&minutes=", ["key", "minutes"]),
    (
        f"{CHART}?key=nodot&minutes=-1&aggregationInterval=0&aggregationBy=median&final=maybe",
        ["key", "minutes", "aggregationInterval", "aggregationBy", "final"],
    ),
    (f"{CHART}?key={KEY}&minutes=0", ["minutes"]),
    (f"{CHART}?key={KEY}&minutes=1.5", ["minutes"]),
    (f"{CHART}?key={KEY}&minutes=ten", ["minutes"]),
    (f"{CHART}?key={KEY}&minutes=44641", ["minutes"]),
    (f"{CHART}?key={KEY}&key=a.b&key=a.c&minutes=44640", ["minutes"]),
    (f"{CHART}?key={KEY}&key=nodot&key=&minutes=5", ["key"]),
    (f"{CHART}?" + "&".join(f"key=a.b{number}" for number in range(101)) + "&minutes=1", ["key"]),
    (f"{CHART}?key={KEY}&minutes=5&format=xml", ["format"]),
    (f"{CHART}?key={KEY}&start=0", ["start"]),
    (f"{CHART}?key={KEY}&minutes={'9' * 5000}", ["minutes"]),
    (f"{CHART}?key={KEY}&minutes=5&minutes=5", ["minutes"]),
    (f"{CHART}?key={KEY}&minutes=5&minutes=6&aggregationInterval=99999999", ["minutes", "aggregationInterval"]),
    (f"{CHART}?key={KEY}&minutes=5&aggregationinterval=2&x=1", ["aggregationinterval", "x"]),
    (f"{CHART}?key={KEY}&minutes=5&start=1", ["minutes"]),
    (f"{CHART}?key={KEY}&end=1", ["minutes", "start"]),
    (f"{CHART}?key={KEY}&start=5&end=1", ["start"]),
    (f"{CHART}?key={KEY}&start=0&end=9999999999", ["end"]),
    (f"{CHART}?key={KEY}&start=1790000000000&end=yesterday", ["start", "end"]),
    (f"{CHART}?key={KEY}&start=-1", ["start"]),
    (f"{CHART}?key={'x.' + 'y' * 300}&minutes=%00", ["key", "minutes"]),
    (f"{CHART}?key=%ff%fe.a%00&minutes=5", ["key"]),
    *(
        (f"{CHART}?key={KEY}&minutes=5&percentiles={bad}", ["percentiles"])
        for bad in ("0", "100", "p95", "50,", "1e9", "-5", "nan", "50;95", "0.0001", ",".join(["50"] * 21), "9" * 5000)
    ),
    *(
        (f"{CHART}?key={KEY}&minutes=5&aggregationBy={bad}", ["aggregationBy"])
        for bad in ("p0", "p100", "p", "p-5", "95", "p1e1", "p95,p99")
    ),
    (f"{CHART}?key={KEY}&key=a.b&minutes=1441&percentiles=50", ["minutes"]),
    (f"{CHART}?key={KEY}&minutes=2881&aggregationBy=P95", ["minutes"]),
    (f"{CHART}?key={KEY}&start=0&end=172860&percentiles=50", ["end"]),
    (RANKING, ["key"]),
    (f"{RANKING}?key={KEY}&window={WINDOW_START + 1}", ["window"]),
    (f"{RANKING}?key={KEY}&window={WINDOW_START + 9 * DAY}", ["window"]),
    (f"{RANKING}?key={KEY}&window={WINDOW_START}&windows=3", ["windows"]),
    (f"{RANKING}?key={KEY}&windows=97&order=best&limit=0", ["windows", "order", "limit"]),
    (f"{RANKING}?key={KEY}&Region=a&MachineSize=b", ["MachineSize"]),
    (f"{RANKING}?key={KEY}&vm=v&SiteName=a&ResourcePoolName=b&page=c", ["vm", "ResourcePoolName", "SiteName", "page"]),
    (f"{RANKING}?key={KEY}&limit=21", ["limit"]),
    (f"v1/get-groups?key={KEY}", ["groupBy"]),
    (f"v1/get-groups?key={KEY}&groupBy=", ["groupBy"]),
    (f"v1/get-groups?key={KEY}&groupBy=Color", ["groupBy"]),
    (f"v1/get-groups?key={KEY}&groupBy=vm&start={WINDOW_START}&windows=2", ["start"]),
    (f"v1/get-groups?key={KEY}&groupBy=Region&start=5&end=1", ["start"]),
    (f"v1/get-groups?key={KEY}&groupBy=Region&start=0&end={2 * DAY}", ["start"]),
    ("v1/get-changes?against=month&limit=0", ["against", "limit"]),
    ("v1/get-changes?end=5", ["start"]),
    ("v1/get-changes?start=5&end=1", ["start"]),
    ("v1/get-changes?start=9999999999", ["start"]),
    (f"v1/get-changes?start=0&end={DAY + 1}", ["start"]),
    ("v1/get-histogram?minutes=0&aggregationInterval=0", ["key", "minutes", "aggregationInterval"]),
    (f"{CHART}?key={KEY}&minutes=5&baseline=1", ["baseline"]),
    (f"{TENANT_CHART}?key={KEY}&minutes=5&baseline=yes", ["baseline", "tenant"]),
    (f"{UNUSUAL}?tenant=&window=1&limit=0&format=xml&key=a.b", ["tenant", "format", "window", "limit", "key"]),
    (f"{UNUSUAL}?limit=101&limit=1", ["limit"]),
    (f"{UNUSUAL}?window={WINDOW_START + DAY}", ["window"]),
    (f"{UNUSUAL}?vm=v&windows=2", ["vm", "windows"]),
    (MATRIX, ["groupBy"]),
    (f"{MATRIX}?groupBy=color&key=nodot&window=1&limit=0&format=xml", ["format", "groupBy", "key", "window", "limit"]),
    (f"{MATRIX}?groupBy=vm&tenant=&limit=201&vm=v", ["tenant", "limit", "vm"]),
    (f"{MATRIX}?groupBy=Region&window={WINDOW_START + DAY}&Region=a&SiteName=b", ["window", "Region", "SiteName"]),
    (f"{MATRIX}?groupBy=vm&" + "&".join(f"key=a.b{number}" for number in range(21)), ["key"]),
    (VERDICT, ["tenant", "vm"]),
    (f"{VERDICT}?tenant=&vm={'x' * 600}&window=ten&format=pdf", ["tenant", "format", "vm", "window"]),
    (f"{VERDICT}?tenant=t&window={WINDOW_START + DAY}", ["vm", "window"]),
    (CAPACITY, ["key"]),
    (f"{CAPACITY}?key=&limit=&tenant=&lines=0", ["key", "limit", "tenant", "lines"]),
    (f"{CAPACITY}?key=win_session.input_delay_ms", ["limit"]),
    (f"{CAPACITY}?key=a.b&lines=5001&page=x&format=xml&vm=v", ["format", "lines", "vm", "limit"]),
    *(
        (f"{CAPACITY}?key={KEY}&limit={bad}", ["limit"])
        for bad in ("nan", "inf", "-inf", "1e301", "1e999", "1_0", "0x5", "5%25", "ten", "--5", "1e", "9" * 500)
    ),
    (BASELINE, ["key"]),
    (f"{BASELINE}?key=nodot&hours=0&tenant=&region=x", ["tenant", "key", "hours", "region"]),
    (f"{BASELINE}?key={KEY}&hours=337&format=xml", ["format", "hours"]),
    (f"{BASELINE}?key={KEY}&vm=v&ResourcePoolName=p", ["vm", "ResourcePoolName"]),
    (f"{BASELINE}?key={KEY}&tenant=t&vm=v&ResourcePoolName=p", ["ResourcePoolName"]),
    (f"{BASELINE}?key={KEY}&tenant=t&Region=r&MachineSize=s", ["Region", "MachineSize"]),
    (f"{BASELINE}?key={KEY}&Region=r&MachineSize=s", ["MachineSize"]),
    (f"v1/get-forecast?key={KEY}&hours=169&vm=v", ["hours", "vm"]),
    ("v1/get-forecast?hours=-1", ["key", "hours"]),
    (LOGONS, ["tenant"]),
    (
        f"{LOGONS}?pool=&vm={'x' * 600}&days=0&serve=1&bootMinutes=121&format=pdf&key=a.b",
        ["pool", "format", "tenant", "vm", "days", "serve", "bootMinutes", "key"],
    ),
    (f"{LOGONS}?tenant=t&days=15&serve=0.49&bootMinutes=-1", ["days", "serve", "bootMinutes"]),
    (f"{LOGONS}?tenant=t&days=1.5&serve=95&bootMinutes=ten", ["days", "serve", "bootMinutes"]),
    (f"{LOGONS}?tenant=t&serve=0.9991&pool=p&vm=v", ["serve", "vm"]),
    (f"{LOGONS}?tenant=t&vm=v&format=avd-scaling-plan", ["format"]),
    (f"{LOGONS}?tenant=t&format=avd-scaling-plan&serve=nan", ["serve", "format"]),
    (TENANT_CHART, ["key", "tenant", "minutes"]),
    (f"{TENANT_CHART}?key={KEY}&minutes=1&tenant=a&tenant=b&vm=", ["tenant", "vm"]),
    (f"{TENANT_CHART}?key={KEY}&minutes=10081&tenant=a&vm=b", ["minutes"]),
    ("v1/vms", ["tenant"]),
    ("v1/vms?tenant=" + "x" * 200, ["tenant"]),
    ("v1/counters?x=1", ["x"]),
    ("v1/samples", ["start"]),
    ("v1/samples?tenant=a&start=0&limit=0&key=x&page=%20", ["page", "key", "limit"]),
    ("v1/samples?tenant=a&start=100&end=99&vm=%07", ["vm", "start"]),
    ("v1/samples?start=0&vm=v", ["tenant"]),
    (f"{CHART}?key=*&key={KEY}&minutes=5", ["key"]),
    (f"{CHART}?key=*&key=nodot&minutes=5", ["key"]),
    (f"{CHART}?key={KEY}&minutes=5&page=x", ["page"]),
    (f"{CHART}?key=*&minutes=44641", ["minutes"]),
    (f"{TENANT_CHART}?key=*&minutes=5&tenant=a", ["key"]),
    ("v1/health?verbose=1", ["verbose"]),
    ("metrics?format=csv", ["format"]),
    ("v1/openapi.json?x", ["x"]),
    ("v1/admin/rebuild", ["start"]),
    ("v1/admin/rebuild?start=1790000001&end=1790000000", ["start"]),
    ("v1/admin/rebuild?start=now&tenent=t2", ["start", "tenent"]),
    ("v1/admin/purge", ["tenant"]),
    ("v1/admin/purge?tenant=t2", ["confirm"]),
    ("v1/admin/purge?tenant=t2&confirm=t3", ["confirm"]),
    ("v1/admin/purge?tenant=t2&vm=v2&confirm=t2", ["confirm"]),
    ("v1/admin/purge?vm=v2&confirm=v2", ["tenant", "vm"]),
    ("v1/admin/purge?tenant=t2&before=2026-01-01&confirm=t2", ["tenant"]),
    ("v1/admin/purge?before=2100-01-01&confirm=2100-01-01", ["before"]),
    ("v1/admin/purge?before=2026-01-01&confirm=2026-01-02", ["confirm"]),
    ("v1/admin/purge?tenant=t2&dryRun=yes&confirm=t2", ["dryRun"]),
    ("v1/admin/empty", ["confirm"]),
    ("v1/admin/empty?enrolment=yes", ["enrolment", "confirm"]),
    ("v1/admin/quarantine/reingest", ["day"]),
    ("v1/admin/quarantine/drop?day=yesterday&message=1", ["day", "message"]),
    ("v1/admin/dead-letters/resubmit?all=true", ["all"]),
]
"""A path with its query, and which parameters are bad."""


@pytest.mark.parametrize(
    ("text", "percentiles"),
    [("50", (50.0,)), ("95,50, 95", (95.0, 50.0)), ("0.001,99.999", (0.001, 99.999)), ("05,.5", None)],
)
def test_percentiles_are_numbers_above_0_and_below_100(text: str, percentiles: tuple[float, ...] | None) -> None:
    path = f"http://host/{CHART}?{urlencode({'key': KEY, 'minutes': 5, 'percentiles': text})}"
    if percentiles is None:
        with pytest.raises(BadParameters):
            read(FleetChartParameters, path, NOW)
    else:
        assert read(FleetChartParameters, path, NOW).percentiles == percentiles


@pytest.mark.parametrize(("path", "names"), BAD)
def test_bad_parameters_are_named_all_at_once(path: str, names: list[str]) -> None:
    (endpoint,) = (each for each in ENDPOINTS if each.route == path.partition("?")[0])
    with pytest.raises(BadParameters) as refused:
        read(endpoint.parameters, f"http://host/{path}", NOW)
    answer = problem_of(refused.value, "the request", public=endpoint.public)
    body = json.loads(answer.get_body())
    assert [each["name"] for each in body["parameters"]] == names
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.status_code, body["status"], body["title"]) == (400, 400, "Bad Request")
    assert all(each["problem"] and each["name"] in body["detail"] for each in body["parameters"])


@given(ANY_ENDPOINT, PAIRS)
@settings(max_examples=500)
@example(ENDPOINTS[0], [("start", "9" * 400), ("end", "-1")])
@example(ENDPOINTS[0], [("start", "0001-01-01T00:00:00+14:00"), ("key", "\ud7ff.a")])
def test_parameters_are_read_or_refused_by_name(endpoint: Endpoint, pairs: list[tuple[str, str]]) -> None:
    try:
        asked = read(endpoint.parameters, f"http://host/?{urlencode(pairs)}", NOW)
    except BadParameters as error:
        given_names = {name for name, _ in pairs}
        assert error.problems
        assert set(error.problems) <= given_names | set(endpoint.parameters.model_fields)
        assert all(error.problems.values())
    else:
        assert {name for name, _ in pairs} <= {*endpoint.parameters.model_fields, "code", "clientId"}
        if isinstance(asked, ChartParameters):
            start, end = asked.start or 0, NOW if asked.end is None else asked.end
            minutes = asked.minutes or max(0, end - start) // 60
            assert minutes <= min(MOST_MINUTES, MOST_ROWS // len(asked.question.keys))


@given(
    st.integers(0, 10**10 // WINDOW - 1).map(lambda number: number * WINDOW),
    st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=20),
    st.sampled_from([None, VM]),
)
def test_a_page_token_says_where_and_belongs_to_its_question(window: int, vm: str, asked_vm: str | None) -> None:
    asked = {"tenant": TENANT, "start": str(NOW), **({"vm": asked_vm} if asked_vm else {})}
    url = f"http://host/?{urlencode(asked)}"
    token = token_of(Position(window, vm), read(SamplesParameters, url, NOW))
    assert position_of(read(SamplesParameters, f"{url}&page={token}", NOW)) == Position(window, vm)
    with pytest.raises(BadParameters, match="page"):
        position_of(read(SamplesParameters, f"{url}&key=a.b&page={token}", NOW))


@given(
    ANY_ENDPOINT, st.one_of(PAIRS.map(urlencode), st.text(max_size=60).map(lambda text: quote(text, safe="=&%+;?/")))
)
@settings(max_examples=150, deadline=None)
def test_no_query_makes_the_app_fail(shared_local: Local, endpoint: Endpoint, query: str) -> None:
    status, body, headers = shared_local.get(f"/{endpoint.route}?{query}", endpoint.methods[0])
    unsigned = () if endpoint.callers else (401,)  # a push is its signature's, and this has none
    assert status in (202 if endpoint.starts else 200, 400, 404, *unsigned)
    if status >= 400:
        assert (headers["content-type"], body["status"]) == ("application/problem+json", status)
    assert "Traceback" not in shared_local.log


@pytest.mark.parametrize(("samples", "standings", "kept"), [("30", "70", 70), ("90", "70", 91), ("30", "30", 31)])
def test_standings_outlive_the_samples_from_which_late_data_make_them_anew(
    monkeypatch: pytest.MonkeyPatch, samples: str, standings: str, kept: int
) -> None:
    monkeypatch.setenv("SQLITE_PATH", "x")
    monkeypatch.setenv("SAMPLES_RETENTION_DAYS", samples)
    monkeypatch.setenv("STANDINGS_RETENTION_DAYS", standings)
    assert load().rules.standings_days == kept
