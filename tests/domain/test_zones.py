"""Regions' zones, and local dates, weekdays and hours of windows, also where clocks change."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.minutes import DAY, HOUR, MINUTE, WINDOW
from domain.zones import ZONES, Local, local, local_windows, windows_of_day, zone_of, zone_of_most

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
