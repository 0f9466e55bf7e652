"""The Ahead view in a real browser: forecasts, what runs full, the log-on calendar, and states without answers."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from domain.minutes import WINDOW
from tests.app.conftest import Local
from tests.page.conftest import MOST_MILLISECONDS, NEWEST
from tests.page.learned import FREE, POOL, TENANT, VM, answer, capacity, forecast, logons
from tests.page.looking import CPU, IN_A_BROWSER, NEEDS_AXE, choice, violations

pytestmark = IN_A_BROWSER

OF_TENANT = f"/?view=ahead&tenant={quote(TENANT, safe='')}"


@pytest.fixture
def refused(browser: Browser, filled: Local) -> Iterator[Page]:
    """A page whose browser may say that a request was refused."""
    context = browser.new_context(base_url=f"http://127.0.0.1:{filled.port}")
    context.set_default_timeout(MOST_MILLISECONDS)
    yield context.new_page()
    context.close()


def learn(page: Page) -> dict[str, list[dict[str, list[str]]]]:
    """Answer all that the view asks for; return what is asked, by endpoint."""
    answers = {"get-forecast": forecast(), "get-capacity": capacity(), "get-logons": logons()}
    return {path: answer(page, path, body) for path, body in answers.items()}


def test_what_will_be_most_when_and_how_good_the_method_was_is_said(page: Page) -> None:
    asked = learn(page)
    page.goto("/")
    page.get_by_role("link", name="Ahead").click()
    chart = page.locator("figure", has_text="Processor time")
    expect(chart.locator("canvas")).to_be_visible()
    expect(chart).to_contain_text("most: about 61 %")
    expect(chart).to_contain_text('70 % of that of "same time yesterday", and 81 % of hours were in the band.')
    assert {each["hours"][0] for each in asked["get-forecast"]} == {"48"}
    assert all("tenant" not in each for path in asked for each in asked[path])
    assert CPU in {each["key"][0] for each in asked["get-forecast"]}
    expect(page).to_have_title("Ahead of the fleet · Spot PC Insights")


def test_what_runs_full_leads_to_the_vm(page: Page) -> None:
    asked = learn(page)
    page.goto("/?view=ahead")
    full = page.get_by_role("region", name="VMs that run full")
    expect(full).to_contain_text("between 3 Jan 2027 and 16 Jan 2027")
    expect(full).to_contain_text("\u22120.73 points a day")
    page.get_by_label("Limit in %").fill("10")
    page.get_by_label("Limit in %").press("Enter")
    page.wait_for_url("**limit=10**")
    expect(page.locator("#main")).to_have_attribute("aria-busy", "false")
    assert [(each["key"], each.get("limit")) for each in asked["get-capacity"]] == [([FREE], None), ([FREE], ["10"])]
    full.get_by_role("link").click()
    expect(page.locator("figure", has_text="Disk space free").locator("canvas")).to_be_visible()
    chosen = choice(page)
    assert (chosen["view"], chosen["key"], chosen["tenant"], chosen["vm"]) == (["vm"], [FREE], [TENANT], [VM])


def test_a_counter_without_a_limit_of_its_own_asks_for_one(page: Page) -> None:
    learn(page)
    page.goto("/?view=ahead")
    page.get_by_label("Counter", exact=True).select_option("Input delay")
    expect(page.get_by_text("Input delay has no limit of its own: give one above, in ms.")).to_be_visible()
    page.get_by_label("Limit in ms").fill("200")
    page.get_by_label("Limit in ms").press("Enter")
    expect(page.get_by_role("region", name="VMs that run full")).to_be_visible()
    page.go_back()
    page.go_back()
    expect(page.get_by_label("Counter", exact=True)).to_have_value(FREE)


def change(page: Page, changed: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    """Answer with other counters than the host has."""

    def fulfil(route: Route) -> None:
        body = route.fetch().json()
        route.fulfill(json={**body, "data": changed(body["data"])})

    page.route("**/v1/counters?**", fulfil)


def test_what_is_not_there_is_said_to_have_no_data(page: Page) -> None:
    learn(page)
    change(page, lambda counters: [each for each in counters if each["key"] == "win_swap.percent_usage"])
    page.goto("/?view=ahead")
    expect(page.get_by_text(f"There are no data of {FREE} here.")).to_be_visible()
    expect(page.get_by_text("None of the counters that are forecast here has come yet")).to_be_visible()


def test_the_calendar_of_a_tenant_says_when_to_start_and_stop_and_how_good_that_was(page: Page) -> None:
    asked = learn(page)
    page.goto("/?view=ahead")
    page.get_by_label("Tenant", exact=True).select_option(TENANT)
    days = page.get_by_role("region", name="Log-on calendar")
    expect(days.locator("tbody tr")).to_have_count(1)
    expect(days.locator("tbody tr")).to_contain_text(POOL)
    cells = days.locator("tbody td")
    for words in ("first log-on 08:12", "start by 07:36", "stop if nobody by 09:15", "stop after 18:50"):
        expect(cells.nth(0)).to_contain_text(words, use_inner_text=False)
    expect(cells.nth(1)).to_have_text("nobody is expected (2 %)")
    expect(page.get_by_text("served 95 % of first log-ons, with 40 min a day up and idle")).to_be_visible()
    expect(page.get_by_text("so advice was better.")).to_be_visible()
    page.get_by_label("First log-ons that find their VM up").select_option("99 %")
    page.wait_for_url("**serve=0.99**")
    page.get_by_label("A VM starts in").select_option("20 min")
    page.wait_for_url("**boot=20**")
    expect(page.locator("#main")).to_have_attribute("aria-busy", "false")
    assert (asked["get-logons"][-1]["serve"], asked["get-logons"][-1]["bootMinutes"]) == (["0.99"], ["20"])
    page.reload()
    expect(page.get_by_label("A VM starts in")).to_have_value("20")


def test_calendar_and_scaling_plan_can_be_saved(refused: Page) -> None:
    page = refused
    asked = learn(page)["get-logons"]
    page.goto(OF_TENANT)
    with page.expect_download() as caught:
        page.get_by_role("button", name=f"Save the scaling plan of {POOL}").click()
    assert caught.value.suggested_filename.endswith(".json")
    assert json.loads(caught.value.path().read_text())["bootMinutes"] == 10
    assert (asked[-1]["pool"], asked[-1]["format"]) == ([POOL], ["avd-scaling-plan"])
    with page.expect_download() as caught:
        page.get_by_role("button", name="Save the calendar as CSV").click()
    assert caught.value.suggested_filename.endswith(".csv")
    page.unroute("**/v1/get-logons?**")
    answer(page, "get-logons", {"detail": "this pool has no plan"}, 400)
    page.get_by_role("button", name=f"Save the scaling plan of {POOL}").click()
    expect(page.get_by_text("Not saved. The server could not answer: this pool has no plan.")).to_be_visible()


def test_where_nothing_is_learned_each_part_says_so(page: Page) -> None:
    """This host has learned nothing."""
    page.goto(OF_TENANT)
    expect(page.locator("figure", has_text="Processor time")).to_contain_text("No forecast:")
    expect(page.get_by_text("It is not known what runs full:")).to_be_visible()
    expect(page.get_by_text("Nothing is known about when people log on")).to_be_visible()


def test_a_part_that_fails_leaves_the_others(refused: Page) -> None:
    page = refused
    learn(page)
    page.unroute("**/v1/get-logons?**")
    answer(page, "get-logons", {"detail": "no such tenant"}, 404)
    page.goto(OF_TENANT)
    expect(page.get_by_text("The server could not answer: no such tenant.")).to_be_visible()
    expect(page.get_by_role("region", name="VMs that run full")).to_be_visible()


def test_an_unknown_tenant_is_named_and_the_fleet_is_shown(page: Page) -> None:
    asked = learn(page)
    page.goto("/?view=ahead&tenant=nobody")
    expect(page.get_by_text("Not known here: tenant nobody.")).to_be_visible()
    assert all("tenant" not in each for each in asked["get-forecast"])


def test_a_tenants_caller_is_shown_its_own(page: Page) -> None:
    asked = learn(page)
    who = {"name": "Ann", "role": "tenant", "tenant": TENANT, "signsIn": True}
    page.route("**/v1/me?**", lambda route: route.fulfill(content_type="application/json", body=json.dumps(who)))
    change(page, lambda counters: [{**each, "newest": each["newest"] - 6 * 3600} for each in counters])
    ahead = forecast()
    for each in ahead["data"]:
        each["window"] += WINDOW
    answer(page, "get-forecast", ahead)
    page.clock.set_fixed_time(NEWEST + WINDOW + 300)  # soon after what its answer begins with
    page.goto("/?view=ahead")
    expect(page.get_by_role("region", name="Log-on calendar")).to_be_visible()
    expect(page.get_by_label("Tenant", exact=True)).to_be_hidden()
    expect(page.locator("#status")).to_have_text(re.compile("^newest minute .* min ago$"))
    assert all(each["tenant"] == [TENANT] for path in asked for each in asked[path])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@NEEDS_AXE
def test_axe_finds_no_violation_in_it(open_page: Callable[..., Page], scheme: str) -> None:
    page = open_page(color_scheme=scheme, bypass_csp=True, viewport={"width": 390, "height": 844})
    learn(page)
    page.goto(OF_TENANT)
    expect(page.get_by_role("region", name="Log-on calendar")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
