"""The sample fleet's past weeks, filled through ingest and averaging: in shares, and over any number of starts."""

import time
from pathlib import Path

from blueprints.services import Services
from blueprints.settings import Settings
from domain.minutes import DAY, HOUR, WINDOW, utc_day, window_of
from local.edge import FILL_SECONDS
from local.enrolling import enrol_fleet
from local.fleet import desktops
from local.history import History, history_of, windows
from messaging.dead_letters import NoDeadLetters
from storage.tables import Tables
from tests.app.conftest import Local, wait_for
from tests.builders import KEY, NOW
from tests.pipeline.memory import MemoryDocuments

VMS = 6
"""A VM of each of the sample's tenants."""

FLEET = desktops(VMS)


async def a_history(data: Path) -> History:
    """Of an app that takes only what enrolled tenants have signed."""
    tables = Tables(MemoryDocuments())
    await enrol_fleet(tables, data, int(time.time()))
    settings = Settings(sqlite_path=data / "unused.db", enrolment="required")
    return history_of(Services(settings, tables, NoDeadLetters()), data, VMS)


async def test_two_days_are_filled_with_the_windows_values_and_all_is_final(tmp_path: Path) -> None:
    history = await a_history(tmp_path)
    tables = history.shared.tables
    hours = [window for window in windows(2, int(time.time())) if window % (3 * HOUR) == 0]
    for window in hours:
        await history.fill(window)
    for window in (hours[0], hours[-1]):
        for desktop in FLEET:
            stored = await tables.standings.read(desktop.identity.tenant, window)
            assert stored is not None
            columns = {key: column.tolist() for key, column in stored.value.columns.items()}
            assert columns == {key: [value] for key, value in desktop.of_window(window).items()}
        report = await tables.report.read(KEY, window)
        assert report is not None
        assert [row.count for row in report.value] == [VMS]
    progress = await tables.progress.read()
    assert progress is not None
    assert (progress.value.opened, progress.value.closed) == ({}, hours[0])
    assert (await tables.marks.read(), await tables.due.read()) == ([], [])
    assert [each async for each in tables.quarantine.messages(utc_day(int(time.time())))] == []


async def test_a_window_that_has_data_is_left_alone(tmp_path: Path) -> None:
    history = await a_history(tmp_path)
    tables, window = history.shared.tables, windows(1, int(time.time()))[0]
    tenant = FLEET[0].identity.tenant
    await history.fill(window)
    before = await tables.standings.read(tenant, window)
    await history_of(history.shared, tmp_path, 12).fill(window)
    assert await tables.standings.read(tenant, window) == before


def test_the_shares_together_are_all_windows_before_the_last_two_hours() -> None:
    every = windows(28, NOW + 70)
    assert sorted(every) == list(range(NOW - 28 * DAY + WINDOW, window_of(NOW + 70 - FILL_SECONDS), WINDOW))
    shares = [windows(28, NOW + 70, (part, 3)) for part in (1, 2, 3)]
    assert sorted(window for share in shares for window in share) == sorted(every)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_the_newest_window_comes_first_of_all_and_of_each_hour() -> None:
    every, hours = windows(2, NOW), windows(2, NOW, hourly=True)
    assert every == sorted(every, reverse=True)
    assert hours == [window for window in every if window % HOUR == 0]


def test_a_local_host_fills_the_past_in_the_background_a_later_start_goes_on_and_then_it_learns(local: Local) -> None:
    local.settings = {"FLEET": "3", "HISTORY_DAYS": "3", "AzureWebJobs.learn.Disabled": "false"}
    local.start()
    assert "3 days of the fleet, filled in the background" in local.log
    day = f"/v1/get-data?key={KEY}&minutes=1440&aggregationInterval=60"

    def hours() -> int:
        return len(local.get(day)[1].get("data", []))

    wait_for(lambda: hours() > 5, "the first hours of the past")
    assert local.stop() == 0
    local.start()
    wait_for(lambda: hours() >= 23, "a day")
    share = local.get("/v1/status")[1]["sampleFleetFilled"]
    assert 0 < share < 1
    baseline = f"/v1/get-baseline?key={KEY}&hours=1"
    wait_for(lambda: local.get(baseline)[1]["reason"] is None, "today's baseline")
    assert local.get(baseline)[1]["history"] >= 3
    assert local.stop() == 0
    assert "Traceback" not in local.log
