"""The Service Bus trigger: a batch goes to the pipeline; returning completes its messages, raising abandons them."""

import logging
import typing

import azure.functions as func

from blueprints import telemetry
from blueprints.services import services
from domain.minutes import iso
from pipeline.ingest import Message, ingest
from storage.charges import metered

blueprint = func.Blueprint()
log = logging.getLogger(__name__)


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
    shared = services()
    batch = [Message(message.get_body(), message.message_id or "", shared.now) for message in messages]
    with metered() as meter:
        done = await ingest(shared.tables, batch, shared.horizon, shared.settings.reductions)
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
