"""The fleet view in a real browser."""

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import NEWEST
from tests.page.fleet import KEYS, TENANTS, VMS, tenant_name
from tests.page.looking import (
    CHART,
    CPU,
    IN_A_BROWSER,
    MEMORY,
    a_finding,
    answer_charts,
    answer_unusual,
    card,
    choice,
    fleet_item,
    fleet_mean,
    opened,
)

pytestmark = IN_A_BROWSER


def test_every_counter_has_a_card_with_its_newest_quarter_hour(page: Page) -> None:
    page.goto("/?view=fleet")
    expect(page.locator(".card")).to_have_count(len(KEYS))
    expect(card(page, CPU).locator(".what")).to_have_text(f"on average, {(TENANTS - 1) * VMS} VMs")
    told = float(card(page, CPU).locator("strong").inner_text().removesuffix(" %"))
    newest = sum(fleet_mean(CPU, NEWEST // 60 + minute, TENANTS - 1) for minute in range(15)) / 15
    assert told == pytest.approx(newest, abs=0.0501)  # it is shown with three digits
    expect(card(page, CPU)).to_contain_text(re.compile(r"Median [\d.]+ %\s+8 of 10 values: [\d.]+\s.\s[\d.]+\s%"))
    expect(card(page, CPU).locator(CHART)).to_be_visible()
    expect(card(page, CPU).locator(".spark-values span")).to_have_text([re.compile(r"^[\d.]+ %$")] * 2)
    expect(card(page, CPU).locator(".spark-times span")).to_have_text([re.compile(r"\d\d:\d\d")] * 2)


def test_services_and_sessions_are_counted_and_how_values_are_spread_is_told(page: Page) -> None:
    service, sessions = "win_service.WinDefend", "win_session.active_sessions"
    spread = {"p10": 0.0, "p50": 12.0, "p90": 41.5}
    answer_charts(
        page,
        fleet_item(service, NEWEST + 30, 0.98, sum=59.4, count=900),
        fleet_item(sessions, NEWEST + 30, 20.7, sum=1240.2, count=900),
        fleet_item(CPU, NEWEST + 30, 15.25, count=900, percentiles=spread, low=10.0, high=20.5),
        start=NEWEST + 30,
        end=NEWEST + 30,
    )
    page.goto("/?view=fleet")
    card(page, service).scroll_into_view_if_needed()
    expect(card(page, service).locator(".figures")).to_have_text(re.compile(r"59 of 60\s+VMs run it"))
    expect(card(page, sessions).locator(".figures")).to_have_text(re.compile(r"1,240\s+at a time, 60 VMs"))
    expect(card(page, CPU)).to_contain_text(re.compile(r"8 of 10 values: 0\.0\s.\s41\.5\s%"))
    expect(card(page, CPU)).to_contain_text(re.compile(r"Usual average now: 10\.0\s.\s20\.5\s%"))
    expect(card(page, CPU).locator("path.band")).to_have_count(1)


def test_what_is_unusual_comes_first_and_alone_has_colour(page: Page) -> None:
    answer_unusual(page, a_finding(CPU, notable=False), a_finding(MEMORY), a_finding(KEYS[5], why="always"))
    page.goto("/?view=fleet")
    first = page.get_by_role("region", name="Unusual now").locator(".card")
    expect(first).to_have_count(2)
    assert [each.get_attribute("data-key") for each in first.all()] == [MEMORY, CPU]  # the notable one first
    expect(first.first).to_contain_text("Region westus: Higher than usual.")
    expect(page.locator(".card.unusual")).to_have_count(2)
    page.get_by_role("combobox", name="Order").select_option("by category")
    expect(page.locator("#fleet h2").first).to_have_text("Processor")
    assert "sort=kind" in page.url


@pytest.mark.parametrize("width", [390, 768, 1000, 1440, 1920])
def test_cards_are_equally_wide_and_small_groups_share_a_row(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/?view=fleet&sort=kind")
    expect(page.locator(".card")).to_have_count(len(KEYS))
    boxes = page.locator(".card").evaluate_all("(all) => all.map((each) => each.getBoundingClientRect().width)")
    assert max(boxes) - min(boxes) < 1
    tops = page.locator("#fleet section").evaluate_all(
        "(all) => Object.fromEntries(all.map((each) => [each.ariaLabel, each.offsetTop]))"
    )
    assert (tops["Processor"] == tops["System"]) == (width >= 1440)
    assert (tops["Memory"] == tops["Page file"]) == (width >= 1000)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


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
    page.get_by_role("searchbox", name="Search").fill("DISK idle")
    expect(page.locator(".card")).to_have_count(1)
    assert "search=DISK+idle" in page.url
    page.get_by_role("searchbox", name="Search").fill("nothing like it")
    expect(page.locator("#empty")).to_have_text("No counter matches “nothing like it”.")
    page.get_by_role("searchbox", name="Search").fill("")
    expect(page.locator(".card")).to_have_count(len(KEYS))


def test_only_cards_in_view_ask_for_their_points(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.extend(parse_qs(urlsplit(request.url).query).get("key", [])))
    page.goto("/?view=fleet")
    expect(card(page, CPU).locator(CHART)).to_be_visible()
    assert KEYS[-1] not in asked
    card(page, KEYS[-1]).scroll_into_view_if_needed()
    expect(card(page, KEYS[-1]).locator(CHART)).to_be_visible()
    assert KEYS[-1] in asked


def test_a_card_opens_to_its_chart_its_heatmap_and_its_groups_and_back_leads_back(page: Page) -> None:
    page.goto("/?view=fleet")
    card(page, MEMORY).click()
    expect(page.get_by_role("heading", name="Memory used")).to_be_visible()
    expect(page.locator("figure canvas")).to_be_visible()
    assert f"open={MEMORY}" in page.url
    expect(page).to_have_title(re.compile("^Memory used: the fleet"))
    spread = page.get_by_role("region", name="How the values of all VMs are spread").get_by_role("img")
    expect(spread).to_have_attribute("aria-label", re.compile(r"at last half of the values up to [\d.]+ %"))
    for name in ("Regions", "VM sizes", "Tenants"):
        expect(page.get_by_role("region", name=name, exact=True).locator("tbody tr").first).to_be_visible()
    tenants = page.get_by_role("region", name="Tenants", exact=True).locator("tbody tr")
    averages = [float(row.locator(".figure").first.inner_text().removesuffix(" %")) for row in tenants.all()]
    assert averages == sorted(averages, reverse=True)  # high is bad
    page.go_back()
    expect(page.locator(".card").first).to_be_visible()


def test_no_table_of_an_open_card_is_cut(page: Page) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"/?view=fleet&open={CPU}")
    tables = page.locator(".breakdowns .table")
    expect(tables).to_have_count(3)
    assert tables.evaluate_all("(all) => all.map((each) => each.scrollWidth - each.clientWidth)") == [0, 0, 0]


def test_an_open_card_can_be_shared_and_left_by_keyboard(page: Page) -> None:
    page.goto(f"/?view=fleet&open={CPU}")
    expect(page.locator("figure canvas")).to_be_visible()
    link = page.get_by_role("link", name="All counters")
    link.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_count(len(KEYS))
    assert "open" not in choice(page)


def test_an_open_card_leads_to_the_vms_and_to_the_comparison(page: Page) -> None:
    page.goto(f"/?view=fleet&open={CPU}")
    expect(page.get_by_role("link", name="VMs by this counter")).to_have_attribute(
        "href", re.compile(rf"view=vms&key={CPU}")
    )
    page.get_by_role("link", name="Beside a tenant or VM").click()
    page.wait_for_url("**view=vm&**")
    expect(page.locator("figcaption").filter(visible=True)).to_contain_text("Processor time")
    assert choice(page)["key"] == [CPU]


def test_a_part_that_cannot_be_loaded_says_so_in_its_place(page: Page) -> None:
    for path in ("get-histogram", "get-groups"):
        page.route(f"**/v1/{path}**", lambda route: route.fulfill(status=200, content_type="text/plain", body="no"))
    page.goto(f"/?view=fleet&open={CPU}")
    expect(page.locator("figure canvas")).to_be_visible()
    expect(page.get_by_role("region", name="Regions", exact=True)).to_contain_text("This can't be shown.")
    expect(page.get_by_role("region", name="How the values of all VMs are spread")).to_contain_text(
        "This can't be shown."
    )


def test_of_a_fixed_range_the_spread_is_not_known_and_that_is_said(page: Page) -> None:
    page.goto(f"/?view=fleet&open={CPU}&start={NEWEST - 1800}&end={NEWEST}")
    expect(page.get_by_role("region", name="How the values of all VMs are spread")).to_contain_text(
        "the latest two days only"
    )


def test_a_tenants_user_is_not_asked_what_is_usual_for_others(page: Page) -> None:
    own = tenant_name(2)
    me = {"name": "Eve", "role": "tenant", "tenant": own, "signsIn": True}
    page.route("**/v1/me?*", lambda route: route.fulfill(content_type="application/json", body=json.dumps(me)))
    asked: list[tuple[str, dict[str, list[str]]]] = []
    page.on(
        "request", lambda request: asked.append((urlsplit(request.url).path, parse_qs(urlsplit(request.url).query)))
    )
    page.goto(f"/?view=fleet&open={CPU}")
    expect(page.get_by_role("region", name="Pools").locator("tbody tr").first).to_be_visible()
    expect(page.get_by_role("region", name="How the values of your VMs are spread")).to_be_visible()
    questions = {url[url.index("/v1/") :]: given for url, given in asked if "/v1/get-" in url}
    assert "baseline" not in questions["/v1/get-data"]
    assert {questions[f"/v1/get-{name}"]["tenant"][0] for name in ("unusual", "histogram", "groups")} == {own}


def test_the_page_prints_all_cards_and_the_browser_those_that_were_in_view_and_says_so(page: Page) -> None:
    page.add_init_script("window.print = () => dispatchEvent(new Event('beforeprint'))")
    page.goto("/?view=fleet")
    expect(card(page, CPU).locator(CHART)).to_be_visible()
    figures, said = page.evaluate("""() => {
        dispatchEvent(new Event("beforeprint"));
        const texts = (which) => [...document.querySelectorAll(which)].map((each) => each.textContent);
        return [texts(".card strong"), texts("#fleet .note").join()];
    }""")
    assert 0 < len(figures) < len(KEYS)
    assert "…" not in figures
    assert said.startswith(f"{len(figures)} of {len(KEYS)} counters are printed")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(page.locator(".card")).to_have_count(len(KEYS))
    expect(page.get_by_text("counters are printed")).to_have_count(0)
    opened(page, "Save").get_by_role("button", name="Print").click()
    expect(page.locator("#paper-title")).to_be_visible()
    assert page.locator(".card").count() == len(KEYS)
    assert "…" not in page.locator(".card strong").all_inner_texts()
    expect(page.get_by_text("counters are printed")).to_have_count(0)
