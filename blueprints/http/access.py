"""Who calls: the operator by a function key, or whoever App Service Authentication says.

The Functions host asks for a function key before anything of this runs. Where App Service Authentication stands in
front of the app, a setting says so, and then nothing but its principal counts: the platform sets that header itself and
takes it from every request that comes from outside. Where it does not, anybody can set the header, so it is ignored.
"""

import base64
from collections.abc import Mapping
from dataclasses import replace

from pydantic import BaseModel

from blueprints.settings import Settings
from domain.access import OPERATOR, Caller, caller_of
from domain.errors import Forbidden, Unauthenticated
from domain.names import name_problem

PRINCIPAL = "x-ms-client-principal"
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


class Claim(BaseModel):
    """A claim, by the platform's names: its type and its value."""

    typ: str
    val: str


class Principal(BaseModel):
    """What the header holds, in base64 (Microsoft, "Work with user identities in Azure App Service authentication")."""

    claims: list[Claim]
    role_typ: str | None = None


def caller_behind(headers: Mapping[str, str], settings: Settings) -> Caller:
    """Return who sent a request. Raises Unauthenticated and Forbidden. Names of headers are in lower case."""
    if not settings.platform_authentication:
        return OPERATOR
    header = headers.get(PRINCIPAL)
    if not header:
        raise Unauthenticated("sign in, or send a token of Microsoft Entra ID as Authorization: Bearer")
    try:
        principal = Principal.model_validate_json(base64.b64decode(header, validate=True))
    except ValueError as error:  # no base64, no JSON, or not of this shape
        raise Unauthenticated("who you are can't be read from what the platform says of you") from error
    caller = caller_of(
        ((claim.typ, claim.val) for claim in principal.claims),
        {ROLES, principal.role_typ or ROLES},
        settings.tenant_claim,
        settings.tenant_ids,
        settings.role_directory,
    )
    if caller.tenant is not None and name_problem(caller.tenant):
        raise Forbidden("you are signed in, but what names your tenant is no name; the operator can change that")
    return replace(caller, name=_name(principal))


def _name(principal: Principal) -> str:
    """How a principal is called: the first of the claims that name one, as far as it can be printed."""
    claims = {claim.typ: claim.val for claim in reversed(principal.claims)}
    name = next((claims[kind] for kind in NAMES if claims.get(kind)), "somebody without a name")[:LONGEST_NAME]
    return "".join(each if each.isprintable() else "\ufffd" for each in name)
