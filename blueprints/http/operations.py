"""What operators had done."""

from dataclasses import dataclass
from functools import partial

import azure.durable_functions as df

from blueprints.http.endpoints import OPERATORS, endpoint
from blueprints.http.reading import NoParameters
from blueprints.operations import run_of
from blueprints.services import Services
from pipeline.operations import listed
from pipeline.queries.view import View
from storage.tables.operations import OperationRecord

blueprint = df.Blueprint()

MOST_LISTED = 500


@dataclass(frozen=True, slots=True)
class OperationList:
    """What operators had done, the newest first."""

    data: list[OperationRecord]


@endpoint(blueprint, "v1/admin/operations", OPERATORS, max_age=0)
async def operations(
    shared: Services,
    view: View,
    asked: NoParameters,  # noqa: ARG001
    client: df.DurableOrchestrationClient,
) -> OperationList:
    """What operators had done: what, by whom, when, and what came of it."""
    return OperationList(await listed(shared.tables, MOST_LISTED, partial(run_of, client), view.now))
