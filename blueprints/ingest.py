"""The Service Bus trigger: a batch goes to the pipeline; returning completes its messages, raising abandons them."""

import logging
import typing

import azure.functions as func

from blueprints.services import services
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
async def ingest_messages(messages: typing.List[func.ServiceBusMessage]) -> None:  # noqa: UP006  (the worker needs List)
    """Ingest a batch. Only the bodies are relied on: the host can misalign metadata inside a batch."""
    shared = services()
    batch = [Message(message.get_body(), message.message_id or "", shared.now) for message in messages]
    with metered() as meter:
        done = await ingest(shared.tables, batch, shared.horizon, shared.settings.reductions)
    level = logging.WARNING if done.refused else logging.INFO
    log.log(
        level,
        "ingested messages=%d samples=%d windows=%d written=%d refused=%d charge=%s",
        done.messages,
        done.samples,
        done.windows,
        done.written,
        done.refused,
        meter,
    )
