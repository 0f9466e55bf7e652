"""A VM that is worse than nearly all of its peers for a week is told, though its own baseline calls it normal."""

import math
import random
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest

from domain.access import Caller
from domain.always import always, has_peers_end
from domain.baselines import HOURS
from domain.digests import Digest, Series, Whose
from domain.exact import LARGEST
from domain.minutes import DAY, HOUR, WINDOW
from domain.samples import Dimensions
from domain.standings import Standings, StandingVm
from pipeline.judging import judge_marked
from pipeline.learning import Learn
from pipeline.queries.unusual import get_unusual
from pipeline.queries.verdicts import get_verdict
from pipeline.summarizing import summarize_window
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS, TENANTS, Entry, vms_of
from storage.tables.marks import Mark
from tests.builders import TIMES, a_view
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.test_operations import carry_out, context

CPU, FREE, SESSIONS = "win_cpu.percent_processor_time", "win_disk.percent_free_space", "win_session.active_sessions"
TODAY = int(datetime(2026, 11, 18, tzinfo=UTC).timestamp())
TENANTS_OF = {"t0": range(20), "t1": range(20, 40)}
SLOW, FULL = 7, 25
"""One VM is slow, another's disk is nearly full, each for all days."""


def value(number: int, key: str, chance: random.Random) -> float:
    if key == SESSIONS:
        return 100.0 if number == SLOW else 3.0
    if key == CPU:
        return chance.uniform(85, 90) if number == SLOW else chance.uniform(20, 40)
    return chance.uniform(2, 3) if number == FULL else chance.uniform(40, 60)


@pytest.fixture
async def tables(memory: MemoryDocuments) -> Tables:
    tables = Tables(memory)
    chance = random.Random(11)  # noqa: S311
    of = Dimensions("s", "p", "westeurope", "D4")
    keys = (CPU, FREE, SESSIONS)
    windows = [*range(TODAY - 8 * DAY, TODAY, HOUR), TODAY + 9 * HOUR]
    for window in windows:
        for tenant, numbers in TENANTS_OF.items():
            vms = [StandingVm(f"v{number:02d}", window, of) for number in numbers]
            columns = {key: np.array([value(number, key, chance) for number in numbers]) for key in keys}
            await tables.standings.write(tenant, window, Standings(vms, columns), None)
            await tables.due.set(Mark(tenant, window))
        if window < TODAY:
            await summarize_window(tables, window, TIMES, at_once=True)
    for key in keys:
        await tables.catalogue.write_entry(COUNTERS, Entry(key, TODAY), None)
    for tenant, numbers in TENANTS_OF.items():
        await tables.catalogue.write_entry(TENANTS, Entry(tenant, TODAY), None)
        await tables.catalogue.write_counters_of(tenant, dict.fromkeys(keys, TODAY), None)
        for number in numbers:
            await tables.catalogue.write_entry(vms_of(tenant), Entry(f"v{number:02d}", TODAY, of), None)
        for day in range(TODAY - 8 * DAY, TODAY, DAY):
            await tables.days.set(Mark(tenant, day))
            await tables.fleet_days.set(Mark("fleet", day))
    await carry_out(tables, Learn(), replace(context(tables), started=TODAY + HOUR))
    for tenant in TENANTS_OF:
        await tables.to_judge.set(Mark(tenant, windows[-1]))
        await judge_marked(tables, [Mark(tenant, windows[-1])], TIMES.now)
    await summarize_window(tables, windows[-1], TIMES, at_once=True)
    return tables


async def test_it_is_told_to_operators_and_not_to_tenants(tables: Tables) -> None:
    window = TODAY + 9 * HOUR
    view = a_view(window + WINDOW)
    for tenant, vm, key in (("t0", "v07", CPU), ("t1", "v25", FREE)):
        for asked in (None, tenant):
            found = await get_unusual(tables, asked, window, 100, view)
            lines = {(each.name, each.key): each for each in found.data if each.why == "always"}
            line = lines[vm, key]
            assert (line.tenant, line.kind, line.notable, line.since) == (tenant, "vm", False, None)
            assert line.sentence.startswith("As always: ")
            assert (line.high if key == CPU else line.low) is not None
        verdict = await get_verdict(tables, tenant, vm, window, view)
        assert verdict.verdict == "none"
        assert "As always: " in verdict.sentence
        assert (verdict.always, verdict.key) == ([key], key)
        own = a_view(window + WINDOW, Caller("tenant", tenant))
        assert not [each for each in (await get_unusual(tables, tenant, window, 100, own)).data if each.why == "always"]
        of_own = await get_verdict(tables, tenant, vm, window, own)
        assert ("always" in of_own.sentence, of_own.always) == (False, [])
    fleet = await get_unusual(tables, None, window, 100, view)
    assert {each.name for each in fleet.data if each.why == "always"} == {"v07", "v25"}  # sessions are not worse


def test_a_vm_that_is_worse_in_few_hours_or_for_few_hours_is_not() -> None:
    day = date(2026, 11, 18)
    ends = Digest(None, [Series(Whose("peers", "D4"), CPU)], np.full((1, HOURS), 50.0))
    peers = {date(2026, 11, at): ends for at in range(10, 18)}
    series = [Series(Whose("vm", name), CPU) for name in ("often", "seldom", "new", "other")]

    def found(seldom: float, hours: int) -> set[str | None]:
        table = np.full((4, HOURS), 60.0)
        table[1, : round(seldom * HOURS)] = 40.0
        digests = {each: Digest(None, series, table.copy()) for each in peers}
        for each in list(digests)[:-1]:
            digests[each].hours[2] = np.nan
        digests[date(2026, 11, 17)].hours[2, hours:] = np.nan
        sizes = {"often": "D4", "seldom": "D4", "new": "D4", "other": "D8"}
        return {each.whose.name for each in always(day, digests, peers, sizes)}

    assert found(seldom=0.2, hours=20) == {"often"}
    assert found(seldom=0.05, hours=20) == {"often", "seldom"}


def test_means_of_the_largest_values_are_finite() -> None:
    day = date(2026, 11, 18)
    series = [Series(Whose("vm", "v"), CPU)]
    vast = Digest(None, series, np.full((1, HOURS), LARGEST))
    ends = Digest(None, [Series(Whose("peers", "D4"), CPU)], np.full((1, HOURS), -LARGEST))
    days = [date(2026, 11, at) for at in range(10, 18)]
    (found,) = always(day, dict.fromkeys(days, vast), dict.fromkeys(days, ends), {"v": "D4"}).values()
    assert found.value == pytest.approx(LARGEST)
    assert found.end == pytest.approx(-LARGEST)
    assert found.share == 1
    assert math.isfinite(found.value)
    assert math.isfinite(found.end)


def test_only_counters_with_a_worse_side_are_compared() -> None:
    assert has_peers_end(CPU)
    assert has_peers_end(FREE)
    assert not has_peers_end(SESSIONS)
    assert not has_peers_end("win_service.WinDefend")
