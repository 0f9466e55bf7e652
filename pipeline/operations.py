"""Operations: long work that an operator asks for, cut into steps that may each be done twice, by anyone, at any time.

A kind of operation is a frozen dataclass of what is asked. It plans its steps, does one, and concludes. Knows nothing
of who runs the steps, how often they are tried and where progress is kept (blueprints.operations).
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Protocol

import msgspec

from domain.charts import Span
from domain.closing import Times
from domain.counters import Reduction
from domain.errors import Unavailable
from domain.minutes import WINDOW, window_of, windows_between
from domain.samples import FUTURE_TOLERANCE, Horizon
from messaging.dead_letters import DeadLetters
from pipeline.trust import ANYBODY, Trust
from storage.documents import Conflict
from storage.tables import Tables
from storage.tables.operations import OperationRecord
from storage.tables.table import Stored

Step = Mapping[str, Any]
"""What one step is to do, as a JSON object; each kind knows its own."""

Figures = Mapping[str, int]
"""What was done, in numbers that add up."""

WINDOWS_A_STEP = 4
"""An hour: little enough to be done again, and a month is still no more than some hundred steps."""


@dataclass(frozen=True, slots=True)
class OperationContext:
    """What steps work with. ``started`` is when the operation was asked for (Unix seconds)."""

    tables: Tables
    dead_letters: DeadLetters
    horizon: Horizon
    reductions: Mapping[str, Reduction]
    started: int
    times: Times
    time_left: Callable[[], bool] = lambda: True
    """Whether a step that can stop in the middle should go on."""
    trust: Trust = ANYBODY
    """What decides whose samples are taken, where messages are tried again."""

    @property
    def now(self) -> int:
        """The time, in Unix seconds."""
        return self.times.now


@dataclass(frozen=True, slots=True)
class Done:
    """What a step did. ``again``: it had no time for all of it and is to be done once more."""

    figures: Figures = field(default_factory=dict)
    again: bool = False


class Operation(Protocol):
    """A kind of operation; its fields, all of them plain JSON, say what is asked. All methods may raise Unavailable."""

    kind: ClassVar[str]

    async def plan(self, context: OperationContext) -> Sequence[Step]:
        """Return the steps. They may be done in any order."""

    async def do(self, step: Step, context: OperationContext) -> Done:
        """Do a step. Doing it again changes nothing more."""

    async def conclude(self, context: OperationContext) -> Figures:
        """Do what can only be done after all steps. Doing it again changes nothing more."""


@dataclass(frozen=True, slots=True)
class Run:
    """How an instance of an operation is, as who runs it says: the last time that it was started, and what came of it.

    ``started`` is when that was asked for, which tells it from earlier runs of the same instance; None: not known.
    ``state``, ``ended``, ``figures`` and ``error`` are those of a record.
    """

    started: int | None
    state: str
    ended: int | None = None
    figures: Figures = field(default_factory=dict)
    error: str | None = None


Ask = Callable[[str], Awaitable[Run | None]]
"""Asks how an instance is, by its id; None: there is none. Raises Unavailable where that can't be asked."""

NOT_KNOWN = "it runs no more, and how it ended is not known"


def instance_of(operation: Operation) -> str:
    """Return the name under which an operation runs: the same for the same question, so that it runs once at a time."""
    asked = msgspec.json.encode(asdict(operation), order="sorted")  # type: ignore[call-overload]
    return f"{operation.kind}-{hashlib.sha256(asked).hexdigest()[:16]}"


def added(figures: Figures, more: Figures) -> Figures:
    """Return figures added up."""
    return {name: figures.get(name, 0) + more.get(name, 0) for name in {**figures, **more}}


def earliest_window(context: OperationContext) -> int:
    """Return the first window of which all samples that were accepted are still there."""
    return window_of(context.horizon.oldest - 1) + WINDOW


def steps_of(windows: Sequence[int]) -> list[Step]:
    """Return steps over windows, a few each."""
    return [{"windows": list(windows[at : at + WINDOWS_A_STEP])} for at in range(0, len(windows), WINDOWS_A_STEP)]


def windows_until(context: OperationContext, start: int, end: int) -> range:
    """Return the windows that hold any minute from one second to another, as far as minutes have come."""
    span = Span.fixed(start, min(end, context.now + FUTURE_TOLERANCE))
    return windows_between(span.first, span.last) if span.minutes else range(0)


def record_of(operation: Operation, by: str, started: int) -> OperationRecord:
    """Return the record of an operation that begins."""
    asked = asdict(operation)  # type: ignore[call-overload]
    return OperationRecord(instance_of(operation), operation.kind, asked, by, started, None, "running", {})


async def note(
    tables: Tables, record: OperationRecord, now: int, figures: Figures | None = None, error: str | None = None
) -> None:
    """Write down that an operation runs, or (where there are figures, or an error) what has become of it."""
    if figures is not None or error is not None:
        state = "failed" if error else "done"
        record = replace(record, ended=now, state=state, figures=figures or {}, error=error)
    await tables.operations.write(record)


async def carry_out(operation: Operation, context: OperationContext) -> Figures:
    """Do an operation in this process, step after step; return what it did. Raises Unavailable.

    (In the app, Durable Functions does the steps side by side, and each again where it fails: blueprints.operations.)
    """
    figures: Figures = {}
    for step in await operation.plan(context):
        again = True
        while again:
            done = await operation.do(step, context)
            figures, again = added(figures, done.figures), done.again
    return added(figures, await operation.conclude(context))


async def listed(tables: Tables, most: int, ask: Ask, now: int) -> list[OperationRecord]:
    """Return the newest operations. One that was stopped could not write that down, so it is done here, once.

    Where that can't be asked, records stay as they are. Raises Unavailable where the store is.
    """
    records: list[OperationRecord] = []
    can_be_asked = True
    for stored in await tables.operations.newest(most):
        record = stored.value
        if record.state == "running" and can_be_asked:
            try:
                run = await ask(record.instance)
            except Unavailable:
                can_be_asked = False  # one wait is enough
            else:
                record = await _settled(tables, stored, run, now)
        records.append(record)
    return records


async def _settled(tables: Tables, stored: Stored[OperationRecord], run: Run | None, now: int) -> OperationRecord:
    record = stored.value
    if run is None or run.started not in (None, record.started):  # it is forgotten, or was started anew since
        settled = replace(record, state="stopped", ended=now, error=NOT_KNOWN)
    elif run.state == "running":
        return record
    else:
        settled = replace(record, state=run.state, ended=run.ended, figures=run.figures, error=run.error)
    try:
        await tables.operations.settle(settled, stored.etag)
    except Conflict:  # it has just written down its end itself, or somebody else has looked
        return await tables.operations.read(record) or settled
    return settled
