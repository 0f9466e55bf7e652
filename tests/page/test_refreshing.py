"""The page stays up to date, and says how old and how complete its data is."""

import re
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.app.conftest import Local
from tests.builders import a_message, a_record, records_of
from tests.page.conftest import NEWEST
from tests.page.fleet import TENANTS
from tests.page.looking import CPU, IN_A_BROWSER, card, legend

pytestmark = IN_A_BROWSER


def test_it_refreshes_each_minute_without_flicker_and_not_in_a_hidden_tab(page: Page, shared_local: Local) -> None:
    page.clock.install()
    key = "win_fresh.counter"
    shared_local.put("fresh", a_message(records_of("t", "v", key, [10.0] * 15, NEWEST)))
    shared_local.settled()
    page.goto(f"http://127.0.0.1:{shared_local.port}/?key={key}")
    strong = page.locator(".latest .fleet strong")
    expect(strong).to_have_text("10")
    page.evaluate("window.drawn = document.querySelector('canvas')")
    shared_local.put("fresh 2", a_message(records_of("t", "w", key, [30.0] * 15, NEWEST)))
    shared_local.settled()
    hide = "Object.defineProperty(document, 'hidden', {{value: {}, configurable: true}})"
    page.evaluate(hide.format("true"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.fast_forward(300_000)
    expect(strong).to_have_text("10")
    assert asked == []
    page.evaluate(hide.format("false"))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(strong).to_have_text("20")
    shared_local.put("fresh 3", a_message(records_of("t", "x", key, [50.0] * 15, NEWEST)))
    shared_local.settled()
    page.clock.fast_forward(61_000)
    expect(strong).to_have_text("30")
    assert page.evaluate("window.drawn === document.querySelector('canvas') && window.drawn.isConnected")


def test_minutes_that_are_not_final_are_apart_with_their_coverage(page: Page) -> None:
    assert (TENANTS - 1) / TENANTS == 0.875
    page.goto(f"/?key={CPU}&minutes=60")
    expect(page.locator("figure .note")).to_contain_text(
        "15 of 60 points are not final yet (dashed): some VMs have not sent their data. "
        "The lowest coverage is 87.5 % of the VMs."
    )
    box = page.locator(".u-over").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] - 3, box["y"] + 30)
    expect(page.locator(".u-series", has_text="Coverage").locator("td")).to_have_text("87.5 %")
    assert legend(page, 0)["Fleet average, not final"].endswith("%")
    assert legend(page, 0)["Fleet average"] == "\u2013"


def test_data_that_is_late_is_said_to_be(page: Page) -> None:
    page.clock.install(time=NEWEST + 15 * 60 + 27 * 60)
    page.goto("/?view=fleet")
    expect(page.locator("#status")).to_have_text(re.compile(r"newest minute \d\d:\d\d, 2[78] min ago: data is late"))
    expect(page.locator("#status")).to_have_class("late")


@pytest.mark.parametrize(
    ("path", "width"),
    [
        (f"/?key={CPU}&minutes=1440&interval=30", 1280),
        (f"/?key={CPU}&minutes=1440&interval=720", 1280),
        (f"/?key={CPU}&minutes=10080", 390),  # where only a long interval fits
        ("/?view=fleet&minutes=10080", 390),
    ],
)
def test_a_long_interval_does_not_make_data_late(open_page: Callable[..., Page], path: str, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 800})
    page.clock.install(time=NEWEST + 15 * 60 + 5 * 60)
    page.goto(path)
    newest = datetime.fromtimestamp(NEWEST + 14 * 60 + 30, ZoneInfo("Asia/Kolkata"))
    expect(page.locator("#status")).to_have_text(re.compile(rf"newest minute {newest:%H:%M}, [56] min ago"))
    expect(page.locator("#status")).not_to_have_class("late")


def test_loading_is_shown(page: Page) -> None:
    held: list[Route] = []
    page.route("**/v1/get-data**", lambda route: held.append(route))  # noqa: PLW0108  (it wants a function of Python's)
    page.goto("/?view=fleet")
    expect(page.locator("#main")).to_have_attribute("aria-busy", "true")
    expect(page.locator("#status")).to_have_text("loading …")
    for route in held:
        route.continue_()
    page.unroute("**/v1/get-data**")
    expect(page.locator("#main")).to_have_attribute("aria-busy", "false")


def test_before_any_data_has_come_it_says_so_and_shows_the_first(browser: Browser, local: Local) -> None:
    local.start()
    page = browser.new_page()
    page.clock.install()
    page.goto(f"http://127.0.0.1:{local.port}/?view=fleet")
    expect(page.locator("#empty")).to_contain_text("No data has arrived yet")
    local.put("first", a_message(records_of("t", "v", CPU, [42.0] * 15, NEWEST)))
    local.settled()
    page.clock.fast_forward(61_000)
    expect(card(page, CPU).locator("strong")).to_have_text("42 %")
    expect(page.locator("#empty")).to_be_hidden()
    page.close()


def test_if_all_that_came_was_refused_it_says_why_and_what_to_do(browser: Browser, local: Local) -> None:
    local.start()
    local.put("old", a_message([a_record(timestamp=1_648_637_647)]))
    local.settled()
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{local.port}/?view=fleet")
    said = page.locator("#empty")
    expect(said).to_contain_text("Nothing has been accepted yet: the only input that came was refused.")
    expect(said).to_contain_text("“timestamp is older than samples are kept”. What to do: send samples of the present")
    local.put("older", a_message(records_of("t", "v", CPU, [42.0] * 15, NEWEST - 3600)))
    local.put("after", a_message([a_record(timestamp=1_648_637_647, PerfName="again")]))
    local.settled()
    page.goto(f"http://127.0.0.1:{local.port}/?view=fleet")
    expect(card(page, CPU).locator("strong")).to_have_text("42 %")
    expect(page.locator("#notice")).to_contain_text(
        "Nothing newer has been accepted: all 2 inputs that came were refused."
    )
    page.close()
