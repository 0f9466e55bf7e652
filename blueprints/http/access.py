"""Identifies the caller: the operator by a function key, or a user by App Service Authentication.

A setting says whether App Service Authentication stands in front of the app (blueprints.settings.sign_in). If it does,
the Functions host asks for no key, and only the platform's principal counts: the platform sets that header itself and
removes it from every request from outside. If it does not, anybody can set the header. The app then ignores it, and the
Functions host asks for a function key before any of this code runs.

This was tested with headers that others have seen the platform send. It was not tested on the platform itself.
"""

import base64
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import urlsplit

import azure.functions as func
from pydantic import BaseModel

from blueprints.http.problems import problem
from blueprints.settings import Settings, SignIn
from blueprints.telemetry import line
from domain.access import Caller
from domain.access import Principal as Someone
from domain.enrolment import Register
from domain.errors import Forbidden, Unauthenticated
from domain.names import name_problem

log = logging.getLogger(__name__)

PRINCIPAL = "x-ms-client-principal"
PROVIDER = "aad"
"""The platform's name for Entra ID."""

ROLES = "roles"
"""The type of claim that Entra ID uses for app roles. A principal may name an additional one."""

NAMES = (
    "preferred_username",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
    "name",
    "appid",
    "azp",
    "http://schemas.microsoft.com/identity/claims/objectidentifier",
)
"""The types of claims that hold a caller's name, the best first. For a machine, it is the id of its application."""

LONGEST_NAME = 256
"""In characters. People choose their own display names, and records and logs contain them."""

SIGN_IN_FIRST = "sign in, or send a token of Microsoft Entra ID as Authorization: Bearer"
CHALLENGE = {"WWW-Authenticate": "Bearer"}
TELL_SECONDS = 60
"""How often the log says why everybody is refused."""

_told = float("-inf")


class Claim(BaseModel):
    """A claim: its type and its value, under the platform's names."""

    typ: str
    val: str


class Principal(BaseModel):
    """The header's content, in base64 (Microsoft, "Work with user identities in Azure App Service authentication")."""

    auth_typ: str
    claims: list[Claim]
    role_typ: str | None = None


def refused(headers: Mapping[str, str], request_id: str, sign_in: SignIn) -> func.HttpResponse | None:
    """Return the answer to a caller who is not signed in. Return None if the caller is, or need not be.

    The answer is always the same. Names of headers are in lower case. Only the headers are read, so that a flood of
    such requests costs almost nothing.
    """
    if not sign_in.on or (headers.get(PRINCIPAL, "").strip() and sign_in.problem is None):
        return None
    if sign_in.problem is not None:
        _tell(sign_in.problem)
    return problem(request_id, HTTPStatus.UNAUTHORIZED, SIGN_IN_FIRST, CHALLENGE)


def _tell(why: str) -> None:
    global _told  # noqa: PLW0603  (once per process and minute)
    if time.monotonic() - _told >= TELL_SECONDS:
        _told = time.monotonic()
        log.error("%s", line("everybody is refused", why=why))


async def caller_behind(
    headers: Mapping[str, str], settings: Settings, register: Callable[[], Awaitable[Register]]
) -> Caller:
    """Return the sender of a request, from the platform's principal. Raises Unauthenticated, Forbidden and Unavailable.

    Names of headers are in lower case. ``register`` returns the enrolments. A caller with a role needs no enrolment.
    """
    try:
        given = Principal.model_validate_json(base64.b64decode(headers.get(PRINCIPAL, "").strip(), validate=True))
    except ValueError as error:  # not base64, not JSON, or the wrong shape
        raise Unauthenticated("who you are can't be read from what the platform says of you") from error
    if given.auth_typ != PROVIDER:
        raise Forbidden("you are signed in, but not by Microsoft Entra ID")
    someone = Someone.of((claim.typ, claim.val) for claim in given.claims)
    caller = someone.role({ROLES, given.role_typ or ROLES}, settings.role_directory)
    if caller is None:
        caller = someone.of_tenant(await register(), settings.tenant_claim, settings.tenant_ids)
        if name_problem(str(caller.tenant)):
            raise Forbidden("you are signed in, but what names your tenant is no name; the operator can change that")
    return replace(caller, name=_name(given))


def of_another_site(headers: Mapping[str, str], url: str) -> bool:
    """Tell whether another site's page may have sent this change. The browser would add the user's cookies to it.

    Browsers report this in Sec-Fetch-Site. Browsers without it at least report the page's origin (Origin). A request
    without a cookie does not come from a signed-in browser.
    """
    said = headers.get("sec-fetch-site")
    if said is not None:
        return said not in ("none", "same-origin")
    origin = headers.get("origin")
    if origin is None:
        return "cookie" in headers
    try:
        # Do not compare the scheme: behind the platform's own proxy, the app may see http.
        return urlsplit(origin).netloc.lower() != urlsplit(url).netloc.lower()
    except ValueError:  # one of them is not a URL
        return True


def _name(principal: Principal) -> str:
    """Return a principal's name: the printable part of the first claim that holds a name."""
    claims = {claim.typ: claim.val for claim in reversed(principal.claims)}
    name = next((claims[kind] for kind in NAMES if claims.get(kind)), "somebody without a name")[:LONGEST_NAME]
    return "".join(each if each.isprintable() else "\ufffd" for each in name)
