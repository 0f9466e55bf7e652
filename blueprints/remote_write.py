"""The timer trigger of remote write: sends the minutes closed since the last run, in parallel with averaging."""

import logging
import time

import azure.durable_functions as df
import azure.functions as func

from blueprints import telemetry
from blueprints.services import services
from domain.minutes import iso
from pipeline.remote_write import send
from storage.charges import metered

blueprint = df.Blueprint()
log = logging.getLogger(__name__)

SECONDS = 40
"""For how many seconds a run begins requests. The next run begins after a minute and continues."""


@blueprint.function_name("remote_write")
@blueprint.timer_trigger(arg_name="timer", schedule="%AVERAGING_SCHEDULE%")
async def remote_write(timer: func.TimerRequest, context: func.Context) -> None:  # noqa: ARG001
    """Send every final minute of the fleet to the Prometheus in the settings, if they name one."""
    shared = services()
    receiver = shared.receiver
    if receiver is None:
        return
    end = time.monotonic() + SECONDS
    with metered() as meter:
        done = await send(shared.tables, receiver, shared.now, lambda: time.monotonic() < end)
    telemetry.CHARGE.add(meter.units, {"function": "remote_write"})
    if done.windows or done.refused or done.late:
        told = telemetry.line(
            "sent",
            invocation=context.invocation_id,
            windows=[iso(window) for window in done.windows],
            samples=done.samples,
            refused=done.refused,
            late=[iso(window) for window in done.late],
            charge=meter,
        )
        log.info("%s", told)
    if done.problem:
        log.log(logging.ERROR if done.must_act else logging.WARNING, "remote write waits: %s", done.problem)
