"""The page for everybody: assistive technology, keyboards, small and large screens, light and dark."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.page.looking import CHART, COMPARED, CPU, IN_A_BROWSER, NEEDS_AXE, VIEWS, card, open_view, violations

pytestmark = IN_A_BROWSER


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
@NEEDS_AXE
def test_axe_finds_no_violation(open_page: Callable[..., Page], view: str, scheme: str) -> None:
    page = open_page(color_scheme=scheme, bypass_csp=True)
    open_view(page, view)
    if view == "vm":
        page.get_by_text("Data table").first.click()
    assert violations(page) == []


NOT_REACHED = """() => {
    const all = document.querySelectorAll("a[href], button, input, select, summary, [tabindex]");
    const seen = [...all].filter((each) => each.checkVisibility({ visibilityProperty: true }));
    const can = seen.filter((each) => each.tabIndex >= 0 && !each.disabled);
    return can.filter((each) => !reached.has(each)).map((each) => each.outerHTML.slice(0, 200));
}"""
"""What a key should reach and has not."""

COMES_BACK = """() => {
    const [now, before] = [document.activeElement, window.last];
    window.last = now;
    if (now === document.body || (now !== before && reached.has(now))) return true;
    reached.add(now);
    return false;
}"""
"""Remembers what a key has reached. A field of a date has several parts, so it may be reached again at once."""

MOST_STOPS = 1_500


@pytest.mark.parametrize("view", VIEWS)
def test_the_tab_key_reaches_every_control_and_leaves_it(page: Page, view: str) -> None:
    open_view(page, view)
    page.evaluate("window.reached = new Set()")
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if page.evaluate(COMES_BACK):
            break
    else:
        pytest.fail("the end of the page was never reached")
    assert page.evaluate(NOT_REACHED) == []


def test_a_chart_has_a_summary_and_a_table(page: Page) -> None:
    page.goto(f"{COMPARED}&minutes=60")
    chart = page.locator("figure .chart").first
    expect(chart).to_have_attribute(
        "aria-label", re.compile(r"Processor time: the fleet average is [\d.]+ % at .*, between .* This VM: [\d.]+ %")
    )
    page.locator("figure").first.get_by_text("Data table").click()
    rows = page.locator("figure").first.locator(".rows tbody tr")
    expect(rows).to_have_count(60)
    expect(rows.first).to_contain_text("no, covers 87.5 %")
    expect(card(page, CPU)).to_have_count(0)
    page.goto("/?view=fleet")
    expect(card(page, CPU).get_by_role("img")).to_have_attribute(
        "aria-label", re.compile(r"Processor time, the fleet average, .* at last [\d.]+ %")
    )


def test_it_can_be_used_by_keyboard(page: Page) -> None:
    page.goto("/?view=fleet")
    expect(card(page, CPU).locator(CHART)).to_be_visible()
    page.get_by_label("Search").focus()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.key"):
            break
    assert page.evaluate("document.activeElement.dataset.key") == CPU
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.locator("figure canvas")).to_be_visible()  # before, there is no point that a key could go to
    page.locator("figure .chart").focus()
    page.keyboard.press("ArrowLeft")
    time_ = page.locator(".u-series", has_text="Time").locator("td")
    expect(time_).not_to_have_text("--")
    before = time_.inner_text()
    page.keyboard.press("ArrowLeft")
    expect(time_).not_to_have_text(before)


@pytest.mark.parametrize("width", [320, 390, 768, 1440, 2560])
def test_it_fits_from_a_phone_to_a_wall(open_page: Callable[..., Page], width: int) -> None:
    page = open_page(viewport={"width": width, "height": 900})
    wide = {}
    for view in VIEWS:
        open_view(page, view)
        wide[view] = page.evaluate("document.documentElement.scrollWidth")
    assert {view: each for view, each in wide.items() if each > width} == {}


MOVES = """
    window.moved = [];
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
            if (entry.hadRecentInput) continue;
            const what = entry.sources.map(({ node }) => node?.outerHTML?.slice(0, 80) ?? node?.textContent);
            moved.push([entry.value, ...what]);
        }
    }).observe({ type: "layout-shift", buffered: true });
"""
SEEN = 0.005
"""How much of the window may move: less is not seen."""


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("view", VIEWS)
def test_nothing_moves_once_it_is_shown(open_page: Callable[..., Page], view: str, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 900})
    page.add_init_script(MOVES)
    open_view(page, view)
    assert [each for each in page.evaluate("moved") if each[0] > SEEN] == []


def test_light_and_dark_have_their_own_colours(open_page: Callable[..., Page]) -> None:
    grounds = set()
    for scheme in ("light", "dark"):
        page = open_page(color_scheme=scheme)
        page.goto("/?view=fleet")
        expect(page.get_by_role("main")).to_be_visible()
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2
