"""The state of the system, and whether its store answers."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from domain.closing import Driver, Progress
from domain.errors import Unavailable
from domain.minutes import MINUTE, utc_day
from pipeline.advice import advice
from pipeline.queries.enrolments import TenantState, not_calm, unsigned_lately
from pipeline.queries.scores import TenantScores, get_scores
from pipeline.queries.view import View, age, progress_of
from storage.documents import Corrupt
from storage.schema import DAY
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS

MOST_REFUSALS = 10
"""How many reasons of refusals are listed."""

MOST_SENDERS = 10
MOST_STATES = 50
PULSE_SECONDS = 3
LATE_SECONDS = 20 * MINUTE
"""Data whose newest minute ended longer ago is late."""


FILLING_SECONDS = MINUTE
"""What fills a sample fleet's past and has not said so for longer has ended."""


@dataclass(frozen=True, slots=True)
class RemoteWriteStatus:
    """How far the fleet's minutes have been sent to Prometheus, and what was not sent."""

    window: int | None
    """The newest window (its first second) that was sent; all older ones since the setup were sent, too. Null: the
    document that says so can't be read."""
    lateRows: int
    """Report rows of windows that closed after newer ones had been sent: not sent, since they would be refused."""
    refusedSamples: int
    """Samples that the receiver refused for good, since it has them or newer ones, or they are too old for it."""
    problem: str | None
    """Why nothing can be sent now; waiting minutes are sent later. Null: sending works."""
    notBefore: int | None
    """After such a problem, the time (Unix seconds) before which sending is not tried again."""


@dataclass(frozen=True, slots=True)
class RefusedReason:
    """A reason why input was refused, how many inputs were, and what to do about it."""

    reason: str
    count: int
    advice: str


@dataclass(frozen=True, slots=True)
class OnlyRefused:
    """Inputs came, and all of them were refused."""

    since: int | None
    """The end of the newest minute that was accepted before (Unix seconds); null: nothing was ever accepted."""
    inputs: int
    """The inputs that were refused after that, of this UTC day and the one before."""
    reasons: Sequence[RefusedReason]
    """The most frequent reasons, the most frequent one first."""


@dataclass(frozen=True, slots=True)
class Status:
    """The state of the system."""

    newestMinute: int | None
    """The newest minute of the report that the fleet has reached; null: there is none yet."""
    ageSeconds: int | None
    """Seconds from the end of that minute to now."""
    dirtyMarks: int
    """Tenants' windows that wait for averaging."""
    openWindows: int
    """Windows that are not final yet."""
    quarantinedToday: int
    """Inputs that were refused on this UTC day."""
    refusals: Mapping[str, int]
    """The most frequent reasons for these refusals, and how many there are of each."""
    onlyRefused: OnlyRefused | None
    """What was refused, and what to do, if no newer minute has been accepted for 20 minutes while inputs came. Null:
    newer minutes come, or nothing comes at all."""
    omissions: Mapping[str, int]
    """Data that came on this UTC day but were left out of the averages, and how many there are of each kind."""
    averagingRuns: Mapping[Driver, int]
    """When averaging last ran, to the minute (Unix seconds), by what drove it: its timer, each minute; ingest, if the
    timer stands still; or a catch-up."""
    enrolledTenants: int
    """Tenants that have a valid key."""
    unsignedSenders: Sequence[str]
    """The first tenants, by name, that are named by messages of the last hour that no enrolled key has signed."""
    tenantsToLookAfter: Sequence[TenantState]
    """The first tenants, by name, for which somebody has something to do: they have not joined yet, are silent, or
    their SPOC tells of a fault."""
    remoteWrite: RemoteWriteStatus | None
    """The state of sending to Prometheus; null: nothing was ever sent (REMOTE_WRITE_URL)."""
    sampleFleetFilled: float | None
    """The share of a sample fleet's past that is filled, 0 to 1, while a local host fills it; null: none does."""
    scores: Sequence[TenantScores]
    """How good what was said of the future was, by tenant and pool (/v1/get-logons, /v1/get-forecast)."""


class Pulse:
    """Whether the store answers. It is asked at most once in PULSE_SECONDS, regardless of the number of callers."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Take a clock in seconds that never goes back."""
        self._clock = clock
        self._until = float("-inf")
        self._why: Unavailable | None = None
        self._asking = asyncio.Lock()

    async def feel(self, tables: Tables) -> None:
        """Return if the store answered its last check (a read of one document). Raises Unavailable if not."""
        async with self._asking:
            if self._clock() >= self._until:
                try:
                    await tables.catalogue.entry(COUNTERS, "-")
                    self._why = None
                except Unavailable as error:
                    self._why = error
                self._until = self._clock() + PULSE_SECONDS
        if self._why:
            raise Unavailable(str(self._why), self._why.retry_after)


async def status(tables: Tables, view: View) -> Status:
    """Return the state of the system. Raises Unavailable if the store can't be reached."""
    progress = await progress_of(tables)
    marks = await tables.marks.read()
    reasons: Counter[str] = Counter()
    async for message in tables.quarantine.messages(utc_day(view.now)):
        reasons.update(message.reasons)
    omissions: Counter[str] = Counter()
    for each in await tables.omissions.of_day(utc_day(view.now)):
        omissions[each.what] += each.count
    return Status(
        progress.newest,
        None if progress.newest is None else age(progress.newest, view.now),
        len(marks),
        len(progress.opened),
        reasons.total(),
        dict(reasons.most_common(MOST_REFUSALS)),
        None if marks else await _only_refused(tables, progress, view.now),
        dict(omissions),
        progress.runs,
        len((await tables.enrolments.register()).enrolled),
        (await unsigned_lately(tables, view))[:MOST_SENDERS],
        (await not_calm(tables, view))[:MOST_STATES],
        await _remote_write(tables),
        await _filled(tables, view.now),
        (await get_scores(tables))[:MOST_STATES],
    )


async def _only_refused(tables: Tables, progress: Progress, now: int) -> OnlyRefused | None:
    since = None if progress.newest is None else progress.newest + MINUTE // 2
    if since is not None and now - since <= LATE_SECONDS:
        return None
    reasons: Counter[str] = Counter()
    for day in (now - DAY, now):  # midnight is no reason to forget
        async for message in tables.quarantine.messages(utc_day(day)):
            if since is None or message.received >= since:
                reasons.update(message.reasons)
    listed = [RefusedReason(reason, count, advice(reason)) for reason, count in reasons.most_common(MOST_REFUSALS)]
    return OnlyRefused(since, reasons.total(), listed) if listed else None


async def _filled(tables: Tables, now: int) -> float | None:
    filling = await tables.cursors.filling()
    return filling.share if filling and filling.share < 1 and now - filling.at < FILLING_SECONDS else None


async def _remote_write(tables: Tables) -> RemoteWriteStatus | None:
    try:
        stored = await tables.cursors.remote_write()
    except Corrupt as error:  # stops remote write and nothing else
        return RemoteWriteStatus(None, 0, 0, str(error), None)
    if stored is None:
        return None
    cursor = stored.value
    return RemoteWriteStatus(
        cursor.window, cursor.late_rows, cursor.refused, cursor.problem, cursor.not_before if cursor.problem else None
    )
