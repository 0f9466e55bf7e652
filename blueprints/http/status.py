"""The state of the system, for the operator; and whether it is alive, for anybody."""

from dataclasses import dataclass
from typing import Literal

import azure.durable_functions as df

from blueprints.http.endpoints import ANYBODY, OPERATORS, endpoint
from blueprints.http.reading import NoParameters
from blueprints.services import Services
from domain.disclosure import ForTenants
from pipeline.queries.status import Status
from pipeline.queries.status import status as status_of
from pipeline.queries.view import View

blueprint = df.Blueprint()


@dataclass(frozen=True, slots=True)
class Alive(ForTenants):
    """The app runs and its store answers."""

    status: Literal["ok"] = "ok"


@endpoint(blueprint, "v1/status", OPERATORS, max_age=0, group="Operations")
async def status(shared: Services, view: View, asked: NoParameters) -> Status:  # noqa: ARG001
    """The age of the report, the work that waits for averaging, and today's refusals with their reasons."""
    return await status_of(shared.tables, view)


@endpoint(blueprint, "v1/health", ANYBODY, max_age=0)
async def health(shared: Services, view: View, asked: NoParameters) -> Alive:  # noqa: ARG001
    """Whether the app runs and its store answers, or answered some seconds ago."""
    await shared.pulse.feel(shared.tables)
    return Alive()
