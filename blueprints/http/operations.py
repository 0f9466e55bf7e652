"""The operations that operators started."""

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import azure.durable_functions as df

from blueprints.http.endpoints import OPERATORS, endpoint
from blueprints.http.reading import NoParameters
from blueprints.operations import run_of
from blueprints.services import Services
from pipeline.operations import listed
from pipeline.queries.view import View

blueprint = df.Blueprint()

MOST_LISTED = 500


@dataclass(frozen=True, slots=True)
class OperationItem:
    """An operation that an operator started."""

    instance: str
    """The id under which it runs: the same for the same command."""
    kind: str
    """What it does: rebuild, catch-up, purge, reingest, drop or resubmit."""
    command: dict[str, Any]
    """What was asked, by the names of its parameters."""
    by: str
    """Who started it."""
    started: int
    """When, in Unix seconds."""
    ended: int | None
    """When it ended, in Unix seconds; null while it runs. If it stopped in silence: when that was noticed."""
    state: str
    """running, done, failed or stopped; unknown if its record is corrupt."""
    figures: dict[str, int]
    """What it did, in numbers."""
    error: str | None
    """Why it failed or stopped."""


@dataclass(frozen=True, slots=True)
class OperationList:
    """The operations that operators started, the newest first."""

    data: list[OperationItem]


@endpoint(blueprint, "v1/admin/operations", OPERATORS, max_age=0)
async def operations(
    shared: Services,
    view: View,
    asked: NoParameters,  # noqa: ARG001
    client: df.DurableOrchestrationClient,
) -> OperationList:
    """Which operations operators started: what, by whom, when, and their results."""
    records = await listed(shared.tables, MOST_LISTED, partial(run_of, client), view.now)
    return OperationList([OperationItem(**asdict(record)) for record in records])
