"""The caller as the app knows them. The page shows this beside the sign-out."""

from dataclasses import dataclass

import azure.durable_functions as df

from blueprints.http.endpoints import EVERY_CALLER, endpoint
from blueprints.http.reading import NoParameters
from blueprints.services import Services
from blueprints.settings import sign_in
from domain.access import Role
from domain.disclosure import ForTenants
from pipeline.queries.view import View

blueprint = df.Blueprint()


@dataclass(frozen=True, slots=True)
class Me(ForTenants):
    """The caller."""

    name: str
    """The caller's name, as the platform gives it."""
    role: Role
    tenant: str | None
    """For the role tenant: the tenant's masked name."""
    signsIn: bool
    """Whether callers sign in. If not, they use a function key."""


@endpoint(blueprint, "v1/me", EVERY_CALLER, max_age=0)
async def me(shared: Services, view: View, asked: NoParameters) -> Me:  # noqa: ARG001
    """Who you are here: your name, your role and your tenant."""
    return Me(view.caller.name, view.caller.role, view.caller.tenant, sign_in().on)
