"""The fleet view in a real browser."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import NEWEST
from tests.page.fleet import KEYS, TENANTS, VMS
from tests.page.looking import CPU, IN_A_BROWSER, MEMORY, card, fleet_mean, shown

pytestmark = IN_A_BROWSER


def test_every_counter_has_a_card_with_its_newest_value_its_change_and_its_vms(page: Page) -> None:
    page.goto("/?view=fleet")
    expect(page.locator(".card")).to_have_count(len(KEYS))
    last_final = NEWEST // 60 - 1
    newest = fleet_mean(CPU, last_final)
    before = sum(fleet_mean(CPU, last_final - 1 - back) for back in range(60 - 15)) / 45
    expect(card(page, CPU).locator("strong")).to_have_text(shown(newest))
    sign = "+" if newest > before else "\u2212"
    change = card(page, CPU).locator(".change")
    expect(change).to_have_text(re.compile(rf"^{re.escape(sign)}[\d.]+ points\s*$"))
    told = float(change.inner_text().removeprefix(sign).split()[0])
    assert told == pytest.approx(abs(newest - before), rel=0.005)  # it is shown with three digits
    expect(card(page, CPU).locator(".vms")).to_have_text(f"{TENANTS * VMS} VMs")
    expect(card(page, CPU).locator("canvas")).to_be_visible()


def test_cards_are_grouped_by_kind_with_the_interesting_ones_first(page: Page) -> None:
    page.goto("/?view=fleet")
    headings = page.locator("#fleet h2")
    expect(headings.first).to_have_text("Processor")
    assert headings.all_inner_texts() == [
        *("Processor", "System", "Memory", "Page file", "Disk", "Network", "Sessions", "Services"),
        "win_extra",
    ]
    expect(page.locator("#fleet section").first.locator(".card").first).to_have_attribute("data-key", CPU)
    expect(card(page, "win_mem.available_bytes")).to_contain_text("Memory available")


def test_cards_can_be_searched(page: Page) -> None:
    page.goto("/?view=fleet")
    page.get_by_label("Search").fill("DISK idle")
    expect(page.locator(".card")).to_have_count(1)
    assert "search=DISK+idle" in page.url
    page.get_by_label("Search").fill("nothing like it")
    expect(page.locator("#empty")).to_have_text("No counter matches “nothing like it”.")
    page.get_by_label("Search").fill("")
    expect(page.locator(".card")).to_have_count(len(KEYS))


def test_only_cards_in_view_ask_for_their_points(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.extend(parse_qs(urlsplit(request.url).query).get("key", [])))
    page.goto("/?view=fleet")
    expect(card(page, CPU).locator("canvas")).to_be_visible()
    assert KEYS[-1] not in asked
    card(page, KEYS[-1]).scroll_into_view_if_needed()
    expect(card(page, KEYS[-1]).locator("canvas")).to_be_visible()
    assert KEYS[-1] in asked


def test_a_card_opens_its_counter_and_back_leads_back(page: Page) -> None:
    page.goto("/?view=fleet")
    card(page, MEMORY).click()
    expect(page.locator("figure")).to_have_count(1)
    expect(page.locator("figcaption")).to_contain_text("Memory used")
    assert f"key={MEMORY}" in page.url
    page.go_back()
    expect(page.locator(".card").first).to_be_visible()
