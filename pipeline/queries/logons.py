"""Log-ons to come as answers: for a VM, a pool, or all pools of a tenant; and how past advice did.

Reads the habits that were learned (pipeline.learning_habits), never a window, and nothing whose size grows with the
fleet. A tenant's caller gets those of its own tenant.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from domain.digests import Whose
from domain.errors import NotFound
from domain.logon_scores import Score, advised
from domain.logons import BOOT_MINUTES, SERVE, DayAhead, ahead
from domain.scaling_plan import plan_times
from domain.sessions_ahead import SessionsAhead, sessions_ahead
from domain.tenant_habits import TenantHabits, joined
from domain.zones import local, when, zone_of
from pipeline.queries.logon_answers import (
    NOT_LEARNED,
    LogonDay,
    Logons,
    SessionQuarter,
    day_of,
    past_advice,
    quarters_of,
    series_of,
)
from pipeline.queries.names import tenant_named, vm_named
from pipeline.queries.scaling_plan import ScalingPlan, scaling_plan
from pipeline.queries.view import View
from storage.tables import Tables
from storage.tables.catalogue import vms_of
from storage.tables.scores import score_of

NO_POOLS = "no pool of this tenant has been learned: give the parameter vm for a VM without a pool"
MIDNIGHT = 1440


@dataclass(frozen=True, slots=True)
class LogonQuestion:
    """What is asked: a VM or a pool of a tenant, or all its pools; for so many days, with what service."""

    tenant: str
    pool: str | None
    vm: str | None
    days: int
    serve: float
    boot_minutes: int


async def get_logons(tables: Tables, asked: LogonQuestion, view: View) -> Logons:
    """Return what is expected, and advice. Raises NotFound."""
    tenant = await tenant_named(tables, asked.tenant, view)
    asked, zone, learned = await _learned(tables, replace(asked, tenant=tenant))
    whose = _whose(asked, learned)
    known = [each for each in whose if learned and each in learned.whose]
    series = [series_of(each, None, None) for each in whose if each not in known]
    data: list[LogonDay] = []
    quarters: list[SessionQuarter] | None = None
    stored = await tables.scores.read(tenant, "logons")
    if learned and known:
        of = learned.of(known)
        today = local(view.now, zone).day
        days = [today + timedelta(days=more) for more in range(-1, asked.days + 1)]
        weekdays, again = _after(learned.last, days)
        scores: Sequence[Score | None]
        if asked.vm is None and (asked.serve, asked.boot_minutes) == (SERVE, BOOT_MINUTES):  # learning has scored these
            pools = stored[zone].pools if zone in stored else {}
            scores = [score_of(pools.get(each.name or "", {}), Score) for each in known]
            rows = ahead(of, weekdays, asked.serve, asked.boot_minutes, again)
        else:
            rows, past_scores = advised(of, weekdays, asked.serve, asked.boot_minutes, again=again)
            scores = past_scores.of_series
        for each, told, score in zip(known, rows, scores, strict=True):
            row = told[-len(days) :]
            series.append(series_of(each, row[0], score))
            first = _first(row, days, zone, view.now)
            data += [
                day_of(each, day, expected, zone)
                for day, expected in list(zip(days, row, strict=True))[first : first + asked.days]
            ]
        if asked.pool is not None:
            listed = [date.fromisoformat(each.day) for each in data]
            found = _sessions(learned, known[0], listed)
            quarters = None if found is None else quarters_of(listed, found, zone)
    past = joined([known_score for each in stored.values() if (known_score := score_of(each.tenant, Score))])
    return Logons(
        tenant,
        zone or "UTC",
        asked.serve,
        asked.boot_minutes,
        learned.last.isoformat() if learned else None,
        None if data else _reason(asked, learned),
        past_advice(past),
        series,
        data,
        quarters,
    )


async def get_scaling_plan(tables: Tables, asked: LogonQuestion, view: View) -> ScalingPlan:
    """Return a pool's week from tomorrow on as a scaling plan. Raises NotFound, also if nothing is known of it."""
    tenant = await tenant_named(tables, asked.tenant, view)
    asked, zone, learned = await _learned(tables, replace(asked, tenant=tenant))
    (pool,) = _whose(asked, learned)
    if learned is None or pool not in learned.whose:
        raise NotFound(f"there is no plan for the pool {pool.name!r}: {NOT_LEARNED}")
    tomorrow = local(view.now, zone).day + timedelta(days=1)
    days = [tomorrow + timedelta(days=more) for more in range(7)]
    weekdays, again = _after(learned.last, days)
    (told,) = ahead(learned.of([pool]), weekdays, asked.serve, asked.boot_minutes, again)
    row = told[-len(days) :]
    if row[0].reason:
        raise NotFound(f"there is no plan for the pool {pool.name!r}: it has {row[0].reason}")
    sessions = _sessions(learned, pool, days)
    times = {
        day.weekday(): plan_times(of, None if sessions is None else sessions.expected[at])
        for at, (day, of) in enumerate(zip(days, row, strict=True))
    }
    return scaling_plan(zone, times)


async def _learned(tables: Tables, asked: LogonQuestion) -> tuple[LogonQuestion, str | None, TenantHabits | None]:
    """Return the question with its VM's name as the store spells it, the zone, and what was learned there."""
    if asked.vm is not None:
        asked = replace(asked, vm=await vm_named(tables, asked.tenant, asked.vm))
        entry = await tables.catalogue.entry(vms_of(asked.tenant), asked.vm or "")
        zone = zone_of(entry.value.dimensions.Region) if entry and entry.value.dimensions else None
        return asked, zone, await tables.habits.of_vm(asked.tenant, zone, asked.vm or "")
    main = await tables.baselines.zone(asked.tenant)
    zone = main.value if main else None
    return asked, zone, await tables.habits.of_pools(asked.tenant, zone, sessions=asked.pool is not None)


def _whose(asked: LogonQuestion, learned: TenantHabits | None) -> Sequence[Whose]:
    if asked.vm is not None:
        return [Whose("vm", asked.vm)]
    pools = learned.pools if learned else []
    if asked.pool is None:
        return pools
    spelled = [Whose("pool", name) for name in (asked.pool, asked.pool.replace(" ", "+"))]
    return [next((each for each in spelled if each in pools), spelled[0])]


def _reason(asked: LogonQuestion, learned: TenantHabits | None) -> str:
    return NO_POOLS if learned and asked.vm is None and asked.pool is None else NOT_LEARNED


def _after(last: date, days: Sequence[date]) -> tuple[list[int], int]:
    """Return the weekdays from the day after the last one that was learned, and how many of the days come before it.

    ``days``: in sequence. What is foretold of the days since then ends with what is foretold of these.
    """
    follow = [last + timedelta(days=more) for more in range(1, (days[-1] - last).days + 1)]
    return [day.weekday() for day in follow], max(0, len(days) - len(follow))


def _first(row: Sequence[DayAhead], days: Sequence[date], zone: str | None, now: int) -> int:
    """Return which day is listed first: yesterday, if its advice goes on; today, unless its advice is past."""
    yesterday, today = row[0].stop_after, row[1].stop_after
    if yesterday is not None and yesterday > MIDNIGHT and when(days[0], yesterday, zone, latest=True) > now:
        return 0
    return 2 if today is not None and when(days[1], today, zone, latest=True) <= now else 1


def _sessions(learned: TenantHabits, pool: Whose, days: Sequence[date]) -> SessionsAhead | None:
    """Return a pool's expected sessions and their band, by day and quarter; None: unknown."""
    pools = learned.pools
    if len(learned.sessions) != len(pools) or not days:
        return None
    of = learned.sessions[pools.index(pool)]
    known, used = learned.known.tolist(), learned.tenant_used.tolist()
    return sessions_ahead(of, learned.habits.weekdays.tolist(), known, used, [day.weekday() for day in days])
