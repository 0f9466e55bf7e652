"""Callers, and what they may see. Knows roles and claims; refuses to know tokens, headers and settings.

There are three roles. An *operator* sees everything. A *tenant's* caller sees that tenant, and the fleet's figures that
domain.disclosure allows. A *machine*, such as a metrics scraper, sees the fleet and no tenant.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

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


DIRECTORY_TYPES = frozenset({"http://schemas.microsoft.com/identity/claims/tenantid", "tid"})
"""The types of the claim that names the caller's directory in Entra ID."""

OPERATOR = Caller("operator")
MACHINE = Caller("machine")


def caller_of(
    claims: Iterable[tuple[str, str]],
    role_types: Collection[str],
    tenant_type: str,
    tenants: Mapping[str, str] | None = None,
    role_directory: str | None = None,
) -> Caller:
    """Return the caller for a principal's claims. Each claim is a type and a value.

    An app role (a claim with a type of ``role_types``) decides first: ``operator``, then ``machine``. App roles count
    only for callers from ``role_directory`` (None: from any directory), because each directory that may use an app
    assigns the app's roles itself. Without an app role, the claim of type ``tenant_type`` names the tenant. Its value
    is looked up in ``tenants``; if that is None, the value is the masked name itself.

    Raises Forbidden if the principal has neither a role nor a tenant, or has several tenants.
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
        raise Forbidden("you are signed in for more than one tenant; ask the operator to change that")
    if not own or not all(own):
        raise Forbidden("you are signed in, but have neither a role here nor a tenant; ask the operator to change that")
    return Caller("tenant", own.pop())
