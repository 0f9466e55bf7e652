"""The timer trigger that starts learning what is normal, twice a day. The work itself is an operation.

At eight in the morning and in the evening (UTC): each run learns the local days that begin within twelve hours.
"""

import logging

import azure.durable_functions as df
import azure.functions as func

from blueprints.operations import start
from blueprints.services import services
from domain.errors import Unavailable
from pipeline.learning import Learn

blueprint = df.Blueprint()
log = logging.getLogger(__name__)


@blueprint.function_name("learn")
@blueprint.timer_trigger(arg_name="timer", schedule="0 0 8,20 * * *")
@blueprint.durable_client_input("client")
async def learn(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:  # noqa: ARG001
    """Start learning, unless it runs already."""
    try:
        await start(client, Learn(), "the learning timer", services().now)
    except Unavailable as error:  # the next run learns what this one left out
        log.warning("%s", error)
