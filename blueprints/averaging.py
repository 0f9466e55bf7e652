"""The timer trigger: works off what ingest marked. It may overlap with itself and with anything else."""

import logging
import time

import azure.functions as func

from blueprints.services import services
from pipeline.averaging import average
from pipeline.queries import age, newest_minute
from storage.charges import metered

blueprint = func.Blueprint()
log = logging.getLogger(__name__)


@blueprint.function_name("average")
@blueprint.timer_trigger(arg_name="timer", schedule="%AVERAGING_SCHEDULE%")
async def average_marked(timer: func.TimerRequest) -> None:  # noqa: ARG001  (the binding is named by it)
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
    if newest is not None:
        log.info("report ageSeconds=%d", age(newest, shared.now))  # an alert reads this (infra/modules/alerts.bicep)
