"""Re-ingest and drop: the two operations on refused inputs after somebody has looked at them.

Each step takes the messages whose names begin with one digit. Names are digests, so the steps share the work evenly.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from domain.counters import Reduction
from domain.refusals import MOST_KEPT, Refusals, Refused
from domain.samples import Horizon
from domain.taking import EVERYTHING, Taking
from domain.wire import as_text
from pipeline.ingest import Group, Message
from pipeline.operations import Done, Figures, OperationContext, Step, added
from pipeline.refusals import WHOLE, keep_as, reasons_left, whole_of
from pipeline.trust import ANYBODY, Trust
from storage.tables import Tables
from storage.tables.quarantine import QuarantinedMessage, RefusedInput

DIGITS = "0123456789abcdef"
CHARACTERS_AT_ONCE = 4_000_000
"""How many characters of refused input are combined into one message to be tried again."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which refused inputs of a UTC day are selected: all, those of one message, or those with one reason."""

    day: str
    message: str | None = None
    reason: str | None = None

    async def plan(self, context: OperationContext) -> Sequence[Step]:  # noqa: ARG002
        """See Operation."""
        return [{"prefix": prefix} for prefix in ([self.message] if self.message else DIGITS)]

    async def do(self, step: Step, context: OperationContext) -> Done:
        """See Operation."""
        prefix = step["prefix"]
        figures: Figures = {}
        messages = [each async for each in context.tables.quarantine.messages(self.day, prefix, prefix + "~")]
        for message in messages:
            if self.reason is None or self.reason in message.reasons:
                figures = added(figures, await self.handle(message, context))
        return Done(figures)

    async def handle(self, message: QuarantinedMessage, context: OperationContext) -> Figures:
        """Handle one message."""
        raise NotImplementedError

    async def conclude(self, context: OperationContext) -> Figures:  # noqa: ARG002
        """See Operation."""
        return {}


@dataclass(frozen=True, slots=True)
class Reingest(Selection):
    """Try refused inputs again; those still refused stay where they are. A message kept whole is tried whole.

    ``tenant``: messages that prove no sender are treated as signed by this tenant; the operator vouches for that.
    """

    kind: ClassVar[str] = "reingest"
    tenant: str | None = None

    async def handle(self, message: QuarantinedMessage, context: OperationContext) -> Figures:
        """See Selection."""
        known = replace(message, proven=message.proven or self.tenant)
        accepted, refused = await reingest(
            context.tables,
            known,
            context.horizon,
            context.rules.reductions,
            context.trust,
            context.taking,
        )
        return {"accepted": accepted, "stillRefused": refused}


@dataclass(frozen=True, slots=True)
class Drop(Selection):
    """Delete refused inputs."""

    kind: ClassVar[str] = "drop"

    async def handle(self, message: QuarantinedMessage, context: OperationContext) -> Figures:
        """See Selection."""
        return {"dropped": await _drop(context.tables, message, self.reason)}


async def reingest(
    tables: Tables,
    message: QuarantinedMessage,
    horizon: Horizon,
    overrides: Mapping[str, Reduction] | None = None,
    trust: Trust = ANYBODY,
    taking: Taking = EVERYTHING,
) -> tuple[int, int]:
    """Try a message's refused inputs again; return how many were accepted now, and how many were not.

    Accepted inputs leave the quarantine when they are stored and marked. The rest stay, each with its new reason.
    Raises Unavailable.
    """
    inputs = await tables.quarantine.inputs(message)
    refused = sum(message.reasons.values())
    for each in inputs:
        if (body := _readable(each)) is not None:
            left = await _reingest_whole(tables, message, body, Group(horizon, overrides, trust, taking, again=True))
            return max(0, refused - left), left
    remaining: list[RefusedInput] = []
    for some in _chunks(inputs, remaining):
        group = Group(horizon, overrides, trust, taking, again=True)
        group.read(Message(_body_of(some), message.message_id, message.received, message.proven))
        still = [one for _, of in group.refused for each in of.kept for one in _still(some, each)]
        _, rests = await group.write(tables)
        still += [RefusedInput(each.position, each.reason, as_text(each.value)) for _, of in rests for each in of.kept]
        remaining += still
    reasons = reasons_left(message, inputs, remaining)
    if not reasons:
        await tables.quarantine.drop(message)
    elif remaining != inputs or reasons != message.reasons:
        await tables.quarantine.keep(replace(message, reasons=reasons), remaining)
    return max(0, refused - reasons.total()), reasons.total()


async def _reingest_whole(
    tables: Tables,
    message: QuarantinedMessage,
    body: bytes,
    group: Group,
) -> int:
    """Try again a message that is kept whole; return how many of its inputs are still refused."""
    group.read(Message(body, message.message_id, message.received, message.proven))
    _, rests = await group.write(tables)
    still = Refusals()
    for _, refused in (*group.refused, *rests):
        still = still.followed_by(refused)
    if still.count:
        await keep_as(tables, replace(message, reasons=still.reasons), body, still)
    else:
        await tables.quarantine.drop(message)
    return still.count


def _still(some: Sequence[RefusedInput], refused: Refused) -> Sequence[RefusedInput]:
    """Return which of some inputs, tried as one message, are refused again: one, or all if the message is refused."""
    again = some if refused.value is WHOLE else [some[refused.position]]
    return [replace(each, reason=refused.reason) for each in again]


def _readable(kept: RefusedInput) -> bytes | None:
    """Return the message that is kept whole, if this is one and its end was not cut off."""
    try:
        return whole_of(kept)
    except ValueError:
        return None


def _chunks(inputs: Sequence[RefusedInput], remaining: list[RefusedInput]) -> Iterator[Sequence[RefusedInput]]:
    """Yield refused inputs that can be tried again, some at a time; add the others to ``remaining``."""
    some: list[RefusedInput] = []
    size = 0
    for each in inputs:
        try:
            whole_of(each)
        except ValueError:  # cut off, so it can't be used
            remaining.append(each)
            continue
        if some and (len(some) == MOST_KEPT or size + len(each.input) > CHARACTERS_AT_ONCE):
            yield some
            some, size = [], 0
        some.append(each)
        size += len(each.input)
    if some:
        yield some


def _body_of(elements: Sequence[RefusedInput]) -> bytes:
    return f'{{"metrics":[{",".join(each.input for each in elements)}]}}'.encode()


async def _drop(tables: Tables, message: QuarantinedMessage, reason: str | None) -> int:
    inputs = await tables.quarantine.inputs(message)
    kept = [each for each in inputs if reason not in (None, each.reason)]
    reasons = reasons_left(message, inputs, kept)
    reasons.pop(reason or "", None)
    if reasons:
        await tables.quarantine.keep(replace(message, reasons=reasons), kept)
    else:
        await tables.quarantine.drop(message)
    return sum(message.reasons.values()) - reasons.total()
