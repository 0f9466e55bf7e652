"""The timer trigger: works off what ingest marked. It may overlap with itself and with anything else.

After an outage there is more to do than a run has time for: then a catch-up (pipeline.rebuild) begins at the other end.
"""

import logging
import time

import azure.durable_functions as df
import azure.functions as func

from blueprints.operations import start
from blueprints.services import services
from domain.errors import Unavailable
from pipeline.averaging import average
from pipeline.queries import age, newest_minute
from pipeline.rebuild import CatchUp
from storage.charges import metered

blueprint = df.Blueprint()
log = logging.getLogger(__name__)


@blueprint.function_name("average")
@blueprint.timer_trigger(arg_name="timer", schedule="%AVERAGING_SCHEDULE%")
@blueprint.durable_client_input("client")
async def average_marked(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:  # noqa: ARG001
    """Average every tenant's window that changed since it was last averaged; say how old the report is then."""
    shared = services()
    end = time.monotonic() + shared.settings.averaging_budget_seconds
    with metered() as meter:
        done = await average(shared.tables, lambda: time.monotonic() < end)
        newest = await newest_minute(shared.tables)
    if done.marks or done.left:
        log.info(
            "averaged marks=%d left=%d windows=%d rows=%d charge=%s",
            done.marks,
            done.left,
            done.windows,
            done.rows,
            meter,
        )
    if done.left:
        try:
            await start(client, CatchUp(), "the averaging timer", shared.now)
        except Unavailable as error:  # the next run goes on in any case
            log.warning("%s", error)
    if newest is not None:
        log.info("report ageSeconds=%d", age(newest, shared.now))  # an alert reads this (infra/modules/alerts.bicep)
