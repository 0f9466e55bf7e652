"""The Service Bus trigger: passes a batch to the pipeline. Returning completes its messages; raising abandons them.

The queue delivers an abandoned message again at once, and moves it to the dead letters after 60 deliveries. So a
failing ingest keeps trying for some minutes, within its lock from the queue, before it gives its messages back.

An app's timers were seen to stop for good while its queue continued (azure-functions-host 11828). So if an ingest sees
that averaging has stopped, it does a run of averaging after it stored its batch.
"""

import asyncio
import logging
import time
import typing

import azure.functions as func

from blueprints import telemetry
from blueprints.averaging import run
from blueprints.services import services
from blueprints.settings import Settings
from domain.errors import Unavailable
from domain.minutes import iso
from domain.taking import Taking
from pipeline.closing import Watch
from pipeline.ingest import Message, ingest
from pipeline.ingested import Ingested
from pipeline.patience import patiently
from storage.charges import metered

blueprint = func.Blueprint()
log = logging.getLogger(__name__)

AVERAGING_SECONDS = 60
"""How many seconds an ingest may average."""

_watch = Watch()

LONGEST_TRY = 20
"""How many seconds a try may continue after the patience (200 s at most) is over. Patience, try and averaging together
stay within the queue's lock of five minutes."""


@blueprint.function_name("ingest")
@blueprint.service_bus_queue_trigger(
    arg_name="messages",
    queue_name="%QUEUE_NAME%",
    connection="ServiceBusConnection",
    cardinality=func.Cardinality.MANY,
    data_type=func.DataType.BINARY,
)
async def ingest_messages(messages: typing.List[func.ServiceBusMessage], context: func.Context) -> None:  # noqa: UP006  (the worker needs List)
    """Ingest a batch. Use only the bodies, because the host can misalign metadata inside a batch."""
    began = time.monotonic()
    received = int(time.time())
    batch = [Message(message.get_body(), message.message_id or "", received) for message in messages]
    with metered() as meter:
        done = await patiently(
            lambda: _ingest(batch, began), began + _patience(), time.monotonic, asyncio.sleep, LONGEST_TRY
        )
    telemetry.SAMPLES.add(done.samples)
    telemetry.REFUSED.add(done.refused)
    telemetry.CHARGE.add(meter.units, {"function": "ingest"})
    told = telemetry.line(
        "ingested",
        invocation=context.invocation_id,
        messages=done.messages,
        ids=[message.message_id for message in batch],
        tenants=done.tenants,
        windows=[iso(window) for window in done.span],
        samples=done.samples,
        vmWindows=done.windows,
        written=done.written,
        refused=done.refused,
        reasons=[f"{count} times: {reason}" for reason, count in done.reasons.items()],
        leftOut=done.left_out,
        charge=meter,
    )
    log.log(logging.WARNING if done.refused else logging.INFO, "%s", told)  # an alert reads "refused" (infra/)
    await _average_if_nobody_does(context.invocation_id)
    await telemetry.flush()


async def _ingest(batch: typing.Sequence[Message], began: float) -> Ingested:
    try:
        shared = services()
        end = began + shared.settings.ingest_patience_seconds
        return await ingest(
            shared.tables,
            batch,
            await shared.horizon(),
            shared.settings.reductions,
            lambda: time.monotonic() < end,
            await shared.trust(),
            Taking(shared.settings.counters or ()),
        )
    except Unavailable as error:
        log.warning("%s", telemetry.line("ingest waits", messages=len(batch), reason=str(error)))
        raise


async def _average_if_nobody_does(invocation: str) -> None:
    """Do a run of averaging if averaging has stopped. The batch stays stored, even if the run fails."""
    shared = services()
    try:
        if await _watch.stands_still(shared.tables, shared.now):
            log.warning("averaging stands still: ingest drives it")
            async with asyncio.timeout(AVERAGING_SECONDS):
                await run("ingest", AVERAGING_SECONDS, invocation)
    except Unavailable as error:
        log.warning("%s", telemetry.line("ingest does not average", reason=str(error)))
    except TimeoutError:
        log.warning("ingest averages no longer: what it has done stays done, the next run goes on")
    except Exception:
        log.exception("averaging fails, driven by ingest")


def _patience() -> float:
    """Return how many seconds to keep trying. If the settings are bad, return the setting's default."""
    try:
        return services().settings.ingest_patience_seconds
    except Unavailable:
        return float(Settings.model_fields["ingest_patience_seconds"].default)
