"""The platform's principals as it was seen to send them; when they are believed; floods, and pages of other sites."""

import asyncio
import base64
import json
import time
from pathlib import Path
from types import SimpleNamespace

import azure.durable_functions as df
import azure.functions as func
import pytest

from blueprints.http import access, endpoints
from blueprints.http.access import PRINCIPAL, caller_behind, of_another_site, refused
from blueprints.http.endpoints import ENDPOINTS, OPERATORS, endpoint
from blueprints.settings import Settings, SignIn, sign_in_of
from domain.access import MACHINE, OPERATOR, Caller
from domain.enrolment import Enrolment, Register
from domain.errors import Forbidden, Unauthenticated
from local.platform import HOME, Behaviour, principal
from tests.app.test_endpoints import delete_rule

OPERATORS_PRINCIPAL = principal(Behaviour().claims({"roles": "operator"}, session=True))

# the setting ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", ["true", "True", "TRUE", " 1 "])
@pytest.mark.parametrize("name", ["PLATFORM_AUTHENTICATION", "Platform_Authentication"])
def test_principals_are_believed_only_where_setting_and_platform_agree(wanted: str, name: str) -> None:
    for enabled in ("true", "True", "TRUE", "1"):
        assert sign_in_of({name: wanted, "WEBSITE_AUTH_ENABLED": enabled}) == SignIn(on=True)
    for environment in ({}, *({"WEBSITE_AUTH_ENABLED": other} for other in ("", "false", "0", "yes", "tru"))):
        found = sign_in_of({name: wanted, **environment})
        assert (found.on, found.problem is None) == (True, False)


def test_what_is_neither_on_nor_off_is_not_taken_for_off() -> None:
    for off in ("", "false", "False", "0"):
        assert sign_in_of({"PLATFORM_AUTHENTICATION": off, "WEBSITE_AUTH_ENABLED": "true"}) == SignIn(on=False)
    for other in ("yes", "on", "ture", "2"):
        assert sign_in_of({"PLATFORM_AUTHENTICATION": other, "WEBSITE_AUTH_ENABLED": "true"}).problem


# principals, as the platform was seen to send them --------------------------------------------------------------------

KNOWN = Settings(sqlite_path=Path("x.db"), role_directory=HOME, tenant_ids={"D-1": "t-1"})
EVERY_WAY = [Behaviour(long_names=long, v1=v1) for long in (False, True) for v1 in (False, True)]


async def behind(header: str, directory: str = "d-2") -> Caller:
    async def register() -> Register:
        return Register.of([Enrolment("t-2", directories=(directory,), applications=("a robot",))])

    return await caller_behind({PRINCIPAL: header}, KNOWN, register)


@pytest.mark.parametrize("session", [False, True], ids=["token", "session"])
@pytest.mark.parametrize("way", EVERY_WAY, ids=str)
async def test_whichever_way_the_platform_tells_it_the_caller_is_the_same(way: Behaviour, *, session: bool) -> None:
    for claims, expected in (
        ({"roles": ["x", "operator"]}, OPERATOR),
        ({"tid": "d-1"}, Caller("tenant", "t-1")),
        ({"tid": "d-2"}, Caller("tenant", "t-2")),
        ({"tid": "d-2", "azp": "A robot"}, Caller("tenant", "t-2")),
        ({"roles": "machine", "azp": "a scraper"}, MACHINE),
    ):
        assert await behind(principal(way.claims(claims, session=session))) == expected
    for refused_claims in (
        {},
        {"tid": "d-3", "roles": "operator"},
        {"tid": "d-1", "azp": "a robot"},  # of its own, in a tenant's directory
        {"tid": "d-3", "roles": "machine", "azp": "a scraper"},
        {"roles": "operator", "azp": "a robot"},
        {"http://schemas.microsoft.com/ws/2008/06/identity/claims/role": "operator"},
    ):
        with pytest.raises(Forbidden):
            await behind(principal(way.claims(refused_claims, session=session)))


@pytest.mark.parametrize("provider", ["google", "AAD", "", "github"])
async def test_only_entra_id_is_believed(provider: str) -> None:
    content = json.loads(base64.b64decode(OPERATORS_PRINCIPAL))
    with pytest.raises(Forbidden, match="Entra ID"):
        await behind(base64.b64encode(json.dumps({**content, "auth_typ": provider}).encode()).decode())


@pytest.mark.parametrize(
    "header",
    [
        f"{OPERATORS_PRINCIPAL},{OPERATORS_PRINCIPAL}",  # doubled, as the Functions host joins them
        f"{OPERATORS_PRINCIPAL}, ",
        f"{OPERATORS_PRINCIPAL[:8]} {OPERATORS_PRINCIPAL[8:]}",
        *("%", "bm90IGpzb24=", "e30=", "eyJjbGFpbXMiOiBbMV19", "W10=", "\u00e4", "x" * 5000),
    ],
)
async def test_a_principal_that_can_not_be_read_is_nobodys(header: str) -> None:
    with pytest.raises(Unauthenticated):
        await behind(header)


async def test_blanks_around_a_principal_are_no_part_of_it() -> None:
    assert await behind(f" {OPERATORS_PRINCIPAL} ") == OPERATOR
    for blank in ("", "  "):
        answer = refused({PRINCIPAL: blank}, "1", SignIn(on=True))
        assert answer
        assert answer.status_code == 401


# a flood, and other sites ---------------------------------------------------------------------------------------------


def test_a_flood_of_anonymous_requests_reads_nothing_and_takes_next_to_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def services() -> None:
        raise AssertionError("settings and store are not for whoever is not signed in")

    monkeypatch.setattr(endpoints, "services", services)
    monkeypatch.setattr(endpoints, "sign_in", lambda: SignIn(on=True))
    registered = list(ENDPOINTS)
    app = df.Blueprint()
    endpoint(app, "v1/flood/{rule}", OPERATORS, method="DELETE")(delete_rule)
    (trigger,) = app._function_builders
    handle = trigger._function.get_user_function()
    request = func.HttpRequest(method="DELETE", url="http://x/", headers={}, route_params={"rule": "r"}, body=b"")

    async def flood(times: int) -> None:
        for _ in range(times):
            assert (await handle(request, SimpleNamespace(invocation_id="1"))).status_code == 401

    try:
        asyncio.run(flood(1))
        began = time.process_time()
        asyncio.run(flood(500))
        assert (time.process_time() - began) / 500 < 0.001  # seconds of this process, however busy the machine is
    finally:
        ENDPOINTS[:] = registered


def test_why_everybody_is_refused_is_told_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(access, "_told", float("-inf"))
    for _ in range(3):
        assert refused({PRINCIPAL: OPERATORS_PRINCIPAL}, "1", SignIn(on=True, problem="the reason"))
    assert [each.message for each in caplog.records] == ['everybody is refused why="the reason"']


URL = "https://app.test/v1/admin/rebuild"


@pytest.mark.parametrize(
    ("headers", "refused_"),
    [
        ({}, False),  # a tool
        ({"cookie": "a=b"}, True),
        ({"cookie": "a=b", "origin": "https://app.test"}, False),
        ({"cookie": "a=b", "origin": "https://APP.test"}, False),
        ({"cookie": "a=b", "origin": "null"}, True),
        ({"cookie": "a=b", "origin": ""}, True),
        ({"cookie": "a=b", "origin": "https://app.test.evil.test"}, True),
        ({"cookie": "a=b", "origin": "https://app.test:8443"}, True),
        ({"cookie": "a=b", "origin": "https://[evil"}, True),
        ({"origin": "https://evil.test"}, True),
        ({"cookie": "a=b", "sec-fetch-site": "same-origin"}, False),
        ({"cookie": "a=b", "sec-fetch-site": "none"}, False),
        ({"cookie": "a=b", "sec-fetch-site": "same-site", "origin": "https://app.test"}, True),
        ({"cookie": "a=b", "sec-fetch-site": "cross-site", "origin": "https://app.test"}, True),
        ({"sec-fetch-site": ""}, True),
    ],
)
def test_what_changes_something_does_not_come_from_another_site(headers: dict[str, str], *, refused_: bool) -> None:
    assert of_another_site(headers, URL) is refused_
