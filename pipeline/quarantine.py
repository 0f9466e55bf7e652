"""Re-ingest and drop: what is done with refused inputs after somebody has looked at them.

Steps go by the first digit of the messages' names, which are digests, so they share the work evenly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from pipeline.ingest import reasons_of, reingest
from pipeline.operations import Done, Figures, Means, Step, added
from storage.tables import QuarantinedMessage, Tables

DIGITS = "0123456789abcdef"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which of a UTC day's refused inputs are meant: all, those of a message, those with a reason."""

    day: str
    message: str | None = None
    reason: str | None = None

    async def plan(self, means: Means) -> Sequence[Step]:  # noqa: ARG002
        """See Operation."""
        return [{"prefix": prefix} for prefix in ([self.message] if self.message else DIGITS)]

    async def do(self, step: Step, means: Means) -> Done:
        """See Operation."""
        prefix = step["prefix"]
        figures: Figures = {}
        messages = [each async for each in means.tables.quarantined(self.day, prefix, prefix + "~")]
        for message in messages:
            if self.reason is None or self.reason in message.reasons:
                figures = added(figures, await self.handle(message, means))
        return Done(figures)

    async def handle(self, message: QuarantinedMessage, means: Means) -> Figures:
        """Do it to one message."""
        raise NotImplementedError

    async def conclude(self, means: Means) -> Figures:  # noqa: ARG002
        """See Operation."""
        return {}


@dataclass(frozen=True, slots=True)
class Reingest(Selection):
    """Try refused inputs once more; what is still refused stays where it is. A message is tried as a whole."""

    kind: ClassVar[str] = "reingest"

    async def handle(self, message: QuarantinedMessage, means: Means) -> Figures:
        """See Selection."""
        accepted, refused = await reingest(means.tables, message, means.horizon, means.reductions)
        return {"accepted": accepted, "stillRefused": refused}


@dataclass(frozen=True, slots=True)
class Drop(Selection):
    """Forget refused inputs."""

    kind: ClassVar[str] = "drop"

    async def handle(self, message: QuarantinedMessage, means: Means) -> Figures:
        """See Selection."""
        return {"dropped": await _drop(means.tables, message, self.reason)}


async def _drop(tables: Tables, message: QuarantinedMessage, reason: str | None) -> int:
    inputs = await tables.quarantined_inputs(message)
    kept = [each for each in inputs if reason is not None and each.reason != reason]
    if kept:
        await tables.quarantine(replace(message, reasons=reasons_of(kept)), kept)
    else:
        await tables.drop_quarantined(message)
    return len(inputs) - len(kept)
