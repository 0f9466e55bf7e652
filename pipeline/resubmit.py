"""Resubmission: messages that failed too often go back into the queue, after what failed has been mended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from domain import wire
from domain.errors import BadMessage
from messaging.dead_letters import DeadLetter, DeadLetters
from pipeline.operations import Done, Figures, OperationContext, Step


@dataclass(frozen=True, slots=True)
class Resubmit:
    """Put every dead letter that was there when this was asked back into the queue.

    Those that come after are left, else messages that fail at once would go round for ever.
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
    """A message that the queue gave up, and what it holds."""

    messageId: str
    enqueued: int
    """When it came to the queue, in Unix seconds."""
    deliveries: int | None
    """How often it was delivered, where the queue tells that."""
    reason: str | None
    """Why the queue gave it up."""
    description: str | None
    bytes: int
    samples: int
    tenants: list[str]
    """Whose samples it holds; most messages hold one tenant's."""
    problem: str | None
    """Why it can't be read, if it can't: then ingest would put it into quarantine."""


async def list_dead_letters(dead_letters: DeadLetters, most: int) -> list[DeadLetterItem]:
    """Return the oldest dead letters with what they hold. Raises Unavailable."""
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
