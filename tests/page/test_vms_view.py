"""The VMs view: which VM is worst by a counter, and where any of thousands is."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from tests.page.conftest import NEWEST
from tests.page.fleet import TENANTS, VMS, tenant_name, vm_name
from tests.page.looking import CPU, IN_A_BROWSER, MEMORY, NEEDS_AXE, choice, violations

pytestmark = IN_A_BROWSER

FREE = "win_disk.percent_free_space"
TENANT = tenant_name(1)
ALL = TENANTS * VMS
"""All VMs of the fleet: so few that they are all among the worst."""


def ranked(number: int, of: int, **more: Any) -> dict[str, Any]:
    place = {"window": NEWEST, "position": number + 1, "of": of, "coverage": 1.0, "final": True}
    ranks = {"rank": 100 - 100 * (number + 0.5) / of, "tenantRank": 50.0, "peerRank": 25.0}
    groups = {"Region": "westeurope", "MachineSize": "D4", "ResourcePoolName": f"pool-{number % 3}", "SiteName": None}
    return {**place, **ranks, **groups, "tenant": TENANT, "vm": f"vm-{number:05}", "PerfValue": 1e5 - number, **more}


def answer_many(page: Page, number: int) -> list[dict[str, list[str]]]:
    """Answer rankings of a tenant with so many VMs, in pages; and return the questions as they come."""
    asked: list[dict[str, list[str]]] = []

    def fulfil(route: Route) -> None:
        query = parse_qs(urlsplit(route.request.url).query)
        asked.append(query)
        first, limit = int(query.get("page", ["0"])[0]), int(query.get("limit", ["20"])[0])
        rows = [ranked(each, number) for each in range(first, min(number, first + limit))]
        if "vm" in query:
            vm = query["vm"][0]
            rows = [ranked(0, number, vm=vm, window=NEWEST - 900 * ago, PerfValue=50.0 + ago) for ago in range(8)]
        following = str(first + limit) if "vm" not in query and first + limit < number else None
        route.fulfill(content_type="application/json", body=json.dumps({"nextPage": following, "data": rows}))

    page.route("**/v1/get-ranking**", fulfil)
    return asked


def rows(page: Page) -> Any:
    return page.get_by_role("rowheader")


def names(*vms: tuple[int, int]) -> list[str]:
    return [f"…{vm_name(*each)[-12:]}" for each in vms]


def test_the_worst_vms_of_the_fleet_come_at_once_and_lead_to_the_vm(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="VMs", exact=True).click()
    expect(page.get_by_text(f"The {ALL} highest of {ALL} VMs by input delay.")).to_be_visible()
    expect(rows(page).first).to_have_text(*names((TENANTS - 1, 1)))
    first = page.get_by_role("row").nth(1)
    chart = re.compile(r"^Input delay, .* ms to .* ms, at last")
    expect(first.get_by_role("img")).to_have_attribute("aria-label", chart)
    first.get_by_role("link").click()
    expect(page.get_by_role("combobox", name="VM", exact=True)).to_have_value(vm_name(TENANTS - 1, 1))
    assert choice(page)["key"] == ["win_session.input_delay_ms"]


def test_it_begins_with_the_counter_that_is_most_unusual_and_has_a_worse_side(page: Page) -> None:
    body = json.dumps({"data": [{"key": None}, {"key": "win_session.logons"}, {"key": MEMORY}]})
    page.route("**/v1/get-unusual**", lambda route: route.fulfill(content_type="application/json", body=body))
    page.goto("/?view=vms")
    expect(page.get_by_text("VMs by memory used.")).to_be_visible()
    expect(page.get_by_role("combobox", name="Counter", exact=True)).to_have_value(MEMORY)


def test_of_a_counter_that_is_bad_when_low_the_lowest_comes_first(page: Page) -> None:
    answer_many(page, 3)
    page.goto(f"/?view=vms&key={FREE}&tenant={quote(TENANT)}")
    expect(page.get_by_text("the lowest disk space free first.")).to_be_visible()
    expect(rows(page)).to_have_text(["vm-00002", "vm-00001", "vm-00000"])
    page.get_by_role("link", name="Disk space free").click()
    expect(page.get_by_text("the highest disk space free first.")).to_be_visible()
    expect(rows(page)).to_have_text(["vm-00000", "vm-00001", "vm-00002"])


def test_all_vms_of_all_tenants_come_tenant_after_tenant(page: Page) -> None:
    waiting: list[Route] = []
    held = quote(tenant_name(3), safe="")
    page.route(re.compile(rf"get-ranking.*tenant={re.escape(held)}&limit"), lambda route: waiting.extend([route]))
    page.goto(f"/?view=vms&key={CPU}")
    page.get_by_role("link", name="Show all VMs of all tenants").click()
    progress = page.get_by_role("progressbar", name="Loading VMs")
    expect(page.get_by_text(f"Loading: {TENANTS - 1} of {TENANTS} tenants, {ALL - VMS} VMs.")).to_be_visible()
    expect(progress).to_have_attribute("value", str(TENANTS - 1))
    waiting[0].continue_()
    expect(page.get_by_text(f"{ALL} of {ALL} VMs, the highest processor time first.")).to_be_visible()
    expect(progress).to_have_count(0)
    page.get_by_role("link", name="Tenant", exact=True).click()
    expect(rows(page)).to_have_text(names(*((tenant, vm) for tenant in range(TENANTS) for vm in (1, 0))))


def test_a_tenant_whose_vms_do_not_come_is_named(page: Page) -> None:
    page.route(
        re.compile(rf"get-ranking.*tenant={re.escape(quote(TENANT, safe=''))}&limit"),
        lambda route: route.fulfill(content_type="application/json", body="{"),
    )
    page.goto(f"/?view=vms&key={CPU}&all=true")
    expect(page.get_by_text(f"{TENANTS - 1} of {TENANTS} tenants")).to_be_visible()
    expect(page.get_by_text(f"Not loaded: …{TENANT[-12:]}.")).to_be_visible()


def test_a_search_finds_any_vm_by_a_part_of_its_name(page: Page) -> None:
    page.goto(f"/?view=vms&key={CPU}")
    page.get_by_role("searchbox", name="Search").fill(vm_name(5, 1)[-8:].upper())
    expect(page.get_by_text(f"1 of {ALL} VMs")).to_be_visible()
    expect(rows(page)).to_have_text(names((5, 1)))
    assert choice(page)["search"] == [vm_name(5, 1)[-8:].upper()]
    page.get_by_role("searchbox", name="Search").fill("nobody")
    expect(page.get_by_text("No VM matches “nobody”. Search for a part of a real or masked name")).to_be_visible()


def test_a_search_finds_vms_by_their_real_names(page: Page) -> None:
    stored = {"tenant": TENANT, "name": "Contoso", "vms": {vm_name(1, 1): "CONTOSO-DESK-07"}}
    page.add_init_script(f"localStorage.setItem('names:{TENANT}', {json.dumps(json.dumps(stored))})")
    page.goto(f"/?view=vms&key={CPU}&search=desk-07")
    expect(rows(page)).to_have_text(["CONTOSO-DESK-07"])


def test_a_tenants_vms_can_be_filtered(page: Page) -> None:
    asked = answer_many(page, 9)
    page.goto(f"/?view=vms&key={CPU}")
    page.get_by_role("combobox", name="Tenant").select_option(TENANT)
    expect(page.get_by_text("9 of 9 VMs")).to_be_visible()
    page.get_by_role("combobox", name="Pool").select_option("pool-2")
    expect(rows(page)).to_have_text(["vm-00002", "vm-00005", "vm-00008"])
    assert choice(page)["pool"] == ["pool-2"]
    assert [each["tenant"] for each in asked if "limit" in each and "tenant" in each] == [[TENANT]]


def test_a_region_of_the_fleet_has_its_own_worst(page: Page) -> None:
    page.goto(f"/?view=vms&key={CPU}")
    page.get_by_role("combobox", name="Region").select_option(index=1)
    expect(page.get_by_text(re.compile(r"The \d+ highest of \d+ VMs in \w+ by processor time"))).to_be_visible()


def test_ten_thousand_rows_have_their_numbers_and_few_are_in_the_document(page: Page) -> None:
    asked = answer_many(page, 10_000)
    page.goto(f"/?view=vms&key={CPU}&tenant={quote(TENANT)}")
    table = page.get_by_role("table", name="VMs by Processor time")
    expect(table).to_have_attribute("aria-rowcount", "10001")
    assert len([each for each in asked if "vm" not in each]) == 2
    assert page.get_by_role("row").count() < 50
    rows(page).first.get_by_role("link").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="vm-00001")).to_be_focused()
    page.keyboard.press("End")
    last = page.get_by_role("link", name="vm-09999")
    expect(last).to_be_focused()
    expect(last).to_be_in_viewport()
    expect(page.get_by_role("row", name="vm-09999")).to_have_attribute("aria-rowindex", "10001")
    page.keyboard.press("PageUp")
    expect(last).not_to_be_focused()
    page.keyboard.press("Home")
    expect(page.get_by_role("link", name="vm-00000")).to_be_focused()
    assert page.get_by_role("row").count() < 50
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("view=vm&.*vm=vm-00000"))


def test_small_charts_come_only_for_rows_in_view(page: Page) -> None:
    asked = answer_many(page, 10_000)
    page.goto(f"/?view=vms&key={CPU}&tenant={quote(TENANT)}")
    chart = page.get_by_role("img", name=re.compile("^Processor time, "))
    expect(chart.first).to_be_visible()
    page.locator(".rows").evaluate("(place) => { place.scrollTop = 200_000; }")
    expect(page.get_by_role("row", name="vm-05003").get_by_role("img")).to_be_visible()
    wanted = {each["vm"][0] for each in asked if "vm" in each}
    assert len(wanted) < 100
    assert {vm for vm in wanted if "vm-00100" < vm < "vm-04900"} == set()


def test_a_tenants_people_see_their_own_vms(page: Page) -> None:
    asked = answer_many(page, 3)
    me = {"name": "ann", "role": "tenant", "tenant": TENANT, "signsIn": False}
    page.route("**/v1/me?*", lambda route: route.fulfill(content_type="application/json", body=json.dumps(me)))
    page.goto("/?view=vms")
    expect(page.get_by_text("3 of 3 VMs")).to_be_visible()
    expect(page.get_by_role("combobox", name="Tenant")).to_have_count(0)
    assert {tuple(each["tenant"]) for each in asked} == {(TENANT,)}


@NEEDS_AXE
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(open_page: Callable[..., Page], scheme: str) -> None:
    page = open_page(color_scheme=scheme, bypass_csp=True)
    answer_many(page, 100)
    page.goto(f"/?view=vms&key={CPU}&tenant={quote(TENANT)}")
    expect(page.get_by_role("img", name=re.compile("^Processor time, ")).first).to_be_visible()
    assert violations(page) == []


def test_a_counter_that_is_not_known_is_told(page: Page) -> None:
    page.goto("/?view=vms&key=never.seen")
    expect(page.locator("#notice")).to_contain_text("There is no counter never.seen here.")
    expect(page.get_by_label("Counter", exact=True)).not_to_have_value("never.seen")


@pytest.mark.parametrize("number", [40, 1_000])
def test_on_paper_are_all_vms_or_the_first_of_many_and_it_says_so(page: Page, number: int) -> None:
    answer_many(page, number)
    page.goto(f"/?view=vms&key={CPU}&tenant={quote(TENANT, safe='')}")
    expect(rows(page).first).to_be_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert rows(page).count() == min(number, 300)
    said = page.get_by_text("Printed are the first 300 of them")
    expect(said).to_have_count(1 if number > 300 else 0)
    expect(page.get_by_role("columnheader", name="Last 2 hours")).to_be_hidden()  # not all rows have small charts
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(said).to_have_count(0)
    expect(page.get_by_role("columnheader", name="Last 2 hours")).to_be_visible()
    assert rows(page).count() < min(number, 300)
