"""Callers, and what they may see. Knows roles, claims and directories; refuses to know tokens, headers and settings.

There are three roles. An *operator* sees everything. A *tenant's* caller sees that tenant, and the fleet's figures that
domain.disclosure allows. A *machine*, such as a metrics scraper, sees the fleet and no tenant.

Whoever calls is signed in by exactly one directory of Entra ID, and is a person or an application. A person of the
operator's directory may be given the app role ``operator``, an application of it the app role ``machine``. Everybody
else is of the tenant whose directory has signed them in, or is let nowhere.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from domain.enrolment import Register
from domain.errors import Forbidden

Role = Literal["operator", "tenant", "machine"]


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller. If the role is "tenant", ``tenant`` is the masked name of the caller's tenant; otherwise it is None.

    ``name`` is the platform's name for the caller, for records.
    """

    role: Role
    tenant: str | None = None
    name: str = field(default="a holder of a function key", compare=False)

    def sees(self, tenant: str) -> bool:
        """Tell whether this caller may see a tenant, given by its exact masked name."""
        return self.role == "operator" or (self.role == "tenant" and self.tenant == tenant)

    @property
    def sees_fleet_in_full(self) -> bool:
        """Whether this caller sees all figures of the fleet."""
        return self.role in ("operator", "machine")


OPERATOR = Caller("operator")
MACHINE = Caller("machine")

# Entra ID's short names of claims, and the long ones that the platform makes of some of them.
DIRECTORY_TYPES = frozenset({"tid", "http://schemas.microsoft.com/identity/claims/tenantid"})
SCOPE_TYPES = frozenset({"scp", "http://schemas.microsoft.com/identity/claims/scope"})
APPLICATION_TYPES = ("azp", "appid")
"""What names the application that asked for an access token: of version 2 and of version 1."""

ISSUERS = (
    *("https://login.microsoftonline.com/{}/v2.0", "https://sts.windows.net/{}/"),
    "https://login.microsoftonline.us/{}/v2.0",
    *("https://login.partner.microsoftonline.cn/{}/v2.0", "https://login.chinacloudapi.cn/{}/v2.0"),
    "https://sts.chinacloudapi.cn/{}/",
)
"""How a directory is named as the issuer of its tokens: worldwide, for the US government (whose version 1 is the
worldwide one) and in China (Microsoft, "National clouds"; the last three were not seen by us)."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is signed in. ``directory`` is the id of the directory that says so, in lower case.

    ``application`` is the id of an application that calls for itself, in lower case; None: a person calls, with a
    session or by an application that they let act for them.
    """

    directory: str
    application: str | None
    claims: Mapping[str, frozenset[str]]
    """The values of each type of claim."""

    @classmethod
    def of(cls, given: Iterable[tuple[str, str]]) -> "Principal":
        """Return the principal of some claims, each a type and a value. Raises Forbidden."""
        claims: dict[str, frozenset[str]] = {}
        for kind, value in given:
            claims[kind] = claims.get(kind, frozenset()) | {value}
        directory = _only(_values(claims, DIRECTORY_TYPES), "directories")
        issuer = _only(_values(claims, ("iss",)), "issuers")
        if issuer not in {each.format(directory) for each in ISSUERS}:
            raise Forbidden("you are signed in, but not by the directory that you are said to be of")
        applications = _values(claims, APPLICATION_TYPES)
        # An access token names the application that asked for it, and is a person's only with a scope. The ID token of
        # a session names no application.
        says_app = "app" in _values(claims, ("idtyp",))
        alone = says_app or (applications and not any(_values(claims, SCOPE_TYPES)))
        return cls(directory, _only(applications, "applications") if alone else None, claims)

    def role(self, role_types: Collection[str], role_directory: str | None) -> Caller | None:
        """Return the caller that an app role makes of this principal; None: none does.

        App roles (claims of ``role_types``) count only for callers from ``role_directory`` (None: from nowhere), since
        each directory that may use an app assigns the app's roles itself.
        """
        if role_directory is None or self.directory != role_directory.lower():
            return None
        own = OPERATOR if self.application is None else MACHINE
        return own if any(own.role in self.claims.get(kind, ()) for kind in role_types) else None

    def of_tenant(self, register: Register, claim: str, listed: Mapping[str, str]) -> Caller:
        """Return the caller that this principal is for a tenant. Raises Forbidden.

        Whose directory it is stands in the tenants' enrolments. For a directory that stands in none, ``listed`` says by
        value of a type of claim (in lower case) which tenant is meant, but not for tenants whose enrolments name
        directories. An application has to stand in its tenant's enrolment as well.
        """
        tenants = register.directories.get(self.directory, frozenset())
        if not tenants and not register.corrupt:  # what can't be read might say otherwise
            values = {self.directory} if claim in DIRECTORY_TYPES else _values(self.claims, (claim,))
            named = {listed[value] for value in values & listed.keys()}
            tenants = frozenset(each for each in named if each and not register.directories_of(each))
        if len(tenants) > 1:
            raise Forbidden("you are signed in for more than one tenant; ask the operator to change that")
        if not tenants:
            raise Forbidden(
                "you are signed in, but have neither a role here nor a tenant; ask the operator to change that"
            )
        (tenant,) = tenants
        if self.application is not None and self.application not in register.applications_of(tenant):
            raise Forbidden("an application needs the role machine, or to stand in the enrolment of its tenant")
        return Caller("tenant", tenant)


def _values(claims: Mapping[str, frozenset[str]], kinds: Collection[str]) -> frozenset[str]:
    """Return the values of claims of these types, in lower case."""
    return frozenset(value.lower() for kind in kinds for value in claims.get(kind, ()))


def _only(values: Collection[str], what: str) -> str:
    if len(values) != 1 or not all(values):
        raise Forbidden(f"you are signed in, but what says so names {len(values)} {what} instead of one")
    return next(iter(values))
