"""Learns a tenant's habits in a zone from its use days, and scores what advice on log-ons would have been.

Only days that are over count. Habits are read before the use days and written with their etag, as all that is derived.
Knows the order of steps; what follows from habits is in domain.logons.
"""

from collections.abc import Mapping
from datetime import date

from domain.learning_times import days_back, still_whole
from domain.logon_scores import past_in_parts, score_of_whole, scores_of
from domain.logons import MOST_DAYS
from domain.tenant_habits import TenantHabits, tenant_habits
from domain.use_days import UseDay, side_by_side
from domain.zones import local
from pipeline.concurrency import cooperatively
from pipeline.digesting import Digesting, Make
from storage.documents import Conflict
from storage.tables.scores import PartScores, figures_of


async def learn_habits(run: Digesting, tenant: str, zone: str | None, make: Make) -> None:
    """Learn the habits of a tenant's pools and VMs, and write the scores of advice. Raises Unavailable.

    A use day that can't be read is made anew, if it can be.
    """
    tables, last = run.tables, days_back(local(run.now, zone).day, 1)
    while True:
        stored = await tables.habits.read(tenant, zone)
        use_days = await _use_days(run, tenant, zone, last, make)
        (found,) = await cooperatively(tenant_habits(zone, side_by_side(each, last, MOST_DAYS)) for each in [use_days])
        if found is None and stored is None:
            return
        if stored and stored.value == found:
            break
        try:
            if found:
                await tables.habits.write(tenant, found, stored.etag if stored else None)
            elif stored:
                await tables.habits.delete(tenant, zone, stored.etag)
        except Conflict:  # another run wrote: look again
            continue
        break
    scores = await _scores(found) if found else PartScores()
    await tables.scores.write(tenant, zone, "logons", scores)


async def _use_days(run: Digesting, tenant: str, zone: str | None, last: date, make: Make) -> Mapping[date, UseDay]:
    read, corrupt = await run.tables.use_days.between(tenant, zone, days_back(last, MOST_DAYS - 1), last)
    again = still_whole(corrupt, zone, run.now, run.kept)
    run.problems.update((str(error), None) for at, error in corrupt.items() if at not in again)
    made = await run.days([(zone, at) for at in again], make)
    return {**read, **{at: use for (_, at), (_, use) in made.items() if use}}


async def _scores(of: TenantHabits) -> PartScores:
    """Return the scores of advice at the usual service level: of all VMs together, and of each pool."""
    pools = of.pools
    vms = score_of_whole(await cooperatively(past_in_parts(of.of(of.whose[len(pools) :]))))
    of_pools = scores_of(await cooperatively(past_in_parts(of.of(pools)))).of_series
    return PartScores(
        figures_of(vms) if vms.days else {},
        {each.name or "": figures_of(score) for each, score in zip(pools, of_pools, strict=True) if score.days},
    )
