"""Who may see what, over HTTP: a walk over every route, caller and tenant, with sign-in and with keys."""

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

import blueprints.features  # noqa: F401  (which registers them)
from blueprints.http.endpoints import ENDPOINTS, Endpoint
from domain.disclosed_charts import NEVER_SHOWN
from domain.minutes import WINDOW
from local.platform import principal
from tests.app.conftest import Local, enrol
from tests.builders import KEY, a_message, a_signer, records_of

WINDOW_START = int(time.time()) // WINDOW * WINDOW - 3 * WINDOW
NEWEST = WINDOW_START + 30 + 14 * 60
TENANTS = 8
LONELY = "win_service.OnlyOfTenant3"
NOBODY = "tenant-nobody"
OPERATOR_KEY, SCRAPE_KEY = "the operator's key", "the scraper's key"
CLAIMS: dict[str, dict[str, str | list[str]]] = {
    "olga": {"name": "Olga", "roles": ["reader", "operator"], "tid": "the operator's directory"},
    "scraper": {"roles": "machine", "tid": "the operator's directory", "azp": "the scraper"},
    "robot": {"roles": ["machine", "operator"], "tid": "another directory", "azp": "an application of its own"},
    "stranger": {"tid": "another directory", "roles": "operator"},  # which its own administrator has given
    **{f"admin{number}": {"tid": f"directory {number}"} for number in range(TENANTS)},
}
QUARANTINED = {"day": "2026-11-24", "message": "0" * 32}
"""A message that is not in the quarantine."""

SETTINGS = {
    "PRINCIPALS": json.dumps(CLAIMS),
    "TENANT_CLAIM": "tid",
    "ROLE_DIRECTORY": "the operator's directory",
    "TENANT_IDS": json.dumps({f"directory {number}": f"tenant-{number}" for number in range(TENANTS)}),
    "LOG_LEVEL": "INFO",
}


def value_of(tenant: int, vm: int) -> float:
    """A value that no other VM has, and that is no sum or mean of others by chance."""
    return 1000.0 * (tenant + 1) + 17.03125 * (vm + 1)


def signed_in(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}"}


def with_key(key: str) -> dict[str, str]:
    return {"x-functions-key": key}


def fill(host: Local) -> None:
    for tenant in range(TENANTS):
        for vm in range(2):
            values = [value_of(tenant, vm)] * 15
            records = records_of(f"tenant-{tenant}", f"vm-{tenant}-{vm}", KEY, values, WINDOW_START)
            if tenant == 3:
                records += records_of("tenant-3", f"vm-3-{vm}", LONELY, values, WINDOW_START)
            host.put(f"m{tenant}-{vm}", a_signer(f"tenant-{tenant}").signed(a_message(records)))
    host.settled()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    data = tmp_path_factory.mktemp("guarded") / "data"
    enrol(data, [f"tenant-{number}" for number in range(TENANTS)])
    host = Local(data, settings=SETTINGS, operator=signed_in("olga")).start()
    fill(host)
    yield host
    host.stop()


def paths(endpoint: Endpoint, tenant: str, vm: str, key: str) -> Iterator[str]:
    """Requests of an endpoint that ask for this tenant, VM and counter, in every format."""
    fields = endpoint.parameters.model_fields
    known = {"tenant": tenant, "vm": vm, "key": key, "limit": "5000", "dryRun": "true", **QUARANTINED}
    known |= {"window": str(WINDOW_START), "groupBy": "vm"}
    if endpoint.name in ("get_changes", "get_unusual", "get_matrix"):  # which have no pages
        known |= {"limit": "100"}
    route = endpoint.route.format(instance="rebuild-0000000000000000")
    asked = {name: value for name, value in known.items() if name in fields}
    ranges: list[dict[str, str]] = [
        {"minutes": "15", "percentiles": "1,50,99.9"},
        {"start": str(WINDOW_START), "end": str(WINDOW_START + 899), "aggregationInterval": "4", "aggregationBy": "p5"},
        {"start": str(WINDOW_START), "aggregationInterval": "4", "aggregationBy": "max"},
        {"minutes": "15", "baseline": "true"},
    ]
    if "window" in fields:
        ranges = [{}]
    for wanted in ranges:
        times = {name: value for name, value in wanted.items() if name in fields}
        if wanted and fields.keys() & {"minutes", "start"} and not times.keys() & {"minutes", "start"}:
            continue
        for form in ("json", "csv", "ndjson") if "format" in fields else (None,):
            extra = {"format": form} if form else {}
            yield f"/{route}?{urlencode({**asked, **times, **extra})}"


def without_id(body: Any) -> Any:
    return {name: value for name, value in body.items() if name != "requestId"} if isinstance(body, dict) else body


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=[each.name for each in ENDPOINTS])
@pytest.mark.parametrize("own", [0, 3, 7])
def test_no_route_shows_a_tenants_caller_anything_of_another_tenant(
    guarded: Local, endpoint: Endpoint, own: int
) -> None:
    headers = signed_in(f"admin{own}")
    others = [tenant for tenant in range(TENANTS) if tenant != own]
    # What must not be seen: names and values of others. What the caller asked for itself may be repeated.
    for asked in [*range(TENANTS), NOBODY]:
        tenant, vm = (f"tenant-{asked}", f"vm-{asked}-0") if isinstance(asked, int) else (NOBODY, "vm-nobody")
        for key in (KEY, LONELY):
            for path in paths(endpoint, tenant, vm, key):
                method = endpoint.methods[0]
                status, body, _ = guarded.get(path, method, headers)
                text = body.decode() if isinstance(body, bytes) else json.dumps(body)
                assert status in ((400, 401) if endpoint.public and endpoint.changes else (200, 403, 404))
                for other in others:
                    if other != asked:
                        assert f"tenant-{other}" not in text, path
                        assert f"vm-{other}-" not in text, path
                    for number in range(2):
                        assert f"{value_of(other, number):.5f}".rstrip("0") not in text, path
                if asked != own and "tenant" in endpoint.parameters.model_fields:
                    unknown = guarded.get(path.replace(tenant, "x" * len(tenant)), method, headers)
                    assert status == unknown[0] != 200
                    assert (
                        text.replace(tenant, "x" * len(tenant)).split("requestId")[0]
                        == json.dumps(unknown[1]).split("requestId")[0]
                    )
                if key == LONELY and own != 3 and "key" in endpoint.parameters.model_fields:
                    assert status in (403, 404)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=[each.name for each in ENDPOINTS])
def test_each_caller_gets_in_where_the_endpoint_says_and_nowhere_else(guarded: Local, endpoint: Endpoint) -> None:
    path = next(paths(endpoint, "tenant-0", "vm-0-0", KEY))
    method = endpoint.methods[0]
    without_body = 400 if endpoint.reads_body else 202 if endpoint.starts else 200
    not_there = ("quarantined", "operation_status", "stop_operation", "forget_operation")
    reached = 404 if endpoint.name in not_there else 401 if endpoint.name == "push" else without_body
    for name, role in (("olga", "operator"), ("scraper", "machine"), ("admin0", "tenant")):
        expected = reached if endpoint.public or role in endpoint.callers else 403
        status, body, headers = guarded.get(path, method, signed_in(name))
        assert (status, name) == (expected, name)
        assert headers["x-request-id"]
    for caller, expected in (
        ({}, 401),
        (signed_in("nobody"), 401),
        (with_key(OPERATOR_KEY), 401),
        (signed_in("stranger"), 403),
        (signed_in("robot"), 403),
    ):
        status, body, headers = guarded.get(path, method, caller)
        assert status == (reached if endpoint.public else expected)
        if not endpoint.public:
            assert (headers["content-type"], "detail" in body) == ("application/problem+json", True)


def test_a_tenant_sees_the_fleets_average_and_nothing_else_of_the_fleet(guarded: Local) -> None:
    path = f"/v1/get-tenant-data?key={KEY}&minutes=15&tenant=tenant-0&vm=vm-0-1"
    _, mine, _ = guarded.get(path, headers=signed_in("admin0"))
    _, full, _ = guarded.get(path, headers=signed_in("olga"))
    assert len(mine["data"]) == 15
    assert all(name in mine["suppressed"] for name in NEVER_SHOWN)
    assert full["suppressed"] is None
    for item, whole in zip(mine["data"], full["data"], strict=True):
        assert {name: item[name] for name in NEVER_SHOWN} == dict.fromkeys(NEVER_SHOWN)
        assert {name: value for name, value in item.items() if name not in NEVER_SHOWN} == {
            name: value for name, value in whole.items() if name not in NEVER_SHOWN
        }
        assert item["average"] == pytest.approx(
            sum(value_of(tenant, vm) for tenant in range(TENANTS) for vm in range(2)) / (2 * TENANTS)
        )


def test_a_late_tenant_changes_what_an_operator_sees_and_not_what_a_tenant_does(guarded: Local) -> None:
    asked = f"/v1/get-data?key={KEY}&start={WINDOW_START}&end={NEWEST}"
    before = guarded.get(asked, headers=signed_in("admin0"))[1]
    full = guarded.get(asked, headers=signed_in("olga"))[1]
    assert [item["suppressed"] for item in before["data"]] == [None] * 15
    records = records_of("tenant-7", "late", KEY, [99_999.5] * 15, WINDOW_START)
    guarded.put("late", a_signer("tenant-7").signed(a_message(records)))
    guarded.settled()
    assert guarded.get(asked, headers=signed_in("olga"))[1] != full
    assert guarded.get(asked, headers=signed_in("admin0"))[1] == before


def test_a_tenants_caller_may_ask_for_seven_days_at_most(guarded: Local) -> None:
    headers = signed_in("admin0")
    for range_, status in (("minutes=10080", 200), ("minutes=10081", 400), (f"start={NEWEST - 8 * 86_400}", 400)):
        assert guarded.get(f"/v1/get-data?key={KEY}&{range_}", headers=headers)[0] == status
        assert guarded.get(f"/v1/get-data?key={KEY}&{range_}", headers=signed_in("olga"))[0] == 200


@pytest.fixture(scope="module")
def with_keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """A host where nobody signs in."""
    settings = {"KEYS": f"{OPERATOR_KEY},metrics:{SCRAPE_KEY}", "LOG_LEVEL": "INFO"}
    data = tmp_path_factory.mktemp("keys") / "data"
    enrol(data, [f"tenant-{number}" for number in range(TENANTS)])
    host = Local(data, settings=settings, operator=with_key(OPERATOR_KEY)).start()
    fill(host)
    yield host
    host.stop()


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("/v1/tenants", OPERATOR_KEY, 200),
        ("/metrics", OPERATOR_KEY, 200),
        ("/metrics", SCRAPE_KEY, 200),
        ("/v1/tenants", SCRAPE_KEY, 401),
        ("/v1/get-data", SCRAPE_KEY, 401),
        ("/v1/tenants", "", 401),
        ("/v1/tenants", OPERATOR_KEY.upper(), 401),
        ("/v1/tenants", f"{OPERATOR_KEY}x", 401),
        ("/v1/health", "", 200),
        ("/", "", 200),
        ("/docs", "", 200),
        ("/assets/js/page.js", "", 200),
    ],
)
def test_keys_guard_everything_but_health_and_the_page(with_keys: Local, path: str, key: str, status: int) -> None:
    assert with_keys.get(path, headers=with_key(key))[0] == status


def test_a_key_may_stand_in_the_url_and_never_in_the_log(with_keys: Local) -> None:
    code = urlencode({"code": OPERATOR_KEY})
    assert with_keys.get(f"/v1/tenants?{code}")[0] == 200
    assert with_keys.get(f"/v1/tenants?{code}&nope=1")[0] == 400
    request_id = with_keys.get("/v1/tenants", headers=with_keys.operator)[2]["x-request-id"]
    assert f'answered function=tenants caller=operator charge="0.0 RU" request={request_id}' in with_keys.log
    assert OPERATOR_KEY not in with_keys.log
    assert "code=" not in with_keys.log


def test_where_no_platform_is_in_front_a_principal_is_not_looked_at(with_keys: Local) -> None:
    """Anybody could send one: so none makes a request more, or less, than its key does."""
    expected = with_keys.get("/v1/tenants", headers=with_keys.operator)
    assert (expected[0], len(expected[1]["data"])) == (200, TENANTS)
    for claims in ({"roles": "operator"}, {"roles": "machine"}, {"tid": "tenant-0"}, {}):
        header = {"X-MS-CLIENT-PRINCIPAL": principal(claims)}
        assert with_keys.get("/v1/tenants", headers={**with_keys.operator, **header})[:2] == expected[:2]
        assert with_keys.get("/v1/tenants", headers=header)[0] == 401
    me = with_keys.get("/v1/me", headers=with_keys.operator)[1]
    assert (me["role"], me["tenant"], me["signsIn"]) == ("operator", None, False)


def test_an_operations_answers_hold_no_key_of_durable_functions(with_keys: Local) -> None:
    rebuild = f"/v1/admin/rebuild?start={WINDOW_START}"
    status, started, headers = with_keys.get(rebuild, "POST", with_keys.operator)
    assert (status, headers["location"]) == (202, started["statusUrl"])
    answers = [started, headers, with_keys.operation_ended(started["statusUrl"])]
    for path, method in ((f"{started['statusUrl']}/stop", "POST"), (started["statusUrl"], "DELETE")):
        answers.append(with_keys.get(path, method, with_keys.operator)[1:])
    assert answers[-1][0]["state"] == "done"
    assert "code=" not in json.dumps(answers) + with_keys.log
    assert "webhooks" not in json.dumps(answers) + with_keys.log
