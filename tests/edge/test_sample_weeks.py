"""The sample fleet's weeks: local time, weekdays, noise, and the truth of what is wrong and when."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from domain.baselines import HOURS
from domain.capacity import dates, learn
from domain.counters import COUNTERS, reduce_readings, reduction_of
from domain.minutes import DAY, HOUR, WINDOW, iso
from domain.zones import local
from local.fleet import Desktop, desktops, moments, told
from local.truth import CYCLE, DISK_CYCLE, FREE, FULL_DISKS, Incident, incidents

CPU, INPUT, LOGONS = "win_cpu.percent_processor_time", "win_session.input_delay_ms", "win_session.logons"
LIMIT = 5.0
FLEET = desktops(60)
LONDON = next(each for each in FLEET if each.zone == "Europe/London")


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


FIRST = utc("2026-10-12")
TRUTH = incidents(FLEET, FIRST, FIRST + CYCLE * DAY)


def of_kind(kind: str) -> list[Incident]:
    return [each for each in TRUTH if each.kind == kind]


def readings_of_window(desktop: Desktop, window: int) -> dict[str, float]:
    found: dict[str, list[float]] = defaultdict(list)
    for moment in moments(window, window + WINDOW):
        for key, value in desktop.readings(moment).items():
            found[key].append(value)
    return {key: reduce_readings(reduction_of(key), values) for key, values in found.items()}


def test_a_windows_values_are_what_its_readings_come_to() -> None:
    """Else the past would differ from the present, and all of the present would look unusual."""
    pairs: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for desktop in FLEET[:12]:
        for hour in (3, 9, 13):
            window = FIRST + hour * HOUR
            read, whole = readings_of_window(desktop, window), desktop.of_window(window)
            for key in read.keys() & whole.keys():
                pairs[key].append((read[key], whole[key]))
    assert pairs.keys() <= COUNTERS.keys()
    enough = {key: each for key, each in pairs.items() if len(each) > 9}
    assert pairs.keys() - enough.keys() <= {"win_session.logon_seconds"}, "few log on in a window"
    for key, each in enough.items():
        read_mean, whole_mean = (statistics.fmean(column) for column in zip(*each, strict=True))
        rare = key in ("win_session.logons", "win_session.logoffs")
        assert whole_mean == pytest.approx(read_mean, rel=0.15, abs=0.5 if rare else 0.02), key


def test_windows_are_deterministic_by_seed() -> None:
    one, two, other = (desktops(6, seed)[4].of_window(FIRST) for seed in (1, 1, 2))
    assert one == two
    assert one != other


def storms(desktop: Desktop, day: str) -> float:
    """The middle of the morning's log-ons in hours of UTC, weighted by their number, over the people of a pool."""
    pool = [each for each in FLEET if (each.tenant, each.pool) == (desktop.tenant, desktop.pool)]
    counted = {
        window: sum(each.of_window(window)[LOGONS] for each in pool)
        for window in range(utc(f"{day}T05:00"), utc(f"{day}T12:00"), WINDOW)
    }
    peak = max(counted, key=lambda window: counted[window])
    return peak % DAY / HOUR


def test_people_come_at_nine_by_their_clocks_before_and_after_a_change() -> None:
    assert abs(storms(LONDON, "2026-10-23") - 7.75) <= 0.25, "summer time"
    assert abs(storms(LONDON, "2026-10-26") - 8.75) <= 0.25, "the Monday after"


def day_mean(desktop: Desktop, day: int, key: str = CPU) -> float:
    return statistics.fmean(desktop.of_window(window)[key] for window in range(day, day + DAY, HOUR))


def test_weekends_and_a_holiday_are_quiet() -> None:
    (holiday,) = (each for each in of_kind("holiday") if LONDON.number in each.numbers)
    assert holiday.end - holiday.start == DAY
    assert local(holiday.start, LONDON.zone).hour == 0
    weekday, saturday = (statistics.fmean(day_mean(each, FIRST + at * DAY) for each in FLEET[5::6]) for at in (1, 5))
    free = statistics.fmean(day_mean(each, holiday.start) for each in FLEET[5::6])
    assert saturday < 0.75 * weekday
    assert free < 0.75 * weekday


def test_levels_wander_and_have_heavy_tails_and_vms_have_habits_of_their_own() -> None:
    some = [each for each in FLEET if not each.noisy and each.number not in (8, 10)][:12]
    strays, means = [], []
    for desktop in some:
        windows = [at for at in range(FIRST, FIRST + 28 * DAY, HOUR) if local(at, desktop.zone).hour == 11]
        at_eleven = [desktop.of_window(at)[CPU] for at in windows if local(at, desktop.zone).weekday < 4]
        usual = statistics.median(at_eleven)
        strays += [value / usual for value in at_eleven]
        means.append(usual)
    cuts = statistics.quantiles(strays, n=100)
    assert 1.2 < cuts[89] < 1.8, "one day in ten"
    assert cuts[97] > 1.5, "and seldom much more"
    assert max(means) > 1.4 * min(means)


@pytest.mark.parametrize("first", ["2026-03-01", "2026-11-26T17:15", "2027-01-13T23:45"])
def test_any_four_weeks_have_each_incident_once_for_all_whom_it_strikes(first: str) -> None:
    start = utc(first)
    found = incidents(FLEET, start, start + CYCLE * DAY)
    by_kind: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for incident in found:
        assert start <= incident.start < incident.end <= start + CYCLE * DAY
        assert incident.start % WINDOW == incident.end % WINDOW == 0
        for number in incident.numbers:
            by_kind[incident.kind][number] += incident.end - incident.start
    hours = {
        "bad region": 4,
        "bad pool": 5,
        "bad tenant": 5,
        "bad size": 4,
        "slow morning": 4,
        "silent VM": 48,
        "holiday": 24,
    }
    always = ("slow VM", "noisy neighbour", "stopped service", "log-on storm", "full disk")
    hours |= dict.fromkeys(always, CYCLE * 24)
    assert by_kind.keys() == hours.keys()
    for kind, lasts in hours.items():
        assert set(by_kind[kind].values()) == {lasts * HOUR}, kind
    struck = {kind: len(each) for kind, each in by_kind.items()}
    assert (struck["holiday"], struck["slow morning"], struck["bad size"]) == (60, 60, 20)
    assert (struck["bad region"], struck["bad tenant"], struck["bad pool"]) == (10, 10, 5)
    assert (struck["silent VM"], struck["slow VM"], struck["noisy neighbour"], struck["full disk"]) == (1, 1, 1, 2)


def values_of(numbers: Iterable[int], windows: Sequence[int], key: str) -> float:
    return statistics.fmean(FLEET[number].of_window(window).get(key, 0) for number in numbers for window in windows)


POPULATIONS = ("bad pool", "bad tenant", "bad size", "bad region", "slow morning")


def test_populations_that_are_struck_are_told_apart_by_whom_they_hold() -> None:
    """A region has VMs of several tenants and sizes, a tenant has regions, pools and sizes, and so on."""
    whole = {"bad pool": {"pool", "tenant", "size", "region"}, "bad tenant": {"tenant"}, "bad size": {"size"}}
    whole |= {"bad region": {"region"}, "slow morning": set()}
    for kind in POPULATIONS:
        (incident,) = of_kind(kind)
        struck = [FLEET[number] for number in incident.numbers]
        values = {
            "pool": len({(each.tenant, each.pool) for each in struck}),
            "tenant": len({each.tenant for each in struck}),
            "size": len({each.size for each in struck}),
            "region": len({each.region for each in struck}),
        }
        assert {what for what, number in values.items() if number == 1} == whole[kind], kind


@pytest.mark.parametrize("kind", POPULATIONS)
def test_an_incident_shows_in_its_counters_while_it_lasts_and_for_nobody_else(kind: str) -> None:
    (incident,) = of_kind(kind)
    during = range(incident.start, incident.end, WINDOW)
    before = [window - 7 * DAY for window in during]
    others = sorted({each.number for each in FLEET} - {*incident.numbers})
    for key in incident.counters:
        if key == "win_session.logon_seconds":
            continue  # of those who log on only
        assert values_of(incident.numbers, during, key) > 1.5 * values_of(incident.numbers, before, key), key
        if others:
            assert values_of(others, during, key) == pytest.approx(values_of(others, before, key), rel=0.3), key


def test_the_silent_vm_says_nothing_and_comes_back() -> None:
    (incident,) = of_kind("silent VM")
    (number,) = incident.numbers
    for window, silent in (
        (incident.start - WINDOW, False),
        (incident.start, True),
        (incident.end - WINDOW, True),
        (incident.end, False),
    ):
        assert (FLEET[number].of_window(window) == {}) is silent
        assert (FLEET[number].readings(window + 40) == {}) is silent


def test_at_any_time_the_slow_vm_is_the_slowest_also_while_others_are_slow() -> None:
    for window in range(FIRST, FIRST + CYCLE * DAY, 11 * HOUR):
        delays = {each.number: each.of_window(window).get(INPUT, 0.0) for each in FLEET}
        assert max(delays, key=lambda number: delays[number]) == 8


@pytest.mark.parametrize("start", range(FIRST, FIRST + DISK_CYCLE * DAY, 13 * DAY))
def test_at_any_time_four_weeks_tell_when_a_disk_runs_full(start: int) -> None:
    known = range(start, start + CYCLE * DAY, 2 * HOUR)
    told = []
    for desktop in (FLEET[each.number or 0] for each in FULL_DISKS):
        free = np.full((1, CYCLE, HOURS), np.nan)
        free[0, :, ::2] = np.reshape([desktop.of_window(window)[FREE] for window in known], (CYCLE, -1))
        found = dates(learn(free, falls=True), LIMIT, falls=True)
        if found.latest[0] > 0:
            evenings = range(known[-1] + DAY, known[-1] + DISK_CYCLE * DAY, DAY)
            day = next(day for day, at in enumerate(evenings) if desktop.of_window(at)[FREE] <= LIMIT)
            assert found.earliest[0] <= day <= found.latest[0]
            assert found.latest[0] - found.earliest[0] <= 7 + day / 4
            told.append(desktop.number)
    assert told


def test_incidents_are_told_in_words_and_the_guide_names_whom_they_strike() -> None:
    guide = (Path(__file__).parents[2] / "docs/guide.md").read_text()
    for kind in (*POPULATIONS, "silent VM", "holiday"):
        incident = of_kind(kind)[0]
        line = told(incident, FLEET)
        assert line.startswith(iso(incident.start))
        assert f"  {kind}: " in line
        assert f"| {kind}" in guide
    for kind in ("bad pool", "silent VM"):
        whom = told(of_kind(kind)[0], FLEET).split(f"{kind}: ")[1].split("  (")[0]
        assert whom in guide
