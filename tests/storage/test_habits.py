"""Use days, habits and scores in every store: what is read is what was written, and what can't be read is told."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from domain.digests import Whose
from domain.logon_scores import Score
from domain.logons import QUARTERS
from domain.tenant_habits import TenantHabits, tenant_habits
from domain.use_days import UseDay, no_use, side_by_side
from storage.documents import Conflict, Corrupt
from storage.schema import STANDINGS
from storage.tables import Tables
from storage.tables.digests import partition_of
from storage.tables.scores import PartScores, figures_of, score_of
from tests.storage.adapters import ADAPTERS, Open

ZONE = "Asia/Kolkata"
MONDAY = date(2026, 11, 16)
TENANT = "t_a/b"


@pytest.fixture(params=ADAPTERS)
async def tables(request: pytest.FixtureRequest) -> AsyncIterator[Tables]:
    async with request.param(request) as opened:
        open_it: Open = opened
        documents = open_it(time.time)
        yield Tables(documents)
        await documents.close()


def a_day(seed: int, vms: int = 5, pools: int = 2) -> UseDay:
    chance = np.random.default_rng(seed)
    whose = [Whose("pool", f"p{at}") for at in range(pools)] + [Whose("vm", f"v{at:05}") for at in range(vms)]
    used, seen = chance.random((2, len(whose), QUARTERS)) < 0.3
    return UseDay(ZONE, whose, used, seen, np.floor(chance.random((pools, QUARTERS)) * 50) / 4, vms, vms + 1)


def habits_of(days: int = 4, **of: int) -> TenantHabits:
    use = side_by_side(
        {MONDAY + timedelta(days=at): a_day(at, **of) for at in range(days)}, MONDAY + timedelta(days=9), 56
    )
    found = tenant_habits(ZONE, use)
    assert found
    return found


@pytest.mark.parametrize("of", [{}, {"vms": 0}, {"pools": 0}, {"vms": 0, "pools": 0}, {"vms": 20_000}])
async def test_a_use_day_is_read_as_it_was_written(tables: Tables, of: dict[str, int]) -> None:
    written = a_day(1, **of)
    await tables.use_days.write(TENANT, MONDAY, written, None)
    stored = await tables.use_days.read(TENANT, ZONE, MONDAY)
    assert stored
    assert stored.value == written
    assert stored.current
    found, corrupt = await tables.use_days.between(TENANT, ZONE, MONDAY, MONDAY)
    assert (found, corrupt) == ({MONDAY: written}, {})
    await tables.use_days.write(TENANT, MONDAY, a_day(2), stored.etag)
    with pytest.raises(Conflict):
        await tables.use_days.write(TENANT, MONDAY, written, stored.etag)
    again = await tables.use_days.read(TENANT, ZONE, MONDAY)
    assert again
    assert again.value == a_day(2)
    await tables.use_days.delete(TENANT, again.etag)
    assert await tables.use_days.read(TENANT, ZONE, MONDAY) is None


async def test_use_days_are_found_by_zone_and_day(tables: Tables) -> None:
    for back in range(4):
        await tables.use_days.write(TENANT, MONDAY - timedelta(days=back), a_day(back), None)
    await tables.use_days.write(TENANT, MONDAY, replace(a_day(9), zone=None), None)
    found, _ = await tables.use_days.between(TENANT, ZONE, MONDAY - timedelta(days=2), MONDAY - timedelta(days=1))
    assert found == {MONDAY - timedelta(days=back): a_day(back) for back in (2, 1)}
    assert await tables.use_days.between("other", ZONE, MONDAY, MONDAY) == ({}, {})


@pytest.mark.parametrize(
    "wrong",
    [
        {"came": "many"},
        {"sessions": "?"},
        {"sessions": "eJwDAAAAAAE="},  # of no pool
        {"numbers": "?"},
        {"width": 4},
        {"whose": []},
    ],
)
async def test_a_use_day_that_cant_be_read_is_told(tables: Tables, wrong: dict[str, Any]) -> None:
    await tables.use_days.write(TENANT, MONDAY, a_day(1), None)
    place = STANDINGS, partition_of(TENANT), "use_Asia~2FKolkata_2026-11-16_000000"
    document = await tables.documents.read(*place)
    assert document
    await tables.documents.upsert(*place, {**document.body, **wrong})
    with pytest.raises(Corrupt, match="use_Asia"):
        await tables.use_days.read(TENANT, ZONE, MONDAY)
    found, corrupt = await tables.use_days.between(TENANT, ZONE, MONDAY, MONDAY)
    assert (list(found), list(corrupt)) == ([], [MONDAY])


@pytest.mark.parametrize("of", [{}, {"pools": 0}, {"vms": 3_000}])
async def test_habits_are_read_as_they_were_written(tables: Tables, of: dict[str, int]) -> None:
    written = habits_of(**of)
    assert await tables.habits.read(TENANT, ZONE) is None
    await tables.habits.write(TENANT, written, None)
    stored = await tables.habits.read(TENANT, ZONE)
    assert stored
    assert stored.value == written
    pools = await tables.habits.of_pools(TENANT, ZONE, sessions=True)
    assert pools
    assert list(pools.whose) == list(written.pools)
    assert np.array_equal(pools.sessions, written.sessions)
    short = await tables.habits.of_pools(TENANT, ZONE, sessions=False)
    assert short
    assert (len(short.sessions), list(short.whose)) == (0, list(pools.whose))
    for whose in written.whose[len(written.pools) :][::500]:
        of_vm = await tables.habits.of_vm(TENANT, ZONE, whose.name or "")
        assert of_vm
        assert np.array_equal(of_vm.of([whose]).last, written.of([whose]).last, equal_nan=True)
        assert len(of_vm.whose) < max(6, len(written.whose) / 4)
    await tables.habits.write(TENANT, habits_of(days=3), stored.etag)
    with pytest.raises(Conflict):
        await tables.habits.write(TENANT, written, stored.etag)
    again = await tables.habits.read(TENANT, ZONE)
    assert again
    assert await tables.habits.read(TENANT, None) is None
    assert await tables.habits.of_vm(TENANT, None, "v00000") is None
    await tables.habits.delete(TENANT, ZONE, again.etag)
    assert await tables.habits.read(TENANT, ZONE) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": 0},
        {"known": [True]},
        {"numbers": "?"},
        {"first": "soon"},
        {"holidays": "eJwDAAAAAAE="},
        {"width": 1},
    ],
)
async def test_habits_that_cant_be_read_count_as_not_learned_and_can_be_replaced(
    tables: Tables, wrong: dict[str, Any]
) -> None:
    await tables.habits.write(TENANT, habits_of(), None)
    place = STANDINGS, partition_of(TENANT), "habits_Asia~2FKolkata_00_000000"
    document = await tables.documents.read(*place)
    assert document
    await tables.documents.upsert(*place, {**document.body, **wrong})
    stored = await tables.habits.read(TENANT, ZONE)
    assert stored
    assert stored.value is None
    await tables.habits.write(TENANT, habits_of(), stored.etag)
    again = await tables.habits.read(TENANT, ZONE)
    assert again
    assert again.value == habits_of()


async def test_sessions_of_other_days_or_pools_count_as_unknown(tables: Tables) -> None:
    await tables.habits.write(TENANT, habits_of(), None)
    place = STANDINGS, partition_of(TENANT), "sessions_Asia~2FKolkata_000000"
    document = await tables.documents.read(*place)
    assert document
    for wrong in ({"first": "2026-11-15"}, {"whose": [["pool", "p0"], ["pool", "p7"]]}):
        await tables.documents.upsert(*place, {**document.body, **wrong})
        stored = await tables.habits.read(TENANT, ZONE)
        assert stored
        assert stored.value
        assert len(stored.value.sessions) == 0


SCORE = Score(28, 20, 0.95, 31.25, 0.95, 60.5, 0.1, 0.2, 0.8, None, better=True)


async def test_a_part_of_the_scores_leaves_the_others_as_they_are(tables: Tables) -> None:
    logons = PartScores(figures_of(SCORE), {"p": figures_of(SCORE), "q": {}})
    forecasts = PartScores({"mase": 0.8}, {"p": {"mase": 0.7}})
    await tables.scores.write(TENANT, ZONE, "logons", logons)
    await tables.scores.write(TENANT, ZONE, "forecasts", forecasts)
    await tables.scores.write("u", None, "logons", PartScores())
    assert await tables.scores.read(TENANT, "logons") == {ZONE: logons}
    assert await tables.scores.every() == {
        TENANT: {ZONE: {"logons": logons, "forecasts": forecasts}},
        "u": {None: {"logons": PartScores()}},
    }
    await tables.scores.write(TENANT, ZONE, "logons", PartScores(figures_of(SCORE)))
    assert (await tables.scores.read(TENANT, "logons"))[ZONE].pools == {}
    assert await tables.scores.read(TENANT, "forecasts") == {ZONE: forecasts}
    await tables.scores.delete(TENANT)
    assert await tables.scores.read(TENANT, "forecasts") == {}
    assert (await tables.scores.every()).keys() == {"u"}


async def test_scores_that_cant_be_read_are_left_out_and_written_again(tables: Tables) -> None:
    await tables.documents.upsert(STANDINGS, "scores", "t_UTC", {"tenant": "?"})
    assert await tables.scores.every() == {}
    await tables.scores.write("t", None, "logons", PartScores({"days": 1}))
    assert await tables.scores.read("t", "logons") == {None: PartScores({"days": 1})}


def test_a_score_is_the_same_as_figures() -> None:
    assert score_of(figures_of(SCORE), Score) == SCORE
    assert score_of({}, Score) is None
    assert score_of({**figures_of(SCORE), "days": "many"}, Score) is None


def test_a_day_without_anybody_is_nothing() -> None:
    assert not no_use(ZONE)
    assert no_use(ZONE) == no_use(ZONE)
    assert no_use(ZONE) != no_use(None)
