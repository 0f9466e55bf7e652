"""Signing in over HTTP: who gets in as whom, and who does not."""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from local.platform import Behaviour, Platform, principal
from tests.app.conftest import Local

GUEST = "72f988bf-86f1-41af-91ab-2d7cd011db47"
CLAIMS: dict[str, dict[str, str | list[str]]] = {
    "olga": {"name": "Olga", "roles": ["reader", "operator"]},
    "scraper": {"roles": "machine", "azp": "a scraper"},
    "ted": {"preferred_username": "ted@example.com", "tid": "d-1"},
    "guest": {"tid": GUEST},
    "robot": {"azp": "a robot", "tid": "d-1"},
    "eve": {"tid": "nobody's", "roles": ["operator", "machine"]},
}
SETTINGS = {
    "PRINCIPALS": json.dumps(CLAIMS),
    "PLATFORM_LIKE": "long_names v1 refuses_bad_tokens",
    "TENANT_IDS": json.dumps({"D-1": "t-1"}),
    "LOG_LEVEL": "INFO",
}


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}"}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """A host where people sign in."""
    running = Local(tmp_path_factory.mktemp("signed-in") / "data", SETTINGS, operator=bearer("olga")).start()
    yield running
    running.stop()


# over HTTP -----------------------------------------------------------------------------------------------------------

OPERATORS_PRINCIPAL = principal(Behaviour().claims({"roles": "operator"}, session=True))
FORGED = {"X-MS-CLIENT-PRINCIPAL": OPERATORS_PRINCIPAL, "X-MS-CLIENT-PRINCIPAL-ID": "olga"}
FORGERIES: dict[str, Mapping[str, str]] = {
    "as it is": FORGED,
    "in other cases": {"x-Ms-cLIENT-PRINCIPAL": OPERATORS_PRINCIPAL},
    "with underscores": {"X_MS_CLIENT_PRINCIPAL": OPERATORS_PRINCIPAL},
    "with another name's end": {"X-MS-CLIENT-PRINCIPAL-NAME": OPERATORS_PRINCIPAL},
}


@pytest.mark.parametrize("forged", FORGERIES)
def test_a_forged_principal_opens_nothing(host: Local, forged: str) -> None:
    for caller, status in (({}, 401), ({"Cookie": "AppServiceAuthSession=nobody"}, 401), (bearer("ted"), 403)):
        assert host.get("/v1/status", headers={**caller, **FORGERIES[forged]})[0] == status


@pytest.mark.parametrize(
    ("name", "status", "expected"),
    [
        ("olga", 200, ("Olga", "operator", None)),
        ("scraper", 200, ("a scraper", "machine", None)),
        ("ted", 200, ("ted@example.com", "tenant", "t-1")),
        ("robot", 403, ()),
        ("eve", 403, ()),
        ("nobody", 401, ()),
    ],
)
def test_who_has_signed_in_is_told_who_that_is(
    host: Local, name: str, status: int, expected: tuple[str | None, ...]
) -> None:
    found, body, headers = host.get("/v1/me", headers=bearer(name))
    assert found == status
    assert headers.get("www-authenticate") == ("Bearer" if status == 401 else None)
    if status == 200:
        assert (body["name"], body["role"], body["tenant"]) == expected
        assert body["signsIn"]


def test_a_directory_and_an_application_of_an_enrolment_get_in_without_a_deployment(host: Local) -> None:
    def enrol(**said: Any) -> None:
        headers = {**host.operator, "Content-Type": "application/json"}
        status, body, _ = host.get("/v1/admin/tenants", "POST", headers, json.dumps({"tenant": "t-2", **said}).encode())
        assert status == 200, body

    assert host.get("/v1/me", headers=bearer("guest"))[0] == 403
    enrol(publicKey=base64.b64encode(bytes(32)).decode(), directories=[GUEST.upper()])
    me = host.get("/v1/me", headers=bearer("guest"))[1]
    assert (me["role"], me["tenant"]) == ("tenant", "t-2")
    enrol(directories=[])
    assert host.get("/v1/me", headers=bearer("guest"))[0] == 403


def test_a_session_is_as_good_as_a_token_but_for_what_another_site_may_have_sent(host: Local) -> None:
    session = {"Cookie": "AppServiceAuthSession=olga"}
    assert host.get("/v1/me", headers=session)[1]["role"] == "operator"
    resubmit = "/v1/admin/dead-letters/resubmit"
    for origin, status in (({}, 403), ({"Origin": "http://evil.test"}, 403), ({"Origin": host.address}, 202)):
        assert host.get(resubmit, "POST", {**session, **origin})[0] == status


def test_whoever_is_not_signed_in_gets_one_answer_whatever_they_ask(host: Local) -> None:
    def said() -> list[str]:
        """What is logged, but for timers and operations, which go on meanwhile."""
        return [each for each in host.log.splitlines() if " blueprints.http" in each]

    before = said()
    answers = []
    for path, method in (
        ("v1/status", "GET"),
        ("v1/status", "DELETE"),
        ("v1/get-data?nope=1", "GET"),
        ("v1/me", "POST"),
    ):
        status, body, headers = host.get(f"/{path}", method)
        assert (status, headers["www-authenticate"], headers["cache-control"]) == (401, "Bearer", "no-store")
        answers.append({name: value for name, value in body.items() if name != "requestId"})
    assert all(answer == answers[0] for answer in answers)
    assert said() == before


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"PLATFORM_AUTHENTICATION": "true"}, "WEBSITE_AUTH_ENABLED is not true"),
        ({"PLATFORM_AUTHENTICATION": "true", "WEBSITE_AUTH_ENABLED": "false"}, "WEBSITE_AUTH_ENABLED is not true"),
        ({"PLATFORM_AUTHENTICATION": "ture", "WEBSITE_AUTH_ENABLED": "true"}, "must be true or false"),
    ],
)
def test_where_the_platform_is_not_in_front_and_should_be_everybody_is_refused(
    local: Local, settings: dict[str, str], said: str
) -> None:
    local.settings = {**settings, "KEYS": "sesame"}
    local.start()
    for caller in ({}, FORGED, {"x-functions-key": "sesame"}, {"x-functions-key": "sesame", **FORGED}):
        for path in ("/v1/status", "/v1/tenants", "/v1/me", "/metrics"):
            assert local.get(path, headers=caller)[0] == 401
    assert local.get("/v1/health")[0] == 200
    assert local.log.count("everybody is refused") == 1  # and not once a request
    assert said in local.log


def test_what_is_malformed_in_the_settings_is_not_for_whoever_signs_in(local: Local) -> None:
    local.settings = {**SETTINGS, "MIN_TENANTS": "-1", "FLEET": "0"}
    local.start()
    assert local.get("/v1/me")[0] == 401
    for name in ("eve", "olga"):
        status, body, _ = local.get("/v1/me", headers=bearer(name))
        assert (status, "MIN_TENANTS" in body["detail"]) == (500, False)
    assert "MIN_TENANTS" in local.log


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"PRINCIPALS": "{"}, "PRINCIPALS"),
        ({"PRINCIPALS": "[]"}, "PRINCIPALS"),
        ({"PRINCIPALS": '{"ann": "operator"}'}, "PRINCIPALS"),
        ({"PLATFORM_LIKE": "v1 v3"}, "PLATFORM_LIKE has v3"),
    ],
)
def test_what_is_malformed_of_the_stand_in_is_named(settings: dict[str, str], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Platform.of("", settings.get("PRINCIPALS", ""), settings.get("PLATFORM_LIKE", ""))


MISMATCHED: dict[str, dict[str, str]] = {
    "for another app": {"roles": "operator", "aud": "another app"},
    "of another issuer": {"roles": "operator", "iss": "https://sts.windows.net/another/"},
    "as it should be": {"roles": "operator"},
}


@pytest.mark.parametrize(
    ("like", "refused"),
    [
        ("", []),
        ("strict_audience", ["for another app"]),
        ("strict_issuer", ["of another issuer"]),
        ("strict_audience strict_issuer v1", ["for another app", "of another issuer"]),
    ],
)
def test_the_stand_in_is_strict_or_lax_about_audience_and_issuer(like: str, refused: list[str]) -> None:
    platform = Platform.of("", json.dumps(MISMATCHED), like)
    assert [name for name in MISMATCHED if platform.refuses({"authorization": f"Bearer {name}"})] == refused


def test_and_ends_the_start(local: Local) -> None:
    local.settings = {"PRINCIPALS": "nonsense"}
    local.start()
    assert local.process
    assert local.process.wait() == 1
    assert "PRINCIPALS" in local.log
    assert "Traceback" not in local.log
