"""Log-ons ahead, over HTTP: in every format, across both clock changes, and as a plan that Azure's type describes."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

from blueprints.http.endpoints import ENDPOINTS
from blueprints.http.openapi import document
from domain.digests import Whose
from domain.learning_times import LastLearned
from domain.logon_scores import Score
from domain.samples import Dimensions
from domain.tenant_habits import tenant_habits
from domain.use_days import UseDay, side_by_side
from storage.tables import Tables
from storage.tables.catalogue import TENANTS, Entry, vms_of
from storage.tables.scores import PartScores, figures_of
from tests.pipeline.memory import MemoryDocuments
from tests.trust.asking import ME, ask

LONDON = "Europe/London"
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
"""Sundays on which London's clocks change."""

(ROUTE,) = (each for each in ENDPOINTS if each.name == "get_logons")
FORMULA = "=1+1;@pool"


def noon(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())


def every_day(_: date) -> bool:
    return True


def four_on_four_off(day: date) -> bool:
    return day.toordinal() % 8 < 4


async def a_store(last: date, tenant: str = ME, on: Callable[[date], bool] = every_day) -> Tables:
    """Eight weeks until a day: of the days ``on``, one VM is used from nine to five, another from 1:30 to 2:30."""
    tables = Tables(MemoryDocuments())
    pools = [FORMULA, "night"]
    whose = [*(Whose("pool", pool) for pool in pools), Whose("vm", "day"), Whose("vm", "night")]
    used = np.zeros((4, 96), np.bool_)
    used[[0, 2], 36:68] = True
    used[[1, 3], 6:10] = True
    sessions = np.where(used[:2], [[20.0], [3.0]], 0.0)
    seen = np.ones((4, 96), np.bool_)
    of_days = {
        day: UseDay(LONDON, whose, used & on(day), seen, sessions * on(day), 2 * on(day), 2)
        for day in (last - timedelta(days=back) for back in range(56))
    }
    use = side_by_side(of_days, last, 56)
    habits = tenant_habits(LONDON, use)
    assert habits
    await tables.habits.write(tenant, habits, None)
    await tables.baselines.write_learned(tenant, LastLearned(LONDON), None)
    await tables.catalogue.write_entry(TENANTS, Entry(tenant, 1), None)
    for vm in ("day", "night", "silent"):
        entry = Entry(vm, 1, Dimensions(None, "p", "uksouth"))
        await tables.catalogue.write_entry(vms_of(tenant), entry, None)
    score = Score(20, 10, 0.95, 30.0, 0.95, 60.0, 0.1, 0.2, 0.8, 0.7, better=True)
    await tables.scores.write(tenant, LONDON, "logons", PartScores(figures_of(score)))
    return tables


async def answered(tables: Tables, day: date, status: int = 200, **asked: object) -> str:
    """The body of an answer to an operator, at noon of a day."""
    text = await ask(tables, lambda: noon(day), ROUTE, {"tenant": ME, **asked}, roles="operator")
    assert text.startswith(str(status)), text
    return text.partition(")] ")[2]


async def told(tables: Tables, day: date, **asked: Any) -> Any:
    return json.loads(await answered(tables, day, **asked))


@pytest.mark.parametrize(("change", "offset"), [(SPRING, 0), (AUTUMN, 3_600)])
async def test_people_come_at_nine_by_their_clocks_before_and_after_a_clock_change(change: date, offset: int) -> None:
    tables = await a_store(change - timedelta(days=3))
    answer = await told(tables, change - timedelta(days=2), vm="day", days=4, bootMinutes=0)
    assert (answer["timeZone"], answer["learnedUntil"]) == (LONDON, (change - timedelta(days=3)).isoformat())
    firsts = {each["day"]: each["firstLogon"] for each in answer["data"]}
    assert {each["expectedLocal"][:3] for each in firsts.values()} == {"09:"}
    before, after = firsts[(change - timedelta(days=1)).isoformat()], firsts[change.isoformat()]
    nine = noon(change) - 3 * 3_600
    assert 0 <= before["expected"] - (nine - 86_400 - offset) < 900
    assert 0 <= after["expected"] - (nine - (3_600 - offset)) < 900
    assert {each["startByLocal"][:2] for each in answer["data"]} <= {"08", "09"}


async def test_a_time_that_clocks_skip_moves_on_and_one_that_comes_twice_is_first_to_start_and_last_to_stop() -> None:
    spring = await a_store(SPRING - timedelta(days=2))
    answer = await told(spring, SPRING - timedelta(days=1), vm="night", days=2)
    (row,) = (each for each in answer["data"] if each["day"] == SPRING.isoformat())
    assert 0 <= row["firstLogon"]["expected"] - (noon(SPRING) - 37_800) < 900
    assert "02:30" <= row["firstLogon"]["expectedLocal"] < "02:45"
    autumn = await a_store(AUTUMN - timedelta(days=2))
    answer = await told(autumn, AUTUMN - timedelta(days=1), vm="night", days=2)
    (row,) = (each for each in answer["data"] if each["day"] == AUTUMN.isoformat())
    assert 0 <= row["firstLogon"]["expected"] - (noon(AUTUMN) - 41_400) < 900
    assert "01:30" <= row["firstLogon"]["expectedLocal"] < "01:45"
    assert row["startBy"] < row["firstLogon"]["expected"]
    assert row["lastLogoff"]["expected"] >= noon(AUTUMN) - 37_800 + 3_600 - 900


async def test_sessions_are_told_by_quarters_of_real_time() -> None:
    tables = await a_store(AUTUMN - timedelta(days=3))
    answer = await told(tables, AUTUMN - timedelta(days=2), pool="night", days=4)
    windows = [each["window"] for each in answer["sessions"]]
    assert len(windows) == 4 * 96 + 4
    assert windows == list(range(windows[0], windows[0] + len(windows) * 900, 900))
    assert {each["expected"] for each in answer["sessions"]} == {0.0, 3.0}


@pytest.mark.parametrize("before", [0, 1, 2, 3, 6])
async def test_a_roster_goes_on_whenever_it_was_learned_the_last_time(before: int) -> None:
    """Learning in the evening knows yesterday, and in the night after that the day before yesterday is the last one."""
    today = date(2026, 11, 19)
    tables = await a_store(today - timedelta(days=before), on=four_on_four_off)
    for of in ({"vm": "day"}, {"pool": FORMULA}):
        for row in (await told(tables, today, days=14, **of))["data"]:
            assert (row["probability"] > 0.5) == four_on_four_off(date.fromisoformat(row["day"])), row
    plan = json.loads(await answered(tables, today, pool=FORMULA, serve="0.5", format="avd-scaling-plan"))
    planned = {day for each in plan["schedules"] for day in each["daysOfWeek"]}
    week = [today + timedelta(days=more) for more in range(1, 8)]
    assert planned == {f"{day:%A}" for day in week if four_on_four_off(day)}


async def test_rows_are_the_same_in_every_format() -> None:
    tables = await a_store(date(2026, 11, 18))
    today = date(2026, 11, 19)
    rows = (await told(tables, today, days=3))["data"]
    assert {each["pool"] for each in rows} == {FORMULA, "night"}
    lines = (await answered(tables, today, days=3, format="ndjson")).splitlines()
    assert [json.loads(line) for line in lines] == rows
    text = await answered(tables, today, days=3, format="csv")
    flat = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [each["day"] for each in flat] == [each["day"] for each in rows]
    assert [each["pool"].replace("'", "") for each in flat] == [each["pool"] for each in rows]
    assert not any(each["pool"].startswith("=") for each in flat)
    for cells, row in zip(flat, rows, strict=True):
        assert cells["startBy"] == str(row["startBy"])
        for name in ("firstLogon", "lastLogoff"):
            for part, value in row[name].items():
                assert cells[f"{name}{part[0].upper()}{part[1:]}"] == str(value)


async def test_what_is_unknown_is_empty_in_csv_and_says_why_in_json() -> None:
    tables = await a_store(date(2026, 11, 18))
    today = date(2026, 11, 19)
    answer = await told(tables, today, vm="silent")
    assert answer["data"] == []
    assert "nothing is learned" in answer["reason"]
    assert "firstLogonExpectedLocal" in await answered(tables, today, vm="silent", format="csv")
    unknown = await told(tables, today, pool="nobody's")
    assert (unknown["series"][0]["history"], unknown["sessions"]) == (0, None)


async def test_a_tenants_past_stands_in_the_answer() -> None:
    tables = await a_store(date(2026, 11, 18))
    answer = await told(tables, date(2026, 11, 19), vm="day")
    past = answer["tenantPast"]
    assert (past["served"], past["idleMinutes"], past["better"]) == (0.95, 30.0, True)
    assert (past["firstLogonCoverage"], past["lastLogoffCoverage"]) == (0.8, 0.7)


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"tenant": "nobody"}, "no tenant named"),
        ({"vm": "nobody"}, "no VM of this tenant named"),
        ({"pool": "nobody", "format": "avd-scaling-plan"}, "no plan for the pool"),
    ],
)
async def test_unknown_names_are_not_found(asked: dict[str, str], named: str) -> None:
    tables = await a_store(date(2026, 11, 18))
    assert named in await answered(tables, date(2026, 11, 19), 404, **asked)


async def test_a_tenants_caller_is_answered_for_itself_only() -> None:
    tables = await a_store(date(2026, 11, 18), "other")
    await tables.catalogue.write_entry(TENANTS, Entry(ME, 1), None)

    async def of(tenant: str) -> str:
        return await ask(tables, lambda: noon(date(2026, 11, 19)), ROUTE, {"tenant": tenant}, tid=ME)

    assert (await of("other")).startswith("404")
    own = await of(ME)
    assert own.startswith("200")
    assert "night" not in own


class Strict(BaseModel):
    """Nothing but what is described."""

    model_config = ConfigDict(extra="forbid")


class Time(Strict):
    """Azure's type of the same name."""

    hour: Annotated[StrictInt, Field(ge=0, le=23)]
    minute: Annotated[StrictInt, Field(ge=0, le=59)]

    @property
    def minutes(self) -> int:
        return self.hour * 60 + self.minute


Balancing = Literal["BreadthFirst", "DepthFirst"]
Day = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
Percent = Annotated[StrictInt, Field(ge=0, le=100)]
PositivePercent = Annotated[StrictInt, Field(ge=1, le=100)]


class ScalingSchedule(Strict):
    """Microsoft.DesktopVirtualization/scalingPlans, API version 2024-04-03: the type of the same name, all of it."""

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9@.\-_ ]*$")]
    daysOfWeek: Annotated[list[Day], Field(min_length=1)]
    rampUpStartTime: Time
    rampUpLoadBalancingAlgorithm: Balancing
    rampUpMinimumHostsPct: Percent
    rampUpCapacityThresholdPct: PositivePercent
    peakStartTime: Time
    peakLoadBalancingAlgorithm: Balancing
    rampDownStartTime: Time
    rampDownLoadBalancingAlgorithm: Balancing
    rampDownMinimumHostsPct: Percent
    rampDownCapacityThresholdPct: PositivePercent
    rampDownForceLogoffUsers: StrictBool
    rampDownStopHostsWhen: Literal["ZeroSessions", "ZeroActiveSessions"]
    rampDownWaitTimeMinutes: StrictInt
    rampDownNotificationMessage: str
    offPeakStartTime: Time
    offPeakLoadBalancingAlgorithm: Balancing


class Properties(Strict):
    """Those of a scaling plan that an answer has."""

    hostPoolType: Literal["Pooled"]
    timeZone: str
    schedules: list[ScalingSchedule]


@pytest.mark.parametrize("pool", [FORMULA, "night"])
async def test_a_plan_is_of_azures_type_and_its_times_are_in_order(pool: str) -> None:
    tables = await a_store(date(2026, 11, 18))
    text = await answered(tables, date(2026, 11, 19), pool=pool, format="avd-scaling-plan")
    plan = Properties.model_validate_json(text)
    assert plan.timeZone == "GMT Standard Time"
    days = [day for each in plan.schedules for day in each.daysOfWeek]
    assert sorted(days) == sorted(set(days))
    assert len(days) == 7
    names = [each.name for each in plan.schedules]
    assert len(names) == len(set(names))
    for each in plan.schedules:
        times = [each.rampUpStartTime, each.peakStartTime, each.rampDownStartTime, each.offPeakStartTime]
        minutes = [time.minutes for time in times]
        assert minutes == sorted(set(minutes))
        if pool == FORMULA:
            assert (each.peakStartTime.minutes, each.rampDownStartTime.minutes) == (9 * 60, 17 * 60)
            assert each.rampUpStartTime.minutes < 9 * 60
            assert each.offPeakStartTime.minutes > 17 * 60


def test_a_plan_is_described_beside_the_other_answer() -> None:
    content = document([ROUTE])["paths"]["/v1/get-logons"]["get"]["responses"]["200"]["content"]
    references = [each["$ref"].rpartition("/")[2] for each in content["application/json"]["schema"]["anyOf"]]
    assert references == ["Logons", "ScalingPlan"]
    assert content.keys() == {"application/json", "text/csv", "application/x-ndjson"}
