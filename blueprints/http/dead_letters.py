"""Dead letters, for the operator: messages that the queue stopped delivering."""

import azure.durable_functions as df

from blueprints.http.endpoints import OPERATORS, endpoint
from blueprints.http.reading import NoParameters
from blueprints.services import Services
from pipeline.operations import Operation
from pipeline.queries.view import View
from pipeline.resubmit import DeadLetterList, Resubmit, list_dead_letters

blueprint = df.Blueprint()

MOST_DEAD_LETTERS = 100


@endpoint(blueprint, "v1/admin/dead-letters", OPERATORS, max_age=0, group="Operations")
async def dead_letters(shared: Services, view: View, asked: NoParameters) -> DeadLetterList:  # noqa: ARG001
    """The oldest messages that the queue stopped delivering, and their content."""
    return DeadLetterList(await list_dead_letters(shared.dead_letters, MOST_DEAD_LETTERS))


@endpoint(blueprint, "v1/admin/dead-letters/resubmit", OPERATORS, starts=True, group="Operations")
async def resubmit(shared: Services, view: View, asked: NoParameters) -> Operation:  # noqa: ARG001
    """Put dead letters back into the queue, after the cause of the failure was fixed."""
    return Resubmit()
