"""Ingest: from message bodies to stored VM windows and dirty marks.

Stores, then marks, then does everything else (quarantine included), then returns. The caller completes the messages
only after that. Storing a message again changes nothing.

A message can harm only itself. If a group of messages fails, each is tried alone, and a message that fails for a reason
of its own goes into quarantine. Only a refusal by the store raises (Unavailable), and then the whole batch comes again.
"""

import asyncio
import gzip
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from domain import wire
from domain.counters import Reduction
from domain.errors import BadMessage, Unavailable
from domain.refusals import Refusals
from domain.samples import Collected, Horizon, VmWindow, collect, vm_windows_of
from domain.taking import EVERYTHING, Taking
from pipeline.concurrency import TURN, gather
from pipeline.ingested import Ingested
from pipeline.refusals import keep, refused_whole
from pipeline.storing import Rest, store
from pipeline.trust import ANYBODY, Origin, Trust
from storage.charges import metered
from storage.tables import Tables
from storage.tables.heartbeats import Heard
from storage.tables.marks import Mark
from storage.tables.omissions import NOT_TAKEN

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 50_000
"""How many rows (one counter of one VM window each) are gathered from a batch's messages before they are stored. A row
takes up to 700 bytes of memory. As a SPOC packs them, 50,000 rows are 38 full messages."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as the queue delivered it. ``received`` (Unix seconds) names the day of its quarantine.

    ``proven`` is the tenant that is known to have sent it. Only ingest sets it, for messages it keeps in quarantine.
    """

    body: bytes
    message_id: str
    received: int
    proven: str | None = None


@dataclass(slots=True)
class Group:
    """Messages whose samples are stored together."""

    horizon: Horizon
    overrides: Mapping[str, Reduction] | None
    trust: Trust = ANYBODY
    taking: Taking = EVERYTHING
    messages: list[Message] = field(default_factory=list)
    windows: dict[tuple[str, str, int], VmWindow] = field(default_factory=dict)
    rows: int = 0
    samples: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """By tenant, samples of counters that are not taken."""
    refused: list[tuple[Message, Refusals]] = field(default_factory=list)
    senders: set[tuple[str, int, str]] = field(default_factory=set)
    """For messages that prove no sender: the tenant they name, when they came, and the unknown key."""
    heartbeats: list[tuple[str, Heard]] = field(default_factory=list)
    """Those of messages that prove their sender, with the tenant."""
    bad_heartbeats: Counter[str] = field(default_factory=Counter)
    again: bool = False
    """Whether they are tried again from the quarantine. If so, they do not replace data that came in the meantime."""

    def read(self, message: Message) -> None:
        """Add a message's content to the group."""
        self.messages.append(message)
        try:
            origin = Origin(message.proven) if message.proven else self.trust.origin(message.body)
            message = replace(message, proven=origin.tenant)
            decoded = wire.decode(message.body)
            if origin.tenant is None and decoded.samples:
                self.senders.add((decoded.samples[0].MaskedTenantId, message.received, origin.unknown_key))
            if reason := self.trust.refuses_all(origin):
                raise BadMessage(reason)
            collected = collect(
                decoded.samples,
                self.horizon,
                self.overrides,
                vm_windows_of(len(message.body)),
                self.trust.refuses_from(origin),
            )
        except BadMessage as error:
            self.refused.append((message, refused_whole(str(error))))
            return
        except Exception as error:  # noqa: BLE001  (reported, and kept from other messages)
            self.refused.append((message, _our_fault(message, error)))
            return
        self._take(collected)
        if isinstance(decoded.heartbeat, str):
            self.bad_heartbeats[decoded.heartbeat] += 1
        elif decoded.heartbeat and origin.tenant is not None:
            self.heartbeats.append((origin.tenant, Heard(decoded.heartbeat, message.received)))
        refused = decoded.refused.followed_by(collected.refused, decoded.positions)
        if refused.count:
            self.refused.append((message, refused))

    def _take(self, collected: Collected) -> None:
        self.samples += collected.samples
        for whole in collected.windows:
            window, left_out = self.taking.divided(whole)
            if left_out:
                self.samples -= left_out
                self.left_out[window.tenant] += left_out
                if not window.series:
                    continue
            identity = (window.tenant, window.vm, window.window)
            earlier = self.windows.get(identity)
            self.windows[identity] = earlier.merged(window) if earlier else window
            self.rows += len(window.series)

    async def write(self, tables: Tables) -> tuple[int, list[tuple[Message, Refusals]]]:
        """Store the samples, then mark their tenants' windows.

        Returns how many VM windows changed, and the samples that could not be stored, as separate messages. Raises
        Unavailable; samples stored before that are still marked, as far as the store allows it.
        """
        try:
            stored = await gather(store(tables, window, again=self.again) for window in self.windows.values())
        except Exception:
            with suppress(Unavailable):
                await self._mark(tables)
            raise
        await self._mark(tables)
        received = self.messages[0].received
        rests = [_as_message(rest, received, self.trust.proven(rest.window.tenant)) for _, rest in stored if rest]
        return sum(written for written, _ in stored), rests

    async def store(self, tables: Tables) -> int:
        """Write the samples and quarantine what was refused; return how many VM windows changed. Raises Unavailable."""
        written, rests = await self.write(tables)
        self.refused += rests
        await gather(
            keep(tables, message.body, message.message_id, message.received, refused, message.proven)
            for message, refused in self.refused
        )
        await gather(tables.senders.note(*each) for each in sorted(self.senders))
        for tenant, heard in sorted(self.heartbeats, key=lambda each: -each[1].order):
            await tables.heartbeats.note(tenant, heard)
        for tenant, count in sorted(self.left_out.items()):
            await tables.omissions.add(NOT_TAKEN, tenant, count, self.messages[0].received)
        return written

    async def _mark(self, tables: Tables) -> None:
        marks = dict.fromkeys(Mark(window.tenant, window.window) for window in self.windows.values())
        await gather(tables.marks.set(mark) for mark in marks)

    async def store_alone(self, tables: Tables) -> int:
        """Store the group's one message. If it fails for a reason of its own, put it into quarantine.

        Raises Unavailable.
        """
        try:
            return await self.store(tables)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001  (reported, and kept from other messages)
            (message,) = self.messages
            self.refused = [(message, _our_fault(message, error))]
            self.samples = 0
            self.windows.clear()
            self.left_out.clear()
            return await self.store(tables)


@dataclass(slots=True)
class _Sum:
    """The result of a batch's groups."""

    samples: int = 0
    windows: set[tuple[str, str, int]] = field(default_factory=set)
    written: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    left_out: int = 0

    def add(self, group: Group, written: int) -> None:
        """Count a group that is stored."""
        self.samples += group.samples
        self.windows.update(group.windows)
        self.written += written
        self.left_out += group.left_out.total()
        for _, refused in group.refused:
            self.reasons.update(refused.reasons)
        self.reasons.update(group.bad_heartbeats)


async def ingest(
    tables: Tables,
    messages: Sequence[Message],
    horizon: Horizon,
    overrides: Mapping[str, Reduction] | None = None,
    time_left: Callable[[], bool] = lambda: True,
    trust: Trust = ANYBODY,
    taking: Taking = EVERYTHING,
) -> Ingested:
    """Store the samples of a batch of messages, and quarantine those that can't be accepted.

    Raises Unavailable if the store refused any of it. Everything else is done before that, as far as there was time to
    try messages one by one.
    """
    done = _Sum()
    refusals: list[Unavailable] = []
    with metered() as meter:
        async for group in _groups(messages, partial(Group, horizon, overrides, trust, taking)):
            try:
                done.add(group, await group.store(tables))
            except Exception:  # noqa: BLE001  (whatever it is, the message that causes it raises it again)
                refusals += await _one_by_one(tables, group, done, time_left)
            if refusals and not time_left():
                break
    if refusals:
        raise refusals[0]
    return Ingested(
        len(messages),
        done.samples,
        len(done.windows),
        done.written,
        done.reasons.total(),
        sorted({tenant for tenant, _, _ in done.windows}),
        _span(window for _, _, window in done.windows),
        done.reasons,
        done.left_out,
        meter.units,
    )


async def _groups(messages: Iterable[Message], empty: Callable[[], Group]) -> AsyncIterator[Group]:
    """Read messages, each without interruption, with turns for other work in between; yield groups in their order."""
    group = empty()
    began = time.perf_counter()
    for message in messages:
        group.read(message)
        if time.perf_counter() - began > TURN:
            await asyncio.sleep(0)
            began = time.perf_counter()
        if group.rows >= ROWS_AT_ONCE:
            yield group
            group = empty()
    if group.messages:
        yield group


async def _one_by_one(tables: Tables, group: Group, done: _Sum, time_left: Callable[[], bool]) -> Sequence[Unavailable]:
    """Store each message of a failed group alone while there is time; return the store's refusals."""
    refusals: list[Unavailable] = []
    for message in group.messages:
        alone = Group(group.horizon, group.overrides, group.trust, group.taking)
        alone.read(message)
        try:
            done.add(alone, await alone.store_alone(tables))
        except Unavailable as refusal:
            refusals.append(refusal)
            if not time_left():
                break
    return refusals


def _our_fault(message: Message, error: Exception) -> Refusals:
    """Return the refusal of a message on which our own code fails; the log says where."""
    log.error("ingest fails on the message %s", message.message_id, exc_info=error)
    return refused_whole(f"ingest fails on it: {type(error).__name__} (the log says where)")


def _span(windows: Iterable[int]) -> Sequence[int]:
    known = sorted(windows)
    return [known[0], known[-1]] if known else []


def _as_message(rest: Rest, received: int, proven: str | None) -> tuple[Message, Refusals]:
    """Return the part of a VM window that could not be stored as a message; it may hold samples of several messages."""
    samples = list(rest.window.samples())
    refused = Refusals()
    for position, sample in enumerate(samples):
        refused.add(position, rest.reason, sample)
    return Message(gzip.compress(wire.encode_samples(samples), mtime=0), "", received, proven), refused
