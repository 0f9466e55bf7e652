"""When something fails: what the page says of it, what it shows all the same, and what it does next."""

import re
import signal
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.conftest import Local
from tests.builders import a_message, records_of
from tests.page.conftest import NEWEST
from tests.page.fleet import tenant_name, vm_name
from tests.page.looking import CHART, CPU, IN_A_BROWSER, MEMORY, card, problem

pytestmark = IN_A_BROWSER
SOON = 30_000
"""Milliseconds in which the page notices a server that went or came back, on a machine with other things to do."""


@pytest.fixture
def page(browser: Browser, filled: Local) -> Iterator[Page]:
    """Not the usual one, which takes the browser's own lines about failures for problems."""
    context = browser.new_context(base_url=f"http://127.0.0.1:{filled.port}")
    yield context.new_page()
    context.close()


DOWN = {"status": 503, "content_type": "application/problem+json", "body": '{"detail": "the store is down"}'}
FLEET, COMPARE = "/?view=fleet&minutes=60", f"/?key={CPU}&minutes=60"


@pytest.mark.parametrize(
    ("path", "asked", "answer", "words"),
    [
        (FLEET, "counters", None, "can't be reached"),
        (FLEET, "get-data", None, "can't be reached"),
        (COMPARE, "counters", DOWN, "the store is down"),
        (COMPARE, "get-data", DOWN, "the store is down"),
        (COMPARE, "get-data", {"status": 500, "body": "oops"}, "status 500"),
        (FLEET, "counters", {"status": 200, "body": "{"}, "can't be read"),
    ],
)
def test_a_first_load_that_fails_is_told_and_can_be_tried_again(
    page: Page, path: str, asked: str, answer: dict[str, Any] | None, words: str
) -> None:
    page.clock.install()
    page.clock.pause_at(time.time() + 1)  # so that the page does not try again by itself
    page.route(f"**/v1/{asked}**", lambda route: route.fulfill(**answer) if answer else route.abort())
    page.goto(path)
    expect(problem(page)).to_contain_text(words)
    expect(page.locator("#status")).to_have_text("nothing could be loaded")
    expect(page.locator(".card, figure").filter(visible=True)).to_have_count(0)
    expect(page.get_by_label("Time range")).to_have_value("60")
    expect(page.get_by_role("button", name="Save CSV", include_hidden=True)).to_be_disabled()
    page.unroute(f"**/v1/{asked}**")
    page.get_by_role("button", name="Try again").click()
    expect(problem(page)).to_be_hidden()
    expect(page.locator(f".card {CHART}, figure canvas").first).to_be_visible()
    expect(page.get_by_role("button", name="Save CSV", include_hidden=True)).to_be_enabled()


def test_a_failed_load_is_tried_again_without_being_asked(page: Page) -> None:
    page.route("**/v1/counters**", lambda route: route.abort())
    page.goto("/?view=fleet")
    expect(problem(page)).to_contain_text("The page tries again every few seconds.")
    page.unroute("**/v1/counters**")
    expect(card(page, CPU).locator(CHART)).to_be_visible(timeout=SOON)
    expect(problem(page)).to_be_hidden()


TENANT, VM = quote(tenant_name(1), safe=""), quote(vm_name(1, 0), safe="")


@pytest.mark.parametrize(
    ("query", "shown", "strange"),
    [
        (f"key=never.seen&key={CPU}", 1, ["counter never.seen"]),
        (f"key={CPU}&key=nonsense&key={MEMORY}&key=other.nonsense", 2, ["counter nonsense", "counter other.nonsense"]),
        ("key=never.seen", 4, ["counter never.seen"]),
        (f"key={CPU}&tenant=nobody&vm=nothing", 1, ["tenant nobody"]),
        (f"key={CPU}&tenant={TENANT}&vm=nothing", 1, ["VM nothing"]),
    ],
)
def test_what_a_link_names_and_is_not_known_is_told_and_the_others_are_shown(
    page: Page, query: str, shown: int, strange: list[str]
) -> None:
    page.goto(f"/?{query}")
    expect(page.locator("#notice")).to_contain_text("Not known here")
    for name in strange:
        expect(page.locator("#notice")).to_contain_text(name)
    expect(page.locator("figure canvas")).to_have_count(shown)
    expect(page.locator(".latest .fleet strong")).to_have_count(shown)
    expect(problem(page)).to_be_hidden()
    page.get_by_label("Counters", exact=True).select_option("win_swap.percent_usage")
    expect(page.locator("figure canvas")).to_have_count(shown + 1)


def test_a_name_whose_plus_signs_became_blanks_is_known(page: Page) -> None:
    page.goto(f"/?key={CPU}&tenant={TENANT.replace('%2B', '+')}&vm={VM.replace('%2B', '+')}")
    expect(page.locator(".latest .vm strong")).to_contain_text("%")
    expect(page.locator("#notice")).to_be_hidden()


@pytest.fixture
def small(local: Local, browser: Browser) -> Iterator[Page]:
    """A page of a host that the test may stop, which holds one counter."""
    local.start()
    local.put("first", a_message(records_of("t", "v", CPU, [42.0] * 15, NEWEST)))
    local.settled()
    context = browser.new_context(base_url=f"http://127.0.0.1:{local.port}", locale="en-GB")
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("path", ["/?view=fleet", f"/?key={CPU}"], ids=["fleet", "compare"])
def test_after_a_server_stopped_controls_and_charts_agree_until_it_is_back(
    small: Page, local: Local, path: str
) -> None:
    small.goto(path)
    expect(small.locator(".card strong, .latest strong")).to_have_text("42 %")
    local.stop()
    small.get_by_label("Time range").select_option("last 24 hours")
    expect(problem(small)).to_contain_text("can't be reached")
    expect(problem(small)).to_contain_text(
        re.compile(r"What you see is from \d\d:\d\d\. Your last choice could not be")
    )
    expect(small.locator("#status")).to_have_text(re.compile(r"from \d\d:\d\d, not updated since"))
    expect(small.get_by_label("Time range")).to_have_value("360")
    expect(small.locator(".card strong, .latest strong")).to_have_text("42 %")
    local.start()
    expect(problem(small)).to_be_hidden(timeout=SOON)
    expect(small.get_by_label("Time range")).to_have_value("1440")
    expect(small.locator("#status")).to_contain_text("newest minute")


def test_a_view_that_cannot_be_loaded_does_not_replace_the_one_that_is_shown(small: Page, local: Local) -> None:
    small.goto("/?view=fleet")
    expect(small.locator(".card strong")).to_have_text("42 %")
    local.stop()
    small.locator(".card").click()
    expect(problem(small)).to_contain_text("What you see is from")
    expect(small.locator(".card strong")).to_have_text("42 %")
    expect(small.locator("figure").filter(visible=True)).to_have_count(0)
    expect(small.locator("nav [aria-current]")).to_have_text("Fleet")


def test_a_server_that_hangs_is_noticed_though_nobody_does_anything(small: Page, local: Local) -> None:
    small.goto("/?view=fleet")
    expect(small.locator(".card strong")).to_have_text("42 %")
    assert local.process
    local.process.send_signal(signal.SIGSTOP)
    try:
        expect(problem(small)).to_contain_text("does not answer", timeout=SOON)
    finally:
        local.process.send_signal(signal.SIGCONT)
    expect(problem(small)).to_be_hidden(timeout=SOON)
