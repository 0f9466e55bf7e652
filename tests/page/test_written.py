"""How values, shares, moments and axes are written."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.app.conftest import Local
from tests.builders import a_message, records_of
from tests.page.conftest import NEWEST
from tests.page.looking import CPU, IN_A_BROWSER, RECORD, answer_charts, fleet_item, labels, legend

pytestmark = IN_A_BROWSER
MINUS = "\u2212"


@pytest.fixture(scope="module")
def call(browser: Any, filled: Local) -> Callable[..., Any]:
    """Call functions of the page's scripts."""
    context = browser.new_context(base_url=f"http://127.0.0.1:{filled.port}", locale="en-GB")
    page = context.new_page()
    page.goto("/docs")
    script = "([file, name, given]) => import(`/assets/js/${file}`).then((module) => module[name](...given))"
    return lambda file, name, *given: page.evaluate(script, [file, name, given])


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "%", "\u2013"),
        (0, "", "0"),
        (0.0042, "", "0.0042"),
        (0.0349, "s", "34.9 ms"),
        (-0.0042, "", "-0.0042"),
        (0.00001234, "s", "0.0123 ms"),
        (1.5e-7, "s", "0.00015 ms"),
        (1.5e-7, "", "1.5E-7"),
        (0.5, "%", "0.5 %"),
        (23.4375, "%", "23.4 %"),
        (100, "%", "100 %"),
        (1234.5678, "ms", "1,235 ms"),
        (999_999, "", "999,999"),
        (1_000_000_000, "", "1 G"),
        (1_234_567_890, "", "1.235 G"),
        (-5e12, "", "-5 T"),
        (1e300, "", "1E300"),
        (2_500_000, "ms", "2.5E6 ms"),
        (0.25, "B/s", "0.25 B/s"),
        (1023, "B", "1,023 B"),
        (1536, "B", "1.5 KiB"),
        (2**50, "B/s", "1 PiB/s"),
    ],
)
def test_values_keep_their_significant_digits_and_never_become_long(
    call: Callable[..., Any], value: float | None, unit: str, text: str
) -> None:
    assert call("numbers.js", "written", value, unit) == text


@pytest.mark.parametrize(
    ("before", "after", "unit", "text"),
    [
        (0.0042, 0.0349, "", "+0.0307"),
        (40, 43.25, "%", "+3.25 points"),
        (43.25, 40, "%", f"{MINUS}3.25 points"),
        (0.1, 0.1 + 1e-16, "", "unchanged"),
        (0, 0, "%", "unchanged"),
        (2048, 1024, "B/s", f"{MINUS}1 KiB/s"),
    ],
)
def test_changes_have_a_sign_and_percentages_change_by_points(
    call: Callable[..., Any], before: float, after: float, unit: str, text: str
) -> None:
    assert call("numbers.js", "change", before, after, unit) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (0.0001, "less than 0.1 %"),
        (0.003, "0.3 %"),
        (0.29, "29 %"),
        (0.996, "99.6 %"),
        (0.9999999, "99.9 %"),
        (1, "100 %"),
    ],
)
def test_shares_are_rounded_down_so_that_only_all_is_100_percent(
    call: Callable[..., Any], share: float, text: str
) -> None:
    assert call("numbers.js", "percent", share) == text


@pytest.mark.parametrize("covered", [249 / 250, 0.99999])
def test_a_minute_that_waits_for_one_vm_never_looks_complete(page: Page, covered: float) -> None:
    item = fleet_item(CPU, NEWEST + 30, 50, final=False, coverage=covered)
    answer_charts(page, item, start=NEWEST + 30, end=NEWEST + 30)
    page.goto(f"/?key={CPU}&minutes=60")
    expect(page.locator("figure .note")).to_contain_text(re.compile(r"The lowest coverage is 99\.[69] % of the VMs"))
    page.get_by_text("Data table").click()
    expect(page.locator(".rows tbody tr")).to_contain_text(re.compile(r"no, covers 99\.[69] %"))


def test_small_values_are_shown_as_they_are(page: Page, shared_local: Local) -> None:
    key = "win_diskio.avg._disk_sec/read"
    shared_local.put("slow", a_message(records_of("t", "v", key, [0.0042] * 14 + [0.0349], NEWEST)))
    shared_local.settled()
    page.add_init_script(RECORD)
    page.goto(f"http://127.0.0.1:{shared_local.port}/?key={key}")
    expect(page.locator(".latest .fleet strong")).to_have_text("0.0349")
    expect(page.locator("figure .chart")).to_have_attribute("aria-label", re.compile("between 0.0042 and 0.0349"))
    marks = [each["text"] for each in labels(page) if re.fullmatch(r"0\.\d+", each["text"])]
    assert len(marks) > 2
    assert len(marks) == len(set(marks))


@pytest.mark.parametrize("size", [9.99e8, 1.234e9, 3e30, -7e9, 0.00012])
@pytest.mark.parametrize("key", ["win_system.processes", "win_net.bytes_sent_persec", "win_session.logon_seconds"])
def test_no_label_of_an_axis_is_cut_off(open_page: Callable[..., Page], key: str, size: float) -> None:
    page = open_page(viewport={"width": 390, "height": 800}, locale="en-US", timezone_id="America/New_York")
    page.add_init_script(RECORD)
    items = [fleet_item(key, NEWEST + 30 + 60 * minute, size * (1 + minute / 100)) for minute in range(15)]
    answer_charts(page, *items, start=items[0]["timestamp"], end=items[-1]["timestamp"])
    page.goto(f"/?key={key}&minutes=15")
    expect(page.locator("figure canvas")).to_be_visible()
    found = labels(page)
    assert len(found) > 5
    assert [each for each in found if each["left"] < 0 or each["right"] > each["room"]] == []
    values = [each["text"] for each in found if ":" not in each["text"]]
    assert len(values) == len(set(values))


@pytest.mark.parametrize(("locale", "afternoon"), [("en-US", r"\d\d:\d\d [AP]M"), ("en-GB", r"\d\d:\d\d")])
def test_all_times_have_one_format_that_of_the_locale(
    open_page: Callable[..., Page], locale: str, afternoon: str
) -> None:
    page = open_page(locale=locale)
    page.add_init_script(RECORD)
    page.goto(f"/?key={CPU}&start={NEWEST - 3_600}&end={NEWEST}")
    page.get_by_text("Data table").click()
    page.locator(".u-over").hover()
    date = {"en-US": r"[A-Z]\w\w \d\d?, \d{4}, ", "en-GB": r"\d\d? [A-Z]\w+ \d{4}, "}[locale]
    moment = f"{date}{afternoon} GMT\\+5:30"
    expect(page.locator(".rows tbody th").first).to_have_text(re.compile(f"^{moment}$"))
    assert re.fullmatch(moment, legend(page, 0)["Time"])
    expect(page.locator("#status")).to_have_text(re.compile(f"^newest minute {afternoon}, "))
    expect(page.get_by_label("Time range").locator("option").first).to_have_text(
        re.compile(f"^{date}{afternoon} \u2013 ({date})?{afternoon}$")
    )
    times = [each["text"] for each in labels(page) if ":" in each["text"]]
    assert times
    assert [each for each in times if not re.fullmatch(afternoon, each)] == []


@pytest.mark.parametrize(
    ("timezone", "locale", "start", "names"),
    [
        ("America/New_York", "en-US", 1_793_509_200, ("EDT", "EST")),  # 2026-11-01, 05:00 UTC
        ("Europe/Berlin", "de-DE", 1_792_886_400, ("MESZ", "MEZ")),  # 2026-10-25, 00:00 UTC
        ("America/New_York", "en-GB", 1_793_509_200, ("GMT-4", "GMT-5")),
    ],
)
def test_the_hour_that_comes_twice_can_be_told_apart(
    open_page: Callable[..., Page], timezone: str, locale: str, start: int, names: tuple[str, str]
) -> None:
    page = open_page(timezone_id=timezone, locale=locale)
    page.add_init_script(RECORD)
    items = [fleet_item(CPU, start + 30 + 60 * minute, 10 if minute < 60 else 90) for minute in range(120)]
    answer_charts(page, *items, start=items[0]["timestamp"], end=items[-1]["timestamp"])
    page.goto(f"/?key={CPU}&start={start}&end={start + 7_200}")
    page.get_by_text("Data table").click()
    expect(page.locator(".rows tbody tr")).to_have_count(120)
    rows = page.locator(".rows tbody th").all_inner_texts()
    assert len(set(rows)) == 120
    assert (rows[0][-len(names[1]) :], rows[-1][-len(names[0]) :]) == (names[1], names[0])
    said = page.get_by_label("Time range").locator("option").first.inner_text()
    assert said.index(names[0]) < said.index(names[1])
    page.locator(".u-over").hover()
    assert legend(page, 0)["Time"] in rows
    times = [each["text"] for each in labels(page) if ":" in each["text"]]
    assert len(times) == len(set(times)) > 3


@pytest.mark.parametrize("start", [1_782_864_000, 1_793_491_200])  # in summer, and the day of a change
@pytest.mark.parametrize("timezone", ["America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
def test_the_axis_of_utc_is_right_wherever_the_viewer_is(
    open_page: Callable[..., Page], timezone: str, start: int
) -> None:
    page = open_page(timezone_id=timezone)
    page.add_init_script(RECORD)
    end = start + 86_400
    answer_charts(page, fleet_item(CPU, start, 10), fleet_item(CPU, end, 20), start=start, end=end)
    page.goto(f"/?key={CPU}&start={start}&end={end}&tz=utc")
    expect(page.locator("figure canvas")).to_be_visible()
    over = json.loads(page.locator(".u-over").evaluate("e => JSON.stringify([e.offsetLeft, e.clientWidth])"))
    found = [each for each in labels(page) if re.fullmatch(r"\d\d:\d\d", each["text"])]
    assert {"06:00", "12:00", "18:00"} <= {each["text"] for each in found}
    for each in found:
        hours, minutes = map(int, each["text"].split(":"))
        at = over[0] + over[1] * (hours * 60 + minutes) / 1_440
        assert min(abs(each["x"] - at), abs(each["x"] - at - over[1])) < 2
