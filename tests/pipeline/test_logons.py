"""From standings to log-ons ahead: of VMs and pools, by their clocks, with late data, purges and broken documents."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from domain.access import Caller
from domain.errors import NotFound
from domain.minutes import DAY, HOUR
from pipeline.learning import learn_tenant
from pipeline.queries.logon_answers import NOT_LEARNED, LogonDay, Logons
from pipeline.queries.logons import NO_POOLS, LogonQuestion, get_logons, get_scaling_plan
from pipeline.queries.status import status
from storage.tables import Tables
from storage.tables.digests import partition_of
from tests.builders import a_view
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.office import DAYS, LONDON, NOW, TODAY, TOKYO, copied, fill, know, learned_office, near


@pytest.fixture(scope="module")
def office() -> MemoryDocuments:
    """The office, when it has been learned."""
    return learned_office()


@pytest.fixture
def memory(office: MemoryDocuments) -> MemoryDocuments:
    return copied(office)


@pytest.fixture
def tables(memory: MemoryDocuments) -> Tables:
    return Tables(memory)


def asked(pool: str | None = None, vm: str | None = None, **more: Any) -> LogonQuestion:
    return replace(LogonQuestion("t", pool, vm, 7, 0.95, 10), **more)


async def ahead(tables: Tables, now: int = NOW, **of: Any) -> Logons:
    return await get_logons(tables, asked(**of), a_view(now))


def by_day(answer: Logons) -> Mapping[str, LogonDay]:
    return {each.day: each for each in answer.data}


async def test_a_vms_person_is_expected_at_nine_on_workdays_and_not_on_weekends(tables: Tables) -> None:
    answer = await ahead(tables, vm="a")
    assert (answer.timeZone, answer.learnedUntil, answer.reason) == (LONDON, "2026-11-18", None)
    days = by_day(answer)
    assert list(days) == [(TODAY + timedelta(days=more)).isoformat() for more in range(1, 8)]
    for day, of in days.items():
        assert (of.vm, of.pool) == ("a", None)
        assert of.probability is not None
        if date.fromisoformat(day).weekday() >= 5:
            assert of.probability < 0.2
            assert of.startBy is None
            continue
        assert of.probability > 0.7
        assert of.firstLogon
        assert of.lastLogoff
        assert near(of.firstLogon.expected, f"{day}T09:00")
        assert near(of.lastLogoff.expected, f"{day}T17:00", 60)
        assert of.firstLogon.low <= of.firstLogon.expected <= of.firstLogon.high
        assert "08:30" <= of.firstLogon.expectedLocal <= "09:30"
        assert near(of.startBy, f"{day}T08:30", 75)
        assert of.startBy
        assert of.stopAfter
        assert of.giveUp
        assert of.startBy < of.firstLogon.expected < of.giveUp < of.stopAfter
    (series,) = answer.series
    assert (series.vm, series.history, series.reason) == ("a", DAYS - 1, None)


async def test_more_service_starts_no_later_and_a_longer_boot_earlier(tables: Tables) -> None:
    async def starts(**more: Any) -> list[int]:
        return [each.startBy for each in (await ahead(tables, vm="a", **more)).data if each.startBy is not None]

    usual, careful, slow = await starts(), await starts(serve=0.999), await starts(boot_minutes=70)
    assert all(one <= other for one, other in zip(careful[:3], usual[:3], strict=True))
    assert slow[0] < usual[0]


async def test_each_vm_is_told_by_the_clocks_of_its_region(tables: Tables) -> None:
    answer = await ahead(tables, vm="tokyo")
    assert answer.timeZone == TOKYO
    monday = by_day(answer)["2026-11-23"]
    assert monday.firstLogon
    assert near(monday.firstLogon.expected, "2026-11-23T00:00")
    assert "08:30" <= monday.firstLogon.expectedLocal <= "09:30"


async def test_a_night_shift_ends_on_the_next_day_and_is_listed_until_then(tables: Tables) -> None:
    monday = by_day(await ahead(tables, pool="night"))["2026-11-23"]
    assert monday.firstLogon
    assert monday.lastLogoff
    assert near(monday.firstLogon.expected, "2026-11-23T22:00")
    assert near(monday.lastLogoff.expected, "2026-11-24T06:00", 60)
    assert monday.stopAfter
    assert "05:00" <= (monday.stopAfterLocal or "") <= "09:00"
    at_night = await ahead(tables, monday.stopAfter - HOUR, pool="night")
    assert at_night.data[0].day == "2026-11-23"
    in_the_morning = await ahead(tables, monday.stopAfter + HOUR, pool="night")
    assert in_the_morning.data[0].day == "2026-11-24"


async def test_today_is_listed_until_its_advice_is_past(tables: Tables) -> None:
    of = by_day(await ahead(tables, NOW + DAY // 2, vm="a"))["2026-11-20"]
    assert of.stopAfter
    before, after = await ahead(tables, of.stopAfter - 1, vm="a"), await ahead(tables, of.stopAfter, vm="a")
    assert (before.data[0].day, after.data[0].day) == ("2026-11-20", "2026-11-21")
    assert len(before.data) == len(after.data) == 7


async def test_a_pool_is_told_with_its_sessions_and_without_a_name_all_pools_are(tables: Tables) -> None:
    answer = await ahead(tables, pool="desk", days=4)
    assert {each.pool for each in answer.data} == {"desk"}
    assert answer.sessions
    assert len(answer.sessions) == 4 * 96
    of = {each.window: each for each in answer.sessions}
    noon = next(each for window, each in of.items() if near(window, "2026-11-20T12:00", 1))
    assert noon.expected is not None
    assert noon.low is not None
    assert noon.high is not None
    assert noon.low <= noon.expected <= noon.high
    assert 1 < noon.expected <= 3
    evening = next(each for window, each in of.items() if near(window, "2026-11-20T20:00", 1))
    assert (evening.expected or 0) < 0.5
    every = await ahead(tables)
    assert {each.pool for each in every.data} == {"desk", "night"}
    assert len(every.data) == 14
    assert every.sessions is None


async def test_past_advice_is_scored_by_pool_and_tenant(tables: Tables) -> None:
    answer = await ahead(tables, pool="desk")
    (series,) = answer.series
    for past in (series.past, answer.tenantPast):
        assert past
        assert past.days > 0
        assert past.served is not None
        assert past.served > 0.7
    scores = (await tables.scores.read("t", "logons"))[LONDON]
    assert scores.pools.keys() == {"desk", "night"}
    told = await status(tables, a_view(NOW))
    (of,) = told.scores
    assert (of.tenant, of.logons) == ("t", answer.tenantPast)
    assert {each.pool for each in of.pools if each.logons} == {"desk", "night"}
    assert of.forecasts
    assert of.forecasts.series > 3
    assert 0 < of.forecasts.mase < 1  # its people come as they came


async def test_learning_twice_changes_nothing(tables: Tables, memory: MemoryDocuments) -> None:
    before = dict(memory._documents)
    await learn_tenant(tables, "t", NOW)
    changed = {place[2].split("_")[0] for place, body in memory._documents.items() if before.get(place) != body}
    assert changed <= {"baseline", "forecast", "capacity"}  # which are written anew each time


async def test_late_data_are_learned(tables: Tables) -> None:
    await fill(tables, late=True)
    await learn_tenant(tables, "t", NOW)
    monday = by_day(await ahead(tables, vm="a"))["2026-11-23"]
    assert monday.firstLogon
    assert near(monday.firstLogon.expected, "2026-11-23T11:00")


async def test_a_new_tenant_is_told_why_nothing_is_known(tables: Tables, memory: MemoryDocuments) -> None:
    for place in list(memory._documents):
        if place[1] == partition_of("t"):
            del memory._documents[place]
    for answer in (await ahead(tables, vm="a"), await ahead(tables, pool="desk")):
        assert answer.reason == answer.series[0].reason == NOT_LEARNED
        assert (answer.data, answer.learnedUntil) == ([], None)
    every = await ahead(tables)
    assert (every.series, every.reason) == ([], NOT_LEARNED)
    with pytest.raises(NotFound, match="nothing is learned"):
        await get_scaling_plan(tables, asked("desk"), a_view(NOW))


async def test_few_days_are_too_few() -> None:
    few = MemoryDocuments()
    await fill(Tables(few), days=3)
    await know(Tables(few))
    await learn_tenant(Tables(few), "t", NOW)
    answer = await ahead(Tables(few), vm="a")
    (series,) = answer.series
    assert series.history <= 2
    assert series.reason
    assert {each.probability for each in answer.data} == {None}
    with pytest.raises(NotFound, match="days"):
        await get_scaling_plan(Tables(few), asked("desk"), a_view(NOW))


async def test_without_pools_an_answer_says_what_to_give(tables: Tables) -> None:
    stored = await tables.habits.read("t", LONDON)
    assert stored
    assert stored.value
    rows = [at for at, each in enumerate(stored.value.whose) if each.kind == "vm"]
    whose = [stored.value.whose[at] for at in rows]
    alone = replace(stored.value, whose=whose, habits=stored.value.of(whose), sessions=stored.value.sessions[:0])
    await tables.habits.write("t", alone, stored.etag)
    assert (await ahead(tables)).reason == NO_POOLS


async def test_a_tenants_caller_gets_its_own_log_ons_only(tables: Tables) -> None:
    view = a_view(NOW, Caller("tenant", "t"))
    assert (await get_logons(tables, asked(vm="a"), view)).data
    for other in (asked(vm="a", tenant="u"), asked(tenant="u"), asked(vm="nobody")):
        with pytest.raises(NotFound):
            await get_logons(tables, other, view)


async def test_a_pools_plan_has_its_workdays_and_windows_zone(tables: Tables) -> None:
    plan = await get_scaling_plan(tables, asked("desk"), a_view(NOW))
    assert plan.timeZone == "GMT Standard Time"
    days = [day for schedule in plan.schedules for day in schedule.daysOfWeek]
    assert sorted(days) == ["Friday", "Monday", "Thursday", "Tuesday", "Wednesday"]
    for schedule in plan.schedules:
        times = [
            (each.hour, each.minute)
            for each in (
                schedule.rampUpStartTime,
                schedule.peakStartTime,
                schedule.rampDownStartTime,
                schedule.offPeakStartTime,
            )
        ]
        assert times == sorted(set(times))
