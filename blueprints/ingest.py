"""The Service Bus trigger: a batch goes to the pipeline; returning completes its messages, raising abandons them.

What is abandoned is delivered again at once, and after 60 deliveries lies among the dead letters. So an ingest that
fails goes on trying for some minutes, within the lock that the queue gives it, before it gives its messages back.
"""

import asyncio
import logging
import time
import typing

import azure.functions as func

from blueprints import telemetry
from blueprints.services import services
from blueprints.settings import Settings
from domain.errors import Unavailable
from domain.minutes import iso
from pipeline.ingest import Ingested, Message, ingest
from pipeline.patience import patiently
from storage.charges import metered

blueprint = func.Blueprint()
log = logging.getLogger(__name__)

LONGEST_TRY = 40
"""How many seconds a try may go on after the patience is over. At the most that patience may be set to (240 s), what is
left of the queue's lock of five minutes is for giving the messages back."""


@blueprint.function_name("ingest")
@blueprint.service_bus_queue_trigger(
    arg_name="messages",
    queue_name="%QUEUE_NAME%",
    connection="ServiceBusConnection",
    cardinality=func.Cardinality.MANY,
    data_type=func.DataType.BINARY,
)
async def ingest_messages(messages: typing.List[func.ServiceBusMessage], context: func.Context) -> None:  # noqa: UP006  (the worker needs List)
    """Ingest a batch. Only the bodies are relied on: the host can misalign metadata inside a batch."""
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
        charge=meter,
    )
    log.log(logging.WARNING if done.refused else logging.INFO, "%s", told)  # an alert reads refused (infra/)


async def _ingest(batch: typing.Sequence[Message], began: float) -> Ingested:
    try:
        shared = services()
        end = began + shared.settings.ingest_patience_seconds
        return await ingest(
            shared.tables, batch, await shared.horizon(), shared.settings.reductions, lambda: time.monotonic() < end
        )
    except Unavailable as error:
        log.warning("%s", telemetry.line("ingest waits", messages=len(batch), reason=str(error)))
        raise


def _patience() -> float:
    """How long to go on trying; where the settings themselves are the trouble, as long as their default says."""
    try:
        return services().settings.ingest_patience_seconds
    except Unavailable:
        return float(Settings.model_fields["ingest_patience_seconds"].default)
