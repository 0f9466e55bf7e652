"""The timer trigger: averages the windows that ingest marked. It may overlap with itself and with anything else.

If the timer stops, ingest does a run instead (blueprints.ingest). After an outage, there is more work than a run has
time for. A catch-up (pipeline.rebuild) then starts from the other end.
"""

import logging
import time

import azure.durable_functions as df
import azure.functions as func

from blueprints import telemetry
from blueprints.operations import make_hub, start
from blueprints.services import services
from domain.closing import Driver
from domain.errors import Unavailable
from domain.minutes import iso
from pipeline.averaging import Averaged, average
from pipeline.queries.view import age, newest_minute
from pipeline.rebuild import CatchUp
from storage.charges import metered

blueprint = df.Blueprint()
log = logging.getLogger(__name__)


@blueprint.function_name("average")
@blueprint.timer_trigger(arg_name="timer", schedule="%AVERAGING_SCHEDULE%")
@blueprint.durable_client_input("client")
async def average_marked(
    timer: func.TimerRequest,  # noqa: ARG001  (it names the binding)
    client: df.DurableOrchestrationClient,
    context: func.Context,
) -> None:
    """Average every tenant's windows that changed since they were last averaged. Then log the report's age."""
    shared = services()
    done = await run("timer", shared.settings.averaging_budget_seconds, context.invocation_id)
    if done.left:
        try:
            await start(client, CatchUp(), "the averaging timer", shared.now)
        except Unavailable as error:  # the next run continues in any case
            log.warning("%s", error)
    await make_hub(client)
    await telemetry.flush()


async def run(by: Driver, seconds: float, invocation: str) -> Averaged:
    """Do one run of averaging, and say what it did. It begins new windows for ``seconds``. Raises Unavailable."""
    shared = services()
    end = time.monotonic() + seconds
    with metered() as meter:
        done = await average(shared.tables, shared.times, lambda: time.monotonic() < end, by, shared.settings.rules)
        newest = await newest_minute(shared.tables)
    telemetry.ROWS.add(done.rows)
    telemetry.LEFT.set(done.left)
    telemetry.CHARGE.add(meter.units, {"function": "average"})
    if done.marks or done.left or done.closed:
        told = telemetry.line(
            "averaged",
            invocation=invocation,
            by=by,
            marks=done.marks,
            left=done.left,
            tenants=done.tenants,
            windows=[iso(window) for window in done.windows],
            closed=[iso(window) for window in done.closed],
            rows=done.rows,
            charge=meter,
        )
        log.info("%s", told)
    for corrupt in done.corrupt:
        log.error("averaging leaves out what needs it: %s", corrupt)
    for each in done.omitted:
        told = telemetry.line("left out", reason=each.what, whose=each.whose, window=iso(each.window), count=each.count)
        log.warning("%s", told)
    if newest is not None:
        telemetry.AGE.set(age(newest, shared.now))
        # An alert reads this (infra/modules/alerts.bicep).
        log.info("report ageSeconds=%d by=%s", age(newest, shared.now), by)
    return done
