"""What is chosen for all views: time range, interval, aggregation, time zone."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import NEWEST
from tests.page.looking import CPU, IN_A_BROWSER, card, opened

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
    expect(card(page, CPU).locator("canvas")).to_be_visible()
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
    chosen = {
        name: int(values[0]) for name, values in parse_qs(urlsplit(page.url).query).items() if name in ("start", "end")
    }
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
