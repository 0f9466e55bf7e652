"""Operations: long work that an operator starts. It consists of idempotent steps that any process may do at any time.

A kind of operation is a frozen dataclass; its fields are the operator's command. It can plan its steps, do a step, and
conclude. Knows nothing of who runs the steps, how often they are retried and where progress is stored
(blueprints.operations).
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Protocol

import msgspec

from domain.closing import Times
from domain.errors import Unavailable
from domain.minutes import WINDOW, window_of, windows_between
from domain.samples import FUTURE_TOLERANCE, Horizon
from domain.spans import Span
from domain.taking import EVERYTHING, Taking
from messaging.dead_letters import DeadLetters
from pipeline.rules import Rules
from pipeline.trust import ANYBODY, Trust
from storage.documents import Conflict
from storage.tables import Tables
from storage.tables.operations import OperationRecord
from storage.tables.table import Stored

Step = Mapping[str, Any]
"""A step's task as a JSON object. Its content is defined by the kind of operation."""

Figures = Mapping[str, int]
"""Counts of what was done. The figures of several steps can be added."""

WINDOWS_A_STEP = 4
"""An hour. Such a step is cheap to repeat, and a month still has fewer than a thousand steps."""


@dataclass(frozen=True, slots=True)
class OperationContext:
    """The services and times that steps need. ``started`` is when the operation was started (Unix seconds)."""

    tables: Tables
    dead_letters: DeadLetters
    horizon: Horizon
    rules: Rules
    started: int
    times: Times
    time_left: Callable[[], bool] = lambda: True
    """Whether a step that can stop in the middle should continue."""
    trust: Trust = ANYBODY
    """Decides whose samples are accepted when messages are ingested again."""
    taking: Taking = EVERYTHING
    """Which counters are taken then."""

    @property
    def now(self) -> int:
        """The time, in Unix seconds."""
        return self.times.now


@dataclass(frozen=True, slots=True)
class Done:
    """The result of a step. ``again`` says that its time ran out and that it must be done again."""

    figures: Figures = field(default_factory=dict)
    again: bool = False


class Operation(Protocol):
    """A kind of operation. Its fields are the command, in plain JSON. All methods may raise Unavailable."""

    kind: ClassVar[str]

    async def plan(self, context: OperationContext) -> Sequence[Step]:
        """Return the steps. They may be done in any order."""

    async def do(self, step: Step, context: OperationContext) -> Done:
        """Do a step. It is idempotent."""

    async def conclude(self, context: OperationContext) -> Figures:
        """Do what can only be done after all steps. It is idempotent."""


@dataclass(frozen=True, slots=True)
class Run:
    """The last run of an operation's instance, as its runner reports it.

    ``started`` is when the run was started, or None if that is unknown. It distinguishes runs of the same instance.
    ``state``, ``ended``, ``figures`` and ``error`` are as in OperationRecord. ``progress`` is what the run has last
    reported (blueprints.operations.progress).
    """

    started: int | None
    state: str
    ended: int | None = None
    figures: Figures = field(default_factory=dict)
    error: str | None = None
    progress: Mapping[str, Any] = field(default_factory=dict, compare=False)


Ask = Callable[[str], Awaitable[Run | None]]
"""Returns an instance's last run by its id, or None if there is none. Raises Unavailable if the runner can't answer."""

NOT_KNOWN = "it no longer runs, and how it ended is unknown"


def instance_of(operation: Operation) -> str:
    """Return an operation's instance id. Equal commands have equal ids, so only one of them runs at a time."""
    asked = msgspec.json.encode(asdict(operation), order="sorted")  # type: ignore[call-overload]
    return f"{operation.kind}-{hashlib.sha256(asked).hexdigest()[:16]}"


def added(figures: Figures, more: Figures) -> Figures:
    """Return the sum of two sets of figures."""
    return {name: figures.get(name, 0) + more.get(name, 0) for name in {**figures, **more}}


def earliest_window(context: OperationContext) -> int:
    """Return the first window that still has all of its accepted samples."""
    return window_of(context.horizon.oldest - 1) + WINDOW


def steps_of(windows: Sequence[int]) -> list[Step]:
    """Return steps with WINDOWS_A_STEP windows each."""
    return [{"windows": list(windows[at : at + WINDOWS_A_STEP])} for at in range(0, len(windows), WINDOWS_A_STEP)]


def windows_until(context: OperationContext, start: int, end: int) -> range:
    """Return the windows with minutes from ``start`` to ``end``, up to the newest minute that is accepted now."""
    span = Span.fixed(start, min(end, context.now + FUTURE_TOLERANCE))
    return windows_between(span.first, span.last) if span.minutes else range(0)


def record_of(operation: Operation, by: str, started: int) -> OperationRecord:
    """Return the record of an operation that begins now."""
    asked = asdict(operation)  # type: ignore[call-overload]
    return OperationRecord(instance_of(operation), operation.kind, asked, by, started, None, "running", {})


async def note(
    tables: Tables, record: OperationRecord, now: int, figures: Figures | None = None, error: str | None = None
) -> None:
    """Record that an operation runs or, if there are figures or an error, that it has ended."""
    if figures is not None or error is not None:
        state = "failed" if error else "done"
        record = replace(record, ended=now, state=state, figures=figures or {}, error=error)
    await tables.operations.write(record)


async def carry_out(operation: Operation, context: OperationContext) -> Figures:
    """Carry out an operation in this process, step by step. Return its figures. Raises Unavailable.

    (In the app, Durable Functions runs the steps concurrently and retries failed ones: blueprints.operations.)
    """
    figures: Figures = {}
    for step in await operation.plan(context):
        again = True
        while again:
            done = await operation.do(step, context)
            figures, again = added(figures, done.figures), done.again
    return added(figures, await operation.conclude(context))


async def listed(tables: Tables, most: int, ask: Ask, now: int) -> list[OperationRecord]:
    """Return the newest operations. A stopped operation could not record its end, so this does it, once.

    If ``ask`` raises Unavailable, the records stay as they are. Raises Unavailable if the store is unavailable.
    """
    records: list[OperationRecord] = []
    can_be_asked = True
    for stored in await tables.operations.newest(most):
        record = stored.value
        if record.state == "running" and can_be_asked:
            try:
                run = await ask(record.instance)
            except Unavailable:
                can_be_asked = False  # waiting once is enough
            else:
                record = await _settled(tables, stored, run, now)
        records.append(record)
    return records


async def _settled(tables: Tables, stored: Stored[OperationRecord], run: Run | None, now: int) -> OperationRecord:
    record = stored.value
    if run is None or run.started not in (None, record.started):  # its run was deleted, or was started again since
        settled = replace(record, state="stopped", ended=now, error=NOT_KNOWN)
    elif run.state == "running":
        return record
    else:
        settled = replace(record, state=run.state, ended=run.ended, figures=run.figures, error=run.error)
    try:
        await tables.operations.settle(settled, stored.etag)
    except Conflict:  # it has just recorded its end itself, or another process has
        return await tables.operations.read(record) or settled
    return settled
