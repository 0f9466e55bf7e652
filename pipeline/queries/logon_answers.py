"""The answers about log-ons to come, made of what the domain says: with moments in place of minutes of the day."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from domain.digests import Whose
from domain.disclosure import ForTenants
from domain.logon_scores import Score
from domain.logons import DayAhead, Expected
from domain.zones import local_quarters, shown, when, windows_of_day

if TYPE_CHECKING:
    from domain.sessions_ahead import SessionsAhead

NOT_LEARNED = (
    "nothing is learned of it yet: log-ons are learned twice a day, of days that are over, from "
    "win_session.active_sessions and win_session.logons"
)


@dataclass(frozen=True, slots=True)
class ExpectedTime(ForTenants):
    """When something is expected, in Unix seconds, and as people's clocks show it."""

    expected: int
    """The median of what is expected."""
    low: int
    """The low end of a band that holds it on four days of five."""
    high: int
    """The high end of the band."""
    expectedLocal: str
    lowLocal: str
    highLocal: str


@dataclass(frozen=True, slots=True)
class LogonDay(ForTenants):
    """What is expected of a pool or a VM on a local day, and when to start and stop."""

    pool: str | None
    vm: str | None
    day: str
    """The local day."""
    probability: float | None
    """That anybody logs on that day; null: unknown."""
    firstLogon: ExpectedTime | None
    """The first log-on, if there is one; null: unknown."""
    lastLogoff: ExpectedTime | None
    """The last log-off, perhaps after midnight; null: unknown."""
    startBy: int | None
    """When to start, so that it is up in time (Unix seconds), perhaps before midnight; null: do not start ahead."""
    startByLocal: str | None
    giveUp: int | None
    """When to stop again if nobody has logged on until then."""
    giveUpLocal: str | None
    stopAfter: int | None
    """From when on to stop once nobody is logged on, perhaps after midnight."""
    stopAfterLocal: str | None


@dataclass(frozen=True, slots=True)
class PastAdvice(ForTenants):
    """How advice of the last days did: each day's was made only of the days before it."""

    days: int
    """How many days were scored."""
    logons: int
    """On how many of them somebody logged on."""
    served: float | None
    """The share of first log-ons that found the VM up."""
    idleMinutes: float | None
    """The minutes a day in which it was up by advice and nobody was logged on."""
    fixedServed: float | None
    """The same of the best fixed schedule, found in hindsight, that serves as many."""
    fixedIdleMinutes: float | None
    firstLogonCoverage: float | None
    """The share of first log-ons that lay within their bands."""
    lastLogoffCoverage: float | None
    """The share of last log-offs that lay within their bands."""
    brier: float | None
    """The mean square of how far the probability of a log-on was from what came."""
    baseBrier: float | None
    """The same of the share of days with a log-on so far."""
    better: bool
    """Whether these figures show that advice is better than the fixed schedule."""


@dataclass(frozen=True, slots=True)
class LogonSeries(ForTenants):
    """A pool or a VM: from how much it was learned, and how past advice did."""

    pool: str | None
    vm: str | None
    history: int
    """The days from which it was learned."""
    reason: str | None
    """Why nothing is known; null: something is."""
    past: PastAdvice | None
    """How past advice did; null: no day could be scored."""


@dataclass(frozen=True, slots=True)
class SessionQuarter(ForTenants):
    """How many sessions are expected in a quarter of an hour."""

    window: int
    """The quarter's first second."""
    expected: float | None
    low: float | None
    """The low end of a band that holds four values of five."""
    high: float | None
    """The high end of the band."""


@dataclass(frozen=True, slots=True)
class Logons(ForTenants):
    """Log-ons to come: what was asked, resolved, and the days of each pool or VM."""

    tenant: str
    timeZone: str
    """By whose clocks days and local times are: of a VM those of its region, of pools those of most of the tenant's
    VMs. UTC, if no region is known."""
    serve: float
    bootMinutes: int
    learnedUntil: str | None
    """The last day from which it was learned; null: none."""
    reason: str | None
    """Why there are no days; null: there are some."""
    tenantPast: PastAdvice | None
    """How advice for all the tenant's VMs did, serving 95 % with 10 minutes to boot; null: nobody knows."""
    series: list[LogonSeries]
    data: list[LogonDay]
    sessions: list[SessionQuarter] | None
    """With ``pool``: its sessions by quarter of an hour. Null: unknown, or not of one pool."""


def series_of(whose: Whose, first: DayAhead | None, score: Score | None) -> LogonSeries:
    """Return how much is known of a pool or a VM. ``first``: any of its days ahead; None: nothing is learned."""
    history, reason = (first.days, first.reason) if first else (0, NOT_LEARNED)
    return LogonSeries(*_names(whose), history, reason, past_advice(score))


def _names(whose: Whose) -> tuple[str | None, str | None]:
    return (whose.name, None) if whose.kind == "pool" else (None, whose.name)


def past_advice(score: Score | None) -> PastAdvice | None:
    """Return a score as it is answered; None if no day was scored."""
    if score is None or not score.days:
        return None
    return PastAdvice(
        score.days,
        score.logons,
        _rounded(score.served),
        _rounded(score.idle, 1),
        _rounded(score.fixed_served),
        _rounded(score.fixed_idle, 1),
        _rounded(score.first_covered),
        _rounded(score.last_covered),
        _rounded(score.brier),
        _rounded(score.base_brier),
        score.better,
    )


def _rounded(value: float | None, decimals: int = 3) -> float | None:
    return None if value is None else round(value, decimals)


def day_of(whose: Whose, day: date, of: DayAhead, zone: str | None) -> LogonDay:
    """Return what is expected on a local day."""
    return LogonDay(
        *_names(whose),
        day.isoformat(),
        _rounded(of.probability),
        _time(day, of.first, zone, latest=False),
        _time(day, of.last, zone, latest=True),
        *_moment(day, of.start_by, zone, latest=False),
        *_moment(day, of.give_up, zone, latest=True),
        *_moment(day, of.stop_after, zone, latest=True),
    )


def _moment(day: date, minutes: int | None, zone: str | None, *, latest: bool) -> tuple[int | None, str | None]:
    if minutes is None:
        return None, None
    at = when(day, minutes, zone, latest=latest)
    return at, shown(at, zone)


def _time(day: date, of: Expected | None, zone: str | None, *, latest: bool) -> ExpectedTime | None:
    if of is None:
        return None
    expected, low, high = (when(day, minutes, zone, latest=latest) for minutes in of)
    return ExpectedTime(expected, low, high, shown(expected, zone), shown(low, zone), shown(high, zone))


def quarters_of(days: Sequence[date], sessions: "SessionsAhead", zone: str | None) -> list[SessionQuarter] | None:
    """Return the sessions of days by their windows; None if all are unknown."""
    found = []
    for at, day in enumerate(days):
        windows = windows_of_day(day, zone)
        lines = [line[at].tolist() for line in sessions]
        for window, quarter in zip(windows, local_quarters(windows, zone), strict=True):
            expected, low, high = (line[quarter] for line in lines)
            found.append(SessionQuarter(window, _known(expected), _known(low), _known(high)))
    return found if any(each.expected is not None for each in found) else None


def _known(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 2)
