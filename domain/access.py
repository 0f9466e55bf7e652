"""Who asks, and what they may see. Knows roles and claims; refuses to know tokens, headers and settings.

Three callers: the *operator* sees everything; a *tenant's* caller sees that tenant and, with care (domain.disclosure),
the fleet; a *machine*, such as a metrics scraper, sees the fleet and no tenant.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from domain.errors import Forbidden

Role = Literal["operator", "tenant", "machine"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. ``tenant`` is the masked name of a tenant's caller's own tenant, and None for the others.

    ``name`` is for records: how the platform calls them.
    """

    role: Role
    tenant: str | None = None
    name: str = field(default="a holder of a function key", compare=False)

    def sees(self, tenant: str) -> bool:
        """Tell whether this caller may see a tenant, named exactly."""
        return self.role == "operator" or (self.role == "tenant" and self.tenant == tenant)

    @property
    def sees_fleet_in_full(self) -> bool:
        """Tell whether this caller sees all of the fleet's figures."""
        return self.role in ("operator", "machine")


DIRECTORY_TYPES = frozenset({"http://schemas.microsoft.com/identity/claims/tenantid", "tid"})
"""The types of the claim that names the directory of Entra ID from which somebody comes."""

OPERATOR = Caller("operator")
MACHINE = Caller("machine")


def caller_of(
    claims: Iterable[tuple[str, str]],
    role_types: Collection[str],
    tenant_type: str,
    tenants: Mapping[str, str] | None = None,
    role_directory: str | None = None,
) -> Caller:
    """Return the caller of a principal's claims, each a type and a value.

    An app role (a claim of one of ``role_types``) that says ``operator`` or ``machine`` decides, the greater first; but
    only for those who come from ``role_directory`` (None: from any), since in every directory that an app is open to,
    its own administrators assign the app's roles. Else the claim of ``tenant_type`` names the tenant: its value is
    looked up in ``tenants``, or is the masked name itself where that is None.
    Raises Forbidden for a principal that is none of these, or of several tenants.
    """
    claims = list(claims)
    directories = {value.lower() for kind, value in claims if kind in DIRECTORY_TYPES}
    trusted = role_directory is None or directories == {role_directory.lower()}
    roles = {value for kind, value in claims if trusted and kind in role_types}
    for caller in (OPERATOR, MACHINE):
        if caller.role in roles:
            return caller
    values = {value for kind, value in claims if kind == tenant_type}
    own = values if tenants is None else {tenants[value] for value in values & tenants.keys()}
    if len(own) > 1:
        raise Forbidden("you are signed in for more than one tenant; the operator can change that")
    if not own or not all(own):
        raise Forbidden(
            "you are signed in, but neither with a role here nor for a tenant; the operator can change that"
        )
    return Caller("tenant", own.pop())
