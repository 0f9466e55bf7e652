"""The Where view: where it is, from the fleet down to a VM. Most answers are made up: this fleet has no past."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.page.conftest import NEWEST
from tests.page.fleet import TENANTS, tenant_name, vm_name
from tests.page.looking import CPU, IN_A_BROWSER, MEMORY, NEEDS_AXE, choice, violations

pytestmark = IN_A_BROWSER

FREE, DEFENDER = "win_disk.percent_free_space", "win_service.WinDefend"
KEYS = [CPU, MEMORY, FREE, DEFENDER]
SLOW, QUIET = tenant_name(1), tenant_name(2)
VM = vm_name(1, 0)


def cell(group: str, key: str, value: float, **more: Any) -> dict[str, Any]:
    usual = {"expected": 20.0, "low": 15.0, "high": 25.0, "history": 28, "score": 0.0, "worse": None, "since": None}
    counts = {"count": 4, "sum": 4.0, "judged": 4, "above": 0, "below": 0}
    return {"window": NEWEST, "group": group, "key": key, "value": value, **usual, **counts, "reason": None, **more}


FAR = {"score": 3.0, "worse": True, "since": NEWEST, "above": 3}
GROUPS: dict[str, list[tuple[str, float, dict[str, Any]]]] = {
    "tenant": [(SLOW, 61.0, FAR), (QUIET, 20.0, {})],
    "Region": [("northeurope", 61.0, FAR), ("westeurope", 20.0, {})],
    "MachineSize": [("Standard_D4s_v3", 20.0, {})],
    "ResourcePoolName": [("pool-1", 61.0, FAR), ("pool-2", 20.0, {})],
    "vm": [(VM, 61.0, {**FAR, "count": 1, "judged": None, "above": None, "below": None}), (vm_name(1, 1), 20.0, {})],
}


def answer(page: Page, **more: Any) -> list[dict[str, list[str]]]:
    """Answer what matrices ask, and return the questions as they come."""
    asked: list[dict[str, list[str]]] = []

    def fulfil(route: Route) -> None:
        query = parse_qs(urlsplit(route.request.url).query)
        asked.append(query)
        by = query["groupBy"][0]
        data = [
            each
            for group, value, far in GROUPS[by]
            for each in (
                cell(group, CPU, value, **far),
                cell(group, MEMORY, 100 - value),
                cell(group, FREE, 40.0),
                cell(group, DEFENDER, 1.0),
            )
        ]
        told = {"window": NEWEST, "tenant": None, "groupBy": by, "keys": KEYS, "of": len(GROUPS[by]), "coverage": 1.0}
        body = json.dumps({**told, "final": True, "reason": None, "data": data, **more})
        route.fulfill(content_type="application/json", body=body)

    page.route("**/v1/get-matrix**", fulfil)
    return asked


def figure(page: Page, row: str, column: str) -> Locator:
    """The cell of a group and a counter, as a person finds it."""
    heads = page.get_by_role("columnheader").all_inner_texts()
    return page.get_by_role("row", name=row).get_by_role("cell").nth(heads.index(column) - 1)


def test_it_leads_from_the_fleet_to_the_vm_that_is_slow(page: Page) -> None:
    asked = answer(page)
    page.goto("/")
    page.get_by_role("link", name="Where").click()
    expect(page.get_by_text("1 of 2 tenants is worse than usual.")).to_be_visible()
    slow = figure(page, SLOW[-12:], "Processor time")
    expect(slow).to_have_class("figure worse-2")
    expect(slow).to_have_text("61 %usually 15 \u2013 25 %3 of 4 VMs high")
    expect(figure(page, QUIET[-12:], "Processor time")).to_have_text("20 %")
    slow.get_by_role("link").click()
    expect(page.get_by_role("link", name="by pool")).to_have_attribute("aria-current", "true")
    figure(page, "pool-1", "Processor time").get_by_role("link").click()
    expect(page.get_by_text("Each figure is the VM's own")).to_be_visible()
    assert asked[-1]["ResourcePoolName"] == ["pool-1"]
    assert asked[-1]["tenant"] == [SLOW]
    figure(page, VM[-12:], "Processor time").get_by_role("link").click()
    expect(page.get_by_role("combobox", name="VM", exact=True)).to_have_value(VM)
    assert choice(page) == {"view": ["vm"], "key": [CPU], "tenant": [SLOW], "vm": [VM]}


def test_it_leads_back_up_and_an_address_holds_where_one_is(page: Page) -> None:
    asked = answer(page)
    page.goto(f"/?view=where&tenant={SLOW.replace('+', '%2B')}&pool=pool-1")
    here = page.get_by_role("navigation", name="Where you are")
    expect(here).to_have_text(f"The fleet…{SLOW[-12:]}Pool pool-1")
    expect(page).to_have_title(f"VMs of …{SLOW[-12:]}, pool-1 · Spot PC Insights")
    here.get_by_role("link", name=SLOW[-12:]).click()
    expect(page.get_by_role("link", name="pool-2")).to_be_visible()
    here.get_by_role("link", name="The fleet").click()
    expect(page.get_by_role("columnheader", name="Tenant")).to_be_visible()
    assert [each["groupBy"] for each in asked] == [["vm"], ["ResourcePoolName"], ["tenant"]]


def test_a_region_of_the_fleet_leads_to_the_tenants_that_have_vms_there_and_on_to_those(page: Page) -> None:
    asked: list[dict[str, list[str]]] = []
    counted = {"expected": None, "low": None, "high": None, "score": None}

    def fulfil(route: Route) -> None:
        query = parse_qs(urlsplit(route.request.url).query)
        asked.append(query)
        tenant, by = query.get("tenant", [""])[0], query["groupBy"][0]
        values = {"": 30.0, SLOW: 61.0, QUIET: 20.0}
        group = VM if by == "vm" else "northeurope" if tenant in values else "westeurope"
        far = {"above": 3 if tenant == SLOW else 0}
        data = [cell(group, CPU, values.get(tenant, 1.0), **counted, **far)]
        told = {"window": NEWEST, "groupBy": by, "keys": [CPU], "of": 1, "final": True, "reason": None, "data": data}
        route.fulfill(content_type="application/json", body=json.dumps(told))

    page.route("**/v1/get-matrix**", fulfil)
    page.goto("/?view=where")
    page.get_by_role("link", name="by region").click()
    page.get_by_role("rowheader", name="northeurope").get_by_role("link").click()
    expect(page.get_by_text("1 of 2 tenants is worse than usual.")).to_be_visible()
    expect(page.get_by_text("the average over the VMs of a tenant in northeurope")).to_be_visible()
    expect(page.get_by_role("rowheader")).to_have_text([f"…{SLOW[-12:]}", f"…{QUIET[-12:]}"])
    expect(figure(page, SLOW[-12:], "Processor time")).to_have_text("61 %3 of 4 VMs high")
    assert {each["tenant"][0] for each in asked if "tenant" in each} == {
        tenant_name(tenant) for tenant in range(TENANTS)
    }
    worst = page.get_by_role("link", name="The worst VMs of northeurope")
    assert parse_qs(urlsplit(str(worst.get_attribute("href"))).query) == {"view": ["vms"], "region": ["northeurope"]}
    figure(page, SLOW[-12:], "Processor time").get_by_role("link").click()
    expect(page.get_by_role("rowheader")).to_have_text([f"…{VM[-12:]}"])
    assert (asked[-1]["groupBy"], asked[-1]["tenant"], asked[-1]["Region"]) == (["vm"], [SLOW], ["northeurope"])


def test_a_tenant_that_can_not_be_asked_for_its_vms_of_a_size_is_named(page: Page) -> None:
    answer(page)
    broken = f"**/v1/get-matrix?*tenant={quote(SLOW, safe='')}*"
    page.route(broken, lambda route: route.fulfill(content_type="text/plain", body="no"))
    page.goto("/?view=where&size=Standard_D4s_v3")
    expect(page.get_by_text(f"Not loaded: …{SLOW[-12:]}.")).to_be_visible()
    expect(page.get_by_text(f"{TENANTS - 1} tenants are as usual.")).to_be_visible()


def test_groups_come_by_the_counter_that_is_chosen(page: Page) -> None:
    answer(page)
    page.goto("/?view=where&groupBy=Region")
    rows = page.get_by_role("rowheader")
    expect(rows).to_have_text(["northeurope", "westeurope"])
    page.get_by_role("link", name="Memory used").click()
    expect(rows).to_have_text(["westeurope", "northeurope"])
    expect(page.get_by_role("columnheader", name="Memory used")).to_have_attribute("aria-sort", "descending")


def test_without_anything_learned_nothing_has_a_colour_and_it_says_why(page: Page) -> None:
    """This is the host's own answer."""
    page.goto("/?view=where")
    expect(page.get_by_text("8 tenants. What is normal for them is not known yet.")).to_be_visible()
    expect(page.get_by_text("Nothing has a colour: nothing was judged in this window")).to_be_visible()
    expect(page.locator("#where td[class*=worse], #where td[class*=other]")).to_have_count(0)


def test_without_data_it_says_what_to_do(page: Page) -> None:
    answer(page, window=None, data=[], of=0)
    page.goto("/?view=where")
    expect(page.get_by_text("There are no complete quarter hours yet.")).to_be_visible()


def test_it_says_that_only_some_of_many_are_shown(page: Page) -> None:
    answer(page, of=900)
    page.goto(f"/?view=where&groupBy=vm&tenant={SLOW.replace('+', '%2B')}")
    expect(page.get_by_text("You see the 2 of them that are farthest from normal.")).to_be_visible()


def test_an_unknown_tenant_is_named(page: Page) -> None:
    answer(page)
    page.goto("/?view=where&tenant=nobody")
    expect(page.get_by_text("There is no tenant nobody here; you see the fleet.")).to_be_visible()


def test_a_tenants_people_see_their_own_vms(page: Page) -> None:
    asked = answer(page)
    me = {"name": "ann", "role": "tenant", "tenant": SLOW, "signsIn": False}
    page.route("**/v1/me?*", lambda route: route.fulfill(content_type="application/json", body=json.dumps(me)))
    page.goto("/?view=where")
    expect(page.get_by_role("link", name="pool-1")).to_be_visible()
    expect(page.get_by_role("navigation", name="Where you are")).to_have_text(f"…{SLOW[-12:]}")
    assert {tuple(each["tenant"]) for each in asked} == {(SLOW,)}


def test_a_matrix_wider_than_the_screen_scrolls_in_its_place_and_groups_stay(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/?view=where&groupBy=tenant")
    place = page.get_by_role("region", name="Tenant by counter")
    first = page.get_by_role("rowheader").first
    expect(first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    at = first.bounding_box()
    assert place.evaluate("(place) => { place.scrollLeft = 300; return place.scrollLeft; }") == 300
    assert first.bounding_box() == at


@NEEDS_AXE
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_in_colours(open_page: Callable[..., Page], scheme: str) -> None:
    page = open_page(color_scheme=scheme, bypass_csp=True)
    answer(page)
    page.goto("/?view=where")
    expect(page.get_by_text("1 of 2 tenants is worse than usual.")).to_be_visible()
    assert violations(page) == []


def test_on_paper_the_whole_table_is_there(page: Page) -> None:
    page.set_viewport_size({"width": 688, "height": 970})  # what A4 leaves between its margins
    page.goto("/?view=where")
    expect(page.locator("#where td").first).to_be_visible()
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("document.documentElement.scrollWidth") <= 688
