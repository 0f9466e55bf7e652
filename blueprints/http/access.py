"""Who calls: the operator by a function key, or whoever App Service Authentication says.

Where that stands in front of the app, a setting says so (blueprints.settings.sign_in). Then the Functions host asks for
no key, and nothing but the platform's principal counts: it sets that header itself and takes it from every request that
comes from outside. Where it does not, anybody can set the header, so it is not looked at, and the Functions host asks
for a function key before anything of this runs.

All of this was tried with headers as the platform was seen to send them, by others. The platform itself was not tried.
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
"""How the platform names Entra ID."""

ROLES = "roles"
"""The type of claim in which Entra ID names app roles; a principal may name another besides."""

NAMES = (
    "preferred_username",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
    "name",
    "appid",
    "azp",
    "http://schemas.microsoft.com/identity/claims/objectidentifier",
)
"""The types of claims that name somebody, the best first; of a machine that is its application's id."""

LONGEST_NAME = 256
"""Characters. People choose their own display names, and these stand in records and logs."""

SIGN_IN_FIRST = "sign in, or send a token of Microsoft Entra ID as Authorization: Bearer"
CHALLENGE = {"WWW-Authenticate": "Bearer"}
TELL_SECONDS = 60
"""How often the log says why everybody is refused."""

_told = float("-inf")


class Claim(BaseModel):
    """A claim, by the platform's names: its type and its value."""

    typ: str
    val: str


class Principal(BaseModel):
    """What the header holds, in base64 (Microsoft, "Work with user identities in Azure App Service authentication")."""

    auth_typ: str
    claims: list[Claim]
    role_typ: str | None = None


def refused(headers: Mapping[str, str], request_id: str, sign_in: SignIn) -> func.HttpResponse | None:
    """Return the answer to whoever is not signed in, which is always the same; None: somebody is, or nobody needs to.

    Names of headers are in lower case. Nothing else is looked at, so that a flood of such requests costs next to
    nothing.
    """
    if not sign_in.on or (headers.get(PRINCIPAL, "").strip() and sign_in.problem is None):
        return None
    if sign_in.problem is not None:
        _tell(sign_in.problem)
    return problem(request_id, HTTPStatus.UNAUTHORIZED, SIGN_IN_FIRST, CHALLENGE)


def _tell(why: str) -> None:
    global _told  # noqa: PLW0603  (once a process and minute)
    if time.monotonic() - _told >= TELL_SECONDS:
        _told = time.monotonic()
        log.error("%s", line("everybody is refused", why=why))


async def caller_behind(
    headers: Mapping[str, str], settings: Settings, register: Callable[[], Awaitable[Register]]
) -> Caller:
    """Return who sent a request, by the platform's principal. Raises Unauthenticated, Forbidden and Unavailable.

    Names of headers are in lower case. ``register`` returns the enrolments; who has a role needs none.
    """
    try:
        given = Principal.model_validate_json(base64.b64decode(headers.get(PRINCIPAL, "").strip(), validate=True))
    except ValueError as error:  # no base64, no JSON, or not of this shape
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
    """Tell whether a request that changes something may be another site's page's, which a browser sends cookies with.

    Browsers say that; those that do not know how to (Sec-Fetch-Site) say at least where the page is from (Origin). Who
    sends no cookie is no browser that is signed in.
    """
    said = headers.get("sec-fetch-site")
    if said is not None:
        return said not in ("none", "same-origin")
    origin = headers.get("origin")
    if origin is None:
        return "cookie" in headers
    try:
        # The scheme is not compared: behind the platform's own proxy, the app may see http.
        return urlsplit(origin).netloc.lower() != urlsplit(url).netloc.lower()
    except ValueError:  # one of them is no URL
        return True


def _name(principal: Principal) -> str:
    """How a principal is called: the first of the claims that name one, as far as it can be printed."""
    claims = {claim.typ: claim.val for claim in reversed(principal.claims)}
    name = next((claims[kind] for kind in NAMES if claims.get(kind)), "somebody without a name")[:LONGEST_NAME]
    return "".join(each if each.isprintable() else "\ufffd" for each in name)
