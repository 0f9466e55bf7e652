"""The endpoints of an operator: what mends, forgets and looks into things. Each long one starts an operation.

An operation's answer (202) says where to ask how far it is; asking for the same again finds the one that runs.
"""

from dataclasses import dataclass
from functools import partial

import azure.durable_functions as df

from blueprints.api import OPERATORS
from blueprints.endpoints import endpoint
from blueprints.operations import run_of
from blueprints.parameters import (
    NoParameters,
    PurgeParameters,
    QuarantinedParameters,
    QuarantineParameters,
    RebuildParameters,
    SelectionParameters,
)
from blueprints.services import Services
from domain.errors import BadParameters, NeverSeen
from domain.minutes import WINDOW, iso, utc_day, window_of
from pipeline.operations import Operation, listed
from pipeline.purge import Purge
from pipeline.quarantine import Drop, Reingest
from pipeline.queries import View, tenant_named, vm_named
from pipeline.rebuild import Rebuild
from pipeline.resubmit import DeadLetterItem, Resubmit, list_dead_letters
from storage.tables import OperationRecord, RefusedInput

blueprint = df.Blueprint()

MOST_LISTED = 500
MOST_DEAD_LETTERS = 100


@dataclass(frozen=True, slots=True)
class QuarantineItem:
    """A message of which something was refused."""

    message: str
    """Its name in the quarantine."""
    messageId: str
    """Its id in the queue, where that is known."""
    received: int
    """When it came, in Unix seconds."""
    refused: int
    reasons: dict[str, int]
    """How many of its inputs were refused for each reason."""


@dataclass(frozen=True, slots=True)
class QuarantineList:
    """The messages of a UTC day of which something was refused, by name."""

    day: str
    nextPage: str | None
    """For the parameter page; null: this is the last page."""
    data: list[QuarantineItem]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """What of one message was refused, in the order in which it stood there."""

    day: str
    message: str
    messageId: str
    received: int
    data: list[RefusedInput]


@dataclass(frozen=True, slots=True)
class DeadLetterList:
    """The oldest messages that the queue gave up."""

    data: list[DeadLetterItem]


@dataclass(frozen=True, slots=True)
class OperationList:
    """What operators had done, the newest first."""

    data: list[OperationRecord]


async def _tenant(shared: Services, name: str | None, view: View) -> str | None:
    return None if name is None else await tenant_named(shared.tables, name, view)


@endpoint(blueprint, "v1/admin/rebuild", OPERATORS, starts=True)
async def rebuild(shared: Services, view: View, asked: RebuildParameters) -> Operation:
    """Recompute rollups and report rows of a range from the samples."""
    earliest = (await shared.horizon()).oldest
    if asked.start < earliest:
        gone = f"is before {iso(earliest)}: samples of then are gone, and the report keeps what they made"
        raise BadParameters({"start": gone})
    # Whole windows, so that the same range is the same operation.
    end = None if asked.end is None else window_of(asked.end - 1) + WINDOW
    return Rebuild(window_of(asked.start), end, await _tenant(shared, asked.tenant, view))


@endpoint(blueprint, "v1/admin/purge", OPERATORS, starts=True)
async def purge(shared: Services, view: View, asked: PurgeParameters) -> Operation:
    """Forget a tenant, one of its VMs, or everything before a time; or count what that would remove."""
    tenant = await _tenant(shared, asked.tenant, view)
    vm = await vm_named(shared.tables, tenant, asked.vm) if tenant and asked.vm else None
    return Purge(tenant, vm, asked.before, asked.dryRun)


@endpoint(blueprint, "v1/admin/quarantine", OPERATORS, max_age=0)
async def quarantine(shared: Services, view: View, asked: QuarantineParameters) -> QuarantineList:
    """The messages of a day of which something was refused, and why."""
    day = asked.day or utc_day(view.now)
    items: list[QuarantineItem] = []
    async for each in shared.tables.quarantined(day, asked.page or ""):
        if len(items) == MOST_LISTED:
            return QuarantineList(day, each.message, items)
        refused = sum(each.reasons.values())
        items.append(QuarantineItem(each.message, each.message_id, each.received, refused, dict(each.reasons)))
    return QuarantineList(day, None, items)


@endpoint(blueprint, "v1/admin/quarantine/message", OPERATORS, max_age=0)
async def quarantined(shared: Services, view: View, asked: QuarantinedParameters) -> Quarantined:  # noqa: ARG001
    """What of a message was refused, as it came."""
    message = await shared.tables.quarantined_message(asked.day, asked.message)
    if message is None:
        raise NeverSeen(f"no message {asked.message} of {asked.day} is in the quarantine")
    inputs = await shared.tables.quarantined_inputs(message)
    return Quarantined(message.day, message.message, message.message_id, message.received, inputs)


@endpoint(blueprint, "v1/admin/quarantine/reingest", OPERATORS, starts=True)
async def reingest(shared: Services, view: View, asked: SelectionParameters) -> Operation:  # noqa: ARG001
    """Try refused inputs once more, after a fix; what is still refused stays in the quarantine."""
    return Reingest(asked.day, asked.message, asked.reason)


@endpoint(blueprint, "v1/admin/quarantine/drop", OPERATORS, starts=True)
async def drop(shared: Services, view: View, asked: SelectionParameters) -> Operation:  # noqa: ARG001
    """Forget refused inputs."""
    return Drop(asked.day, asked.message, asked.reason)


@endpoint(blueprint, "v1/admin/dead-letters", OPERATORS, max_age=0)
async def dead_letters(shared: Services, view: View, asked: NoParameters) -> DeadLetterList:  # noqa: ARG001
    """The oldest messages that the queue gave up, and what they hold."""
    return DeadLetterList(await list_dead_letters(shared.dead_letters, MOST_DEAD_LETTERS))


@endpoint(blueprint, "v1/admin/dead-letters/resubmit", OPERATORS, starts=True)
async def resubmit(shared: Services, view: View, asked: NoParameters) -> Operation:  # noqa: ARG001
    """Put the messages that the queue gave up back into it, after what failed has been mended."""
    return Resubmit()


@endpoint(blueprint, "v1/admin/operations", OPERATORS, max_age=0)
async def operations(
    shared: Services,
    view: View,
    asked: NoParameters,  # noqa: ARG001
    client: df.DurableOrchestrationClient,
) -> OperationList:
    """What operators had done: what, by whom, when, and what came of it."""
    return OperationList(await listed(shared.tables, MOST_LISTED, partial(run_of, client), view.now))
