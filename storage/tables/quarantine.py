"""The quarantine table: one small document with a message's reasons, and other documents with its refused inputs."""

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
"""The most bytes of refused inputs in one document of the quarantine (Cosmos DB allows 2 MB). A single input that is
longer is cut off."""

CORRUPT_INPUTS = "what was kept of it is corrupt (docs/runbook.md, Corrupt documents)"
"""The reason of the one input that stands for all inputs of a message that can't be read back. ``keep`` leaves the
corrupt documents in the store if it gets an input with this reason."""


@dataclass(frozen=True, slots=True)
class RefusedInput:
    """A refused input: its position in its message, the reason, and its original JSON (cut off if it is huge)."""

    position: int
    reason: str
    input: str


@dataclass(frozen=True, slots=True)
class QuarantinedMessage:
    """A message with refused inputs, and how many there are for each reason. ``message`` is derived from its bytes.

    ``proven`` is the tenant whose valid signature it had when it arrived (pipeline.trust), or None if it had none.
    """

    message: str
    message_id: str
    received: int
    reasons: Mapping[str, int]
    proven: str | None = None

    @property
    def day(self) -> str:
        """The UTC day on which the message arrived. It is stored under this day."""
        return utc_day(self.received)


@dataclass(frozen=True, slots=True)
class Quarantine(Table):
    """The refused inputs, by message."""

    async def keep(self, message: QuarantinedMessage, inputs: Sequence[RefusedInput]) -> None:
        """Store a message's refused inputs in place of those stored for it before.

        The ids of the inputs' documents are digests of their bodies, and old documents are deleted only after the new
        ones are written. So the same message overwrites itself, and a crash in between loses no input.
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
        """Delete a message and its refused inputs."""
        await self._remove_inputs(_inputs_partition(message), lambda _: True)
        document = await self.documents.read(QUARANTINE, message.day, message.message)
        if document:
            with suppress(Conflict):  # it arrived again in the meantime, or another process dropped it
                await self.documents.delete(QUARANTINE, message.day, message.message, document.etag)

    async def messages(
        self, day: str, from_message: str = "", to_message: str = "~"
    ) -> AsyncIterator[QuarantinedMessage]:
        """Yield the messages with refused inputs of a UTC day, in the order of their names, or a range of them."""
        async for document in self.documents.scan(QUARANTINE, day, from_message, to_message):
            yield await self._message(day, document)

    async def message(self, day: str, message: str) -> QuarantinedMessage | None:
        """Return one message with refused inputs of a UTC day, or None."""
        document = await self.documents.read(QUARANTINE, day, message)
        return await self._message(day, document) if document else None

    async def inputs(self, message: QuarantinedMessage) -> list[RefusedInput]:
        """Return the refused inputs of a message, in their order in the message.

        One input with the reason CORRUPT_INPUTS stands for all inputs that can't be read back.
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
        except msgspec.ValidationError:  # the inputs tell the reasons; the queue's id and the time are lost
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
    """Return the refused inputs of a document, or None if it is corrupt."""
    try:
        body = msgspec.convert(document.body, _InputsBody)
    except msgspec.ValidationError:
        return None
    return [RefusedInput(each.position, body.reason, each.input) for each in body.inputs]


def _inputs_partition(message: QuarantinedMessage) -> str:
    return f"{message.day}_{message.message}"


def _in_documents(inputs: Iterable[RefusedInput]) -> Iterator[dict[str, Any]]:
    """Yield bodies of documents that hold refused inputs. Each has inputs of one reason and fits into a document."""
    by_reason = sorted(inputs, key=lambda each: (each.reason, each.position))
    for reason, group in groupby(by_reason, key=lambda each: each.reason):
        some: list[dict[str, Any]] = []
        size = 0
        for each in group:
            record = {"position": each.position, "input": each.input}
            length = len(msgspec.json.encode(record))
            if length > KEPT_BYTES:
                record["input"] = each.input[: KEPT_BYTES // 6]  # JSON writes a character as at most six bytes
                length = len(msgspec.json.encode(record))
            if some and size + length > KEPT_BYTES:
                yield {"reason": reason, "inputs": some}
                some, size = [], 0
            some.append(record)
            size += length + 1
        yield {"reason": reason, "inputs": some}
