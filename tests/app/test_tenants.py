"""Enrolment on the running local host: an operator enrols, a tenant's SPOC sends, and what came before is not lost."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from domain.enrolment import key_id, text_of
from domain.minutes import WINDOW
from domain.signed import Signer
from tests.app.conftest import Local, wait_for
from tests.builders import KEY, a_message, records_of

WINDOW_START = int(time.time()) // WINDOW * WINDOW - WINDOW
GUID = "72f988bf-86f1-41af-91ab-2d7cd011db47"
CALLERS = {
    "ann": {"roles": "operator"},
    "bob": {"tid": GUID},
    "scraper": {"roles": "machine", "azp": "scraper"},
}
FIRST, SECOND, THIRD = (Signer(bytes([each]) * 32) for each in (1, 2, 3))
PUBLIC = text_of(FIRST.public)
TENANT = "t+/1=="


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    settings = {
        "PRINCIPALS": json.dumps(CALLERS),
        "ENROLMENT": "required",
    }
    host = Local(tmp_path_factory.mktemp("tenants") / "data", settings, operator={"Authorization": "Bearer ann"})
    host.start()
    yield host
    host.stop()


def post(host: Local, path: str, asked: Any, caller: str = "ann", **headers: str) -> tuple[int, Any]:
    body = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    headers = {"Authorization": f"Bearer {caller}", "Content-Type": "application/json", **headers}
    status, answer, _ = host.get(f"/v1/admin/tenants{path}", "POST", headers, body)
    return status, answer


def listed(host: Local, path: str = "tenants") -> Any:
    return host.get(f"/v1/admin/{path}", headers=host.operator)[1]["data"]


def a_body(value: float) -> bytes:
    return a_message(records_of(TENANT, "v", KEY, [value], WINDOW_START))


def test_from_a_stranger_to_an_enrolled_tenant_whose_key_changes(host: Local) -> None:
    host.put("unsigned", a_body(1.0))
    host.put("signed", FIRST.signed(a_body(2.0)))
    host.settled()
    named = key_id(FIRST.public).hex()
    (stranger,) = listed(host)
    assert (stranger["tenant"], stranger["enrolled"], stranger["newest"]) == (TENANT, False, None)
    assert stranger["unsignedSeen"] > WINDOW_START
    assert host.get("/v1/status", headers=host.operator)[1]["unsignedSenders"] == [TENANT]
    assert sorted(reason for each in listed(host, "quarantine") for reason in each["reasons"]) == [
        "the message is not signed, and enrolment is required",
        "the message is signed with a key that is not enrolled, and enrolment is required",
    ]
    said = {"tenant": TENANT, "publicKey": text_of(FIRST.public), "label": "Contoso", "contact": "Zoë, +1 555"}
    status, enrolled = post(host, "", {**said, "directories": [GUID.upper()]})
    assert (status, enrolled["enrolled"], enrolled["contact"]) == (200, True, "Zoë, +1 555")
    assert (enrolled["directories"], [key["id"] for key in enrolled["keys"]]) == ([GUID], [named])
    day = time.strftime("%Y-%m-%d", time.gmtime(WINDOW_START))
    for each in sorted({day, time.strftime("%Y-%m-%d", time.gmtime())}):
        host.operation_ended(host.start_operation(f"/v1/admin/quarantine/reingest?day={each}"))
    host.settled()
    assert [reason for each in listed(host, "quarantine") for reason in each["reasons"]] == [
        "the message is not signed, and enrolment is required"
    ]
    (unsigned,) = listed(host, "quarantine")
    assert unsigned["provenTenant"] is None
    path = f"/v1/admin/quarantine/reingest?day={each}&message={unsigned['message']}&tenant={TENANT.replace('+', '%2B')}"
    assert host.operation_ended(host.start_operation(path))["figures"]["accepted"] == 1
    assert listed(host, "quarantine") == []
    host.settled()
    (tenant,) = host.get("/v1/tenants", headers=host.operator)[1]["data"]
    assert (tenant["tenant"], tenant["label"]) == (TENANT, "Contoso")
    assert host.get("/v1/tenants", headers={"Authorization": "Bearer bob"})[1]["data"][0]["label"] is None

    assert post(host, "", {"tenant": TENANT, "publicKey": text_of(SECOND.public)})[0] == 200
    status, refused = post(host, "", {"tenant": TENANT, "publicKey": text_of(THIRD.public)})
    assert (status, "revoke one first" in refused["detail"]) == (409, True)
    status, refused = post(host, "", {"tenant": "another", "publicKey": text_of(FIRST.public)})
    assert (status, TENANT in refused["detail"]) == (409, False)
    status, revoked = post(host, "/revoke", {"tenant": TENANT, "key": named})
    assert (status, [key["revoked"] is None for key in revoked["keys"]]) == (200, [False, True])
    host.put("old key", FIRST.signed(a_body(3.0)))
    host.put("new key", SECOND.signed(a_body(4.0)))
    host.settled()
    reasons = [reason for each in listed(host, "quarantine") for reason in each["reasons"]]
    assert "the message is signed with a key that is revoked" in reasons

    def value() -> Any:
        path = f"/v1/samples?tenant={TENANT.replace('+', '%2B')}&start={WINDOW_START}&end={WINDOW_START + WINDOW}"
        return [row["PerfValue"] for row in host.get(path, headers=host.operator)[1]["data"]]

    wait_for(lambda: value() == [4.0], "the sample that the new key signed")


@pytest.mark.parametrize("caller", ["bob", "scraper"])
def test_it_is_for_operators_only(host: Local, caller: str) -> None:
    for path in ("", "/confirm", "/revoke"):
        assert post(host, path, {"tenant": TENANT}, caller)[0] == 403
    assert host.get("/v1/admin/tenants", headers={"Authorization": f"Bearer {caller}"})[0] == 403


@pytest.mark.parametrize(
    ("asked", "problems"),
    [
        ({}, {"label": "is missing", "contact": "is missing"}),
        ({"label": "Contoso", "publicKey": PUBLIC}, {"contact": "is missing", "publicKey": "needs a tenant"}),
        ({"tenant": "", "label": "\u0007", "no": 1}, {"tenant": "is empty", "label": "holds a", "no": "is unknown"}),
        ({"tenant": 5, "publicKey": "AAAA"}, {"tenant": "Input should be", "publicKey": "must hold 32 bytes"}),
        ({"tenant": "t", "directories": ["x"]}, {"directories": "must hold ids"}),
        ({"tenant": "t", "directories": [GUID] * 21}, {"directories": "is given more than 20 times"}),
    ],
)
def test_every_bad_part_of_a_body_is_named(host: Local, asked: Any, problems: dict[str, str]) -> None:
    status, answer = post(host, "", asked)
    assert status == 400
    found = {each["name"]: each["problem"] for each in answer["parameters"]}
    assert found.keys() == problems.keys()
    assert all(found[name].startswith(problem) for name, problem in problems.items())


@pytest.mark.parametrize(
    ("body", "headers", "said"),
    [
        (b"", {}, "is no JSON object"),
        (b"[]", {}, "is no JSON object"),
        (b'{"tenant": "\xff"}', {}, "is no JSON object"),
        (b'{"tenant": "\\ud800"}', {}, "is no JSON object"),
        (b" " * 70_000, {}, "at most 65,536"),
        (b"tenant=t", {"Content-Type": "application/x-www-form-urlencoded"}, "Content-Type: application/json"),
    ],
)
def test_what_is_no_json_object_is_told(host: Local, body: bytes, headers: dict[str, str], said: str) -> None:
    status, answer = post(host, "", body, **headers)
    assert (status, said in answer["detail"]) == (400, True)


def test_other_methods_and_sites_are_refused(host: Local) -> None:
    status, answer, headers = host.get("/v1/admin/tenants", "DELETE", host.operator)
    assert (status, headers["allow"]) == (405, "GET, HEAD, POST"), answer
    assert post(host, "", {"tenant": "t"}, **{"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert post(host, "?tenant=t", {"tenant": "t"})[0] == 400
    status, answer = post(host, "/revoke", {"tenant": "nobody", "key": "0" * 32})
    assert (status, "is enrolled" in answer["detail"]) == (404, True)
