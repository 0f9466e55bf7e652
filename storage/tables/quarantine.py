"""The quarantine: a message's reasons in one small document, its refused inputs beside it."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Annotated, Any

import msgspec

from domain.minutes import first_second, utc_day
from storage.documents import Conflict, Document
from storage.schema import QUARANTINE
from storage.tables.ids import digest
from storage.tables.table import Table

KEPT_BYTES = 1_500_000
"""How many bytes of refused input go into one document of the quarantine (Cosmos DB takes 2 MB); a single one that has
more is cut."""

CORRUPT_INPUTS = "what was kept of it is corrupt (docs/runbook.md, Corrupt documents)"
"""The reason of the one input that stands for all of a message that can't be read. Where it is kept, they are."""


@dataclass(frozen=True, slots=True)
class RefusedInput:
    """An input that was refused: its place in its message, why, and its JSON as it came (cut off where it is huge)."""

    position: int
    reason: str
    input: str


@dataclass(frozen=True, slots=True)
class QuarantinedMessage:
    """What of one message was refused: how many inputs for each reason. ``message`` is derived from its bytes.

    ``proven`` is the tenant that it was found to come from when it came (pipeline.trust); None: that is not known.
    """

    message: str
    message_id: str
    received: int
    reasons: Mapping[str, int]
    proven: str | None = None

    @property
    def day(self) -> str:
        """The UTC day on which it came, under which it is kept."""
        return utc_day(self.received)


@dataclass(frozen=True, slots=True)
class Quarantine(Table):
    """What was refused."""

    async def keep(self, message: QuarantinedMessage, inputs: Sequence[RefusedInput]) -> None:
        """Keep what was refused of a message, in place of what is kept of it already.

        The inputs' documents are named by what they hold, and old ones go only when the new are there: so the same
        message again overwrites itself, and a crash in between leaves no input out.
        """
        partition = _inputs_partition(message)
        readable = [each for each in inputs if each.reason != CORRUPT_INPUTS]
        documents = {digest(body): body for body in _in_documents(readable)}
        for document_id, body in documents.items():
            await self.documents.upsert(QUARANTINE, partition, document_id, body)
        all_readable = len(readable) == len(inputs)
        await self._remove_inputs(
            partition, lambda old: old.id not in documents and (all_readable or _inputs(old) is not None)
        )
        body = {"messageId": message.message_id, "received": message.received, "reasons": message.reasons}
        if message.proven is not None:
            body["proven"] = message.proven
        await self.documents.upsert(QUARANTINE, message.day, message.message, body)

    async def drop(self, message: QuarantinedMessage) -> None:
        """Forget what was refused of a message."""
        await self._remove_inputs(_inputs_partition(message), lambda _: True)
        document = await self.documents.read(QUARANTINE, message.day, message.message)
        if document:
            with suppress(Conflict):  # it came again meanwhile, or somebody else dropped it
                await self.documents.delete(QUARANTINE, message.day, message.message, document.etag)

    async def messages(
        self, day: str, from_message: str = "", to_message: str = "~"
    ) -> AsyncIterator[QuarantinedMessage]:
        """Yield the messages of a UTC day of which something was refused, or a range of them, by their names."""
        async for document in self.documents.scan(QUARANTINE, day, from_message, to_message):
            yield await self._message(day, document)

    async def message(self, day: str, message: str) -> QuarantinedMessage | None:
        """Return one message of a UTC day of which something was refused."""
        document = await self.documents.read(QUARANTINE, day, message)
        return await self._message(day, document) if document else None

    async def inputs(self, message: QuarantinedMessage) -> list[RefusedInput]:
        """Return the refused inputs of a message, in the order in which they stood in it.

        For all that can't be read of them, one stands with the reason CORRUPT_INPUTS.
        """
        found: dict[tuple[int, str], RefusedInput] = {}
        async for document in self.documents.scan(QUARANTINE, _inputs_partition(message)):
            for each in _inputs(document) or [RefusedInput(0, CORRUPT_INPUTS, "")]:
                found[each.position, each.input] = each
        return [found[place] for place in sorted(found)]

    async def _remove_inputs(self, partition: str, which: Callable[[Document], bool]) -> None:
        async for document in self.documents.scan(QUARANTINE, partition):
            if which(document):
                with suppress(Conflict):
                    await self.documents.delete(QUARANTINE, partition, document.id, document.etag)

    async def _message(self, day: str, document: Document) -> QuarantinedMessage:
        try:
            body = msgspec.convert(document.body, _MessageBody)
        except msgspec.ValidationError:  # what it says follows from the inputs, but for its queue's id and its time
            message = QuarantinedMessage(document.id, "", first_second(day), {})
            return replace(message, reasons=Counter(each.reason for each in await self.inputs(message)))
        return QuarantinedMessage(document.id, body.messageId, body.received, body.reasons, body.proven)


class _MessageBody(msgspec.Struct):
    messageId: str
    received: int
    reasons: dict[str, int]
    proven: str | None = None


class _InputBody(msgspec.Struct):
    position: int
    input: str


class _InputsBody(msgspec.Struct):
    reason: str
    inputs: Annotated[list[_InputBody], msgspec.Meta(min_length=1)]


def _inputs(document: Document) -> list[RefusedInput] | None:
    """Return the refused inputs of a document; None: it is corrupt."""
    try:
        body = msgspec.convert(document.body, _InputsBody)
    except msgspec.ValidationError:
        return None
    return [RefusedInput(each.position, body.reason, each.input) for each in body.inputs]


def _inputs_partition(message: QuarantinedMessage) -> str:
    return f"{message.day}_{message.message}"


def _in_documents(inputs: Iterable[RefusedInput]) -> Iterator[dict[str, Any]]:
    """Yield bodies of documents that hold refused inputs, each of one reason and of a size that a document may have."""
    by_reason = sorted(inputs, key=lambda each: (each.reason, each.position))
    for reason, group in groupby(by_reason, key=lambda each: each.reason):
        some: list[dict[str, Any]] = []
        size = 0
        for each in group:
            record = {"position": each.position, "input": each.input}
            length = len(msgspec.json.encode(record))
            if length > KEPT_BYTES:
                record["input"] = each.input[: KEPT_BYTES // 6]  # JSON writes a character with at most six
                length = len(msgspec.json.encode(record))
            if some and size + length > KEPT_BYTES:
                yield {"reason": reason, "inputs": some}
                some, size = [], 0
            some.append(record)
            size += length + 1
        yield {"reason": reason, "inputs": some}
