"""Resubmission: puts messages that failed too often back into the queue, after the cause has been fixed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from domain import wire
from domain.errors import BadMessage
from messaging.dead_letters import DeadLetter, DeadLetters
from pipeline.operations import Done, Figures, OperationContext, Step


@dataclass(frozen=True, slots=True)
class Resubmit:
    """Put the dead letters that existed when the operation was started back into the queue.

    Later ones stay. Otherwise messages that fail at once would be resubmitted for ever.
    """

    kind: ClassVar[str] = "resubmit"

    async def plan(self, context: OperationContext) -> Sequence[Step]:  # noqa: ARG002
        """See Operation."""
        return [{}]

    async def do(self, step: Step, context: OperationContext) -> Done:  # noqa: ARG002
        """See Operation."""
        resubmitted, more = await context.dead_letters.resubmit(context.started, context.time_left)
        return Done({"messages": resubmitted}, again=more)

    async def conclude(self, context: OperationContext) -> Figures:  # noqa: ARG002
        """See Operation."""
        return {}


@dataclass(frozen=True, slots=True)
class DeadLetterItem:
    """A message that the queue gave up, and a summary of its content."""

    messageId: str
    enqueued: int
    """The Unix second at which it arrived in the queue."""
    deliveries: int | None
    """The number of deliveries, or None if the queue does not tell it."""
    reason: str | None
    """Why the queue gave it up."""
    description: str | None
    bytes: int
    samples: int
    tenants: list[str]
    """The tenants whose samples it holds. Most messages hold those of one tenant."""
    problem: str | None
    """Why it can't be read, or None. Ingest would put an unreadable message into quarantine."""


@dataclass(frozen=True, slots=True)
class DeadLetterList:
    """The oldest messages that the queue gave up."""

    data: list[DeadLetterItem]


async def list_dead_letters(dead_letters: DeadLetters, most: int) -> list[DeadLetterItem]:
    """Return the oldest dead letters with their summaries. Raises Unavailable."""
    return [_item(letter) for letter in await dead_letters.peek(most)]


def _item(letter: DeadLetter) -> DeadLetterItem:
    problem = None
    tenants: set[str] = set()
    samples = 0
    try:
        decoded = wire.decode(letter.body)
        tenants.update(sample.MaskedTenantId for sample in decoded.samples)
        samples = len(decoded.samples)
    except BadMessage as error:
        problem = str(error)
    return DeadLetterItem(
        letter.message_id,
        letter.enqueued,
        letter.deliveries,
        letter.reason,
        letter.description,
        len(letter.body),
        samples,
        sorted(tenants),
        problem,
    )
