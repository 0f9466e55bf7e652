"""Ingest: from message bodies to stored VM windows and dirty marks.

Stores, then marks, then returns; whoever calls completes the messages only then. Any failure of the store raises
Unavailable, and the whole batch comes again: storing it once more changes nothing.
"""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from domain import wire
from domain.counters import Reduction
from domain.errors import BadMessage
from domain.samples import MOST_COUNTERS, Collected, Horizon, Refused, VmWindow, collect
from pipeline.concurrency import in_turns, together
from storage.charges import metered
from storage.documents import Conflict, Damaged
from storage.tables import KEPT_CHARACTERS, Mark, QuarantinedMessage, RefusedInput, Tables

NO_ROOM = f"the VM has more than {MOST_COUNTERS} counters in this window"
DAMAGED = "the VM's window in the store is damaged (docs/runbook.md, Damaged documents)"


@dataclass(frozen=True, slots=True)
class Message:
    """A message as the queue delivered it. ``received`` (Unix seconds) names the day of its quarantine."""

    body: bytes
    message_id: str
    received: int


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a batch of messages."""

    messages: int
    samples: int
    windows: int
    """VM windows that the samples belong to."""
    written: int
    """VM windows that were changed by them; the others held them already."""
    refused: int
    """Samples, or whole messages, that were put into quarantine."""
    tenants: Sequence[str]
    """Whose samples they are."""
    span: Sequence[int]
    """The oldest and the newest window that they belong to; empty, if there are none."""
    reasons: Mapping[str, int]
    """How many were refused for each reason."""
    charge: float
    """What the store charged, in request units."""


@dataclass(slots=True)
class _Batch:
    windows: dict[tuple[str, str, int], VmWindow] = field(default_factory=dict)
    samples: int = 0
    refused: list[tuple[Message, Sequence[Refused]]] = field(default_factory=list)

    def read(
        self, messages: Iterable[Message], horizon: Horizon, overrides: Mapping[str, Reduction] | None
    ) -> Iterator[None]:
        """Take in what messages hold, a step a message."""
        for message in messages:
            self._read(message, horizon, overrides)
            yield

    def _read(self, message: Message, horizon: Horizon, overrides: Mapping[str, Reduction] | None) -> None:
        try:
            decoded = wire.decode(message.body)
        except BadMessage as error:
            self.refused.append((message, [Refused(0, str(error), _whole(message.body))]))
            return
        collected = collect(decoded.samples, horizon, overrides)
        self._take(collected)
        by_rule = [
            Refused(decoded.positions[refused.position], refused.reason, refused.value) for refused in collected.refused
        ]
        if refused := [*decoded.refused, *by_rule]:
            self.refused.append((message, refused))

    def _take(self, collected: Collected) -> None:
        self.samples += collected.samples
        for window in collected.windows:
            identity = (window.tenant, window.vm, window.window)
            earlier = self.windows.get(identity)
            self.windows[identity] = earlier.merged(window) if earlier else window


async def ingest(
    tables: Tables, messages: Sequence[Message], horizon: Horizon, overrides: Mapping[str, Reduction] | None = None
) -> Ingested:
    """Store the samples of a batch of messages; quarantine what can't be accepted. Raises Unavailable."""
    batch = _Batch()
    await in_turns(batch.read(messages, horizon, overrides))
    with metered() as meter:
        stored = await together(_store(tables, window) for window in batch.windows.values())
        batch.refused += [_as_message(rest, messages[0].received) for _, rest in stored if rest]
        await together(_quarantine(tables, message, refused) for message, refused in batch.refused)
        await _mark(tables, batch)
    return Ingested(
        len(messages),
        batch.samples,
        len(batch.windows),
        sum(written for written, _ in stored),
        sum(len(refused) for _, refused in batch.refused),
        sorted({window.tenant for window in batch.windows.values()}),
        _span(window.window for window in batch.windows.values()),
        reasons_of(each for _, refused in batch.refused for each in refused),
        meter.units,
    )


def _span(windows: Iterable[int]) -> Sequence[int]:
    known = sorted(windows)
    return [known[0], known[-1]] if known else []


async def reingest(
    tables: Tables,
    quarantined: QuarantinedMessage,
    horizon: Horizon,
    overrides: Mapping[str, Reduction] | None = None,
) -> tuple[int, int]:
    """Try once more what was refused of a message; return how many inputs were accepted now, and how many not.

    What is accepted leaves the quarantine when it is stored and marked; the rest stays, with its reason of now.
    """
    inputs = await tables.quarantined_inputs(quarantined)
    remaining: list[RefusedInput] = []
    for body, of in _bodies(inputs, remaining):
        batch = _Batch()
        await in_turns(batch.read([Message(body, quarantined.message_id, quarantined.received)], horizon, overrides))
        stored = await together(_store(tables, window) for window in batch.windows.values())
        await _mark(tables, batch)
        batch.refused += [_as_message(rest, quarantined.received) for _, rest in stored if rest]
        for message, refused in batch.refused:
            same = len(of) if message.body is body else 0
            remaining += [
                replace(of[each.position], reason=each.reason)
                if each.position < same
                else RefusedInput(each.position, each.reason, wire.as_text(each.value))
                for each in refused
            ]
    summary = replace(quarantined, reasons=reasons_of(remaining))
    if not remaining:
        await tables.drop_quarantined(quarantined)
    elif remaining != inputs or summary != quarantined:
        await tables.quarantine(summary, remaining)
    return max(0, len(inputs) - len(remaining)), len(remaining)


def _bodies(
    inputs: Sequence[RefusedInput], remaining: list[RefusedInput]
) -> Iterator[tuple[bytes, Sequence[RefusedInput]]]:
    """Yield messages made of refused inputs, with these in the order in which they stand there.

    A message that was refused as a whole is yielded as it came, with itself if it is still unreadable. What was cut
    off, so that nothing can be made of it, goes to ``remaining``.
    """
    elements: list[RefusedInput] = []
    size = 0
    for each in inputs:
        try:
            whole = whole_of(json.loads(each.input))
        except ValueError:
            remaining.append(each)
            continue
        if whole is not None:
            yield whole, [each] if _unreadable(whole) else []
            continue
        if elements and size + len(each.input) > wire.MAX_BYTES // 2:
            yield _body_of(elements), elements
            elements, size = [], 0
        elements.append(each)
        size += len(each.input)
    if elements:
        yield _body_of(elements), elements


def _body_of(elements: Iterable[RefusedInput]) -> bytes:
    return f'{{"metrics":[{",".join(each.input for each in elements)}]}}'.encode()


def _unreadable(body: bytes) -> bool:
    try:
        wire.decode(body)
    except BadMessage:
        return True
    return False


async def _mark(tables: Tables, batch: _Batch) -> None:
    marks = dict.fromkeys(Mark(window.tenant, window.window) for window in batch.windows.values())
    await together(tables.mark(mark) for mark in marks)


@dataclass(frozen=True, slots=True)
class _Rest:
    """What of a VM window could not be stored, and why."""

    window: VmWindow
    reason: str


async def _store(tables: Tables, window: VmWindow) -> tuple[bool, _Rest | None]:
    """Merge a VM window into the store; tell whether that changed anything, and what of it could not be stored.

    Most windows are new, so the first try creates: one write and no read.
    """
    new, rest = _fitting(window)
    try:
        await tables.write_vm_window(new, None)
    except Conflict:
        pass
    else:
        return True, rest
    while True:
        try:
            stored = await tables.vm_window(window.tenant, window.vm, window.window)
        except Damaged:  # averaging says which document it is
            return False, _Rest(window, DAMAGED)
        new, rest = _fitting(window, stored.value.series if stored else ())
        merged = stored.value.merged(new) if stored else new
        if stored and merged == stored.value:
            return False, rest
        try:
            await tables.write_vm_window(merged, stored.etag if stored else None)
        except Conflict:
            continue
        return True, rest


def _fitting(window: VmWindow, known: Collection[str] = ()) -> tuple[VmWindow, _Rest | None]:
    fits, excess = window.fitting(known)
    return fits, None if excess is None else _Rest(excess, NO_ROOM)


def _as_message(rest: _Rest, received: int) -> tuple[Message, Sequence[Refused]]:
    """What of a VM window could not be stored, as a message of its own (the samples of several may be in it)."""
    samples = list(rest.window.samples())
    refused = [Refused(position, rest.reason, sample) for position, sample in enumerate(samples)]
    return Message(wire.encode_samples(samples), "", received), refused


async def _quarantine(tables: Tables, message: Message, refused: Sequence[Refused]) -> None:
    """Keep the refused inputs of a message, and how many there are for each reason."""
    digest = hashlib.sha256(message.body).hexdigest()[:32]
    summary = QuarantinedMessage(digest, message.message_id, message.received, reasons_of(refused))
    inputs = [RefusedInput(each.position, each.reason, wire.as_text(each.value)) for each in refused]
    await tables.quarantine(summary, inputs)


def reasons_of(refused: Iterable[Refused | RefusedInput]) -> Mapping[str, int]:
    """Return how many inputs there are for each reason."""
    return Counter(each.reason for each in refused)


def _whole(body: bytes) -> dict[str, Any]:
    """What is kept of an unreadable message: its bytes in base64, cut off where they are too many for a document."""
    return {"bytes": len(body), "base64": base64.b64encode(body[: KEPT_CHARACTERS // 2]).decode("ascii")}


def whole_of(kept: Any) -> bytes | None:
    """Return the message of which ``kept`` is what :func:`_whole` says. None: it is no whole message.

    Raises ValueError where its end was cut off.
    """
    match kept:
        case {"bytes": int(length), "base64": str(text), **rest} if not rest:
            body = base64.b64decode(text, validate=True)
            if len(body) != length:
                raise ValueError("cut off")
            return body
    return None
