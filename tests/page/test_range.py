"""What is chosen for all views: time range, interval, aggregation, time zone."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import NEWEST
from tests.page.looking import CHART, COMPARED, CPU, IN_A_BROWSER, card, choice, opened

pytestmark = IN_A_BROWSER


def asked_of(page: Page, act: Callable[[], Any], path: str = "/v1/get-data") -> dict[str, list[str]]:
    """What the page asks of an endpoint when something is done."""
    with page.expect_request(lambda request: path in request.url and "aggregationBy" in request.url) as caught:
        act()
    return parse_qs(urlsplit(caught.value.url).query)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("last 15 minutes", 15),
        ("last hour", 60),
        ("last 6 hours", 360),
        ("last 24 hours", 1440),
        ("last 7 days", 10080),
    ],
)
def test_a_range_of_time_can_be_chosen_and_never_has_more_points_than_pixels(
    page: Page, text: str, minutes: int
) -> None:
    page.goto("/?view=fleet&minutes=30")
    expect(card(page, CPU).locator(CHART)).to_be_visible()
    asked = asked_of(page, lambda: page.get_by_label("Time range").select_option(text))
    assert asked["minutes"] == [str(minutes)]
    assert minutes / int(asked["aggregationInterval"][0]) <= page.locator(".small-chart").first.evaluate(
        "e => e.clientWidth"
    )


def test_a_range_can_be_dragged_and_stands_in_the_url(page: Page) -> None:
    page.goto(f"/?key={CPU}&minutes=60")
    box = page.locator(".u-over").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 60, steps=5)
    page.mouse.up()
    page.wait_for_url("**start=*")
    chosen = {name: int(values[0]) for name, values in choice(page).items() if name in ("start", "end")}
    end = NEWEST + 30 + 14 * 60
    assert chosen["start"] == pytest.approx(end - 0.75 * 59 * 60, abs=120)
    assert chosen["end"] == pytest.approx(end - 0.25 * 59 * 60, abs=120)
    expect(page.get_by_label("Time range")).to_have_value("")
    page.get_by_label("Time range").select_option("last hour")
    expect(page.locator(".u-over")).to_be_visible()
    assert "start=" not in page.url


def test_interval_and_aggregation_can_be_changed(page: Page) -> None:
    page.goto(f"/?key={CPU}&minutes=60")
    expect(page.locator("figure canvas")).to_be_visible()
    assert asked_of(page, lambda: opened(page, "Display").get_by_label("Interval").select_option("15 min"))[
        "aggregationInterval"
    ] == ["15"]
    assert asked_of(page, lambda: opened(page, "Display").get_by_label("Aggregation").select_option("maximum"))[
        "aggregationBy"
    ] == ["max"]
    expect(page.locator("figure .note")).to_contain_text("Each point covers 15 min.")
    assert ("interval=15" in page.url, "by=max" in page.url) == (True, True)


def test_the_clock_is_local_or_utc_and_says_which(page: Page) -> None:
    page.goto("/?view=fleet")
    at = datetime.fromtimestamp(NEWEST + 14 * 60 + 30, UTC)
    expect(page.locator("#status")).to_contain_text(f"newest minute {at.astimezone(ZoneInfo('Asia/Kolkata')):%H:%M}")
    expect(page.get_by_label("Time zone")).to_contain_text("local (Asia/Calcutta)")
    opened(page, "Display").get_by_label("Time zone").select_option("UTC")
    expect(page.locator("#status")).to_contain_text(f"newest minute {at:%H:%M}")
    assert "tz=utc" in page.url


def chosen(page: Page) -> tuple[int, int]:
    """The fixed range in the URL."""
    given = choice(page)
    return int(given["start"][0]), int(given["end"][0])


@pytest.mark.parametrize(("text", "back"), [("today", 0), ("yesterday", 1), ("this day last week", 7)])
@pytest.mark.parametrize("zone", ["Asia/Kolkata", "UTC"])
def test_a_day_of_the_viewers_clock_can_be_chosen(page: Page, text: str, back: int, zone: str) -> None:
    now = datetime.fromtimestamp(NEWEST + 16 * 60, ZoneInfo(zone))
    page.clock.set_fixed_time(now)
    page.goto(f"/?key={CPU}" + ("&tz=utc" if zone == "UTC" else ""))
    expect(page.locator("figure canvas")).to_be_visible()
    page.get_by_label("Time range").select_option(text)
    page.wait_for_url("**start=*")
    start = now.replace(hour=0, minute=0, second=0) - timedelta(days=back)
    end = start.replace(hour=23, minute=59) if back else max(now, start + timedelta(minutes=1))
    assert chosen(page) == (start.timestamp(), end.timestamp())


def test_both_ends_of_a_range_can_be_given(page: Page) -> None:
    page.goto(f"/?key={CPU}&tz=utc&minutes=60")
    expect(page.locator("figure canvas")).to_be_visible()
    page.get_by_label("Time range").select_option("from … to …")
    dialog = page.get_by_role("dialog", name="From when to when (UTC)")
    dialog.get_by_label("From").fill("2026-10-02T08:00")
    dialog.get_by_label("To").fill("2026-10-02T07:00")
    dialog.get_by_role("button", name="Show").click()
    expect(dialog.get_by_role("alert")).to_have_text("The end must be after the beginning.")
    dialog.get_by_label("To").fill("2026-12-02T07:00")
    dialog.get_by_role("button", name="Show").click()
    expect(dialog.get_by_role("alert")).to_contain_text("At most 31 days")
    dialog.get_by_label("To").fill("2026-10-02T09:30")
    dialog.get_by_role("button", name="Show").click()
    expect(dialog).to_be_hidden()
    page.wait_for_url("**start=*")
    assert chosen(page) == tuple(int(datetime(2026, 10, 2, *at, tzinfo=UTC).timestamp()) for at in ((8, 0), (9, 30)))
    page.get_by_label("Time range").select_option("from … to …")
    expect(dialog.get_by_label("From")).to_have_value("2026-10-02T08:00")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_label("Time range")).to_have_value("")


@pytest.mark.parametrize("undo", ["Escape", "double click"])
def test_a_zoom_is_undone_step_by_step(page: Page, undo: str) -> None:
    page.goto(f"/?key={CPU}&minutes=60")
    for part in (0.8, 0.5):
        zoom(page, part)
    inner = chosen(page)
    for _ in range(2):
        if undo == "Escape":
            page.keyboard.press("Escape")
        else:
            page.locator(".u-over").dblclick()
        expect(page.locator("#main")).to_have_attribute("aria-busy", "false")
        page.wait_for_function("(inner) => !location.search.includes(inner)", arg=f"start={inner[0]}&end={inner[1]}")
        if "start=" not in page.url:
            break
        assert chosen(page) != inner
        inner = chosen(page)
    assert "minutes=60" in page.url


def zoom(page: Page, part: float) -> None:
    """Look at a part of the chart, from its middle on."""
    box = page.locator(".u-over").bounding_box()
    assert box
    before = page.url
    page.mouse.move(box["x"] + box["width"] * (0.5 - part / 2), box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * (0.5 + part / 2), box["y"] + 60, steps=5)
    page.mouse.up()
    page.wait_for_url(lambda url: "start=" in url and url != before)
    expect(page.locator("#main")).to_have_attribute("aria-busy", "false")


def test_the_tab_says_what_is_shown(page: Page) -> None:
    page.goto("/?view=fleet")
    expect(page).to_have_title("The fleet · Spot PC Insights")
    page.goto(COMPARED)
    expect(page).to_have_title(re.compile(r"^VM .+ of .+ · Spot PC Insights$"))


def test_on_a_phone_the_controls_are_in_a_sheet(open_page: Callable[..., Page]) -> None:
    page = open_page(viewport={"width": 390, "height": 844})
    page.goto(f"/?key={CPU}&minutes=60")
    expect(page.locator("figure canvas")).to_be_visible()
    expect(page.get_by_label("Time range")).to_be_hidden()
    page.get_by_role("button", name="Choose (last hour)").click()
    page.get_by_label("Time range").select_option("last 15 minutes")
    page.wait_for_url("**minutes=15**")
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_label("Time range")).to_be_hidden()
    expect(page.get_by_role("button", name="Choose (last 15 minutes)")).to_be_visible()
