"""Regions' zones, and local dates, weekdays and hours of windows, also where clocks change."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.minutes import DAY, HOUR, MINUTE, WINDOW
from domain.windows_zones import windows_name
from domain.zones import (
    ZONES,
    Local,
    local,
    local_quarters,
    local_windows,
    shown,
    when,
    windows_of_day,
    zone_of,
    zone_of_most,
)

LORD_HOWE = "Australia/Lord_Howe"
EVERY = sorted({*ZONES.values(), LORD_HOWE, "Asia/Kathmandu", "Australia/Eucla", "America/St_Johns", "Pacific/Chatham"})
zones = st.sampled_from(EVERY)
windows = st.integers(1_577_836_800 // WINDOW, 2_050_000_000 // WINDOW).map(lambda number: number * WINDOW)
days = st.dates(date(2020, 1, 1), date(2034, 12, 31))


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("region", "zone"),
    [
        ("uksouth", "Europe/London"),
        ("australiaeast", "Australia/Sydney"),
        ("UK South", "Europe/London"),
        ("usgovarizona", "America/Phoenix"),
        ("chinanorth3", "Asia/Shanghai"),
        ("atlantis", None),
        ("", None),
        (None, None),
    ],
)
def test_a_region_has_its_zone_and_an_unknown_one_has_none(region: str | None, zone: str | None) -> None:
    assert zone_of(region) == zone


def test_every_zone_of_the_table_is_in_the_database_and_every_name_is_azures() -> None:
    assert {zone: ZoneInfo(zone).key for zone in ZONES.values()} == {zone: zone for zone in ZONES.values()}
    assert all(region.isalnum() and region == region.lower() for region in ZONES)
    assert len(ZONES) >= 90


def test_the_zone_of_most_vms_wins_ties_go_by_name_and_unknown_regions_do_not_count() -> None:
    assert zone_of_most(["uksouth", "ukwest", "eastus"]) == "Europe/London"
    assert zone_of_most(["westeurope", "eastus", None, "atlantis", None]) == "America/New_York"
    assert zone_of_most(["atlantis", None]) is None
    assert zone_of_most([]) is None


@given(st.lists(st.sampled_from([*ZONES, None, "atlantis"])))
def test_the_zone_of_most_depends_on_no_order(regions: list[str | None]) -> None:
    assert zone_of_most(regions) == zone_of_most(sorted(regions, key=str)) == zone_of_most(reversed(regions))
    if known := [zone for region in regions if (zone := zone_of(region))]:
        assert known.count(str(zone_of_most(regions))) == max(Counter(known).values())


@pytest.mark.parametrize(
    ("at", "zone", "day", "weekday", "hour"),
    [
        ("2026-03-29T00:45", "Europe/London", "2026-03-29", 6, 0),
        ("2026-03-29T01:00", "Europe/London", "2026-03-29", 6, 2),
        ("2026-10-25T00:45", "Europe/London", "2026-10-25", 6, 1),
        ("2026-10-25T01:45", "Europe/London", "2026-10-25", 6, 1),
        ("2026-10-26T09:00", "Europe/London", "2026-10-26", 0, 9),
        ("2026-10-24T08:00", "Europe/London", "2026-10-24", 5, 9),
        ("2026-10-03T15:15", LORD_HOWE, "2026-10-04", 6, 1),
        ("2026-10-03T15:30", LORD_HOWE, "2026-10-04", 6, 2),
        ("2026-04-04T14:45", LORD_HOWE, "2026-04-05", 6, 1),
        ("2026-04-04T15:00", LORD_HOWE, "2026-04-05", 6, 1),
        ("2026-06-01T18:15", "Asia/Kathmandu", "2026-06-02", 1, 0),
        ("2026-06-01T18:30", "Asia/Kolkata", "2026-06-02", 1, 0),
        ("2026-06-01T23:45", None, "2026-06-01", 0, 23),
    ],
)
def test_what_clocks_show(at: str, zone: str | None, day: str, weekday: int, hour: int) -> None:
    assert local(utc(at), zone) == Local(date.fromisoformat(day), weekday, hour)
    assert local(utc(at), zone).slot == weekday * 24 + hour


@given(windows, zones)
def test_all_of_a_window_is_in_one_local_hour_and_leads_back_to_it(window: int, zone: str) -> None:
    found = local(window, zone)
    assert {local(window + second, zone) for second in (0, MINUTE, WINDOW - 1)} == {found}
    assert found.weekday == found.day.weekday()
    assert window in windows_of_day(found.day, zone)
    naive = datetime(found.day.year, found.day.month, found.day.day, found.hour)  # noqa: DTZ001  (local, as it is)
    hours = [naive.replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() for fold in (0, 1)]
    assert min(hours) - HOUR < window < max(hours) + HOUR


@given(days, zones)
def test_local_days_follow_each_other_without_a_gap_and_hold_their_windows(day: date, zone: str) -> None:
    of_day = windows_of_day(day, zone)
    assert of_day.stop == windows_of_day(day + timedelta(days=1), zone).start
    assert {found.day for found in local_windows(of_day, zone)} == {day}
    assert 92 <= len(of_day) <= 100


@given(windows, zones)
def test_many_at_once_are_the_same_as_one_by_one(first: int, zone: str) -> None:
    some = range(first, first + DAY, 7 * WINDOW)
    assert local_windows(some, zone) == [local(window, zone) for window in some]


def hours_with_another_number(day: str, zone: str) -> dict[int, int]:
    """By local hour, how many windows it has that day, where these are not four."""
    found = Counter(each.hour for each in local_windows(windows_of_day(date.fromisoformat(day), zone), zone))
    return {hour: found[hour] for hour in range(24) if found[hour] != 4}


@pytest.mark.parametrize(
    ("day", "zone", "expected"),
    [
        ("2026-10-25", "Europe/London", {1: 8}),
        ("2026-03-29", "Europe/London", {1: 0}),
        ("2026-04-05", LORD_HOWE, {1: 6}),
        ("2026-10-04", LORD_HOWE, {2: 2}),
        ("2026-09-06", "America/Santiago", {0: 0}),  # its clocks change at midnight
        ("2026-04-04", "America/Santiago", {23: 8}),
        ("2026-10-25", "Asia/Tokyo", {}),
    ],
)
def test_the_day_of_a_clock_change_has_an_hour_less_or_more(day: str, zone: str, expected: dict[int, int]) -> None:
    assert hours_with_another_number(day, zone) == expected
    assert len(windows_of_day(date.fromisoformat(day), zone)) == 96 + sum(number - 4 for number in expected.values())


@given(days, zones)
def test_a_window_is_the_quarter_of_the_day_that_clocks_show(day: date, zone: str) -> None:
    of_day = windows_of_day(day, zone)
    for window, quarter in zip(of_day, local_quarters(of_day, zone), strict=True):
        hours, minutes = map(int, shown(window, zone).split(":"))
        assert quarter == hours * 4 + minutes // 15


@given(days, zones, st.integers(-600, 2_400))
def test_a_time_of_a_day_is_the_moment_at_which_clocks_show_it(day: date, zone: str, minutes: int) -> None:
    first, latest = when(day, minutes, zone), when(day, minutes, zone, latest=True)
    assert first <= latest
    meant = datetime.fromisoformat(day.isoformat()) + timedelta(minutes=minutes)
    for moment in (first, latest):
        found = datetime.fromtimestamp(moment, ZoneInfo(zone)).replace(tzinfo=None)
        assert found == meant or (first == latest and timedelta(0) < found - meant <= timedelta(hours=1))


@pytest.mark.parametrize(
    ("day", "minutes", "zone", "first", "latest"),
    [
        ("2026-11-16", 9 * 60, "Europe/London", "2026-11-16T09:00", "2026-11-16T09:00"),
        ("2026-03-29", 90, "Europe/London", "2026-03-29T01:30", "2026-03-29T01:30"),  # skipped: clocks show 2:30
        ("2026-03-29", 9 * 60, "Europe/London", "2026-03-29T08:00", "2026-03-29T08:00"),
        ("2026-10-25", 90, "Europe/London", "2026-10-25T00:30", "2026-10-25T01:30"),  # twice
        ("2026-10-24", 24 * 60 + 90, "Europe/London", "2026-10-25T00:30", "2026-10-25T01:30"),
        ("2026-10-26", -10, "Europe/London", "2026-10-25T23:50", "2026-10-25T23:50"),
        ("2026-10-04", 135, LORD_HOWE, "2026-10-03T15:45", "2026-10-03T15:45"),  # 2:15 is skipped: clocks show 2:45
        ("2026-04-05", 105, LORD_HOWE, "2026-04-04T14:45", "2026-04-04T15:15"),
        ("2026-11-16", 90.5, None, "2026-11-16T01:30:30", "2026-11-16T01:30:30"),
    ],
)
def test_a_skipped_time_moves_on_and_of_a_doubled_one_both_can_be_had(
    day: str, minutes: float, zone: str | None, first: str, latest: str
) -> None:
    of = date.fromisoformat(day)
    assert (when(of, minutes, zone), when(of, minutes, zone, latest=True)) == (utc(first), utc(latest))


def test_clocks_are_shown_for_people() -> None:
    assert shown(utc("2026-07-01T08:05"), "Asia/Kathmandu") == "13:50"
    assert shown(utc("2026-07-01T08:05"), None) == "08:05"


def test_every_zone_of_a_region_has_a_name_in_windows() -> None:
    names = {zone: windows_name(zone) for zone in ZONES.values()}
    assert names["Europe/London"] == names["Europe/Dublin"] == "GMT Standard Time"
    assert names["America/New_York"] == names["America/Toronto"] == "Eastern Standard Time"
    assert windows_name(None) == "UTC"
    with pytest.raises(KeyError):
        windows_name(LORD_HOWE)


def test_zones_with_one_name_in_windows_have_the_same_clocks() -> None:
    """Today's. So each zone stands with others of its kind, or alone."""
    clocks: dict[str, set[tuple[str, str]]] = {}
    for zone in ZONES.values():
        clocks.setdefault(windows_name(zone), set()).add(
            (shown(utc("2026-01-15T12:00"), zone), shown(utc("2026-07-15T12:00"), zone))
        )
    assert {name: len(each) for name, each in clocks.items()} == dict.fromkeys(clocks, 1)
